"""Writes ../tables.go, ../tables_regex.go and components.json from the reference itself.

Needs tokenizers 0.23.3 (any Python 3.9 or newer):

    python generate_tables.py

The reference mixes the Unicode versions of several libraries, so each of its
components is asked, by its Python interface, about every code point that a
text can hold (all but surrogates: 1,112,064). Go's own tables are those of
the Go version that compiles, and are not used.

tables.go holds what the components need, tables_regex.go what the regexes of a
tokenizer.json ask about code points. components.json holds digests of every
answer, for the test that compares all code points.
"""

import base64
import hashlib
import json
import os
import struct
import sys
import unicodedata
import zlib

import tokenizers
from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers

VERSION = "0.23.3"
HERE = os.path.dirname(os.path.abspath(__file__))
BLOCK = 0x1000  # code points that share a checksum in components.json
POINTS = [c for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]


def bert(clean=False, chinese=False, accents=False, lower=False):
    n = normalizers.BertNormalizer(
        clean_text=clean, handle_chinese_chars=chinese, strip_accents=accents, lowercase=lower
    )
    return n.normalize_str


def answers():
    """Each component's answer to every code point: bytes, by code point."""
    text = {
        "clean": bert(clean=True),
        "cjk": bert(chinese=True),
        "accents": bert(accents=True),
        "lowercase": bert(lower=True),
        "uncased": bert(clean=True, chinese=True, accents=None, lower=True),
        "cased": bert(clean=True, chinese=True, accents=None, lower=False),
        "nfd": normalizers.NFD().normalize_str,
        "nfkd": normalizers.NFKD().normalize_str,
        "nmt": normalizers.Nmt().normalize_str,
    }
    out = {name: {c: f(chr(c)) for c in POINTS} for name, f in text.items()}
    nfc, nfkc = normalizers.NFC().normalize_str, normalizers.NFKC().normalize_str
    out["nfc"] = {c: nfc(out["nfd"][c]) for c in POINTS}
    out["nfkc"] = {c: nfkc(out["nfkd"][c]) for c in POINTS}
    for c in POINTS:
        assert nfc(chr(c)) == out["nfc"][c] and nfkc(chr(c)) == out["nfkc"][c], hex(c)
    strip, lower = normalizers.StripAccents().normalize_str, normalizers.Lowercase().normalize_str
    out["mark"] = {c: strip(chr(c)) == "" for c in POINTS}
    for c in POINTS:
        assert strip(chr(c)) == ("" if out["mark"][c] else chr(c)), hex(c)
        assert lower(chr(c)) == out["lowercase"][c], hex(c)

    # The pre-tokenizer cuts aXa in one piece (X is neither), two (white
    # space, removed) or three (punctuation, isolated).
    split = pre_tokenizers.BertPreTokenizer().pre_tokenize_str
    pieces = {c: len(split("a" + chr(c) + "a")) for c in POINTS}
    out["whitespace"] = {c: n == 2 for c, n in pieces.items()}
    out["punctuation"] = {c: n == 3 for c, n in pieces.items()}

    # Other components that know white space, punctuation and words know the same.
    split = pre_tokenizers.WhitespaceSplit().pre_tokenize_str
    isolated = pre_tokenizers.Punctuation().pre_tokenize_str
    strip = normalizers.Strip().normalize_str
    for c in POINTS:
        assert (len(split("a" + chr(c) + "a")) == 2) == out["whitespace"][c], hex(c)
        assert (strip(chr(c)) == "") == out["whitespace"][c], hex(c)
        assert (len(isolated("a" + chr(c) + "a")) == 3) == out["punctuation"][c], hex(c)
    split = pre_tokenizers.Digits().pre_tokenize_str
    out["numeric"] = {c: len(split("a" + chr(c) + "a")) == 3 for c in POINTS}

    # An added token that must be a single word is found beside X unless X is
    # a word character.
    t = Tokenizer(models.WordLevel({"-": 0, "?": 1}, unk_token="?"))
    t.add_tokens([AddedToken("-", single_word=True, normalized=False)])

    def found(s):
        return 0 in t.encode(s, add_special_tokens=False).ids

    out["word"] = {}
    for c in POINTS:
        if chr(c) == "-":
            out["word"][c] = False
            continue
        before, after = not found(chr(c) + "-"), not found("-" + chr(c))
        assert before == after, hex(c)
        out["word"][c] = before
    split = pre_tokenizers.Whitespace().pre_tokenize_str
    for c in POINTS:
        if not out["whitespace"][c]:
            assert (len(split("a" + chr(c) + "a")) == 1) == out["word"][c], hex(c)

    out["combining"] = combining_classes()
    out["script"] = unicode_scripts()
    out.update(clusters())
    return out


def clusters():
    """What is in one grapheme cluster with a letter before it, and with one behind it."""
    # A trie in which each byte but zero leads to X: a cluster of fewer than 6
    # bytes becomes one.
    units = [256 << 10] + [0] * 1023
    for b in range(1, 256):
        units[256 ^ b] = b | 1 << 8 | 768 << 10
        units[512 + b] = 1 << 31
    trie = struct.pack("<%dI" % len(units), *units)
    data = struct.pack("<I", len(trie)) + trie + b"X\0"
    n = {"type": "Precompiled", "precompiled_charsmap": base64.b64encode(data).decode()}
    model = {"type": "WordLevel", "vocab": {"?": 0}, "unk_token": "?"}
    t = Tokenizer.from_str(json.dumps({"version": "1.0", "added_tokens": [], "normalizer": n, "model": model}))
    one = t.normalizer.normalize_str
    return {
        "joins_before": {c: c >= 0x80 and one("a" + chr(c)) == "X" for c in POINTS},
        "joins_behind": {c: c >= 0x80 and one(chr(c) + "a") == "X" for c in POINTS},
    }


def unicode_scripts():
    """By code point, which of the scripts of UnicodeScripts it has: 0 stands with all."""
    split = pre_tokenizers.UnicodeScripts().pre_tokenize_str

    def beside(known, points):
        """The points that are in one piece with a code point before and behind them."""
        text = chr(known) + "".join(chr(c) + chr(known) for c in points)
        begins = {lo for _, (lo, _) in split(text)}
        return {c for i, c in enumerate(points) if 2 * i + 1 not in begins and 2 * i + 2 not in begins}

    latin, greek = beside(ord("a"), POINTS), beside(ord("\u03b1"), POINTS)
    out = {c: 0 for c in latin & greek}
    n, rest = 0, [c for c in POINTS if c not in out]
    while rest:
        n += 1
        same = beside(rest[0], rest)
        out.update({c: n for c in same})
        rest = [c for c in rest if c not in same]
    assert n < 256
    return out


def combining_classes():
    """Canonical combining class by code point, found from how NFD orders pairs."""
    nfd = normalizers.NFD().normalize_str

    def swaps(a, b):  # class(a) > class(b) > 0
        s = a + b
        d = nfd(s)
        return d != s and d == b + a

    low, high = "\u0334", "\u0345"  # classes 1 and 240, the ends of the scale
    # One mark for each class, all of them in Unicode for long.
    marks = {}
    for c in POINTS:
        k = unicodedata.combining(chr(c))
        if k and nfd(chr(c)) == chr(c) and (swaps(high, chr(c)) or swaps(chr(c), low)):
            marks.setdefault(k, chr(c))
    classes = sorted(marks)
    for a, b in zip(classes, classes[1:]):
        assert swaps(marks[b], marks[a]) and not swaps(marks[a], marks[b]), (a, b)

    out = {}
    for c in POINTS:
        ch = chr(c)
        if nfd(ch) != ch or not (swaps(high, ch) or swaps(ch, low) or ch == high):
            out[c] = 0
            continue
        same = [k for k in classes if not swaps(marks[k], ch) and not swaps(ch, marks[k])]
        assert len(same) == 1, (hex(c), same)
        out[c] = same[0]
    return out


def digest(by_point):
    def encode(v):
        if isinstance(v, str):
            return v.encode() + b"\xff"
        return bytes([int(v)])

    blocks, whole = [], hashlib.sha256()
    for lo in range(0, 0x110000, BLOCK):
        b = b"".join(encode(by_point[c]) for c in range(lo, lo + BLOCK) if c in by_point)
        whole.update(b)
        blocks.append("%08x" % zlib.crc32(b))
    return {"sha256": whole.hexdigest(), "blocks": "".join(blocks)}


ALL = "".join(map(chr, POINTS))
CATEGORIES = "Cc Cf Cn Co Ll Lm Lo Lt Lu Mc Me Mn Nd Nl No Pc Pd Pe Pf Pi Po Ps Sc Sk Sm So Zl Zp Zs".split()
SCRIPTS = """
Adlam Ahom Anatolian_Hieroglyphs Arabic Armenian Avestan Balinese Bamum Bassa_Vah Batak Bengali Bhaiksuki Bopomofo
Brahmi Braille Buginese Buhid Canadian_Aboriginal Carian Caucasian_Albanian Chakma Cham Cherokee Chorasmian Common
Coptic Cuneiform Cypriot Cypro_Minoan Cyrillic Deseret Devanagari Dives_Akuru Dogra Duployan Egyptian_Hieroglyphs
Elbasan Elymaic Ethiopic Garay Georgian Glagolitic Gothic Grantha Greek Gujarati Gunjala_Gondi Gurmukhi Gurung_Khema
Han Hangul Hanifi_Rohingya Hanunoo Hatran Hebrew Hiragana Imperial_Aramaic Inherited Inscriptional_Pahlavi
Inscriptional_Parthian Javanese Kaithi Kannada Katakana Kawi Kayah_Li Kharoshthi Khitan_Small_Script Khmer Khojki
Khudawadi Kirat_Rai Lao Latin Lepcha Limbu Linear_A Linear_B Lisu Lycian Lydian Mahajani Makasar Malayalam Mandaic
Manichaean Marchen Masaram_Gondi Medefaidrin Meetei_Mayek Mende_Kikakui Meroitic_Cursive Meroitic_Hieroglyphs Miao
Modi Mongolian Mro Multani Myanmar Nabataean Nag_Mundari Nandinagari New_Tai_Lue Newa Nko Nushu Nyiakeng_Puachue_Hmong
Ogham Ol_Chiki Ol_Onal Old_Hungarian Old_Italic Old_North_Arabian Old_Permic Old_Persian Old_Sogdian Old_South_Arabian
Old_Turkic Old_Uyghur Oriya Osage Osmanya Pahawh_Hmong Palmyrene Pau_Cin_Hau Phags_Pa Phoenician Psalter_Pahlavi
Rejang Runic Samaritan Saurashtra Sharada Shavian Siddham SignWriting Sinhala Sogdian Sora_Sompeng Soyombo Sundanese
Sunuwar Syloti_Nagri Syriac Tagalog Tagbanwa Tai_Le Tai_Tham Tai_Viet Takri Tamil Tangsa Tangut Telugu Thaana Thai
Tibetan Tifinagh Tirhuta Todhri Toto Tulu_Tigalari Ugaritic Vai Vithkuqi Wancho Warang_Citi Yezidi Yi Zanabazar_Square
""".split()
# Their short names (ISO 15924), in the same order; those that are the long ones stand as they are.
SHORT = """
Adlm Ahom Hluw Arab Armn Avst Bali Bamu Bass Batk Beng Bhks Bopo Brah Brai Bugi Buhd Cans Cari Aghb Cakm Cham Cher
Chrs Zyyy Copt Xsux Cprt Cpmn Cyrl Dsrt Deva Diak Dogr Dupl Egyp Elba Elym Ethi Gara Geor Glag Goth Gran Grek Gujr
Gong Guru Gukh Hani Hang Rohg Hano Hatr Hebr Hira Armi Zinh Phli Prti Java Kthi Knda Kana Kawi Kali Khar Kits Khmr
Khoj Sind Krai Laoo Latn Lepc Limb Lina Linb Lisu Lyci Lydi Mahj Maka Mlym Mand Mani Marc Gonm Medf Mtei Mend Merc
Mero Plrd Modi Mong Mroo Mult Mymr Nbat Nagm Nand Talu Newa Nkoo Nshu Hmnp Ogam Olck Onao Hung Ital Narb Perm Xpeo
Sogo Sarb Orkh Ougr Orya Osge Osma Hmng Palm Pauc Phag Phnx Phlp Rjng Runr Samr Saur Shrd Shaw Sidd Sgnw Sinh Sogd
Sora Soyo Sund Sunu Sylo Syrc Tglg Tagb Tale Lana Tavt Takr Taml Tnsa Tang Telu Thaa Thai Tibt Tfng Tirh Todr Toto
Tutg Ugar Vaii Vith Wcho Wara Yezi Yiii Zanb
""".split()
CLASSES = {  # what cannot be told from categories
    "alpha": "[[:alpha:]]",
    "lower": "[[:lower:]]",
    "upper": "[[:upper:]]",
    "emoji": r"\p{Emoji}",
    "emojiPresentation": r"\p{Emoji_Presentation}",
    "extendedPictographic": r"\p{Extended_Pictographic}",
    "ideographic": r"\p{Ideographic}",
}


def matching(pattern):
    """The code points that a class of the regexes has."""
    pieces = pre_tokenizers.Split(Regex("(?:%s)+" % pattern), "removed", invert=True).pre_tokenize_str(ALL)
    return {ord(c) for piece, _ in pieces for c in piece}


def regexes():
    """What the regexes of Split and Replace know of each code point."""
    out = {"category": {}, "regex_script": {c: 0 for c in POINTS}}
    for i, name in enumerate(CATEGORIES):
        out["category"].update({c: i for c in matching(r"\p{%s}" % name)})
    for i, name in enumerate(SCRIPTS):
        script = matching(r"\p{%s}" % name)
        assert matching(r"\p{%s}" % SHORT[i]) == script, name
        out["regex_script"].update({c: i + 1 for c in script})
    for other, name in {"Qaac": "Coptic", "Qaai": "Inherited"}.items():
        assert matching(r"\p{%s}" % other) == matching(r"\p{%s}" % name), name
    has = {name: matching(p) for name, p in CLASSES.items()}
    for name in CLASSES:
        out["regex_" + name] = {c: c in has[name] for c in POINTS}

    def of(*names):
        return {c for c in POINTS if any(CATEGORIES[out["category"][c]].startswith(n) for n in names)}

    # What the tables leave out must follow from them.
    assert set(out["category"]) == set(POINTS)
    space = of("Z") | {9, 10, 11, 12, 13, 0x85}
    graph = set(POINTS) - space - of("Cc", "Cn")
    xdigit = set(map(ord, "0123456789abcdefABCDEF"))
    for pattern, points in {
        r"\w": has["alpha"] | of("M", "Nd", "Pc") | set(map(ord, "²³¹¼½¾")),
        r"[\w]": has["alpha"] | of("M", "Nd", "Pc"),
        r"\p{Word}": has["alpha"] | of("M", "Nd", "Pc") | set(map(ord, "²³¹¼½¾")),
        r"[\p{Word}]": has["alpha"] | of("M", "Nd", "Pc"),
        r"\s": space,
        r"\d": of("Nd"),
        r"\h": xdigit,
        r"\p{L}": of("L"),
        r"\p{LC}": of("Lu", "Ll", "Lt"),
        r"\p{C}": of("C"),
        r"\p{Any}": set(POINTS),
        r"\p{Assigned}": set(POINTS) - of("Cn"),
        r"\p{Alphabetic}": has["alpha"],
        r"\p{Lowercase}": has["lower"],
        r"\p{Uppercase}": has["upper"],
        r"\p{White_Space}": space,
        r"\p{Unknown}": {c for c in POINTS if out["regex_script"][c] == 0},
        r"\p{Zzzz}": {c for c in POINTS if out["regex_script"][c] == 0},
        "[[:alnum:]]": has["alpha"] | of("Nd"),
        "[[:ascii:]]": set(range(128)),
        "[[:blank:]]": of("Zs") | {9},
        "[[:cntrl:]]": of("Cc"),
        "[[:digit:]]": of("Nd"),
        "[[:graph:]]": graph,
        "[[:print:]]": graph | of("Zs"),
        "[[:punct:]]": of("P", "S"),
        "[[:space:]]": space,
        "[[:xdigit:]]": xdigit,
        "[[:word:]]": has["alpha"] | of("M", "Nd", "Pc"),
        r"\p{Punct}": of("P"),
        r"\p{Punctuation}": of("P"),
        r"\p{Digit}": of("Nd"),
        ".": set(POINTS) - {10},
    }.items():
        assert matching(pattern) == points, pattern
    return out


def foldings():
    """What (?i) lets stand for what: the orbits, and the code points and the
    strings of several that stand for each other."""
    cased = sorted(matching(r"[\p{Changes_When_Casemapped}\p{Changes_When_Casefolded}\p{Cased}]"))
    text = "".join(chr(c) + "\n" for c in cased)
    orbits, several, strings = {}, set(), set()
    for c in cased:
        folded = chr(c).casefold()
        if len(folded) > 1:
            several.add(chr(c))
            strings.add(folded)
            continue
        split = pre_tokenizers.Split(Regex(r"(?i:\x{%x})" % c), "removed", invert=True)
        found = "".join(sorted(piece for piece, _ in split.pre_tokenize_str(text)))
        assert chr(c) in found
        if len(found) > 1:
            orbits[c] = found
    for c, found in orbits.items():
        assert all(orbits[ord(x)] == found for x in found if x not in several), found
    for c in several:  # nothing else does
        split = pre_tokenizers.Split(Regex(r"(?i:\x{%x})" % ord(c)), "removed", invert=True)
        assert split.pre_tokenize_str(c.casefold())[0][0] == c.casefold(), c
    return sorted(set(orbits.values())), "".join(sorted(several)), sorted(strings)


def go_runs(name, comment, values, names):
    """Values by code point, as where each run of one begins."""
    items, last = [], None
    for c in POINTS:
        if values[c] != last:
            last = values[c]
            items.append("{0x%x, %s}" % (c, names(last)))
    s = f"// {comment}\nvar {name} = []stretch{{\n"
    return s + rows(items, "\t") + "}\n"


def quoted(s):
    return '"' + "".join(c if " " <= c <= "~" else "\\u%04x" % ord(c) if ord(c) < 0x10000 else "\\U%08x" % ord(c) for c in s) + '"'


def go_strings(name, comment, strings):
    return f"// {comment}\nvar {name} = []string{{\n" + rows([quoted(s) for s in strings], "\t") + "}\n"


def ranges(points):
    """[lo, hi, stride] that cover exactly the sorted points."""
    out = []
    for c in points:
        if out:
            lo, hi, stride = out[-1]
            if lo == hi and c - lo <= 2 and (c < 0x10000) == (lo < 0x10000):
                out[-1] = [lo, c, c - lo]
                continue
            if lo != hi and c - hi == stride and (c < 0x10000) == (lo < 0x10000):
                out[-1][1] = c
                continue
            if lo != hi and stride == 2 and hi - lo == 2 and c - hi == 1:
                out[-1] = [lo, lo, 1]
                out.append([hi, c, 1])
                continue
        out.append([c, c, 1])
    assert [c for lo, hi, s in out for c in range(lo, hi + 1, s)] == list(points)
    return out


def rows(items, indent):
    """The items, comma-separated, in lines of at most 100 columns."""
    lines, line = [], ""
    for it in items:
        if line and len(line) + len(it) > 96 - 4 * len(indent):
            lines.append(indent + line.rstrip())
            line = ""
        line += it + ", "
    if line:
        lines.append(indent + line.rstrip())
    return "\n".join(lines) + "\n"


def go_set(name, comment, points):
    rs = ranges(sorted(points))
    small = [r for r in rs if r[1] < 0x10000]
    large = [r for r in rs if r[1] >= 0x10000]
    latin = sum(1 for r in small if r[1] <= 0xFF)
    s = f"// {comment}\nvar {name} = &unicode.RangeTable{{\n"
    for field, kind, part in (("R16", "Range16", small), ("R32", "Range32", large)):
        if part:
            s += f"\t{field}: []unicode.{kind}{{\n"
            s += rows(["{0x%x, 0x%x, %d}" % tuple(r) for r in part], "\t\t") + "\t},\n"
    if latin:
        s += f"\tLatinOffset: {latin},\n"
    return s + "}\n"


def go_shifts(name, comment, mapping):
    """Lower-casing as runs of code points that share stride and distance."""
    runs = []
    for c in sorted(mapping):
        d = mapping[c] - c
        if runs:
            lo, hi, stride, delta = runs[-1]
            if delta == d and lo == hi and c - lo <= 2:
                runs[-1] = [lo, c, c - lo, d]
                continue
            if delta == d and lo != hi and c - hi == stride:
                runs[-1][1] = c
                continue
        runs.append([c, c, 1, d])
    s = f"// {comment}\nvar {name} = []shift{{\n"
    return s + rows(["{0x%x, 0x%x, %d, %d}" % tuple(r) for r in runs], "\t") + "}\n"


def main():
    assert tokenizers.__version__ == VERSION, "needs tokenizers " + VERSION
    a = answers()
    where = lambda f: [c for c in POINTS if f(c)]

    # What the tables leave out must follow from them.
    mn = {c for c in POINTS if a["nfd"][c] == chr(c) and a["accents"][c] == ""}
    for c in POINTS:
        assert a["accents"][c] == "".join(x for x in a["nfd"][c] if ord(x) not in mn), hex(c)
        space = a["whitespace"][c]
        assert a["clean"][c] in ("", " " if space else chr(c)), hex(c)
        assert a["cjk"][c] in (chr(c), " " + chr(c) + " "), hex(c)
    lower = {c: a["lowercase"][c] for c in POINTS if a["lowercase"][c] != chr(c)}
    assert [c for c, s in lower.items() if len(s) != 1] == [0x130] and lower[0x130] == "i\u0307"
    del lower[0x130]

    go = f"""// Code generated by testdata/generate_tables.py from tokenizers {VERSION}. DO NOT EDIT.

package text

import "unicode"

"""
    go += "\n".join(
        [
            go_set("whitespace", "whitespace: what separates words.", where(lambda c: a["whitespace"][c])),
            go_set(
                "control",
                "control: what cleaning drops. Unassigned code points are not among them.",
                where(lambda c: a["clean"][c] == ""),
            ),
            go_set(
                "ideograph",
                "ideograph: what gets a space on either side. U+2B820 to U+2B91F are missing, as in the reference.",
                where(lambda c: a["cjk"][c] != chr(c)),
            ),
            go_set(
                "composed",
                "composed: what has a canonical decomposition.",
                where(lambda c: a["nfd"][c] != chr(c)),
            ),
            go_set(
                "compatible",
                "compatible: what has a decomposition, a canonical one or one for compatibility.",
                where(lambda c: a["nfkd"][c] != chr(c)),
            ),
            go_set("mark", "mark: the marks that StripAccents drops.", where(lambda c: a["mark"][c])),
            go_set("numeric", "numeric: what Digits takes for a digit.", where(lambda c: a["numeric"][c])),
            go_set(
                "combining",
                "combining: what has a combining class other than 0, so that NFD may reorder it.",
                where(lambda c: a["combining"][c] != 0),
            ),
            go_set("accent", "accent: the nonspacing marks, which stripping accents drops after NFD.", mn),
            go_set(
                "punctuation",
                "punctuation: what is a word by itself.",
                where(lambda c: a["punctuation"][c]),
            ),
            go_set(
                "wordChar",
                "wordChar: what may not stand beside an added token that is a single word.",
                where(lambda c: a["word"][c]),
            ),
            go_shifts(
                "lowercase",
                "lowercase: distances to the lower-case letter. U+0130, which becomes two, is missing.",
                {c: ord(s) for c, s in lower.items()},
            ),
            go_runs(
                "scripts",
                "scripts: where each run of one script of UnicodeScripts begins; 0 goes with every script.",
                a["script"],
                str,
            ),
            go_set(
                "joinsBefore",
                "joinsBefore: what is in one grapheme cluster with a letter before it.",
                where(lambda c: a["joins_before"][c]),
            ),
            go_set(
                "joinsBehind",
                "joinsBehind: what is in one grapheme cluster with a letter behind it.",
                where(lambda c: a["joins_behind"][c]),
            ),
        ]
    )
    with open(os.path.join(HERE, "..", "tables.go"), "w", encoding="utf-8") as f:
        f.write(go)

    r = regexes()
    orbits, several, strings = foldings()
    go = f"""// Code generated by testdata/generate_tables.py from tokenizers {VERSION}. DO NOT EDIT.

package text

import "unicode"

"""
    go += "\n".join(
        [
            go_runs(
                "regexCategories",
                "regexCategories: where each run of one general category begins.",
                r["category"],
                lambda i: CATEGORIES[i].lower(),
            ),
            go_runs(
                "regexScripts",
                "regexScripts: where each run of one script of regexScriptNames begins, from 1 on; 0 is none.",
                r["regex_script"],
                str,
            ),
            go_strings("regexScriptNames", "regexScriptNames: the scripts of regexScripts, from 1 on.", [""] + SCRIPTS),
            go_strings("regexScriptShort", "regexScriptShort: their short names.", [""] + SHORT),
        ]
        + [
            go_set(
                "regex" + name[0].upper() + name[1:],
                "regex" + name[0].upper() + name[1:] + ": what " + pattern + " has.",
                [c for c in POINTS if r["regex_" + name][c]],
            )
            for name, pattern in CLASSES.items()
        ]
        + [
            go_strings("regexOrbits", "regexOrbits: the code points that stand for each other where case is ignored.", orbits),
            "// regexSeveral: the code points that stand for several where case is ignored.\nconst regexSeveral = "
            + quoted(several)
            + "\n",
            go_strings("regexStrings", "regexStrings: what those of regexSeveral stand for, in lower case.", strings),
        ]
    )
    with open(os.path.join(HERE, "..", "tables_regex.go"), "w", encoding="utf-8") as f:
        f.write(go)
    a.update(r)

    with open(os.path.join(HERE, "components.json"), "w", encoding="utf-8") as f:
        json.dump(
            {
                "reference": "tokenizers " + VERSION,
                "code_points": len(POINTS),
                "block": BLOCK,
                "components": {k: digest(v) for k, v in sorted(a.items())},
            },
            f,
            indent=1,
        )
        f.write("\n")


if __name__ == "__main__":
    sys.exit(main())

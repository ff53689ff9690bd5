"""Writes ../tables.go and components.json from the reference itself.

Needs tokenizers 0.23.3 (any Python 3.9 or newer):

    python generate_tables.py

The reference mixes the Unicode versions of several libraries, so each of its
components is asked, by its Python interface, about every code point that a
text can hold (all but surrogates: 1,112,064). Go's own tables are those of
the Go version that compiles, and are not used.

tables.go holds what the tokenizer needs. components.json holds digests of
every component's answers, for the test that compares all code points.
"""

import hashlib
import json
import os
import sys
import unicodedata
import zlib

import tokenizers
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers

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
    }
    out = {name: {c: f(chr(c)) for c in POINTS} for name, f in text.items()}

    # The pre-tokenizer cuts aXa in one piece (X is neither), two (white
    # space, removed) or three (punctuation, isolated).
    split = pre_tokenizers.BertPreTokenizer().pre_tokenize_str
    pieces = {c: len(split("a" + chr(c) + "a")) for c in POINTS}
    out["whitespace"] = {c: n == 2 for c, n in pieces.items()}
    out["punctuation"] = {c: n == 3 for c, n in pieces.items()}

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

    out["combining"] = combining_classes()
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
        ]
    )
    with open(os.path.join(HERE, "..", "tables.go"), "w", encoding="utf-8") as f:
        f.write(go)

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

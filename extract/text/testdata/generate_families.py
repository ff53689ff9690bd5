"""Writes texts.json.gz, families.json.gz, pipelines.json.gz and their .digests.gz:
tokenizers of the families in the wild and ones drawn at random, and what the
reference makes of thousands of texts with them.

Needs tokenizers 0.23.3, sentencepiece 0.2.3, babel 2.18.0 and Python 3.11:

    python generate_families.py                  # writes all files
    python generate_families.py show NAME INDEX  # what the reference makes of a text
    python generate_families.py show PIPELINE INDEX

texts.json.gz is a list of texts. families.json.gz is {"models", "families"}; a
family is {"name", "tokenizer", "model", "patch"}, a tokenizer.json with the
components and regexes that the published ones have; its model is models[model]
with the fields of patch in place of its own. The vocabularies are trained here
on the names of the Unicode CLDR in all its languages and the sentences of
generate.py. Instead of "merges" a model has "packed": the id of what each makes
and how many characters of that are its left side. pipelines.json.gz is
{"models", "pipelines"} in the same way; a pipeline has "texts" and "pairs", too:
the indexes of texts and of the second texts of pairs, -1 for none. The text
"@charsmap" stands for the field charsmap of families.json.gz in both.

A .digests.gz has three numbers of 16 bits, little-endian, for each text of each
family, or of each pipeline, each of them CRC-32 modulo 65521, plus 1:

- of the normalised text and its words: see stages below; 0: there are none;
- of the ids; 0: there are none;
- of the ids and all else: see answer below. Without ids it is 1 if the
  reference refuses the text, and 2 if it panics.
"""

import base64
import gzip
import io
import json
import os
import random
import struct
import sys
import unicodedata
import zlib

import babel
import sentencepiece
import tokenizers
from babel import Locale
from babel.localedata import locale_identifiers
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from generate import LETTERS, SENTENCES, broken, nasty, random_texts, real

HERE = os.path.dirname(os.path.abspath(__file__))
ENTRIES = 8192

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
CLIP = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
LLAMA3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
QWEN = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
O200K = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
TEKKEN = O200K.replace("(?i:'s|'t|'re|'ve|'m|'ll|'d)?", "").replace(r"\p{N}{1,3}", r"\p{N}")
DEEPSEEK = [
    r"\p{N}{1,3}",
    "[一-龥぀-ゟ゠-ヿ]+",
    r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+""",
]
BLOOM = r" ?[^(\s|[.,!?…。，、।۔،])]+"
GPT4 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+"
KIMI = (
    r"[\p{Han}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
MARKS = QWEN.replace(r"?\p{L}+", r"?[\p{L}\p{M}]+").replace(r"[^\s\p{L}\p{N}]+", r"[^\s\p{L}\p{M}\p{N}]+")
CODER = [r"[\r\n]", r"\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕ]+", r"\s?[!-/:-~！-／：-～‘-‟　-。]+", r"\s+$", "[一-龥ࠀ-一가-퟿]+"]


# --- texts


def texts():
    rng = random.Random(20251103)
    out = list(SENTENCES) + list(LETTERS)
    out += rng.sample(sorted(set(real(rng))), 1500)
    out += [s for s in nasty() if len(s) < 3000] + ["a" * 5000, "中" * 3000, "e\u0301" * 2500, "antidisestablishmentarianism" * 150, " " * 3000]
    out += list(random_texts(rng))
    out += [b.decode("utf-8", "replace") for b in broken(rng)]
    # Code points of every Unicode age: some of each 64.
    for lo in range(0, 0x30000, 64):
        points = [c for c in range(lo, lo + 64) if not 0xD800 <= c < 0xE000]
        if not points or 0x4E00 <= lo < 0xA000 and lo % 1024 or 0xAC00 <= lo < 0xD7A4 and lo % 1024 or lo >= 0x20000 and lo % 4096:
            continue
        if not any(unicodedata.name(chr(c), "") for c in points) and rng.random() < 0.9:
            continue
        line = [chr(c) for c in rng.sample(points, min(14, len(points)))]
        for _ in range(4):
            line.insert(rng.randrange(len(line)), rng.choice(" aA1.\n"))
        out.append("".join(line))
    blank = [" ", "  ", "   ", "\t", "\n", "\n\n", "\r\n", "\r", "\u00a0", "\u3000", "\u2003", "\u2028", "\u0085", "\u200b", "\ufeff", "\u1680", "\v", "\f", "\x1c", " \n ", "\t\t"]
    words = "the The THE cats Déjà naïve straße İstanbul ΟΔΟΣ Привет мир שלום سلام नमस्ते দেশ ไทย 中文 日本語 カタカナ 한국어 ﬁne ½ ² ٣٤ 123 12345 1,000.50 0x1F v1.2.3 don't I'M we'll THEY'LL it'ſ a's 's 'd '' `` -- ... !? :-) C++ foo_bar camelCase HTTPServer x=y+z; <b> </s> <s> <pad> <unk> <mask> [CLS] [MASK] <|endoftext|> <|im_start|> <bos> <eos> 😀 👍🏽 👩‍👩‍👧 🇩🇪 1️⃣ ▁ ▁a Ġ Ċ é e\u0301 ǅ \u0301 \u200d \u093c क़ ﷺ Ａ ㍿ ﾊﾟ".split(" ")
    for _ in range(900):
        n = rng.choice((1, 2, 3, 5, 8, 13))
        out.append("".join(rng.choice(words) + (rng.choice(blank) if rng.random() < 0.85 else "") for _ in range(n)))
    for _ in range(200):  # white space alone, and at both ends
        out.append("".join(rng.choices(blank, k=rng.randrange(1, 6))) + rng.choice(["", "x", "é", "中", "1", "!"]) + "".join(rng.choices(blank, k=rng.randrange(0, 4))))
    for _ in range(250):  # numbers, signs, code
        out.append("".join(rng.choice(["0", "1", "23", "456", "7890123", "٣", "½", "Ⅷ", "²", ".", ",", "-", "+", "%", "$", "€", " ", "(", ")", "/", "//", "\n", "a", "E", "'s", "'S", "'", "\""]) for _ in range(rng.randrange(1, 24))))
    right = ["שלום", "עולם", "سلام", "العالم", "۱۲۳", "\u200f", "\u202b", "\u202c", "\u2067", "\u2069"]
    for _ in range(120):
        out.append(" ".join(rng.choice(right + ["left", "to", "12", "(x)", "é"]) for _ in range(rng.randrange(2, 9))))
    emoji = ["👩", "\u200d", "❤", "\ufe0f", "🏽", "👨", "🇩", "🇪", "🇫", "🏴", "\U000e0067", "\U000e007f", "#", "1", "\u20e3", "😀", "™", "©", "☎", "\ufe0e", "🫠", "🛜", "🪿", " "]
    for _ in range(150):
        out.append("".join(rng.choice(emoji) for _ in range(rng.randrange(1, 12))))
    marks = [chr(c) for c in range(0x300, 0x370)] + ["\u0327", "\u093c", "\u094d", "\u05b0", "\u05b4", "\u3099", "\u309a", "\u0e38", "\u0e48", "\u1161", "\u11a8", "\u0345", "\u0338"]
    bases = list("aeiouAEIOUsSgnocI=<>") + ["か", "ハ", "क", "न", "ש", "ᄀ", "ก", "ÿ", "Å", "ồ", "ﬁ", "Ω", "K", "ㇰ", "가"]
    for _ in range(300):
        out.append("".join(rng.choice(bases) + "".join(rng.choices(marks, k=rng.choice((0, 0, 1, 1, 2, 3)))) for _ in range(rng.randrange(1, 9))))
    specials = sorted({t for f in SPECIALS for t in f})
    for _ in range(250):
        out.append("".join(rng.choice(specials + ["a", " ", "  ", "word", "É", "\n", "1", "中", "<", "|", "[", "]", ">"]) for _ in range(rng.randrange(1, 8))))
    plain = ["The history of all hitherto existing", "society", "is", "internationalization", "and", "counterintuitive", "re-examination", "2024-11-29", "of", "the", "electroencephalograph", "o'clock", "U.S.A.", "e.g.,"]
    for _ in range(200):
        out.append(" ".join(rng.choices(plain, k=rng.randrange(3, 60))))
    seen, unique = set(), []
    for s in out:
        if s not in seen:
            seen.add(s)
            unique.append(s)
    assert len(unique) >= 5000, len(unique)
    return unique


SPECIALS = [
    ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"],
    ["<s>", "<pad>", "</s>", "<unk>", "<mask>"],
    ["<|endoftext|>", "<|startoftext|>", "<|im_start|>", "<|im_end|>", "<|begin_of_text|>", "<|end_of_text|>", "<think>", "</think>"],
    ["<bos>", "<eos>", "<start_of_turn>", "<extra_id_0>", "<extra_id_1>", "<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>"],
]


# --- vocabularies


def corpus():
    """Names of the CLDR in all languages, some of them often, and sentences."""
    rng = random.Random(20251104)
    lines = list(SENTENCES) * 6 + list(LETTERS) * 6
    for path in (("LICENSE",), ("models", "builtin", "LICENSE"), ("docs", "architecture.md")):
        with open(os.path.join(HERE, "..", "..", "..", *path), encoding="utf-8") as f:
            lines += f.read().split("\n")
    for language in sorted({x.split("_")[0] for x in locale_identifiers()}):
        if language == "root":
            continue
        locale = Locale.parse(language)
        names = [str(s) for d in (locale.territories, locale.languages, locale.currencies) for s in d.values()]
        names += [str(s) for s in locale.months["format"]["wide"].values()] + [str(s) for s in locale.days["format"]["wide"].values()]
        for _ in range(60 if language in ("en", "de", "fr", "ru", "zh", "ja", "ko", "ar", "hi", "es") else 12):
            lines.append(", ".join(rng.sample(names, min(9, len(names)))))
    return lines


def charsmap(lines):
    """The replacements of SentencePiece's nmt_nfkc, as a model has them."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines[:2000]), model_writer=model, vocab_size=20000, hard_vocab_limit=False, model_type="char",
        normalization_rule_name="nmt_nfkc", minloglevel=2, num_threads=1, character_coverage=0.98,
    )
    # The field normalizer_spec (3) of ModelProto, and in it precompiled_charsmap (2).
    def fields(data):
        i = 0
        def varint():
            nonlocal i
            n = s = 0
            while True:
                b = data[i]
                i += 1
                n |= (b & 127) << s
                s += 7
                if b < 128:
                    return n
        while i < len(data):
            key = varint()
            if key & 7 == 2:
                n = varint()
                yield key >> 3, data[i : i + n]
                i += n
            elif key & 7 == 0:
                yield key >> 3, varint()
            elif key & 7 == 5:
                i += 4
            else:
                i += 8
    spec = next(v for k, v in fields(model.getvalue()) if k == 3)
    return base64.b64encode(next(v for k, v in fields(spec) if k == 2)).decode()


def train(trainer, lines, model, normalizer=None, pre=None, size=None):
    t = Tokenizer(model)
    if normalizer:
        t.normalizer = load_component(normalizers.Normalizer, "normalizer", normalizer)
    if pre:
        t.pre_tokenizer = load_component(pre_tokenizers.PreTokenizer, "pre_tokenizer", pre)
    t.train_from_iterator(lines, trainer)
    return json.loads(t.to_str())["model"]


def load_component(_, kind, component):
    t = Tokenizer.from_str(json.dumps({"version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None, "pre_tokenizer": None,
                                       "post_processor": None, "decoder": None, "model": {"type": "WordLevel", "vocab": {"?": 0}, "unk_token": "?"}} | {kind: component}))
    return getattr(t, kind)


def rounded(model):
    """The model with scores of fewer digits."""
    if model["type"] == "Unigram":
        model["vocab"] = [[t, round(score, 4)] for t, score in model["vocab"]]
    return model


def byte_tokens():
    return ["<0x%02X>" % b for b in range(256)]


# --- families


def bert(clean=True, chinese=True, accents=None, lower=True):
    return {"type": "BertNormalizer", "clean_text": clean, "handle_chinese_chars": chinese, "strip_accents": accents, "lowercase": lower}


def sequence(kind, *parts):
    return {"type": "Sequence", kind: list(parts)}


def split(pattern, behavior="Isolated", invert=False, kind="Regex"):
    return {"type": "Split", "pattern": {kind: pattern}, "behavior": behavior, "invert": invert}


def byte_level(prefix=False, trim=True, regex=True):
    return {"type": "ByteLevel", "add_prefix_space": prefix, "trim_offsets": trim, "use_regex": regex}


def replace(pattern, content, kind="Regex"):
    return {"type": "Replace", "pattern": {kind: pattern}, "content": content}


def metaspace(scheme="always", cuts=True):
    return {"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": cuts}


def piece(name, typ=0):
    kind = "Sequence" if name in ("A", "B") else "SpecialToken"
    return {kind: {"id": name, "type_id": typ}}


def template(vocab, single, pair):
    specials = {n: {"id": n, "ids": [vocab[n]], "tokens": [n]} for n in {x for x, _ in single + pair} - {"A", "B"}}
    return {"type": "TemplateProcessing", "single": [piece(*p) for p in single], "pair": [piece(*p) for p in pair], "special_tokens": specials}


def packed(model):
    """The model with its merges in fewer bytes."""
    if "merges" not in model:
        return model
    prefix, vocab, out = model.get("continuing_subword_prefix") or "", model["vocab"], []
    for left, right in model["merges"]:
        whole = left + (right.removeprefix(prefix) if prefix else right)
        out += [vocab[whole], len(left)]
    short = dict(model, packed=out)
    del short["merges"]
    assert unpacked(short)["merges"] == [list(m) for m in model["merges"]]
    return short


def read_merges(model):
    names = {i: t for t, i in model["vocab"].items()}
    prefix = model.get("continuing_subword_prefix") or ""
    it = iter(model["packed"])
    return [[names[i][:n], prefix + names[i][n:]] for i, n in zip(it, it)]


def unpacked(model):
    if "packed" not in model:
        return model
    model = dict(model, merges=read_merges(model))
    del model["packed"]
    return model


def vocab_of(model, added=()):
    v = model["vocab"]
    out = {x[0]: i for i, x in enumerate(v)} if isinstance(v, list) else dict(v)
    for t in added:
        out[t["content"]] = t["id"]
    return out


def added(model, *tokens):
    """Added tokens with the ids that the reference gives them."""
    vocab = vocab_of(model)
    out, n = [], len(vocab)
    for content, flags in tokens:
        t = {"id": vocab.get(content, n), "content": content, "special": "s" in flags}
        n += t["id"] == n
        for flag, name in (("w", "single_word"), ("l", "lstrip"), ("r", "rstrip"), ("n", "normalized")):
            t[name] = flag in flags
        out.append(t)
    return sorted(out, key=lambda t: t["id"])


def tokenizer(model, normalizer=None, pre=None, post=None, tokens=(), decoder=None, truncation=None, padding=None):
    return {"version": "1.0", "truncation": truncation, "padding": padding, "added_tokens": list(tokens), "normalizer": normalizer,
            "pre_tokenizer": pre, "post_processor": post, "decoder": decoder, "model": model}


def truncate(n, direction="Right", strategy="LongestFirst", stride=0):
    return {"direction": direction, "max_length": n, "strategy": strategy, "stride": stride}


def families():
    lines = corpus()
    chars = charsmap(lines)
    precompiled = {"type": "Precompiled", "precompiled_charsmap": chars}
    out, all_models = [], []

    def family(name, t, **patch):
        m = t.pop("model")
        if m not in all_models:
            all_models.append(m)
        out.append({"name": name, "tokenizer": t, "model": all_models.index(m), "patch": patch})
        print(name, len(vocab_of(m)), "entries", flush=True)

    special5 = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]

    def wordpiece(normalizer, tokens=special5):
        trainer = trainers.WordPieceTrainer(vocab_size=ENTRIES, special_tokens=tokens, show_progress=False)
        return train(trainer, lines, models.WordPiece(unk_token="[UNK]"), normalizer, {"type": "BertPreTokenizer"})

    def bpe(normalizer, pre, tokens, **kw):
        alphabet = pre_tokenizers.ByteLevel.alphabet() if "ByteLevel" in json.dumps(pre) else []
        options = {k: kw.pop(k) for k in ("end_of_word_suffix", "continuing_subword_prefix") if k in kw}
        trainer = trainers.BpeTrainer(vocab_size=ENTRIES, special_tokens=tokens, show_progress=False, initial_alphabet=alphabet, limit_alphabet=3000, **options)
        m = train(trainer, lines, models.BPE(**kw, **options), normalizer, pre)
        return m

    def unigram(normalizer, pre, tokens, unk="<unk>", **kw):
        trainer = trainers.UnigramTrainer(vocab_size=ENTRIES, special_tokens=tokens, unk_token=unk, show_progress=False)
        m = train(trainer, lines, models.Unigram(), normalizer, pre)
        m.update(kw)
        return rounded(m)

    # WordPiece.
    m = wordpiece(bert())
    t = added(m, *[(x, "s") for x in special5])
    family("bert-uncased", tokenizer(m, bert(), {"type": "BertPreTokenizer"}, template(vocab_of(m), [("[CLS]", 0), ("A", 0), ("[SEP]", 0)], [("[CLS]", 0), ("A", 0), ("[SEP]", 0), ("B", 1), ("[SEP]", 1)]), t, truncation=truncate(512)))
    family("mpnet", tokenizer(m, bert(), {"type": "BertPreTokenizer"}, {"type": "RobertaProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2], "trim_offsets": True, "add_prefix_space": False}, added(m, *[(x, "sn") for x in special5[:4]], ("[MASK]", "sl")), truncation=truncate(128)))
    m = wordpiece(bert(lower=False))
    family("bert-cased", tokenizer(m, bert(lower=False), {"type": "BertPreTokenizer"}, {"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]}, added(m, *[(x, "s") for x in special5]), truncation=truncate(128)))
    family("bert-multilingual", tokenizer(m, bert(lower=False, accents=False, chinese=True), {"type": "BertPreTokenizer"}, {"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]}, added(m, *[(x, "s") for x in special5]), padding={"strategy": {"Fixed": 32}, "direction": "Right", "pad_to_multiple_of": None, "pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]"}))

    # Byte-level BPE.
    m = bpe(None, byte_level(), ["<s>", "<pad>", "</s>", "<unk>", "<mask>"])
    family("roberta", tokenizer(m, None, byte_level(), {"type": "RobertaProcessing", "sep": ["</s>", 2], "cls": ["<s>", 0], "trim_offsets": True, "add_prefix_space": False}, added(m, ("<s>", "sn"), ("<pad>", "sn"), ("</s>", "sn"), ("<unk>", "sn"), ("<mask>", "sln")), byte_level(), truncation=truncate(512)))
    byte_model = m
    family("gpt2", tokenizer(m, None, byte_level(prefix=True), byte_level(prefix=True, trim=False), added(m, ("<|endoftext|>", "sn"))))
    bos = lambda m, t, b: sequence("processors", byte_level(trim=False), template(vocab_of(m, t), [(b, 0), ("A", 0)], [(b, 0), ("A", 0), (b, 1), ("B", 1)]))
    pre = sequence("pretokenizers", split(LLAMA3), byte_level(trim=True, regex=False))
    m = bpe(None, pre, [])
    t = added(m, ("<|begin_of_text|>", "s"), ("<|end_of_text|>", "s"), ("<|eot_id|>", "s"))
    family("llama-3", tokenizer(m, None, pre, bos(m, t, "<|begin_of_text|>"), t), ignore_merges=True)
    pre = sequence("pretokenizers", split(QWEN), byte_level(trim=False, regex=False))
    t = added(m, ("<|endoftext|>", "s"), ("<|im_start|>", "s"), ("<|im_end|>", "s"), ("<think>", ""), ("</think>", ""))
    family("qwen-2", tokenizer(m, {"type": "NFC"}, pre, byte_level(trim=False, regex=False), t))
    family("qwen-3-embedding", tokenizer(m, {"type": "NFC"}, pre, sequence("processors", byte_level(trim=False, regex=False), template(vocab_of(m, t), [("A", 0), ("<|endoftext|>", 0)], [("A", 0), ("<|endoftext|>", 0), ("B", 1), ("<|endoftext|>", 1)])), t, truncation=truncate(64, "Left"), padding={"strategy": "BatchLongest", "direction": "Left", "pad_to_multiple_of": 8, "pad_id": t[0]["id"], "pad_type_id": 0, "pad_token": "<|endoftext|>"}))
    pre = sequence("pretokenizers", split(O200K), byte_level(trim=True, regex=False))
    m = bpe(None, pre, [])
    family("o200k", tokenizer(m, None, pre, byte_level(prefix=True, trim=False), added(m, ("<|endoftext|>", "s"), ("<|endofprompt|>", "s"))))
    family("tekken", tokenizer(m, None, sequence("pretokenizers", split(TEKKEN), byte_level(trim=True, regex=False)), None, added(m, ("<s>", "s"), ("</s>", "s"))))
    family("cl100k", tokenizer(m, None, sequence("pretokenizers", split(GPT4, "Removed", True), byte_level(trim=True, regex=False)), byte_level(trim=False), added(m, ("<|endoftext|>", "s"))))
    family("kimi", tokenizer(m, {"type": "NFC"}, sequence("pretokenizers", split(KIMI), split(MARKS), byte_level(trim=True, regex=False)), byte_level(trim=False), added(m, ("<|endoftext|>", "s"))))
    pre = sequence("pretokenizers", *[split(p) for p in DEEPSEEK], byte_level(regex=False))
    m = bpe(None, pre, ["<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", "<｜▁pad▁｜>"])
    family("deepseek-v3", tokenizer(m, sequence("normalizers"), pre, template(vocab_of(m), [("<｜begin▁of▁sentence｜>", 0), ("A", 0)], [("<｜begin▁of▁sentence｜>", 0), ("A", 0), ("<｜begin▁of▁sentence｜>", 1), ("B", 1)]), added(m, ("<｜begin▁of▁sentence｜>", "s"), ("<｜end▁of▁sentence｜>", "s"), ("<｜▁pad▁｜>", "s"), ("<think>", ""))))
    family("deepseek-coder", tokenizer(m, sequence("normalizers"), sequence("pretokenizers", *[split(p) for p in CODER], {"type": "Digits", "individual_digits": True}, byte_level(regex=False)), None, added(m, ("<｜begin▁of▁sentence｜>", "sn"), ("õ", "n"))))
    pre = sequence("pretokenizers", split(BLOOM), byte_level(regex=False))
    family("bloom", tokenizer(m, None, pre, byte_level(prefix=True, trim=False), added(m, ("<unk>", "s"), ("<s>", "s"), ("</s>", "s"), ("<pad>", "s"))))
    m = byte_model
    t = added(m, *[("|||IP_ADDRESS|||", "n"), ("<|padding|>", "s"), ("<|endoftext|>", "s")], *[(" " * n, "n") for n in range(24, 1, -1)], ("[UNK]", "s"), ("[CLS]", "s"), ("[SEP]", "s"), ("[PAD]", "s"), ("[MASK]", "sl"))
    family("modernbert", tokenizer(m, {"type": "NFC"}, byte_level(), template(vocab_of(m, t), [("[CLS]", 0), ("A", 0), ("[SEP]", 0)], [("[CLS]", 0), ("A", 0), ("[SEP]", 0), ("B", 0), ("[SEP]", 0)]), t, truncation=truncate(512)))
    pre = sequence("pretokenizers", split(CLIP, "Removed", True), byte_level())
    norm = sequence("normalizers", {"type": "NFC"}, replace(r"\s+", " "), {"type": "Lowercase"})
    m = bpe(norm, pre, ["<|startoftext|>", "<|endoftext|>"], unk_token="<|endoftext|>", end_of_word_suffix="</w>")
    pre["pretokenizers"][1].pop("use_regex")
    family("clip", tokenizer(m, norm, pre, {"type": "RobertaProcessing", "sep": ["<|endoftext|>", 1], "cls": ["<|startoftext|>", 0], "trim_offsets": False, "add_prefix_space": False}, added(m, ("<|startoftext|>", "sn"), ("<|endoftext|>", "s")), truncation=truncate(77), padding={"strategy": {"Fixed": 77}, "direction": "Right", "pad_to_multiple_of": None, "pad_id": 1, "pad_type_id": 0, "pad_token": "<|endoftext|>"}))
    pre = sequence("pretokenizers", {"type": "Digits", "individual_digits": True}, byte_level())
    family("starcoder", tokenizer(byte_model, None, pre, None, []))

    # BPE of SentencePiece.
    norm = sequence("normalizers", {"type": "Prepend", "prepend": "▁"}, replace(" ", "▁", "String"))
    m = bpe(norm, split("▁", "MergedWithNext", False, "String"), ["<unk>", "<s>", "</s>"] + byte_tokens(), unk_token="<unk>", fuse_unk=True, byte_fallback=True)
    t = added(m, ("<unk>", "s"), ("<s>", "s"), ("</s>", "s"))
    begin = template(vocab_of(m), [("<s>", 0), ("A", 0)], [("<s>", 0), ("A", 0), ("<s>", 1), ("B", 1)])
    family("llama-2", tokenizer(m, norm, None, begin, t))
    family("mistral", tokenizer(m, None, metaspace("first", False), begin, t))
    norm = replace(" ", "▁", "String")
    pre = split(" ", "MergedWithPrevious", False, "String")
    m = bpe(norm, split("▁", "MergedWithNext", False, "String"), ["<pad>", "<eos>", "<bos>", "<unk>"] + byte_tokens(), unk_token="<unk>", fuse_unk=True, byte_fallback=True)
    t = added(m, ("<pad>", "s"), ("<eos>", "s"), ("<bos>", "s"), ("<unk>", "s"), ("<start_of_turn>", ""), ("\n\n", ""), ("▁▁", ""))
    family("gemma", tokenizer(m, norm, pre, template(vocab_of(m, t), [("<bos>", 0), ("A", 0)], [("<bos>", 0), ("A", 0), ("<bos>", 1), ("B", 1)]), t))

    # Unigram.
    pre = sequence("pretokenizers", {"type": "WhitespaceSplit"}, metaspace())
    m = unigram(precompiled, pre, ["<s>", "<pad>", "</s>", "<unk>"], unk_id=3)
    t = added(m, ("<s>", "s"), ("<pad>", "s"), ("</s>", "s"), ("<unk>", "s"), ("<mask>", "sl"))
    both = template(vocab_of(m, t), [("<s>", 0), ("A", 0), ("</s>", 0)], [("<s>", 0), ("A", 0), ("</s>", 0), ("</s>", 0), ("B", 0), ("</s>", 0)])
    family("xlm-roberta", tokenizer(m, precompiled, pre, both, t, truncation=truncate(512)))
    family("xlm-roberta-new", tokenizer(m, sequence("normalizers", precompiled, replace(" {2,}", " ")), metaspace(), both, t))
    norm = sequence("normalizers", replace("``", '"', "String"), replace("''", '"', "String"), {"type": "NFKD"}, {"type": "StripAccents"}, {"type": "Lowercase"}, precompiled, replace(" {2,}", " "))
    m = unigram(norm, metaspace(), ["<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]"], unk_id=1)
    family("albert", tokenizer(m, norm, metaspace(), template(vocab_of(m), [("[CLS]", 0), ("A", 0), ("[SEP]", 0)], [("[CLS]", 0), ("A", 0), ("[SEP]", 0), ("B", 1), ("[SEP]", 1)]), added(m, ("<pad>", "s"), ("<unk>", "s"), ("[CLS]", "s"), ("[SEP]", "s"), ("[MASK]", "slr"))))
    m = unigram(sequence("normalizers", precompiled, {"type": "Lowercase"}), pre, ["<pad>", "</s>", "<unk>"], unk_id=2)
    t = added(m, ("<pad>", "s"), ("</s>", "s"), ("<unk>", "s"), *[("<extra_id_%d>" % i, "slr" if i else "s") for i in range(3)])
    family("t5", tokenizer(m, precompiled, pre, template(vocab_of(m), [("A", 0), ("</s>", 0)], [("A", 0), ("</s>", 0), ("B", 0), ("</s>", 0)]), t))
    norm = sequence("normalizers", {"type": "Strip", "strip_left": False, "strip_right": True}, precompiled, replace(" {2,}", "▁"))
    family("siglip", tokenizer(m, sequence("normalizers", {"type": "Lowercase"}, replace(r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]\^_`{|}~]", ""), replace(r"\s+", " "), {"type": "Strip", "strip_left": True, "strip_right": True}), metaspace(), template(vocab_of(m), [("A", 0), ("</s>", 0)], [("A", 0), ("</s>", 0), ("B", 0), ("</s>", 0)]), t, truncation=truncate(64), padding={"strategy": {"Fixed": 64}, "direction": "Right", "pad_to_multiple_of": None, "pad_id": 1, "pad_type_id": 0, "pad_token": "</s>"}))
    family("mt5", tokenizer(m, norm, metaspace("always", False), template(vocab_of(m), [("A", 0), ("</s>", 0)], [("A", 0), ("</s>", 0), ("B", 0), ("</s>", 0)]), t))
    norm = sequence("normalizers", {"type": "Lowercase"}, {"type": "Strip", "strip_left": True, "strip_right": True}, precompiled, replace(" {2,}", " "))
    pre = sequence("pretokenizers", {"type": "Punctuation", "behavior": "Isolated"}, metaspace())
    m = unigram(norm, pre, ["[PAD]", "[CLS]", "[SEP]", "[UNK]"], "[UNK]", unk_id=3)
    t = added(m, ("[PAD]", "s"), ("[CLS]", "s"), ("[SEP]", "s"), ("[UNK]", "sn"), ("[MASK]", "s"))
    around = template(vocab_of(m), [("[CLS]", 0), ("A", 0), ("[SEP]", 0)], [("[CLS]", 0), ("A", 0), ("[SEP]", 0), ("B", 1), ("[SEP]", 1)])
    family("deberta-v2", tokenizer(m, norm, pre, around, t))
    family("deberta-v3", tokenizer(m, sequence("normalizers", {"type": "Strip", "strip_left": True, "strip_right": True}, precompiled, replace(" {2,}", " ")), sequence("pretokenizers", metaspace()), around, t))
    m = unigram(sequence("normalizers", {"type": "Nmt"}, {"type": "NFKC"}), metaspace("first"), ["<unk>", "<s>", "</s>"] + byte_tokens(), unk_id=0, byte_fallback=True)
    family("unigram-bytes", tokenizer(m, sequence("normalizers", {"type": "Nmt"}, {"type": "NFKC"}), metaspace("first"), None, added(m, ("<s>", "s"), ("</s>", "s"))))

    # Whole words.
    trainer = trainers.WordLevelTrainer(vocab_size=ENTRIES, special_tokens=["[PAD]", "[UNK]"], show_progress=False)
    norm = sequence("normalizers", {"type": "NFD"}, {"type": "Lowercase"}, {"type": "StripAccents"})
    m = train(trainer, lines, models.WordLevel(unk_token="[UNK]"), norm, {"type": "Whitespace"})
    family("static", tokenizer(m, norm, {"type": "Whitespace"}, None, added(m, ("[PAD]", "s"), ("[UNK]", "s"))))
    out = json.loads(json.dumps(out).replace(json.dumps(chars), '"@charsmap"'))
    return {"charsmap": chars, "models": [packed(m) for m in all_models], "families": out}


# --- pipelines


def pool(lines):
    """Models of few entries, in which the special tokens have ids 0 to 4."""
    tokens = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"]
    n, small = 1500, [s for s in lines if all(ord(c) < 0x600 or 0x4E00 <= ord(c) < 0x4F00 for c in s)][:3000]
    norm = sequence("normalizers", {"type": "NFC"})
    out = [
        train(trainers.WordPieceTrainer(vocab_size=n, special_tokens=tokens, show_progress=False), small, models.WordPiece(unk_token="[UNK]"), bert(), {"type": "BertPreTokenizer"}),
        train(trainers.WordLevelTrainer(vocab_size=n, special_tokens=tokens, show_progress=False), small, models.WordLevel(unk_token="[UNK]"), norm, {"type": "Whitespace"}),
        train(trainers.WordLevelTrainer(vocab_size=n, special_tokens=tokens, show_progress=False), small, models.WordLevel(unk_token="[UNK]"), norm, split(".", "Isolated")),
        train(trainers.BpeTrainer(vocab_size=n, special_tokens=tokens, show_progress=False, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()), small, models.BPE(), None, byte_level()),
        train(trainers.BpeTrainer(vocab_size=n, special_tokens=tokens + byte_tokens(), show_progress=False, limit_alphabet=300), small, models.BPE(unk_token="[UNK]", byte_fallback=True), replace(" ", "▁"), split("▁", "MergedWithNext")),
        train(trainers.BpeTrainer(vocab_size=n, special_tokens=tokens, show_progress=False, limit_alphabet=300, continuing_subword_prefix="##"), small, models.BPE(unk_token="[UNK]", continuing_subword_prefix="##"), norm, {"type": "Whitespace"}),
        train(trainers.BpeTrainer(vocab_size=n, special_tokens=tokens, show_progress=False, limit_alphabet=300, end_of_word_suffix="</w>"), small, models.BPE(unk_token="[UNK]", end_of_word_suffix="</w>"), norm, {"type": "Whitespace"}),
        train(trainers.UnigramTrainer(vocab_size=n, special_tokens=tokens, unk_token="[UNK]", show_progress=False), small, models.Unigram(), {"type": "NFKC"}, metaspace()),
        train(trainers.UnigramTrainer(vocab_size=n, special_tokens=tokens + byte_tokens(), unk_token="[UNK]", show_progress=False), small, models.Unigram(), {"type": "NFKC"}, {"type": "WhitespaceSplit"}),
    ]
    return [rounded(m) for m in out]


REGEXES = [
    GPT2, CLIP, LLAMA3, QWEN, O200K, TEKKEN, *DEEPSEEK, BLOOM, GPT4, KIMI, MARKS, *CODER,
    r"\s+", r"\S+", r"\d", r"\d+", r"\w+", r"\W", r"\w+|[^\w\s]+", r"[0-9]", r"[0-9][0-9][0-9]", r"\p{P}", r"\p{Lu}", r"\p{L}+", r"[^\p{L}\p{N}]", r" ?\w+",
    r" {2,}", r"\n", r"[\r\n]+", r"\b", r"\p{Han}", r"\p{Greek}+", r"[[:punct:]]", r"[[:alpha:]]+", r"[a-zA-Z]+", r"[^\s]", r"(?<=\d)(?=\p{L})", r"(?<![a-z])'", r"(?i:the|a)\b",
    r"\p{Ll}(?=\p{Lu})", r"(?:ab|a)(?:c|bcd)?", r"a*", r"x??y*?z", r"[\w&&[^\d]]+", r"(?>\p{N}+)", r"\p{M}+", r"[-a.]", r"\h+", r"\R", r"^.", r".$", r"(?m:.+)", r"(a|e|i|o|u)+",
    r"'(?=[sdmt])", r"\p{^L}+", r"[^[:space:]]+", r"\x{1F600}|\u00e9", r"(?i:ſ|k)", r".{3}", r".{2,4}?", r"\p{Emoji_Presentation}", r"[\p{L}--[a]]",
]
REGEXES = [p for p in REGEXES if "--" not in p]


def pipelines(all_texts, chars):
    rng = random.Random(20251105)
    lines = corpus()
    rng.shuffle(lines)
    base = pool(lines)
    behaviors = ["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"]
    flip = lambda p=0.5: rng.random() < p
    strings = [" ", "a", "e", "▁", ".", "th", "é", "  ", "中", "\n", "-", "in", "'"]

    def pattern():
        return {"Regex": rng.choice(REGEXES)} if flip(0.7) else {"String": rng.choice(strings)}

    def normalizer(depth=0):
        kind = rng.choice(["None", "Bert", "NFC", "NFD", "NFKC", "NFKD", "Nmt", "Lowercase", "Strip", "StripAccents", "Replace", "Replace", "Prepend", "Precompiled", "ByteLevel", "Sequence", "Sequence", "Sequence", "Sequence"])
        if kind == "None":
            return None if depth == 0 else {"type": "Lowercase"}
        if kind == "Bert":
            return bert(flip(), flip(), rng.choice([None, True, False]), flip())
        if kind == "Strip":
            return {"type": kind, "strip_left": flip(), "strip_right": flip()}
        if kind == "Replace":
            return {"type": kind, "pattern": pattern(), "content": rng.choice(["", " ", "▁", "x", "ab", "é\u0323", "\u0301"])}
        if kind == "Prepend":
            return {"type": kind, "prepend": rng.choice(["▁", " ", "ab", "é"])}
        if kind == "Precompiled":
            return {"type": "Precompiled", "precompiled_charsmap": "@charsmap"}
        if kind == "ByteLevel" and depth == 0 and flip(0.6):
            return None
        if kind == "Sequence":
            if depth > 1:
                return {"type": "NFC"}
            return sequence("normalizers", *[normalizer(depth + 1) for _ in range(rng.randrange(0, 5))])
        return {"type": kind}

    def pre(depth=0):
        kind = rng.choice(["None", "BertPreTokenizer", "Whitespace", "WhitespaceSplit", "ByteLevel", "ByteLevel", "Metaspace", "Metaspace", "Split", "Split", "Split", "Split", "Digits", "Punctuation", "CharDelimiterSplit", "UnicodeScripts", "FixedLength", "Sequence", "Sequence", "Sequence"])
        if kind == "None":
            return None if depth == 0 else {"type": "WhitespaceSplit"}
        if kind == "ByteLevel":
            return byte_level(flip(), flip(), flip(0.7))
        if kind == "Metaspace":
            return {"type": kind, "replacement": rng.choice("▁▁▁_é"), "prepend_scheme": rng.choice(["always", "first", "never"]), "split": flip(0.7)}
        if kind == "Split":
            return {"type": kind, "pattern": pattern(), "behavior": rng.choice(behaviors), "invert": flip(0.3)}
        if kind == "Digits":
            return {"type": kind, "individual_digits": flip()}
        if kind == "Punctuation":
            return {"type": kind, "behavior": rng.choice(behaviors)}
        if kind == "CharDelimiterSplit":
            return {"type": kind, "delimiter": rng.choice(" -ea.中")}
        if kind == "FixedLength":
            return {"type": kind, "length": rng.choice([1, 2, 5, 9])}
        if kind == "Sequence":
            if depth > 1:
                return {"type": "Whitespace"}
            return sequence("pretokenizers", *[pre(depth + 1) for _ in range(rng.randrange(0, 4))])
        return {"type": kind}

    def post(depth=0):
        kind = rng.choice(["None", "Bert", "Roberta", "ByteLevel", "Template", "Template", "Sequence"])
        if kind == "Bert":
            return {"type": "BertProcessing", "sep": ["[SEP]", 2], "cls": ["[CLS]", 1]}
        if kind == "Roberta":
            return {"type": "RobertaProcessing", "sep": ["[SEP]", 2], "cls": ["[CLS]", 1], "trim_offsets": flip(), "add_prefix_space": flip()}
        if kind == "ByteLevel":
            return byte_level(flip(), flip(0.7), flip())
        if kind == "Template":
            v = {"[CLS]": 1, "[SEP]": 2, "[MASK]": 4}
            names = list(v)
            around = lambda: [(rng.choice(names), rng.randrange(3)) for _ in range(rng.randrange(0, 3))]
            t = lambda: rng.randrange(3)
            return template(v, around() + [("A", t())] + around(), around() + [("A", t())] + around() + [("B", t())] + around())
        if kind == "Sequence":
            return None if depth else sequence("processors", *[p for p in (post(1) for _ in range(rng.randrange(1, 4))) if p])
        return None

    out = []
    while len(out) < 240:
        at = rng.randrange(len(base))
        patch = {}
        typ = base[at]["type"]
        if typ == "WordPiece":
            patch = {"max_input_chars_per_word": rng.choice([1, 5, 20, 100]), "continuing_subword_prefix": rng.choice(["##", "##", ""])}
        elif typ == "BPE":
            patch = {"fuse_unk": flip(), "byte_fallback": flip() if at == 4 else flip(0.2), "ignore_merges": flip(0.3)}
            if flip(0.3):
                patch["unk_token"] = rng.choice([None, "[UNK]"])
        elif typ == "Unigram":
            patch = {"byte_fallback": flip(), "unk_id": rng.choice([0, 0, 0, 0, None, 7])}
        model = dict(base[at], **patch)
        flags = lambda: "".join(f for f in "wlrns" if flip(0.35))
        words = ["[MASK]", "the", "new york", "ab", "é", " a", "中", "<tag>", "▁", "\n", "123", "Ger", "The", "naïve", "ﬁ", "'s", "  "]
        tokens = added(model, *[(x, "s") for x in ("[UNK]", "[CLS]", "[SEP]", "[PAD]")], *[(w, flags()) for w in rng.sample(words, rng.choice((0, 0, 2, 5)))])
        truncation = padding = None
        if flip(0.4):
            truncation = truncate(rng.choice([8, 12, 20, 64]), rng.choice(["Right", "Left"]), rng.choice(["LongestFirst", "LongestFirst", "OnlyFirst", "OnlySecond"]), rng.choice([0, 0, 1, 3]))
        if flip(0.4):
            padding = {"strategy": rng.choice(["BatchLongest", {"Fixed": rng.choice([4, 16, 40])}]), "direction": rng.choice(["Right", "Left"]), "pad_to_multiple_of": rng.choice([None, None, 8, 3]), "pad_id": 3, "pad_type_id": rng.randrange(3), "pad_token": "[PAD]"}
        t = tokenizer(None, normalizer(), pre(), post(), tokens, None, truncation, padding)
        try:
            one = load(full({"tokenizer": t, "model": 0, "patch": {}}, [model], chars))
            normal = [one.normalizer.normalize_str(x["content"]) if one.normalizer else x["content"] for x in tokens if x["normalized"]]
            if "" in normal or len(set(normal)) < len(normal):
                continue  # the reference does not end, or takes one by chance
        except BaseException as e:
            print("not a tokenizer:", str(e)[:200])
            continue
        picked = rng.sample(range(len(all_texts)), 200)
        second = [rng.randrange(len(all_texts)) if i < 40 else -1 for i in range(200)]
        t.pop("model")
        out.append({"tokenizer": t, "model": at, "patch": patch, "texts": picked, "pairs": second})
    return {"models": [packed(m) for m in base], "pipelines": out}


# --- answers


def load(t):
    return Tokenizer.from_str(json.dumps(t, ensure_ascii=False))


def stages(t, text):
    """The normalised text, and each word with where it begins and ends in that, in code points."""
    s = t.normalizer.normalize_str(text) if t.normalizer else text
    words = t.pre_tokenizer.pre_tokenize_str(s) if t.pre_tokenizer else [(s, (0, len(s)))]
    return s, [(w, o) for w, o in words if w]


def answer(t, text, pair):
    e = t.encode(text, pair) if pair is not None else t.encode(text)
    return e.ids, e.type_ids, e.attention_mask, e.special_tokens_mask, [x for o in e.offsets for x in o]


def short(data):
    return zlib.crc32(data) % 65521 + 1


def crc(lists):
    return short(b"".join(struct.pack("<%dI" % (len(x) + 1), len(x), *x) for x in lists))


def digest(t, text, pair=None):
    try:
        s, words = stages(t, text)
        stage = short(s.encode() + b"\xff" + b"".join(w.encode() + b"\xff" + struct.pack("<2I", *o) for w, o in words))
    except BaseException:
        stage = 0
    try:
        lists = answer(t, text, pair)
    except Exception:
        return stage, 0, 1
    except BaseException:
        return stage, 0, 2
    return stage, crc(lists[:1]), crc(lists)


def write(name, data):
    path = os.path.join(HERE, name)
    with open(path, "wb") as f:
        f.write(gzip.compress(data, 9, mtime=0))
    print(name, os.path.getsize(path), "bytes", flush=True)


def dump(x):
    return json.dumps(x, ensure_ascii=False, separators=(",", ":")).encode()


def read(name):
    with gzip.open(os.path.join(HERE, name)) as f:
        return json.load(f)


def full(p, models, chars):
    t = json.loads(json.dumps(p["tokenizer"]).replace('"@charsmap"', json.dumps(chars)))
    return dict(t, model=dict(unpacked(models[p["model"]]), **p["patch"]))


def write_answers():
    all_texts, fs, ps = read("texts.json.gz"), read("families.json.gz"), read("pipelines.json.gz")
    out = []
    for f in fs["families"]:
        t = load(full(f, fs["models"], fs["charsmap"]))
        one = [digest(t, s) for s in all_texts]
        print(f["name"], sum(d[1:] == (0, 1) for d in one), "refused", sum(d[1:] == (0, 2) for d in one), "panics", flush=True)
        out += one
    write("families.digests.gz", b"".join(struct.pack("<3H", *d) for d in out))
    out = []
    for i, p in enumerate(ps["pipelines"]):
        print("pipeline", i, file=sys.stderr, flush=True)
        t = load(full(p, ps["models"], fs["charsmap"]))
        out += [digest(t, all_texts[i], all_texts[k] if k >= 0 else None) for i, k in zip(p["texts"], p["pairs"])]
    print(len(out), "texts of pipelines,", sum(d[1:] == (0, 1) for d in out), "refused,", sum(d[1:] == (0, 2) for d in out), "panics")
    write("pipelines.digests.gz", b"".join(struct.pack("<3H", *d) for d in out))


def show(name, index):
    all_texts, text, pair = read("texts.json.gz"), int(index), -1
    if name.isdigit():
        fs, ps = read("families.json.gz"), read("pipelines.json.gz")
        p = ps["pipelines"][int(name)]
        text, pair = p["texts"][text], p["pairs"][text]
        t, tok = p["tokenizer"], load(full(p, ps["models"], fs["charsmap"]))
        print({k: v for k, v in t.items() if v and k != "added_tokens"}, p["patch"], ps["models"][p["model"]]["type"], p["model"])
        print([x for x in t["added_tokens"]])
    else:
        fs = read("families.json.gz")
        tok = load(next(full(f, fs["models"], fs["charsmap"]) for f in fs["families"] if f["name"] == name))
    text, pair = all_texts[text], all_texts[pair] if pair >= 0 else None
    print(ascii(text), ascii(pair))
    s, words = stages(tok, text)
    print(ascii(s))
    print(ascii(words))
    e = tok.encode(text, pair) if pair is not None else tok.encode(text)
    print(e.ids, e.type_ids, e.attention_mask, e.special_tokens_mask, ascii(list(zip(e.tokens, e.offsets))), sep="\n")


if __name__ == "__main__":
    assert tokenizers.__version__ == "0.23.3" and babel.__version__ == "2.18.0" and sys.version_info[:2] == (3, 11)
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    if sys.argv[1:2] == ["show"]:
        show(*sys.argv[2:])
        sys.exit()
    if sys.argv[1:2] != ["answers"]:
        write("texts.json.gz", dump(texts()))
        fs = families()
        write("families.json.gz", dump(fs))
        write("pipelines.json.gz", dump(pipelines(read("texts.json.gz"), fs["charsmap"])))
    write_answers()

"""Makes slow.json.gz: folders of tokenizers from before tokenizer.json, and the
ids that the library transformers has of some texts by converting them.

    python slow.py FOLDERS slow.json.gz

FOLDERS is where sentences.tar.gz is unpacked. Made with transformers 4.57.6 and
sentencepiece 0.2.3. Each folder has its files, in base64 where they are no
text, and the ids of each text.
"""

import base64
import gzip
import json
import os
import sys
import tempfile

os.environ["TRANSFORMERS_VERBOSITY"] = "error"
import sentencepiece
from transformers import AutoTokenizer

with open(os.path.join(sys.argv[1], "texts.json")) as f:
    TEXTS = json.load(f) + ["", "a", "[SEP] in a text </s> and [MASK]<mask> here <pad>", "Ｆｕｌｌ ｗｉｄｔｈ ﬁne Å", "``quoted'' \t tab\nline", "don't can't THEY'LL 123",
                            "\u200bzero\u200dwidth e\u0301 ñ", "ſharp İstanbul", "한국어 ไทย العربية", "<|endoftext|> <|startoftext|>", "  two  spaces  "]
CORPUS = TEXTS + ["query: what is a panda?", "the giant panda is a bear native to south central China", "weather today tomorrow bird dog fox sentence batch"] * 3


def load(folder, file):
    with open(os.path.join(sys.argv[1], folder, file)) as f:
        return json.load(f)


def spm(kind, size, **more):
    with tempfile.TemporaryDirectory() as d:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(t for t in CORPUS if t.strip()), model_prefix=os.path.join(d, "m"), vocab_size=size, model_type=kind, hard_vocab_limit=False, minloglevel=2, **more)
        with open(os.path.join(d, "m.model"), "rb") as f:
            return f.read()


def vocab_txt(folder):
    v = load(folder, "tokenizer.json")["model"]["vocab"]
    return "".join(t + "\n" for t, _ in sorted(v.items(), key=lambda x: x[1]))


def byte_bpe(folder):
    m = load(folder, "tokenizer.json")["model"]
    merges = "#version: 0.2\n" + "".join((x if isinstance(x, str) else " ".join(x)) + "\n" for x in m["merges"])
    return {"vocab.json": json.dumps(m["vocab"], ensure_ascii=False), "merges.txt": merges}


def clip():
    from transformers.models.clip.tokenization_clip import bytes_to_unicode
    alphabet = list(bytes_to_unicode().values())
    pairs = [("t", "h"), ("th", "e</w>"), ("a", "n"), ("an", "d</w>"), ("i", "n"), ("o", "r"), ("e", "r"), ("d", "o"), ("do", "g</w>"), ("b", "i"), ("bi", "r"), ("bir", "d</w>"), ("s", "e"), ("1", "2")]
    tokens = alphabet + [a + "</w>" for a in alphabet] + [a + b for a, b in pairs] + ["<|startoftext|>", "<|endoftext|>"]
    return {"vocab.json": json.dumps({t: i for i, t in enumerate(dict.fromkeys(tokens))}, ensure_ascii=False),
            "merges.txt": "#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in pairs)}


ROBERTA = dict(bos_token="<s>", eos_token="</s>", sep_token="</s>", cls_token="<s>", unk_token="<unk>", pad_token="<pad>", mask_token="<mask>")
FOLDERS = {
    "bert": ({"vocab.txt": vocab_txt("bert-mean")}, dict(tokenizer_class="BertTokenizer")),
    "bert-by-type": ({"vocab.txt": vocab_txt("bert-mean"), "config.json": json.dumps({"model_type": "bert"})}, {}),
    "bert-cased": ({"vocab.txt": vocab_txt("labse")}, dict(tokenizer_class="BertTokenizer", do_lower_case=False, strip_accents=False)),
    "distilbert": ({"vocab.txt": vocab_txt("bert-mean")}, dict(tokenizer_class="DistilBertTokenizer", tokenize_chinese_chars=False)),
    "mpnet": ({"vocab.txt": vocab_txt("mpnet")}, dict(tokenizer_class="MPNetTokenizer")),
    "roberta": (byte_bpe("roberta"), dict(tokenizer_class="RobertaTokenizer")),
    "roberta-space": (byte_bpe("roberta"), dict(tokenizer_class="RobertaTokenizer", add_prefix_space=True)),
    "gpt2": (byte_bpe("gpt2-weighted"), dict(tokenizer_class="GPT2Tokenizer")),
    "qwen2": (byte_bpe("qwen3"), dict(tokenizer_class="Qwen2Tokenizer")),
    "clip": (clip(), dict(tokenizer_class="CLIPTokenizer")),
    "xlm-roberta": ({"sentencepiece.bpe.model": spm("unigram", 300, unk_id=0, bos_id=1, eos_id=2, pad_id=-1)}, dict(tokenizer_class="XLMRobertaTokenizer")),
    "t5": ({"spiece.model": spm("unigram", 300, pad_id=0, eos_id=1, unk_id=2, bos_id=-1)}, dict(tokenizer_class="T5Tokenizer", extra_ids=10)),
    "albert": ({"spiece.model": spm("unigram", 300, pad_id=0, unk_id=1, bos_id=-1, eos_id=-1, user_defined_symbols=["[CLS]", "[SEP]", "[MASK]"])}, dict(tokenizer_class="AlbertTokenizer")),
}

out = {"texts": TEXTS, "folders": {}}
for name, (files, config) in FOLDERS.items():
    with tempfile.TemporaryDirectory() as d:
        if config:
            files = files | {"tokenizer_config.json": json.dumps(config)}
        for file, content in files.items():
            with open(os.path.join(d, file), "wb") as f:
                f.write(content if isinstance(content, bytes) else content.encode())
        t = AutoTokenizer.from_pretrained(d)
        ids = [t(x).input_ids for x in TEXTS]
        if os.environ.get("SHOW"):
            b = json.loads(t.backend_tokenizer.to_str())
            v = b["model"].pop("vocab"); b["model"].pop("merges", 0)
            for x in ("normalizer",):
                for n in [b[x]] + list((b[x] or {}).get("normalizers", [])):
                    if n and "precompiled_charsmap" in n:
                        n["precompiled_charsmap"] = "…"
            print(name, type(t).__name__, json.dumps(b, ensure_ascii=False))
            print("   ", list(v)[:6], list(v)[-3:], len(v))
    out["folders"][name] = {"files": {k: {"base64": base64.b64encode(v).decode()} if isinstance(v, bytes) else {"text": v} for k, v in files.items()}, "ids": ids}
with open(sys.argv[2], "wb") as raw, gzip.GzipFile(filename="", fileobj=raw, mode="wb", compresslevel=9, mtime=0) as z:
    z.write(json.dumps(out, ensure_ascii=False).encode())

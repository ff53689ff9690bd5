"""Makes slow.json.gz: folders of tokenizers from before tokenizer.json, and the
ids that the library transformers has of some texts by converting them.

    python slow.py FOLDERS slow.json.gz

FOLDERS is where sentences.tar.gz is unpacked. Made with transformers 4.57.6 and
sentencepiece 0.2.3. Each folder has its files, where they are no text by name of
those in base64, the ids of each text, and for each 16 of the texts of extract/text's tests
a checksum of their ids (CRC-32 of the number of ids and the ids, as uint32, text
by text).
"""

import base64
import gzip
import json
import os
import struct
import sys
import tempfile
import zlib

os.environ["TRANSFORMERS_VERBOSITY"] = "error"
import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from transformers import AutoTokenizer

with open(os.path.join(sys.argv[1], "texts.json")) as f:
    TEXTS = json.load(f) + ["", "a", "[SEP] in a text </s> and [MASK]<mask> here <pad>", "Ｆｕｌｌ ｗｉｄｔｈ ﬁne Å", "``quoted'' \t tab\nline", "don't can't THEY'LL 123",
                            "\u200bzero\u200dwidth e\u0301 ñ", "ſharp İstanbul", "한국어 ไทย العربية", "<|endoftext|> <|startoftext|>", "  two  spaces  "]
with gzip.open(os.path.join(os.path.dirname(__file__), "../../../../extract/text/testdata/texts.json.gz")) as f:
    MANY = json.load(f)
CORPUS = TEXTS + ["query: what is a panda?", "the giant panda is a bear native to south central China", "weather today tomorrow bird dog fox sentence batch"] * 3


def load(folder, file):
    with open(os.path.join(sys.argv[1], folder, file)) as f:
        return json.load(f)


def spm(kind, size, many=False, **more):
    with tempfile.TemporaryDirectory() as d:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(t for t in CORPUS + many * [t for t in MANY if len(t) < 200 and all("\t" <= c < "\u0500" for c in t)] if t.strip()), model_prefix=os.path.join(d, "m"), vocab_size=size, model_type=kind, hard_vocab_limit=False, minloglevel=2, **more)
        with open(os.path.join(d, "m.model"), "rb") as f:
            return f.read()


def commas(model):
    """Gives the last pieces of a model texts that end in a comma, and good scores."""
    m = sentencepiece_model_pb2.ModelProto.FromString(model)
    texts = [text for text in ["3,", "\u00b2,", "4,", "1,", "2,", "0,", "n,"] if text not in {p.piece for p in m.pieces}]
    for p, text in zip(m.pieces[-len(texts):], texts):
        p.piece, p.score = text, -1.0
    return m.SerializeToString()


def vocab_txt(folder):
    v = load(folder, "tokenizer.json")["model"]["vocab"]
    return "".join(t + "\n" for t, _ in sorted(v.items(), key=lambda x: x[1]))


def byte_bpe(folder):
    m = load(folder, "tokenizer.json")["model"]
    merges = "#version: 0.2\n" + "".join((x if isinstance(x, str) else " ".join(x)) + "\n" for x in m["merges"])
    return {"vocab.json": json.dumps(m["vocab"], ensure_ascii=False), "merges.txt": merges}


def tokenizer_json(folder):
    with open(os.path.join(sys.argv[1], folder, "tokenizer.json")) as f:
        return {"tokenizer.json": f.read()}


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
# Those of the published models' own makes: byte fallback, digits alone, no normaliser, with more than a letter a piece.
LLAMA = {"tokenizer.model": spm("bpe", 1200, True, byte_fallback=True, split_digits=True, normalization_rule_name="identity", character_coverage=0.98, allow_whitespace_only_pieces=True,
                                remove_extra_whitespaces=False, user_defined_symbols=["<|user|>", "  ", "\u2581\u2581\u2581\u2581"])}
GEMMA = {"tokenizer.model": spm("bpe", 1200, True, byte_fallback=True, split_digits=True, normalization_rule_name="identity", character_coverage=0.98, allow_whitespace_only_pieces=True,
                                remove_extra_whitespaces=False, add_dummy_prefix=False, pad_id=0, eos_id=1, bos_id=2, unk_id=3, pad_piece="<pad>", eos_piece="<eos>", bos_piece="<bos>",
                                user_defined_symbols=["<mask>", "<start_of_turn>", "<end_of_turn>", "\n", "\n\n", "\t", "<unused0>"])}
OLD_GEMMA = {"tokenizer.model": spm("bpe", 900, True, byte_fallback=True, normalization_rule_name="identity", character_coverage=0.98, pad_id=0, eos_id=1, bos_id=2, unk_id=3,
                                    pad_piece="<pad>", eos_piece="<eos>", bos_piece="<bos>")}
DEBERTA = {"spm.model": spm("unigram", 900, True, character_coverage=0.98, byte_fallback=True, pad_id=0, bos_id=1, eos_id=2, unk_id=3, pad_piece="[PAD]", bos_piece="[CLS]", eos_piece="[SEP]", unk_piece="[UNK]")}
CAMEMBERT = {"sentencepiece.bpe.model": spm("unigram", 900, True, normalization_rule_name="identity", character_coverage=0.98, unk_id=0, bos_id=1, eos_id=2, pad_id=-1)}
OLD = {"special_tokens_map.json": json.dumps({"bos_token": {"content": "<s>", "lstrip": False, "normalized": True, "rstrip": False, "single_word": False}, "pad_token": "<pad>", "additional_special_tokens": ["<|b|>", {"content": "<|a|>", "lstrip": True, "normalized": False, "rstrip": True, "single_word": False}]}),
       "added_tokens.json": json.dumps({"<|a|>": 1202, "the text": 1201, "<pad>": 1200})}
LISTED = {str(i): dict(content=c, lstrip=l, rstrip=r, normalized=n, single_word=w, special=s) for i, c, l, r, n, w, s in [
    (0, "<unk>", False, False, True, False, True), (1, "<s>", False, True, False, False, True), (2, "</s>", True, False, False, False, True), (1200, "the", False, False, True, True, False),
    (1205, "<|x|>", True, True, False, False, True), (9, "panda", False, False, True, False, False)]}
FOLDERS |= {
    # Folders with a tokenizer.json, to whose tokens those of the files beside it are added.
    "json-listed": (tokenizer_json("bert-mean"), dict(tokenizer_class="BertTokenizer", mask_token="<mask>", added_tokens_decoder={
        "0": dict(content="[PAD]", lstrip=False, rstrip=True, normalized=False, single_word=False, special=True),
        "900": dict(content="the giant", lstrip=False, rstrip=False, normalized=True, single_word=True, special=False),
        "800": dict(content="<|x|>", lstrip=True, rstrip=False, normalized=False, single_word=False, special=True),
        "801": dict(content="panda", lstrip=False, rstrip=False, normalized=False, single_word=False, special=False)})),
    "json-old-files": (tokenizer_json("bert-mean") | {"special_tokens_map.json": json.dumps({"additional_special_tokens": ["<|b|>", {"content": "Dog", "lstrip": True, "normalized": True, "rstrip": False, "single_word": False}]}),
                                                     "added_tokens.json": json.dumps({"bird": 5000, "<|b|>": 4000})}, dict(tokenizer_class="PreTrainedTokenizerFast", pad_token="[NEW]", extra_special_tokens={"image_token": "<image>"})),
    "json-unigram": (tokenizer_json("xlm-roberta"), dict(tokenizer_class="XLMRobertaTokenizer", additional_special_tokens=["dog", "<|end|>"], bos_token="<bos>")),
    "json-by-type": (tokenizer_json("roberta") | {"config.json": json.dumps({"model_type": "roberta"})}, dict(added_tokens_decoder={"7": dict(content="is a", lstrip=True, rstrip=False, normalized=True, single_word=False, special=True)})),
    "llama-old-files": (LLAMA | OLD, dict(tokenizer_class="LlamaTokenizer")),
    "llama-listed": (LLAMA | OLD, dict(tokenizer_class="LlamaTokenizer", added_tokens_decoder=LISTED, pad_token="<|x|>", additional_special_tokens=["bird", "<|x|>"])),
    "roberta-old-files": (byte_bpe("roberta") | {"special_tokens_map.json": json.dumps({"mask_token": {"content": "<mask>", "lstrip": False, "normalized": False, "rstrip": True, "single_word": False}})}, dict(tokenizer_class="RobertaTokenizer")),
    "bert-added": ({"vocab.txt": vocab_txt("bert-mean"), "added_tokens.json": json.dumps({"panda": 40000, "[NEW]": 40001})}, dict(tokenizer_class="BertTokenizer", additional_special_tokens=["[NEW]"])),
    "llama": (LLAMA, dict(tokenizer_class="LlamaTokenizer")),
    "llama-by-type": (LLAMA | {"config.json": json.dumps({"model_type": "llama"})}, {}),
    "llama-new": (LLAMA, dict(tokenizer_class="LlamaTokenizer", legacy=False, add_eos_token=True, pad_token="</s>")),
    "llama-no-prefix": (LLAMA, dict(tokenizer_class="LlamaTokenizer", add_prefix_space=False, add_bos_token=False)),
    "llama-new-no-prefix": (LLAMA, dict(tokenizer_class="LlamaTokenizerFast", legacy=False, add_prefix_space=False)),
    "llama-added": (LLAMA, dict(tokenizer_class="LlamaTokenizer", pad_token="[PAD]", additional_special_tokens=["<|extra|>"])),
    "llama-unigram": ({"tokenizer.model": spm("unigram", 900, True, byte_fallback=True, character_coverage=0.98, normalization_rule_name="identity")}, dict(tokenizer_class="LlamaTokenizer")),
    "gemma": (GEMMA, dict(tokenizer_class="GemmaTokenizer")),
    "gemma-eos": (GEMMA, dict(tokenizer_class="GemmaTokenizer", add_eos_token=True, bos_token="<bos>", additional_special_tokens=["<start_of_turn>", "<end_of_turn>"])),
    "gemma-no-tab": (OLD_GEMMA, dict(tokenizer_class="GemmaTokenizer")),
    "deberta-v2": (DEBERTA, dict(tokenizer_class="DebertaV2Tokenizer")),
    "deberta-v3": (DEBERTA | {"config.json": json.dumps({"model_type": "deberta-v2"})}, dict(do_lower_case=False, vocab_type="spm")),
    "deberta-v2-lower": (DEBERTA, dict(tokenizer_class="DebertaV2Tokenizer", do_lower_case=True, split_by_punct=True)),
    "camembert": (CAMEMBERT, dict(tokenizer_class="CamembertTokenizer")),
    "camembert-by-type": (CAMEMBERT | {"config.json": json.dumps({"model_type": "camembert"})}, {}),
    "xlm-roberta-many": (CAMEMBERT, dict(tokenizer_class="XLMRobertaTokenizer")),
    "xlm-roberta-bpe": ({"sentencepiece.bpe.model": spm("bpe", 900, True, character_coverage=0.98, normalization_rule_name="identity", unk_id=0, bos_id=1, eos_id=2, pad_id=-1)}, dict(tokenizer_class="XLMRobertaTokenizer")),
    "t5-new": ({"spiece.model": spm("unigram", 900, True, normalization_rule_name="identity", character_coverage=0.98, pad_id=0, eos_id=1, unk_id=2, bos_id=-1, byte_fallback=True)}, dict(tokenizer_class="T5Tokenizer", extra_ids=10, legacy=False)),
    "albert-many": ({"spiece.model": commas(spm("unigram", 900, True, character_coverage=0.98, normalization_rule_name="identity", pad_id=0, unk_id=1, bos_id=-1, eos_id=-1, control_symbols=["[CLS]", "[SEP]", "[MASK]"]))},
                    dict(tokenizer_class="AlbertTokenizer")),
}

out = {"texts": TEXTS, "blobs": {}, "folders": {}}


def blob(data):
    name = "%08x" % zlib.crc32(data)
    out["blobs"][name] = base64.b64encode(data).decode()
    return name


for name, (files, config) in FOLDERS.items():
    print(name, file=sys.stderr)
    with tempfile.TemporaryDirectory() as d:
        if config:
            files = files | {"tokenizer_config.json": json.dumps(config)}
        for file, content in files.items():
            with open(os.path.join(d, file), "wb") as f:
                f.write(content if isinstance(content, bytes) else content.encode())
        t = AutoTokenizer.from_pretrained(d)
        ids = [t(x).input_ids for x in TEXTS]
        sums = []
        for i in range(0, len(MANY), 16):
            many = [t(x).input_ids for x in MANY[i:i + 16]]
            sums.append(zlib.crc32(b"".join(struct.pack("<%dI" % (len(x) + 1), len(x), *x) for x in many)))
        if os.environ.get("SHOW"):
            b = json.loads(t.backend_tokenizer.to_str())
            v = b["model"].pop("vocab"); b["model"].pop("merges", 0)
            for x in ("normalizer",):
                for n in [b[x]] + list((b[x] or {}).get("normalizers", [])):
                    if n and "precompiled_charsmap" in n:
                        n["precompiled_charsmap"] = "…"
            print(name, type(t).__name__, json.dumps(b, ensure_ascii=False))
            print("   ", list(v)[:6], list(v)[-3:], len(v))
    out["folders"][name] = {"files": {k: {"blob": blob(v)} if isinstance(v, bytes) else {"text": v} for k, v in files.items()}, "ids": ids, "sums": sums}
with open(sys.argv[2], "wb") as raw, gzip.GzipFile(filename="", fileobj=raw, mode="wb", compresslevel=9, mtime=0) as z:
    z.write(json.dumps(out, ensure_ascii=False).encode())

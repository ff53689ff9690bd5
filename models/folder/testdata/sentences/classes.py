"""Makes classes.json: what classes of tokenizers of the library transformers
make of a text where tokenizer_config.json contradicts tokenizer.json.

    python classes.py FOLDERS classes.json

FOLDERS is where sentences.tar.gz is unpacked. Made with transformers 4.57.6.
Each case has the folder it starts from, the class, what is set in
tokenizer_config.json (null: taken away) and in tokenizer.json (a path of
keys), and the ids of the text.
"""

import json
import os
import sys
import tempfile

os.environ["TRANSFORMERS_VERBOSITY"] = "error"
from transformers import AutoTokenizer

TEXT = "A Ünïc, 漢字 no Dog"
BERT = ["BertTokenizer", "DistilBertTokenizer", "MPNetTokenizer", "ElectraTokenizerFast", "PreTrainedTokenizerFast"]


def case(folder, name, config=(), tokenizer=()):
    at = os.path.join(sys.argv[1], folder)
    with open(os.path.join(at, "tokenizer.json")) as f:
        t = json.load(f)
    with open(os.path.join(at, "tokenizer_config.json")) as f:
        c = json.load(f)
    c["tokenizer_class"] = name
    for key, value in dict(config).items():
        c[key] = value
        if value is None:
            del c[key]
    for (part, key), value in dict(tokenizer).items():
        t[part][key] = value
    with tempfile.TemporaryDirectory() as d:
        with open(os.path.join(d, "tokenizer.json"), "w") as f:
            json.dump(t, f)
        with open(os.path.join(d, "tokenizer_config.json"), "w") as f:
            json.dump(c, f)
        ids = AutoTokenizer.from_pretrained(d)(TEXT).input_ids
    return {"folder": folder, "class": name, "config": dict(config), "tokenizer": [[p, k, v] for (p, k), v in dict(tokenizer).items()], "ids": ids}


cases = []
for name in BERT:
    cases += [
        case("bert-mean", name), case("bert-mean", name, {"do_lower_case": False}),
        case("bert-mean", name, {"do_lower_case": None}, {("normalizer", "lowercase"): False}),
        case("bert-mean", name, {"strip_accents": False}), case("bert-mean", name, {"strip_accents": True, "do_lower_case": False}),
        case("bert-mean", name, {"tokenize_chinese_chars": False}),
    ]
for name in ["RobertaTokenizer", "GPT2Tokenizer", "PreTrainedTokenizerFast"]:
    cases += [
        case("roberta", name, {"add_prefix_space": True}),
        case("roberta", name, {"add_prefix_space": None}, {("pre_tokenizer", "add_prefix_space"): True}),
        case("roberta", name, {"add_prefix_space": False}, {("pre_tokenizer", "add_prefix_space"): True}),
    ]
for name in ["LlamaTokenizer", "GemmaTokenizer", "PreTrainedTokenizerFast"]:
    cases += [case("embeddinggemma", name, c) for c in (
        {}, {"add_bos_token": True, "add_eos_token": True}, {"add_bos_token": False}, {"add_bos_token": False, "add_eos_token": True})]
with open(sys.argv[2], "w") as f:
    json.dump({"text": TEXT, "cases": cases}, f, ensure_ascii=False, indent=0)

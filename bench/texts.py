#!/usr/bin/env python3
"""Puts headstart extract of texts beside sentence-transformers' encode, and beside
tokenizers and ONNX Runtime on batches that are sorted by length.

    python3 bench/texts.py bin/headstart [TEXTS [TURNS]]      (make peers)

The texts are words of the vocabulary, 3 to 200 of them, most of them short; all sides
have one thread and all-MiniLM-L6-v2's shape (what encode computes with has random
weights, which cost the same). They alternate; figures are CPU seconds, medians of the
turns, ratios medians of the ratios within a turn. headstart's time is that of the whole
command with an empty cache less that of the same command with one text; Python's is
that of the loop, without imports and loading the model."""
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "models/builtin/all-minilm-l6-v2"
BATCH = 32
SIDES = "encode", "sorted"
ROW = "|" + " %12s |" * 5


def make(n):
    """Returns n texts."""
    draw = random.Random(1)
    vocabulary = json.loads((FOLDER / "tokenizer.json").read_text())["model"]["vocab"]
    words = [w for w in vocabulary if w.isalpha() and w.isascii() and len(w) > 2]
    length = lambda: min(max(int(draw.lognormvariate(3, 0.9)), 3), 200)
    return [" ".join(draw.choices(words, k=length())) + "." for _ in range(n)]


def encode():
    """sentence-transformers' encode, as its documentation calls it."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer import modules
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        PreTrainedTokenizerFast(tokenizer_file=str(FOLDER / "tokenizer.json"), pad_token="[PAD]").save_pretrained(folder)
        BertModel(BertConfig(**json.loads((FOLDER / "config.json").read_text()))).save_pretrained(folder)
        body = modules.Transformer(folder, max_seq_length=256)
    model = SentenceTransformer(modules=[body, modules.Pooling(384), modules.Normalize()], device="cpu")
    return lambda texts: model.encode(texts, batch_size=BATCH, show_progress_bar=False)


def sorted_batches():
    """tokenizers and ONNX Runtime, the longest first."""
    import numpy as np
    import onnxruntime as ort
    from tokenizers import Tokenizer

    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = ort.InferenceSession(str(FOLDER / "onnx/model.onnx"), options, providers=["CPUExecutionProvider"])
    inputs = [i.name for i in session.get_inputs()]
    tokenizer = Tokenizer.from_file(str(FOLDER / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(256)

    def loop(texts):
        tokens = tokenizer.encode_batch(texts)
        order = sorted(range(len(texts)), key=lambda i: -len(tokens[i].ids))
        rows = np.empty((len(texts), 384), np.float32)
        for at in range(0, len(order), BATCH):
            batch = order[at:at + BATCH]
            ids = np.zeros((len(batch), len(tokens[batch[0]].ids)), np.int64)
            mask = np.zeros_like(ids)
            for r, i in enumerate(batch):
                n = len(tokens[i].ids)
                ids[r, :n], mask[r, :n] = tokens[i].ids, 1
            feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
            x = session.run(None, {k: feed[k] for k in inputs})[0]
            mean = (x * mask[:, :, None]).sum(1) / mask.sum(1, keepdims=True)
            rows[batch] = mean / np.linalg.norm(mean, axis=1, keepdims=True)
        return rows

    return loop


def peer(side, file):
    """Runs in a process of its own; prints CPU seconds."""
    os.environ.update(TOKENIZERS_PARALLELISM="false", OMP_NUM_THREADS="1")
    texts = [json.loads(line)["text"] for line in open(file, encoding="utf-8")]
    loop = encode() if side == "encode" else sorted_batches()
    loop(texts[:BATCH])
    start = time.process_time()
    loop(texts)
    print(json.dumps(time.process_time() - start))


def extract(binary, texts):
    with tempfile.TemporaryDirectory() as out:
        write(out + "/texts.jsonl", texts)
        before = os.times()
        subprocess.run([binary, "extract", "--quiet", "--threads", "1", "--cache", out + "/cache", "--out", out + "/x.features", out + "/texts.jsonl"],
                       check=True, stdout=subprocess.DEVNULL)
        after = os.times()
        return after.children_user + after.children_system - before.children_user - before.children_system


def write(file, texts):
    Path(file).write_text("".join(json.dumps({"text": t}) + "\n" for t in texts), encoding="utf-8")


def main(binary, n=5000, turns=3):
    import onnxruntime
    import sentence_transformers
    import tokenizers
    import torch

    texts = make(n)
    print(f"{n} texts; sentence-transformers {sentence_transformers.__version__}, PyTorch {torch.__version__}, "
          f"tokenizers {tokenizers.__version__}, ONNX Runtime {onnxruntime.__version__}; {turns} turns; CPU seconds, one thread")
    print()
    print(ROW % ("headstart", "encode", "sorted", "by encode", "by sorted"))
    print(ROW % (5 * ("-" * 12,)))
    with tempfile.TemporaryDirectory() as folder:
        file = folder + "/texts.jsonl"
        write(file, texts)
        t = []
        for _ in range(turns):
            ours = extract(binary, texts) - extract(binary, texts[:1])
            t.append([ours] + [json.loads(subprocess.run([sys.executable, __file__, s, file], check=True, stdout=subprocess.PIPE).stdout) for s in SIDES])
    m = statistics.median
    print(ROW % (*["%.2f" % m(x) for x in zip(*t)], *["%.2f" % m([turn[i] / turn[0] for turn in t]) for i in (1, 2)]))


if __name__ == "__main__":
    if sys.argv[1] in SIDES:
        peer(*sys.argv[1:3])
    else:
        main(os.path.abspath(sys.argv[1]), *map(int, sys.argv[2:]))

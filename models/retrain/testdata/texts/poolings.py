"""Writes poolings.json: the gradients of a first step of retraining behind two
models of models.tar.gz, which generate.py has written, through each pooling of
the library sentence-transformers, of texts that are filled up on the right and
on the left.

    python poolings.py

Of texts on the left, the library's "cls" is what fills them up, and the weights
of its "weightedmean" go by how much that is: of those there is nothing here.

Made with Python 3.11, torch 2.5.1, sentence-transformers 5.7.0, onnx 1.23.2.
"""
import json
import os
import sys
import tarfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "..", "onnx", "grad", "testdata"))

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from sentence_transformers.sentence_transformer.modules import Pooling

from generate import noise
from interpreter import Graph

CLASSES, DIRECTIONS = 5, 3
IDS = np.array([[4, 17, 3, 29, 8, 11], [9, 21, 5, 7, 0, 0], [2, 30, 14, 6, 12, 0], [25, 13, 0, 0, 0, 0]], np.int64)
MASK = np.array([[1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0], [1, 1, 1, 1, 1, 0], [1, 1, 0, 0, 0, 0]], np.int64)
MODELS = ["bert", "qwen3"]
RIGHT = {"cls": "cls", "last": "lasttoken", "max": "max", "mean": "mean", "mean_sqrt_len": "mean_sqrt_len_tokens", "weightedmean": "weightedmean"}
LEFT = {k: v for k, v in RIGHT.items() if k not in ("cls", "weightedmean")}


def step(model, mode, left):
    ids, mask = (np.ascontiguousarray(a[:, ::-1]) if left else a for a in (IDS, MASK))
    g = Graph(model)
    ids, mask = torch.from_numpy(ids), torch.from_numpy(mask)
    every = {"input_ids": ids, "attention_mask": mask, "token_type_ids": torch.zeros_like(ids), "position_ids": torch.arange(ids.shape[1])[None, :].repeat(len(ids), 1)}
    y = g.run({i.name: every[i.name] for i in g.graph.input})["last_hidden_state"]
    y = Pooling(y.shape[2], mode)({"token_embeddings": y, "attention_mask": mask})["sentence_embedding"]
    n, d = y.shape
    scale = 2.0 ** -round(np.log2(y.detach().norm().item() / n ** 0.5))
    weight = (scale * torch.from_numpy(noise(CLASSES * d, 2)).reshape(CLASSES, d).to(torch.float64)).requires_grad_()
    bias = torch.from_numpy(noise(CLASSES, 3)).to(torch.float64).requires_grad_()
    loss = F.cross_entropy(F.linear(y, weight, bias), torch.arange(n) % CLASSES)
    loss.backward()
    weights = {}
    for key, w in sorted({"head.weight": weight, "head.bias": bias, **g.weights}.items()):
        if w.grad is not None:
            grad = w.grad.numpy().ravel()
            weights[key] = dict(norm=short(np.linalg.norm(grad)), along=[short(float(grad @ noise(grad.size, 100 + k).astype(np.float64))) for k in range(DIRECTIONS)])
    return dict(loss=short(loss.item()), scale=scale, output="last_hidden_state", dim=d, weights=weights)


def short(v):
    return float("%.9g" % v)


def main():
    torch.set_num_threads(1)
    steps = []
    with tarfile.open(os.path.join(HERE, "models.tar.gz")) as tar:
        for name in MODELS:
            model = onnx.load_from_string(tar.extractfile(name + ".onnx").read())
            for left, modes in ((False, RIGHT), (True, LEFT)):
                for pooling, mode in modes.items():
                    steps.append(dict(model=name, pooling=pooling, left=left, **step(model, mode, left)))
    with open(os.path.join(HERE, "poolings.json"), "w") as f:
        f.write(json.dumps(steps, separators=(",", ":")).replace('},"', '},\n"') + "\n")


main()

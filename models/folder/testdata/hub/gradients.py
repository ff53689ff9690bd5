"""Writes gradients.json: the gradients of a first step behind each backbone of
hub.tar.gz, by PyTorch.

    python gradients.py

Each graph is run node by node in PyTorch, in float64, and differentiated by
autograd; that it is the same network as the library's own model is checked by
the embeddings in the archive. What follows is a head of CLASSES rows and the
cross-entropy. The samples are the pixels in the archive; head, targets and
directions are made by noise(), which the test repeats. Of the gradient by each
tensor of the file there are

    norm      its length
    along     its products with DIRECTIONS directions

and the loss, the scale of the head, which keeps logits near one, and how far
off PyTorch's own gradients are in float32, as a part of the length. Weights on a grid put some inputs of a Relu on its kink, where float32 and
float64 may fall on either side. Of a backbone in KINKS there is a second case,
"moved", where that many 64ths of noise are added to a weight.

Made with torch 2.5.1 and onnx 1.23.2.
"""
import io
import json
import os
import sys
import tarfile

import numpy as np
import onnx
import torch
import torch.nn.functional as F

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "..", "onnx", "grad", "testdata"))
from generate import noise  # noqa: E402
from interpreter import Graph  # noqa: E402

CLASSES, DIRECTIONS = 5, 6
KINKS = {"swinv2": "encoder.layers.%d.blocks.0.attention.self.continuous_position_bias_mlp.0.bias"}


def vector(values, outputs, want, apart):
    """What of the outputs is the embedding: whatever equals the library's."""
    for name in outputs:
        v = values[name]
        forms = {"": v} if v.dim() == 2 else {"cls": v[:, 0], "mean": v.mean(1)} if v.dim() == 3 else {"gap": v.mean((2, 3))}
        for form, y in forms.items():
            if y.shape == want.shape and (y - want).abs().max() < apart * want.abs().max():
                return y, name, form
    raise ValueError("no output is the embedding")


def first(files, real, moved):
    meta = json.loads(files["golden/meta.json"])
    pixels = torch.from_numpy(np.frombuffer(files["golden/pixels.f32"], "<f4").reshape(meta["pixels"]).copy())
    want = torch.from_numpy(np.frombuffer(files["golden/embedding.f32"], "<f4").reshape(-1, meta["dim"]).copy()).to(real)
    (path,) = [p for p in files if p.endswith(".onnx") and "text" not in p]
    g = Graph(onnx.load(io.BytesIO(files[path])), real)
    with torch.no_grad():
        for key in moved:
            g.weights[key] += torch.from_numpy(noise(g.weights[key].numel(), 99) / np.float32(64)).reshape(g.weights[key].shape)
    fed = {"pixel_values": pixels.to(real)}
    for i in g.graph.input:  # of the other tower
        if i.name != "pixel_values":
            fed[i.name] = torch.ones((2, 4), dtype=torch.int64)
    y, output, form = vector(g.run(fed), [o.name for o in g.graph.output], want, 1 if moved else 1e-4)
    n, d = y.shape
    scale = 2.0 ** -round(np.log2(y.detach().norm().item() / n ** 0.5))
    weight = (scale * torch.from_numpy(noise(CLASSES * d, 2)).reshape(CLASSES, d).to(real)).requires_grad_()
    bias = torch.from_numpy(noise(CLASSES, 3)).to(real).requires_grad_()
    loss = F.cross_entropy(F.linear(y, weight, bias), torch.arange(n) % CLASSES)
    loss.backward()
    weights = {"head.weight": weight, "head.bias": bias, **g.weights}
    return loss.item(), scale, {key: w.grad.to(torch.float64).numpy().ravel() for key, w in sorted(weights.items()) if w.grad is not None}


def case(name, files, moved=()):
    loss, scale, grads = first(files, torch.float64, moved)
    _, _, rounded = first(files, torch.float32, moved)
    longest = max(np.linalg.norm(g) for g in grads.values())
    weights, off = {}, 0
    for key, grad in grads.items():
        norm = np.linalg.norm(grad)
        along = [float(grad @ noise(grad.size, 100 + k).astype(np.float64)) for k in range(DIRECTIONS)]
        weights[key] = dict(norm=short(norm), along=[short(v) for v in along])
        off = max(off, np.linalg.norm(rounded[key] - grad) / (norm if norm > 1e-9 * longest else longest))
    print(name, len(weights), "weights, loss %.3f, float32 is off by %.1e" % (loss, off))
    return dict(loss=short(loss), scale=scale, rounded=short(off), by=list(moved), weights=weights)


def short(v):
    return float("%.9g" % v)


if __name__ == "__main__":
    torch.set_num_threads(1)
    folders = {}
    with tarfile.open(os.path.join(HERE, "hub.tar.gz")) as tar:
        for member in tar:
            name, _, rest = member.name.partition("/")
            if name != "probes":
                folders.setdefault(name, {})[rest] = tar.extractfile(member).read()
    cases = {name: case(name, files) for name, files in sorted(folders.items())}
    for name, key in KINKS.items():
        cases[name]["moved"] = case(name, folders[name], [key % i for i in range(2)])
    text = json.dumps(cases, separators=(",", ":"))
    with open(os.path.join(HERE, "gradients.json"), "w") as f:
        f.write(text.replace('},"', '},\n"') + "\n")

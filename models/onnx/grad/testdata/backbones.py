"""Writes backbones.json: gradients of the small backbones in
cmd/headstart/testdata/backbones by PyTorch, behind an early, a middle and a late
cut and of all layers.

    python -m venv venv && venv/bin/pip install torch==2.15.0 onnx==1.23.2 numpy==2.4.6
    venv/bin/python backbones.py

Made as generate.py makes networks.json; onnx's reference implementation must
agree with what is differentiated.
"""
import json
import os

import numpy as np
import onnx
import torch
from onnx.reference import ReferenceEvaluator

from generate import gradients, noise, run

HERE = os.path.dirname(os.path.abspath(__file__))
FOLDERS = os.path.join(HERE, "..", "..", "..", "..", "cmd", "headstart", "testdata", "backbones")
N, TOKENS, VOCABULARY = 2, 8, 600


def case(name, file, cut, features, inputs, pooling=None):
    model = onnx.load(os.path.join(FOLDERS, name, file))
    fed = {k: torch.from_numpy(v) for k, v in inputs.items()}
    if cut:
        values = dict(fed)
        values.update({i.name: torch.from_numpy(onnx.numpy_helper.to_array(i).copy()) for i in model.graph.initializer})
        shape = list(run(model.graph, values, cut).shape)
        fed = {k: v for k, v in fed.items() if v.dtype != torch.float32}
        fed[cut] = torch.from_numpy(noise(int(np.prod(shape)), 1).reshape(shape) * np.float32(2))
        y, = ReferenceEvaluator(model).run([features], inputs)
        off = np.abs(y - run(model.graph, values, features).numpy()).max()
        assert off < 1e-4, (name, off)
    else:
        shape = list(next(iter(inputs.values())).shape)
    c = dict(backbone=name, cut=cut, shape=shape, **gradients(model, cut, fed, pooling, features))
    print(name, cut, len(c["weights"]), c["loss"])
    return c


def images(size):
    return dict(pixel_values=noise(N * 3 * size * size, 1).reshape(N, 3, size, size) * np.float32(2))


def texts():
    ids = ((noise(N * TOKENS, 1).astype(np.float64) + 1) / 2 * VOCABULARY).astype(np.int64).reshape(N, TOKENS)
    mask = (np.arange(TOKENS)[None, :] < (TOKENS - 3 * np.arange(N))[:, None]).astype(np.int64)
    return dict(input_ids=ids, attention_mask=mask)


if __name__ == "__main__":
    torch.set_num_threads(1)
    relu = "/encoder/stages.%d/layers.%d/activation/Relu_output_0"
    cases = []
    for name, file, features, inputs, pooling, cuts in [
        ("convnext", "onnx/model.onnx", "pooler_output", images(64), None, ["permute_1", "conv2d_4", "conv2d_7"]),
        ("vit", "model.onnx", "pooler_output", images(32), None, ["/embeddings/Add_output_0", "/layers.1/Add_1_output_0", "/layers.2/Add_1_output_0"]),
        ("distilbert", "model.onnx", "last_hidden_state", texts(), "cls", ["layer_norm", "layer_norm_2", "layer_norm_4"]),
        ("resnet", "onnx/model.onnx", "pooler_output", images(64), None, ["/embedder/pooler/MaxPool_output_0", relu % (1, 1), relu % (3, 0)]),
    ]:
        for cut in [""] + cuts:
            cases.append(case(name, file, cut, features, inputs, pooling))
    text = json.dumps(dict(torch=torch.__version__, onnx=onnx.__version__, numpy=np.__version__, cases=cases), separators=(",", ":"))
    text = text.replace('{"name"', '\n{"name"').replace('{"backbone"', '\n{"backbone"')
    with open(os.path.join(HERE, "backbones.json"), "w") as f:
        f.write(text + "\n")
    print(len(text), "bytes")

"""Writes backbones of numbers, samples for them, and what NumPy makes of these.

    python cmd/headstart/testdata/numbers/generate.py

with NumPy 2.x and onnx 1.23. mlp.onnx takes [batch,12] and gives the last
hidden layer of a perceptron, map.onnx takes [batch,1,8,10], which may be a picture.
"""

import pathlib

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

here = pathlib.Path(__file__).parent
rng = np.random.default_rng(1)


def stored(name, a):
    return numpy_helper.from_array(a.astype("<f4"), name)


def save(name, nodes, inputs, outputs, weights):
    g = helper.make_graph(nodes, name, inputs, outputs, weights)
    m = helper.make_model(g, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="")
    onnx.checker.check_model(m)
    (here / f"{name}.onnx").write_bytes(m.SerializeToString(deterministic=True))


def value(name, *shape):
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", *shape])


W1, b1 = rng.normal(size=(12, 24)) / 3, rng.normal(size=24) / 4
W2, b2 = rng.normal(size=(24, 20)) / 4, rng.normal(size=20) / 4
W3, b3 = rng.normal(size=(20, 16)) / 4, rng.normal(size=16) / 4
W1, b1, W2, b2, W3, b3 = (a.astype("<f4") for a in (W1, b1, W2, b2, W3, b3))
save("mlp", [
    helper.make_node("Gemm", ["features", "net.0.weight", "net.0.bias"], ["h1"], name="/net/net.0/Gemm"),
    helper.make_node("Relu", ["h1"], ["h2"], name="/net/net.1/Relu"),
    helper.make_node("Gemm", ["h2", "net.2.weight", "net.2.bias"], ["h3"], name="/net/net.2/Gemm"),
    helper.make_node("Relu", ["h3"], ["h4"], name="/net/net.3/Relu"),
    helper.make_node("Gemm", ["h4", "net.4.weight", "net.4.bias"], ["h5"], name="/net/net.4/Gemm"),
    helper.make_node("Tanh", ["h5"], ["embedding"], name="/net/net.5/Tanh"),
], [value("features", 12)], [value("embedding", 16)],
    [stored("net.0.weight", W1), stored("net.0.bias", b1), stored("net.2.weight", W2), stored("net.2.bias", b2), stored("net.4.weight", W3), stored("net.4.bias", b3)])

K = rng.normal(size=(6, 1, 3, 3)).astype("<f4") / 3
save("map", [
    helper.make_node("Conv", ["spectrogram", "conv.weight"], ["c1"], pads=[1, 1, 1, 1], name="/conv/Conv"),
    helper.make_node("Relu", ["c1"], ["c2"], name="/conv/Relu"),
    helper.make_node("GlobalAveragePool", ["c2"], ["c3"], name="/pool/GlobalAveragePool"),
    helper.make_node("Flatten", ["c3"], ["embedding"], name="/pool/Flatten"),
], [value("spectrogram", 1, 8, 10)], [value("embedding", 6)], [stored("conv.weight", K)])

# Three classes, of which two lie on both sides of the third.
y = rng.integers(0, 3, size=240)
X = rng.normal(size=(240, 12))
X[:, 0] = np.choose(y, [-1.5, 0, 1.5]) * np.sign(rng.normal(size=240)) + X[:, 0] / 3
X[:, 1] += np.choose(y, [1.2, 0, -1.2])
names = np.array(["ash", "elm", "oak"])[y]
x = X.astype("<f4")
embedding = np.tanh(np.maximum(np.maximum(x @ W1 + b1, 0) @ W2 + b2, 0) @ W3 + b3).astype("<f4")
np.savez_compressed(here / "trees.npz", X=np.asfortranarray(X), y=names, plot=np.arange(240) // 4)
np.save(here / "embedding.npy", embedding)
np.save(here / "maps.npy", rng.normal(size=(20, 1, 8, 10)).astype("<f2"))

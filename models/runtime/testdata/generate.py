"""Writes the models and golden values of this folder.

Made with onnx 1.23.2 and onnxruntime 1.32.0 (CPU, one thread):

    python generate.py
"""
import os

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto as T
from onnx import helper as h
from onnx import numpy_helper as nh

here = os.path.dirname(os.path.abspath(__file__))


def save(name, nodes, inputs, outputs, initialisers, **kw):
    graph = h.make_graph(nodes, name, inputs, outputs, initialisers)
    model = h.make_model(graph, opset_imports=[h.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save_model(model, os.path.join(here, name + ".onnx"), **kw)


f32, i32, i64 = T.FLOAT, T.INT32, T.INT64
vi = h.make_tensor_value_info

# y = x + b, z = 2x
save(
    "add",
    [h.make_node("Add", ["x", "b"], ["y"]), h.make_node("Add", ["x", "x"], ["z"])],
    [vi("x", f32, ["n", 3])],
    [vi("y", f32, ["n", 3]), vi("z", f32, ["n", 3])],
    [nh.from_array(np.array([1, 10, 100], np.float32), "b")],
)

# y = float(a) + float(b), a int32 and b int64
save(
    "integers",
    [
        h.make_node("Cast", ["a"], ["fa"], to=f32),
        h.make_node("Cast", ["b"], ["fb"], to=f32),
        h.make_node("Add", ["fa", "fb"], ["y"]),
    ],
    [vi("a", i32, ["n"]), vi("b", i64, ["n"])],
    [vi("y", f32, ["n"])],
    [],
)

# as add's y, with b in external.bin
save(
    "external",
    [h.make_node("Add", ["x", "b"], ["y"])],
    [vi("x", f32, ["n", 4096])],
    [vi("y", f32, ["n", 4096])],
    [nh.from_array(np.arange(4096, dtype=np.float32), "b")],
    save_as_external_data=True,
    location="external.bin",
    size_threshold=0,
)

# 1,000 products in a row: minutes of work for a large x, and a place to stop after each
width, depth = 64, 1000
names = ["x"] + [f"h{i}" for i in range(1, depth)] + ["y"]
save(
    "slow",
    [h.make_node("MatMul", [a, "w"], [b]) for a, b in zip(names, names[1:])],
    [vi("x", f32, ["n", width])],
    [vi("y", f32, ["n", width])],
    [nh.from_array(np.eye(width, dtype=np.float32)[::-1].copy(), "w")],
)

# all-MiniLM-L6-v2 on two texts of six tokens, the second padded by two
so = ort.SessionOptions()
so.intra_op_num_threads = 1
path = os.path.join(here, "..", "..", "builtin", "all-minilm-l6-v2", "onnx", "model.onnx")
session = ort.InferenceSession(path, so, providers=["CPUExecutionProvider"])
ids = np.array([[101, 7592, 2088, 999, 2017, 102], [101, 8257, 2227, 102, 0, 0]], np.int64)
(hidden,) = session.run(
    ["last_hidden_state"],
    {"input_ids": ids, "attention_mask": (ids != 0).astype(np.int64), "token_type_ids": np.zeros_like(ids)},
)
hidden.astype("<f4").tofile(os.path.join(here, "minilm.bin"))

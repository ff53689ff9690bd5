"""Writes networks.json: gradients of the built-in backbones by PyTorch.

    python -m venv venv && venv/bin/pip install torch==2.15.0 onnx==1.23.2 numpy==2.4.6
    venv/bin/python generate.py

Each case is a backbone, a cut and a size. A graph is run node by node in
PyTorch, float32, one thread, and differentiated by autograd; no code is shared
with package grad. Inputs, targets and heads are made by noise(), which the test
repeats, so that both sides compute the same. Of each gradient the file keeps
its norm, its largest absolute value and some elements with their indices, the
largest among them.
"""
import json
import os

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from onnx import numpy_helper

HERE = os.path.dirname(os.path.abspath(__file__))
BUILTIN = os.path.join(HERE, "..", "..", "..", "builtin")
SAMPLES = 24
CLASSES = 9
DTYPES = {1: torch.float32, 6: torch.int32, 7: torch.int64, 9: torch.bool, 10: torch.float16}


def noise(n, seed):
    """n numbers between -1 and 1: a multiplicative hash, exact in float32."""
    i = np.arange(n, dtype=np.uint64) + np.uint64(seed * 1000003)
    h = (i * np.uint64(2654435761)) % np.uint64(1 << 32)
    h ^= h >> np.uint64(15)
    h = (h * np.uint64(2246822519)) % np.uint64(1 << 32)
    h ^= h >> np.uint64(13)
    return ((h >> np.uint64(8)).astype(np.float64) / (1 << 23) - 1).astype(np.float32)


def attributes(n):
    return {a.name: onnx.helper.get_attribute_value(a) for a in n.attribute}


def run(graph, values, out):
    """Computes values[out] from values; nodes whose outputs are known are left out."""
    made = {o: n for n in graph.node for o in n.output}
    needed, stack = set(), [out]
    while stack:
        t = stack.pop()
        if t in values or t == "" or id(made[t]) in needed:
            continue
        needed.add(id(made[t]))
        stack += list(made[t].input)
    for n in graph.node:
        if id(n) in needed:
            values[n.output[0]] = apply(n, attributes(n), [values[i] if i else None for i in n.input])
    return values[out]


def apply(n, at, x):
    op = n.op_type
    if op == "Constant":
        return torch.from_numpy(numpy_helper.to_array(at["value"]).copy())
    if op == "Conv":
        top, left, bottom, right = at["pads"]
        return F.conv2d(F.pad(x[0], (left, right, top, bottom)), x[1], x[2] if len(x) > 2 else None, at["strides"], 0, at["dilations"], at["group"])
    if op == "Clip":
        return F.hardtanh(x[0], x[1].item(), x[2].item())
    if op == "ReduceMean":
        return x[0].mean(at["axes"] if "axes" in at else x[1].tolist(), keepdim=bool(at.get("keepdims", 1)))
    if op == "Cast":
        return x[0].to(DTYPES[at["to"]])
    if op == "LayerNormalization":
        assert at.get("axis", -1) == -1
        return F.layer_norm(x[0], x[1].shape, x[1], x[2], at["epsilon"])
    if op == "Softmax":
        return torch.softmax(x[0], at.get("axis", -1))
    if op == "Gather":
        axis = at.get("axis", 0)
        index = torch.where(x[1] < 0, x[1] + x[0].shape[axis], x[1])
        y = torch.index_select(x[0], axis, index.reshape(-1))
        return y.reshape(x[0].shape[:axis] + index.shape + x[0].shape[axis + 1:])
    if op == "Reshape":
        shape = [x[0].shape[i] if d == 0 else d for i, d in enumerate(x[1].tolist())]
        return x[0].reshape(shape)
    if op == "Flatten":
        axis = at.get("axis", 1)
        return x[0].reshape(int(np.prod(x[0].shape[:axis])), -1)
    if op == "Slice":
        starts, ends = x[1].tolist(), x[2].tolist()
        axes = x[3].tolist() if len(x) > 3 else range(len(starts))
        y = x[0]
        for s, e, a in zip(starts, ends, axes):
            size = y.shape[a]
            s, e = (min(max(v + size if v < 0 else v, 0), size) for v in (s, e))
            y = y.narrow(a, s, max(e - s, 0))
        return y
    if op == "Unsqueeze":
        y = x[0]
        for a in sorted(x[1].tolist()):
            y = y.unsqueeze(a)
        return y
    if op == "Shape":
        return torch.tensor(list(x[0].shape), dtype=torch.int64)[at.get("start", 0):at.get("end", None)]
    if op == "ConstantOfShape":
        value = torch.from_numpy(numpy_helper.to_array(at["value"]).copy()) if "value" in at else torch.zeros(1)
        return value.expand(x[0].tolist()).clone() if len(x[0]) else value.reshape(())
    if op == "Range":
        return torch.arange(x[0].item(), x[1].item(), x[2].item(), dtype=x[0].dtype)
    if op == "Expand":
        return x[0].expand(torch.broadcast_shapes(x[0].shape, tuple(x[1].tolist())))
    if op == "Concat":
        return torch.cat(x, at["axis"])
    if op == "Squeeze":
        return x[0].squeeze(x[1].tolist()) if len(x) > 1 else x[0].squeeze()
    if op == "GatherND":
        assert at.get("batch_dims", 0) == 0
        return x[0][tuple(x[1].unbind(-1))]
    if op == "Gemm":
        assert at.get("alpha", 1) == 1 and at.get("beta", 1) == 1 and not at.get("transA", 0)
        return x[0] @ (x[1].T if at.get("transB", 0) else x[1]) + x[2]
    if op == "Gelu":
        return F.gelu(x[0], approximate=at.get("approximate", b"none").decode())
    if op == "BatchNormalization":
        return F.batch_norm(x[0], x[3], x[4], x[1], x[2], eps=at["epsilon"])
    if op == "MaxPool":
        top, left, bottom, right = at["pads"]
        assert (top, left) == (bottom, right) and not at.get("ceil_mode", 0)
        return F.max_pool2d(x[0], at["kernel_shape"], at["strides"], (top, left))
    if op == "GlobalAveragePool":
        return x[0].mean((2, 3), keepdim=True)
    simple = {
        "Add": lambda a, b: a + b, "And": lambda a, b: a & b, "Equal": lambda a, b: a == b,
        "Div": lambda a, b: a / b if a.is_floating_point() else torch.div(a, b, rounding_mode="trunc"),
        "Erf": torch.erf, "GreaterOrEqual": lambda a, b: a >= b, "MatMul": lambda a, b: a @ b,
        "Mul": lambda a, b: a * b, "Transpose": lambda a: a.permute(at["perm"]), "Where": torch.where,
        "IsNaN": torch.isnan, "Max": torch.maximum, "Relu": torch.relu, "Tanh": torch.tanh,
    }
    return simple[op](*x)


def gradients(model, cut, fed, pooling=None, features=None):
    """pooling is None, "cls", or the input whose ones tell the tokens of a mean."""
    g = model.graph
    values = {i.name: torch.from_numpy(numpy_helper.to_array(i).copy()) for i in g.initializer}
    weights = {}
    for n in g.node:  # weights that are stored in half the room
        if n.op_type == "Cast" and n.input[0] in values and values[n.input[0]].dtype == torch.float16:
            values[n.output[0]] = values[n.input[0]].float()
    statistics = {i for n in g.node if n.op_type == "BatchNormalization" for i in n.input[3:]}
    for name, v in values.items():
        if v.dtype == torch.float32 and v.numel() > 1 and name not in statistics:
            weights[name] = v.requires_grad_()
    values.update(fed)
    y = run(g, values, features or g.output[0].name)
    if pooling == "cls":
        y = y[:, 0]
    elif pooling:
        m = values[pooling].float().unsqueeze(-1)
        y = (y * m).sum(1) / m.sum(1)
    n, d = y.shape
    weights["head.weight"] = torch.from_numpy(noise(CLASSES * d, 2).reshape(CLASSES, d) / np.float32(np.sqrt(d))).requires_grad_()
    weights["head.bias"] = torch.from_numpy(noise(CLASSES, 3)).requires_grad_()
    logits = F.linear(y, weights["head.weight"], weights["head.bias"])
    target = torch.from_numpy((noise(n * CLASSES, 4).reshape(n, CLASSES) + 1) / np.float32(8 * n))
    loss = -(F.log_softmax(logits, -1) * target).sum()
    loss.backward()
    out = []
    for name, w in weights.items():
        if w.grad is None:
            continue
        grad = w.grad.detach().numpy().ravel()
        index = sorted(set(((np.abs(noise(SAMPLES, 5 + len(out))) * (grad.size - 1)).astype(int)).tolist() + [int(np.abs(grad).argmax())]))
        out.append(dict(name=name, norm=short(np.linalg.norm(grad.astype(np.float64))), max=short(np.abs(grad).max()),
                        index=index, value=[short(v) for v in grad[index]]))
    return dict(loss=short(loss.item()), weights=out)


def short(v):
    return float("%.8g" % v)


def efficientnet(cut, shape):
    model = onnx.load(os.path.join(BUILTIN, "efficientnet-lite0", "onnx", "model.onnx"))
    x = torch.from_numpy(noise(int(np.prod(shape)), 1).reshape(shape) * np.float32(2))
    return dict(backbone="efficientnet-lite0", cut=cut, shape=shape, **gradients(model, cut, {cut or "pixel_values": x}))


def minilm(cut, n, s):
    model = onnx.load(os.path.join(BUILTIN, "all-minilm-l6-v2", "onnx", "model.onnx"))
    ids = ((noise(n * s, 1).astype(np.float64) + 1) / 2 * 30000).astype(np.int64).reshape(n, s)
    mask = (np.arange(s)[None, :] < (s - 3 * np.arange(n))[:, None]).astype(np.int64)
    fed = dict(input_ids=torch.from_numpy(ids), attention_mask=torch.from_numpy(mask), token_type_ids=torch.zeros(n, s, dtype=torch.int64))
    shape = [n, s]
    if cut:
        shape = [n, s, 384]
        fed[cut] = torch.from_numpy(noise(n * s * 384, 1).reshape(shape) * np.float32(2))
    return dict(backbone="all-minilm-l6-v2", cut=cut, shape=shape, **gradients(model, cut, fed, "attention_mask"))


if __name__ == "__main__":
    torch.set_num_threads(1)
    layer = "/m/encoder/layer.%d/output/LayerNorm/LayerNormalization_output_0"
    cases = [
        efficientnet("Add_8", [4, 192, 7, 7]),
        efficientnet("Add_3", [4, 80, 14, 14]),
        efficientnet("", [2, 3, 64, 64]),
        efficientnet("", [2, 3, 224, 224]),
        minilm(layer % 4, 4, 16),
        minilm(layer % 2, 4, 16),
        minilm("", 4, 16),
    ]
    text = json.dumps(dict(torch=torch.__version__, onnx=onnx.__version__, numpy=np.__version__, cases=cases), separators=(",", ":"))
    text = text.replace('{"name"', '\n{"name"').replace('{"backbone"', '\n{"backbone"')
    with open(os.path.join(HERE, "networks.json"), "w") as f:
        f.write(text + "\n")
    print(len(text), "bytes,", [len(c["weights"]) for c in cases], [c["loss"] for c in cases])

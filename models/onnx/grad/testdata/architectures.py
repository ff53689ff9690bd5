"""Writes architectures/*.onnx and architectures.json: small networks as PyTorch
exports them, in several operator sets, with the gradients of the modules
themselves.

    python -m venv venv && venv/bin/pip install torch==2.15.0 onnx==1.23.2 onnxscript numpy==2.4.6
    venv/bin/python architectures.py

Gradients belong to the names that weights have in the ONNX file: a weight is
found by its values, as it is or transposed.
"""
import json
import os
import warnings

import numpy as np
import onnx
import torch
import torch.nn as nn
import torch.nn.functional as F
from onnx import numpy_helper

from generate import CLASSES, SAMPLES, noise, short

HERE = os.path.dirname(os.path.abspath(__file__))


class Residual(nn.Module):
    def __init__(self, cin, cout, stride):
        super().__init__()
        self.a, self.an = nn.Conv2d(cin, cout, 3, stride, 1, bias=False), nn.BatchNorm2d(cout)
        self.b, self.bn = nn.Conv2d(cout, cout, 3, 1, 1, bias=False), nn.BatchNorm2d(cout)
        self.c, self.cn = nn.Conv2d(cin, cout, 1, stride, bias=False), nn.BatchNorm2d(cout)

    def forward(self, x):
        return F.relu(self.bn(self.b(F.relu(self.an(self.a(x))))) + self.cn(self.c(x)))


class ResNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.norm, self.pool = nn.Conv2d(3, 8, 7, 2, 3, bias=False), nn.BatchNorm2d(8), nn.MaxPool2d(3, 2, 1)
        self.layers = nn.Sequential(Residual(8, 8, 1), Residual(8, 16, 2))

    def forward(self, x):
        return torch.flatten(F.adaptive_avg_pool2d(self.layers(self.pool(F.relu(self.norm(self.stem(x))))), 1), 1)


class ConvNeXtBlock(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.depthwise, self.norm = nn.Conv2d(d, d, 7, padding=3, groups=d), nn.LayerNorm(d, eps=1e-6)
        self.up, self.down, self.scale = nn.Linear(d, 4 * d), nn.Linear(4 * d, d), nn.Parameter(torch.ones(d))

    def forward(self, x):
        y = self.norm(self.depthwise(x).permute(0, 2, 3, 1))
        return x + (self.scale * self.down(F.gelu(self.up(y)))).permute(0, 3, 1, 2)


class ConvNeXt(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.first = nn.Conv2d(3, 8, 4, 4), ConvNeXtBlock(8)
        self.norm, self.halve, self.second = nn.LayerNorm(8, eps=1e-6), nn.Conv2d(8, 16, 2, 2), ConvNeXtBlock(16)
        self.last = nn.LayerNorm(16, eps=1e-6)

    def forward(self, x):
        x = self.norm(self.first(self.stem(x)).permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        return self.last(self.second(self.halve(x)).mean([-2, -1]))


class Attention(nn.Module):
    def __init__(self, d, heads, joint):
        super().__init__()
        self.heads, self.joint = heads, joint
        if joint:
            self.qkv = nn.Linear(d, 3 * d)
        else:
            self.q, self.k, self.v = nn.Linear(d, d), nn.Linear(d, d), nn.Linear(d, d)
        self.out = nn.Linear(d, d)

    def forward(self, x, mask=None):
        n, s, d = x.shape
        if self.joint:
            q, k, v = self.qkv(x).reshape(n, s, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        else:
            q, k, v = (f(x).view(n, s, self.heads, d // self.heads).transpose(1, 2) for f in (self.q, self.k, self.v))
        a = q / (d // self.heads) ** 0.5 @ k.transpose(-2, -1)
        if mask is not None:
            a = a.masked_fill((mask == 0)[:, None, None, :], -1e9)
        return self.out((a.softmax(-1) @ v).transpose(1, 2).reshape(n, s, d))


class Block(nn.Module):
    def __init__(self, d, heads, first, joint):
        super().__init__()
        self.first, self.a, self.an, self.fn = first, Attention(d, heads, joint), nn.LayerNorm(d), nn.LayerNorm(d)
        self.up, self.down = nn.Linear(d, 2 * d), nn.Linear(2 * d, d)

    def forward(self, x, mask=None):
        if self.first:  # normalised before, as in ViT
            x = x + self.a(self.an(x), mask)
            return x + self.down(F.gelu(self.up(self.fn(x))))
        x = self.an(x + self.a(x, mask))
        return self.fn(x + self.down(F.gelu(self.up(x))))


class ViT(nn.Module):
    def __init__(self):
        super().__init__()
        self.patch, self.token, self.position = nn.Conv2d(3, 16, 8, 8), nn.Parameter(torch.zeros(1, 1, 16)), nn.Parameter(torch.zeros(1, 17, 16))
        self.blocks, self.norm = nn.Sequential(Block(16, 2, True, True), Block(16, 2, True, True)), nn.LayerNorm(16)

    def forward(self, x):
        x = self.patch(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1) + self.position
        return self.norm(self.blocks(x))[:, 0]


class DistilBERT(nn.Module):
    def __init__(self):
        super().__init__()
        self.words, self.positions, self.norm = nn.Embedding(50, 16), nn.Embedding(12, 16), nn.LayerNorm(16)
        self.blocks = nn.ModuleList([Block(16, 2, False, False), Block(16, 2, False, False)])

    def forward(self, ids, mask):
        x = self.norm(self.words(ids) + self.positions(torch.arange(ids.shape[1])))
        for b in self.blocks:
            x = b(x, mask)
        return x[:, 0]


class MobileNetV3(nn.Module):
    """One block with squeeze-and-excite, hard swish and a grouped convolution."""

    def __init__(self):
        super().__init__()
        self.stem, self.up, self.deep = nn.Conv2d(3, 8, 3, 2, 1), nn.Conv2d(8, 16, 1), nn.Conv2d(16, 16, 5, 2, 2, groups=16)
        self.less, self.more = nn.Conv2d(16, 4, 1), nn.Conv2d(4, 16, 1)
        self.down, self.grouped = nn.Conv2d(16, 8, 1), nn.Conv2d(8, 16, 3, padding=2, dilation=2, groups=4)

    def forward(self, x):
        x = F.hardswish(self.deep(F.hardswish(self.up(F.hardswish(self.stem(x))))))
        x = x * F.hardsigmoid(self.more(F.relu(self.less(F.adaptive_avg_pool2d(x, 1)))))
        return F.relu6(self.grouped(self.down(x))).mean((2, 3))


def samples(module):
    n = 2
    if isinstance(module, DistilBERT):
        ids = ((noise(n * 10, 1).astype(np.float64) + 1) / 2 * 50).astype(np.int64).reshape(n, 10)
        mask = (np.arange(10)[None, :] < (10 - 3 * np.arange(n))[:, None]).astype(np.int64)
        return dict(input_ids=torch.from_numpy(ids), attention_mask=torch.from_numpy(mask))
    return dict(pixel_values=torch.from_numpy(noise(n * 3 * 32 * 32, 1).reshape(n, 3, 32, 32) * np.float32(2)))


def randomise(module):
    for i, (name, p) in enumerate(list(module.named_parameters()) + list(module.named_buffers())):
        if not p.is_floating_point():
            continue
        v = torch.from_numpy(noise(p.numel(), 100 + i).reshape(p.shape).copy())
        fan = p[0].numel() if p.dim() > 1 else 4
        v = v * (3.0 / fan) ** 0.5 if p.dim() > 1 else v / 2
        if "var" in name or (p.dim() == 1 and name.endswith("weight")):
            v = v + 1
        with torch.no_grad():
            p.copy_(v)


def export(module, fed, opset, dynamo, path):
    options = dict(input_names=list(fed), output_names=["features"], opset_version=opset)
    if dynamo:
        torch.onnx.export(module, tuple(fed.values()), path, dynamo=True, external_data=False, verbose=False,
                          dynamic_shapes=tuple({0: torch.export.Dim("batch"), **({1: torch.export.Dim("sequence")} if v.dim() == 2 else {})} for v in fed.values()), **options)
    else:
        torch.onnx.export(module, tuple(fed.values()), path, dynamo=False, do_constant_folding=True, dynamic_axes={k: {0: "batch"} for k in fed},
                          training=torch.onnx.TrainingMode.PRESERVE, **options)
    model = onnx.load(path)
    del model.metadata_props[:]
    for part in [model.graph] + list(model.graph.node) + list(model.graph.value_info) + list(model.graph.initializer):
        part.doc_string = ""
        if hasattr(part, "metadata_props"):
            del part.metadata_props[:]
    del model.graph.value_info[:]
    onnx.save(model, path)
    return model


def case(kind, opset, dynamo):
    module = kind().eval()
    randomise(module)
    fed = samples(module)
    name = "%s-%d" % (kind.__name__.lower(), opset)
    model = export(module, fed, opset, dynamo, os.path.join(HERE, "architectures", name + ".onnx"))
    y = module(*fed.values())
    n, d = y.shape
    head = dict(weight=torch.from_numpy(noise(CLASSES * d, 2).reshape(CLASSES, d) / np.float32(np.sqrt(d))).requires_grad_(),
                bias=torch.from_numpy(noise(CLASSES, 3)).requires_grad_())
    target = torch.from_numpy((noise(n * CLASSES, 4).reshape(n, CLASSES) + 1) / np.float32(8 * n))
    loss = -(F.log_softmax(F.linear(y, head["weight"], head["bias"]), -1) * target).sum()
    loss.backward()
    found = {"head.weight": head["weight"].grad, "head.bias": head["bias"].grad}
    left = dict(module.named_parameters())
    arrays = {i.name: numpy_helper.to_array(i) for i in model.graph.initializer}
    arrays.update({n.output[0]: numpy_helper.to_array(n.attribute[0].t) for n in model.graph.node if n.op_type == "Constant" and n.attribute[0].name == "value"})
    for ours, p in list(left.items()):
        v = p.detach().numpy()
        for theirs, a in arrays.items():
            if a.shape == v.shape and np.array_equal(a, v):
                found[theirs] = p.grad
            elif a.ndim == 2 and a.shape == v.T.shape and np.array_equal(a, v.T):
                found[theirs] = p.grad.T
            else:
                continue
            left.pop(ours)
            break
    assert not left, (name, list(left))
    weights = []
    for theirs, g in found.items():
        grad = g.contiguous().numpy().ravel()
        index = sorted(set(((np.abs(noise(SAMPLES, 5 + len(weights))) * (grad.size - 1)).astype(int)).tolist() + [int(np.abs(grad).argmax())]))
        weights.append(dict(name=theirs, norm=short(np.linalg.norm(grad.astype(np.float64))), max=short(np.abs(grad).max()),
                            index=index, value=[short(v) for v in grad[index]]))
    print(name, os.path.getsize(os.path.join(HERE, "architectures", name + ".onnx")), len(weights), sorted({n.op_type for n in model.graph.node}))
    return dict(backbone=name, cut="", shape=list(next(iter(fed.values())).shape), loss=short(loss.item()), weights=weights)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    os.makedirs(os.path.join(HERE, "architectures"), exist_ok=True)
    cases = []
    for kind in ResNet, MobileNetV3, ConvNeXt, ViT, DistilBERT:
        for opset, dynamo in (9, False), (17, False), (20, True):
            if dynamo and kind is ResNet:
                continue  # this exporter folds BatchNormalization into convolutions
            try:
                cases.append(case(kind, opset, dynamo))
            except (torch.onnx.errors.UnsupportedOperatorError, torch.onnx.errors.SymbolicValueError) as e:
                print("%s is not exported for operator set %d: %s" % (kind.__name__, opset, str(e).splitlines()[0]))
    text = json.dumps(dict(torch=torch.__version__, onnx=onnx.__version__, numpy=np.__version__, cases=cases), separators=(",", ":"))
    text = text.replace('{"name"', '\n{"name"').replace('{"backbone"', '\n{"backbone"')
    with open(os.path.join(HERE, "architectures.json"), "w") as f:
        f.write(text + "\n")

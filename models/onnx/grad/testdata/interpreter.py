"""Runs an ONNX graph node by node in PyTorch, in float64 or another type, so that
autograd differentiates the very graph that is in a file. No code is shared with package
grad.

    g = Graph(onnx.load(path))
    out = g.run({"pixel_values": tensor})       # by name of a tensor
    out["features"].sum().backward()
    g.weights["encoder.weight"].grad            # of each float tensor of the file
"""
import math

import onnx
import torch
import torch.nn.functional as F
from onnx import numpy_helper

TYPES = {2: torch.uint8, 3: torch.int8, 6: torch.int32, 7: torch.int64, 9: torch.bool}


class Graph:
    def __init__(self, model, real=torch.float64):
        self.graph, self.real = model.graph, real
        self.opset = max(o.version for o in model.opset_import if o.domain in ("", "ai.onnx"))
        self.constants, self.weights = {}, {}
        for t in self.graph.initializer:
            self.keep(t.name, self.tensor(t))
        for n in self.graph.node:
            if n.op_type == "Constant":
                self.keep(n.output[0], self.constant(n))

    def tensor(self, proto):
        v = torch.from_numpy(numpy_helper.to_array(proto).copy())
        return v.to(self.real) if v.is_floating_point() else v

    def constant(self, n):
        (a,) = n.attribute
        if a.name == "value":
            return self.tensor(a.t)
        v = onnx.helper.get_attribute_value(a)
        return torch.tensor(v, dtype=self.real if a.name.startswith("value_float") else torch.int64)

    def keep(self, name, v):
        if v.is_floating_point() and v.numel() > 1:
            self.weights[name] = v.requires_grad_()
        self.constants[name] = v

    def run(self, fed, nodes=None, outer=None):
        """Values of all tensors. What is fed in the place of what a node makes
        stays as it is fed."""
        values = dict(outer or self.constants)
        values.update(fed)
        values[""] = None
        for n in self.graph.node if nodes is None else nodes:
            if n.op_type == "Constant":
                values.setdefault(n.output[0], None)
                if values[n.output[0]] is None:
                    values[n.output[0]] = self.constant(n)
                continue
            at = {a.name: onnx.helper.get_attribute_value(a) for a in n.attribute}
            if n.op_type == "If":
                body = at["then_branch"] if values[n.input[0]].item() else at["else_branch"]
                inner = dict(values)
                inner.update({t.name: self.tensor(t) for t in body.initializer})
                made = self.run({}, body.node, inner)
                y = [made[o.name] for o in body.output]
            else:
                y = self.apply(n.op_type, n.domain, at, [values[i] for i in n.input], len(n.output))
            if not isinstance(y, (list, tuple)):
                y = [y]
            for name, v in zip(n.output, y):
                if name not in fed:
                    values[name] = v
        return values

    def apply(self, op, domain, at, x, outputs):
        assert domain in ("", "ai.onnx"), domain + ":" + op
        if op == "SimplifiedLayerNormalization":
            op = "RMSNormalization"
        simple = {
            "Add": torch.add, "Sub": torch.sub, "Mul": torch.mul, "Pow": torch.pow, "Equal": torch.eq, "Greater": torch.gt, "Less": torch.lt,
            "GreaterOrEqual": torch.ge, "LessOrEqual": torch.le, "And": torch.logical_and, "Or": torch.logical_or, "Not": torch.logical_not, "Xor": torch.logical_xor,
            "Relu": torch.relu, "Sigmoid": torch.sigmoid, "Tanh": torch.tanh, "Erf": torch.erf, "Exp": torch.exp, "Log": torch.log, "Sqrt": torch.sqrt, "Abs": torch.abs,
            "Neg": torch.neg, "Sin": torch.sin, "Cos": torch.cos, "Ceil": torch.ceil, "Floor": torch.floor, "Round": torch.round, "Sign": torch.sign,
            "Reciprocal": torch.reciprocal, "HardSwish": F.hardswish, "Softplus": F.softplus, "MatMul": torch.matmul, "Identity": lambda v: v, "IsNaN": torch.isnan,
            "Min": lambda *v: self.fold(torch.minimum, v), "Max": lambda *v: self.fold(torch.maximum, v), "Sum": lambda *v: self.fold(torch.add, v), "Where": torch.where,
            "Dropout": lambda v, *_: v,
        }
        if op in simple:
            return simple[op](*x)
        if op.startswith("Reduce"):
            return self.reduce(op, at, x)
        return getattr(self, op)(at, x, outputs)

    @staticmethod
    def fold(f, v):
        y = v[0]
        for other in v[1:]:
            y = f(y, other)
        return y

    def reduce(self, op, at, x):
        axes = at.get("axes") or (x[1].tolist() if len(x) > 1 and x[1] is not None else [])
        if not axes:
            if at.get("noop_with_empty_axes", 0):
                return x[0]
            axes = list(range(x[0].dim()))
        f = {"ReduceMean": torch.mean, "ReduceSum": torch.sum, "ReduceMax": torch.amax, "ReduceMin": torch.amin, "ReduceL2": lambda v, d, keepdim: v.pow(2).sum(d, keepdim=keepdim).sqrt(),
             "ReduceSumSquare": lambda v, d, keepdim: v.pow(2).sum(d, keepdim=keepdim)}
        if op == "ReduceProd":
            y = x[0]
            for a in sorted((a % x[0].dim() for a in axes), reverse=True):
                y = y.prod(a, keepdim=bool(at.get("keepdims", 1)))
            return y
        return f[op](x[0], tuple(axes), keepdim=bool(at.get("keepdims", 1)))

    def Div(self, at, x, _):
        return x[0] / x[1] if x[0].is_floating_point() else torch.div(x[0], x[1], rounding_mode="trunc")

    def Mod(self, at, x, _):
        return torch.fmod(*x) if at.get("fmod", 0) else torch.remainder(*x)

    def Cast(self, at, x, _):
        return x[0].to(TYPES.get(at["to"], self.real))

    def CastLike(self, at, x, _):
        return x[0].to(x[1].dtype)

    def Clip(self, at, x, _):
        lo, hi = (at.get("min"), at.get("max")) if len(x) == 1 else (x[1:] + [None])[:2]
        return torch.clamp(x[0], None if lo is None else float(lo), None if hi is None else float(hi))

    def LeakyRelu(self, at, x, _):
        return F.leaky_relu(x[0], at.get("alpha", 0.01))

    def HardSigmoid(self, at, x, _):
        return torch.clamp(at.get("alpha", 0.2) * x[0] + at.get("beta", 0.5), 0, 1)

    def Gelu(self, at, x, _):
        return F.gelu(x[0], approximate=at.get("approximate", b"none").decode())

    def Softmax(self, at, x, _):
        if self.opset < 13:
            a = at.get("axis", 1) % x[0].dim()
            return x[0].flatten(a).softmax(-1).reshape(x[0].shape)
        # A row of minus infinities is not a number, and nothing flows back
        # through it.
        axis = at.get("axis", -1)
        dead = (x[0] == float("-inf")).all(axis, keepdim=True)
        return torch.where(dead, float("nan"), torch.softmax(torch.where(dead, 0.0, x[0]), axis))

    def LogSoftmax(self, at, x, _):
        return torch.log_softmax(x[0], at.get("axis", -1))

    def Gemm(self, at, x, _):
        a = x[0].T if at.get("transA", 0) else x[0]
        b = x[1].T if at.get("transB", 0) else x[1]
        y = at.get("alpha", 1.0) * (a @ b)
        return y if len(x) < 3 or x[2] is None else y + at.get("beta", 1.0) * x[2]

    def Einsum(self, at, x, _):
        return torch.einsum(at["equation"].decode(), *x)

    def Conv(self, at, x, _):
        r = x[0].dim() - 2
        k, s, d = x[1].shape[2:], at.get("strides", [1] * r), at.get("dilations", [1] * r)
        p = self.pads(at, x[0].shape[2:], k, s, d)
        v = F.pad(x[0], self.around(p))
        f = [None, F.conv1d, F.conv2d, F.conv3d][r]
        return f(v, x[1], x[2] if len(x) > 2 else None, s, 0, d, at.get("group", 1))

    @staticmethod
    def pads(at, size, k, s, d):
        r, auto = len(size), at.get("auto_pad", b"NOTSET").decode()
        if auto in ("NOTSET", ""):
            return at.get("pads", [0] * 2 * r)
        if auto == "VALID":
            return [0] * 2 * r
        all = [max((math.ceil(n / st) - 1) * st + (kk - 1) * dd + 1 - n, 0) for n, kk, st, dd in zip(size, k, s, d)]
        less, more = [a // 2 for a in all], [a - a // 2 for a in all]
        return less + more if auto == "SAME_UPPER" else more + less

    @staticmethod
    def around(p):
        """Pads as ONNX has them, as F.pad takes them."""
        r, out = len(p) // 2, []
        for i in reversed(range(r)):
            out += [p[i], p[i + r]]
        return out

    def MaxPool(self, at, x, outputs):
        k = at["kernel_shape"]
        r = len(k)
        s, d = at.get("strides", [1] * r), at.get("dilations", [1] * r)
        v = F.pad(x[0], self.around(self.pads(at, x[0].shape[2:], k, s, d)), value=float("-inf"))
        assert outputs == 1
        return F.max_pool2d(v, k, s, 0, d, bool(at.get("ceil_mode", 0)))

    def AveragePool(self, at, x, _):
        k = at["kernel_shape"]
        s, p = at.get("strides", [1] * len(k)), at.get("pads", [0] * 2 * len(k))
        pad = lambda v: F.pad(v, self.around(p))
        one = torch.ones_like(x[0])
        ceil = bool(at.get("ceil_mode", 0))
        assert not ceil
        count = F.avg_pool2d(pad(one), k, s)
        y = F.avg_pool2d(pad(x[0]), k, s)
        return y if at.get("count_include_pad", 0) else y / count

    def GlobalAveragePool(self, at, x, _):
        return x[0].mean(tuple(range(2, x[0].dim())), keepdim=True)

    def BatchNormalization(self, at, x, _):
        if at.get("training_mode", 0):  # of standardised filters
            axes = tuple(a for a in range(x[0].dim()) if a != 1)
            mean, var = x[0].mean(axes), x[0].var(axes, unbiased=False)
        else:
            mean, var = x[3], x[4]
        shape = [1, -1] + [1] * (x[0].dim() - 2)
        y = (x[0] - mean.reshape(shape)) / torch.sqrt(var.reshape(shape) + at.get("epsilon", 1e-5))
        return y * x[1].reshape(shape) + x[2].reshape(shape)

    def InstanceNormalization(self, at, x, _):
        return F.instance_norm(x[0], weight=x[1], bias=x[2], eps=at.get("epsilon", 1e-5))

    def LayerNormalization(self, at, x, _):
        a = at.get("axis", -1) % x[0].dim()
        return F.layer_norm(x[0], x[0].shape[a:], x[1], x[2] if len(x) > 2 else None, at.get("epsilon", 1e-5))

    def RMSNormalization(self, at, x, _):
        a = at.get("axis", -1) % x[0].dim()
        return x[0] * torch.rsqrt(x[0].pow(2).mean(tuple(range(a, x[0].dim())), keepdim=True) + at.get("epsilon", 1e-5)) * x[1]

    def Concat(self, at, x, _):
        return torch.cat(x, at["axis"])

    def Reshape(self, at, x, _):
        shape = x[1].tolist()
        if not at.get("allowzero", 0):
            shape = [x[0].shape[i] if d == 0 else d for i, d in enumerate(shape)]
        return x[0].reshape(shape)

    def Flatten(self, at, x, _):
        a = at.get("axis", 1)
        a = a + x[0].dim() if a < 0 else a
        return x[0].reshape(math.prod(x[0].shape[:a]), -1)

    def axes(self, at, x):
        return at["axes"] if "axes" in at else x[1].tolist() if len(x) > 1 and x[1] is not None else None

    def Squeeze(self, at, x, _):
        axes = self.axes(at, x)
        return x[0].squeeze() if axes is None else x[0].squeeze(tuple(axes))

    def Unsqueeze(self, at, x, _):
        axes, y = self.axes(at, x), x[0]
        for a in sorted(a % (x[0].dim() + len(axes)) for a in axes):
            y = y.unsqueeze(a)
        return y

    def Transpose(self, at, x, _):
        return x[0].permute(at.get("perm", list(range(x[0].dim()))[::-1]))

    def Expand(self, at, x, _):
        return x[0].expand(torch.broadcast_shapes(x[0].shape, tuple(x[1].tolist())))

    def Tile(self, at, x, _):
        return x[0].repeat(x[1].tolist())

    def Slice(self, at, x, _):
        if len(x) == 1:
            starts, ends, axes, steps = at["starts"], at["ends"], at.get("axes"), None
        else:
            starts, ends = x[1].tolist(), x[2].tolist()
            axes = x[3].tolist() if len(x) > 3 and x[3] is not None else None
            steps = x[4].tolist() if len(x) > 4 and x[4] is not None else None
        y = x[0]
        for i, (a, b) in enumerate(zip(starts, ends)):
            axis = axes[i] if axes else i
            n = y.shape[axis]
            index = range(n)[slice(a, b if b > -(1 << 31) else None, steps[i] if steps else 1)]
            y = y.index_select(axis, torch.tensor(list(index), dtype=torch.int64))
        return y

    def Split(self, at, x, outputs):
        axis = at.get("axis", 0)
        sizes = at.get("split") or (x[1].tolist() if len(x) > 1 and x[1] is not None else None)
        if sizes is None:
            size = math.ceil(x[0].shape[axis] / outputs)
            return torch.split(x[0], size, axis)
        return torch.split(x[0], sizes, axis)

    def Pad(self, at, x, _):
        p = at["pads"] if "pads" in at else x[1].tolist()
        axes = x[3].tolist() if len(x) > 3 and x[3] is not None else list(range(x[0].dim()))
        full = [0] * 2 * x[0].dim()
        for i, a in enumerate(axes):
            full[a], full[a + x[0].dim()] = p[i], p[i + len(axes)]
        mode = at.get("mode", b"constant").decode()
        value = at.get("value", 0.0) if len(x) < 3 or x[2] is None else x[2].item()
        if mode == "constant":
            return F.pad(x[0], self.around(full), value=value)
        return F.pad(x[0], self.around(full)[:2 * (x[0].dim() - 2)], mode={"edge": "replicate"}.get(mode, mode))

    def Gather(self, at, x, _):
        axis = at.get("axis", 0) % x[0].dim()
        index = torch.where(x[1] < 0, x[1] + x[0].shape[axis], x[1])
        y = x[0].index_select(axis, index.reshape(-1))
        return y.reshape(x[0].shape[:axis] + index.shape + x[0].shape[axis + 1:])

    def GatherElements(self, at, x, _):
        axis = at.get("axis", 0)
        return torch.gather(x[0], axis, torch.where(x[1] < 0, x[1] + x[0].shape[axis], x[1]).long())

    def GatherND(self, at, x, _):
        b, k = at.get("batch_dims", 0), x[1].shape[-1]
        index = list(torch.meshgrid(*(torch.arange(n) for n in x[1].shape[:b]), indexing="ij")) if b else []
        index = [i.reshape(i.shape + (1,) * (x[1].dim() - 1 - b)) for i in index]
        return x[0][tuple(index + [x[1][..., i] for i in range(k)])]

    def ScatterND(self, at, x, _):
        return x[0].index_put(tuple(x[1][..., i] for i in range(x[1].shape[-1])), x[2], accumulate=at.get("reduction", b"none") == b"add")

    def ScatterElements(self, at, x, _):
        return x[0].scatter(at.get("axis", 0), x[1], x[2])

    def Shape(self, at, x, _):
        return torch.tensor(x[0].shape[at.get("start", 0):at.get("end", None)], dtype=torch.int64)

    def Size(self, at, x, _):
        return torch.tensor(x[0].numel())

    def ConstantOfShape(self, at, x, _):
        v = self.tensor(at["value"]) if "value" in at else torch.zeros(1, dtype=self.real)
        return torch.full(x[0].tolist(), v.item(), dtype=v.dtype)

    def Range(self, at, x, _):
        return torch.arange(x[0].item(), x[1].item(), x[2].item(), dtype=x[0].dtype)

    def ArgMax(self, at, x, _):
        return x[0].argmax(at.get("axis", 0), keepdim=bool(at.get("keepdims", 1)))

    def NonZero(self, at, x, _):
        return torch.nonzero(x[0]).T

    def CumSum(self, at, x, _):
        assert not at.get("exclusive", 0) and not at.get("reverse", 0)
        return torch.cumsum(x[0], x[1].item()).to(x[0].dtype)

    def Trilu(self, at, x, _):
        k = x[1].item() if len(x) > 1 and x[1] is not None else 0
        return torch.triu(x[0], k) if at.get("upper", 1) else torch.tril(x[0], k)

    def Resize(self, at, x, _):
        mode = at.get("mode", b"nearest").decode()
        where = at.get("coordinate_transformation_mode", b"half_pixel").decode()
        if len(x) > 3 and x[3] is not None:
            sizes, scales = x[3].tolist(), None
        else:
            scales = x[2].tolist()
            sizes = [math.floor(n * s) for n, s in zip(x[0].shape, scales)]
        assert list(sizes[:2]) == list(x[0].shape[:2]), "only images are resized"
        if mode == "nearest":
            assert where in ("asymmetric",) and at.get("nearest_mode", b"round_prefer_floor") == b"floor"
            return F.interpolate(x[0], size=sizes[2:], mode="nearest")
        mode = {"linear": "bilinear", "cubic": "bicubic"}[mode]
        assert where in ("half_pixel", "pytorch_half_pixel", "align_corners"), where
        assert mode == "bilinear" or abs(at.get("cubic_coeff_a", -0.75) + 0.75) < 1e-6
        if scales is not None and where != "align_corners":
            return F.interpolate(x[0], scale_factor=scales[2:], mode=mode, align_corners=False, antialias=False, recompute_scale_factor=False)
        return F.interpolate(x[0], size=sizes[2:], mode=mode, align_corners=where == "align_corners")

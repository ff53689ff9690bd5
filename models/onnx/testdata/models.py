"""Writes the small models of models/: networks as exporters write them, at
several operator sets, and files with every kind of thing that a model can have
in it.

    python models/onnx/testdata/models.py

Versions: onnx 1.23.2, numpy 2, Python 3.11.
"""
import pathlib

import numpy as np
import onnx
from onnx import TensorProto as T
from onnx import helper as H
from onnx import numpy_helper as NH

out = pathlib.Path(__file__).resolve().parent / "models"
out.mkdir(exist_ok=True)
for old in out.glob("*.onnx"):
    old.unlink()
rng = np.random.default_rng(0)


class Net:
    """A graph that is written node by node; axes are attributes or inputs as the
    operator set wants them."""

    def __init__(s, opset):
        s.opset, s.nodes, s.inits, s.n = opset, [], [], 0

    def w(s, *shape, name=None, dtype=np.float32, value=None):
        a = np.asarray(value, dtype) if value is not None else (rng.standard_normal(shape) * 0.3).astype(dtype)
        s.n += 1
        name = name or f"w{s.n}"
        s.inits.append(NH.from_array(a, name))
        return name

    def k(s, value, dtype=np.int64):
        """A Constant node."""
        return s.op("Constant", value=NH.from_array(np.asarray(value, dtype)))

    def op(s, kind, *inputs, outs=1, domain="", out=None, **attrs):
        s.n += 1
        names = [f"{kind}_{s.n}_{i}" for i in range(outs)] if outs > 1 else [out or f"{kind}_{s.n}"]
        s.nodes.append(H.make_node(kind, list(inputs), names, name=f"n{s.n}", domain=domain, **attrs))
        return names if outs > 1 else names[0]

    def axes(s, kind, x, axes, since, **attrs):
        """since: the operator set from which on the axes are an input."""
        if s.opset >= since:
            return s.op(kind, x, s.k(axes), **attrs)
        return s.op(kind, x, axes=axes, **attrs)

    def unsqueeze(s, x, axes): return s.axes("Unsqueeze", x, axes, 13)
    def squeeze(s, x, axes): return s.axes("Squeeze", x, axes, 13)
    def mean(s, x, axes, keep=1): return s.axes("ReduceMean", x, axes, 18, keepdims=keep)

    def slice(s, x, starts, ends, axes):
        if s.opset < 10:
            return s.op("Slice", x, starts=starts, ends=ends, axes=axes)
        return s.op("Slice", x, s.k(starts), s.k(ends), s.k(axes))

    def dense(s, x, i, o): return s.op("Add", s.op("MatMul", x, s.w(i, o)), s.w(o))

    def gelu(s, x):
        if s.opset >= 20:
            return s.op("Gelu", x)
        e = s.op("Erf", s.op("Div", x, s.k(2 ** 0.5, np.float32)))
        return s.op("Mul", s.op("Mul", x, s.op("Add", e, s.k(1, np.float32))), s.k(0.5, np.float32))

    def norm(s, x, d):
        if s.opset >= 17:
            return s.op("LayerNormalization", x, s.w(d), s.w(d), epsilon=1e-6)
        c = s.op("Sub", x, s.mean(x, [-1]))
        v = s.mean(s.op("Pow", c, s.k(2, np.float32)), [-1])
        y = s.op("Div", c, s.op("Sqrt", s.op("Add", v, s.k(1e-6, np.float32))))
        return s.op("Add", s.op("Mul", y, s.w(d)), s.w(d))

    def conv(s, x, i, o, k=3, group=1, bias=True, **attrs):
        attrs.setdefault("pads", [k // 2] * 4)
        if attrs.get("auto_pad"):
            attrs.pop("pads")
        return s.op("Conv", x, s.w(o, i // group, k, k), *([s.w(o)] if bias else []), group=group, kernel_shape=[k, k], **attrs)

    def bn(s, x, c):
        return s.op("BatchNormalization", x, s.w(c), s.w(c), s.w(c), s.w(c, value=rng.random(c) + 0.5), epsilon=1e-5)

    def dim(s, x, i):
        return s.op("Gather", s.op("Shape", x), s.k(i), axis=0)

    def attention(s, x, d, heads, mask=None):
        b, n = (s.unsqueeze(s.dim(x, i), [0]) for i in (0, 1))
        split = s.op("Concat", b, n, s.k([heads]), s.k([d // heads]), axis=0)
        q, k, v = (s.op("Transpose", s.op("Reshape", s.dense(x, d, d), split), perm=p) for p in ([0, 2, 1, 3], [0, 2, 3, 1], [0, 2, 1, 3]))
        a = s.op("Div", s.op("MatMul", q, k), s.k((d // heads) ** 0.5, np.float32))
        if mask:
            a = s.op("Add", a, mask)
        a = s.op("Softmax", a, axis=3 if s.opset < 13 else -1)
        y = s.op("Transpose", s.op("MatMul", a, v), perm=[0, 2, 1, 3])
        return s.dense(s.op("Reshape", y, s.k([0, -1, d])), d, d)

    def layer(s, x, d, heads, mask=None):
        x = s.norm(s.op("Add", x, s.attention(x, d, heads, mask)), d)
        return s.norm(s.op("Add", x, s.dense(s.gelu(s.dense(x, d, 2 * d)), 2 * d, d)), d)

    def model(s, inputs, outputs, **kw):
        ins = [H.make_tensor_value_info(n, t, shape) for n, t, shape in inputs]
        outs = [H.make_tensor_value_info(n, t, shape) for n, t, shape in outputs]
        g = H.make_graph(s.nodes, "g", ins, outs, s.inits)
        return H.make_model(g, opset_imports=[H.make_opsetid("", s.opset)] + kw.pop("sets", []), ir_version=8 if s.opset < 19 else 10, **kw)


def save(name, m):
    (out / f"{name}.onnx").write_bytes(m.SerializeToString())


IMAGE = [("pixel_values", T.FLOAT, ["batch", 3, 16, 16])]
TEXT = [("input_ids", T.INT64, ["batch", "tokens"]), ("attention_mask", T.INT64, ["batch", "tokens"])]


def resnet(opset):
    s = Net(opset)
    x = s.op("Relu", s.bn(s.conv("pixel_values", 3, 8, strides=[2, 2], bias=False), 8))
    x = s.op("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    for i, o, st in ((8, 8, 1), (8, 12, 2)):
        y = s.op("Relu", s.bn(s.conv(x, i, o, strides=[st, st], bias=False), o))
        y = s.bn(s.conv(y, o, o, bias=False), o)
        if st > 1:
            x = s.bn(s.conv(x, i, o, k=1, strides=[st, st], bias=False), o)
        x = s.op("Relu", s.op("Add", y, x))
    x = s.op("Flatten", s.op("GlobalAveragePool", x), axis=1)
    s.op("Gemm", x, s.w(5, 12), s.w(5), transB=1, out="features")
    return s.model(IMAGE, [("features", T.FLOAT, ["batch", 5])])


def convnext(opset):
    s = Net(opset)
    def channels_last(x, f): return s.op("Transpose", f(s.op("Transpose", x, perm=[0, 2, 3, 1])), perm=[0, 3, 1, 2])
    x = channels_last(s.op("Conv", "pixel_values", s.w(8, 3, 4, 4), s.w(8), strides=[4, 4]), lambda y: s.norm(y, 8))
    for _ in range(2):
        y = s.conv(x, 8, 8, k=7, group=8)
        y = channels_last(y, lambda y: s.op("Mul", s.dense(s.gelu(s.dense(s.norm(y, 8), 8, 16)), 16, 8), s.w(8)))
        x = s.op("Add", x, y)
    s.norm(s.mean(x, [2, 3], 0), 8)
    s.nodes[-1].output[0] = "features"
    return s.model(IMAGE, [("features", T.FLOAT, ["batch", 8])])


def vit(opset):
    s = Net(opset)
    x = s.op("Conv", "pixel_values", s.w(12, 3, 4, 4), s.w(12), strides=[4, 4])
    shape = s.op("Concat", s.unsqueeze(s.dim(x, 0), [0]), s.k([12]), s.k([-1]), axis=0)
    x = s.op("Transpose", s.op("Reshape", x, shape), perm=[0, 2, 1])
    b = s.unsqueeze(s.dim(x, 0), [0])
    token = s.op("Expand", s.w(1, 1, 12, name="cls"), s.op("Concat", b, s.k([1]), s.k([1]), axis=0))
    x = s.op("Add", s.op("Concat", token, x, axis=1), s.w(1, 17, 12, name="positions"))
    q, k, v = s.op("Split", s.dense(s.norm(x, 12), 12, 36), *([s.k([12, 12, 12])] if opset >= 13 else []), outs=3, axis=2, **({} if opset >= 13 else {"split": [12, 12, 12]}))
    a = s.op("Softmax", s.op("Mul", s.op("MatMul", q, s.op("Transpose", k, perm=[0, 2, 1])), s.k(0.3, np.float32)), axis=2)
    x = s.op("Add", x, s.dense(s.op("MatMul", a, v), 12, 12))
    x = s.op("Add", x, s.dense(s.gelu(s.dense(s.norm(x, 12), 12, 24)), 24, 12))
    s.squeeze(s.slice(s.norm(x, 12), [0], [1], [1]), [1])
    s.nodes[-1].output[0] = "features"
    return s.model(IMAGE, [("features", T.FLOAT, ["batch", 12])])


def bert(opset, kind="bert"):
    s = Net(opset)
    d = 12
    ids, mask = "input_ids", "attention_mask"
    words = s.op("Gather", s.w(30, d, name="words"), ids, axis=0)
    if kind == "roberta":      # positions count the tokens that are not padding
        m = s.op("Cast", s.op("Not", s.op("Equal", ids, s.k(1))), to=T.INT64)
        p = s.op("Add", s.op("Mul", s.op("CumSum", m, s.k(1)), m), s.k(1))
        at = s.op("Gather", s.w(40, d, name="positions"), p)
    else:
        stored = s.w(1, 40, name="position_ids", value=np.arange(40)[None], dtype=np.int64)
        end = s.unsqueeze(s.dim(ids, 1), [0])
        p = s.op("Slice", stored, s.k([0]), end, s.k([1]))
        at = s.op("Gather", s.w(40, d, name="positions"), p)
    x = s.norm(s.op("Add", words, at), d)
    if kind == "distilbert":   # the mask is spread over heads and rows, then chosen by it
        b, n = s.unsqueeze(s.dim(ids, 0), [0]), s.unsqueeze(s.dim(ids, 1), [0])
        m = s.op("Reshape", s.op("Equal", mask, s.k(0)), s.op("Concat", b, s.k([1]), s.k([1]), n, axis=0))
        m = s.op("Expand", m, s.op("Concat", b, s.k([3]), n, n, axis=0))
        m = s.op("Where", m, s.k(-3.4e38, np.float32), s.k(0, np.float32))
    else:
        m = s.op("Cast", s.unsqueeze(s.unsqueeze(mask, [1]), [2]), to=T.FLOAT)
        m = s.op("Mul", s.op("Sub", s.k(1, np.float32), m), s.k(-10000, np.float32))
    for _ in range(2):
        x = s.layer(x, d, 3, m)
    s.nodes[-1].output[0] = "last_hidden_state"
    return s.model(TEXT, [("last_hidden_state", T.FLOAT, ["batch", "tokens", d])])


def mobilenet(opset):
    s = Net(opset)
    def swish(x):
        if opset >= 14:
            return s.op("HardSwish", x)
        return s.op("Mul", x, s.op("Div", s.op("Clip", s.op("Add", x, s.k(3, np.float32)), s.k(0, np.float32), s.k(6, np.float32)), s.k(6, np.float32)))
    x = swish(s.conv("pixel_values", 3, 8, strides=[2, 2], auto_pad="SAME_UPPER"))
    y = swish(s.conv(x, 8, 16, k=1))
    y = s.op("LeakyRelu", s.conv(y, 16, 16, k=5, group=16, dilations=[2, 2], pads=[4, 4, 4, 4]), alpha=0.1)
    e = s.op("HardSigmoid", s.conv(s.op("Relu", s.conv(s.op("GlobalAveragePool", y), 16, 4, k=1)), 4, 16, k=1), alpha=1 / 6)
    x = s.op("Add", x, s.conv(s.op("Mul", y, e), 16, 8, k=1))
    x = s.conv(x, 8, 8, strides=[2, 2], auto_pad="SAME_LOWER", group=4)
    x = s.op("AveragePool", x, kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1, count_include_pad=1)
    s.op("ReduceSum", x, s.k([2, 3]), keepdims=0, out="features") if opset >= 13 else s.op("ReduceSum", x, axes=[2, 3], keepdims=0, out="features")
    return s.model(IMAGE, [("features", T.FLOAT, ["batch", 8])])


def channels_last():
    s = Net(13)
    x = s.op("Transpose", s.op("Sub", s.op("Mul", "pixels", s.k(2, np.float32)), s.k(1, np.float32)), perm=[0, 3, 1, 2])
    x = s.op("Clip", s.conv(x, 3, 6, strides=[2, 2]), s.k(0, np.float32), s.k(6, np.float32))
    x = s.op("Transpose", x, perm=[0, 2, 3, 1])
    s.op("MatMul", s.op("Reshape", s.mean(x, [1, 2], 1), s.k([-1, 6])), s.w(6, 4), out="features")
    return s.model([("pixels", T.FLOAT, ["batch", 16, 16, 3])], [("features", T.FLOAT, ["batch", 4])])


def generator(opset):
    """Operators that enlarge."""
    s = Net(opset)
    x = s.op("ConvTranspose", "pixel_values", s.w(3, 4, 3, 3), s.w(4), strides=[2, 2], pads=[1, 1, 1, 1], output_padding=[1, 1])
    scales = s.k([1, 1, 2, 1 if opset < 10 else 0.5], np.float32)
    x = s.op("Upsample", x, scales) if opset < 10 else s.op("Resize", x, scales) if opset < 11 else s.op("Resize", x, s.k([], np.float32), scales, mode="nearest")
    x = s.op("DepthToSpace", x, blocksize=2)
    x = s.op("SpaceToDepth", x, blocksize=2)
    pads = [0, 0, 1, 2, 0, 0, 0, 1]
    x = s.op("Pad", x, pads=pads) if opset < 11 else s.op("Pad", x, s.k(pads))
    x = s.op("InstanceNormalization", x, s.w(4), s.w(4))
    if opset >= 11:
        x = s.op("Resize", x, s.k([], np.float32), s.k([], np.float32), s.op("Concat", s.slice(s.op("Shape", x), [0], [2], [0]), s.k([8, 8]), axis=0), mode="nearest")
    if opset >= 18:
        x = s.op("Pad", x, s.k([1, -1]), "", s.k([3]))
    s.op("ReduceMax", s.op("PRelu", x, s.w(4, 1, 1)), keepdims=1, out="features") if opset < 18 else s.op("ReduceMax", s.op("PRelu", x, s.w(4, 1, 1)), out="features")
    return s.model(IMAGE, [("features", T.FLOAT, [1, 1, 1, 1])])


def arithmetic(opset):
    """Shapes that are computed in many ways, and constants of many kinds."""
    s = Net(opset)
    b, h = s.dim("pixel_values", 0), s.dim("pixel_values", 2)
    half = s.op("Cast", s.op("Floor", s.op("Div", s.op("Cast", h, to=T.FLOAT), s.k(2, np.float32))), to=T.INT64)
    n = s.op("Sub", s.op("Add", half, s.op("Mul", half, s.k(1))), s.op("Div", h, s.k(2)))
    r = s.op("Range", s.k(0), n, s.k(1))
    grid = s.op("Add", s.unsqueeze(r, [0]), s.op("Mul", s.unsqueeze(r, [1]), n))
    grid = s.op("Where", s.op("Less", grid, s.k(30)), grid, s.op("Expand", s.k(7), s.op("Shape", grid)))
    grid = s.op("Max", s.op("Min", grid, s.k(50)), s.k(2)) if opset >= 12 else grid
    grid = s.op("Transpose", s.op("Tile", grid, s.k([1, 2])), perm=[1, 0])
    pick = s.op("Reshape", grid, s.k([-1]))
    last = s.slice(pick, [-1], [-4], [0]) if opset < 10 else s.op("Slice", pick, s.k([-1]), s.k([-9]), s.k([0]), s.k([-2]))
    eye = s.op("EyeLike", s.op("ConstantOfShape", s.k([3, 3]), value=NH.from_array(np.asarray([1], np.int32))))
    nz = s.op("Transpose", s.op("NonZero", eye), perm=[1, 0])
    flat = s.op("Reshape", "pixel_values", s.op("Concat", s.unsqueeze(b, [0]), s.k([-1]), axis=0))
    y = s.op("Gather", flat, last, axis=1)
    z = s.op("Gather", flat, s.op("Reshape", nz, s.k([-1])), axis=1)
    half16 = s.op("Cast", s.w(4, dtype=np.float16, name="half"), to=T.FLOAT)
    double = s.op("Cast", s.w(2, dtype=np.float64, name="double"), to=T.FLOAT)
    tail = s.op("Concat", s.op("Identity", half16), double, axis=0)
    rows = s.op("Expand", s.unsqueeze(tail, [0]), s.op("Concat", s.unsqueeze(b, [0]), s.k([6]), axis=0))
    s.op("Concat", y, z, rows, axis=1, out="features")
    return s.model(IMAGE, [("features", T.FLOAT, ["batch", None])])


def recurrent():
    s = Net(14)
    x = s.op("Transpose", "sequence", perm=[1, 0, 2])
    y, h, c = s.op("LSTM", x, s.w(2, 20, 4), s.w(2, 20, 5), s.w(2, 40), outs=3, hidden_size=5, direction="bidirectional")
    y = s.op("Reshape", s.op("Transpose", y, perm=[0, 2, 1, 3]), s.k([0, 0, -1]))
    z, g = s.op("GRU", y, s.w(1, 9, 10), s.w(1, 9, 3), outs=2, hidden_size=3)
    s.op("Concat", s.squeeze(g, [0]), s.op("Reshape", s.op("Transpose", h, perm=[1, 0, 2]), s.k([0, -1])), axis=1, out="features")
    return s.model([("sequence", T.FLOAT, ["batch", "steps", 4])], [("features", T.FLOAT, ["batch", 13])])


def quantised():
    s = Net(13)
    q, scale, zero = s.op("DynamicQuantizeLinear", "x", outs=3)
    w = s.w(name="w_q", value=rng.integers(-100, 100, (6, 5)), dtype=np.int8)
    y = s.op("Mul", s.op("Cast", s.op("MatMulInteger", q, w, zero), to=T.FLOAT), s.op("Mul", scale, s.k(0.01, np.float32)))
    z = s.op("DequantizeLinear", s.op("QuantizeLinear", y, s.k(0.1, np.float32), s.k(3, np.uint8)), s.k(0.1, np.float32), s.k(3, np.uint8))
    d = s.op("DequantizeLinear", s.w(name="v_q", value=rng.integers(-100, 100, (5, 4)), dtype=np.int8), s.k(0.02, np.float32))
    s.op("MatMul", z, d, out="features")
    return s.model([("x", T.FLOAT, ["batch", 6])], [("features", T.FLOAT, ["batch", 4])])


def lookups():
    s = Net(18)
    v, i = s.op("TopK", "x", s.k([3]), outs=2, axis=-1)
    g = s.op("GatherElements", "x", i, axis=1)
    h = s.op("OneHot", s.op("ArgMax", "x", axis=1, keepdims=0), s.k(6), s.k([0, 1], np.float32))
    n = s.op("GatherND", "x", s.k([[0, 1], [1, 2]]))
    e = s.op("Einsum", "x", s.w(6, 2), equation="bi,ij->bj")
    sc = s.op("ScatterND", "x", s.k([[0]]), s.w(1, 6))
    tri = s.op("Trilu", s.op("Add", s.k(np.ones((4, 4)), np.float32), s.k(0, np.float32)), upper=0)
    p = s.op("MatMul", s.slice(sc, [0], [4], [1]), tri)
    a, b = s.op("Split", p, outs=2, axis=1, num_outputs=2)
    s.op("Concat", v, g, h, e, a, b, axis=1, out="features")
    s.op("ReduceSum", n, out="sum")
    return s.model([("x", T.FLOAT, ["batch", 6])], [("features", T.FLOAT, ["batch", 18]), ("sum", T.FLOAT, [1])])


def branches():
    """An If whose condition is known once the shape is: as PyTorch writes squeeze."""
    s = Net(13)
    known = s.op("Equal", s.dim("x", 1), s.k(1))
    shape = [H.make_tensor_value_info("inner", T.FLOAT, None)]
    then = H.make_graph([H.make_node("Constant", [], ["at"], value=NH.from_array(np.asarray([1]))), H.make_node("Squeeze", ["x", "at"], ["inner"])], "then", [], shape)
    shape = [H.make_tensor_value_info("other", T.FLOAT, None)]
    other = H.make_graph([H.make_node("Add", ["x", "b"], ["sum"]), H.make_node("Relu", ["sum"], ["other"])], "else", [], shape, [NH.from_array(np.ones(17, np.float32), "b")])
    y = s.op("If", known, then_branch=then, else_branch=other)
    s.op("MatMul", s.op("MatMul", y, s.w(17, 5)), s.w(5, 4), out="features")
    return s.model([("x", T.FLOAT, ["batch", "width"])], [("features", T.FLOAT, ["batch", 4])])


for opset in (9, 13, 22):
    save(f"resnet-{opset}", resnet(opset))
for opset in (13, 17, 20):
    save(f"convnext-{opset}", convnext(opset))
for opset in (11, 14, 23):
    save(f"vit-{opset}", vit(opset))
for opset in (11, 17, 24):
    save(f"bert-{opset}", bert(opset))
for opset in (12, 18):
    save(f"roberta-{opset}", bert(opset, "roberta"))
    save(f"distilbert-{opset}", bert(opset, "distilbert"))
for opset in (11, 14):
    save(f"mobilenet-{opset}", mobilenet(opset))
save("mobilenet-nhwc-13", channels_last())
for opset in (9, 10, 13, 19):
    save(f"generator-{opset}", generator(opset))
for opset in (11, 16, 25):
    save(f"arithmetic-{opset}", arithmetic(opset))
save("recurrent-14", recurrent())
save("quantised-13", quantised())
save("lookups-18", lookups())
save("branches-13", branches())

# Files with what a model can have in it beside a network, only to be read and
# written.
m = resnet(13)
m.doc_string, m.domain, m.model_version, m.producer_name = "a description", "test", 3, "models.py"
H.set_model_props(m, {"classes": "a,b", "made by": "hand"})
m = onnx.shape_inference.infer_shapes(m)
m.graph.input[0].type.denotation = "IMAGE"
m.graph.input[0].type.tensor_type.shape.dim[1].denotation = "DATA_CHANNEL"
for n in m.graph.node:
    n.doc_string = "line of the source"
    n.metadata_props.add(key="pkg", value="test")
m.graph.quantization_annotation.add(tensor_name="features").quant_parameter_tensor_names.add(key="SCALE_TENSOR", value="w1")
save("file-annotated", m)

m = quantised()
for i, t in enumerate(m.graph.initializer):   # values in fields instead of raw_data
    m.graph.initializer[i].CopyFrom(H.make_tensor(t.name, t.data_type, t.dims, NH.to_array(t).ravel().tolist()))
m.graph.initializer.append(H.make_tensor("s", T.STRING, [2], [b"caf\xe9", b""]))
m.graph.initializer.append(H.make_tensor("c", T.COMPLEX64, [1], [1 + 2j]))
m.graph.initializer.append(H.make_tensor("h", T.FLOAT16, [3], [1, 0.5, -2]))
m.graph.initializer.append(H.make_tensor("e", T.FLOAT, [0], []))
save("file-fields", m)

f = H.make_function("mine", "Twice", ["a"], ["b"], [H.make_node("Add", ["a", "a"], ["b"])], [H.make_opsetid("", 17)])
g = H.make_graph([H.make_node("Twice", ["x"], ["y"], domain="mine")], "g", [H.make_tensor_value_info("x", T.FLOAT, [2])], [H.make_tensor_value_info("y", T.FLOAT, [2])])
save("file-function", H.make_model(g, functions=[f], opset_imports=[H.make_opsetid("", 17), H.make_opsetid("mine", 1)], ir_version=8))

body = H.make_graph([H.make_node("Identity", ["going"], ["on"]), H.make_node("Add", ["state", "x"], ["next"])], "body",
                    [H.make_tensor_value_info("i", T.INT64, []), H.make_tensor_value_info("going", T.BOOL, []), H.make_tensor_value_info("state", T.FLOAT, [2])],
                    [H.make_tensor_value_info("on", T.BOOL, []), H.make_tensor_value_info("next", T.FLOAT, [2])])
g = H.make_graph([H.make_node("Loop", ["n", "", "x"], ["y"], body=body)], "g", [H.make_tensor_value_info("x", T.FLOAT, [2])],
                 [H.make_tensor_value_info("y", T.FLOAT, [2])], [NH.from_array(np.asarray(3), "n")])
values = NH.from_array(np.asarray([1, 2], np.float32), "sparse")
g.sparse_initializer.append(H.make_sparse_tensor(values, NH.from_array(np.asarray([0, 7])), [10]))
g.value_info.append(H.make_tensor_sequence_value_info("seq", T.FLOAT, [None, "n"]))
g.value_info.append(H.make_value_info("opt", H.make_optional_type_proto(H.make_map_type_proto(T.STRING, H.make_tensor_type_proto(T.FLOAT, None)))))
save("file-bodies", H.make_model(g, opset_imports=[H.make_opsetid("ai.onnx", 16), H.make_opsetid("ai.onnx.ml", 3)], ir_version=8))

m = resnet(9)
for t in m.graph.initializer:
    onnx.external_data_helper.set_external_data(t, "weights.bin", 0, len(t.raw_data))
    t.ClearField("raw_data")
save("file-external", m)
print(len(list(out.glob("*.onnx"))), "models,", sum(p.stat().st_size for p in out.glob("*.onnx")), "bytes")

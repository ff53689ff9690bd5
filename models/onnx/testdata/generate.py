"""Writes the golden files of this folder with the reference implementation.

    python models/onnx/testdata/generate.py

Versions: onnx 1.23.2, protobuf 7.35.1, Python 3.11.
schema.txt    every field of every message and every value of every enum
every.onnx    a model in which every field of every message is set
summary.json  what is in the built-in backbones
"""
import collections
import json
import math
import pathlib

import onnx
from google.protobuf import descriptor_pb2

here = pathlib.Path(__file__).resolve().parent
builtin = here.parent.parent / "builtin"
proto = onnx.onnx_ml_pb2
F = descriptor_pb2.FieldDescriptorProto


def schema():
    fd = descriptor_pb2.FileDescriptorProto()
    proto.DESCRIPTOR.CopyToProto(fd)
    lines = []

    def enum(prefix, e):
        lines.extend(f"{prefix}{e.name} {v.name} {v.number}" for v in e.value)

    def message(prefix, m):
        name = prefix + m.name
        for f in m.field:
            kind = F.Type.Name(f.type)[5:].lower()
            if f.type_name:
                kind += " " + f.type_name.removeprefix(".onnx.")
            line = f"{name} {f.name} {f.number} {F.Label.Name(f.label)[6:].lower()} {kind}"
            if f.options.packed:
                line += " packed"
            if f.HasField("oneof_index"):
                line += " oneof " + m.oneof_decl[f.oneof_index].name
            lines.append(line)
        for n in m.nested_type:
            message(name + ".", n)
        for e in m.enum_type:
            enum(name + ".", e)

    for m in fd.message_type:
        message("", m)
    for e in fd.enum_type:
        enum("", e)
    (here / "schema.txt").write_text("\n".join(sorted(lines)) + "\n")


def fill(m, depth, pick):
    """Sets every field of m. Of a message with a oneof either one field of it
    is set or the fields beside it, as pick says: protobuf leaves the order of
    the two to the writer."""
    d = m.DESCRIPTOR
    for f in d.fields:
        if d.oneofs:
            members = d.oneofs[0].fields
            chosen = pick % (len(members) + 1)
            if f.containing_oneof != (d.oneofs[0] if chosen < len(members) else None):
                continue
            if f.containing_oneof and members[chosen] is not f:
                continue
        repeated = f.label == F.LABEL_REPEATED if hasattr(f, "label") else f.is_repeated
        if f.message_type:
            if depth == 0:
                continue
            for i in range(2 if repeated else 1):
                sub = getattr(m, f.name).add() if repeated else getattr(m, f.name)
                sub.SetInParent()
                fill(sub, depth - 1, pick + i)
            continue
        value = {
            F.TYPE_STRING: "s%d" % f.number, F.TYPE_BYTES: b"\x00\xff%d" % f.number,
            F.TYPE_FLOAT: 0.5 * f.number, F.TYPE_DOUBLE: -0.25 * f.number,
            F.TYPE_ENUM: 1, F.TYPE_UINT64: 2**64 - f.number,
        }.get(f.type, -f.number if f.type == F.TYPE_INT64 else f.number)
        if repeated:
            getattr(m, f.name).extend([value] * 3)
        else:
            setattr(m, f.name, value)


def every():
    m = proto.ModelProto()
    m.graph.SetInParent()
    fill(m, 5, 0)
    # An input of each kind of type.
    for i in range(7):
        fill(m.graph.input.add(), 4, i)
    m.ir_version = 14
    (here / "every.onnx").write_bytes(m.SerializeToString(deterministic=True))


def summary():
    out = {}
    for name in ["all-minilm-l6-v2", "efficientnet-lite0"]:
        m = onnx.load(builtin / name / "onnx" / "model.onnx")
        types = lambda vs: [
            [v.name, onnx.TensorProto.DataType.Name(v.type.tensor_type.elem_type),
             [d.dim_value if d.HasField("dim_value") else d.dim_param for d in v.type.tensor_type.shape.dim]]
            for v in vs]
        out[name] = {
            "ir_version": m.ir_version,
            "opset": [o.version for o in m.opset_import],
            "inputs": types(m.graph.input),
            "outputs": types(m.graph.output),
            "initializers": len(m.graph.initializer),
            "parameters": sum(math.prod(t.dims) for t in m.graph.initializer),
            "operators": dict(sorted(collections.Counter(n.op_type for n in m.graph.node).items())),
        }
    (here / "summary.json").write_text(json.dumps(out, indent=1) + "\n")


schema()
every()
summary()

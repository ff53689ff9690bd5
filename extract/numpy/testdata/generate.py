"""Writes arrays.json.gz: files as NumPy writes them, and what NumPy reads of them.

    python3 extract/numpy/testdata/generate.py

with NumPy 2.x. Each entry has the file (base64), and of each array its name,
type, shape, values (little-endian, row-major, base64), what astype(float32)
makes of numbers, and what str() makes of the values.
"""

import base64
import gzip
import io
import json
import pathlib
import warnings

import numpy as np

warnings.simplefilter("ignore")
rng = np.random.default_rng(0)
entries = []


def b64(b):
    return base64.b64encode(b).decode()


def described(name, a):
    # C order, little-endian
    plain = np.ascontiguousarray(a).astype(a.dtype.newbyteorder("<")).reshape(a.shape)
    d = {"name": name, "type": a.dtype.name.rstrip("0123456789") if a.dtype.kind in "US" else a.dtype.name,
         "shape": list(a.shape), "values": b64(plain.tobytes())}
    if a.dtype.kind in "fiub":
        d["float32"] = b64(plain.astype("<f4").tobytes())
    if a.ndim == 1:
        item = (lambda v: v.decode("latin-1")) if a.dtype.kind == "S" else str
        if a.dtype.itemsize != 2 or a.dtype.kind != "f":  # Go has no shortest text of them
            d["text"] = [item(v) for v in plain]
    return d


def npy(name, a, version=(1, 0)):
    f = io.BytesIO()
    np.lib.format.write_array(f, a, version=version)
    entries.append({"file": name + ".npy", "bytes": b64(f.getvalue()), "arrays": [described("", a)]})


def npz(name, compressed, **arrays):
    f = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(f, **arrays)
    entries.append({"file": name + ".npz", "bytes": b64(f.getvalue()), "arrays": [described(k, v) for k, v in arrays.items()]})


def some(dtype, shape):
    dtype = np.dtype(dtype)
    if dtype.kind == "f":
        a = rng.normal(size=shape) * 10.0 ** rng.integers(-6, 6, size=shape)
        a.flat[0] = {2: 6.1e-5, 4: 1e-45, 8: 5e-324}[dtype.itemsize]
    elif dtype.kind == "b":
        a = rng.integers(0, 2, size=shape)
    else:
        info = np.iinfo(dtype)
        a = rng.integers(info.min, info.max, size=shape, dtype=dtype.newbyteorder("="), endpoint=True)
        a.flat[0], a.flat[-1] = info.min, info.max
    return a.astype(dtype)


for kind in ["f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1"]:
    for order in "<>":
        if order == ">" and kind[1] == "1":
            continue
        for shape in [(5,), (4, 3), (3, 2, 4), (2, 3, 2, 2), (0, 3), (2, 0), ()]:
            for layout in "CF":
                a = np.asarray(some(order + kind, shape) if 0 not in shape and shape else np.zeros(shape, order + kind), order=layout)
                if layout == "F" and len(shape) < 2:
                    continue
                npy(f"{order}{kind} {shape} {layout}", a)
for version in [(1, 0), (2, 0), (3, 0)]:
    npy(f"version {version[0]}", some("<f4", (4, 3)), version)
npy("special", np.array([np.nan, np.inf, -np.inf, -0.0, 0.0, 65504.0, 6e-8], "<f2"))
npy("special", np.array([np.nan, np.inf, -np.inf, -0.0, 1e300, 1e-300, 0.1, 1e16, 1e-5, 123456789.5], "<f8"))
npy("halves", np.arange(0, 1 << 16, 11, dtype="<u2").view("<f2"))
npy("texts", np.array(["cat", "dog", "", "Zürich", "\U0001f600 a"]))
npy("texts", np.array(["cat", "Zürich"]).astype(">U6"))
npy("bytes", np.array([b"cat", b"dog", b"", b"a b"]))
npy("wide", some("<f4", (2, 300)).T)
X, y = some("<f8", (6, 3)), np.array([0, 1, 2, 0, 1, 2])
for compressed in [False, True]:
    npz(f"plain {compressed}", compressed, X=X, y=y)
    npz(f"fortran {compressed}", compressed, X=np.asfortranarray(X), y=np.array(list("abcabc")), group=y.astype("u1"))
f = io.BytesIO()  # as Python 2 wrote it
head = b"{'descr': '<i4', 'fortran_order': False, 'shape': (3L, 2L), }"
head += b" " * (63 - (10 + len(head)) % 64) + b"\n"
a = np.arange(6, dtype="<i4").reshape(3, 2)
entries.append({"file": "python2.npy", "bytes": b64(b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head + a.tobytes()), "arrays": [described("", a)]})

# What is not read, each with a word that its reason has.
for name, word, a in [
    ("objects", "pickle", np.array([1, "a", None], dtype=object)),
    ("records", "structured_to_unstructured", np.array([(1, 2.0)], dtype=[("a", "<i4"), ("b", "<f8")])),
    ("void", "records", np.zeros(2, "V3")),
    ("complex", "complex numbers", np.array([1j])),
    ("dates", "dates", np.array(["2026-01-01"], "M8[D]")),
    ("differences", "dates", np.array([1], "m8[s]")),
    ("long", "floats of another size", np.array([1], np.longdouble)),
]:
    f = io.BytesIO()
    np.save(f, a)
    entries.append({"file": name + ".npy", "bytes": b64(f.getvalue()), "refused": word})
    f = io.BytesIO()
    np.savez(f, a=a)
    entries.append({"file": name + ".npz", "bytes": b64(f.getvalue()), "refused": word})

out = pathlib.Path(__file__).parent / "arrays.json.gz"
out.write_bytes(gzip.compress(json.dumps(entries).encode(), mtime=0))

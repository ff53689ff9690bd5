#!/usr/bin/env python3
"""Checks segments with numpy and Python's standard library: read_segment.py SEGMENT...

Prints rows, values a row, their type, and the SHA-256 of the rows as they stand,
as float32 and as float16; or why one is refused (see docs/cache-format.md).
"""
import hashlib
import json
import os
import sys
import zlib

import numpy as np


def sha256(b):
    return hashlib.sha256(b).hexdigest()


def check(right, what):
    if not right:
        raise ValueError(what)


def read(path):
    """Returns keys (n, 32) uint8, rows (n, D) float32 or float16, and the metadata."""
    data = np.fromfile(path, "u1").tobytes()
    start = 8 + int.from_bytes(data[:8], "little")
    check(start <= len(data) and start % 4096 == 0, "data from %d on" % start)
    header = json.loads(data[8:start])
    meta, n, at, tensors = header.pop("__metadata__"), header["emb"]["shape"][0], 0, []
    check(meta["format"] == "headstart-segment/1", "format")
    check(meta["fp"] == sha256(b"headstart-space/1\0" + meta["space"].encode()), "fingerprint")
    space = json.loads(meta["space"])
    code = {"f32": "<f4", "f16": "<f2"}[space["dtype"]]
    for name, kind, code, shape in (("emb", space["dtype"].upper(), code, [n, space["dim"]]),
                                    ("crc32", "U32", "<u4", [n]), ("keys", "U8", "u1", [n, 32])):
        end = at + np.dtype(code).itemsize * int(np.prod(shape))
        check(header.pop(name) == {"dtype": kind, "shape": shape, "data_offsets": [at, end]}, "place of " + name)
        tensors.append(np.ndarray(shape, code, data, start + at))  # in bounds, or a TypeError
        at = end
    check(not header and len(data) == start + at, "more than emb, crc32 and keys")
    (rows, crcs, keys), names = tensors, [k.tobytes() for k in tensors[2]]
    check(all(a < b for a, b in zip(names, names[1:])), "keys not ascending")
    for i in range(n):
        check(zlib.crc32(names[i] + rows[i].tobytes()) == crcs[i], "checksum of row %d" % i)
    check(os.path.basename(path) == sha256(data) + ".safetensors", "SHA-256 is " + sha256(data))
    return keys, rows, meta


failed = False
for path in sys.argv[1:]:
    try:
        rows = read(path)[1]
        with np.errstate(over="ignore"):  # from 65520 on, float16 is infinite
            print(*rows.shape, rows.dtype, *(sha256(rows.astype(t).tobytes()) for t in (rows.dtype, "<f4", "<f2")))
    except (KeyError, TypeError, ValueError) as e:
        print("%s: refused: %s" % (path, e), file=sys.stderr)
        failed = True
sys.exit(failed)

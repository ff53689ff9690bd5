#!/usr/bin/env python3
"""Puts headstart extract of JPEG photos beside Pillow + ONNX Runtime in Python, and
both beside the bare runtime on tensors that are ready.

    python3 bench/photos.py bin/headstart [PHOTOS [TURNS]]      (make peers)

The photos are 640×480, 4:2:0, quality 85, each another one. All sides run
EfficientNet-Lite0 in batches of as many images, with one thread and with two, which
decode, resize and infer side by side, each with a session of one thread: of the ways
to use two threads in Python the fastest. They alternate; figures are medians of the
turns, ratios medians of the ratios within a turn. headstart's time is that of the
whole command with an empty cache, start and writing included; of Python's sides it is
that of the loop, without imports and loading the model."""
import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
MODEL = ROOT / "models/builtin/efficientnet-lite0/onnx/model.onnx"
FILES = ROOT / "extract/image/jpeg/testdata/bench.zip"
BATCH = 8
ROW = "| %7s | %-12s | %9s | %9s | %9s | %9s | %9s |"


def make(folder, n):
    """Writes n photos that differ: one that is rolled, and made lighter or darker."""
    with zipfile.ZipFile(FILES) as z:
        name = next(m for m in sorted(z.namelist()) if "420" in m)
        photo = np.asarray(Image.open(io.BytesIO(z.read(name))).convert("RGB")).astype(np.int16)
    for i in range(n):
        pixels = np.roll(photo, (7 * i % 480, 13 * i % 640), (0, 1)) + i % 31 - 15
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(
            folder / f"{i:05}.jpg", quality=85, subsampling="4:2:0")


def crop(path):
    im = Image.open(path).convert("RGB")
    w, h = im.size
    w, h = (256, int(256 * h / w)) if w <= h else (int(256 * w / h), 256)
    im = im.resize((w, h), Image.Resampling.BICUBIC)
    x, y = (w - 224) // 2, (h - 224) // 2
    a = np.asarray(im.crop((x, y, x + 224, y + 224)), dtype=np.float32)
    return ((a / 255 - 0.5) / 0.5).transpose(2, 0, 1)


def peer(side, folder, threads):
    """Runs in a process of its own; prints CPU seconds and wall seconds."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = ort.InferenceSession(str(MODEL), options, providers=["CPUExecutionProvider"])
    paths = sorted(Path(folder).glob("*.jpg"))
    batches = [paths[i:i + BATCH] for i in range(0, len(paths), BATCH)]
    ready = np.stack([crop(p) for p in batches[0]])
    session.run(None, {"pixel_values": ready})
    rows, lock, todo = [None] * len(batches), threading.Lock(), iter(range(len(batches)))

    def work():
        while True:
            with lock:
                i = next(todo, None)
            if i is None:
                return
            x = ready if side == "runtime" else np.stack([crop(p) for p in batches[i]])
            rows[i] = session.run(None, {"pixel_values": x[:len(batches[i])]})[0]

    cpu, wall = time.process_time(), time.perf_counter()
    workers = [threading.Thread(target=work) for _ in range(threads)]
    for w in workers:
        w.start()
    for w in workers:
        w.join()
    print(json.dumps([time.process_time() - cpu, time.perf_counter() - wall]))


def ours(binary, folder, threads):
    with tempfile.TemporaryDirectory() as out:
        before, wall = os.times(), time.perf_counter()
        subprocess.run([binary, "extract", "--quiet", "--threads", str(threads), "--cache", out + "/cache", "--out", out + "/x.features", folder],
                       check=True, stdout=subprocess.DEVNULL)
        after = os.times()
        return after.children_user + after.children_system - before.children_user - before.children_system, time.perf_counter() - wall


def side(name, folder, threads):
    return json.loads(subprocess.run([sys.executable, __file__, name, folder, str(threads)], check=True, stdout=subprocess.PIPE).stdout)


def main(binary, n=2000, turns=5):
    import onnxruntime
    import PIL

    print(f"{n} JPEGs, ONNX Runtime {onnxruntime.__version__}, Pillow {PIL.__version__}, {turns} turns; seconds")
    print()
    print(ROW % ("threads", "of", "headstart", "Pillow+RT", "runtime", "by Pillow", "of bare"))
    print(ROW % tuple("-" * w for w in (7, 12, 9, 9, 9, 9, 9)))
    with tempfile.TemporaryDirectory() as folder:
        make(Path(folder), n)
        for threads in 1, 2:
            t = [(ours(binary, folder, threads), side("pillow", folder, threads), side("runtime", folder, threads)) for _ in range(turns)]
            for k, what in enumerate(("CPU", "wall")):
                a, b, c = zip(*[[s[k] for s in turn] for turn in t])
                m = statistics.median
                print(ROW % (threads, what, *["%.2f" % m(x) for x in (a, b, c)],
                             "%.2f" % m([y / x for x, y in zip(a, b)]), "%.2f" % m([y / x for x, y in zip(a, c)])), flush=True)


if __name__ == "__main__":
    if sys.argv[1] in ("pillow", "runtime"):
        peer(sys.argv[1], sys.argv[2], int(sys.argv[3]))
    else:
        main(os.path.abspath(sys.argv[1]), *map(int, sys.argv[2:]))

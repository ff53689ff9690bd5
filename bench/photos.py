#!/usr/bin/env python3
"""Puts headstart extract of JPEG photos beside Pillow + ONNX Runtime in Python, and
both beside the bare runtime on tensors that are ready.

    python3 bench/photos.py bin/headstart [PHOTOS [TURNS]]      (make peers)

The photos are 640×480, 4:2:0, quality 85, each another one. All sides run
EfficientNet-Lite0 in batches of four images, headstart's default and of 1, 2, 4 and 8
the fastest in Python, too. Two threads are used in Python in two ways: a pool that
decodes a batch ahead of one session of two threads ("ahead", how it is usually
written), and threads that decode, resize and infer side by side, each for itself
("apart", the fastest); the bare runtime is apart. The sides alternate; figures are
medians of the turns, ratios medians of the ratios within a turn. headstart's time is
that of the whole command with an empty cache, start and writing included; of Python's
sides it is that of the loop, without imports and loading the model."""
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
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
MODEL = ROOT / "models/builtin/efficientnet-lite0/onnx/model.onnx"
FILES = ROOT / "extract/image/jpeg/testdata/bench.zip"
BATCH = 4
SIDES = "apart", "ahead", "runtime"
ROW = "| %7s | %-4s |" + " %9s |" * 7


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


def session(threads):
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    return ort.InferenceSession(str(MODEL), options, providers=["CPUExecutionProvider"])


def apart(batches, threads, ready=None):
    """Each thread takes the next batch, decodes it and infers; or infers what is ready."""
    run, lock, todo = session(1).run, threading.Lock(), iter(batches)

    def work():
        while True:
            with lock:
                paths = next(todo, None)
            if paths is None:
                return
            x = np.stack([crop(p) for p in paths]) if ready is None else ready
            run(None, {"pixel_values": x[:len(paths)]})

    def loop():
        workers = [threading.Thread(target=work) for _ in range(threads)]
        for w in workers:
            w.start()
        for w in workers:
            w.join()

    return loop


def ahead(batches, threads):
    """A pool decodes a batch ahead of a session that computes with all threads."""
    run = session(threads).run

    def loop():
        with ThreadPoolExecutor(threads) as pool:
            queue = [[pool.submit(crop, p) for p in b] for b in batches[:2]]
            for b in batches[2:] + [None, None]:
                x = np.stack([f.result() for f in queue.pop(0)])
                if b:
                    queue.append([pool.submit(crop, p) for p in b])
                run(None, {"pixel_values": x})

    return loop


def peer(side, folder, threads):
    """Runs in a process of its own; prints CPU seconds and wall seconds."""
    paths = sorted(Path(folder).glob("*.jpg"))
    batches = [paths[i:i + BATCH] for i in range(0, len(paths), BATCH)]
    ready = np.stack([crop(p) for p in batches[0]])
    loop = ahead(batches, threads) if side == "ahead" else apart(batches, threads, ready if side == "runtime" else None)
    cpu, wall = time.process_time(), time.perf_counter()
    loop()
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
    print(ROW % ("threads", "of", "headstart", "apart", "ahead", "runtime", "by apart", "by ahead", "of bare"))
    print(ROW % tuple("-" * w for w in (7, 4, 9, 9, 9, 9, 9, 9, 9)))
    with tempfile.TemporaryDirectory() as folder:
        make(Path(folder), n)
        for threads in 1, 2:
            t = [[ours(binary, folder, threads)] + [side(s, folder, threads) for s in SIDES] for _ in range(turns)]
            for k, what in enumerate(("CPU", "wall")):
                times = [[s[k] for s in turn] for turn in t]
                m = statistics.median
                print(ROW % (threads, what, *["%.2f" % m(x) for x in zip(*times)],
                             *["%.2f" % m([turn[i] / turn[0] for turn in times]) for i in (1, 2, 3)]), flush=True)


if __name__ == "__main__":
    if sys.argv[1] in SIDES:
        peer(*sys.argv[1:3], int(sys.argv[3]))
    else:
        main(os.path.abspath(sys.argv[1]), *map(int, sys.argv[2:]))

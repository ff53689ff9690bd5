#!/usr/bin/env python3
"""Puts the start-up of the command beside Python's onnxruntime.

make startup runs it, and so does make bench. Each run is a process of its own
that predicts or embeds one sample, with all files in the page cache; what is
measured is wall time from the start of the process to its end. The command is
`headstart predict HEAD FILE --quiet`, once with a sample that the cache holds
and once with one that it does not. Python's side imports onnxruntime and
tokenizers or Pillow, makes a session with one thread of the very model file
that the command holds, and runs it on one sample. The kinds of runs alternate;
ratios are of medians.
"""
import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILTIN = ROOT / "models/builtin"
PHOTO = ROOT / "extract/image/testdata/images/jpeg420-320x240-q75.jpg"
TARGETS = {("text", "cached"): 0.15, ("text", "uncached"): 1.0, ("image", "cached"): 0.2, ("image", "uncached"): 0.6}


def session(ort, backbone):
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    path = str(BUILTIN / backbone / "onnx/model.onnx")
    return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def text(path):
    """Python's side of a text."""
    import numpy as np
    import onnxruntime as ort
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(BUILTIN / "all-minilm-l6-v2/tokenizer.json"))
    s = session(ort, "all-minilm-l6-v2")
    tokenizer.no_padding()
    ids = np.array([tokenizer.encode(Path(path).read_text().strip()).ids])
    ones = np.ones_like(ids)
    feed = {"input_ids": ids, "attention_mask": ones, "token_type_ids": np.zeros_like(ids)}
    return s.run(None, feed)[0].mean(1)


def image(path):
    """Python's side of a photo."""
    import numpy as np
    import onnxruntime as ort
    from PIL import Image

    s = session(ort, "efficientnet-lite0")
    photo = Image.open(path).convert("RGB").resize((224, 224), Image.Resampling.BICUBIC)
    x = (np.asarray(photo, np.float32).transpose(2, 0, 1)[None] / 255 - 0.5) / 0.5
    return s.run(None, {s.get_inputs()[0].name: x})[0]


SIDES = {"text": text, "image": image}


class Command:
    """headstart with a head for each modality, and samples in a cache."""

    def __init__(self, program, work):
        self.program, self.work = Path(program).resolve(), Path(work)
        self.env = dict(os.environ, HEADSTART_CACHE=str(self.work / "cache"), HEADSTART_QUIET="true")
        photo = PHOTO.read_bytes()
        rows = ["text,image,label"]
        for i in range(12):
            (self.work / f"{i}.jpg").write_bytes(photo + bytes([i]))
            rows.append(f"sample {i} of a {'warm' if i % 2 else 'cold'} start,{i}.jpg,{i % 2}")
        (self.work / "samples.csv").write_text("\n".join(rows) + "\n")
        self.cached = {"text": self.work / "cached.txt", "image": self.work / "0.jpg"}
        self.cached["text"].write_text("sample 0 of a cold start\n")
        for m in SIDES:
            self.run("extract", f"--{m}", m, "--out", f"{m}.features", "samples.csv")
            self.run("train-head", "--out", f"{m}.head.onnx", f"{m}.features")
            self.run("predict", f"{m}.head.onnx", str(self.cached[m]))

    def run(self, *arguments):
        subprocess.run([self.program, *arguments], cwd=self.work, env=self.env, check=True, stdout=subprocess.DEVNULL)

    def fresh(self, modality, i):
        """A sample that no run has seen."""
        if modality == "text":
            path = self.work / "fresh.txt"
            path.write_text(f"fresh {i} of a cold start\n")
        else:
            # What follows the end of a JPEG file is read by nobody.
            path = self.work / "fresh.jpg"
            path.write_bytes(PHOTO.read_bytes() + b"fresh %d" % i)
        return path

    def predict(self, modality, path):
        self.run("predict", f"{modality}.head.onnx", str(path), "--quiet")


def wall(what):
    start = time.perf_counter()
    what()
    return time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", default=ROOT / "bin/headstart", help="the command")
    parser.add_argument("--rounds", type=int, default=15, help="runs of each kind")
    parser.add_argument("--one", nargs=2, metavar=("MODALITY", "FILE"), help="be Python's side")
    o = parser.parse_args()
    if o.one:
        SIDES[o.one[0]](o.one[1])
        return
    with tempfile.TemporaryDirectory() as work:
        command = Command(o.program, work)
        took = {(m, kind): [] for m in SIDES for kind in ("python", "cached", "uncached")}
        for i in range(-1, o.rounds):  # the first round warms the page cache
            for m in SIDES:
                fresh = command.fresh(m, i)
                me = [sys.executable, __file__, "--one", m, str(fresh)]
                runs = {
                    "python": lambda: subprocess.run(me, check=True),
                    "cached": lambda: command.predict(m, command.cached[m]),
                    "uncached": lambda: command.predict(m, fresh),
                }
                for kind, run in runs.items():
                    t = wall(run)
                    if i >= 0:
                        took[m, kind].append(t)
    import numpy
    import onnxruntime
    import PIL
    import tokenizers

    print(
        f"Python {platform.python_version()}, onnxruntime {onnxruntime.__version__}, tokenizers {tokenizers.__version__}, "
        f"Pillow {PIL.__version__}, numpy {numpy.__version__}; {o.rounds} runs each, medians of wall time; load {os.getloadavg()[0]:.1f}"
    )
    for (m, kind), target in TARGETS.items():
        ours, theirs = statistics.median(took[m, kind]), statistics.median(took[m, "python"])
        print(
            f"{m:5} {kind:8} headstart {1000 * ours:6.0f} ms   Python {1000 * theirs:6.0f} ms   "
            f"{ours / theirs:.2f} of Python's time (target {target})"
        )


if __name__ == "__main__":
    main()

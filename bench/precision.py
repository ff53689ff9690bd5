#!/usr/bin/env python3
"""Puts exports of rounded weights beside those of float32.

make bench-precision runs it. Of the emoji of testdata it trains a head on the
names and one on the images, half of the samples held out, and exports each with
the precisions f32, f16 and int8: the size of the model's file; the accuracy on
up to 1,000 held-out samples and its difference from that of f32, in pairs with
a 95 % interval, as the export measures it; the answers that change and how far
probabilities are apart; and the time that ONNX Runtime takes for a sample, one
thread, in CPU milliseconds, one sample at a time and 16 at once, with the time
and the memory of loading. The three models are run in turns and the medians are
taken.
"""
import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PRECISIONS = ["f32", "f16", "int8"]


def loaded(path):
    """A process that loads a model: seconds of CPU, and megabytes more than before."""
    code = (
        "import sys, time, resource, onnxruntime as ort\n"
        "def rss(): return int(open('/proc/self/statm').read().split()[1]) * resource.getpagesize()\n"
        "o = ort.SessionOptions(); o.intra_op_num_threads = 1\n"
        "before, at = rss(), time.process_time()\n"
        "s = ort.InferenceSession(sys.argv[1], o, providers=['CPUExecutionProvider'])\n"
        "print(time.process_time() - at, (rss() - before) / 1e6)\n"
    )
    out = subprocess.run([sys.executable, "-c", code, path], check=True, capture_output=True, text=True).stdout.split()
    return float(out[0]), float(out[1])


def cpu(session, fed, rounds):
    start = time.process_time()
    for _ in range(rounds):
        session.run(None, fed)
    return (time.process_time() - start) / rounds


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("command", nargs="?", default=str(ROOT / "bin/headstart"))
    p.add_argument("--turns", type=int, default=15)
    a = p.parse_args()
    import numpy as np
    import onnxruntime as ort

    emoji = ROOT / "testdata/emoji"
    with tempfile.TemporaryDirectory() as folder:
        env = dict(os.environ, XDG_CACHE_HOME=folder + "/cache")

        def run(*args):
            done = subprocess.run([a.command, *args, "--quiet"], check=True, cwd=folder, env=env, capture_output=True, text=True)
            return done.stdout

        print(f"headstart export --precision; {platform.machine()}, ONNX Runtime {ort.__version__}, one thread")
        print("samples  precision   MB   accuracy  difference from f32 (95 %)   changed  mean |dp|  max |dp|   ms/1  ms/16 a sample  load s  load MB")
        rng = np.random.default_rng(0)
        for name, source in (("names", ["--text", "name"]), ("images", ["--image", "image", "--alpha", "white"])):
            run("extract", *source, "--out", name + ".features", str(emoji / "emoji.csv"))
            run("train-head", "--by", "none", "--split", "train=0.4,validation=0.1,test=0.5", "--out", name + ".head.onnx", name + ".features")
            sessions, rows = {}, {}
            for precision in PRECISIONS:
                said = json.loads(run("export", name + ".head.onnx", "--precision", precision, "--out", f"{name}-{precision}", "--json"))
                path = os.path.join(folder, said["model"])
                options = ort.SessionOptions()
                options.intra_op_num_threads = 1
                sessions[precision] = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
                loads = [loaded(path) for _ in range(3)]
                rows[precision] = (said, os.path.getsize(path) / 1e6, [statistics.median(x) for x in zip(*loads)])
            times = {(q, n): [] for q in PRECISIONS for n in (1, 16)}
            for _ in range(a.turns):
                for n in (1, 16):
                    if name == "names":  # 12 tokens, between those of the beginning and the end
                        ids = rng.integers(1996, 29000, (n, 12))
                        ids[:, 0], ids[:, -1] = 101, 102
                        fed = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
                    else:
                        fed = {"pixel_values": rng.uniform(-1, 1, (n, 3, 224, 224)).astype("float32")}
                    for precision, s in sessions.items():
                        want = {i.name for i in s.get_inputs()}
                        given = {k: v for k, v in fed.items() if k in want}
                        cpu(s, given, 1)
                        times[precision, n].append(cpu(s, given, 5 if n == 1 else 1) / n * 1000)
            for precision in PRECISIONS:
                said, size, load = rows[precision]
                r = said.get("rounding")
                if r is None:  # of f32 the accuracy is what the others are compared with
                    r = rows["f16"][0]["rounding"]
                    accuracy, rest = r["before"], "                          –        –          –         –"
                else:
                    d = r["difference"]
                    accuracy = r["after"]
                    rest = f'{d["value"]:+.4f} ({d["low"]:+.4f} to {d["high"]:+.4f})  {r["changed"]:4d}/{r["samples"]}   {r["mean_difference"]:.1e}   {r["max_difference"]:.1e}'
                one, many = (statistics.median(times[precision, n]) for n in (1, 16))
                print(f"{name:8} {precision:9} {size:5.1f}   {accuracy:.4f}    {rest}   {one:5.2f}  {many:5.2f}   {load[0]:8.2f}  {load[1]:7.0f}", flush=True)


if __name__ == "__main__":
    main()

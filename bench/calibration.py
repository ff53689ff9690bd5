#!/usr/bin/env python3
"""Whether calibration lowers the log-loss of held-out samples of real data.

    python3 bench/calibration.py bin/headstart lib/pairs [SEEDS]      (make honest)

For each feature set that bench/pairs.py has made: train-head with 12 strengths, means
over the seeds (3), which draw parts and folds. Log-loss and ECE are of samples that
neither the fit, nor the selection, nor the temperature has seen: the test part, or the
folds of the cross-validation."""
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path


def main():
    binary, sets = os.path.abspath(sys.argv[1]), Path(sys.argv[2]).absolute()
    seeds = int(sys.argv[3]) if len(sys.argv) > 3 else 3
    env = {**os.environ, "HEADSTART_CACHE": str(sets / "cache")}
    lower = count = 0
    print("| set | samples | classes | log-loss before | after | ECE before | after |\n|---|---:|---:|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as folder:
        for path in sorted(sets.glob("*.features")):
            before, after = [], []
            for seed in range(seeds):
                run = subprocess.run(
                    [binary, "train-head", "--quiet", "--json", "--baseline", "false", "--l2-points", "12", "--seed", str(seed),
                     "--out", os.path.join(folder, path.stem + ".head.onnx"), path], env=env, check=True, capture_output=True, text=True)
                r = json.loads(run.stdout)
                before.append(r["calibration"]["before"])
                after.append(r["calibration"]["after"])
            mean = lambda errors, name: statistics.mean(e[name] for e in errors)
            was, now = mean(before, "log_loss"), mean(after, "log_loss")
            samples = r["n"]["train"] + r["n"]["validation"] + r["n"]["test"]
            print(f"| {path.stem} | {samples:,} | {len(r['classes'])} | {was:.4f} | {now:.4f} | {mean(before, 'ece'):.3f} | {mean(after, 'ece'):.3f} |", flush=True)
            lower, count = lower + (now < was), count + 1
    print(f"\nlower in {lower} of {count}")


main()

#!/usr/bin/env python3
"""Whether averaging over strengths is better than choosing one, with few samples.

    python3 bench/average.py bin/headstart lib/pairs [DRAWS]      (make honest)

For each feature set that bench/pairs.py has made: train-head with 15 strengths on 10
samples a class, drawn 30 times from one half of the samples, measured on the other half;
--l2 average beside the default, on the same draws. Accuracies and log-losses are means
over the draws."""
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path


def main():
    binary, sets = os.path.abspath(sys.argv[1]), Path(sys.argv[2]).absolute()
    draws = sys.argv[3] if len(sys.argv) > 3 else "30"
    env = {**os.environ, "HEADSTART_CACHE": str(sets / "cache")}
    print("| set | log-loss, chosen λ | average | lower in | accuracy, chosen λ | average |\n|---|---:|---:|---:|---:|---:|")
    lower = count = 0
    with tempfile.TemporaryDirectory() as folder:
        for path in sorted(sets.glob("*.features")):
            spreads = []
            for l2 in "auto", "average":
                run = subprocess.run(
                    [binary, "train-head", "--quiet", "--json", "--baseline", "false", "--by", "none", "--l2", l2, "--l2-points", "15",
                     "--shots", "10", "--split", "train=0.5,test=0.5", "--repeat", draws,
                     "--out", os.path.join(folder, path.stem + ".head.onnx"), path], env=env, check=True, capture_output=True, text=True)
                spreads.append(json.loads(run.stdout)["spread"])
            chosen, average = spreads
            won = sum(a < c for a, c in zip(average["log_loss"]["values"], chosen["log_loss"]["values"]))
            mean = lambda s, name: statistics.mean(s[name]["values"])
            print(f"| {path.stem} | {mean(chosen, 'log_loss'):.4f} | {mean(average, 'log_loss'):.4f} | {won} of {draws} | {mean(chosen, 'accuracy'):.4f} | {mean(average, 'accuracy'):.4f} |", flush=True)
            lower, count = lower + won, count + int(draws)
    print(f"\nlower in {lower} of {count} draws")


main()

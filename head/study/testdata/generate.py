#!/usr/bin/env python3
"""Writes samples of what bench/lcdb.py writes, of two learners and every sixth data set of
which there are at least 1,000 samples: publiccurves.csv is split 0 with three seeds, and
apartcurves.csv seed 0 of all splits.

    python3 head/study/testdata/generate.py lib/lcdb.csv"""
import csv
import sys
from pathlib import Path

with open(sys.argv[1], newline="") as f:
    rows = [r for r in csv.DictReader(f) if r["learner"] in ("logistic", "knn")]
most = {}
for r in rows:
    if r["split"] == "0" and int(r["seed"]) < 3:
        most[r["set"]] = max(most.get(r["set"], 0), int(r["n"]))
sets = sorted((s for s in most if 1000 <= most[s] <= 100000), key=int)[::6]
for name, kept in (
    ("publiccurves", lambda r: r["split"] == "0" and int(r["seed"]) < 3),
    ("apartcurves", lambda r: r["seed"] == "0"),
):
    with open(Path(__file__).parent / (name + ".csv"), "w", newline="") as f:
        w = csv.DictWriter(f, rows[0].keys(), lineterminator="\n")
        w.writeheader()
        w.writerows(r for r in rows if r["set"] in sets and kept(r))

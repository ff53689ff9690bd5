#!/usr/bin/env python3
"""Writes publiccurves.csv, a sample of what bench/lcdb.py writes: split 0 of two learners
of every sixth data set of which there are at least 1,000 samples.

    python3 head/study/testdata/generate.py lib/lcdb.csv"""
import csv
import sys
from pathlib import Path

with open(sys.argv[1], newline="") as f:
    rows = [r for r in csv.DictReader(f) if r["split"] == "0" and r["learner"] in ("logistic", "knn") and int(r["seed"]) < 3]
most = {}
for r in rows:
    most[r["set"]] = max(most.get(r["set"], 0), int(r["n"]))
sets = sorted((s for s in most if 1000 <= most[s] <= 100000), key=int)[::6]
with open(Path(__file__).parent / "publiccurves.csv", "w", newline="") as f:
    w = csv.DictWriter(f, rows[0].keys(), lineterminator="\n")
    w.writeheader()
    w.writerows(r for r in rows if r["set"] in sets)

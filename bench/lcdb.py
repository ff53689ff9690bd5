#!/usr/bin/env python3
"""Writes the public learning curves that head/study's constants are fitted on.

    python3 bench/lcdb.py CURVES.csv      (make bench-study)

They are those of LCDB 1.0 (Mohr, Viering, Loog and van Rijn, ECML PKDD 2022; MIT), of
the PyPI package lcdb 0.1.0, which pip fetches (68 MB): four learners that are like heads,
on 247 data sets of OpenML, with 5 outer splits each. A row is a measurement: set
(OpenML's number), learner, split, n (training samples), seed, error (on the split's test
samples)."""
import csv
import hashlib
import io
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ARCHIVE = "lcdb-0.1.0.tar.gz"
SHA256 = "450ea69b249866298653f718d66a825e3d19a4024dd4ff140b89f2e04d4777ae"
LEARNERS = {
    "sklearn.linear_model.LogisticRegression": "logistic",
    "sklearn.linear_model.RidgeClassifier": "ridge",
    "sklearn.discriminant_analysis.LinearDiscriminantAnalysis": "lda",
    "sklearn.neighbors.KNeighborsClassifier": "knn",
}


def rows(archive):
    """Yields what is written, in the order of the archive."""
    with tarfile.open(archive) as tar:
        table = tar.extractfile("lcdb-0.1.0/lcdb/database-accuracy.csv")
        for r in csv.DictReader(io.TextIOWrapper(table, encoding="utf-8", newline="")):
            learner = LEARNERS.get(r["learner"])
            if learner:
                error = f'{1 - float(r["score_test"]):.6g}'
                yield r["openmlid"], learner, r["outer_seed"], r["size_train"], r["inner_seed"], error


def main(out):
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
             "--no-binary", "lcdb", "--dest", folder, "lcdb==0.1.0"], check=True)
        archive = Path(folder) / ARCHIVE
        digest = hashlib.sha256(archive.read_bytes()).hexdigest()
        if digest != SHA256:
            sys.exit(f"{ARCHIVE} has the SHA-256 {digest}, and not {SHA256}")
        part = out + ".part"
        with open(part, "w", encoding="utf-8", newline="") as f:
            w = csv.writer(f, lineterminator="\n")
            w.writerow(["set", "learner", "split", "n", "seed", "error"])
            w.writerows(rows(archive))
        os.replace(part, out)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])

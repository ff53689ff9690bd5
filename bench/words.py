#!/usr/bin/env python3
"""Puts the bag of words beside a result of train-head beside scikit-learn's.

    python3 bench/words.py bin/headstart [SEEDS]      (make peers)

The texts are the sentences of Amazon, IMDb and Yelp reviews that the npm package
sentiment 5.0.2 tests with, 1,000 each, of two classes; npm fetches it. Both sides use
TF-IDF of words and pairs of words (no sublinear_tf, min_df 1, smooth_idf, l2) and
logistic regression, with C selected among the same five by 3 folds inside each of 10
folds. Figures are accuracies of out-of-fold predictions, means over the seeds; folds
are dealt by each side itself."""
import csv
import json
import os
import statistics
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

SETS = "amazon", "imdb", "yelp"


def fetch(folder):
    """Returns the texts and classes of each set."""
    subprocess.run(["npm", "pack", "--silent", "sentiment@5.0.2"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    out = {}
    with tarfile.open(Path(folder) / "sentiment-5.0.2.tgz") as tar:
        for name in SETS:
            records = json.load(tar.extractfile(f"package/test/fixtures/{name}.json"))
            out[name] = [(r["text"], r["class"]) for r in records if r["text"]]  # one is empty
    return out


def reference(rows, seed):
    """The accuracy by scikit-learn."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_score
    from sklearn.pipeline import make_pipeline

    texts, classes = [r[0] for r in rows], [r[1] for r in rows]
    model = make_pipeline(TfidfVectorizer(ngram_range=(1, 2)), LogisticRegression(max_iter=1000))
    inner = StratifiedKFold(3, shuffle=True, random_state=seed)
    search = GridSearchCV(model, {"logisticregression__C": [0.5, 2, 8, 32, 128]}, cv=inner)
    return cross_val_score(search, texts, classes, cv=StratifiedKFold(10, shuffle=True, random_state=seed)).mean()


def main():
    binary, seeds = os.path.abspath(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 3
    with tempfile.TemporaryDirectory() as folder:
        env = {**os.environ, "HEADSTART_CACHE": os.path.join(folder, "cache")}
        run = lambda *args: subprocess.run([binary, *args], cwd=folder, env=env, check=True, capture_output=True, text=True).stdout
        print("| set | scikit-learn | headstart | difference, points | embedding | both |\n|---|---|---|---|---|---|")
        for name, rows in fetch(folder).items():
            with open(Path(folder) / f"{name}.csv", "w", newline="", encoding="utf-8") as f:
                csv.writer(f).writerows([("text", "label"), *rows])
            run("extract", "--quiet", f"{name}.csv")
            theirs, ours, alone, both = [], [], [], []
            for seed in range(seeds):
                theirs.append(reference(rows, seed))
                r = json.loads(run("train-head", "--quiet", "--json", "--cv", "10", "--seed", str(seed), "--out", f"{name}-{seed}.head.onnx", f"{name}.features"))
                ours.append(r["baseline"]["bag_of_words"]["accuracy"]["value"])
                both.append(r["baseline"]["with_embedding"]["accuracy"]["value"])
                alone.append(r["metrics"]["cv"]["accuracy"]["value"])
            mean = statistics.mean
            print(f"| {name} | {mean(theirs):.3f} | {mean(ours):.3f} | {100 * (mean(ours) - mean(theirs)):+.1f} | {mean(alone):.3f} | {mean(both):.3f} |", flush=True)


main()

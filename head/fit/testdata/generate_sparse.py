#!/usr/bin/env python3
"""Writes sparse.json.gz: what scikit-learn makes of the words of emoji names.

usage: generate_sparse.py         (writes into the folder it lies in; a few minutes on one core)

Made with Python 3.11, numpy 2.4.6, scikit-learn 1.9.1, scipy 1.17.0.

columns, counts   of each name, by CountVectorizer(ngram_range=(1, 2))
tfidf             values of every 50th row, by TfidfTransformer() fitted to the rows that are no multiple of 3
problems          labels, weights, λ, the least objective on those rows, and probabilities of every 50th row
"""
import csv, gzip, json, os
import numpy as np
from scipy.sparse import csr_matrix, hstack
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer
from sklearn.linear_model import LogisticRegression

here = os.path.dirname(os.path.abspath(__file__))
rows = list(csv.DictReader(open(os.path.join(here, "..", "..", "..", "testdata", "emoji", "emoji.csv"), encoding="utf-8")))
counts = CountVectorizer(ngram_range=(1, 2)).fit_transform([r["name"] for r in rows]).tocsr()
counts.sort_indices()
n = counts.shape[0]
train = np.array([i for i in range(n) if i % 3])
seen = np.unique(counts[train].nonzero()[1])
t = TfidfTransformer().fit(counts[train][:, seen])
x = t.transform(counts[:, seen])
dense = np.random.default_rng(1).standard_normal((n, 5)).round(4).astype(np.float32)


def objective(x, y, w, l2, model):
    """The objective of package fit at a model of scikit-learn."""
    W, b = model.coef_, model.intercept_
    if len(model.classes_) == 2:
        W, b = np.vstack([-W / 2, W / 2]), np.array([-b[0] / 2, b[0] / 2])
    z = x @ W.T + b
    z -= z.max(1, keepdims=True)
    p = z - np.log(np.exp(z).sum(1, keepdims=True))
    ce = -p[np.arange(len(y)), y]
    return float((w * ce).mean() + l2 / 2 * (W**2).sum())


out = []
labels = {
    "two": np.array([int(r["label"] == "flags") for r in rows]),
    "label": np.unique([r["label"] for r in rows], return_inverse=True)[1],
    "group": np.unique([r["group"] for r in rows], return_inverse=True)[1],
}
for name, l2, weighted, front in [
    ("two", 1e-3, False, False), ("two", 1e-5, False, False), ("label", 1e-2, False, False), ("label", 1e-3, True, False),
    ("label", 1e-4, False, False), ("group", 1e-3, False, False), ("label", 1e-3, False, True), ("two", 1e-2, True, True),
]:
    y = labels[name]
    w = np.array([1 + i % 4 for i in range(len(train))], float) if weighted else np.ones(len(train))
    w *= len(w) / w.sum()
    present = np.unique(y[train])
    X = hstack([csr_matrix(dense), x]).tocsr() if front else x
    C = 1 / (l2 * len(train)) * (2 if len(present) == 2 else 1)
    m = LogisticRegression(C=C, solver="newton-cg", tol=1e-10, max_iter=10000).fit(X[train], y[train], sample_weight=w)
    place = np.searchsorted(present, y[train])
    out.append({
        "labels": y.tolist(), "classes": int(y.max()) + 1, "l2": l2, "weights": w.tolist() if weighted else None, "front": front,
        "objective": objective(X[train], place, w, l2, m), "present": present.tolist(),
        "probabilities": m.predict_proba(X[::50]).round(9).tolist(),
    })
    print(name, l2, weighted, front, out[-1]["objective"], m.n_iter_)
with gzip.GzipFile(os.path.join(here, "sparse.json.gz"), "wb", mtime=0) as f:
    f.write(json.dumps({
        "d": counts.shape[1],
        "columns": [counts.indices[counts.indptr[i]:counts.indptr[i + 1]].tolist() for i in range(n)],
        "counts": [counts.data[counts.indptr[i]:counts.indptr[i + 1]].tolist() for i in range(n)],
        "tfidf": [x[i].toarray()[0][x[i].toarray()[0] != 0].round(9).tolist() for i in range(0, n, 50)],
        "front": [[round(float(v), 4) for v in row] for row in dense],
        "problems": out,
    }, separators=(",", ":")).encode())

#!/usr/bin/env python3
"""Writes the goldens of package head: what scikit-learn computes on real features.

usage: generate.py         (writes into the folder it lies in; takes half a minute on one core)

Features are embeddings of emoji names by the built-in text backbone. Made with Python 3.11, numpy 2.4.6, scikit-learn 1.9.1, onnxruntime 1.32.0, tokenizers 0.23.3.

small.f32.gz          600×64 float32, little-endian, row after row: every third name, the first 64 features, rounded to float16
small.json            their labels, and everything that scikit-learn says about them
emoji_objective.json  the least objective on all names and features (1906×384), standardised, for several λ
"""
import csv, gzip, json, os
import numpy as np, onnxruntime as ort
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, brier_score_loss, confusion_matrix, f1_score, log_loss, precision_recall_fscore_support
from sklearn.neighbors import NearestCentroid
from sklearn.preprocessing import StandardScaler
from sklearn.utils.class_weight import compute_sample_weight
from tokenizers import Tokenizer

here = os.path.dirname(os.path.abspath(__file__))
root = os.path.join(here, "..", "..", "..")


def names(texts):
    """Mean over tokens of the last hidden state, divided by its length; one text at a time."""
    d = os.path.join(root, "models", "builtin", "all-minilm-l6-v2")
    t = Tokenizer.from_file(os.path.join(d, "tokenizer.json"))
    t.enable_truncation(256)
    t.no_padding()
    so = ort.SessionOptions()
    so.intra_op_num_threads = 1
    s = ort.InferenceSession(os.path.join(d, "onnx", "model.onnx"), so)
    out = []
    for text in texts:
        i = np.array([t.encode(text).ids])
        h = s.run(None, {"input_ids": i, "attention_mask": np.ones_like(i), "token_type_ids": np.zeros_like(i)})[0][0].mean(0)
        out.append(h / np.linalg.norm(h))
    return np.array(out, np.float32)


def fit(x, y, lam, weight=None):
    """LogisticRegression at its optimum, with the objective (1/N) Σ w·CE + λ/2 ‖W‖², the w scaled to mean 1."""
    n = len(y)
    w = np.ones(n) if weight is None else weight * n / weight.sum()
    classes = np.unique(y)
    # With two classes, w = W₁ − W₀ = 2·W₁ and ‖W‖² = ‖w‖²/2: half the penalty.
    m = LogisticRegression(C=(2 if len(classes) == 2 else 1) / (lam * n), tol=1e-11, max_iter=200000).fit(x, y, sample_weight=w)
    W, b = m.coef_, m.intercept_
    if len(classes) == 2:
        W, b = np.vstack([-W / 2, W / 2]), np.concatenate([-b / 2, b / 2])
    z = x @ W.T + b
    z -= z.max(1, keepdims=True)
    lse = np.log(np.exp(z).sum(1))
    onehot = y[:, None] == classes
    f = (w * (lse - z[onehot])).mean() + lam / 2 * (W**2).sum()
    r = w[:, None] * (np.exp(z - lse[:, None]) - onehot) / n
    # The objective is λ-strongly convex in W, and its gradient in b is all but zero: gap ≤ ‖∇W‖²/(2λ).
    bound = ((r.T @ x + lam * W) ** 2).sum() / (2 * lam)
    assert bound < 1e-8 * f and np.abs(r.sum(0)).max() < 1e-7, (lam, bound / f, np.abs(r.sum(0)).max())
    return m, f


def wilson(k, n):
    z = 1.959963984540054
    mid = (k / n + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(k / n * (1 - k / n) / n + z * z / (4 * n * n))
    return [max(0, mid - half), min(1, mid + half)]


def write(name, value):
    with open(os.path.join(here, name), "w") as f:
        json.dump(value, f, indent=None, separators=(",", ":"))
        f.write("\n")


rows = list(csv.DictReader(open(os.path.join(root, "testdata", "emoji", "emoji.csv"), encoding="utf-8")))
full, labels = names([r["name"] for r in rows]), np.array([r["label"] for r in rows])

# Two features are rounding of the backbone, 1e-33. StandardScaler makes features as good as any of them, since its bound on constants knows float64
# and not that the rows are float32; here they count as constant, as they do for headstart (head/fit/sums.go).
x = full.astype(np.float64)
constant = (x.var(0) < 2.0**-126) | (x.std(0) <= 2.0**-24 * abs(x.mean(0)))
assert constant.sum() == 2 and not (StandardScaler().fit(x).scale_ == 1).any()
x = StandardScaler().fit_transform(x) * ~constant
write("emoji_objective.json", {"rows": x.shape[0], "dim": x.shape[1], "classes": len(set(labels)), "objective": {repr(l): fit(x, labels, l)[1] for l in (1.0, 0.1, 0.01, 0.001)}})

small, y = full[::3, :64][:600].astype(np.float16).astype(np.float32), labels[::3][:600]
with gzip.GzipFile(os.path.join(here, "small.f32.gz"), "wb", mtime=0) as f:
    f.write(small.astype("<f4").tobytes())
raw = small.astype(np.float64)
train, test = np.arange(600) % 3 != 2, np.arange(600) % 3 == 2
std = StandardScaler().fit(raw[train])
xt, xv, yt, yv = std.transform(raw[train]), std.transform(raw[test]), y[train], y[test]
rnd = lambda a: [float("%.10g" % v) for v in np.asarray(a).ravel()]

golden = {"labels": list(y), "path": []}
for lam in (1.0, 0.1, 0.01, 0.001):
    m, f = fit(xt, yt, lam)
    p = m.predict_proba(xv)
    hits = int((m.predict(xv) == yv).sum())
    precision, recall, f1, support = precision_recall_fscore_support(yv, m.predict(xv), labels=m.classes_, zero_division=0)
    golden["path"].append({
        "l2": lam, "objective": f, "probabilities": rnd(p[:20]), "accuracy": accuracy_score(yv, m.predict(xv)), "wilson": wilson(hits, len(yv)),
        "macro_f1": f1_score(yv, m.predict(xv), average="macro", zero_division=0), "log_loss": log_loss(yv, p, labels=m.classes_),
        "brier": brier_score_loss(yv, p, labels=m.classes_, scale_by_half=False), "confusion": confusion_matrix(yv, m.predict(xv), labels=m.classes_).tolist(),
        "precision": rnd(precision), "recall": rnd(recall), "f1": rnd(f1), "support": support.tolist(),
    })

weight = 0.5 + np.arange(len(yt)) % 4
keep = np.isin(yt, ["people-and-body", "objects"])
golden["raw"] = fit(raw[train], yt, 1e-4)[1]
golden["balanced"] = fit(xt, yt, 0.01, compute_sample_weight("balanced", yt))[1]
# Standardised with the same weights as the fit.
golden["weighted"] = fit(StandardScaler().fit(raw[train], sample_weight=weight).transform(raw[train]), yt, 0.01, weight)[1]
golden["two_classes"] = fit(StandardScaler().fit_transform(raw[train][keep]), yt[keep], 0.01)[1]
golden["nearest_centroid"] = list(NearestCentroid().fit(xt, yt).predict(xv))
golden["wilson"] = [[k, n, *wilson(k, n)] for k, n in ((0, 10), (1, 10), (5, 10), (10, 10), (812, 1000), (3, 3))]
write("small.json", golden)

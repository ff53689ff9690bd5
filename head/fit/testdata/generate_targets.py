#!/usr/bin/env python3
"""Writes targets.json: what scikit-learn and SciPy compute for several labels, numbers and grades.

usage: generate_targets.py         (writes into the folder it lies in; takes a minute on one core)

Features are those of small.f32.gz, see generate.py; targets are drawn from directions in them, with noise. Every third
row is in the test part. Made with Python 3.11, numpy 2.2.6, scikit-learn 1.9.1, scipy 1.17.1;
the cumulative logit model is minimised on its own formula, with the gradient checked against differences.
"""
import gzip, json, os
import numpy as np
from scipy.optimize import check_grad, minimize
from scipy.special import expit
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import (accuracy_score, average_precision_score, cohen_kappa_score, f1_score, log_loss,
                             mean_absolute_error, r2_score, roc_auc_score, root_mean_squared_error)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.preprocessing import StandardScaler

here = os.path.dirname(os.path.abspath(__file__))
x = np.frombuffer(gzip.open(os.path.join(here, "small.f32.gz")).read(), "<f4").reshape(600, 64).astype(np.float64)
n = len(x)
train, test = np.arange(n) % 3 != 2, np.arange(n) % 3 == 2
std = StandardScaler().fit(x[train])
xt, xv = std.transform(x[train]), std.transform(x[test])
rng = np.random.default_rng(5)
z = StandardScaler().fit_transform(x) @ rng.normal(size=(64, 4)) / 8
labels = (z + rng.normal(size=(n, 4)) * 0.7 > [0.3, 1.2, -0.8, 2.2]).astype(int)
numbers = np.round(100 + 20 * (z[:, :2] + rng.normal(size=(n, 2)) * 0.5) * [1, 0.01], 6)
grades = np.digitize(z[:, 2] + rng.normal(size=n) * 0.5, [-1.2, -0.3, 0.2, 1.5])
weight = 0.5 + np.arange(train.sum()) % 4
rnd = lambda a: [float("%.12g" % v) for v in np.asarray(a).ravel()]


def logistic(lam, w=None):
    N = len(xt)
    m = OneVsRestClassifier(LogisticRegression(C=1 / (lam * N), tol=1e-10, max_iter=100000)).fit(xt, labels[train])
    each = []
    for k, e in enumerate(m.estimators_):
        s = xt @ e.coef_[0] + e.intercept_[0]
        y = labels[train][:, k]
        each.append((np.logaddexp(0, s) - y * s).mean() + lam / 2 * (e.coef_**2).sum())
    p = m.predict_proba(xv)
    return {"objective": rnd(each), "probabilities": rnd(p[:20])}, p


def linear(lam, w=None):
    N = len(xt)
    s = StandardScaler().fit(x[train], sample_weight=w)
    ww = np.ones(N) if w is None else w * N / w.sum()
    m = Ridge(alpha=lam * N, solver="cholesky").fit(s.transform(x[train]), numbers[train], sample_weight=ww)
    return {"values": rnd(m.predict(s.transform(x[test])))}, m.predict(s.transform(x[test]))


def ordinal(lam):
    y = grades[train]
    G = grades.max() + 1
    def f(q):
        w, t = q[:64], q[64:]
        s = xt @ w
        up = np.where(y < G - 1, expit(t[np.minimum(y, G - 2)] - s), 1.0)
        lo = np.where(y > 0, expit(t[np.maximum(y - 1, 0)] - s), 0.0)
        P = up - lo
        if not (np.diff(t) > 0).all():
            return np.inf, np.zeros_like(q)
        du, dl = -up * (1 - up) / P, lo * (1 - lo) / P
        g = np.zeros_like(q)
        np.add.at(g, 64 + np.minimum(y, G - 2)[y < G - 1], du[y < G - 1])
        np.add.at(g, 64 + (y - 1)[y > 0], dl[y > 0])
        g[:64] = -xt.T @ (du + dl)
        g /= len(y)
        g[:64] += lam * w
        return -np.log(P).mean() + lam / 2 * (w @ w), g
    q = np.r_[np.zeros(64), np.linspace(-1, 1, G - 1)]
    assert check_grad(lambda v: f(v)[0], lambda v: f(v)[1], q + 0.01 * np.r_[rng.normal(size=64), np.zeros(G - 1)]) < 1e-5
    for _ in range(3):
        q = minimize(f, q, jac=True, method="BFGS", options={"gtol": 1e-11, "maxiter": 20000}).x
    # The objective is convex, and λ-strongly in w.
    assert np.abs(f(q)[1]).max() < 1e-7
    w, t = q[:64], q[64:]
    c = np.c_[np.zeros(len(xv)), expit(t[None] - (xv @ w)[:, None]), np.ones(len(xv))]
    p = np.diff(c, axis=1)
    return {"objective": f(q)[0], "probabilities": rnd(p[:20]), "thresholds": rnd(t)}, p


out = {"labels": labels.tolist(), "numbers": rnd(numbers), "grades": grades.tolist(), "path": []}
for lam in (1.0, 0.1, 0.01, 0.001):
    a, p = logistic(lam)
    b, v = linear(lam)
    c, q = ordinal(lam)
    y, hat = labels[test], (p >= 0.5).astype(int)
    a["metrics"] = {
        "micro_f1": f1_score(y, hat, average="micro"), "macro_f1": f1_score(y, hat, average="macro", zero_division=0),
        "subset_accuracy": accuracy_score(y, hat), "average_precision": average_precision_score(y, p, average="macro"),
        "auc": roc_auc_score(y, p, average="macro"), "log_loss": float(np.mean([log_loss(y[:, k], p[:, k]) for k in range(4)])),
        "per_label_ap": rnd(average_precision_score(y, p, average=None)), "per_label_auc": rnd(roc_auc_score(y, p, average=None)),
    }
    y = numbers[test]
    b["metrics"] = {"mae": mean_absolute_error(y, v), "rmse": root_mean_squared_error(y, v), "r2": r2_score(y, v)}
    y, hat = grades[test], q.argmax(1)
    c["metrics"] = {"mae": mean_absolute_error(y, hat), "quadratic_kappa": cohen_kappa_score(y, hat, weights="quadratic"), "accuracy": accuracy_score(y, hat)}
    out["path"].append({"l2": lam, "logistic": a, "linear": b, "ordinal": c})
out["weighted"] = linear(0.01, weight)[0]

# Metrics of predictions that are no head's, with ties, and a label that all rows have.
p, y = np.round(rng.uniform(size=(60, 3)), 1), (rng.uniform(size=(60, 3)) < [0.5, 0.1, 2]).astype(int)
hat, two = (p >= 0.5).astype(int), slice(0, 2)
q = np.clip(p, 2.0**-52, 1)
v = np.round(rng.normal(size=(60, 2)), 2) * [1, 100]
w = v + np.round(rng.normal(size=(60, 2)), 2) * [0.5, 150]
g = np.minimum(rng.integers(0, 4, size=60), 3)
ghat = np.clip(g + rng.integers(-1, 3, size=60), 0, 3)
out["measured"] = {
    "p": rnd(p), "y": rnd(y), "values": rnd(w), "numbers": rnd(v), "grades": g.tolist(), "predicted": ghat.tolist(),
    "any_of": {
        "ap": average_precision_score(y[:, two], p[:, two]), "auc": roc_auc_score(y[:, two], p[:, two]), "macro_f1": f1_score(y, hat, average="macro"),
        "micro_f1": f1_score(y, hat, average="micro"), "subset_accuracy": accuracy_score(y, hat),
        "log_loss": float(-(y * np.log(q) + (1 - y) * np.log(np.clip(1 - p, 2.0**-52, 1))).mean()),
    },
    "number": {"mae": mean_absolute_error(v, w), "rmse": root_mean_squared_error(v, w), "r2": r2_score(v, w)},
    "grade": {"mae": mean_absolute_error(g, ghat), "quadratic_kappa": cohen_kappa_score(g, ghat, weights="quadratic")},
}
with open(os.path.join(here, "targets.json"), "w") as f:
    json.dump(out, f, separators=(",", ":"))
    f.write("\n")

#!/usr/bin/env python3
"""Writes closed.json: what scikit-learn computes in closed form on the golden features.

usage: generate_closed.py         (reads small.f32.gz and small.json, which generate.py writes, and writes into the folder it lies in)

Made with Python 3.11, numpy 2.2.6, scikit-learn 1.9.1. Every third row is in the test part; scores are of the first 20 test rows, row after row, with
classes sorted, at full precision. Features are standardised on the training part.
"""
import gzip, json, os
import numpy as np
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import Ridge, RidgeClassifier, RidgeCV
from sklearn.preprocessing import StandardScaler
from sklearn.utils.class_weight import compute_sample_weight

here = os.path.dirname(os.path.abspath(__file__))
with gzip.open(os.path.join(here, "small.f32.gz")) as f:
    raw = np.frombuffer(f.read(), "<f4").reshape(-1, 64).astype(np.float64)
labels = np.array(json.load(open(os.path.join(here, "small.json")))["labels"])
train = np.arange(len(raw)) % 3 != 2
yt = labels[train]
classes, codes = np.unique(yt, return_inverse=True)
n = len(yt)
std = StandardScaler().fit(raw[train])
xt, xv = std.transform(raw[train]), std.transform(raw[~train])[:20]
target = 2.0 * (codes[:, None] == np.arange(len(classes))) - 1
lambdas = [10.0, 0.1, 0.001, 1e-6]
flat = lambda a: np.asarray(a, np.float64).ravel().tolist()

golden = {"ridge": [], "left_out": []}
for lam in lambdas:
    m = RidgeClassifier(alpha=lam * n, solver="cholesky", tol=1e-12).fit(xt, yt)
    golden["ridge"].append({"l2": lam, "scores": flat(m.decision_function(xv))})

# Weights of rows: standardised with them as well. Balanced classes: standardised without.
weight = 0.5 + np.arange(n) % 4
weight /= weight.mean()
w = StandardScaler().fit(raw[train], sample_weight=weight)
m = RidgeClassifier(alpha=0.01 * n, solver="cholesky").fit(w.transform(raw[train]), yt, sample_weight=weight)
golden["ridge_weighted"] = flat(m.decision_function(w.transform(raw[~train])[:20]))
balanced = compute_sample_weight("balanced", yt)
balanced /= balanced.mean()
m = RidgeClassifier(alpha=0.01 * n, solver="cholesky").fit(xt, yt, sample_weight=balanced)
golden["ridge_balanced"] = flat(m.decision_function(xv))

# Leave-one-out predictions of every row; a fit to all others gives the same.
cv = RidgeCV(alphas=np.array(lambdas) * n, scoring="neg_mean_squared_error", store_cv_results=True).fit(xt, target)
for k, lam in enumerate(lambdas):
    p = cv.cv_results_[:, :, k]
    for i in (0, 7):
        rest = np.arange(n) != i
        one = Ridge(alpha=lam * n, solver="cholesky").fit(xt[rest], target[rest]).predict(xt[i : i + 1])[0]
        assert np.abs(one - p[i]).max() < 1e-8, (lam, i, one, p[i])
    golden["left_out"].append({"l2": lam, "scores": flat(p[:20]), "squared_error": float(((p - target) ** 2).mean()), "accuracy": float((p.argmax(1) == codes).mean())})

golden["lda"] = []
for s in (1.0, 0.1, 0.001):
    m = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=s).fit(xt, yt)
    golden["lda"].append({"shrinkage": s, "probabilities": flat(m.predict_proba(xv))})

with open(os.path.join(here, "closed.json"), "w") as f:
    json.dump(golden, f, indent=None, separators=(",", ":"))
    f.write("\n")

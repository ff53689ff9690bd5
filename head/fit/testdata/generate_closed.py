#!/usr/bin/env python3
"""Writes closed.json: what scikit-learn computes in closed form on the golden features.

usage: generate_closed.py         (reads small.f32.gz and small.json, which generate.py writes, and writes into the folder it lies in)

Made with Python 3.11, numpy 2.2.6, scikit-learn 1.9.1. Every third row is in the test part; scores are of the first 20 test rows, row after row, with
classes sorted, at full precision. Features are standardised on the training part.
"""
import gzip, json, os
import numpy as np
from scipy.linalg import eigh
from sklearn.covariance import oas
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier, RidgeCV
from sklearn.neighbors import KNeighborsClassifier
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

# Softmax in the space of discriminants: those of scipy, the optimum of LogisticRegression.
means = np.array([xt[codes == k].mean(0) for k in range(len(classes))])
shares = np.bincount(codes) / n
within = (xt - means[codes]).T @ (xt - means[codes]) / n
between = (means * shares[:, None]).T @ means
# OAS of the rows less the means of their classes, which take one row each; scikit-learn's where there is one class of known mean.
def oracle(cov, n):
    p = len(cov)
    alpha, mu2 = (cov**2).mean(), (np.trace(cov) / p) ** 2
    return min((alpha + mu2) / ((n + 1) * (alpha - mu2 / p)), 1)
assert abs(oracle(xt.T @ xt / n, n) - oas(xt, assume_centered=True)[1]) < 1e-12
golden["oracle"] = oracle(within, n - len(classes))
golden["discriminant"] = []
for s in (0.1, golden["oracle"]):
    shrunken = (1 - s) * within + s * np.trace(within) / 64 * np.eye(64)
    v = eigh(between, shrunken)[1][:, -(len(classes) - 1) :]
    z, lam = xt @ v, 0.01
    m = LogisticRegression(C=1 / (lam * n), tol=1e-11, max_iter=200000).fit(z, yt)
    scores = m.decision_function(z)
    ce = np.log(np.exp(scores - scores.max(1, keepdims=True)).sum(1)) + scores.max(1) - scores[np.arange(n), codes]
    f = ce.mean() + lam / 2 * (m.coef_**2).sum()
    golden["discriminant"].append({"shrinkage": s, "l2": lam, "objective": f, "probabilities": flat(m.predict_proba(xv @ v))})

# Votes of the 20 nearest by cosine, of exp(cosine/0.07), as KNeighborsClassifier adds them up.
m = KNeighborsClassifier(n_neighbors=20, metric="cosine", algorithm="brute", weights=lambda d: np.exp((1 - d) / 0.07)).fit(xt, yt)
golden["knn"] = flat(m.predict_proba(xv))

with open(os.path.join(here, "closed.json"), "w") as f:
    json.dump(golden, f, indent=None, separators=(",", ":"))
    f.write("\n")

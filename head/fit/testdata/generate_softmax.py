#!/usr/bin/env python3
"""The least objective of softmax heads of many shapes, as scikit-learn finds it in float64. The features are computed, in softmax_golden_test.go as here.

usage: generate_softmax.py   (writes softmax.json into the folder it lies in; takes some minutes on one core)

Made with Python 3.11, numpy 2.2.6, scikit-learn 1.9.1.
"""
import json, os, sys
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

here = os.path.dirname(os.path.abspath(__file__))


def hashed(seed, n):
    """n numbers of 64 bits: splitmix64 of seed·2³² + 0, 1, 2, …"""
    with np.errstate(over="ignore"):
        z = (np.uint64(seed << 32) + np.arange(n, dtype=np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def normal(seed, n, d):
    """n×d sums of four bytes, about normal with deviation 2.3, in steps of 1/64."""
    z = hashed(seed, n * d).reshape(n, d)
    return sum(((z >> np.uint64(8 * k)) & np.uint64(255)).astype(np.float64) for k in range(4)) / 64 - 510 / 64


def problem(seed, n, d, c, far, collinear):
    """Rows around the centre of their class, of correlated features; one label in eight is any."""
    noise, centre = normal(seed, n, d), normal(seed + 1, c, d)
    y = np.arange(n) % c
    h = hashed(seed + 2, n)
    y = np.where(h % np.uint64(8) == 0, ((h >> np.uint64(8)) % np.uint64(c)).astype(np.int64), y)
    x = noise + noise[:, np.arange(d) // 4 * 4] + far * centre[np.arange(n) % c]
    if collinear:
        x[:, 1], x[:, 2], x[:, 3] = x[:, 0], 7, x[:, 4] + x[:, 5]
    return x, y


out = []
for name, seed, n, d, c, far, lam, how in (
    ("binary", 1, 3000, 384, 2, 0.0625, 1e-3, ""),
    ("9 classes", 4, 4000, 384, 9, 0.125, 1e-3, ""),
    ("26 classes", 7, 13000, 384, 26, 0.125, 1e-4, ""),
    ("104 classes", 10, 6000, 384, 104, 0.25, 1e-3, ""),
    ("1280 features", 13, 6000, 1280, 10, 0.0625, 1e-3, ""),
    ("weighted", 16, 3000, 64, 9, 0.25, 1e-4, "weighted"),
    ("collinear", 19, 3000, 96, 9, 0.25, 1e-5, "collinear"),
    ("fewer rows than features", 22, 200, 384, 5, 0.125, 1e-2, ""),
    ("many rows a feature", 25, 6000, 24, 6, 0.25, 1e-5, ""),
):
    x, y = problem(seed, n, d, c, far, how == "collinear")
    w = 0.25 + np.arange(n) % 7 if how == "weighted" else np.ones(n)
    x = StandardScaler().fit(x, sample_weight=w).transform(x)
    w = w * n / w.sum()
    # With two classes, w = W₁ − W₀ = 2·W₁ and ‖W‖² = ‖w‖²/2: half the penalty.
    m = LogisticRegression(C=(2 if c == 2 else 1) / (lam * n), tol=1e-11, max_iter=200000).fit(x, y, sample_weight=w)
    W, b = m.coef_, m.intercept_
    if c == 2:
        W, b = np.vstack([-W / 2, W / 2]), np.concatenate([-b / 2, b / 2])
    z = x @ W.T + b
    z -= z.max(1, keepdims=True)
    lse = np.log(np.exp(z).sum(1))
    onehot = y[:, None] == np.arange(c)
    f = (w * (lse - z[onehot])).mean() + lam / 2 * (W**2).sum()
    r = w[:, None] * (np.exp(z - lse[:, None]) - onehot) / n
    # The objective is λ-strongly convex in W, and its gradient in b is all but zero: gap ≤ ‖∇W‖²/(2λ).
    bound = ((r.T @ x + lam * W) ** 2).sum() / (2 * lam)
    assert bound < 1e-8 * f and np.abs(r.sum(0)).max() < 1e-7, (name, bound / f, np.abs(r.sum(0)).max())
    print(name, f, bound / f, m.n_iter_, file=sys.stderr, flush=True)
    out.append({"name": name, "seed": seed, "rows": n, "features": d, "classes": c, "far": far, "l2": lam, "how": how, "objective": f})
with open(os.path.join(here, "softmax.json"), "w") as f:
    f.write("[\n" + ",\n".join(json.dumps(p) for p in out) + "\n]\n")

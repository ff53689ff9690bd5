#!/usr/bin/env python3
"""Puts fits of softmax heads beside scikit-learn's and PyTorch's L-BFGS.

    python3 bench/heads.py bin/headstart [FOLDER [TURNS [WORD ...]]]      (make peers)

All sides have one thread, the same standardised float32 features and the same objective,
(1/N) Σ CE + ‖W‖²/(2CN) with a free intercept. They alternate; figures are CPU seconds
until the objective is within 1e-4, and 1e-6, of the optimum, relative to it: for
scikit-learn and PyTorch by a trace of their own evaluations, for headstart by the least
exact of its tolerances (1e-3 to 1e-7) with which the whole fit ends there, its own stop
included. The optimum is the objective, in float64, at which headstart ends with 1e-9, or
a lower one that a peer finds; peers are ended once they are there. Where the processor
has AVX-512, headstart has a row with it and a row without it (GODEBUG=cpu.avx512f=off, to
which the peers are deaf), each beside the same runs of the peers; a row says what was
used. Then the default path, 30 λ × 5 folds, selection, refit and test, beside
LogisticRegressionCV on the same number of rows, which is given a part of the grid and one
fold. With WORDs only what has one in its name is measured, "default path" among them.

FOLDER holds A.npy, A.labels.npy (float32 N×D, int32 N), and B and F alike. Without it
they are made once, in lib/peers/heads, by headstart extract: A of 50,000 glosses of
Debian's wordnet-base (26 classes), F the same with 104 classes, B of 20,000 pictures of
dataset-fashion-mnist (10 classes). synthetic A and B are made by this script."""
import gzip
import json
import os

for name in "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS":
    os.environ[name] = "1"
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import sklearn
import torch
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV, _linear_loss
from threadpoolctl import threadpool_info

ROOT = Path(__file__).resolve().parent.parent
TOLERANCES = "1e-3", "1e-4", "1e-5", "1e-6", "1e-7", "1e-9"
GAPS = 1e-4, 1e-6
LONGEST = 120  # CPU seconds of a peer's fit
SETS = {"AVX-512": "", "AVX2": "cpu.avx512f=off"}  # what GODEBUG leaves out
SIDES = "scikit-learn f64", "scikit-learn f32", "PyTorch f32"


class Enough(Exception):
    """ends a peer's fit"""


def fetch(folder, headstart):
    """makes A, B and F of Debian's packages, by headstart extract"""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        work = Path(work)
        subprocess.run(["apt-get", "download", "wordnet-base", "dataset-fashion-mnist"], cwd=work, check=True)
        for package in work.glob("*.deb"):
            subprocess.run(["dpkg-deb", "-x", package, work / "x"], check=True)
        env = os.environ | {"HEADSTART_CACHE": str(work / "cache")}

        def extract(name, *args):
            subprocess.run([headstart, "extract", "--quiet", "--out", f"{name}.features", *args], cwd=work, env=env, check=True)
            subprocess.run([headstart, "cache", "export", "--quiet", "--out", folder / f"{name}.npy", f"{name}.features"], cwd=work, env=env, check=True)

        glosses = []
        for line in next((work / "x").rglob("data.noun")).open(encoding="utf-8", errors="replace"):
            if not line.startswith("  ") and "|" in line:
                head, gloss = line.split("|", 1)
                glosses.append((gloss.strip(), int(head.split()[1])))
        order = np.random.default_rng(0).permutation(len(glosses))[:50000]
        with open(work / "A.jsonl", "w", encoding="utf-8") as f:
            for i in order:
                f.write(json.dumps({"id": str(i), "text": glosses[i][0], "label": str(glosses[i][1])}) + "\n")
        extract("A", "--text", "text", "A.jsonl")
        a = np.array([glosses[i][1] for i in order])
        np.save(folder / "A.labels.npy", (a - a.min()).astype(np.int32))

        pictures = gzip.open(next((work / "x").rglob("train-images-idx3-ubyte.gz"))).read()
        labels = np.frombuffer(gzip.open(next((work / "x").rglob("train-labels-idx1-ubyte.gz"))).read(), np.uint8, -1, 8)[:20000]
        from PIL import Image
        (work / "B").mkdir()
        for i, p in enumerate(np.frombuffer(pictures, np.uint8, -1, 16).reshape(-1, 28, 28)[:20000]):
            Image.fromarray(p).save(work / "B" / f"{i:05d}.png")
        extract("B", "B")
        np.save(folder / "B.labels.npy", labels.astype(np.int32))
    x, y = np.load(folder / "A.npy"), np.load(folder / "A.labels.npy")
    # Each class cut into four by the sign of its two leading directions.
    fine = np.zeros(len(y), np.int64)
    for c in range(y.max() + 1):
        rows = x[y == c] - x[y == c].mean(0)
        lead = rows @ np.linalg.svd(rows[:2000], full_matrices=False)[2][:2].T
        fine[y == c] = 4 * c + 2 * (lead[:, 0] > 0) + (lead[:, 1] > 0)
    fine = np.unique(fine, return_inverse=True)[1]
    np.save(folder / "F.npy", x[:40000])
    np.save(folder / "F.labels.npy", np.unique(fine[:40000], return_inverse=True)[1].astype(np.int32))


def synthetic(n, d, c):
    """Gaussian classes with a falling spectrum and 5 % noise of labels"""
    r = np.random.default_rng(0)
    s = np.arange(1, d + 1) ** -0.6
    q = np.linalg.qr(r.standard_normal((d, d)))[0]
    m, y = r.standard_normal((c, d)) * s * 0.45, r.integers(0, c, n)
    x = (r.standard_normal((n, d)) * s + m[y]) @ q + 0.3 * r.standard_normal((n, d))
    flip = r.random(n) < 0.05
    y[flip] = r.integers(0, c, flip.sum())
    return x.astype(np.float32), y.astype(np.int32)


def standardised(x):
    x = x.astype(np.float64)
    sd = x.std(0)
    sd[(x.var(0) < 2.0**-126) | (sd <= 2.0**-24 * abs(x.mean(0)))] = np.inf  # constant: see head/fit/sums.go
    return np.ascontiguousarray(((x - x.mean(0)) / sd).astype(np.float32))


def objective(x, y, w, b, c):
    """in float64"""
    if len(w) == 1:
        w, b = np.vstack([-w / 2, w / 2]), np.concatenate([-b / 2, b / 2])
    loss = 0.0
    for i in range(0, len(x), 4096):
        z = x[i : i + 4096].astype(np.float64) @ w.T.astype(np.float64) + b
        top = z.max(1)
        loss += (np.log(np.exp(z - top[:, None]).sum(1)) + top - z[np.arange(len(z)), y[i : i + 4096]]).sum()
    return loss / len(x) + (w.astype(np.float64) ** 2).sum() / (2 * c * len(x))


def traced_sklearn(x, y, c, least):
    """(CPU seconds, objective) of each evaluation, and the weights"""
    trace, begin = [], 0.0
    own = _linear_loss.LinearModelLoss.loss_gradient

    def loss_gradient(self, *args, **kw):
        out = own(self, *args, **kw)
        trace.append((time.process_time() - begin, float(out[0])))
        if trace[-1][0] > LONGEST or trace[-1][1] <= least * (1 + GAPS[-1] / 4):
            raise Enough
        return out

    # With two classes, w = W₁ − W₀ and ‖W‖² = ‖w‖²/2: half the penalty.
    model = LogisticRegression(C=c * (2 if y.max() == 1 else 1), tol=1e-10, max_iter=5000)
    _linear_loss.LinearModelLoss.loss_gradient = loss_gradient
    begin = time.process_time()
    try:
        model.fit(x, y)
    except Enough:
        return trace, None
    finally:
        _linear_loss.LinearModelLoss.loss_gradient = own
    return trace, (model.coef_, model.intercept_)


def traced_torch(x, y, c, least):
    torch.set_num_threads(1)
    x, y = torch.from_numpy(x), torch.from_numpy(y).long()
    k, (n, d) = int(y.max()) + 1, x.shape
    w, b = torch.zeros(k, d, requires_grad=True), torch.zeros(k, requires_grad=True)
    fit = torch.optim.LBFGS([w, b], max_iter=3000, max_eval=4000, history_size=20, tolerance_grad=1e-10, tolerance_change=1e-14, line_search_fn="strong_wolfe")
    trace, begin = [], time.process_time()

    def closure():
        fit.zero_grad()
        loss = torch.nn.functional.cross_entropy(torch.nn.functional.linear(x, w, b), y) + (w * w).sum() / (2 * c * n)
        loss.backward()
        trace.append((time.process_time() - begin, float(loss.detach())))
        if trace[-1][0] > LONGEST or trace[-1][1] <= least * (1 + GAPS[-1] / 4):
            raise Enough
        return loss

    try:
        fit.step(closure)
    except Enough:
        pass
    return trace, (w.detach().numpy(), b.detach().numpy())


def without(instructions):
    """the environment in which a program of ours uses those instructions at most"""
    return os.environ | {"GODEBUG": ",".join(filter(None, (os.environ.get("GODEBUG"), SETS.get(instructions))))}


def available(heads):
    """the instructions of SETS that a fit can use here, as it says itself; else what it uses"""
    x, y = synthetic(60, 4, 2)
    with tempfile.TemporaryDirectory() as work:
        files = [Path(work) / "x.npy", Path(work) / "y.npy"]
        np.save(files[0], x)
        np.save(files[1], y)
        run = lambda env: json.loads(subprocess.run([heads, "fit", *files, "1", "1e-3"], check=True, capture_output=True, text=True, env=env).stdout)["instructions"]
        return [s for s in SETS if run(without(s)) == s] or [run(os.environ)]


def ours(heads, instructions, files, k, c, tolerance, weights):
    out = json.loads(subprocess.run([heads, "-weights", weights, "fit", *files, repr(c), tolerance], check=True, capture_output=True, text=True, env=without(instructions)).stdout)
    if out["instructions"] != instructions:
        raise SystemExit("heads: a fit that was to use %s used %s" % (instructions, out["instructions"]))
    v = np.fromfile(weights)
    d = (len(v) - k) // k
    return out, (v[: k * d].reshape(k, d), v[k * d :])


def asked(name):
    return len(sys.argv) < 5 or any(w in name for w in sys.argv[4:])


def line(cells):
    print("| " + " | ".join("%-20s" % str(c) for c in cells) + " |", flush=True)


def fits(heads, sets, name, x, y, c, turns, work):
    """a row of the table for each gap and set of instructions"""
    if not asked(name):
        return
    files = [work / "x.npy", work / "y.npy"]
    np.save(files[0], x)
    np.save(files[1], y)
    k = int(y.max()) + 1
    runs = []
    for _ in range(turns):
        turn = {s: [] for s in sets}
        for s in sets:
            for t in TOLERANCES:
                out, w = ours(heads, s, files, k, c, t, work / "w")
                turn[s].append((out["cpu"], objective(x, y, *w, c), out["fit"]["passes"]))
        lowest = min(o[1] for s in sets for o in turn[s])
        for side, run in (
            (SIDES[0], lambda: traced_sklearn(x.astype(np.float64), y, c, lowest)),
            (SIDES[1], lambda: traced_sklearn(x, y, c, lowest)),
            (SIDES[2], lambda: traced_torch(x, y, c, lowest)),
        ):
            trace, w = run()
            turn[side] = trace
            if w is not None:
                turn.setdefault("ends", []).append(objective(x, y, *w, c))
        runs.append(turn)
    least = min(f for turn in runs for f in [o[1] for s in sets for o in turn[s]] + turn.get("ends", []))
    for gap, s in [(gap, s) for gap in GAPS for s in sets]:
        cells, own = [name, "%.0e" % gap, s], []
        for turn in runs:
            own.append(next(((cpu, passes) for cpu, f, passes in turn[s] if f <= least * (1 + gap)), (float("nan"), 0)))
        cells.append("%.2f (%d passes)" % (statistics.median(o[0] for o in own), own[0][1]))
        for side in SIDES:
            at = [next((cpu for cpu, f in turn[side] if f <= least * (1 + gap)), None) for turn in runs]
            if None in at:
                cells.append("never")
                continue
            cells.append("%.1f (%.1f×)" % (statistics.median(at), statistics.median(a / o[0] for a, o in zip(at, own))))
        line(cells)


def path(heads, x, y, work):
    files = [work / "x.npy", work / "y.npy"]
    np.save(files[0], x)
    np.save(files[1], y)
    out = json.loads(subprocess.run([heads, "path", *files], check=True, capture_output=True, text=True).stdout)
    n = len(x) * 6 // 10
    some, folds = np.logspace(1, -6, 30)[2::6], 5
    held = np.arange(n) % folds == 0
    begin = time.process_time()
    cv = LogisticRegressionCV(
        Cs=np.sort(1 / (some * n * (folds - 1) / folds)), cv=[(np.flatnonzero(~held), np.flatnonzero(held))], refit=False, scoring="neg_log_loss", use_legacy_attributes=False
    )
    cv.fit(standardised(x[:n]).astype(np.float64), y[:n])
    theirs = (time.process_time() - begin) * 30 / len(some) * folds
    print(
        "default path: headstart with %s %.1f s on processors, λ = %.3g, accuracy %.4f, log-loss %.4f, up to %d MB; LogisticRegressionCV (float64) about %.0f s, %.0f×: extrapolated from %d of 30 λ in one of 5 folds of %d rows"
        % (out["instructions"], out["cpu"], out["l2"], out["accuracy"], out["log_loss"], out["rss_mb"], theirs, theirs / out["cpu"], len(some), n),
        flush=True,
    )


def main():
    headstart = Path(sys.argv[1]).resolve()
    folder = Path(sys.argv[2]) if len(sys.argv) > 2 else ROOT / "lib/peers/heads"
    turns = int(sys.argv[3]) if len(sys.argv) > 3 else 3
    warnings.simplefilter("ignore")
    if len(sys.argv) < 3 and not (folder / "F.labels.npy").exists():
        fetch(folder, headstart)
    with tempfile.TemporaryDirectory() as work:
        work = Path(work)
        subprocess.run(["go", "build", "-o", work / "heads", "bench/heads.go"], cwd=ROOT, check=True)
        go = subprocess.run(["go", "version"], capture_output=True, text=True).stdout.split()[2]
        blas = sorted({"%s %s %s" % (p["internal_api"], p["version"], p.get("architecture", "")) for p in threadpool_info() if p["user_api"] == "blas"})
        flags = set(next((l for l in open("/proc/cpuinfo") if l.startswith("flags")), "").split())
        print("%s, scikit-learn %s, numpy %s, PyTorch %s; %s; the processor has %s; GODEBUG %s, OPENBLAS_CORETYPE %s" % (
            go, sklearn.__version__, np.__version__, torch.__version__, ", ".join(blas),
            "AVX-512" if "avx512f" in flags else "AVX2" if "avx2" in flags else "neither AVX2 nor AVX-512",
            os.environ.get("GODEBUG", "unset"), os.environ.get("OPENBLAS_CORETYPE", "unset")))
        line(["CPU seconds to", "gap", "with", "headstart", *SIDES])
        fitted = available(work / "heads")
        sets = {n: (standardised(np.load(folder / f"{n}.npy")), np.load(folder / f"{n}.labels.npy")) for n in "ABF" if (folder / f"{n}.npy").exists()}
        for name, (x, y) in sets.items():
            for c in (0.01, 1.0) if name == "A" else (0.01,):
                fits(work / "heads", fitted, "%s′ %d×%d×%d C=%g" % (name, *x.shape, y.max() + 1, c), x, y, c, turns, work)
        if "A" in sets:
            x, y = sets["A"]
            fits(work / "heads", fitted, "binary %d×%d C=1" % x.shape, x, (y == np.bincount(y).argmax()).astype(np.int32), 1.0, turns, work)
        for name, shape in ("A", (50000, 384, 10)), ("B", (20000, 1280, 100)):
            x, y = synthetic(*shape)
            fits(work / "heads", fitted, "synthetic %s %d×%d×%d C=1" % (name, *shape), standardised(x), y, 1.0, turns, work)
        if "A" in sets and asked("default path"):
            path(work / "heads", np.load(folder / "A.npy"), sets["A"][1], work)


if __name__ == "__main__":
    main()

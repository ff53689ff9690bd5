#!/usr/bin/env python3
"""Puts products of matrices beside those of OpenBLAS, as numpy has it, and gonum's.

make peers runs it; python3 bench/gemm.py [WORD ...] measures the rows that have a
WORD in them. One thread each. The sides alternate; figures are GFLOP/s of the least
CPU time of all turns, since whatever else runs on the machine only adds. Ratios are
ours by the peer's, so that more than 1 is faster. The shapes are those of heads: D
features, C classes, a batch of rows; X·Wᵀ are logits, RᵀX is a gradient, XᵀX a
triangle of a covariance, for which numpy calls syrk and fills the other triangle; for a
Cholesky factor both copy the matrix first.
"""
import os

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ[name] = "1"

import ctypes
import sys
from pathlib import Path

import numpy as np

from ours import Ours, cpu, least

ROW = "| %-8s | %-18s | %8s | %8s | %8s | %8s | %7s | %7s | %7s |"
TURNS = int(os.environ.get("TURNS", "15"))


def openblas():
    """Version and kernel of the OpenBLAS that numpy brought."""
    for path in (Path(np.__file__).parent.parent / "numpy.libs").glob("libscipy_openblas*"):
        library = ctypes.CDLL(str(path))
        for suffix in ("64_", ""):
            try:
                core = getattr(library, "scipy_openblas_get_corename" + suffix)
                config = getattr(library, "scipy_openblas_get_config" + suffix)
            except AttributeError:
                continue
            core.restype = config.restype = ctypes.c_char_p
            return "%s, kernel %s" % (" ".join(config().decode().split()[:2]), core().decode())
    return "a BLAS that does not say its name"


def shapes():
    for d in (384, 1280):
        for c in (10, 26, 100, 256):
            for batch in (256, 4096):
                yield "X·Wᵀ", batch, c, d
                yield "RᵀX", c, d, batch
    yield "A·B", 1024, 1024, 1024
    yield "A·B, float64", 1024, 1024, 1024
    for d in (384, 1280):
        yield "XᵀX", d, d, 4096
        yield "XᵀX, float64", d, d, 4096
        yield "Cholesky, float64", d, d, d


class Numpy:
    def __init__(self, name, m, n, k):
        rng = np.random.default_rng(1)
        t = np.float64 if "float64" in name else np.float32
        a, b = rng.random((m, k), dtype=t), rng.random((k, n), dtype=t)
        if name == "X·Wᵀ":
            b = np.ascontiguousarray(b.T).T
        elif name == "RᵀX":
            a = np.ascontiguousarray(a.T).T
        elif name.startswith("XᵀX"):
            a = np.ascontiguousarray(a.T).T
            b = a.T  # the same memory, which numpy gives to syrk
        elif name.startswith("Cholesky"):
            a = np.full((n, n), 1 / n, t)
            np.fill_diagonal(a, 2)
            self.multiply = lambda: np.linalg.cholesky(a, upper=True)
        self.a, self.b, self.c = a, b, np.empty((m, n), t)

    def multiply(self):
        np.matmul(self.a, self.b, out=self.c)


def main():
    words = sys.argv[1:]
    with Ours("head/internal/simd", GOMAXPROCS="1") as side:
        sets = side.sets()
        print("numpy %s, %s; GFLOP/s, the least CPU time of %d turns, one thread" % (np.__version__, openblas(), TURNS))
        print()
        print(ROW % ("", "m×n×k", "OpenBLAS", "gonum", "AVX2", "AVX-512", "2 by OB", "512 by", "by gon."))
        print(ROW % tuple("-" * n for n in (8, 18, 8, 8, 8, 8, 7, 7, 7)))
        for name, m, n, k in shapes():
            if words and not any(w in "%s %d×%d×%d" % (name, m, n, k) for w in words):
                continue
            flop = 2e-9 * m * n * k * {"XᵀX": 1 / 2, "Cholesky": 1 / 6}.get(name.split(",")[0], 1)
            peer = Numpy(name, m, n, k)
            times = max(1, int(1 / flop))

            def ours(instructions, times):
                return lambda: side.ask(instructions, name.replace(" ", "_"), m, n, k, times)[0]
            seconds = least(
                TURNS, {"numpy": lambda: cpu(peer.multiply, times), **{s: ours(s, times) for s in sets[1:]}},
                {"portable": ours("portable", max(1, times // 10))})
            g = {key: flop / value for key, value in seconds.items()}

            def ratio(x, y):
                return "%.2f" % (g[x] / g[y]) if x in g else "–"
            print(ROW % (name.split(",")[0], "%d×%d×%d%s" % (m, n, k, " f64" if "64" in name else ""), "%.1f" % g["numpy"],
                         "%.1f" % g["portable"], *("%.1f" % g[s] if s in g else "–" for s in ("AVX2", "AVX-512")),
                         ratio("AVX2", "numpy"), ratio("AVX-512", "numpy"), ratio(sets[-1], "portable")), flush=True)


if __name__ == "__main__":
    main()

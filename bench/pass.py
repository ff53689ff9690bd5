#!/usr/bin/env python3
"""Puts a pass of a softmax fit beside the two products in it, as numpy does them.

make peers runs it; python3 bench/pass.py [WORD ...] measures the rows that have a
WORD in them. Ours is all of a pass: logits, exponentials, loss, residuals and the
gradient in float64. numpy's is only Z = X·Wᵀ and RᵀX by OpenBLAS, and in a column of
its own the whole pass as one writes it in numpy. One thread each. The sides
alternate; figures are milliseconds of CPU time, the least of all turns, since
whatever else runs on the machine only adds. Ratios are numpy's two products by ours,
so that more than 1 is faster.
"""
import os

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ[name] = "1"

import sys

import numpy as np

from gemm import openblas
from ours import Ours, cpu, least

ROW = "| %-18s | %9s | %9s | %9s | %9s | %9s | %8s | %8s | %8s |"
TURNS = int(os.environ.get("TURNS", "11"))


class Numpy:
    def __init__(self, n, d, c):
        rng = np.random.default_rng(1)
        self.x, self.w, self.b = rng.standard_normal((n, d), np.float32), rng.standard_normal((c, d), np.float32) / 10, np.zeros(c, np.float32)
        self.y, self.z, self.g = np.arange(n) % c, np.empty((n, c), np.float32), np.empty((c, d), np.float32)

    def products(self):
        np.matmul(self.x, self.w.T, out=self.z)
        np.matmul(self.z.T, self.x, out=self.g)

    def whole(self):
        z, rows = self.z, np.arange(len(self.x))
        np.matmul(self.x, self.w.T, out=z)
        z += self.b
        z -= z.max(axis=1, keepdims=True)
        own = z[rows, self.y]
        np.exp(z, out=z)
        s = z.sum(axis=1, keepdims=True)
        z /= s
        z[rows, self.y] -= 1
        np.matmul(z.T, self.x, out=self.g)
        return (np.log(s[:, 0]) - own).mean(dtype=np.float64), self.g / len(rows), z.mean(axis=0)


def main():
    words = sys.argv[1:]
    with Ours("head/fit", "TestPassPeer", GOMAXPROCS="1") as side:
        sets = side.sets()
        print("numpy %s, %s; milliseconds of CPU time, the least of %d turns, one thread" % (np.__version__, openblas(), TURNS))
        print()
        print(ROW % ("rows × D, C", "products", "numpy", "portable", "AVX2", "AVX-512", "AVX2", "AVX-512", "GFLOP/s"))
        print(ROW % tuple("-" * n for n in (18, 9, 9, 9, 9, 9, 8, 8, 8)))
        for n, d, c in [(n, d, c) for d in (384, 1280) for c in (10, 26, 100, 256) for n in (256, 4096)] + [(50000, 384, 26), (20000, 1280, 10)]:
            name = "%d × %d, %d" % (n, d, c)
            if words and not any(w in name for w in words):
                continue
            peer = Numpy(n, d, c)
            times = max(1, int(1e9 / (4 * n * d * c)))

            def ours(instructions, times):
                return lambda: side.ask(instructions, n, d, c, times)[0]
            seconds = least(
                TURNS, {"products": lambda: cpu(peer.products, times), **{s: ours(s, times) for s in sets[1:]}},
                {"numpy": lambda: cpu(peer.whole, times), "portable": ours("portable", max(1, times // 10))})

            def ms(key):
                return "%.3f" % (1e3 * seconds[key]) if key in seconds else "–"

            def ratio(key):
                return "%.2f" % (seconds["products"] / seconds[key]) if key in seconds else "–"
            print(ROW % (name, ms("products"), ms("numpy"), ms("portable"), ms("AVX2"), ms("AVX-512"), ratio("AVX2"), ratio("AVX-512"),
                         "%.1f" % (4e-9 * n * d * c / seconds[sets[-1]])), flush=True)


if __name__ == "__main__":
    main()

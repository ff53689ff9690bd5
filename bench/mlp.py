#!/usr/bin/env python3
"""Puts epochs of a perceptron beside those of PyTorch: eager, Adam(fused=True).

make peers runs it; python3 bench/mlp.py X.npy y.npy [X.npy y.npy ...] measures with
standardised features of one's own (float32, N×D) and their classes (0, 1, ...); without
any, with normal random rows around the centres of classes. One hidden layer of 256
units, batches of 256, all rows in each epoch, a rate that falls along a cosine over
EPOCHS (10). One thread each. The sides go through their epochs in turns; figures are CPU
seconds, the least of all epochs, since whatever else runs on the machine only adds, and
the mean loss over the last epoch, which depends on the first weights and the order of
rows, too. Ratios are PyTorch's by ours, so that more than 1 is faster.
"""
import os

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import math
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from ours import Ours

EPOCHS = int(os.environ.get("EPOCHS", "10"))
HIDDEN, BATCH = 256, 256
ROW = "| %-18s | %8s | %8s | %8s | %6s | %8s | %13s | %9s |"


def blobs(n, d, c):
    rng = np.random.default_rng(1)
    y = np.arange(n) % c
    x = rng.standard_normal((c, d))[y] * 2 / math.sqrt(d) + rng.standard_normal((n, d))
    return ((x - x.mean(0)) / x.std(0)).astype(np.float32), y


class Torch:
    def __init__(self, x, y, c):
        torch.manual_seed(0)
        self.x, self.y = torch.from_numpy(x), torch.from_numpy(y).long()
        self.net = torch.nn.Sequential(torch.nn.Linear(x.shape[1], HIDDEN), torch.nn.ReLU(), torch.nn.Linear(HIDDEN, c))
        self.optimizer = torch.optim.Adam(self.net.parameters(), 1e-3, fused=True)
        self.schedule = torch.optim.lr_scheduler.CosineAnnealingLR(self.optimizer, EPOCHS * math.ceil(len(x) / BATCH))

    def epoch(self):
        before, total = time.process_time(), 0.0
        order = torch.randperm(len(self.x))
        for lo in range(0, len(order), BATCH):
            rows = order[lo:lo + BATCH]
            self.optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(self.net(self.x[rows]), self.y[rows])
            loss.backward()
            self.optimizer.step()
            self.schedule.step()
            total += loss.item() * len(rows)
        return time.process_time() - before, total / len(order)


def main():
    torch.set_num_threads(1)
    paths = sys.argv[1:]
    sets = [(Path(a).stem, np.load(a).astype(np.float32), np.load(b)) for a, b in zip(paths[::2], paths[1::2])]
    if not sets:
        sets = [("random", *blobs(50000, 384, 26)), ("random", *blobs(20000, 1280, 10))]
    with tempfile.TemporaryDirectory() as folder, Ours("head/fit", "TestMLPPeer", GOMAXPROCS="1") as side:
        names = side.sets()[1:]
        if not names:
            raise SystemExit("mlp: this machine has neither AVX2 nor AVX-512")

        print("PyTorch %s, %s; CPU seconds of an epoch, the least of %d in turns, one thread" % (torch.__version__, torch.backends.cpu.get_cpu_capability(), EPOCHS))
        print()
        print(ROW % ("features", "PyTorch", "AVX2", "AVX-512", "AVX2", "AVX-512", "PyTorch loss", "our loss"))
        print(ROW % tuple("-" * n for n in (18, 8, 8, 8, 6, 8, 13, 9)))
        for name, x, y in sets:
            y = y.astype(np.int32)
            n, d, c = len(x), x.shape[1], int(y.max()) + 1
            path = Path(folder) / "rows"
            path.write_bytes(np.ascontiguousarray(x).tobytes() + y.tobytes())
            side.tell("data", n, d, c, HIDDEN, BATCH, EPOCHS, path)
            peer, least, losses = Torch(x, y, c), {}, {}
            side.tell("again")
            for turn in range(EPOCHS):
                # The instructions change no bit of products, so that one fit is enough.
                key = names[turn % len(names)]
                for who, (seconds, loss) in (("PyTorch", peer.epoch()), (key, side.ask(key))):
                    least[who] = min(seconds, least.get(who, seconds))
                    losses["PyTorch" if who == "PyTorch" else "ours"] = loss
            second = lambda key: "%.3f" % least[key] if key in least else "–"
            ratio = lambda key: "%.2f" % (least["PyTorch"] / least[key]) if key in least else "–"
            print(ROW % ("%s %d × %d, %d" % (name, n, d, c), second("PyTorch"), second("AVX2"), second("AVX-512"), ratio("AVX2"), ratio("AVX-512"),
                         "%.4f" % losses["PyTorch"], "%.4f" % losses["ours"]), flush=True)


if __name__ == "__main__":
    main()

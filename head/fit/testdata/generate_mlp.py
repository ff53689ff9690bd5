#!/usr/bin/env python3
"""Writes mlp.json: what PyTorch makes of perceptrons in three epochs, from the same first weights and with the same batches.

usage: generate_mlp.py         (writes into the folder it lies in; takes seconds)

Features and labels are those of small.f32.gz and small.json, standardised. Made with Python 3.11, numpy 2.4, PyTorch 2.5.1.
"""
import gzip, json, math, os
import numpy as np, torch

torch.set_num_threads(1)
here = os.path.dirname(os.path.abspath(__file__))
x = np.frombuffer(gzip.open(os.path.join(here, "small.f32.gz")).read(), "<f4").reshape(600, 64).astype(np.float64)
labels = json.load(open(os.path.join(here, "small.json")))["labels"]
classes = sorted(set(labels))
y = torch.tensor([classes.index(l) for l in labels])
scale = x.std(0)
scale[scale < 1e-12] = 1
x = torch.tensor((x - x.mean(0)) / scale, dtype=torch.float32)

def run(hidden, batch, epochs, rate, decay, smoothing, seed):
    torch.manual_seed(seed)
    sizes = [64, *hidden, len(classes)]
    parts = []
    for a, b in zip(sizes, sizes[1:]):
        parts += [torch.nn.Linear(a, b), torch.nn.ReLU()]
    net = torch.nn.Sequential(*parts[:-1])
    layers = [m for m in net if isinstance(m, torch.nn.Linear)]
    start = [v for l in layers for v in (l.weight.T.flatten().tolist() + l.bias.tolist())]
    optimizer = torch.optim.AdamW([
        {"params": [l.weight for l in layers], "weight_decay": decay},
        {"params": [l.bias for l in layers], "weight_decay": 0.0},
    ], lr=rate)
    steps = epochs * math.ceil(600 / batch)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    orders, losses = [], []
    for _ in range(epochs):
        order = torch.randperm(600)
        orders.append(order.tolist())
        total = 0.0
        for lo in range(0, 600, batch):
            rows = order[lo:lo + batch]
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(net(x[rows]), y[rows], label_smoothing=smoothing)
            loss.backward()
            optimizer.step()
            schedule.step()
            total += float(loss.detach()) * len(rows)
        losses.append(total / 600)
    f = lambda v: float("%.9g" % v)
    return {"hidden": hidden, "batch": batch, "epochs": epochs, "rate": rate, "decay": decay, "smoothing": smoothing,
            "start": [f(v) for v in start], "orders": orders, "losses": losses,
            "scores": [f(v) for v in net(x[:20]).detach().flatten().tolist()]}

out = [run([24], 64, 3, 3e-3, 0.0, 0.0, 1), run([16, 12], 50, 3, 1e-2, 0.1, 0.1, 2)]
with open(os.path.join(here, "mlp.json"), "w") as f:
    json.dump(out, f, separators=(",", ":"))
    f.write("\n")

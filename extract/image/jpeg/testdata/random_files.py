"""Compares random JPEGs with Pillow: python random_files.py N [SEED].

It is run by hand from this folder; the files that differ are kept in a
temporary folder that it names.
"""

import hashlib
import io
import random
import struct
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
from PIL import Image

from encoder import EOI, JFIF, SOI, Component, Picture, adobe, arithmetic_scan, dqt, segment

warnings.simplefilter("ignore")


def picture(rng, w, h, channels=3):
    y, x = np.mgrid[0:h, 0:w].astype(np.float64)
    kind = rng.random()
    out = np.zeros((h, w, channels))
    for c in range(channels):
        fx, fy = rng.uniform(-0.6, 0.6), rng.uniform(-0.6, 0.6)
        out[:, :, c] = 128 + rng.uniform(10, 140) * np.sin(fx * x + fy * y + c)
    noise = np.random.default_rng(rng.getrandbits(32))
    if kind < 0.5:
        out += noise.normal(0, rng.uniform(1, 60), out.shape)
    if kind > 0.9:
        out = noise.integers(0, 2, out.shape) * 255.0
    return np.clip(np.rint(out), 0, 255).astype(np.uint8)


def side(rng, top):
    return rng.choice([rng.randint(1, 17), rng.randint(1, 64), rng.randint(1, top)])


def by_pillow(rng):
    w, h = side(rng, 300), side(rng, 300)
    mode = rng.choice(["RGB", "RGB", "RGB", "RGB", "L", "CMYK"])
    a = picture(rng, w, h, {"L": 1, "RGB": 3, "CMYK": 4}[mode])
    im = Image.fromarray(a[:, :, 0] if mode == "L" else a, mode)
    o = {"quality": rng.choice([1, 10, 50, 75, 90, 95, 100]), "progressive": rng.random() < 0.4, "optimize": rng.random() < 0.5}
    if mode == "RGB":
        o["subsampling"] = rng.choice([0, 1, 2])
        if o["subsampling"] == 0:
            o["keep_rgb"] = rng.random() < 0.3
    if rng.random() < 0.3:
        o[rng.choice(["restart_marker_blocks", "restart_marker_rows"])] = rng.choice([1, 2, 3, 7])
    if rng.random() < 0.1:
        o["qtables"] = [[rng.randint(1, 255) for _ in range(64)] for _ in range(2)]
    b = io.BytesIO()
    try:
        im.save(b, "JPEG", **o)
    except OSError:  # its buffer is too small for some noise
        return by_pillow(rng)
    return b.getvalue()


def progression(rng, n):
    """A random complete script of scans: (components, ss, se, ah, al)."""
    scans = []
    al = rng.choice([0, 0, 1, 2])
    groups = rng.choice([[list(range(n))], [[i] for i in range(n)]])
    if n == 3 and rng.random() < 0.2:
        groups = [[0], [1, 2]]
    first = [(g, 0, 0, 0, al) for g in groups]
    rest = [[(g, 0, 0, a, a - 1) for a in range(al, 0, -1)] for g in groups]
    for c in range(n):
        cuts = sorted(rng.sample(range(2, 64), rng.choice([0, 0, 1, 3]))) + [64]
        lo = 1
        for cut in cuts:
            a = rng.choice([0, 0, 1, 2, 3])
            rest.append([([c], lo, cut - 1, 0, a)] + [([c], lo, cut - 1, b, b - 1) for b in range(a, 0, -1)])
            lo = cut
    scans += first
    rest = [r for r in rest if r]
    while rest:
        i = rng.randrange(len(rest))
        scans.append(rest[i].pop(0))
        if not rest[i]:
            rest.pop(i)
    return scans


def own(rng):
    w, h = side(rng, 120), side(rng, 120)
    n = rng.choice([1, 3, 3, 3, 3, 3, 4])
    factors = [1, 1, 1, 2, 2, 4, 3]
    while True:
        s = [(rng.choice(factors), rng.choice(factors)) for _ in range(n)]
        if rng.random() < 0.6 and n >= 3:
            s = [rng.choice([(1, 1), (2, 1), (1, 2), (2, 2), (4, 1), (1, 4)])] + [(1, 1)] * 2 + [rng.choice([(1, 1), (2, 2)])] * (n - 3)
        top = max(x for x, _ in s), max(y for _, y in s)
        if all(top[0] % x == 0 and top[1] % y == 0 for x, y in s) or rng.random() < 0.02:
            break
    wide = rng.random() < 0.1
    most = rng.choice([1, 8, 40, 255]) if not wide else rng.choice([300, 2000, 60000])
    quants = {t: [rng.randint(1, most) for _ in range(64)] for t in range(rng.choice([1, 2, 4]))}
    comps = []
    ids = rng.choice([(1, 2, 3, 4), (1, 2, 3, 4), (0, 1, 2, 3), (82, 71, 66, 75), (7, 9, 200, 33), (1, 3, 2, 4)])
    extreme = rng.random() < 0.15
    for i, (sh, sv) in enumerate(s):
        t = rng.randrange(len(quants))
        cw, ch = -(-w * sh // top[0]), -(-h * sv // top[1])
        comps.append(Component(ids[i], sh, sv, t, picture(rng, max(cw, 1), max(ch, 1), 1)[:, :, 0], quants[t]))
    p = Picture((w, h), comps)
    if extreme:
        for c in p.comps:
            for row in c.coefs:
                for b in row:
                    for _ in range(rng.randint(0, 5)):
                        b[rng.choice([0, 0, 1, rng.randrange(64)])] = rng.randint(-1023, 1023)
    out = SOI
    colour = rng.random()
    if colour < 0.4:
        out += JFIF
    elif colour < 0.8:
        out += adobe(rng.choice([0, 0, 1, 2, 3]))
    if colour > 0.95:
        out += JFIF + adobe(0)
    if rng.random() < 0.1:
        out += b"\xff" * rng.randint(1, 3)
    if rng.random() < 0.1:
        out += segment(0xE1, bytes(rng.randrange(256) for _ in range(30))) + segment(0xFE, b"a comment")
    out += dqt(quants, wide)
    interleave = n == 1 or sum(x * y for x, y in s) <= 10
    restart = rng.choice([0, 0, 1, 2, 5])
    flat = rng.random() < 0.3
    stray = bytes(rng.randrange(255) for _ in range(3)) if rng.random() < 0.1 else b""
    fill = b"\xff" * rng.randint(1, 3) if rng.random() < 0.1 else b""
    o = {"flat": flat, "stray": stray, "fill": fill}
    scan = p.scan
    coded = rng.random() < 0.15  # arithmetic
    if coded:
        low = rng.randrange(4)
        conds = ({t: (low, rng.randint(low, 6)) for t in range(4)}, {t: rng.randint(1, 63) for t in range(4)})

        def scan(*a, flat=0, stray=0, fill=0, **k):
            return arithmetic_scan(p, *a, conds=conds, **k)

    if rng.random() < 0.5:
        out += p.sof(0xCA if coded else 0xC2)
        script = progression(rng, n)
        if rng.random() < 0.3 and not coded:  # incomplete, with all DC coefficients
            need = [s for s in script if s[1] == 0 and s[3] == 0]
            script = need + [s for s in script[: rng.randint(0, len(script))] if s not in need]
        for which, ss, se, ah, al in script:
            if len(which) > 1 and not interleave:
                which = which[:1]
                for c in range(1, n):
                    out += scan([c], ss, se, ah, al, True, **o)
            tables = [(rng.randrange(4), rng.randrange(4)) for _ in which]
            out += scan(which, ss, se, ah, al, True, tables, restart=rng.choice([restart, 0]), **o)
        return out + EOI
    out += p.sof(0xC9 if coded else rng.choice([0xC0, 0xC1]))
    groups = [list(range(n))]
    if not interleave or rng.random() < 0.3:
        groups = [[i] for i in range(n)]
        if n == 3 and rng.random() < 0.3 and interleave:
            groups = [[0], [1, 2]]
        if rng.random() < 0.2:
            rng.shuffle(groups)
    for g in groups:
        if len(groups) > 1 and rng.random() < 0.2:
            # Tables that change after a component's first scan do not count.
            used = {p.comps[i].tq for x in groups[groups.index(g) :] for i in x}
            later = {t: [rng.randint(1, 255) for _ in range(64)] for t in range(4) if t not in used}
            out += dqt(later)
        out += scan(g, tables=[(rng.randrange(4), rng.randrange(4)) for _ in g], restart=restart, **o)
        if rng.random() < 0.1 and not coded:  # arithmetic coders leave out zeros, so these would count
            out += bytes(rng.randrange(255) for _ in range(3))
    return out + EOI + (b"behind" if rng.random() < 0.1 else b"")


def hurt(rng):
    """A file with a fault."""
    b = bytearray(rng.choice([by_pillow, own])(rng))
    for _ in range(rng.choice([1, 1, 2, 5])):
        i = rng.randrange(2, len(b))
        how = rng.random()
        if how < 0.5:
            b[i] ^= 1 << rng.randrange(8)
        elif how < 0.7:
            del b[i : i + rng.randint(1, 20)]
        elif how < 0.8:
            b[i:i] = bytes(rng.randrange(256) for _ in range(rng.randint(1, 4)))
        else:
            b[i] = rng.randrange(256)
        if len(b) < 10:
            break
    return bytes(b)


def pillow(b):
    try:
        a = np.asarray(Image.open(io.BytesIO(b)).convert("RGB"))
    except Exception as e:
        return f"ERR {type(e).__name__}: {e}"
    return f"OK {a.shape[1]}x{a.shape[0]} {hashlib.sha256(a.tobytes()).hexdigest()}"


def main():
    n, seed = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1
    kinds = {"pillow": by_pillow, "own": own, "hurt": hurt}
    files = []
    for i in range(n):
        rng = random.Random(f"{seed} {i}")
        kind = rng.choice(["pillow", "own", "own"] + ["hurt"] * (i % 4 == 0))
        files.append((kind, kinds[kind](rng)))
    run = subprocess.run(["go", "run", "decode.go"], input=b"".join(struct.pack("<I", len(b)) + b for _, b in files), stdout=subprocess.PIPE, check=True)
    ours = run.stdout.decode().splitlines()
    assert len(ours) == n
    counts, keep = {}, None
    for i, ((kind, b), got) in enumerate(zip(files, ours)):
        want = pillow(b)
        what = f"{kind}: headstart {got.split()[0]}, Pillow {want.split()[0]}"
        if got.startswith("OK") and want.startswith("OK"):
            what = f"{kind}: " + ("equal" if got == want else "DIFFERENT")
        counts[what] = counts.get(what, 0) + 1
        if what.endswith("DIFFERENT") or got.startswith("PANIC") or kind != "hurt" and got[:2] != want[:2] or got[:2] == "OK" and want[:2] == "ER":
            keep = keep or Path(tempfile.mkdtemp())
            (keep / f"{i}.jpg").write_bytes(b)
            print(f"{keep}/{i}.jpg", got[:90], "|", want[:90])
    for what, count in sorted(counts.items()):
        print(f"{count:6} {what}")


main()

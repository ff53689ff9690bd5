"""Writes the JPEG fixtures and the digests of their pixels by the reference.

    python generate.py

Needs Pillow (what it decodes is the same in 10 to 13) and numpy. The files go
to files.zip, what Pillow makes of them (convert("RGB")) to manifest.json; a
file that it refuses has no digest, and one that it takes but that is refused
here says why. The pictures are computed from fixed seeds.
"""

import hashlib
import io
import json
import random
import struct
import warnings
import zipfile
from pathlib import Path

import numpy as np
import PIL
from PIL import Image, features

from encoder import EOI, JFIF, SOI, Component, Picture, Table, adobe, arithmetic_scan, dqt, segment

warnings.simplefilter("ignore")
HERE = Path(__file__).resolve().parent
files = {}  # name → (content, why it is refused here, if Pillow takes it)


def add(name, content, refused=""):
    assert name not in files, name
    files[name] = (content, refused)


def picture(w, h, channels=3, seed=1, noise=12.0):
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:h, 0:w].astype(np.float64)
    out = np.zeros((h, w, channels))
    for c in range(channels):
        for _ in range(4):
            out[:, :, c] += rng.uniform(8, 50) * np.sin(rng.uniform(-0.4, 0.4) * x + rng.uniform(-0.4, 0.4) * y + rng.uniform(0, 6))
    out += 128 + rng.normal(0, noise, out.shape)
    out[(x + 2 * y) % 19 < 2] = rng.uniform(0, 255, channels)
    return np.clip(np.rint(out), 0, 255).astype(np.uint8)


def pillow(a, **o):
    if a.shape[2] == 1:
        a = a[:, :, 0]
    b = io.BytesIO()
    Image.fromarray(a).save(b, "JPEG", **o)
    return b.getvalue()


def cmyk(a, **o):
    b = io.BytesIO()
    Image.fromarray(a, "CMYK").save(b, "JPEG", **o)
    return b.getvalue()


# --- what Pillow writes -----------------------------------------------------

for n, sub in enumerate(("444", "422", "420")):
    for w, h in ((1, 1), (2, 3), (3, 2), (5, 3), (17, 16), (33, 31), (64, 48)):
        add(f"{sub}-{w}x{h}", pillow(picture(w, h, seed=w), quality=85, subsampling=n))
        if w in (1, 5, 33, 64):
            add(f"{sub}-{w}x{h}-progressive", pillow(picture(w, h, seed=w), quality=80, subsampling=n, progressive=True))
    add(f"{sub}-restart-1", pillow(picture(50, 37), quality=75, subsampling=n, restart_marker_blocks=1))
    add(f"{sub}-restart-rows-progressive", pillow(picture(50, 37), quality=75, subsampling=n, restart_marker_rows=1, progressive=True))
for q in (1, 10, 30, 95, 100):
    add(f"quality-{q}", pillow(picture(60, 44, seed=q), quality=q, optimize=q % 2 == 0))
add("long-1x500", pillow(picture(1, 500), quality=80))
add("long-500x1", pillow(picture(500, 1), quality=80))
add("long-700x3", pillow(picture(700, 3), quality=70))
add("long-700x3-progressive", pillow(picture(700, 3), quality=70, progressive=True))
add("noise-extreme", pillow((picture(40, 40, noise=400) > 127).astype(np.uint8) * 255, quality=100, subsampling=2))
add("grey", pillow(picture(45, 30, 1), quality=85))
add("grey-progressive", pillow(picture(45, 30, 1), quality=85, progressive=True))
add("grey-1x1", pillow(picture(1, 1, 1), quality=85))
add("rgb-kept", pillow(picture(40, 30), quality=85, subsampling=0, keep_rgb=True))
add("cmyk", cmyk(picture(40, 30, 4), quality=85))
add("cmyk-progressive", cmyk(picture(41, 29, 4), quality=85, progressive=True))
add("tables-random", pillow(picture(40, 30), qtables=[[random.Random(1).randint(1, 255) for _ in range(64)]] * 2))

# --- what it does not write -------------------------------------------------

Q = [max(1, min(255, 2 + k)) for k in range(64)]
Q2 = [max(1, min(255, 3 + 2 * k)) for k in range(64)]


def build(w, h, sampling, seed=5, quants=None, ids=(1, 2, 3, 4), tq=None, noise=12.0):
    quants = quants or {0: Q, 1: Q2}
    H, V = max(s[0] for s in sampling), max(s[1] for s in sampling)
    comps = []
    for i, (sh, sv) in enumerate(sampling):
        t = tq[i] if tq else min(i, 1) % len(quants)
        comps.append(Component(ids[i], sh, sv, t, picture(-(-w * sh // H), -(-h * sv // V), 1, seed + i, noise)[:, :, 0], quants.get(t, Q)))
    return Picture((w, h), comps)


def sequential(p, head=JFIF, groups=None, sof=0xC0, quants=None, **o):
    out = SOI + head + dqt(quants or {0: Q, 1: Q2}) + p.sof(sof)
    for g in groups or [list(range(len(p.comps)))]:
        out += p.scan(g, **o)
    return out + EOI


for name, s in {
    "440": [(1, 2), (1, 1), (1, 1)],
    "411": [(4, 1), (1, 1), (1, 1)],
    "410": [(4, 2), (1, 1), (1, 1)],
    "441": [(1, 4), (1, 1), (1, 1)],
    "luma-2x2-chroma-1x2": [(2, 2), (1, 2), (1, 2)],
    "luma-2x2-chroma-2x1": [(2, 2), (2, 1), (2, 1)],
    "luma-1x1-chroma-2x2": [(1, 1), (2, 2), (2, 2)],
    "luma-4x1-chroma-2x1": [(4, 1), (2, 1), (2, 1)],
    "luma-2x4-chroma-1x1": [(2, 4), (1, 1), (1, 1)],
    "luma-3x1-chroma-1x1": [(3, 1), (1, 1), (1, 1)],
    "luma-1x3-chroma-1x1": [(1, 3), (1, 1), (1, 1)],
    "chroma-unlike": [(2, 2), (1, 1), (2, 1)],
    "all-2x2": [(2, 2), (2, 2), (2, 2)][:1] + [(2, 2), (1, 1)],
}.items():
    for w, h in ((5, 9), (43, 37)):
        add(f"{name}-{w}x{h}", sequential(build(w, h, s)))
    add(f"{name}-3x3", sequential(build(3, 3, s)))
add("grey-2x2", sequential(build(29, 21, [(2, 2)])))
add("grey-4x3", sequential(build(29, 21, [(4, 3)])))
add("fractional", sequential(build(20, 20, [(3, 1), (2, 1), (1, 1)])))
add("cmyk-plain", sequential(build(30, 20, [(1, 1)] * 4), head=b""))
add("cmyk-adobe-0", sequential(build(30, 20, [(1, 1)] * 4), head=adobe(0)))
add("ycck", sequential(build(30, 20, [(1, 1)] * 4), head=adobe(2)))
add("ycck-420", sequential(build(31, 21, [(2, 2), (1, 1), (1, 1), (2, 2)]), head=adobe(2)))
add("ycck-odd-transform", sequential(build(31, 21, [(1, 1)] * 4), head=adobe(1)))
for name, head, ids in (
    ("rgb-adobe-0", adobe(0), (1, 2, 3)),
    ("rgb-ids", b"", (82, 71, 66)),
    ("rgb-ids-jfif", JFIF, (82, 71, 66)),
    ("rgb-ids-adobe-1", adobe(1), (82, 71, 66)),
    ("ycc-adobe-0-jfif", JFIF + adobe(0), (1, 2, 3)),
    ("ycc-adobe-7", adobe(7), (1, 2, 3)),
    ("ycc-ids-0", b"", (0, 1, 2)),
    ("ycc-ids-odd", b"", (9, 200, 33)),
    ("ycc-short-adobe", segment(0xEE, b"Adobe\0\x64\0\0\0\0"), (82, 71, 66)),
):
    add(name, sequential(build(33, 18, [(2, 1), (1, 1), (1, 1)], ids=ids), head=head))
p = build(37, 29, [(2, 2), (1, 1), (1, 1)])
add("extended", sequential(p, sof=0xC1))
add("one-by-one", sequential(p, groups=[[0], [1], [2]]))
add("one-and-two", sequential(p, groups=[[0], [1, 2]]))
add("backwards", sequential(p, groups=[[2], [1], [0]]))
add("twice", sequential(p, groups=[[0], [0], [1, 2]]))
add("one-by-one-restart", sequential(p, groups=[[0], [1], [2]], restart=3))
add("flat-codes", sequential(p, flat=True))
add("tables-3", sequential(p, tables=[(3, 2), (1, 3), (0, 0)]))
add("stray-before-restart", sequential(p, restart=2, stray=b"abc"))
add("fill-before-restart", sequential(p, restart=1, fill=b"\xff\xff"))
skew = {(0, 0): Table({s: s + 1 for s in range(12)}), (1, 0): Table({s: min(16, i + 1) if i < 15 else 16 for i, s in enumerate([0, 1, 2, 17, 3, 18, 33, 4, 49, 65, 5, 81, 19, 97, 113])} | {})}
small = build(24, 16, [(1, 1)], quants={0: [200] * 64})
for row in small.comps[0].coefs:
    for b in row:
        b[1:] = [(i * 7 + b[0]) % 3 - 1 if i % 5 == b[0] % 5 else 0 for i in range(63)]
small.comps[0].coefs[0][0][60] = 20
add("codes-of-16-bits", SOI + dqt({0: [200] * 64}) + small.sof() + small.scan([0], given={(0, 0): skew[(0, 0)]}) + EOI)
wide = {0: [16 * (1 + k) for k in range(64)], 1: [900] * 64}
add("quants-16-bits", sequential(build(40, 30, [(2, 2), (1, 1), (1, 1)], quants=wide), quants=wide))
big = {0: [60000 - 700 * k for k in range(64)], 1: [40000] * 64}
overflowing = build(24, 24, [(1, 1)] * 3, quants=big)
for c in overflowing.comps:
    for row in c.coefs:
        for i, b in enumerate(row):
            b[0], b[i % 5], b[9] = 3 * i - 4, 7 - i, i % 3
add("quants-overflow", sequential(overflowing, quants=big))
huge = build(40, 24, [(1, 1)] * 3)
r = random.Random(4)
for c in huge.comps:
    for row in c.coefs:
        for b in row:
            for _ in range(r.choice([0, 1, 4])):
                b[r.choice([0, 1, 8, r.randrange(64)])] = r.randint(-1023, 1023)
add("coefficients-huge", sequential(huge))
add("quants-zero", sequential(build(24, 16, [(1, 1)] * 3), quants={0: [3] + [0] * 63, 1: Q2}))
changing = build(37, 29, [(1, 1)] * 3, tq=(0, 0, 0))
add(
    "quants-redefined",
    SOI + JFIF + dqt({0: Q}) + changing.sof() + changing.scan([0]) + dqt({0: Q2}) + changing.scan([1]) + dqt({0: [9] * 64}) + changing.scan([2]) + EOI,
)
add("without-dht", bytes(pillow(picture(40, 30), quality=75)))
b = files["without-dht"][0]
while (i := b.find(b"\xff\xc4")) >= 0 and i < b.index(b"\xff\xda"):
    b = b[:i] + b[i + 2 + struct.unpack(">H", b[i + 2 : i + 4])[0] :]
files["without-dht"] = (b, "")

# --- progressions -----------------------------------------------------------

DC = [([0, 1, 2], 0, 0, 0, 0)]
AC = [([c], 1, 63, 0, 0) for c in range(3)]


def progressive(p, script, head=JFIF, quants=None, **o):
    out = SOI + head + dqt(quants or {0: Q, 1: Q2}) + p.sof(0xC2)
    for which, ss, se, ah, al in script:
        out += p.scan(which, ss, se, ah, al, True, **o)
    return out + EOI


add("progression-plain", progressive(p, DC + AC))
add("progression-dc-apart", progressive(p, [([c], 0, 0, 0, 0) for c in range(3)] + AC))
add("progression-deep", progressive(p, [([0, 1, 2], 0, 0, 0, 3)] + [([0, 1, 2], 0, 0, a, a - 1) for a in (3, 2, 1)] + [([c], 1, 63, 0, 4) for c in range(3)] + [([c], 1, 63, a, a - 1) for a in (4, 3, 2, 1) for c in range(3)]))
add("progression-bands", progressive(p, DC + [([c], k, k + 8, 0, 1) for c in range(3) for k in range(1, 64, 9)] + [([c], 1, 63, 1, 0) for c in range(3)]))
add("progression-coefficient-by-coefficient", progressive(build(20, 12, [(1, 1)] * 3), DC + [([c], k, k, 0, 0) for c in range(3) for k in range(1, 64)]))
add("progression-ac-first", progressive(p, AC + DC))
add("progression-restart", progressive(p, [([0, 1, 2], 0, 0, 0, 1)] + [([c], 1, 63, 0, 2) for c in range(3)] + [([c], 1, 63, 2, 1) for c in range(3)] + [([0, 1, 2], 0, 0, 1, 0)] + [([c], 1, 63, 1, 0) for c in range(3)], restart=2))
add("progression-restart-1", progressive(p, [([0, 1, 2], 0, 0, 0, 1)] + [([c], 1, 63, 0, 1) for c in range(3)] + [([0, 1, 2], 0, 0, 1, 0)] + [([c], 1, 63, 1, 0) for c in range(3)], restart=1))
add("progression-high-frequencies-left-out", progressive(p, DC + [([c], 1, 20, 0, 0) for c in range(3)]))
flatp = build(150, 90, [(1, 1)], noise=0)
for row in flatp.comps[0].coefs:
    for b in row:
        b[1:] = [0] * 63
flatp.comps[0].coefs[5][7][3] = 4
add("progression-long-runs", progressive(flatp, [([0], 0, 0, 0, 0), ([0], 1, 63, 0, 1), ([0], 1, 63, 1, 0)]))
add("progression-440", progressive(build(37, 29, [(1, 2), (1, 1), (1, 1)]), DC + AC))
add("progression-411", progressive(build(37, 29, [(4, 1), (1, 1), (1, 1)]), DC + AC))
add("progression-ycck", progressive(build(37, 29, [(2, 2), (1, 1), (1, 1), (2, 2)]), [([0, 1, 2, 3], 0, 0, 0, 0)] + [([c], 1, 63, 0, 0) for c in range(4)], head=adobe(2)))
add("progression-quants-redefined", SOI + JFIF + dqt({0: Q, 1: Q2}) + p.sof(0xC2) + p.scan([0, 1, 2], 0, 0, 0, 0, True) + dqt({0: Q2, 1: Q}) + b"".join(p.scan([c], 1, 63, 0, 0, True) for c in range(3)) + EOI)
wide420 = build(150, 99, [(2, 2), (1, 1), (1, 1)], noise=4)
for name, script in {
    "dc-alone": DC,
    "dc-alone-inexact": [([0, 1, 2], 0, 0, 0, 3)],
    "bit-missing": DC + [([c], 1, 63, 0, 1) for c in range(3)],
    "bits-missing": DC + [([c], 1, 5, 0, 3) for c in range(3)] + [([0], 6, 63, 0, 2)],
    "component-missing": DC + AC[:2],
    "band-missing": DC + [([0], 1, 2, 0, 0), ([1], 3, 63, 0, 0), ([2], 9, 9, 0, 2)],
    "high-band-alone": DC + [([c], 10, 63, 0, 0) for c in range(3)],
}.items():
    add("incomplete-" + name, progressive(p, script))
    add("incomplete-large-" + name, progressive(wide420, script))
add("incomplete-grey", progressive(build(70, 51, [(1, 1)]), [([0], 0, 0, 0, 0)]))
add("incomplete-grey-8x8", progressive(build(8, 8, [(1, 1)]), [([0], 0, 0, 0, 0)]))
add("incomplete-17x9", progressive(build(17, 9, [(2, 2), (1, 1), (1, 1)]), DC))
add("incomplete-coarse", progressive(build(70, 51, [(1, 1)], quants={0: [16] * 64}), [([0], 0, 0, 0, 0)], quants={0: [16] * 64}))
add("incomplete-quants-zero", progressive(build(70, 51, [(1, 1)]), [([0], 0, 0, 0, 0)], quants={0: Q[:5] + [0] + Q[6:]}))
add("incomplete-440", progressive(build(70, 151, [(1, 2), (1, 1), (1, 1)]), DC))
add("incomplete-444-v4", progressive(build(70, 251, [(1, 4), (1, 2), (1, 1)]), DC))
for h in (9, 17, 24, 25, 33, 40):
    for v in (2, 3, 4):
        add(f"incomplete-grey-1x{v}-{h}", progressive(build(30, h, [(1, v)]), [([0], 0, 0, 0, 0)]))
    add(f"incomplete-apart-440-{h}", progressive(build(58, h, [(1, 2), (1, 1), (1, 1)]), [([c], 0, 0, 0, 0) for c in range(3)]))
    add(f"incomplete-apart-441-{h}", progressive(build(31, h, [(1, 4), (1, 2), (1, 1)]), [([c], 0, 0, 0, 0) for c in range(3)]))
add("bad-progression-no-dc", progressive(p, AC[:1]), "no scan has the DC coefficients of component 1")

# --- arithmetic coding ------------------------------------------------------


def arithmetic(p, scans, sof=0xC9, **o):
    out = SOI + JFIF + dqt({0: Q, 1: Q2}) + p.sof(sof)
    for which, *band in scans:
        out += arithmetic_scan(p, which, *band, sof == 0xCA, **o) if band else arithmetic_scan(p, which, **o)
    return out + EOI


CONDS = ({0: (2, 5), 1: (1, 1)}, {0: 1, 1: 63})
T3 = {"tables": [(0, 0), (1, 1), (1, 1)]}
add("arithmetic", arithmetic(p, [([0, 1, 2],)], **T3))
add("arithmetic-444-noise", arithmetic(build(33, 35, [(1, 1)] * 3, noise=70), [([0, 1, 2],)], **T3))
add("arithmetic-grey", arithmetic(build(45, 30, [(1, 1)]), [([0],)]))
add("arithmetic-flat", arithmetic(flatp, [([0],)]))
add("arithmetic-1x1", arithmetic(build(1, 1, [(1, 1)] * 3), [([0, 1, 2],)]))
add("arithmetic-restart", arithmetic(p, [([0, 1, 2],)], restart=2, **T3))
add("arithmetic-conditioned", arithmetic(p, [([0, 1, 2],)], conds=CONDS, **T3))
add("arithmetic-one-by-one", arithmetic(p, [([0],), ([1],), ([2],)]))
add("arithmetic-huge", arithmetic(huge, [([0, 1, 2],)], **T3))
DEEP = [([0, 1, 2], 0, 0, 0, 1)] + [([c], *band) for c in range(3) for band in ((1, 7, 0, 2), (8, 63, 0, 1), (1, 7, 2, 1), (1, 63, 1, 0))] + [([0, 1, 2], 0, 0, 1, 0)]
add("arithmetic-progressive", arithmetic(p, DEEP, 0xCA))
add("arithmetic-progressive-restart", arithmetic(p, DEEP, 0xCA, restart=3))
add("arithmetic-progressive-conditioned", arithmetic(p, DEEP, 0xCA, conds=CONDS))

# --- around and between -----------------------------------------------------

base = pillow(picture(48, 40), quality=80, restart_marker_rows=1)
i = base.index(b"\xff\xdb")
sos = base.index(b"\xff\xda")
rst = base.index(b"\xff\xd1", sos)
add("stray-before-segment", base[:i] + b"abc" + base[i:])
add("stray-ff00-before-segment", base[:i] + b"\xff\0a" + base[i:])
add("fill-before-segment", base[:i] + b"\xff" * 7 + base[i:])
add("stray-before-end", base[:-2] + b"abc" + base[-2:])
add("behind-the-end", base + base)
add("segments-before-end", base[:-2] + segment(0xE5, b"x") + segment(0xFE, b"y") + segment(0xDC, b"\0\x05") + base[-2:])
add("restart-before-end", base[:-2] + b"\xff\xd3" + base[-2:])
add("dnl-early", base[:i] + segment(0xDC, b"\0\x28") + base[i:])
add("icc-and-exif", base[:2] + segment(0xE1, b"Exif\0\0II*\0\x08\0\0\0\0\0") + segment(0xE2, b"ICC_PROFILE\0\1\1" + bytes(60)) + base[2:])
add("bad-no-end", base[:-2])
add("bad-half-end", base[:-1])
add("bad-cut", base[:-40])
add("bad-cut-with-end", base[:-40] + EOI, "truncated")
add("bad-restart-missing", base[:rst] + base[rst + 2 :], "truncated")
add("bad-restart-renumbered", base[:rst] + b"\xff\xd2" + base[rst + 2 :], "restart marker")
add("bad-second-scan", base[:-2] + base[sos:])
add("bad-second-image", base[:-2] + base)
add("bad-two-soi", base[:2] + base)
add("bad-unknown-marker", base[:i] + segment(0xF3, b"x") + base[i:])
sof = base.index(b"\xff\xc0")
add("bad-two-frames", base[:sof] + base[sof : sof + 19] + base[sof:])
add("bad-conditioning", base[:i] + segment(0xCC, b"\0\x01") + base[i:])
add("bad-arithmetic-no-end", arithmetic(p, [([0, 1, 2],)])[:-2])
add("bad-height-0", base[: sof + 5] + b"\0\0" + base[sof + 7 :])
add("bad-width-0", base[: sof + 7] + b"\0\0" + base[sof + 9 :])
add("bad-12-bits", base[: sof + 4] + b"\x0c" + base[sof + 5 :])
add("bad-lossless", base[: sof + 1] + b"\xc3" + base[sof + 2 :])
add("bad-hierarchical", base[: sof + 1] + b"\xc5" + base[sof + 2 :])
add("bad-two-components", sequential(build(20, 20, [(1, 1), (1, 1)])))
add("bad-mcu", sequential(build(20, 20, [(4, 2), (2, 1), (2, 1)])))
add("bad-no-quants", base[:i] + base[sof:])
add("bad-header-alone", base[:sos])
add("bad-start-alone", base[:2])
add("bad-28-bytes", (SOI + build(8, 8, [(1, 1)] * 3).sof())[:28])
hurt = bytearray(base)
full = sequential(build(48, 40, [(1, 1)]), flat=True)
j = full.index(b"\xff\xda") + 60
add("bad-code", full[:j] + b"\xfe\xfe\xfe\xfe" + full[j + 4 :], "a code that no Huffman table has")
ones = full.index(b"\xff\xc4")
n = struct.unpack(">H", full[ones + 2 : ones + 4])[0]
add("bad-code-of-ones", full[:ones] + segment(0xC4, b"\0" + bytes([2] + [0] * 15) + b"\0\1") + full[ones + 2 + n :])
add("bad-progression", progressive(p, [([0], 0, 5, 0, 0)]))

# --- what the reference makes of them ---------------------------------------

manifest = {"pillow": PIL.__version__, "libjpeg_turbo": features.version("libjpeg_turbo"), "files": {}}
with zipfile.ZipFile(HERE / "files.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=9) as z:
    for name, (content, refused) in sorted(files.items()):
        z.writestr(zipfile.ZipInfo(name + ".jpg"), content, zipfile.ZIP_DEFLATED)
        entry = {}
        try:
            a = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
            entry = {"width": a.shape[1], "height": a.shape[0], "sha256": hashlib.sha256(a.tobytes()).hexdigest()}
        except Exception as e:
            entry = {"error": type(e).__name__}
        if refused:
            assert "sha256" in entry, name
            entry["refused"] = refused
        assert ("error" in entry) == (name.startswith("bad-") and not refused or name == "fractional"), (name, entry)
        manifest["files"][name] = entry
(HERE / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")
print(len(files), "files,", sum(len(c) for c, _ in files.values()), "bytes,", (HERE / "files.zip").stat().st_size, "packed;", sum("sha256" in e and "refused" not in e for e in manifest["files"].values()), "decoded")

# --- photographs for benchmarks: noise of a spectrum of 1/f ------------------


def photograph(w, h, seed):
    rng = np.random.default_rng(seed)
    fy, fx = np.meshgrid(np.fft.fftfreq(h), np.fft.fftfreq(w), indexing="ij")
    f = np.maximum(np.hypot(fx, fy), 1 / max(w, h))
    planes = [np.fft.ifft2(np.fft.fft2(rng.normal(size=(h, w))) / f**1.1).real for _ in range(3)]
    y, cb, cr = (p / p.std() for p in planes)
    out = np.stack([128 + 55 * y + 20 * cr, 128 + 55 * y - 7 * cb - 10 * cr, 128 + 55 * y + 20 * cb], 2)
    return np.clip(np.rint(out), 0, 255).astype(np.uint8)


shot = photograph(640, 480, 3)
with zipfile.ZipFile(HERE / "bench.zip", "w", zipfile.ZIP_STORED) as z:
    for name, content in {
        "444": pillow(shot, quality=85, subsampling=0),
        "422": pillow(shot, quality=85, subsampling=1),
        "420": pillow(shot, quality=85, subsampling=2),
        "grey": pillow(shot[:, :, :1], quality=85),
        "progressive": pillow(shot, quality=85, subsampling=2, progressive=True),
    }.items():
        z.writestr(zipfile.ZipInfo(name + ".jpg"), content)
        print(name, len(content))

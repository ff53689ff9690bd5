"""Writes the image fixtures and what the reference makes of them.

    python generate.py

Needs Pillow 12.2 (13 changed the order of the passes of its resize) and numpy.
Everything goes to this script's folder: images/, goldens.npz, manifest.json.
The emoji are read from the repository's testdata/emoji and are not copied.
The pictures are computed from a fixed seed.
"""

import hashlib
import io
import json
import math
import random
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import PIL
from PIL import Image, ImageOps, features

warnings.simplefilter("ignore")  # corrupt EXIF is wanted here
HERE = Path(__file__).resolve().parent
IMAGES = HERE / "images"
EMOJI = HERE.parents[2] / "testdata" / "emoji" / "images"
assert PIL.__version__.startswith("12.2"), PIL.__version__

# --- pictures ---------------------------------------------------------------


def texture(w, h, channels=3, noise=6.0, seed=1):
    """A photograph-like picture: waves, a few hard edges, noise in one half."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:h, 0:w].astype(np.float64)
    out = np.zeros((h, w, channels))
    for c in range(channels):
        for _ in range(7):
            fx, fy, phase = rng.uniform(-0.12, 0.12), rng.uniform(-0.12, 0.12), rng.uniform(0, 6.3)
            out[:, :, c] += rng.uniform(6, 28) * np.sin(fx * x + fy * y + phase)
    out += 128
    for _ in range(6):
        cx, cy, r = rng.uniform(0, w), rng.uniform(0, h), rng.uniform(0.04, 0.2) * max(w, h)
        inside = (x - cx) ** 2 + (y - cy) ** 2 < r * r
        out[inside] = 0.4 * out[inside] + 0.6 * rng.uniform(0, 255, channels)
    stripes = (x + 2 * y) % 17 < 2
    out[stripes & (y > 0.7 * h)] = rng.uniform(0, 255, channels)
    out[:, : w // 3] += rng.normal(0, noise, (h, w // 3, channels)) if noise else 0
    return np.clip(np.rint(out), 0, 255).astype(np.uint8)


def ramp_alpha(w, h, seed=2):
    """Alpha with opaque, clear and half-clear regions."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:h, 0:w]
    a = np.clip((x * 3 + y) % 400 - 60, 0, 255)
    a[rng.random((h, w)) < 0.1] = 0
    return a.astype(np.uint8)


# --- a PNG writer for what Pillow does not write ----------------------------


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def packed(levels, depth):
    """levels: h×w×c integers of `depth` bits → the bytes of each row."""
    h = levels.shape[0]
    flat = levels.reshape(h, -1)
    if depth == 16:
        return [r.astype(">u2").tobytes() for r in flat]
    if depth == 8:
        return [r.astype(np.uint8).tobytes() for r in flat]
    bits = (flat[:, :, None] >> np.arange(depth - 1, -1, -1)) & 1
    return [np.packbits(r.reshape(-1).astype(np.uint8)).tobytes() for r in bits]


ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def png(levels, depth, colour_type, before=(), after=(), interlace=False):
    if levels.ndim == 2:
        levels = levels[:, :, None]
    h, w = levels.shape[:2]
    passes = [levels]
    if interlace:
        passes = [levels[y0::dy, x0::dx] for x0, y0, dx, dy in ADAM7]
    raw = b"".join(b"\0" + r for p in passes if p.size for r in packed(p, depth))
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", w, h, depth, colour_type, 0, 0, int(interlace)))
        + b"".join(chunk(k, d) for k, d in before)
        + chunk(b"IDAT", zlib.compress(raw, 9))
        + b"".join(chunk(k, d) for k, d in after)
        + chunk(b"IEND", b"")
    )


def key(*v):
    return (b"tRNS", struct.pack(">%dH" % len(v), *v))


# --- a baseline JPEG writer for what Pillow does not write ------------------
# ITU-T T.81; Huffman and quantisation tables of its Annex K.

LUMA_Q = np.array(
    """16 11 10 16 24 40 51 61 12 12 14 19 26 58 60 55 14 13 16 24 40 57 69 56 14 17 22 29 51 87 80 62
       18 22 37 56 68 109 103 77 24 35 55 64 81 104 113 92 49 64 78 87 103 121 120 101 72 92 95 98 112 100 103 99""".split(),
    int,
).reshape(8, 8)
DC_BITS = [0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0]
DC_VALUES = list(range(12))
# A flat code for AC: each of the 162 pairs of run and size has 8 bits.
AC_VALUES = [0x00, 0xF0] + [r << 4 | s for s in range(1, 11) for r in range(16)]
AC_BITS = [0] * 7 + [len(AC_VALUES)] + [0] * 8
ZIGZAG = sorted(range(64), key=lambda i: (i // 8 + i % 8, (i // 8 if (i // 8 + i % 8) % 2 else i % 8)))


def codes(bits, values):
    table, code, i = {}, 0, 0
    for length, n in enumerate(bits, 1):
        for _ in range(n):
            table[values[i]] = (code, length)
            code, i = code + 1, i + 1
        code <<= 1
    return table


DCT = np.array([[math.cos((2 * x + 1) * u * math.pi / 16) * (math.sqrt(0.125) if u == 0 else 0.5) for x in range(8)] for u in range(8)])


def jpeg(planes, sampling, size, ids=(1, 2, 3, 4), head=b""):
    """planes: one array a component at its own resolution; sampling: (h, v) each; size: (w, h)."""
    w, h = size
    hmax, vmax = max(s[0] for s in sampling), max(s[1] for s in sampling)
    mx, my = -(-w // (8 * hmax)), -(-h // (8 * vmax))
    q = np.maximum(1, LUMA_Q // 4)
    coefs = []
    for p, (sh, sv) in zip(planes, sampling):
        full = np.pad(p.astype(np.float64), ((0, my * sv * 8 - p.shape[0]), (0, mx * sh * 8 - p.shape[1])), "edge") - 128
        blocks = full.reshape(my * sv, 8, mx * sh, 8).transpose(0, 2, 1, 3)
        coefs.append(np.rint(np.einsum("ui,byij,vj->byuv", DCT, blocks, DCT) / q).astype(int).reshape(my * sv, mx * sh, 64)[:, :, ZIGZAG])
    dc, ac = codes(DC_BITS, DC_VALUES), codes(AC_BITS, AC_VALUES)
    acc, n, out = 0, 0, bytearray()

    def put(value, length):
        nonlocal acc, n
        acc, n = acc << length | value, n + length
        while n >= 8:
            b = acc >> (n - 8) & 255
            out.append(b)
            if b == 255:
                out.append(0)
            n -= 8
            acc &= (1 << n) - 1

    def number(v):
        size = abs(v).bit_length()
        return size, v if v >= 0 else v + (1 << size) - 1

    last = [0] * len(planes)
    single = len(planes) == 1
    for y in range(my):
        for x in range(mx):
            for c, (sh, sv) in enumerate(sampling):
                for by in range(sv):
                    for bx in range(sh):
                        b = [int(v) for v in coefs[c][y * sv + by, x * sh + bx]]
                        s, v = number(b[0] - last[c])
                        last[c] = b[0]
                        put(*dc[s])
                        put(v, s)
                        run = 0
                        end = max((i for i in range(1, 64) if b[i]), default=0)
                        for i in range(1, end + 1):
                            if b[i] == 0:
                                run += 1
                                continue
                            while run > 15:
                                put(*ac[0xF0])
                                run -= 16
                            s, v = number(b[i])
                            put(*ac[run << 4 | s])
                            put(v, s)
                            run = 0
                        if end < 63:
                            put(*ac[0])
    put((1 << 7) - 1, 7)
    assert not single or sampling[0] == (1, 1)

    def segment(marker, data):
        return struct.pack(">BBH", 255, marker, len(data) + 2) + data

    comps = list(zip(ids, sampling))
    return (
        b"\xff\xd8"
        + head
        + segment(0xDB, b"\0" + bytes(int(v) for v in q.reshape(64)[ZIGZAG]))
        + segment(0xC0, struct.pack(">BHHB", 8, h, w, len(comps)) + b"".join(bytes([i, sh << 4 | sv, 0]) for i, (sh, sv) in comps))
        + segment(0xC4, b"\x00" + bytes(DC_BITS) + bytes(DC_VALUES))
        + segment(0xC4, b"\x10" + bytes(AC_BITS) + bytes(AC_VALUES))
        + segment(0xDA, bytes([len(comps)]) + b"".join(bytes([i, 0]) for i, _ in comps) + b"\0\x3f\0")
        + bytes(out)
        + b"\xff\xd9"
    )


def ycc_planes(rgb, sampling):
    """JFIF's YCbCr, each plane averaged down to its sampling."""
    r, g, b = (rgb[:, :, c].astype(np.float64) for c in range(3))
    full = [
        0.299 * r + 0.587 * g + 0.114 * b,
        128 - 0.168736 * r - 0.331264 * g + 0.5 * b,
        128 + 0.5 * r - 0.418688 * g - 0.081312 * b,
    ]
    return shrink(full, sampling)


def shrink(full, sampling):
    hmax, vmax = max(s[0] for s in sampling), max(s[1] for s in sampling)
    out = []
    for p, (sh, sv) in zip(full, sampling):
        fx, fy = hmax // sh, vmax // sv
        p = np.pad(p, ((0, -p.shape[0] % fy), (0, -p.shape[1] % fx)), "edge")
        out.append(np.rint(np.clip(p.reshape(p.shape[0] // fy, fy, p.shape[1] // fx, fx).mean((1, 3)), 0, 255)))
    return out


def adobe(transform):
    return struct.pack(">BBH", 255, 0xEE, 14) + b"Adobe\0\x64\0\0\0\0" + bytes([transform])


# --- EXIF -------------------------------------------------------------------


def exif(order, entries, offset=8, magic=42, count=None):
    e = "<" if order == b"II" else ">"
    b = order + struct.pack(e + "HI", magic, offset) + b"\0" * (offset - 8)
    b += struct.pack(e + "H", len(entries) if count is None else count)
    for tag, kind, n, value in entries:
        b += struct.pack(e + "HHI", tag, kind, n) + value
    return b + struct.pack(e + "I", 0)


def turned(n, order=b"II"):
    value = struct.pack("<H" if order == b"II" else ">H", n) + b"\0\0"
    return exif(order, [(0x10F, 2, 4, b"abc\0"), (0x112, 3, 1, value), (0x128, 3, 1, b"\0\0\0\0")])


def seen_orientation(blob):
    """What Pillow makes of an EXIF block: 1 where it fails."""
    im = Image.new("RGB", (8, 8))
    buf = io.BytesIO()
    im.save(buf, "JPEG", exif=b"Exif\0\0" + blob)
    try:
        v = Image.open(io.BytesIO(buf.getvalue())).getexif().get(0x0112, 1)
    except Exception:
        return 1
    return int(v) if isinstance(v, int) and 1 <= v <= 8 else 1


# --- the reference ----------------------------------------------------------

FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "box": Image.Resampling.BOX,
    "bilinear": Image.Resampling.BILINEAR,
    "hamming": Image.Resampling.HAMMING,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


def to_rgb(im, spec):
    if im.mode == "I;16" and spec["grey16"] == "scale":
        return Image.fromarray((np.asarray(im) >> 8).astype(np.uint8)).convert("RGB")
    if spec["alpha"] == "drop":
        return im.convert("RGB")
    colour = (255, 255, 255) if spec["alpha"] == "white" else tuple(map(int, spec["alpha"].split(",")))
    rgba = im.convert("RGBA")
    under = Image.new("RGBA", rgba.size, colour + (255,))
    under.alpha_composite(rgba)
    return under.convert("RGB")


def resize(im, w, h, filter):
    """Horizontal pass, then vertical pass, in every version of Pillow."""
    return im.resize((w, im.height), FILTERS[filter]).resize((w, h), FILTERS[filter])


def resized(w, h, r):
    if r["mode"] == "none":
        return w, h
    if r["mode"] == "exact":
        return r["w"], r["h"]
    short, long = (w, h) if w <= h else (h, w)
    a, b = r["w"], int(r["w"] * long / short)
    return (a, b) if w <= h else (b, a)


def place(n, c, offset):
    """(first pixel of the image, first pixel of the crop, length)."""
    if offset == "floor":  # transformers, image_transforms.center_crop
        if n >= c:
            return (n - c) // 2, 0, c
        return 0, math.ceil((c - n) / 2), n
    if n >= c:  # torchvision, functional.center_crop
        return int(round((n - c) / 2.0)), 0, c
    return 0, (c - n) // 2, n


def reference(path, spec):
    im = Image.open(path)
    im.load()
    if spec["exif"] == "apply":
        im = ImageOps.exif_transpose(im)
    im = to_rgb(im, spec)
    w, h = resized(im.width, im.height, spec["resize"])
    if (w, h) != im.size:
        im = resize(im, w, h, spec["resize"]["filter"])
    a = np.asarray(im)
    if spec["crop"] is None:
        return a
    cw, ch = spec["crop"]["w"], spec["crop"]["h"]
    out = np.zeros((ch, cw, 3), np.uint8)
    sx, dx, nx = place(w, cw, spec["crop"]["offset"])
    sy, dy, ny = place(h, ch, spec["crop"]["offset"])
    out[dy : dy + ny, dx : dx + nx] = a[sy : sy + ny, sx : sx + nx]
    return out


def levels(mean, std, factor):
    """transformers' image_transforms.rescale and .normalize on every level."""
    x = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    x = (x.astype(np.float64) * factor).astype(np.float32)
    return ((x - np.array(mean, x.dtype)) / np.array(std, x.dtype))[0].T


# --- contracts --------------------------------------------------------------


def spec(alpha="drop", mode="short", w=256, h=256, filter="bicubic", crop=(224, 224, "floor"), grey16="clip", exif="apply"):
    return {
        "exif": exif,
        "alpha": alpha,
        "grey16": grey16,
        "resize": {"mode": mode, "w": w, "h": h, "filter": filter} if mode != "none" else {"mode": mode, "w": 0, "h": 0, "filter": ""},
        "crop": dict(zip(("w", "h", "offset"), crop)) if crop else None,
    }


SPECS = {
    "short256": spec(),
    "white": spec("white", w=72, h=72, crop=(64, 64, "floor")),
    "colour": spec("200,30,90", w=62, h=62, crop=(55, 52, "floor")),
    "small": spec(w=96, h=96, crop=(84, 84, "floor")),
    "exact": spec(mode="exact", w=96, h=63, filter="bilinear", crop=None),
    "squash-crop": spec(mode="exact", w=70, h=50, filter="lanczos", crop=(51, 80, "half-even")),
    "lanczos": spec(w=101, h=101, filter="lanczos", crop=(64, 64, "half-even")),
    "crop-larger-floor": spec(w=50, h=50, filter="box", crop=(61, 66, "floor")),
    "crop-larger-half-even": spec(w=50, h=50, filter="hamming", crop=(61, 66, "half-even")),
    "crop-only": spec(mode="none", crop=(100, 91, "floor")),
    "nearest": spec(mode="exact", w=110, h=77, filter="nearest", crop=None),
    "scale16": spec(grey16="scale", w=72, h=72, crop=(64, 64, "floor")),
    "scale16-white": spec("white", grey16="scale", w=64, h=64, crop=(56, 56, "floor")),
    "unturned": spec(exif="ignore", w=64, h=64, crop=(56, 56, "floor")),
    "turned": spec(w=64, h=64, crop=(56, 56, "floor")),
}


def main():
    IMAGES.mkdir(exist_ok=True)
    for old in IMAGES.iterdir():
        old.unlink()
    arrays, cases = {}, []

    def add(path, names, most=0, mean=0.0):
        """most, mean: levels by which another decoder's crop may differ."""
        for name in names.split():
            k = f"{path.name}.{name}"
            arrays[k] = reference(path, SPECS[name])
            root = "emoji" if path.parent == EMOJI else "images"
            cases.append({"file": f"{root}/{path.name}", "spec": name, "array": k, "max": most, "mean": mean})

    def write(name, content):
        if isinstance(content, Image.Image):
            content.save(IMAGES / name, optimize=name.endswith(".png"))
        else:
            (IMAGES / name).write_bytes(content)
        return IMAGES / name

    # PNG: photographs-like, sizes.
    photo = Image.fromarray
    for w, h, noise in [(480, 360, 5), (700, 500, 0), (301, 203, 4), (200, 300, 4)]:
        add(write(f"rgb-{w}x{h}.png", photo(texture(w, h, noise=noise, seed=w))), "short256")
    add(write("rgb-256x256.png", photo(texture(256, 256, noise=0, seed=3))), "short256 lanczos exact")  # not resized
    add(write("rgb-257x256.png", photo(texture(257, 256, noise=0, seed=4))), "short256 nearest")
    for w, h in [(40, 30), (33, 90), (1, 50), (50, 1), (1, 1), (2, 3), (97, 101)]:
        add(
            write(f"rgb-{w}x{h}.png", photo(texture(w, h, seed=w * h))),
            "small exact squash-crop lanczos crop-larger-floor crop-larger-half-even crop-only nearest",
        )
    add(write("rgb-3x2000.png", photo(texture(3, 2000, seed=8))), "small")
    # PNG: kinds.
    rgb = texture(120, 90, seed=11)
    grey = texture(120, 90, 1, seed=12)[:, :, 0]
    alpha = ramp_alpha(120, 90)
    both = "small white colour"
    add(write("grey8.png", png(grey, 8, 0)), both)
    for depth in (1, 2, 4):
        add(write(f"grey{depth}.png", png(grey.astype(int) >> (8 - depth), depth, 0)), both)
        add(write(f"grey{depth}-key.png", png(grey.astype(int) >> (8 - depth), depth, 0, [key(1)])), both)
    add(write("grey8-key.png", png(grey, 8, 0, [key(int(grey[0, 0]))])), both)
    wide = grey.astype(int) * 257 - 100 * (grey > 3)
    dark = (grey.astype(int) * 2) - 60  # around the clip
    for name, v in [("grey16", wide), ("grey16-dark", np.clip(dark, 0, 65535))]:
        add(write(f"{name}.png", png(v, 16, 0)), both + " scale16")
    add(write("grey16-key.png", png(wide, 16, 0, [key(int(wide[0, 0]))])), both + " scale16-white")
    la = np.dstack([grey, alpha])
    add(write("la8.png", png(la, 8, 4)), both)
    add(write("la16.png", png(la.astype(int) * 257 - (la > 9) * 77, 16, 4)), both + " scale16")
    add(write("rgb8-key.png", png(rgb, 8, 2, [key(*map(int, rgb[5, 5]))])), both)
    rgb16 = rgb.astype(int) * 257 - (rgb > 9) * 77
    add(write("rgb16.png", png(rgb16, 16, 2)), both)
    add(write("rgb16-key.png", png(rgb16, 16, 2, [key(*map(int, rgb[5, 5]))])), both)
    rgba = np.dstack([rgb, alpha])
    add(write("rgba8.png", png(rgba, 8, 6)), both + " exact")
    add(write("rgba16.png", png(rgba.astype(int) * 257 - (rgba > 9) * 77, 16, 6)), both)
    add(write("rgba8-opaque.png", png(np.dstack([rgb, alpha * 0 + 255]), 8, 6)), both)
    add(write("rgba8-clear.png", png(np.dstack([rgb, alpha * 0]), 8, 6)), both)
    add(write("rgba-300x200.png", photo(np.dstack([texture(300, 200, noise=0, seed=5), ramp_alpha(300, 200)]))), both)
    for n, depth in [(256, 8), (16, 4), (4, 2), (2, 1)]:
        p = photo(rgb).quantize(n, dither=Image.Dither.FLOYDSTEINBERG)
        colours = np.array(p.getpalette(), np.uint8)[: 3 * n].tobytes()
        index = np.asarray(p).astype(int)
        trns = bytes((i * 37) % 256 for i in range(n - n // 3))
        add(write(f"palette{depth}.png", png(index, depth, 3, [(b"PLTE", colours)])), both)
        add(write(f"palette{depth}-alpha.png", png(index, depth, 3, [(b"PLTE", colours), (b"tRNS", trns)])), both)
    p = photo(texture(640, 430, noise=0, seed=6)).quantize(200, dither=Image.Dither.NONE)
    add(write("palette-640x430.png", p), "short256 white")
    index = np.arange(120 * 90).reshape(90, 120) % 9  # entries past the end
    add(write("palette-over.png", png(index, 4, 3, [(b"PLTE", bytes(range(40, 55)))])), both)
    add(write("palette-unused-alpha.png", png(index % 3, 4, 3, [(b"PLTE", bytes(range(40, 55))), (b"tRNS", b"\xff\xff\xff\0")])), both)
    add(write("rgba8-interlaced.png", png(rgba, 8, 6, interlace=True)), both)
    add(write("palette4-interlaced.png", png(np.asarray(photo(rgb).quantize(16)).astype(int), 4, 3, [(b"PLTE", bytes(range(48)))], interlace=True)), both)
    add(write("grey16-interlaced.png", png(wide[:9, :7], 16, 0, interlace=True)), "small scale16")
    # PNG: EXIF before and after the pixels, both byte orders.
    small = texture(75, 50, seed=9)
    for n in (3, 5, 6, 8):
        block = (b"eXIf", turned(n, b"MM" if n % 2 else b"II"))
        where = {"before": [block]} if n < 6 else {"after": [block]}
        add(write(f"turned{n}.png", png(small, 8, 2, **where)), "turned unturned crop-only")
    add(write("turned7-palette.png", png(index[:60, :41], 4, 3, [(b"PLTE", bytes(range(40, 67))), (b"eXIf", turned(7))])), "turned white")
    # The repository's emoji: RGBA and palette with alpha.
    emoji = sorted(EMOJI.glob("*.png"))
    kinds = {"RGBA": [], "P": []}
    for f in emoji[::7]:
        kinds[Image.open(f).mode].append(f)
    for f in kinds["RGBA"][::9][:26] + kinds["P"][::3][:8]:
        add(f, "short256 white")
    for f in kinds["RGBA"][4::40] + kinds["P"][1::9]:
        add(f, "colour lanczos crop-only exact")

    # Every filter, growing and shrinking.
    noise = np.random.default_rng(7).integers(0, 256, (29, 37, 3), dtype=np.uint8)
    noise[8:14, 8:20] = 255  # overshoot
    noise[14:20, 8:20] = 0
    source = write("noise-37x29.png", photo(noise))
    for f in FILTERS:
        for w, h in [(13, 11), (74, 58), (90, 41), (12, 70), (37, 10), (20, 29), (36, 28), (1, 1), (38, 30), (111, 7)]:
            name = f"{f}-{w}x{h}"
            SPECS[name] = spec(mode="exact", w=w, h=h, filter=f, crop=None)
            add(source, name)

    # JPEG.
    for w, h in [(320, 240), (333, 217)]:
        t = Image.fromarray(texture(w, h, seed=w))
        for name, sub in [("444", 0), ("422", 1), ("420", 2)]:
            for q in (75, 90):
                f = IMAGES / f"jpeg{name}-{w}x{h}-q{q}.jpg"
                t.save(f, quality=q, subsampling=sub)
                add(f, "small", 4, 0.06)
    t = Image.fromarray(texture(450, 330, seed=21))
    t.save(IMAGES / "progressive.jpg", quality=80, progressive=True)
    t.convert("L").save(IMAGES / "grey.jpg", quality=80)
    t.resize((200, 150)).save(IMAGES / "restart.jpg", quality=80, restart_marker_blocks=3)
    t.resize((200, 150)).convert("CMYK").save(IMAGES / "cmyk.jpg", quality=90)
    for name in ("progressive", "grey", "restart", "cmyk"):
        add(IMAGES / f"{name}.jpg", "small", 4, 0.06)
    w, h = 157, 111
    t = texture(w, h, noise=3, seed=22)
    one = (1, 1)
    for name, y in [("440", (1, 2)), ("411", (4, 1)), ("410", (4, 2)), ("420-own", (2, 2))]:
        s = [y, one, one]
        add(write(f"jpeg{name}.jpg", jpeg(ycc_planes(t, s), s, (w, h))), "small", 4, 0.06)
    rgb_planes = [t[:, :, c] for c in range(3)]
    add(write("jpeg-rgb-ids.jpg", jpeg(rgb_planes, [one] * 3, (w, h), ids=b"RGB")), "small", 4, 0.06)
    add(write("jpeg-rgb-adobe.jpg", jpeg(rgb_planes, [one] * 3, (w, h), head=adobe(0))), "small", 4, 0.06)
    inks = [255 - p for p in rgb_planes] + [texture(w, h, 1, noise=2, seed=23)[:, :, 0] // 2]
    add(write("cmyk-unmarked.jpg", jpeg(inks, [one] * 4, (w, h))), "small", 4, 0.06)
    add(write("cmyk-adobe.jpg", jpeg(inks, [one] * 4, (w, h), head=adobe(0))), "small", 4, 0.06)
    ycck = ycc_planes(t, [one] * 3) + [255 - inks[3]]
    add(write("ycck.jpg", jpeg(ycck, [one] * 4, (w, h), head=adobe(2))), "small", 4, 0.15)
    for w, h in [(1, 1), (5, 3), (4, 9), (3, 4), (17, 16)]:  # around the edges of the upsampling
        t = texture(w, h, seed=w + h)
        for name, y in [("422", (2, 1)), ("420", (2, 2)), ("440", (1, 2))]:
            s = [y, one, one]
            add(write(f"jpeg{name}-{w}x{h}.jpg", jpeg(ycc_planes(t, s), s, (w, h))), "crop-larger-floor", 2, 0.2)
    t = Image.fromarray(texture(90, 62, noise=0, seed=24))
    for n in range(1, 9):
        f = IMAGES / f"turned{n}.jpg"
        t.save(f, quality=90, subsampling=0, exif=b"Exif\0\0" + turned(n, b"MM" if n % 2 else b"II"))
        add(f, "turned unturned", 4, 0.06)

    # EXIF blocks and the orientation that is read from them.
    I, M = b"II", b"MM"
    six, SIX = b"\6\0\0\0", b"\0\6\0\0"
    blobs = [turned(n, o) for n in range(1, 9) for o in (I, M)]
    blobs += [exif(I, [(0x112, 3, 1, struct.pack("<I", n))]) for n in (0, 9, 255, 65535)]
    blobs += [exif(I, [(0x112, kind, 1, six)]) for kind in (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 13, 14, 99)]
    blobs += [exif(M, [(0x112, 3, 1, SIX)]), exif(M, [(0x112, 4, 1, b"\0\0\0\6")]), exif(M, [(0x112, 8, 1, SIX)])]
    blobs += [exif(I, [(0x112, 3, n, six)]) for n in (0, 2, 3, 1000, 2**31, 2**32 - 1)]
    blobs += [exif(I, [(0x112, 3, 3, struct.pack("<I", 26))]) + b"\6\0\1\0\1\0", exif(I, [(0x112, 4, 2, struct.pack("<I", 26))]) + b"\6\0\0\0" * 2]
    blobs += [exif(I, [(0x112, 4, 1, b"\6\0\1\0")])]
    blobs += [exif(I, [(0x112, 3, 1, six), (0x112, 3, 1, b"\3\0\0\0")])]
    blobs += [exif(I, [(0x112, 3, 1, six)], magic=m) for m in (41, 43, 42 << 8)]
    blobs += [exif(M, [(0x112, 3, 1, SIX)], magic=42 << 8), exif(b"IM", [(0x112, 3, 1, six)])]
    blobs += [exif(I, [(0x112, 3, 1, six)], offset=20), exif(I, [(0x112, 3, 1, six)], count=500), exif(I, [(0x112, 3, 1, six)], count=0)]
    whole = exif(I, [(0x10F, 3, 1, b"\1\0\0\0"), (0x112, 3, 1, six)])
    blobs += [whole[:n] for n in range(len(whole))]
    blobs += [b"II*\0" + struct.pack("<I", n) for n in (8, 9, 2**31, 2**32 - 1)]
    blobs += [b"Exif\0\0" + turned(6)]
    rng = random.Random(5)
    for _ in range(200):  # one bit flipped in the header or in the entry
        b = bytearray(turned(6, rng.choice((I, M))))
        b[rng.randrange(len(b))] ^= 1 << rng.randrange(8)
        blobs.append(bytes(b))

    over = np.empty((256, 256, 256), np.uint8)  # under, alpha, level
    a, v = np.mgrid[0:256, 0:256].astype(np.uint8)
    for under in range(256):
        base = Image.new("RGBA", (256, 256), (under, under, under, 255))
        base.alpha_composite(Image.fromarray(np.dstack([v, v, v, a])))
        over[under] = np.asarray(base)[:, :, 0]

    contracts = [
        {"mean": [0.5] * 3, "std": [0.5] * 3, "factor": 0.00392156862745098},
        {"mean": [0.48145466, 0.4578275, 0.40821073], "std": [0.26862954, 0.26130258, 0.27577711], "factor": 1 / 255},
        {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225], "factor": 0.00392156862745098},
        {"mean": [0.0] * 3, "std": [1.0] * 3, "factor": 0.00784313725490196},
    ]
    for i, c in enumerate(contracts):
        arrays[f"levels{i}"] = np.ascontiguousarray(levels(c["mean"], c["std"], c["factor"]))

    manifest = {
        "versions": {
            "Pillow": PIL.__version__,
            "libjpeg-turbo": features.version("libjpeg_turbo"),
            "numpy": np.__version__,
        },
        "specs": SPECS,
        "cases": cases,
        "exif": [{"block": b.hex(), "orientation": seen_orientation(b)} for b in blobs],
        "over_sha256": hashlib.sha256(over.tobytes()).hexdigest(),
        "contracts": contracts,
        "places": [[n, c, o, *place(n, c, o)] for n in range(1, 14) for c in range(1, 14) for o in ("floor", "half-even")],
    }
    (HERE / "manifest.json").write_text(json.dumps(manifest, indent=None, separators=(",", ":")).replace('{"file"', '\n{"file"').replace('"},{"block"', '"},\n{"block"') + "\n")
    np.savez_compressed(HERE / "goldens.npz", **arrays)
    exact = {c["file"] for c in cases if c["max"] == 0}
    print(len(cases), "cases,", len(exact), "PNG images,", len({c["file"] for c in cases}) - len(exact), "JPEG images")


main()

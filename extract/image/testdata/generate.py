"""Writes the image fixtures and what the reference makes of them.

    python generate.py

Needs Pillow 12.2 (13 changed the order of the passes of its resize) and numpy.
Everything goes to this script's folder: images/, goldens.npz, manifest.json.
Of crops the digest is kept.
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

import kinds
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
    if im.mode in ("I", "I;16", "I;16B") and spec["grey16"] == "scale":
        return Image.fromarray((np.asarray(im) >> 8).astype(np.uint8)).convert("RGB")
    if spec["alpha"] == "drop":
        return im.convert("RGB")
    colour = (255, 255, 255) if spec["alpha"] == "white" else tuple(map(int, spec["alpha"].split(",")))
    rgba = im.convert("RGBA")
    under = Image.new("RGBA", rgba.size, colour + (255,))
    under.alpha_composite(rgba)
    return under.convert("RGB")


def resize(im, w, h, filter, order):
    """Horizontal pass, then vertical pass, in every version of Pillow; or what Pillow 13 does."""
    f = FILTERS[filter]
    if order == "pillow13" and h < im.height and im.height - h > 2 * (im.width - w):
        return im.resize((im.width, h), f).resize((w, h), f)
    return im.resize((w, im.height), f).resize((w, h), f)


def resized(w, h, r):
    mode = r["mode"]
    if mode == "none":
        return w, h
    if mode == "exact":
        return r["w"], r["h"]
    if mode in ("contain", "cover"):  # timm, ResizeKeepRatio with longest 1 and 0
        ratio = (max if mode == "contain" else min)(h / r["h"], w / r["w"])
        return round(w / ratio), round(h / ratio)
    if mode == "max":  # transformers, get_image_size_for_max_height_width
        scale = min(r["h"] / h, r["w"] / w)
        return int(w * scale), int(h * scale)
    # transformers, get_resize_output_image_size; torchvision, Resize
    short, long = (w, h) if w <= h else (h, w)
    a, b = r["w"], int(r["w"] * long / short)
    if r["longest"] and b > r["longest"]:
        a, b = int(r["longest"] * a / b), r["longest"]
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
        im = resize(im, w, h, spec["resize"]["filter"], spec["resize"]["order"])
    a = np.asarray(im)
    if spec["crop"] is None:
        return a
    cw, ch = spec["crop"]["w"], spec["crop"]["h"]
    out = np.zeros((ch, cw, 3), np.uint8) + np.array(spec["crop"]["fill"], np.uint8)
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


def spec(alpha="drop", mode="short", w=256, h=256, filter="bicubic", crop=(224, 224, "floor"), grey16="clip", exif="apply", order="hv", longest=0, fill=(0, 0, 0)):
    size = {"mode": mode, "w": w, "h": h, "filter": filter, "order": order, "longest": longest}
    return {
        "exif": exif,
        "alpha": alpha,
        "grey16": grey16,
        "resize": size if mode != "none" else {"mode": mode, "w": 0, "h": 0, "filter": "", "order": "", "longest": 0},
        "crop": dict(zip(("w", "h", "offset"), crop), fill=fill) if crop else None,
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
    # Longest edges, caps, borders, and Pillow 13's order.
    "contain": spec(mode="contain", w=80, h=60, crop=(90, 70, "half-even"), fill=(124, 116, 104)),
    "cover": spec(mode="cover", w=71, h=52, filter="bilinear", crop=(64, 48, "half-even")),
    "max": spec(mode="max", w=73, h=64, crop=(80, 64, "floor")),
    "capped": spec(w=48, h=48, longest=70, filter="lanczos", crop=(60, 60, "floor")),
    "pillow13": spec(w=48, h=48, order="pillow13", crop=(40, 40, "floor")),
    "pillow13-exact": spec(mode="exact", w=160, h=20, order="pillow13", filter="bilinear", crop=None),
}

# What processors of the Hub do, small: every exact image is compared in each.
PROCESSORS = {
    "clip": spec(w=64, h=64, crop=(64, 64, "floor")),  # CLIP, Bit; bicubic
    "vit": spec(mode="exact", w=56, h=56, filter="bilinear", crop=None),  # ViT, DeiT
    "efficientnet": spec(mode="exact", w=49, h=49, filter="nearest", crop=None),
    "timm": spec(w=73, h=73, crop=(64, 64, "half-even")),  # crop_pct 0.875
    "border": spec(mode="contain", w=64, h=64, filter="lanczos", crop=(64, 64, "half-even"), fill=(124, 116, 104)),
    "squash": spec("white", mode="exact", w=59, h=59, filter="hamming", crop=(56, 56, "half-even")),
}
SPECS |= PROCESSORS


def saved(im, kind, **options):
    b = io.BytesIO()
    im.save(b, kind, **options)
    return b.getvalue()


def xmp(n, element=False):
    what = f"<tiff:Orientation>{n}</tiff:Orientation>" if element else f'<x tiff:Orientation="{n}"/>'
    return f'<x:xmpmeta xmlns:x="adobe:ns:meta/">{what}</x:xmpmeta>'.encode()


def itxt(text, packed=False):
    return b"iTXt", b"XML:com.adobe.xmp\0" + bytes([packed, 0]) + b"\0\0" + (zlib.compress(text) if packed else text)


def raw_profile(block):
    digits = block.hex()
    lines = "\n".join(digits[i : i + 72] for i in range(0, len(digits), 72))
    return f"\nexif\n{len(block):8}\n{lines}\n".encode()


def others(add):
    """All formats but JPEG, and what PNG has that is rare. add(name, content, further specs)."""
    w, h = 61, 44
    rgb = texture(w, h, noise=3, seed=31)
    grey = texture(w, h, 1, noise=3, seed=32)[:, :, 0]
    alpha = ramp_alpha(w, h)
    rgba = np.dstack([rgb, alpha])
    hidden = rgba.copy()
    hidden[alpha == 0] = (3, 250, 9, 0)  # colours that do not show
    photo = Image.fromarray
    small = texture(33, 21, noise=0, seed=33)
    sizes = [(1, 1), (1, 500), (2000, 3), (2, 2), (3, 5), (17, 16), (16, 33)]

    # PNG: XMP, ImageMagick's EXIF, an animation, sizes.
    six = b"Exif\0\0" + turned(6)
    add("xmp-attribute.png", png(small, 8, 2, [itxt(xmp(8))]), "turned unturned")
    add("xmp-element-packed.png", png(small, 8, 2, after=[itxt(xmp(5, True), True)]), "turned unturned")
    add("xmp-and-exif.png", png(small, 8, 2, [itxt(xmp(8)), (b"eXIf", turned(3))]), "turned")
    add("xmp-nonsense.png", png(small, 8, 2, [itxt(xmp(0))]), "turned")
    add("magick-text.png", png(small, 8, 2, [(b"tEXt", b"Raw profile type exif\0" + raw_profile(six))]), "turned unturned")
    add("magick-packed.png", png(small, 8, 2, [(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(raw_profile(six)))]), "turned")
    add("animated.png", saved(photo(small), "PNG", save_all=True, append_images=[photo(255 - small)], duration=50), "turned")
    add("default-image.png", saved(photo(small), "PNG", save_all=True, default_image=True, append_images=[photo(255 - small)]), "turned")
    for iw, ih in sizes[1:3]:
        add(f"rgba-{iw}x{ih}.png", photo(np.dstack([texture(iw, ih, seed=iw), ramp_alpha(iw, ih)])), "contain cover capped")

    # JPEG: XMP.
    for name, o in {"xmp": {"xmp": xmp(6)}, "xmp-and-exif": {"xmp": xmp(6), "exif": b"Exif\0\0" + turned(8)}, "xmp-element": {"xmp": xmp(7, True)}}.items():
        add(f"{name}.jpg", saved(photo(small), "JPEG", quality=90, **o), "turned unturned")

    # Longest edges, caps, borders, Pillow 13's order.
    more = "contain cover max capped pillow13 pillow13-exact"
    for iw, ih in [(90, 150), (150, 90), (100, 101), (64, 64), (30, 200), (40, 300), (20, 20)]:
        add(f"modes-{iw}x{ih}.png", photo(texture(iw, ih, noise=0, seed=iw + ih)), more)

    # PNM.
    add("grey.pgm", b"P5\n61 44\n255\n" + grey.tobytes())
    add("few.pgm", b"P5 61 44 15\n" + (grey >> 4).tobytes())
    add("wide.pgm", b"P5\n# a comment\n61 44\n65535\n" + (grey.astype(">u2") * 257).tobytes(), "scale16")
    add("colour.ppm", b"P6\n61 44\n255\n" + rgb.tobytes())
    add("wide.ppm", b"P6\n61 44\n1000\n" + (rgb.astype(">u2") * 3).tobytes())

    # GIF.
    p = photo(rgb).quantize(64, dither=Image.Dither.FLOYDSTEINBERG)
    colours = np.array(p.getpalette(), np.uint8)[: 3 * 64].tobytes()
    index = np.asarray(p)
    ramp = bytes(v for i in range(256) for v in (i, i, i))
    few = bytes(range(30, 42))
    inverse = bytes(255 - v for v in colours)
    plain = {"bits": 6}
    for name, content in {
        "saved": saved(p, "GIF"),
        "saved-interlaced": saved(p, "GIF", interlace=1),
        "saved-grey": saved(photo(grey), "GIF"),
        "saved-clear": saved(p, "GIF", transparency=5),
        "saved-animated": saved(p, "GIF", save_all=True, append_images=[photo(255 - rgb).quantize(64)], duration=40, disposal=2),
        "codes": kinds.gif((w, h), [(index, (0, 0), plain)], colours),
        "interlaced": kinds.gif((w, h), [(index, (0, 0), {"bits": 6, "interlace": True})], colours),
        "interlaced-1": kinds.gif((w, 1), [(index[:1], (0, 0), {"bits": 6, "interlace": True})], colours),
        "interlaced-6": kinds.gif((w, 6), [(index[:6], (0, 0), {"bits": 6, "interlace": True})], colours),
        "local": kinds.gif((w, h), [(index, (0, 0), {"bits": 6, "palette": inverse})], colours),
        "only-local": kinds.gif((w, h), [(index, (0, 0), {"bits": 6, "palette": inverse})]),
        "clear": kinds.gif((w, h), [(index, (0, 0), {"bits": 6, "clear": int(index[3, 3])})], colours),
        "within": kinds.gif((90, 70), [(index, (11, 7), plain)], colours, 9),
        "within-clear": kinds.gif((90, 70), [(index, (11, 7), {"bits": 6, "clear": 17})], colours, 9),
        "within-clear-0": kinds.gif((90, 70), [(index, (11, 7), {"bits": 6, "clear": 0})], colours, 9),
        "beyond": kinds.gif((40, 30), [(index, (11, 7), plain)], colours),
        "no-palette": kinds.gif((w, h), [(grey, (0, 0), {})]),
        "no-palette-clear": kinds.gif((90, 70), [(grey, (5, 5), {"clear": 77})]),
        "grey-palette": kinds.gif((w, h), [(grey, (0, 0), {})], ramp),
        "short-grey-palette": kinds.gif((w, h), [(grey, (0, 0), {})], ramp[: 3 * 16]),
        "local-grey": kinds.gif((w, h), [(grey >> 2, (0, 0), {"bits": 6, "palette": ramp[: 3 * 64]})], colours),
        "short-palette": kinds.gif((w, h), [(index, (0, 0), plain)], few),
        "two-colours": kinds.gif((w, h), [((grey > 99).astype(np.uint8), (0, 0), {"bits": 2})], bytes([200, 10, 20, 5, 250, 240])),
        "frames": kinds.gif((w, h), [(index, (0, 0), plain), (index[::-1], (0, 0), plain)], colours),
    }.items():
        add(f"{name}.gif", content)
    for iw, ih in sizes:
        add(f"size-{iw}x{ih}.gif", photo(texture(iw, ih, seed=iw)).quantize(32))

    # BMP.
    four = photo(rgb).quantize(16, dither=Image.Dither.FLOYDSTEINBERG)
    index4 = np.asarray(four).astype(int)
    quads = lambda p, n: b"".join(bytes([p[3 * i + 2], p[3 * i + 1], p[3 * i], 0]) for i in range(n))
    palette4 = quads(four.getpalette(), 16)
    palette8 = quads(p.getpalette(), 64)
    triples = b"".join(palette4[i : i + 3] for i in range(0, 64, 4))
    index8 = index.astype(int)
    one = (grey > 120).astype(int)
    flat = np.where((index4 // 5) % 2 == 0, 3, index4)  # runs
    flat8 = np.where(index8 > 30, 7, index8)
    bgr = [r[:, ::-1].tobytes() for r in rgb]
    x888 = lambda order: [np.stack([{"r": r[:, 0], "g": r[:, 1], "b": r[:, 2], "a": r[:, 3], "0": r[:, 3] * 0 + 9}[c] for c in order], 1).astype(np.uint8).tobytes() for r in rgba]
    masks = lambda *m: struct.pack("<%dI" % len(m), *m)
    rows = kinds.bmp_rows
    for name, content in {
        "24": kinds.bmp(w, h, 24, rows(bgr, False)),
        "24-down": kinds.bmp(w, h, 24, rows(bgr, True), top_down=True),
        "24-core": kinds.bmp(w, h, 24, rows(bgr, False), size=12),
        "24-gap": kinds.bmp(w, h, 24, rows(bgr, False), gap=b"abcdefg"),
        "24-v5": kinds.bmp(w, h, 24, rows(bgr, False), size=124),
        "8": kinds.bmp(w, h, 8, rows(kinds.packed(index8, 8), False), palette8, colours=64),
        "8-grey": saved(photo(grey), "BMP"),
        "8-short": kinds.bmp(w, h, 8, rows(kinds.packed(index8, 8), False), palette8[:80], colours=20),
        "8-core": kinds.bmp(w, h, 8, rows(kinds.packed(index8, 8), False), b"".join(palette8[i : i + 3] for i in range(0, 256, 4)) + bytes(3 * 192), size=12),
        "4": kinds.bmp(w, h, 4, rows(kinds.packed(index4, 4), False), palette4),
        "4-down": kinds.bmp(w, h, 4, rows(kinds.packed(index4, 4), True), palette4, top_down=True),
        "4-core": kinds.bmp(w, h, 4, rows(kinds.packed(index4, 4), False), triples, size=12),
        "1": kinds.bmp(w, h, 1, rows(kinds.packed(one, 1), False), bytes([0, 0, 0, 0, 255, 255, 255, 0])),
        "1-colours": kinds.bmp(w, h, 1, rows(kinds.packed(one, 1), False), bytes([9, 80, 200, 0, 250, 20, 30, 0])),
        "16": kinds.bmp(w, h, 16, rows(kinds.rgb16(rgb, 5), False)),
        "16-555": kinds.bmp(w, h, 16, rows(kinds.rgb16(rgb, 5), False), kind=3, masks=masks(0x7C00, 0x3E0, 0x1F)),
        "16-565": kinds.bmp(w, h, 16, rows(kinds.rgb16(rgb, 6), False), kind=3, masks=masks(0xF800, 0x7E0, 0x1F)),
        "16-565-v4": kinds.bmp(w, h, 16, rows(kinds.rgb16(rgb, 6), False), kind=3, size=108, masks=masks(0xF800, 0x7E0, 0x1F, 0)),
        "32": kinds.bmp(w, h, 32, rows(x888("bgra"), False)),
        "32-masks": kinds.bmp(w, h, 32, rows(x888("bgr0"), False), kind=3, masks=masks(0xFF0000, 0xFF00, 0xFF)),
        "32-xbgr": kinds.bmp(w, h, 32, rows(x888("0bgr"), False), kind=3, masks=masks(0xFF000000, 0xFF0000, 0xFF00)),
        "32-bgra": kinds.bmp(w, h, 32, rows(x888("bgra"), False), kind=3, size=56, masks=masks(0xFF0000, 0xFF00, 0xFF, 0xFF000000)),
        "32-rgba": kinds.bmp(w, h, 32, rows(x888("rgba"), True), kind=3, size=108, masks=masks(0xFF, 0xFF00, 0xFF0000, 0xFF000000), top_down=True),
        "32-abgr": kinds.bmp(w, h, 32, rows(x888("abgr"), False), kind=3, size=124, masks=masks(0xFF000000, 0xFF0000, 0xFF00, 0xFF)),
        "32-zeros": kinds.bmp(w, h, 32, rows(x888("bgra"), False), kind=3, size=56, masks=masks(0, 0, 0, 0)),
        "rle8": kinds.bmp(w, h, 8, kinds.rle(flat8, 8), palette8, kind=1, colours=64),
        "rle8-even": kinds.bmp(w, h, 8, b"\x20\5\0\2\5\0" + kinds.rle(flat8, 8), palette8, kind=1, colours=64),
        "rle4": kinds.bmp(60, h, 4, kinds.rle(flat[:, :60], 4), palette4, kind=2),
        "rle4-61": kinds.bmp(w, h, 4, kinds.rle(flat, 4), palette4, kind=2),
    }.items():
        add(f"{name}.bmp", content)
    for iw, ih in sizes:
        add(f"size-{iw}x{ih}.bmp", photo(texture(iw, ih, seed=ih)))

    # WebP.
    W = kinds.webp
    bare = dict(kinds.chunks(W(rgb, quality=70)))
    for name, content in {
        "q5": W(rgb, quality=5),
        "q30": W(rgb, quality=30, method=0),
        "q75": W(rgb, quality=75),
        "q95": W(rgb, quality=95, method=6),
        "q100": W(rgb, quality=100),
        "grey": W(np.dstack([grey] * 3), quality=80),
        "photo": W(texture(161, 120, noise=5, seed=34), quality=80),
        "photo-0": W(texture(160, 121, noise=0, seed=35), quality=40, method=6),
        "alpha": W(hidden, quality=80),
        "alpha-exact": W(hidden, quality=80, exact=True),
        "alpha-lossy": W(hidden, quality=60, alpha_quality=30),
        "alpha-0": W(hidden, quality=60, alpha_quality=0, method=6),
        "alpha-opaque": W(np.dstack([rgb, alpha * 0 + 255]), quality=80),
        "lossless": W(rgb, lossless=True),
        "lossless-0": W(rgb, lossless=True, method=0, quality=0),
        "lossless-6": W(rgb, lossless=True, method=6, quality=100),
        "lossless-alpha": W(hidden, lossless=True),
        "lossless-exact": W(hidden, lossless=True, exact=True),
        "lossless-palette": W(np.asarray(four.convert("RGB")), lossless=True),
        "lossless-two": W(np.dstack([(one * 200).astype(np.uint8)] * 3), lossless=True),
        "lossless-plain": W(np.zeros((40, 300, 3), np.uint8) + 77, lossless=True),
        "turned": W(small, quality=80, exif=turned(6)),
        "turned-prefix": W(small, lossless=True, exif=b"Exif\0\0" + turned(8, b"MM")),
        "xmp": W(small, lossless=True, xmp=xmp(3)),
        "xmp-and-exif": W(small, lossless=True, xmp=xmp(3), exif=turned(5)),
        "unflagged-alpha": kinds.riff(kinds.vp8x(w, h, 0), *[c for c in kinds.chunks(W(hidden, quality=80)) if c[0] != b"VP8X"]),
        "flagged": kinds.riff(kinds.vp8x(w, h, 0x10), *bare.items()),
        "trailing": kinds.riff(*bare.items()) + b"abc",
        "unknown-chunks": kinds.riff(kinds.vp8x(w, h, 0), (b"abcd", b"123"), *bare.items(), (b"efgh", b"12")),
        "framed": kinds.framed((90, 80), (10, 14), W(rgb, quality=70), False),
        "framed-flagged": kinds.framed((90, 80), (10, 14), W(rgb, quality=70), True),
        "framed-alpha": kinds.framed((90, 80), (10, 14), W(hidden, quality=70, exact=True), True),
        "framed-lossless": kinds.framed((w, h), (0, 0), W(hidden, lossless=True, exact=True), True),
        "framed-unflagged": kinds.framed((70, 50), (2, 2), W(hidden, lossless=True, exact=True), False),
        "animated": saved(photo(rgb), "WEBP", save_all=True, append_images=[photo(rgb[::-1].copy())], duration=40, quality=70),
        "animated-alpha": saved(photo(hidden), "WEBP", save_all=True, append_images=[photo(hidden[::-1].copy())], duration=40, lossless=True),
    }.items():
        add(f"{name}.webp", content, "turned unturned" if "turned" in name or "xmp" in name else "colour" if "alpha" in name else "")
    for iw, ih in sizes:
        add(f"size-{iw}x{ih}.webp", W(texture(iw, ih, seed=ih + 1), quality=80))
        add(f"alpha-{iw}x{ih}.webp", W(np.dstack([texture(iw, ih, seed=ih + 2), ramp_alpha(iw, ih)]), quality=80))
        add(f"lossless-{iw}x{ih}.webp", W(np.dstack([texture(iw, ih, seed=ih + 3), ramp_alpha(iw, ih)]), lossless=True, exact=True))

    # TIFF.
    tiles = lambda a, n: [np.ascontiguousarray(np.pad(a, ((0, -a.shape[0] % n), (0, -a.shape[1] % n)) + ((0, 0),) * (a.ndim - 2))[y : y + n, x : x + n]).tobytes() for y in range(0, a.shape[0], n) for x in range(0, a.shape[1], n)]
    T = kinds.tiff
    many = lambda n, **o: dict(bits=[8] * n, samples=n, photometric=2, compression=1, **o)
    halves = np.clip(rgb.astype(int) * 257 - (rgb > 9) * 77, 0, 65535)
    wide = grey.astype(int) * 257
    mult = np.dstack([(rgb.astype(int) * alpha[:, :, None] + 127) // 255, alpha]).astype(np.uint8)
    maps = [v * 257 for c in range(3) for v in [four.getpalette()[3 * i + c] for i in range(16)] + [0] * 240]
    for name, content, names in [
        ("grey", saved(photo(grey), "TIFF"), ""),
        ("rgb", saved(photo(rgb), "TIFF"), ""),
        ("rgba", saved(photo(hidden), "TIFF"), "white colour"),
        ("palette", saved(p, "TIFF"), ""),
        ("one", saved(photo(grey).convert("1"), "TIFF"), ""),
        ("grey16", saved(photo(wide.astype(np.uint16)), "TIFF"), "scale16"),
        ("lzw", saved(photo(rgb), "TIFF", compression="tiff_lzw"), ""),
        ("lzw-grey", saved(photo(grey), "TIFF", compression="tiff_lzw"), ""),
        ("lzw-one", saved(photo(grey).convert("1"), "TIFF", compression="tiff_lzw"), ""),
        ("deflate", saved(photo(rgb), "TIFF", compression="tiff_adobe_deflate"), ""),
        ("deflate-old", saved(photo(hidden), "TIFF", compression="tiff_deflate"), "white"),
        ("packbits", saved(photo(rgb), "TIFF", compression="packbits"), ""),
        ("packbits-palette", saved(p, "TIFF", compression="packbits"), ""),
        ("fax3", saved(photo(grey).convert("1"), "TIFF", compression="group3"), ""),
        ("fax4", saved(photo(grey).convert("1"), "TIFF", compression="group4"), ""),
        ("fax4-white", saved(photo(grey).convert("1"), "TIFF", compression="group4", tiffinfo={262: 0}), ""),
        ("predicted-lzw", saved(photo(rgb), "TIFF", compression="tiff_lzw", tiffinfo={317: 2}), ""),
        ("predicted-deflate", saved(photo(grey), "TIFF", compression="tiff_adobe_deflate", tiffinfo={317: 2}), ""),
        ("predicted16", T(w, h, zlib.compress(np.diff(wide, axis=1, prepend=0).astype("<u2").tobytes()), bits=16, samples=1, photometric=1, compression=8, predictor=2), "scale16"),
        ("motorola", T(w, h, rgb.tobytes(), ">", **many(3)), ""),
        ("motorola16", T(w, h, wide.astype(">u2").tobytes(), ">", bits=16, samples=1, photometric=1, compression=1), "scale16"),
        ("rgb16", T(w, h, halves.astype("<u2").tobytes(), bits=[16] * 3, samples=3, photometric=2, compression=1), ""),
        ("rgb16-motorola", T(w, h, halves.astype(">u2").tobytes(), ">", bits=[16] * 3, samples=3, photometric=2, compression=1), ""),
        ("white-is-zero", T(w, h, (255 - grey).tobytes(), bits=8, samples=1, photometric=0, compression=1), ""),
        ("one-white-is-zero", T(w, h, b"".join(kinds.packed(one, 1)), bits=1, samples=1, photometric=0, compression=1), ""),
        ("strips", T(w, h, [rgb[y : y + 10].tobytes() for y in range(0, h, 10)], rows=10, **many(3)), ""),
        ("tiles", T(w, h, tiles(rgb, 16), tile_width=16, tile_height=16, **many(3)), ""),
        ("tiles-grey", T(w, h, tiles(grey, 32), tile_width=32, tile_height=32, bits=8, samples=1, photometric=1, compression=1), ""),
        ("premultiplied", T(w, h, mult.tobytes(), extra=1, **many(4)), "white colour"),
        ("premultiplied16", T(w, h, (mult.astype(int) * 257).astype("<u2").tobytes(), bits=[16] * 4, samples=4, photometric=2, compression=1, extra=1), "white"),
        ("rgba16", T(w, h, (hidden.astype(int) * 257).astype(">u2").tobytes(), ">", bits=[16] * 4, samples=4, photometric=2, compression=1, extra=2), "white"),
        ("palette4-as-8", T(w, h, index4.astype(np.uint8).tobytes(), bits=8, samples=1, photometric=3, compression=1, palette=maps), ""),
        ("xmp", T(33, 21, small.tobytes(), xmp=xmp(6), **many(3)), "turned unturned"),
    ] + [(f"turned{n}", T(33, 21, small.tobytes(), orientation=n, **many(3)), "turned unturned") for n in range(9)]:
        add(f"{name}.tif", content, names)
    for iw, ih in sizes:
        add(f"size-{iw}x{ih}.tif", saved(photo(texture(iw, ih, seed=ih + 5)), "TIFF", compression="tiff_lzw"))


def main():
    IMAGES.mkdir(exist_ok=True)
    for old in IMAGES.iterdir():
        old.unlink()
    arrays, cases, added = {}, [], set()

    def add(path, names):
        root = "emoji" if path.parent == EMOJI else "images"
        for name in names.split() + ([] if path.name in added else list(PROCESSORS)):
            case = {"file": f"{root}/{path.name}", "spec": name}
            try:
                crop = np.ascontiguousarray(reference(path, SPECS[name]))
            except ValueError as e:  # the reference fails for what becomes 0 pixels wide
                assert "must be > 0" in str(e)
                continue
            cases.append(case | {"sha256": hashlib.sha256(crop.tobytes()).hexdigest()})
        added.add(path.name)

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

    others(lambda name, content, names="": add(write(name, content), names))

    # JPEG.
    for w, h in [(320, 240), (333, 217)]:
        t = Image.fromarray(texture(w, h, seed=w))
        for name, sub in [("444", 0), ("422", 1), ("420", 2)]:
            for q in (75, 90):
                f = IMAGES / f"jpeg{name}-{w}x{h}-q{q}.jpg"
                t.save(f, quality=q, subsampling=sub)
                add(f, "small")
    t = Image.fromarray(texture(450, 330, seed=21))
    t.save(IMAGES / "progressive.jpg", quality=80, progressive=True)
    t.convert("L").save(IMAGES / "grey.jpg", quality=80)
    t.resize((200, 150)).save(IMAGES / "restart.jpg", quality=80, restart_marker_blocks=3)
    t.resize((200, 150)).convert("CMYK").save(IMAGES / "cmyk.jpg", quality=90)
    for name in ("progressive", "grey", "restart", "cmyk"):
        add(IMAGES / f"{name}.jpg", "small")
    w, h = 157, 111
    t = texture(w, h, noise=3, seed=22)
    one = (1, 1)
    for name, y in [("440", (1, 2)), ("411", (4, 1)), ("410", (4, 2)), ("420-own", (2, 2))]:
        s = [y, one, one]
        add(write(f"jpeg{name}.jpg", jpeg(ycc_planes(t, s), s, (w, h))), "small")
    rgb_planes = [t[:, :, c] for c in range(3)]
    add(write("jpeg-rgb-ids.jpg", jpeg(rgb_planes, [one] * 3, (w, h), ids=b"RGB")), "small")
    add(write("jpeg-rgb-adobe.jpg", jpeg(rgb_planes, [one] * 3, (w, h), head=adobe(0))), "small")
    inks = [255 - p for p in rgb_planes] + [texture(w, h, 1, noise=2, seed=23)[:, :, 0] // 2]
    add(write("cmyk-unmarked.jpg", jpeg(inks, [one] * 4, (w, h))), "small")
    add(write("cmyk-adobe.jpg", jpeg(inks, [one] * 4, (w, h), head=adobe(0))), "small")
    ycck = ycc_planes(t, [one] * 3) + [255 - inks[3]]
    add(write("ycck.jpg", jpeg(ycck, [one] * 4, (w, h), head=adobe(2))), "small")
    for w, h in [(1, 1), (5, 3), (4, 9), (3, 4), (17, 16)]:  # around the edges of the upsampling
        t = texture(w, h, seed=w + h)
        for name, y in [("422", (2, 1)), ("420", (2, 2)), ("440", (1, 2))]:
            s = [y, one, one]
            add(write(f"jpeg{name}-{w}x{h}.jpg", jpeg(ycc_planes(t, s), s, (w, h))), "crop-larger-floor")
    t = Image.fromarray(texture(90, 62, noise=0, seed=24))
    for n in range(1, 9):
        f = IMAGES / f"turned{n}.jpg"
        t.save(f, quality=90, subsampling=0, exif=b"Exif\0\0" + turned(n, b"MM" if n % 2 else b"II"))
        add(f, "turned unturned")

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
    print(len(cases), "cases,", len(added), "images")


main()

"""Writes images of the kinds that Pillow reads and does not write itself.

generate.py uses it. Numbers in the comments are sections of the formats'
specifications.
"""

import io
import struct

import numpy as np
from PIL import Image

# --- GIF --------------------------------------------------------------------


def gif_codes(index, bits):
    """LZW codes without compression: a clear code before the table grows."""
    clear, end, width = 1 << bits, (1 << bits) + 1, bits + 1
    acc = n = 0
    out = bytearray()

    def put(code):
        nonlocal acc, n
        acc |= code << n
        n += width
        while n >= 8:
            out.append(acc & 255)
            acc, n = acc >> 8, n - 8

    for i, v in enumerate(index.reshape(-1)):
        if i % (clear - 2) == 0:
            put(clear)
        put(int(v))
    put(end)
    if n:
        out.append(acc & 255)
    blocks = b"".join(bytes([len(out[i : i + 255])]) + bytes(out[i : i + 255]) for i in range(0, len(out), 255))
    return bytes([bits]) + blocks + b"\0"


def gif(screen, frames, palette=None, background=0):
    """frames: (index, (x, y), options) with palette, clear, interlace."""

    def flags(p):
        return 0 if p is None else 0x80 | (len(p) // 3).bit_length() - 2

    out = b"GIF89a" + struct.pack("<HHBBB", *screen, flags(palette), background, 0) + (palette or b"")
    for index, (x, y), o in frames:
        h, w = index.shape
        local = o.get("palette")
        if "clear" in o:
            out += b"!\xf9\4" + bytes([1, 10, 0, o["clear"], 0])
        if o.get("interlace"):
            index = np.concatenate([index[a::b] for a, b in ((0, 8), (4, 8), (2, 4), (1, 2))])
        out += b"!\xfe\xff" + b"c" * 255 + b"\3abc\0," + struct.pack("<HHHHB", x, y, w, h, flags(local) | (0x40 if o.get("interlace") else 0)) + (local or b"")
        out += gif_codes(index, o.get("bits", 8))
    return out + b";"


# --- BMP --------------------------------------------------------------------


def bmp_rows(rows, top_down):
    rows = [r + b"\0" * (-len(r) % 4) for r in rows]
    return b"".join(rows if top_down else rows[::-1])


def bmp(w, h, bits, data, palette=b"", kind=0, masks=b"", top_down=False, size=40, colours=0, gap=b""):
    if size == 12:
        head = struct.pack("<IHHHH", 12, w, h, 1, bits)
    else:
        head = struct.pack("<IiiHHIIiiII", size, w, -h if top_down else h, 1, bits, kind, len(data), 2835, 2835, colours, 0)
        if size > 40:
            head += masks + b"\0" * (size - 40 - len(masks))
            masks = b""
    at = 14 + len(head) + len(masks) + len(palette) + len(gap)
    return b"BM" + struct.pack("<IHHI", at + len(data), 0, 0, at) + head + masks + palette + gap + data


def packed(index, bits):
    """Rows of 1, 4 or 8 bits a pixel."""
    if bits == 8:
        return [r.astype(np.uint8).tobytes() for r in index]
    planes = (index[:, :, None] >> np.arange(bits - 1, -1, -1)) & 1
    return [np.packbits(r.reshape(-1).astype(np.uint8)).tobytes() for r in planes]


def rle(index, bits, jumps=False):
    """Runs, literals, and with jumps also deltas over zeros at the ends of rows."""
    out = bytearray()
    for row in index[::-1]:
        x, w = 0, len(row)
        while x < w:
            n = 1
            while x + n < w and n < 250 and row[x + n] == row[x]:
                n += 1
            if n >= 3 or w - x < 8:
                out += bytes([n, int(row[x]) | (int(row[x]) << 4 if bits == 4 else 0)])
                x += n
                continue
            n = min(w - x, 16) // 4 * 4
            lit = [int(v) for v in row[x : x + n]]
            if bits == 4:
                lit = [a << 4 | b for a, b in zip(lit[::2], lit[1::2])]
            out += bytes([0, n]) + bytes(lit) + (b"\0" if len(lit) % 2 else b"")
            x += n
        out += b"\0\0"
    return bytes(out[:-2]) + b"\0\1"


def rgb16(rgb, green):
    r, g, b = (rgb[:, :, c].astype(int) for c in range(3))
    if green == 5:
        v = r >> 3 << 10 | g >> 3 << 5 | b >> 3
    else:
        v = r >> 3 << 11 | g >> 2 << 5 | b >> 3
    return [x.astype("<u2").tobytes() for x in v]


# --- TIFF -------------------------------------------------------------------


def tiff(w, h, data, order="<", **tags):
    """One strip, or tiles if there are tile tags. tags: name → values."""
    numbers = {
        "subfile": 254, "bits": 258, "compression": 259, "photometric": 262, "fill": 266, "orientation": 274, "samples": 277, "rows": 278,
        "planar": 284, "predictor": 317, "palette": 320, "tile_width": 322, "tile_height": 323, "extra": 338, "format": 339, "xmp": 700, "dng": 50706,
    }
    blocks = data if isinstance(data, list) else [data]
    entries = {256: (4, [w]), 257: (4, [h])}
    for name, v in tags.items():
        v = v if isinstance(v, (list, tuple, bytes)) else [v]
        entries[numbers[name]] = (1, list(v)) if isinstance(v, bytes) else (3, v)
    tiled = "tile_width" in tags
    body, offsets = b"", []
    for b in blocks:
        offsets.append(8 + len(body))
        body += b
    entries[324 if tiled else 273] = (4, offsets)
    entries[325 if tiled else 279] = (4, [len(b) for b in blocks])
    if not tiled and "rows" not in tags:
        entries[278] = (4, [h])
    body += b"\0" * (len(body) % 2)
    at = 8 + len(body)
    extra = b""
    ifd = struct.pack(order + "H", len(entries))
    beyond = at + 2 + 12 * len(entries) + 4
    for tag in sorted(entries):
        kind, values = entries[tag]
        raw = struct.pack(order + "%d%s" % (len(values), {1: "B", 3: "H", 4: "I"}[kind]), *values)
        if len(raw) > 4:
            value = struct.pack(order + "I", beyond + len(extra))
            extra += raw + b"\0" * (len(raw) % 2)
        else:
            value = raw.ljust(4, b"\0")
        ifd += struct.pack(order + "HHI", tag, kind, len(values)) + value
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", at)
    return head + body + ifd + b"\0\0\0\0" + extra


# --- WebP -------------------------------------------------------------------


def webp(im, **options):
    b = io.BytesIO()
    Image.fromarray(im).save(b, "WEBP", **options)
    return b.getvalue()


def riff(*chunks):
    body = b"".join(n + struct.pack("<I", len(d)) + d + b"\0" * (len(d) % 2) for n, d in chunks)
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def chunks(content):
    at, out = 12, []
    while at < len(content):
        n = struct.unpack_from("<I", content, at + 4)[0]
        out.append((content[at : at + 4], content[at + 8 : at + 8 + n]))
        at += 8 + n + n % 2
    return out


def vp8x(w, h, flags):
    return b"VP8X", bytes([flags, 0, 0, 0]) + struct.pack("<I", w - 1)[:3] + struct.pack("<I", h - 1)[:3]


def framed(canvas, at, content, alpha):
    """An animation whose first frame is a still picture at an offset."""
    inner = [c for c in chunks(content) if c[0] in (b"VP8 ", b"VP8L", b"ALPH")]
    im = Image.open(io.BytesIO(content))
    frame = b"".join(struct.pack("<I", v)[:3] for v in (at[0] // 2, at[1] // 2, im.width - 1, im.height - 1, 40)) + b"\0"
    frame += riff(*inner)[12:]
    return riff(vp8x(*canvas, 0x12 if alpha else 0x02), (b"ANIM", b"\xff\x80\x40\xff\0\0"), (b"ANMF", frame))

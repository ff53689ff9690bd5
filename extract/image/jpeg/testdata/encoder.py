"""A JPEG writer for what Pillow does not write, from ITU-T T.81.

A picture is a list of components, each with its quantised coefficients; scans
are given one by one, sequential or progressive, with their tables and restart
intervals. Used by generate.py and random_files.py.
"""

import heapq
import math
import struct

import numpy as np

ZIGZAG = sorted(range(64), key=lambda i: (i // 8 + i % 8, (i // 8 if (i // 8 + i % 8) % 2 else i % 8)))
DCT = np.array([[math.cos((2 * x + 1) * u * math.pi / 16) * (math.sqrt(0.125) if u == 0 else 0.5) for x in range(8)] for u in range(8)])


def segment(marker, data):
    return struct.pack(">BBH", 255, marker, len(data) + 2) + data


def code_lengths(freq):
    """Lengths of a Huffman code for the symbols of freq, 16 at most, none of
    ones alone: a symbol that does not occur takes that code."""
    heap = [(n, i, [s]) for i, (s, n) in enumerate(sorted(freq.items()))] + [(0, 1000, [None])]
    heapq.heapify(heap)
    length = {s: 0 for s in freq} | {None: 0}
    tie = 1001
    while len(heap) > 1:
        a, b = heapq.heappop(heap), heapq.heappop(heap)
        for s in a[2] + b[2]:
            length[s] += 1
        heapq.heappush(heap, (a[0] + b[0], tie, a[2] + b[2]))
        tie += 1
    if max(length.values()) > 16:
        return {s: 8 for s in freq} if len(freq) < 256 else {s: 9 for s in freq}
    longest = max(length.values())
    # The absent symbol must have the last code of the greatest length.
    if length[None] != longest:
        s = next(s for s in length if length[s] == longest)
        length[s], length[None] = length[None], longest
    del length[None]
    return length


class Table:
    """A Huffman table. lengths: symbol → bits."""

    def __init__(self, lengths):
        order = sorted(lengths, key=lambda s: (lengths[s], s))
        self.values = bytes(order)
        self.counts = bytes(sum(1 for s in order if lengths[s] == n) for n in range(1, 17))
        self.code, code, last = {}, 0, 0
        for s in order:
            code <<= lengths[s] - last
            last = lengths[s]
            self.code[s] = (code, last)
            code += 1

    def dht(self, kind, number):
        return segment(0xC4, bytes([kind << 4 | number]) + self.counts + self.values)


def number(v):
    size = abs(v).bit_length()
    return size, v if v >= 0 else v + (1 << size) - 1


class Component:
    def __init__(self, ident, h, v, tq, plane=None, quant=None, coefs=None):
        self.id, self.h, self.v, self.tq = ident, h, v, tq
        self.plane, self.quant, self.coefs = plane, quant, coefs


class Picture:
    """size: (w, h). Components with a plane of samples are transformed."""

    def __init__(self, size, components):
        self.size, self.comps = size, components
        self.H, self.V = max(c.h for c in components), max(c.v for c in components)
        w, h = size
        self.mx, self.my = -(-w // (8 * self.H)), -(-h // (8 * self.V))
        for c in components:
            c.w, c.hh = -(-w * c.h // self.H), -(-h * c.v // self.V)
            c.across, c.down = -(-c.w // 8), -(-c.hh // 8)
            rows, cols = self.my * c.v, self.mx * c.h
            if len(components) == 1:
                rows, cols = c.down, c.across
            if c.coefs is None:
                p = np.asarray(c.plane, np.float64)[: c.hh, : c.w]
                full = np.pad(p, ((0, rows * 8 - p.shape[0]), (0, cols * 8 - p.shape[1])), "edge") - 128
                blocks = full.reshape(rows, 8, cols, 8).transpose(0, 2, 1, 3)
                q = np.zeros(64)
                q[ZIGZAG] = c.quant
                f = np.einsum("ui,byij,vj->byuv", DCT, blocks, DCT).reshape(rows, cols, 64)
                c.coefs = np.rint(f / np.maximum(q, 1)).astype(int)[:, :, ZIGZAG]
            c.coefs = [[[int(v) for v in b] for b in row] for row in c.coefs]

    def sof(self, marker=0xC0, precision=8, height=None):
        w, h = self.size
        h = h if height is None else height
        return segment(marker, struct.pack(">BHHB", precision, h, w, len(self.comps)) + b"".join(bytes([c.id, c.h << 4 | c.v, c.tq]) for c in self.comps))

    def mcus(self, which):
        """The MCUs of a scan: lists of (index in which, block)."""
        comps = [self.comps[i] for i in which]
        if len(comps) == 1:
            c = comps[0]
            for y in range(c.down):
                for x in range(c.across):
                    yield [(0, c.coefs[y][x])]
            return
        for y in range(self.my):
            for x in range(self.mx):
                yield [(i, c.coefs[y * c.v + v][x * c.h + h]) for i, c in enumerate(comps) for v in range(c.v) for h in range(c.h)]

    def scan(self, which, ss=0, se=63, ah=0, al=0, progressive=False, tables=None, restart=0, flat=False, share=None, given=None, stray=b"", fill=b"", known=False):
        """A scan with its tables. tables: numbers (dc, ac) of each component;
        given: {(kind, number): Table} instead of optimal ones, known: they are
        not written; stray and fill: bytes in front of restart markers."""
        tables = tables or [(0, 0)] * len(which)
        out = []  # of ("s", table, symbol), ("b", value, bits), ("r", number)
        last, run, pending = [0] * len(which), 0, []
        ac0 = (1, tables[0][1])

        def flush():
            nonlocal run, pending
            if run:
                n = run.bit_length() - 1
                out.append(("s", ac0, n << 4))
                if n:
                    out.append(("b", run - (1 << n), n))
                run = 0
            out.extend(("b", b, 1) for b in pending)
            pending = []

        markers = 0
        for n, mcu in enumerate(self.mcus(which)):
            if restart and n and n % restart == 0:
                flush()
                out.append(("r", markers & 7))
                markers += 1
                last = [0] * len(which)
            for i, b in mcu:
                dc, ac = (0, tables[i][0]), (1, tables[i][1])
                if ss == 0:
                    if ah:
                        out.append(("b", b[0] >> al & 1, 1))
                    else:
                        v = b[0] >> al
                        size, bits = number(v - last[i])
                        last[i] = v
                        out.append(("s", dc, size))
                        if size:
                            out.append(("b", bits, size))
                    if progressive:
                        continue
                lo = max(ss, 1)
                if not progressive:
                    r = 0
                    for k in range(1, 64):
                        if b[k] == 0:
                            r += 1
                            continue
                        while r > 15:
                            out.append(("s", ac, 0xF0))
                            r -= 16
                        size, bits = number(b[k])
                        out.append(("s", ac, r << 4 | size))
                        out.append(("b", bits, size))
                        r = 0
                    if r:
                        out.append(("s", ac, 0))
                elif not ah:
                    r = 0
                    for k in range(lo, se + 1):
                        v = abs(b[k]) >> al
                        if v == 0:
                            r += 1
                            continue
                        flush()
                        while r > 15:
                            out.append(("s", ac, 0xF0))
                            r -= 16
                        size, bits = number(v if b[k] > 0 else -v)
                        out.append(("s", ac, r << 4 | size))
                        out.append(("b", bits, size))
                        r = 0
                    if r:
                        run += 1
                        if run == 0x7FFF:
                            flush()
                else:
                    v = [abs(x) >> al for x in b]
                    eob = max((k for k in range(lo, se + 1) if v[k] == 1), default=0)
                    r, bits = 0, []
                    for k in range(lo, se + 1):
                        if v[k] == 0:
                            r += 1
                            continue
                        while r > 15 and k <= eob:
                            flush()
                            out.append(("s", ac, 0xF0))
                            out.extend(("b", x, 1) for x in bits)
                            bits, r = [], r - 16
                        if v[k] > 1:
                            bits.append(v[k] & 1)
                            continue
                        flush()
                        out.append(("s", ac, r << 4 | 1))
                        out.append(("b", int(b[k] > 0), 1))
                        out.extend(("b", x, 1) for x in bits)
                        bits, r = [], 0
                    if r or bits:
                        run += 1
                        pending += bits
                        if run == 0x7FFF:
                            flush()
        flush()

        freq = {}
        for token in out:
            if token[0] == "s":
                f = freq.setdefault(token[1], {})
                f[token[2]] = f.get(token[2], 0) + 1
        # Every table that a decoder may ask for is there.
        for i in range(len(which)):
            if not progressive or ss == 0:
                freq.setdefault((0, tables[i][0]), {0: 1})
            if not progressive or ss:
                freq.setdefault((1, tables[i][1]), {0: 1})
        made, head = {}, b""
        for key, f in sorted(freq.items()):
            if given and key in given:
                made[key] = given[key]
            else:
                made[key] = Table({s: 8 if len(f) < 256 else 9 for s in f} if flat else code_lengths(f))
            if not known:
                head += made[key].dht(*key)
        acc, n, data = 0, 0, bytearray()

        def put(value, length):
            nonlocal acc, n
            acc, n = acc << length | value, n + length
            while n >= 8:
                b = acc >> (n - 8) & 255
                data.append(b)
                if b == 255:
                    data.append(0)
                n -= 8
                acc &= (1 << n) - 1

        for token in out:
            if token[0] == "s":
                put(*made[token[1]].code[token[2]])
            elif token[0] == "b":
                put(token[1], token[2])
            else:
                if n:
                    put((1 << (8 - n)) - 1, 8 - n)
                data += stray + fill + bytes([255, 0xD0 + token[1]])
        if n:
            put((1 << (8 - n)) - 1, 8 - n)
        sos = segment(
            0xDA,
            bytes([len(which)]) + b"".join(bytes([self.comps[c].id, tables[i][0] << 4 | tables[i][1]]) for i, c in enumerate(which)) + bytes([ss, se, ah << 4 | al]),
        )
        dri = segment(0xDD, struct.pack(">H", restart)) if restart is not None else b""
        return head + dri + sos + bytes(data)


def dqt(tables, wide=False):
    """tables: {number: 64 values in zigzag order}."""
    out = b""
    for t, q in sorted(tables.items()):
        if wide or max(q) > 255:
            out += segment(0xDB, bytes([0x10 | t]) + struct.pack(">64H", *q))
        else:
            out += segment(0xDB, bytes([t]) + bytes(q))
    return out


JFIF = segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0")


def adobe(transform):
    return segment(0xEE, b"Adobe\0\x64\0\0\0\0" + bytes([transform]))


SOI, EOI = b"\xff\xd8", b"\xff\xd9"

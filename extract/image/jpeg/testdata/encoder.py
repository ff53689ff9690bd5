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


# T.81, table D.3: probability, state after the less probable decision (128 more:
# the two change places), state after the more probable one; the last is fixed.
ESTIMATES = [
    (0x5a1d, 129, 1), (0x2586, 14, 2), (0x1114, 16, 3), (0x080b, 18, 4), (0x03d8, 20, 5), (0x01da, 23, 6),
    (0x00e5, 25, 7), (0x006f, 28, 8), (0x0036, 30, 9), (0x001a, 33, 10), (0x000d, 35, 11), (0x0006, 9, 12),
    (0x0003, 10, 13), (0x0001, 12, 13), (0x5a7f, 143, 15), (0x3f25, 36, 16), (0x2cf2, 38, 17), (0x207c, 39, 18),
    (0x17b9, 40, 19), (0x1182, 42, 20), (0x0cef, 43, 21), (0x09a1, 45, 22), (0x072f, 46, 23), (0x055c, 48, 24),
    (0x0406, 49, 25), (0x0303, 51, 26), (0x0240, 52, 27), (0x01b1, 54, 28), (0x0144, 56, 29), (0x00f5, 57, 30),
    (0x00b7, 59, 31), (0x008a, 60, 32), (0x0068, 62, 33), (0x004e, 63, 34), (0x003b, 32, 35), (0x002c, 33, 9),
    (0x5ae1, 165, 37), (0x484c, 64, 38), (0x3a0d, 65, 39), (0x2ef1, 67, 40), (0x261f, 68, 41), (0x1f33, 69, 42),
    (0x19a8, 70, 43), (0x1518, 72, 44), (0x1177, 73, 45), (0x0e74, 74, 46), (0x0bfb, 75, 47), (0x09f8, 77, 48),
    (0x0861, 78, 49), (0x0706, 79, 50), (0x05cd, 48, 51), (0x04de, 50, 52), (0x040f, 50, 53), (0x0363, 51, 54),
    (0x02d4, 52, 55), (0x025c, 53, 56), (0x01f8, 54, 57), (0x01a4, 55, 58), (0x0160, 56, 59), (0x0125, 57, 60),
    (0x00f6, 58, 61), (0x00cb, 59, 62), (0x00ab, 61, 63), (0x008f, 61, 32), (0x5b12, 193, 65), (0x4d04, 80, 66),
    (0x412c, 81, 67), (0x37d8, 82, 68), (0x2fe8, 83, 69), (0x293c, 84, 70), (0x2379, 86, 71), (0x1edf, 87, 72),
    (0x1aa9, 87, 73), (0x174e, 72, 74), (0x1424, 72, 75), (0x119c, 74, 76), (0x0f6b, 74, 77), (0x0d51, 75, 78),
    (0x0bb6, 77, 79), (0x0a40, 77, 48), (0x5832, 208, 81), (0x4d1c, 88, 82), (0x438e, 89, 83), (0x3bdd, 90, 84),
    (0x34ee, 91, 85), (0x2eae, 92, 86), (0x299a, 93, 87), (0x2516, 86, 71), (0x5570, 216, 89), (0x4ca9, 95, 90),
    (0x44d9, 96, 91), (0x3e22, 97, 92), (0x3824, 99, 93), (0x32b4, 99, 94), (0x2e17, 93, 86), (0x56a8, 223, 96),
    (0x4f46, 101, 97), (0x47e5, 102, 98), (0x41cf, 103, 99), (0x3c3d, 104, 100), (0x375e, 99, 93), (0x5231, 105, 102),
    (0x4c0f, 106, 103), (0x4639, 107, 104), (0x415e, 103, 99), (0x5627, 233, 106), (0x50e7, 108, 107), (0x4b85, 109, 103),
    (0x5597, 110, 109), (0x504f, 111, 107), (0x5a10, 238, 111), (0x5522, 112, 109), (0x59eb, 240, 111), (0x5a1d, 113, 113),
]


class Coder:
    """Arithmetic coding of decisions (T.81, annex D.1), with the code as one
    large number."""

    def __init__(self):
        self.c, self.a, self.n = 0, 0x10000, 0
        self.bins = {}

    def put(self, key, decision):
        sv = 113 if key == "fixed" else self.bins.get(key, 0)
        qe, less, more = ESTIMATES[sv & 127]
        self.a -= qe
        if bool(decision) == bool(sv & 128):
            if self.a < 0x8000:
                if self.a < qe:
                    self.c += self.a
                    self.a = qe
                sv = sv & 128 ^ more
        else:
            if self.a >= qe:
                self.c += self.a
                self.a = qe
            sv = sv & 128 ^ less
        if key != "fixed":
            self.bins[key] = sv
        while self.a < 0x8000:
            self.a, self.c, self.n = self.a << 1, self.c << 1, self.n + 1

    def end(self):
        t = self.c + self.a - 1 & ~0xFFFF
        if t < self.c:
            t += 0x8000
        bits = 16 + self.n
        data = (t << -bits % 8).to_bytes(-(-bits // 8), "big").rstrip(b"\0")
        return data.replace(b"\xff", b"\xff\0")

    def number(self, table, at, v, low, base):
        """What v has more than its sign, from the bin at on; base: of the bins
        of larger numbers."""
        m = abs(v) - 1
        self.put((table, at), m > 0)
        if not m:
            return
        m_bits = m.bit_length()
        if low is None:  # DC
            at = base
            first = 1
        else:
            self.put((table, at), m > 1)
            if m == 1:
                return
            at = base
            first = 2
        bit = 1 << (m_bits - 1)
        step = first
        while step < bit:
            self.put((table, at), 1)
            at, step = at + 1, step << 1
        self.put((table, at), 0)
        bit >>= 1
        while bit:
            self.put((table, at + 14), m & bit)
            bit >>= 1


def arithmetic_scan(p, which, ss=0, se=63, ah=0, al=0, progressive=False, tables=None, restart=0, conds=None):
    """An arithmetic-coded scan of a Picture. conds: {table: (low, high)} of DC
    and {table: k} of AC, in a pair of dictionaries."""
    tables = tables or [(0, 0)] * len(which)
    conds = conds or ({}, {})
    data, coder = bytearray(), Coder()
    last, context = [0] * len(which), [0] * len(which)
    markers = 0
    for n, mcu in enumerate(p.mcus(which)):
        if restart and n and n % restart == 0:
            data += coder.end() + bytes([255, 0xD0 + markers % 8])
            markers += 1
            coder, last, context = Coder(), [0] * len(which), [0] * len(which)
        for i, b in mcu:
            dc, ac = ("dc", tables[i][0]), ("ac", tables[i][1])
            if ss == 0 and ah:
                coder.put("fixed", b[0] >> al & 1)
            elif ss == 0:
                v = (b[0] >> al) - last[i]
                last[i] = b[0] >> al
                at = context[i]
                coder.put((dc, at), v != 0)
                if v == 0:
                    context[i] = 0
                else:
                    coder.put((dc, at + 1), v < 0)
                    coder.number(dc, at + 2 + (v < 0), v, None, 20)
                    low, high = conds[0].get(tables[i][0], (0, 1))
                    m = abs(v) - 1
                    m = 1 << (m.bit_length() - 1) if m else 0
                    if m < (1 << low) >> 1:
                        context[i] = 0
                    elif m > (1 << high) >> 1:
                        context[i] = 12 + 4 * (v < 0)
                    else:
                        context[i] = 4 + 4 * (v < 0)
            if progressive and ss == 0:
                continue
            lo = max(ss, 1)
            v = [abs(x) >> al for x in b]
            if not ah:
                end = max((k for k in range(lo, se + 1) if v[k]), default=lo - 1)
                k = lo
                while k <= se:
                    coder.put((ac, 3 * (k - 1)), k > end)
                    if k > end:
                        break
                    while not v[k]:
                        coder.put((ac, 3 * (k - 1) + 1), 0)
                        k += 1
                    coder.put((ac, 3 * (k - 1) + 1), 1)
                    coder.put("fixed", b[k] < 0)
                    coder.number(ac, 3 * (k - 1) + 2, v[k], True, 189 if k <= conds[1].get(tables[i][1], 5) else 217)
                    k += 1
                continue
            before = max((k for k in range(lo, se + 1) if v[k] >> 1), default=0)
            end = max((k for k in range(lo, se + 1) if v[k]), default=lo - 1)
            k = lo
            while k <= se:
                if k > before:
                    coder.put((ac, 3 * (k - 1)), k > end)
                    if k > end:
                        break
                while True:
                    if v[k] > 1:
                        coder.put((ac, 3 * (k - 1) + 2), v[k] & 1)
                        break
                    coder.put((ac, 3 * (k - 1) + 1), v[k])
                    if v[k]:
                        coder.put("fixed", b[k] < 0)
                        break
                    k += 1
                k += 1
    data += coder.end()
    head = b"".join(segment(0xCC, bytes([t, high << 4 | low])) for t, (low, high) in conds[0].items())
    head += b"".join(segment(0xCC, bytes([0x10 | t, k])) for t, k in conds[1].items())
    sos = segment(
        0xDA,
        bytes([len(which)]) + b"".join(bytes([p.comps[c].id, tables[i][0] << 4 | tables[i][1]]) for i, c in enumerate(which)) + bytes([ss, se, ah << 4 | al]),
    )
    return head + segment(0xDD, struct.pack(">H", restart)) + sos + bytes(data)


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

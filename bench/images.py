#!/usr/bin/env python3
"""Puts decoding, and the way from the bytes of a JPEG to a crop, beside Pillow.

make peers runs it. The files are photograph-like, 640×480, quality 85. Both sides
alternate, a few times each; figures are CPU time in milliseconds, the least of all
turns, since whatever else runs on the machine only adds. Ratios are ours by the
peer's, so that less than 1 is faster. Pillow's side is Image.open(...).convert("RGB"),
and for crops its bicubic resize of the shorter side to 256, of which 224×224 in the
middle are kept; "resize" is that of images that are decoded. Pixels of both are equal, which tests of extract/image hold.
"""
import io
import resource
import zipfile

import PIL
from PIL import Image, features

from ours import ROOT, Ours

FILES = ROOT / "extract/image/jpeg/testdata/bench.zip"
ROW = "| %-7s | %-15s | %8s | %8s | %8s | %6s | %6s |"
TURNS, TIMES = 25, 4


def processor():
    r = resource.getrusage(resource.RUSAGE_SELF)
    return r.ru_utime + r.ru_stime


def decode(content):
    return Image.open(io.BytesIO(content)).convert("RGB")


def crop(content):
    return resize(decode(content))


def resize(im):
    w, h = im.size
    w, h = (256, int(256 * h / w)) if w <= h else (int(256 * w / h), 256)
    im = im.resize((w, h), Image.Resampling.BICUBIC)
    x, y = (w - 224) // 2, (h - 224) // 2
    return im.crop((x, y, x + 224, y + 224)).tobytes()


def measured(task, content):
    before = processor()
    if task is resize:
        content = decode(content)
        before = processor()
    for _ in range(TIMES):
        task(content)
    return (processor() - before) / TIMES


def main():
    with Ours("extract/image") as side:
        def ours(task, name):
            return side.ask(task, name, TIMES)[0]

        print("Pillow %s, libjpeg-turbo %s; CPU ms, the least of %d turns of %d" % (PIL.__version__, features.version("libjpeg_turbo"), TURNS, TIMES))
        print()
        print(ROW % ("task", "file", "ours", "Go's", "Pillow", "by Go", "by Pil"))
        print(ROW % tuple("-" * n for n in (7, 15, 8, 8, 8, 6, 6)))
        with zipfile.ZipFile(FILES) as z:
            for task, peer in (("decode", decode), ("resize", resize), ("crop", crop)):
                for name in sorted(z.namelist()):
                    content = z.read(name)
                    turns = [
                        (ours(task, name), ours("decode-go", name) if task == "decode" else 0, measured(peer, content)) for _ in range(TURNS)]
                    a, b, c = (1e3 * min(t) for t in zip(*turns))
                    print(ROW % (task, name, "%.2f" % a, "%.2f" % b if b else "", "%.2f" % c, "%.2f" % (a / b) if b else "", "%.2f" % (a / c)), flush=True)


if __name__ == "__main__":
    main()

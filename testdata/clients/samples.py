"""Writes samples: emoji to train on, others that are opaque and of the size to
which images are resized, so that no client resizes them, and images that every
client resizes: small ones and large composed ones. Arguments: the folder of
emoji, and the one to write to."""
import csv
import json
import pathlib
import random
import sys

from PIL import Image

emoji, to = map(pathlib.Path, sys.argv[1:])
rows = [r for r in csv.DictReader(open(emoji / "emoji.csv", encoding="utf-8")) if r["label"] in ("symbols", "food-and-drink", "flags")]


def write(name, rows):
    with open(to / name, "w", newline="", encoding="utf-8") as f:
        w = csv.DictWriter(f, rows[0].keys(), extrasaction="ignore")
        w.writeheader()
        w.writerows(rows)


def opaque(row):
    image = Image.open(emoji / row["image"]).convert("RGBA")
    ground = Image.new("RGBA", image.size, "white")
    ground.alpha_composite(image)
    return ground.convert("RGB")


def photo(random, rows):
    """A ground that goes from one colour to another, with emoji of many sizes."""
    size = random.randint(300, 1600), random.randint(280, 1200)
    colours = [tuple(random.randrange(256) for _ in range(3)) for _ in range(4)]
    image = Image.new("RGB", (2, 2))
    image.putdata(colours)
    image = image.resize(size, Image.BICUBIC)
    for _ in range(random.randint(3, 12)):
        side = random.randint(40, min(size))
        one = Image.open(emoji / random.choice(rows)["image"]).convert("RGBA").resize((side, side), Image.LANCZOS)
        image.paste(one, (random.randint(-side // 2, size[0] - side // 2), random.randint(-side // 2, size[1] - side // 2)), one)
    return image


write("train.csv", rows[::5])
for folder in ("images", "others"):
    (to / folder).mkdir(exist_ok=True)
test, others = [], []
for i, r in enumerate(rows[1::10]):
    path = f"images/{i}.png"
    opaque(r).resize((256, 256), Image.BICUBIC).save(to / path)
    test.append(dict(r, image=path, name=r["name"] + " and some more words" * (i % 5)))
test.append(dict(test[0], name="a text that is far too long " * 60))
write("test.csv", test)
rest = [r for i, r in enumerate(rows) if i % 5 > 1]
random = random.Random(1)
for i in range(260):
    path = f"others/{i}.png"
    image = opaque(rest[i % len(rest)]) if i < 200 else photo(random, rest)
    image.save(to / path, compress_level=1)
    others.append({"image": path})
write("others.list.csv", others)
write("tensors.csv", others[4::8])
# What clients that are no Python read.
json.dump({
    "names": [r["name"] for r in test], "images": [r["image"] for r in test], "others": [r["image"] for r in others], "tensors": [r["image"] for r in others[4::8]],
}, open(to / "samples.json", "w", encoding="utf-8"))

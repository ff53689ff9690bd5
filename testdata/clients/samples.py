"""Writes samples: emoji to train on, and others, opaque and of the size to which
images are resized, so that no client resizes them. Arguments: the folder of
emoji, and the one to write to."""
import csv
import pathlib
import sys

from PIL import Image

emoji, to = map(pathlib.Path, sys.argv[1:])
rows = [r for r in csv.DictReader(open(emoji / "emoji.csv", encoding="utf-8")) if r["label"] in ("symbols", "food-and-drink", "flags")]


def write(name, rows):
    with open(to / name, "w", newline="", encoding="utf-8") as f:
        w = csv.DictWriter(f, rows[0].keys())
        w.writeheader()
        w.writerows(rows)


write("train.csv", rows[::5])
test = []
(to / "images").mkdir(exist_ok=True)
for i, r in enumerate(rows[1::10]):
    image = Image.open(emoji / r["image"]).convert("RGBA")
    ground = Image.new("RGBA", image.size, "white")
    ground.alpha_composite(image)
    path = f"images/{i}.png"
    ground.convert("RGB").resize((256, 256), Image.BICUBIC).save(to / path)
    test.append(dict(r, image=path, name=r["name"] + " and some more words" * (i % 5)))
test.append(dict(test[0], name="a text that is far too long " * 60))
write("test.csv", test)

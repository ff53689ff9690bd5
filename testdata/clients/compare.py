"""Compares what clients say with what headstart predicts, and prints a table of
it."""
import csv
import glob
import json
import pathlib
import statistics
import sys

import tokenizers

tokenizer = tokenizers.Tokenizer.from_file("names-hub/tokenizer.json")
most = tokenizer.truncation["max_length"]
tokenizer.no_truncation()
samples = json.load(open("samples.json", encoding="utf-8"))
# transformers.js cuts the special token off the end of a text of more tokens than
# the folder's tokenizer says: of such texts its answers are not compared.
too_long = {i for i, name in enumerate(samples["names"]) if len(tokenizer.encode(name).ids) > most}


def predicted(path):
    return [{k[2:]: float(v) for k, v in row.items() if k.startswith("p:")} for row in csv.DictReader(open(path, encoding="utf-8"))]


names, images, others = map(predicted, ("names.csv", "images.csv", "others.csv"))
tensors = others[4::8]
# What is compared, and how far apart it may be; None: that is the client's own.
sets = {
    "names": (names, 1e-4), "names-flat": (names, 1e-4), "ids": (names, 1e-4), "images": (images, 1e-3), "images-flat": (images, 1e-3), "tensors": (tensors, 1e-4),
    "others": (others, None), "pixels": (others, None),
}
failed = False


def fail(what):
    global failed
    failed = True
    print("FAILED: " + what, file=sys.stderr)


def cell(name, client):
    path = pathlib.Path(f"{name}@{client}.jsonl")
    if not path.exists():
        return "–"
    have = [json.loads(line) for line in open(path, encoding="utf-8")]
    want, tolerance = sets[name]
    if len(have) != len(want):
        fail(f"{path}: {len(have)} answers for {len(want)} samples")
        return "?"
    skipped = too_long if client.startswith("transformers.js") and name.startswith("names") else set()
    far, changed = [], 0
    for i, (w, h) in enumerate(zip(want, have)):
        if i in skipped:
            continue
        if set(w) != set(h):
            fail(f"{path}: sample {i} has the labels {sorted(h)}, not {sorted(w)}")
            return "?"
        far.append(max(abs(v - h[k]) for k, v in w.items()))
        changed += max(w, key=w.get) != max(h, key=h.get)
    worst = max(far)
    if tolerance is None:
        if name == "pixels" and (changed or statistics.fmean(far) > 0.02):
            fail(f"{path}: {changed} answers changed, {statistics.fmean(far):.3g} in the mean")
        return f"{statistics.fmean(far):.2g}, {worst:.2g}, {changed}"
    if not worst <= tolerance:
        fail(f"{path}: sample {far.index(worst)} differs by {worst:.3g}, more than {tolerance:g}")
    return f"{worst:.1g}" + (f" ({len(far)} of {len(want)})" if skipped else "")


print(f"| client | version | texts | token ids | images of the size | tensors | {len(others)} other images: mean, most, answers changed |")
print("|---|---|---|---|---|---|---|")
for path in sorted(glob.glob("@*.json")):
    about = json.load(open(path, encoding="utf-8"))
    client = path[1:].removesuffix(".json")
    pairs = [[cell(name, client) for name in (a, a + "-flat")] for a in ("names", "images")]
    texts, opaque = (hub if hub != "–" else flat for hub, flat in pairs)
    own, inside = cell("others", client), cell("pixels", client)
    if own == "–" and inside != "–":
        print(f"| {about['client']}, `--input pixels` | {about['version']} | – | – | – | – | {inside} |")
        continue
    print(f"| {about['client']} | {about['version']} | {texts} | {cell('ids', client)} | {opaque} | {cell('tensors', client)} | {own} |")
    if inside != "–":
        print(f"| the same, `--input pixels` | | | | | | {inside} |")
sys.exit(failed)

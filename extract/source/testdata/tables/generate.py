#!/usr/bin/env python3
"""Writes tables as pandas, pyarrow, datasets and json write them, and
expected.json: for each file, with the columns that are read, its samples as
those libraries read them back, "id|label|split|group|weight|content".
Written with pandas 3.1.1, pyarrow 26.0.1, datasets 5.2.0."""
import io
import json
import math
import pathlib

import datasets
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

datasets.disable_progress_bars()
here = pathlib.Path(__file__).parent
expected = {}
words = ["eins", "zwölf, \"12\"", "three\nlines\t\\ /", "日本語 😀", "", "a;b", "  spaces ", "\u2028\x7f\x01", "null", "ß" * 50]
n = 40
frame = pd.DataFrame({
    "text": [words[i % len(words)] + (str(i) if i % 10 != 4 else "") for i in range(n)],
    "label": [None if i % 7 == 3 else f"class {i % 3}" for i in range(n)],
    "stars": [i % 5 for i in range(n)],
    "weight": [math.nan if i % 4 == 1 else i / 8 for i in range(n)],
    "split": pd.Categorical([["train", "test", "valid"][i % 3] for i in range(n)]),
    "group": pd.date_range("2024-02-28", periods=n, freq="D").date,
    "good": [i % 2 == 0 for i in range(n)],
    "share": [i * 0.1 for i in range(n)],
})


def cell(v):
    if v is None or v is pd.NaT or isinstance(v, float) and math.isnan(v):
        return ""
    if isinstance(v, bool):
        return str(v).lower()
    return str(v)


def number(v):  # as Go's %v writes a weight
    return "" if v == "" else str(float(v)).removesuffix(".0")


def note(file, rows, text="text", label="label", split="split", group="group", weight="weight"):
    """Notes the samples that rows, read back, are."""
    base = file.split(".")[0]
    of = lambda row, key: cell(row.get(key)) if key else ""
    expected[file] = {"text": text, "label": label or "", "samples": [
        "|".join([f"{base}#{i + 1}", of(r, label), of(r, split).replace("valid", "validation"), of(r, group), number(of(r, weight)), of(r, text)])
        for i, r in enumerate(rows)]}


def records(frame):
    return [{k: v for k, v in zip(frame.columns, row)} for row in frame.itertuples(index=False)]


# Parquet, as pandas reads it.
for name, options in {
    "pandas.parquet": {},
    "pandas_fast.parquet": {"compression": "gzip", "row_group_size": 7},
    "pandas_none.parquet": {"compression": None, "use_dictionary": False, "data_page_version": "2.0"},
}.items():
    frame.to_parquet(here / name, **options)
    note(name, records(pd.read_parquet(here / name)))
for name, label in {"stars.parquet": "stars", "good.parquet": "good", "share.parquet": "share"}.items():
    frame.to_parquet(here / name)
    note(name, records(pd.read_parquet(here / name)), label=label)

# Nested columns.
nested = pa.table({"review": pa.array([{"body": words[i % 4], "by": {"name": f"n{i % 2}", "age": i}} if i % 5 else None for i in range(10)])})
pq.write_table(nested, here / "nested.parquet")
flat = pd.json_normalize([r if r["review"] else {"review": {}} for r in pq.read_table(here / "nested.parquet").to_pylist()])
note("nested.parquet", records(flat), text="review.body", label="review.by.name", split="", group="", weight="")

# Lists of labels, and classes by number.
labels = [["x", "y"], [], ["y"], ["z;", "x"], ["ä"]]
features = datasets.Features({
    "text": datasets.Value("string"), "label": datasets.ClassLabel(names=["cat", "dog", "älk"]), "labels": datasets.List(datasets.Value("string")),
    "classes": datasets.List(datasets.ClassLabel(names=["cat", "dog", "älk"])), "more": {"kind": datasets.ClassLabel(names=["p", "q"])}, "numbers": datasets.List(datasets.Value("int32")),
})
ds = datasets.Dataset.from_dict({
    "text": [f"t{i}" for i in range(5)], "label": [0, 2, 1, -1, 0], "labels": labels, "classes": [[0, 2], [], [1], [2], [0]],
    "more": [{"kind": i % 2} for i in range(5)], "numbers": [[i, i + 1] for i in range(5)],
}, features=features)
ds.to_parquet(here / "hf.parquet")
back = datasets.Dataset(pq.read_table(here / "hf.parquet"))
assert back.features == features, back.features
named = lambda f, v: None if v == -1 else f.int2str(v)
note("hf.parquet", [{"text": r["text"], "label": named(features["label"], r["label"])} for r in back], split="", group="", weight="")
kinds = [features["more"]["kind"].int2str(r["more"]["kind"]) for r in back]
several = {
    "labels": [r["labels"] for r in back],
    "classes": [[features["classes"].feature.int2str(c) for c in r["classes"]] for r in back],
    "numbers": [[str(c) for c in r["numbers"]] for r in back],
}

# Images.
pictures = []
for i in range(3):
    b = io.BytesIO()
    Image.new("RGB", (4, 4), (i * 80, 0, 0)).save(b, "PNG")
    pictures.append(b.getvalue())
(here / "path.png").write_bytes(pictures[2])
images = datasets.Dataset.from_dict({
    "image": [{"bytes": pictures[0], "path": "was/0.png"}, {"bytes": pictures[1], "path": None}, {"bytes": None, "path": "path.png"}, None],
    "label": [0, 1, 1, 0],
}, features=datasets.Features({"image": datasets.Image(decode=False), "label": datasets.ClassLabel(names=["dark", "red"])}))
images.to_parquet(here / "images.parquet")
pq.write_table(pa.table({"image": pa.array([pictures[0], pictures[1], b"no picture", None], pa.binary()), "label": ["a", "b", "c", "d"]}), here / "binary.parquet")
pq.write_table(pa.table({"image": ["path.png", "nowhere.png"], "label": ["a", "b"]}), here / "paths.parquet")
sound = datasets.Dataset.from_dict({"audio": [{"bytes": b"RIFF", "path": None}], "label": ["x"]},
                                   features=datasets.Features({"audio": {"bytes": datasets.Value("binary"), "path": datasets.Value("string")}, "label": datasets.Value("string")}))
table = sound.data.table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": {
    "audio": {"sampling_rate": 16000, "_type": "Audio"}, "label": {"dtype": "string", "_type": "Value"}}}})})
pq.write_table(table, here / "audio.parquet")

# JSON lines.
frame.to_json(here / "pandas.jsonl", orient="records", lines=True, date_format="iso")
frame.to_json(here / "pandas_utf8.jsonl", orient="records", lines=True, force_ascii=False, date_format="iso")
frame.to_json(here / "pandas.json", orient="records", date_format="iso", indent=1)
frame.to_json(here / "pandas_gzip.jsonl.gz", orient="records", lines=True, date_format="iso", compression={"method": "gzip", "mtime": 1})
for name in ["pandas.jsonl", "pandas_utf8.jsonl", "pandas_gzip.jsonl.gz"]:
    note(name, records(pd.read_json(here / name, lines=True, convert_dates=False, keep_default_dates=False)))
note("pandas.json", records(pd.read_json(here / "pandas.json", convert_dates=False, keep_default_dates=False)))
with open(here / "python.jsonl", "w") as f:
    for i in range(20):
        f.write(json.dumps({"text": words[i % len(words)], "label": i % 3, "meta": {"stars": i / 4, "by": {"name": words[i % 4]}}}) + "\n")
lines = [json.loads(line) for line in open(here / "python.jsonl")]
note("python.jsonl", lines, split="", group="", weight="")
(here / "normalize.jsonl").write_bytes((here / "python.jsonl").read_bytes())
note("normalize.jsonl", records(pd.json_normalize(lines)), text="meta.by.name", label="meta.stars", split="", group="", weight="")
ds.to_json(here / "hf.jsonl")
note("hf.jsonl", [{"text": r["text"], "label": r["label"]} for r in map(json.loads, open(here / "hf.jsonl"))], split="", group="", weight="")

(here / "expected.json").write_text(json.dumps({"tables": expected, "kinds": kinds, "several": several}, ensure_ascii=False, indent=0) + "\n")

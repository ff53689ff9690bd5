#!/usr/bin/env python3
"""Reads exports of one feature set as other programs do and compares them.

    for f in npy safetensors csv parquet; do
        headstart cache export --out names.$f names.features
    done
    python check_export.py names

NAME.npy is the measure: its bytes must be those that numpy.save writes, and
the other formats must have its bits. Rows and columns are those of
NAME.features. Needs numpy, pandas, pyarrow, safetensors and duckdb; it was run
with numpy 2.4.6, pandas 3.1.1, pyarrow 26.0.1, safetensors 0.8.0 and duckdb
2.0.1.
"""
import io
import json
import sys
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from safetensors import safe_open

base = sys.argv[1]
features = pq.read_table(base + ".features")
meta = json.loads(features.schema.metadata[b"headstart"])
ids = features["id"].to_pylist()
keys = np.array([list(k) for k in features["key"].to_pylist()], np.uint8)
columns = ["id"] + [c for c in ["label", "split", "group", "weight"] if features[c].null_count < len(ids)]
if any(features["view"].to_pylist()):
    columns.append("view")


def same(name, x):
    """The array x has the shape and the bits of the npy file."""
    x = np.ascontiguousarray(x)
    assert x.dtype == np.float32, (name, x.dtype)
    assert x.shape == X.shape, (name, x.shape, X.shape)
    assert np.array_equal(x.view(np.uint32), X.view(np.uint32)), name
    print(f"{name}: {x.shape[0]} × {x.shape[1]}, the same bits")


def cell(labels):
    """Several labels as they stand in a cell of CSV."""
    if not isinstance(labels, list):
        return labels
    if not labels or any(not v or v != v.strip() or v[0] == "[" or ";" in v for v in labels):
        return json.dumps(labels, ensure_ascii=False, separators=(",", ":"))
    return ";".join(labels)


def plain(v):
    """A cell of a frame as pyarrow has it."""
    if isinstance(v, np.ndarray):
        return v.tolist()
    return None if pd.isna(v) else v


def described(name, frame):
    """A frame has the columns of the feature set, in its order of rows."""
    for c in columns:
        want = features[c].to_pylist()
        got = [plain(v) for v in frame[c]]
        if not any(isinstance(v, list) for v in got):
            want = [cell(v) for v in want]
        assert got == want, (name, c)


def labels(name):
    text = {c: str for c in columns if c not in ("weight", "view")}
    frame = pd.read_csv(name, dtype=text, keep_default_na=False, na_values={c: [""] for c in columns})
    assert list(frame.columns) == columns, (name, list(frame.columns))
    described(name, frame)


X = np.load(base + ".npy")
if meta.get("multi_label"):
    assert meta["format_version"] == 2 and str(features.schema.field("label").type) == "list<element: string not null>", features.schema
else:
    assert meta["format_version"] == 1 and str(features.schema.field("label").type) == "string", features.schema
assert X.dtype == np.dtype("<f4") and X.flags.c_contiguous and X.shape[0] == len(ids)
saved = io.BytesIO()
np.save(saved, X)
assert saved.getvalue() == Path(base + ".npy").read_bytes(), "numpy.save writes other bytes"
mapped = np.load(base + ".npy", mmap_mode="r")
same("npy, mapped", np.asarray(mapped))
labels(base + ".labels.csv")

with safe_open(base + ".safetensors", framework="np") as f:
    assert sorted(f.keys()) == ["embeddings", "keys"]
    same("safetensors", f.get_tensor("embeddings"))
    assert np.array_equal(f.get_tensor("keys"), keys)
    m = f.metadata()
    assert m["format_version"] == str(meta["format_version"]) and m["backbone"] == meta["backbone"]
    assert json.loads(m["spaces"]) == meta["spaces"] and json.loads(m["source"]) == meta["source"]

values = [f"f{j}" for j in range(X.shape[1])]
text = {c: str for c in columns if c not in ("weight", "view")}
frame = pd.read_csv(base + ".csv", dtype=text | dict.fromkeys(values, np.float32),
                    keep_default_na=False, na_values={c: [""] for c in columns})
assert list(frame.columns) == columns + values
described("csv", frame)
same("csv, pandas", frame[values].to_numpy())

table = pq.read_table(base + ".parquet")
assert table.schema.field("embedding").type.value_type == "float", table.schema
assert table["id"].to_pylist() == ids and table.drop_columns(["embedding"]).equals(features)
frame = pd.read_parquet(base + ".parquet")
described("parquet", frame)
same("parquet, pandas", np.stack(frame["embedding"]))
rows = duckdb.sql(f"SELECT id, embedding FROM '{base}.parquet'").fetchall()
assert [r[0] for r in rows] == ids
same("parquet, DuckDB", np.array([r[1] for r in rows], np.float32))

#!/usr/bin/env python3
"""Writes pyarrow_*.parquet, one table as pyarrow writes it in many ways, and
values.json: what pyarrow reads of each column, numbers and times as Python
writes them. Written with pyarrow 26.0.1."""
import datetime
import decimal
import json
import pathlib
import uuid

import pyarrow as pa
import pyarrow.parquet as pq

here = pathlib.Path(__file__).parent
n = 60


def every(k, value):
    return [None if i % k == 0 else value(i) for i in range(n)]


zone = datetime.timezone.utc
table = pa.table({
    "string": pa.array(every(7, lambda i: "täxt " * (i % 5) + str(i))),
    "word": pa.array([f"word {i % 3}" for i in range(n)]),
    "required": pa.array([f"{i:03d}" for i in range(n)]),
    "large": pa.array(every(4, lambda i: f"common prefix {i // 2}"), pa.large_string()),
    "binary": pa.array(every(5, lambda i: f"b{i}".encode()), pa.binary()),
    "fixed": pa.array([f"{i:04d}".encode() for i in range(n)], pa.binary(4)),
    "bool": pa.array(every(3, lambda i: i % 2 == 0)),
    "int8": pa.array([i - 30 for i in range(n)], pa.int8()),
    "uint32": pa.array(every(6, lambda i: 2**32 - 1 - i), pa.uint32()),
    "int32": pa.array(every(6, lambda i: i * i * (-1) ** i * 100_003), pa.int32()),
    "int64": pa.array(every(9, lambda i: (-1) ** i * 7**i % 2**62), pa.int64()),
    "uint64": pa.array(every(2, lambda i: 2**64 - 1 - i), pa.uint64()),
    "float": pa.array(every(8, lambda i: i / 8), pa.float32()),
    "double": pa.array(every(8, lambda i: 10.0 ** (i - 30) / 3), pa.float64()),
    "date": pa.array([datetime.date(1969, 12, 1) + datetime.timedelta(i) for i in range(n)]),
    "milli": pa.array([datetime.datetime(1969, 12, 31, 23, 59, 59) + datetime.timedelta(milliseconds=500 * i) for i in range(n)], pa.timestamp("ms")),
    "micro": pa.array([datetime.datetime(2024, 1, 1, tzinfo=zone) + datetime.timedelta(microseconds=i) for i in range(n)], pa.timestamp("us", "UTC")),
    "decimal": pa.array(every(5, lambda i: decimal.Decimal(i - 30) / 8), pa.decimal128(20, 3)),
    "uuid": pa.array([uuid.UUID(int=i * 10**36).bytes for i in range(n)], pa.uuid()),
    "list": pa.array(every(5, lambda i: [None if j == 2 else f"x{j}" for j in range(i % 5)])),
    "ints": pa.array([[i, -i][:i % 3] for i in range(n)], pa.list_(pa.int64())),
    "struct": pa.array(every(4, lambda i: {"a": i if i % 2 else None, "b": {"c": f"c{i}"}})),
})


def text(v):
    if isinstance(v, list):
        return [text(x) for x in v]
    if isinstance(v, bytes):
        return v.decode()
    if isinstance(v, bool):
        return str(v).lower()
    return None if v is None else str(v)


values = {}
for name in table.column_names:
    column = table[name]
    if name == "float":  # as NumPy writes a float32
        values[name] = [None if v is None else str(column.to_numpy()[i]) for i, v in enumerate(column.to_pylist())]
    elif name == "struct":
        values["struct.a"] = [text(v and v["a"]) for v in column.to_pylist()]
        values["struct.b.c"] = [text(v and v["b"]["c"]) for v in column.to_pylist()]
    else:
        values[name] = [text(v) for v in column.to_pylist()]
(here / "values.json").write_text(json.dumps(values, ensure_ascii=False, indent=0) + "\n")

delta = {"string": "DELTA_BYTE_ARRAY", "word": "DELTA_LENGTH_BYTE_ARRAY", "large": "DELTA_BYTE_ARRAY", "binary": "DELTA_LENGTH_BYTE_ARRAY", "fixed": "DELTA_BYTE_ARRAY",
         "bool": "RLE", "int32": "DELTA_BINARY_PACKED", "int64": "DELTA_BINARY_PACKED", "uint64": "DELTA_BINARY_PACKED", "date": "DELTA_BINARY_PACKED",
         "float": "BYTE_STREAM_SPLIT", "double": "BYTE_STREAM_SPLIT", "ints.list.element": "DELTA_BINARY_PACKED", "list.list.element": "DELTA_BYTE_ARRAY"}
small = {"row_group_size": 25, "data_page_size": 64, "write_batch_size": 4}
for name, options in {
    "default": {},
    "v2": {"data_page_version": "2.0", **small},
    "none": {"compression": "none", "use_dictionary": False},
    "gzip": {"compression": "gzip", "use_dictionary": False, "write_page_checksum": True, **small},
    "zstd": {"compression": "zstd", "version": "1.0", "store_schema": False},
    "brotli": {"compression": "brotli", "data_page_version": "2.0"},
    "lz4": {"compression": "lz4", **small},
    "delta": {"use_dictionary": False, "column_encoding": delta, **small},
    "delta_v2": {"use_dictionary": False, "column_encoding": delta, "data_page_version": "2.0", "compression": "none"},
    "two_levels": {"use_compliant_nested_type": False, "use_deprecated_int96_timestamps": False, "row_group_size": 7},
}.items():
    pq.write_table(table, here / f"pyarrow_{name}.parquet", **options)

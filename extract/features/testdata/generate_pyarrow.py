#!/usr/bin/env python3
"""Writes pyarrow_*.features: feature sets as pyarrow writes them, for the test
that reads them. Written with pyarrow 26.0.1; the rows are in the test too."""
import hashlib
import json
import pathlib

import pyarrow as pa
import pyarrow.parquet as pq

here = pathlib.Path(__file__).parent
n = 300
space = '{"dim":3,"dtype":"f32","model":{"sha256":"a"}}'
meta = {
    "format_version": 1, "spaces": [json.loads(space)], "backbone": "b", "modality": "text",
    "source": ["names.csv"], "counts": {"samples": n, "bad": 0, "duplicates": 0}, "tool": "pyarrow", "created": "",
    "some_later_field": [1, 2],
}
table = pa.table({
    "label": pa.array([None if i % 10 == 0 else f"class {i % 3}" for i in range(n)]),
    "id": pa.array([f"names#{i + 1}" for i in range(n)]),
    "key": pa.array([hashlib.sha256(str(i).encode()).digest() for i in range(n)], pa.binary(32)),
    "split": pa.array([["train", "validation", "test", None][i % 4] for i in range(n)]),
    "group": pa.array([None] * n, pa.string()),
    "weight": pa.array([None if i % 2 else i / 8 for i in range(n)], pa.float64()),
    "view": pa.array([0] * n, pa.int32()),
    "note": pa.array([[str(i)] for i in range(n)]),
}).replace_schema_metadata({"headstart": json.dumps(meta)})

pq.write_table(table, here / "pyarrow_snappy_v1.features", compression="snappy", data_page_version="1.0")
pq.write_table(table, here / "pyarrow_zstd_v2.features", compression="zstd", data_page_version="2.0", row_group_size=100, data_page_size=512,
               write_batch_size=16, use_dictionary=["label"])
pq.write_table(table, here / "pyarrow_none.features", compression="none")
pq.write_table(table, here / "pyarrow_gzip_plain.features", compression="gzip", use_dictionary=False, write_page_index=True,
               write_page_checksum=True)
pq.write_table(table, here / "pyarrow_delta.features", use_dictionary=False, column_encoding={"id": "DELTA_BYTE_ARRAY"})
lists = table.set_column(0, "label", pa.array([[None, [], ["a"], ["b", "a"], ["a", "a;b", "ä"]][i % 5] for i in range(n)], pa.list_(pa.string())))
lists = lists.replace_schema_metadata({"headstart": json.dumps(meta | {"format_version": 2, "multi_label": True})})
pq.write_table(lists, here / "pyarrow_lists_v1.features", compression="snappy", data_page_version="1.0")
pq.write_table(lists, here / "pyarrow_lists_v2.features", compression="zstd", data_page_version="2.0", row_group_size=100, data_page_size=512,
               write_batch_size=16, use_dictionary=False, use_compliant_nested_type=False)
pq.write_table(table.drop_columns(["view", "group"]), here / "pyarrow_no_view.features")

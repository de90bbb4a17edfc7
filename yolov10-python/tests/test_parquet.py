"""Rows as Parquet."""

import json

import numpy as np
import pyarrow.parquet as pq
from conftest import STREET, program

from yolo10_burn.parquet import SCHEMA, to_parquet


def test_rows_of_shards_become_parquet(tmp_path):
    (tmp_path / "broken.jpg").write_bytes(b"no picture at all")
    (tmp_path / "list.txt").write_text(f"{STREET}\n{tmp_path / 'broken.jpg'}\n{STREET}\n")
    for shard in ("1/2", "0/2"):
        program("run", "--list", tmp_path / "list.txt", "--shard", shard, "--out", tmp_path / "out")
    program("merge", tmp_path / "out")
    rows = [json.loads(line) for line in (tmp_path / "out" / "merged.jsonl").read_text().splitlines()]
    assert to_parquet(tmp_path / "out" / "merged.jsonl", tmp_path / "rows.parquet") == len(rows) == 3
    table = pq.read_table(tmp_path / "rows.parquet")
    assert table.schema == SCHEMA
    for row, expected in zip(table.to_pylist(), rows, strict=True):
        assert {name: value for name, value in row.items() if value is not None and name != "detections"} == {
            name: value for name, value in expected.items() if name != "detections"
        }
        # JSON has the shortest number for each f32, which is another f64.
        found = [
            {**one, "score": f32(one["score"]), "box": [f32(side) for side in one["box"]]}
            for one in expected.get("detections", [])
        ]
        assert (row["detections"] or []) == found
    assert len(rows[0]["detections"]) > 5 and table["detections"][1].as_py() is None
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken.jpg", "list.txt", "out", "rows.parquet"]


def f32(number):
    return float(np.float32(number))

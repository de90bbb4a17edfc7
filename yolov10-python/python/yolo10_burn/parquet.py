"""Rows of `run --json`, of a shard or of `merge` as Parquet. Needs `pyarrow`."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

DETECTION = pa.struct(
    {"class": pa.int32(), "name": pa.string(), "score": pa.float32(), "box": pa.list_(pa.float32(), 4)}
)
"""An object: its box is left, top, right, bottom, in pixels of the picture."""

SCHEMA = pa.schema(
    {
        "image": pa.string(),
        "frame": pa.int32(),
        "time": pa.float64(),
        "damage": pa.string(),
        "width": pa.int32(),
        "height": pa.int32(),
        "detections": pa.list_(DETECTION),
        "error": pa.string(),
    }
)
"""A picture's row; `error` is why one could not be searched, and its `detections` are null then."""

_ROWS_AT_A_TIME = 10_000


def to_parquet(rows: str | os.PathLike[str], output: str | os.PathLike[str]) -> int:
    """Writes a file of JSON lines as Parquet, beside its place and renamed when it is whole; says how many rows it has."""
    beside = f"{os.fspath(output)}.unfinished"
    count = 0
    with open(rows, encoding="utf-8") as lines, pq.ParquetWriter(beside, SCHEMA) as writer:
        for piece in _pieces(lines):
            writer.write_table(pa.Table.from_pylist(piece, SCHEMA))
            count += len(piece)
    os.replace(beside, output)
    return count


def _pieces(lines: Iterator[str]) -> Iterator[list[dict[str, Any]]]:
    while piece := [json.loads(line) for line in itertools.islice(lines, _ROWS_AT_A_TIME)]:
        yield piece

"""yolo10-burn on Ray: a data set through a pool of detectors, or a list in shards, each exactly once.

Needs `ray[data]`.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import ray
import ray.data
from ray.util import ActorPool

from ._detector import Detector, Path as _Path
from ._program import merge, run_shard, weight_file, words
from .errors import PictureError
from .memory import FreeReport
from .parquet import DETECTION


class _Searcher:
    """An actor's detector."""

    def __init__(self, weights: _Path | None, column: str, options: dict[str, Any]) -> None:
        self._detector = Detector(weights, **options)
        self._column = column

    def __call__(self, batch: dict[str, np.ndarray[Any, Any]]) -> pa.Table:
        columns = {name: pa.array(list(values)) for name, values in batch.items() if name != self._column}
        if self._column == "path":
            columns["path"] = pa.array(list(batch["path"]))
        rows = [self._row(source) for source in batch[self._column]]
        columns["detections"] = pa.array([row[0] for row in rows], pa.list_(DETECTION))
        for index, name in enumerate(("height", "width"), start=1):
            columns[name] = pa.array([row[index] for row in rows], pa.int32())
        columns["error"] = pa.array([row[3] for row in rows], pa.string())
        return pa.table(columns)

    def _row(self, source: Any) -> tuple[list[dict[str, Any]] | None, int | None, int | None, str | None]:
        try:
            result = self._detector(source, color="rgb")
        except (OSError, PictureError) as error:
            # As in every other run, a broken picture is a row of its own and no reason to stop.
            return None, None, None, str(error)
        detections = [
            {"class": int(cls), "name": result.names[int(cls)], "score": score, "box": box}
            for *box, score, cls in result.boxes.data.tolist()
        ]
        return detections, *result.orig_shape, None

    def __del__(self) -> None:
        # Ray Data drops it when the last batch is through, before the actor's process ends: here everything goes back.
        detector = getattr(self, "_detector", None)
        if detector is not None:
            detector.close()


def detect_dataset(
    ds: ray.data.Dataset,
    weights: _Path | None = None,
    *,
    column: str = "image",
    concurrency: int | tuple[int, int] = 1,
    num_cpus: float = 1,
    batch_size: int = 16,
    **options: Any,
) -> ray.data.Dataset:
    """The data set with a column `detections` in place of the pictures, and `height`, `width` and `error`.

    `column` holds pixels in RGB, as `read_images` gives them, files' bytes, as `read_binary_files` does, or, under the name
    `path`, paths. `concurrency` is how many actors there are, each with a detector; `options` are those of `Detector`.
    """
    threads = options.pop("threads", None) or max(1, int(num_cpus))
    return ds.map_batches(
        _Searcher,
        fn_constructor_kwargs={
            "weights": None if weights is None else os.path.abspath(weight_file(weights)),
            "column": column,
            "options": options | {"threads": threads},
        },
        batch_format="numpy",
        batch_size=batch_size,
        concurrency=concurrency,
        num_cpus=num_cpus,
    )


class ShardsRun(NamedTuple):
    """What came of a list."""

    merged: Path
    """All rows, in the order of the list."""
    reports: list[FreeReport | None]
    """What each shard's detector gave back; `None` where an earlier run had done the shard."""


@ray.remote(max_restarts=-1, max_task_retries=-1)
class _Runner:
    """Runs shards by the program. One that is killed is started again by Ray, and its shard begins anew."""

    def run(self, shard: str, said: list[str]) -> FreeReport | None:
        return run_shard(shard, said, preexec_fn=_end_with_parent if sys.platform == "linux" else None)


def _end_with_parent() -> None:
    # Otherwise the program would go on when its actor is killed, beside the one that is started in its place.
    set_parent_death_signal = 1
    ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)


def run_shards(
    list: _Path,
    out: _Path,
    weights: _Path | None = None,
    *,
    shards: int,
    concurrency: int = 1,
    num_cpus: float = 1,
    merged: _Path | None = None,
    **options: Any,
) -> ShardsRun:
    """Searches a list in shards on a pool of `concurrency` actors, and merges them: docs/scale.md of the project.

    All nodes see `list`, `out` and `weights` under these paths. Shards that are done are skipped, so that calling it again
    goes on where a run was cut off. `options` are those of `yolo10-burn run`, as `conf=0.5` or `save_txt=True`.
    """
    named = {"weights": None if weights is None else weight_file(weights), "list": list, "out": out}
    paths = {name: os.path.abspath(path) for name, path in named.items() if path is not None}
    options = {"threads": max(1, int(num_cpus))} | options | paths
    said = words(options)
    runners = [_Runner.options(num_cpus=num_cpus).remote() for _ in range(concurrency)]  # type: ignore[attr-defined]
    pool = ActorPool(runners)
    reports = [*pool.map(lambda runner, index: runner.run.remote(f"{index}/{shards}", said), range(shards))]
    return ShardsRun(merge(out, merged), reports)

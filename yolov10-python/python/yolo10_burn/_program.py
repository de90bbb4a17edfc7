"""The program that the wheel brings, and what is left to it."""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

from . import _native
from .errors import ProgramError
from .memory import FreeReport

_NAME = "yolo10-burn.exe" if os.name == "nt" else "yolo10-burn"
# The authors' weights by name; anything else is a file.
_RELEASED = re.compile(r"(yolov10)?[nsmblx]|yolov10[nsmblx]\.(pt|safetensors)")


def program() -> Path:
    """The native program `yolo10-burn`, installed with this module."""
    for path in _places():
        if path.is_file():
            return path.resolve()
    raise ProgramError(f"{_NAME}: not found beside the installed module: install the wheel again")


def _places() -> Iterator[Path]:
    # Where this very installation has put it, by its own record.
    try:
        files = importlib.metadata.files("yolo10-burn") or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    yield from (Path(str(file.locate())) for file in files if file.name == _NAME)
    yield Path(sysconfig.get_path("scripts")) / _NAME
    # pip install --target
    yield Path(__file__).parent.parent / "bin" / _NAME


def words(options: dict[str, Any]) -> list[str]:
    """A detector's options as the program has them."""
    said: list[str] = []
    for name, value in options.items():
        option = f"--{name.replace('_', '-')}"
        if name == "rect":
            said += [] if value else ["--no-rect"]
        elif value is True:
            said.append(option)
        elif isinstance(value, (list, tuple)):
            said.append(f"{option}={','.join(map(str, value))}")
        elif value is not None and value is not False:
            said.append(f"{option}={value}")
    return said


def _run(said: Sequence[str | os.PathLike[str]], **how: Any) -> subprocess.CompletedProcess[str]:
    """The program, once it has ended; an error if it has failed and printed no results."""
    done = subprocess.run([program(), *said], stdin=subprocess.DEVNULL, capture_output=True, text=True, **how)
    # `val` has figures for the other pictures even where some are broken.
    if done.returncode and not done.stdout.startswith("{"):
        errors = [line.removeprefix("error: ") for line in done.stderr.splitlines() if line.startswith("error: ")]
        raise ProgramError("; ".join(errors) or f"{_NAME} ended with {done.returncode}: {done.stderr.strip()}")
    return done


def _json(said: Sequence[str | os.PathLike[str]]) -> dict[str, Any]:
    return cast("dict[str, Any]", json.loads(_run(said).stdout))


def info(weights: str | os.PathLike[str] | None = None, *, imgsz: int | tuple[int, int] | None = None) -> dict[str, Any]:
    """What weights hold, and what running them costs: variant, classes, parameters, flops, layers."""
    named: list[str | os.PathLike[str]] = [] if weights is None else [weights]
    return _json(["info", "--json", *named, *words({"imgsz": imgsz})])


def val(
    weights: str | os.PathLike[str] | None = None,
    *,
    data: str | os.PathLike[str],
    split: str = "val",
    batch: int = 16,
    conf: float = 0.001,
    imgsz: int | None = None,
    device: str = "auto",
    **more: Any,
) -> dict[str, Any]:
    """Measures a detector on a data set: precision, recall, mAP, confusion matrix.

    `more`: options of `yolo10-burn val` by their names, as `head="one2many"`.
    """
    options = {
        "weights": None if weights is None else os.fspath(weights),
        "data": os.fspath(data),
        "split": split,
        "batch": batch,
        "conf": conf,
    }
    options |= {"imgsz": imgsz, "device": device} | more
    return _json(["val", "--json", *words(options)])


def convert(
    weights: str | os.PathLike[str],
    output: str | os.PathLike[str] | None = None,
    *,
    dtype: str = "f32",
    one2one_only: bool = False,
    names: Sequence[str] | None = None,
) -> Path:
    """Converts a checkpoint to safetensors; executes nothing in it. Says where the result is: `output`, or beside it.

    The result of a name like `n` is in this folder.
    """
    path = weight_file(weights)
    if output is None and path != os.fspath(weights):
        output = Path(path).with_suffix(".safetensors").name
    return Path(_native.convert(path, output, dtype, one2one_only, None if names is None else list(names)))


def run_shard(shard: str, said: Sequence[str], **how: Any) -> FreeReport | None:
    """Runs a shard, `I/N`; what its detector gave back, if it was not done before."""
    done = _run(["run", f"--shard={shard}", "--memory-json", *said], **how)
    reports = [json.loads(line) for line in done.stderr.splitlines() if line.startswith('{"before":')]
    return FreeReport._of_json(reports[0]) if reports else None


def merge(out: str | os.PathLike[str], merged: str | os.PathLike[str] | None = None) -> Path:
    """Joins the shards in a folder; says where."""
    path = Path(out, "merged.jsonl") if merged is None else Path(merged)
    _run(["merge", out, f"--output={path}"])
    return path


def weight_file(weights: str | os.PathLike[str]) -> str:
    """The file that a name like `n` stands for, which the program finds in the folder or the cache, or downloads."""
    path = os.fspath(weights)
    if not _RELEASED.fullmatch(path) or os.path.exists(path):
        return path
    done = _run(["info", "--json", path])
    # Where a download comes from, and under which licence.
    sys.stderr.write(done.stderr)
    return cast("str", json.loads(done.stdout)["file"])

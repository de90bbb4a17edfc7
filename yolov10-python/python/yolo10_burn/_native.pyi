"""The compiled half of yolo10_burn."""

from os import PathLike
from typing import Any, Self, final

import numpy as np
from numpy.typing import NDArray

from .memory import _Free, _Memory

__all__ = ["Detector", "Sources", "__version__", "convert", "decode", "draw", "encode", "open"]

__version__: str

_Array = tuple[bytearray, int, int]
_Row = tuple[float, float, float, float, float, float]

@final
class Detector:
    """A detector, in this process or in a worker."""

    def __new__(
        cls, keywords: dict[str, Any], worker: tuple[str | PathLike[str], list[str], float] | None = None
    ) -> Self: ...
    @property
    def class_names(self) -> list[str]: ...
    @property
    def closed(self) -> bool: ...
    @property
    def process(self) -> int | None: ...
    def detect(
        self, pictures: list[tuple[NDArray[np.uint8], bool]]
    ) -> list[tuple[bytearray, tuple[float, float, float]]]: ...
    def memory(self) -> _Memory: ...
    def trim(self) -> _Free: ...
    def close(self) -> _Free: ...

@final
class Sources:
    """Pictures of what the words name, one after another."""

    def __new__(cls, words: list[str], recursive: bool, vid_stride: int) -> Self: ...
    def __iter__(self) -> Self: ...
    def __next__(self) -> tuple[_Array, str, int | None, float | None, str | None]: ...

def convert(
    weights: str | PathLike[str],
    output: str | PathLike[str] | None,
    dtype: str,
    one2one_only: bool,
    names: list[str] | None,
) -> str: ...
def decode(bytes: bytes) -> tuple[_Array, str | None]: ...
def draw(
    pixels: NDArray[np.uint8],
    rows: list[_Row],
    class_names: list[str],
    line_width: int | None,
    labels: bool,
    scores: bool,
) -> _Array: ...
def encode(pixels: NDArray[np.uint8], extension: str) -> bytes: ...
def open(path: str | PathLike[str]) -> tuple[_Array, str | None]: ...

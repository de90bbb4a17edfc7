"""From what a caller has to pixels: `[H, W, 3]`, bytes, without gaps."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Union

import numpy as np
from numpy.typing import NDArray

from . import _native

if TYPE_CHECKING:
    from PIL.Image import Image

Color = Literal["bgr", "rgb"]
"""The order of an array's channels: OpenCV's, or everybody else's."""

Source = Union[str, "os.PathLike[str]", bytes, bytearray, memoryview, NDArray[np.uint8], "Image"]
"""A picture: its file's path, its file's bytes, its pixels as numpy's array or as PIL's."""


class Picture(NamedTuple):
    """A picture and what it is known by."""

    pixels: NDArray[np.uint8]
    bgr: bool
    path: str
    frame: int | None = None
    time: float | None = None
    damage: str | None = None


def array(data: bytearray, height: int, width: int) -> NDArray[np.uint8]:
    """Pixels of the native half, where they lie."""
    return np.frombuffer(data, np.uint8).reshape(height, width, 3)


def picture(source: Source, color: Color, index: int) -> Picture:
    """The picture that `source` is; `index` names what has no name, as ultralytics does."""
    if isinstance(source, (str, os.PathLike)):
        pixels, damage = _native.open(source)
        return Picture(array(*pixels), False, os.fspath(source), damage=damage)
    name = f"image{index}.jpg"
    if isinstance(source, (bytes, bytearray, memoryview)):
        pixels, damage = _native.decode(bytes(source))
        return Picture(array(*pixels), False, name, damage=damage)
    if isinstance(source, np.ndarray):
        if color not in ("bgr", "rgb"):
            raise ValueError(f"color: expected bgr or rgb, found {color}")
        return Picture(_three_channels(source), color == "bgr", name)
    if _is_pil(source):
        return Picture(np.asarray(source.convert("RGB")), False, getattr(source, "filename", "") or name)
    raise TypeError(f"source: expected a path, bytes, a numpy array or a PIL picture, found {type(source).__name__}")


def _three_channels(array: NDArray[Any]) -> NDArray[np.uint8]:
    if array.dtype != np.uint8:
        raise ValueError(f"pixels: expected dtype uint8, found {array.dtype}")
    if array.ndim == 2:
        array = array[..., np.newaxis]
    if array.ndim != 3 or array.shape[2] not in (1, 3, 4):
        raise ValueError(f"pixels: expected a shape of (H, W), (H, W, 3) or (H, W, 4), found {array.shape}")
    if array.shape[2] == 1:
        array = np.repeat(array, 3, axis=2)
    # Copied if, and only if, there are gaps: rows of a larger picture, every other column, alpha.
    return np.ascontiguousarray(array[..., :3])


def _is_pil(source: Any) -> bool:
    # Nobody has one who has not imported it.
    pil = sys.modules.get("PIL.Image")
    return pil is not None and isinstance(source, pil.Image)

"""The detector."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Self, Union, overload

import numpy as np

from . import _native
from ._pictures import Color, Picture, Source, array, picture
from ._program import program, weight_file, words
from .errors import PictureError
from .memory import FreeReport, MemoryReport
from .results import Results

Path = Union[str, "os.PathLike[str]"]


class Detector:
    """A YOLOv10 ready to run, which owns its weights, workspace and threads.

    `close()`, or the end of a `with` block, gives all of them back before it returns and says how much that was. Any
    number of threads may use one: they are served one after another, in the order in which they come. It works only in
    the process that made it, and is pickled as the path of its weights and its options.
    """

    def __init__(
        self,
        weights: Path | None = None,
        *,
        device: str = "auto",
        conf: float = 0.25,
        imgsz: int | tuple[int, int] | None = None,
        memory_limit: int | None = None,
        max_det: int = 300,
        classes: Sequence[int | str] | None = None,
        rect: bool = True,
        head: str = "one2one",
        iou: float = 0.7,
        agnostic_nms: bool = False,
        dtype: str | None = None,
        threads: int | None = None,
        isa: str | None = None,
        exact: bool = False,
    ) -> None:
        """Loads weights: a `.pt` of either lineage, safetensors, a converted file; the built-in demo if there are none.

        A name like `n` is what it is to `yolo10-burn run --weights n`: the authors' weights in this folder, in the cache,
        or downloaded.

        `imgsz` is a side, or height and width, in pixels; `memory_limit` the most bytes that weights and workspace may
        take. The rest is as `yolo10-burn run --help` says.
        """
        self._options: dict[str, Any] = {
            # Whoever unpickles it may be in another folder.
            "weights": None if weights is None else os.path.abspath(weight_file(weights)),
            "device": device,
            "conf": conf,
            "imgsz": imgsz,
            "memory_limit": memory_limit,
            "max_det": max_det,
            "classes": None if classes is None else list(classes),
            "rect": rect,
            "head": head,
            "iou": iou,
            "agnostic_nms": agnostic_nms,
            "dtype": dtype,
            "threads": threads,
            "isa": isa,
            "exact": exact,
        }
        self._report: FreeReport | None = None
        self._native = _native.Detector(self._options, self._worker())
        self.names: dict[int, str] = dict(enumerate(self._native.class_names))
        """What classes are called."""

    def _worker(self) -> tuple[Path, list[str], float] | None:
        return None

    @overload
    def __call__(self, source: Source, *, color: Color = ...) -> Results: ...
    @overload
    def __call__(self, source: list[Any] | tuple[Any, ...], *, color: Color = ...) -> list[Results]: ...
    def __call__(
        self, source: Source | list[Any] | tuple[Any, ...], *, color: Color = "bgr"
    ) -> Results | list[Results]:
        """What is in a picture; a list of pictures gives a list.

        A picture is a path, a file's bytes, a PIL picture, or an array of bytes `[H, W, 3]`: BGR, as OpenCV has it, or
        with `color="rgb"`. Arrays are searched where they lie; those with gaps are copied once. Don't write to one
        meanwhile.
        """
        if isinstance(source, (list, tuple)):
            return self.detect_batch(source, color=color)
        return self._detect([picture(source, color, 0)])[0]

    def detect_batch(self, sources: Sequence[Source], *, color: Color = "bgr") -> list[Results]:
        """What is in each of several pictures. A GPU takes those of one input size in one go."""
        return self._detect([picture(source, color, index) for index, source in enumerate(sources)])

    def iter(
        self,
        source: Path | Sequence[Path],
        *,
        recursive: bool = False,
        vid_stride: int = 1,
        on_error: Callable[[PictureError], object] | None = None,
    ) -> Iterator[Results]:
        """What is in each picture of folders, patterns, lists, videos, streams, cameras and addresses, one at a time.

        A picture that can't be had is an exception, unless `on_error` takes it: then the next one follows.
        """
        listed = [source] if isinstance(source, (str, os.PathLike)) else source
        pictures = _native.Sources([os.fspath(path) for path in listed], recursive, vid_stride)
        while True:
            try:
                pixels, name, frame, time, damage = next(pictures)
            except StopIteration:
                return
            except PictureError as error:
                if on_error is None:
                    raise
                on_error(error)
                continue
            yield self._detect([Picture(array(*pixels), False, name, frame, time, damage)])[0]

    def memory(self) -> MemoryReport:
        """What it holds now."""
        return MemoryReport._of(self._native.memory())

    def trim(self) -> FreeReport:
        """Gives back everything but the weights; the next picture takes it again."""
        return FreeReport._of(self._native.trim())

    def close(self) -> FreeReport:
        """Gives everything back: `errors.Residue` if a byte stays. A second call returns the same report."""
        if self._report is None:
            self._report = FreeReport._of(self._native.close())
        return self._report

    @property
    def closed(self) -> bool:
        """Whether it has been closed."""
        return self._native.closed

    def _detect(self, pictures: list[Picture]) -> list[Results]:
        found = self._native.detect([(picture.pixels, picture.bgr) for picture in pictures])
        return [
            Results(picture, np.frombuffer(rows, np.float32).reshape(-1, 6), times, self.names)
            for picture, (rows, times) in zip(pictures, found)
        ]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        # The native half gives everything back when it goes, but when that is only Python knows.
        native = getattr(self, "_native", None)
        if native is not None and self._report is None and not native.closed:
            warnings.warn(f"unclosed {self!r}", ResourceWarning, source=self, stacklevel=2)

    def __getstate__(self) -> dict[str, Any]:
        return self._options

    def __setstate__(self, options: dict[str, Any]) -> None:
        self.__init__(**options)  # type: ignore[misc]

    def __repr__(self) -> str:
        weights, device = self._options["weights"] or "built-in demo", self._options["device"]
        return f"{type(self).__name__}({weights!r}, device={device!r})"


class IsolatedDetector(Detector):
    """The same in a process of its own, that of the native program: no Python is started there.

    Closing it ends the process, and the system takes everything back, a GPU's context included. Whatever kills the
    process is an `errors.WorkerError` here, and the next call starts a fresh one.
    """

    patience: float = 300.0
    """Seconds that it may take to load, and to search one picture."""

    @property
    def process(self) -> int | None:
        """The number of its process, while there is one."""
        return self._native.process

    def _worker(self) -> tuple[Path, list[str], float] | None:
        return program(), ["run", *words(self._options)], self.patience

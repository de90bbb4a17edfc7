"""What was found in a picture, with the names that ultralytics gives it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _native
from ._pictures import Picture, array


class Array(np.ndarray[Any, np.dtype[np.float32]]):
    """An array that code for PyTorch's tensors takes for one: `boxes.xyxy.cpu().numpy()`."""

    def cpu(self) -> Array:
        """Where it is anyway."""
        return self

    def numpy(self) -> NDArray[np.float32]:
        """The same as a plain array."""
        return self.view(np.ndarray)


def _array(values: NDArray[Any]) -> Array:
    return values.view(Array)


class Boxes:
    """Boxes, scores and classes, best first."""

    id = None
    """Of a tracker, which there is none."""
    is_track = False

    def __init__(self, data: NDArray[np.float32], orig_shape: tuple[int, int]) -> None:
        self.data: Array = _array(data)
        """`[N, 6]`: left, top, right, bottom in pixels of the picture, score, class."""
        self.orig_shape = orig_shape
        """The picture's height and width."""

    @property
    def xyxy(self) -> Array:
        """`[N, 4]`: left, top, right, bottom, in pixels of the picture."""
        return _array(self.data[:, :4])

    @property
    def xywh(self) -> Array:
        """`[N, 4]`: centre, width and height, in pixels of the picture."""
        left_top, right_bottom = self.data[:, :2], self.data[:, 2:4]
        # As the label files of `yolo10-burn run`, so that both round alike.
        return _array(np.concatenate(((left_top + right_bottom) / np.float32(2), right_bottom - left_top), axis=1))

    @property
    def xyxyn(self) -> Array:
        """`xyxy` in shares of the picture's sides."""
        return _array(self.xyxy / self._sides())

    @property
    def xywhn(self) -> Array:
        """`xywh` in shares of the picture's sides."""
        return _array(self.xywh / self._sides())

    @property
    def conf(self) -> Array:
        """`[N]`: scores, 0 to 1."""
        return _array(self.data[:, 4])

    @property
    def cls(self) -> Array:
        """`[N]`: classes, as ultralytics has them: numbers of type float."""
        return _array(self.data[:, 5])

    @property
    def shape(self) -> tuple[int, int]:
        """Of `data`."""
        return len(self.data), 6

    def cpu(self) -> Boxes:
        """Where they are anyway."""
        return self

    def numpy(self) -> Boxes:
        """What they are anyway."""
        return self

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: Any) -> Boxes:
        return Boxes(np.atleast_2d(self.data.numpy()[index]), self.orig_shape)

    def __iter__(self) -> Iterator[Boxes]:
        return (self[index] for index in range(len(self)))

    def __repr__(self) -> str:
        return f"Boxes({self.data.numpy()!r})"

    def _sides(self) -> NDArray[np.float32]:
        height, width = self.orig_shape
        return np.array([width, height, width, height], np.float32)


class Results:
    """What was found in a picture. It holds the picture, for `plot`, and nothing of the detector."""

    masks = keypoints = probs = obb = None
    """What other networks find."""

    def __init__(
        self,
        picture: Picture,
        data: NDArray[np.float32],
        milliseconds: tuple[float, float, float],
        names: dict[int, str],
    ) -> None:
        self._picture = picture
        self.path: str = picture.path
        """The picture's file, or `image0.jpg` where it has none."""
        self.frame: int | None = picture.frame
        """The number of a video's frame, from 1."""
        self.time: float | None = picture.time
        """When the frame comes, in seconds."""
        self.damage: str | None = picture.damage
        """What is wrong with a picture of which a part could not be read."""
        height, width, _ = picture.pixels.shape
        self.orig_shape: tuple[int, int] = (height, width)
        """The picture's height and width."""
        self.names: dict[int, str] = names
        """What classes are called."""
        self.boxes: Boxes = Boxes(data, self.orig_shape)
        """What was found."""
        preprocess, inference, postprocess = milliseconds
        self.speed: dict[str, float] = {"preprocess": preprocess, "inference": inference, "postprocess": postprocess}
        """Milliseconds of each stage."""

    @property
    def orig_img(self) -> NDArray[np.uint8]:
        """The picture, BGR."""
        pixels = self._picture.pixels
        return pixels if self._picture.bgr else pixels[..., ::-1]

    def plot(
        self, *, conf: bool = True, line_width: int | None = None, labels: bool = True
    ) -> NDArray[np.uint8]:
        """The picture with boxes, names and scores drawn in, BGR, as `yolo10-burn run` draws them."""
        return np.ascontiguousarray(self._drawn(conf, line_width, labels)[..., ::-1])

    def save(
        self,
        filename: str | os.PathLike[str] | None = None,
        *,
        conf: bool = True,
        line_width: int | None = None,
        labels: bool = True,
    ) -> str:
        """Writes `plot` to a file in the format of its extension, `results_NAME` beside the work; says where."""
        name = os.fspath(filename) if filename is not None else f"results_{os.path.basename(self.path)}"
        extension = os.path.splitext(name)[1].lstrip(".")
        if not extension and filename is None:
            name, extension = f"{name}.jpg", "jpg"
        data = _native.encode(self._drawn(conf, line_width, labels), extension)
        with open(name, "wb") as file:
            file.write(data)
        return name

    def save_txt(self, txt_file: str | os.PathLike[str], save_conf: bool = False) -> str:
        """Writes a YOLO label file, and says where; none, as ultralytics, where nothing was found."""
        name = os.fspath(txt_file)
        columns = [self.boxes.xywhn, self.boxes.conf[:, np.newaxis]]
        numbers = np.concatenate(columns if save_conf else columns[:1], axis=1)
        if len(self):
            with open(name, "w", encoding="ascii") as file:
                for cls, row in zip(self.boxes.cls, numbers):
                    print(int(cls), *(f"{float(number):g}" for number in row), file=file)
        return name

    def summary(self, normalize: bool = False, decimals: int = 5) -> list[dict[str, Any]]:
        """A dictionary for each object: name, class, confidence, box."""
        boxes = self.boxes.xyxyn if normalize else self.boxes.xyxy
        return [
            {
                "name": self.names[int(cls)],
                "class": int(cls),
                "confidence": round(float(score), decimals),
                "box": {side: round(float(value), decimals) for side, value in zip(("x1", "y1", "x2", "y2"), box)},
            }
            for box, score, cls in zip(boxes, self.boxes.conf, self.boxes.cls)
        ]

    def to_json(self, normalize: bool = False, decimals: int = 5) -> str:
        """`summary` as JSON."""
        return json.dumps(self.summary(normalize, decimals), indent=2)

    def verbose(self) -> str:
        """`3 persons, 1 car`, in the order of the classes."""
        classes, counts = np.unique(self.boxes.cls.astype(int), return_counts=True)
        words = (f"{n} {self.names[int(cls)]}{'s' if n > 1 else ''}" for cls, n in zip(classes, counts))
        return ", ".join(words) or "(no detections)"

    def __len__(self) -> int:
        return len(self.boxes)

    def __getitem__(self, index: Any) -> Results:
        speed = (self.speed["preprocess"], self.speed["inference"], self.speed["postprocess"])
        return Results(self._picture, self.boxes[index].data.numpy(), speed, self.names)

    def __iter__(self) -> Iterator[Results]:
        return (self[index] for index in range(len(self)))

    def __repr__(self) -> str:
        height, width = self.orig_shape
        return f"Results({self.path!r}, {height}x{width}: {self.verbose()})"

    def _repr_png_(self) -> bytes:
        return _native.encode(self._drawn(True, None, True), "png")

    def _drawn(self, conf: bool, line_width: int | None, labels: bool) -> NDArray[np.uint8]:
        """In RGB."""
        pixels = self._picture.pixels
        rgb = np.ascontiguousarray(pixels[..., ::-1]) if self._picture.bgr else pixels
        names = [self.names[cls] for cls in range(len(self.names))]
        rows = [(left, top, right, bottom, score, cls) for left, top, right, bottom, score, cls in self.boxes.data.tolist()]
        return array(*_native.draw(rgb, rows, names, line_width, labels, conf))

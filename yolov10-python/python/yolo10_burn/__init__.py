"""YOLOv10 detection in native code that gives every byte of memory back, and says so.

    from yolo10_burn import Detector

    with Detector("yolov10n.pt") as detector:
        result = detector("street.jpg")
        print(result.boxes.xyxy, result.boxes.conf, result.boxes.cls)
    report = detector.close()  # what went back; the block above has closed it already

docs/python.md of the project says more.
"""

from ._detector import Detector, IsolatedDetector
from ._native import __version__
from ._pictures import Source
from ._program import convert, info, program, val
from .errors import ClosedError, Error, ForkedError
from .memory import Bytes, FreeReport, MemoryReport
from .results import Boxes, Results

__all__ = [
    "Boxes",
    "Bytes",
    "ClosedError",
    "Detector",
    "Error",
    "ForkedError",
    "FreeReport",
    "IsolatedDetector",
    "MemoryReport",
    "Results",
    "Source",
    "__version__",
    "convert",
    "info",
    "program",
    "val",
]

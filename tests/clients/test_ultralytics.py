"""ultralytics' own client for served models finds what ultralytics finds with the same weights here."""

import os
import pathlib

import numpy as np
import pytest

ultralytics = pytest.importorskip("ultralytics")

from conftest import ROOT  # noqa: E402

# A demo checkpoint as ultralytics reads it, of the same weights that the server has.
CHECKPOINT = os.environ.get("YOLO10_CHECKPOINT")


def found(model, street, **options):
    boxes = model.predict(str(street), imgsz=640, conf=0.25, rect=False, verbose=False, **options)[0].boxes
    return boxes.xyxy.numpy(), boxes.conf.numpy(), boxes.cls.numpy()


@pytest.mark.parametrize("protocol", ["http", "grpc"])
@pytest.mark.skipif(not CHECKPOINT or not pathlib.Path(CHECKPOINT).exists(), reason="YOLO10_CHECKPOINT names no file")
def test_the_served_model_finds_what_the_local_one_finds(server, protocol):
    street = ROOT / "assets/street.jpg"
    address = server.url if protocol == "http" else f"grpc://{server.grpc}"
    served = ultralytics.YOLO(f"{address}/n", task="detect")
    local = ultralytics.YOLO(CHECKPOINT)
    boxes, scores, classes = found(served, street)
    # By itself it takes the head that needs NMS; the server has the one that YOLOv10 is about.
    local_boxes, local_scores, local_classes = found(local, street, nms=False)
    assert served.names == local.names
    assert np.array_equal(classes, local_classes)
    # The server's copy of the weights is f16, and it sums in another order.
    assert np.abs(scores - local_scores).max() < 0.01
    assert np.abs(boxes - local_boxes).max() < 1.5

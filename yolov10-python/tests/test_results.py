"""What was found, as ultralytics' users know it."""

import json
import re

import cv2
import numpy as np
import pytest
import supervision
from conftest import STREET, WEIGHTS, assert_same_bits, program

import yolo10_burn


@pytest.fixture(scope="module")
def result(detector):
    return detector(STREET)


def test_boxes_in_every_form(result, expected):
    boxes = result.boxes
    height, width = result.orig_shape
    assert (height, width) == cv2.imread(str(STREET)).shape[:2]
    np.testing.assert_array_equal(boxes.xyxy, expected[:, :4])
    np.testing.assert_array_equal(boxes.conf, expected[:, 4])
    np.testing.assert_array_equal(boxes.cls, expected[:, 5])
    left, top, right, bottom = expected[:, :4].T
    np.testing.assert_array_equal(boxes.xywh.T, [(left + right) / 2, (top + bottom) / 2, right - left, bottom - top])
    np.testing.assert_allclose(boxes.xyxyn * [width, height, width, height], boxes.xyxy, rtol=1e-6)
    np.testing.assert_allclose(boxes.xywhn * [width, height, width, height], boxes.xywh, rtol=1e-6)
    assert boxes.data.dtype == np.float32 and boxes.shape == expected.shape
    assert type(boxes.xyxy.cpu().numpy()) is np.ndarray
    assert boxes.id is None and result.masks is None and result.obb is None
    assert result.names[0] == "person" and len(result.names) == 80
    assert list(result.speed) == ["preprocess", "inference", "postprocess"] and all(result.speed.values())


def test_one_at_a_time(result, expected):
    assert len(result) == len(result.boxes) == len(expected)
    assert [len(one) for one in result] == [1] * len(expected)
    assert_same_bits(result[2], expected[2:3])
    assert_same_bits(result[result.boxes.conf > 0.5], expected[expected[:, 4] > 0.5])
    assert [int(box.cls[0]) for box in result.boxes] == expected[:, 5].astype(int).tolist()
    with pytest.raises(IndexError):
        result[len(expected)]


def test_supervision_takes_it_for_ultralytics(result, expected):
    detections = supervision.Detections.from_ultralytics(result)
    np.testing.assert_array_equal(detections.xyxy, expected[:, :4])
    np.testing.assert_array_equal(detections.confidence, expected[:, 4])
    np.testing.assert_array_equal(detections.class_id, expected[:, 5].astype(int))
    assert detections.data["class_name"].tolist() == [result.names[int(cls)] for cls in expected[:, 5]]
    supervision.BoxAnnotator().annotate(result.orig_img.copy(), detections)


def test_supervision_takes_nothing_found(detector):
    empty = detector(np.zeros((64, 64, 3), np.uint8))
    assert len(empty) == 0 and empty.boxes.xywhn.shape == (0, 4) and empty.to_json() == "[]"
    assert len(supervision.Detections.from_ultralytics(empty)) == 0
    assert empty.plot().shape == (64, 64, 3)


def test_files_are_those_of_the_program(result, tmp_path):
    words = ("--save-txt", "--save-conf", "--project", "runs", "--name", "one")
    program("run", *words, STREET, cwd=tmp_path)
    folder = tmp_path / "runs" / "one"
    assert result.save(tmp_path / "drawn.jpg") == str(tmp_path / "drawn.jpg")
    assert (tmp_path / "drawn.jpg").read_bytes() == (folder / "street.jpg").read_bytes()
    result.save_txt(tmp_path / "street.txt", save_conf=True)
    assert (tmp_path / "street.txt").read_text() == (folder / "labels" / "street.txt").read_text()
    result.save_txt(tmp_path / "plain.txt")
    assert re.fullmatch(r"(\d+( [\d.e-]+){4}\n)+", (tmp_path / "plain.txt").read_text())


def test_what_is_drawn(result, detector):
    drawn = result.plot()
    picture = result.orig_img
    assert drawn.shape == picture.shape and drawn.flags.c_contiguous and (drawn != picture).any()
    assert (result.plot(labels=False) != drawn).any() and (result.plot(line_width=9) != drawn).any()
    of_array = detector(cv2.imread(str(STREET)))
    assert of_array.plot().shape == drawn.shape
    png = cv2.imdecode(np.frombuffer(result._repr_png_(), np.uint8), cv2.IMREAD_COLOR)
    np.testing.assert_array_equal(png, drawn)


def test_a_name_for_the_file_and_formats_by_extension(result, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert result.save() == "results_street.jpg" and (tmp_path / "results_street.jpg").exists()
    result.save("drawn.png")
    np.testing.assert_array_equal(cv2.imread("drawn.png"), result.plot())
    with pytest.raises(ValueError, match="xyz"):
        result.save("drawn.xyz")


def test_json_is_that_of_ultralytics(result, expected):
    found = json.loads(result.to_json())
    assert found == result.summary() and len(found) == len(expected)
    first = found[0]
    assert list(first) == ["name", "class", "confidence", "box"] and list(first["box"]) == ["x1", "y1", "x2", "y2"]
    assert first["confidence"] == round(float(expected[0, 4]), 5)
    assert first["name"] == result.names[first["class"]]
    assert all(0 <= side <= 1 for one in result.summary(normalize=True) for side in one["box"].values())


def test_words(result):
    assert "person" in result.verbose() and repr(result).startswith("Results('")
    with yolo10_burn.Detector(WEIGHTS) as detector:
        assert repr(detector) == f"Detector('{WEIGHTS}', device='auto')"

"""Whatever form a picture comes in, what is found has the bits of `yolo10-burn run --json`."""

import io
import warnings

import cv2
import numpy as np
import PIL.Image
import pytest
from conftest import STREET, assert_same_bits, program, rows_of

import yolo10_burn
from yolo10_burn import errors


@pytest.fixture(scope="module")
def png(tmp_path_factory):
    """The street without loss, so that every library decodes the same pixels; and what the program finds there."""
    path = tmp_path_factory.mktemp("png") / "street.png"
    PIL.Image.fromarray(cv2.cvtColor(cv2.imread(str(STREET)), cv2.COLOR_BGR2RGB)).save(path)
    return path, rows_of(program("run", "--json", "--no-save", path))


def test_files_and_their_bytes(detector, expected):
    data = STREET.read_bytes()
    for source in (STREET, str(STREET), data, bytearray(data), memoryview(data)):
        assert_same_bits(detector(source), expected)


def test_arrays_of_opencv_are_bgr_and_others_are_if_said(detector, png):
    path, rows = png
    bgr = cv2.imread(str(path))
    rgb = np.ascontiguousarray(bgr[..., ::-1])
    assert_same_bits(detector(bgr), rows)
    assert_same_bits(detector(rgb, color="rgb"), rows)
    assert detector(rgb).boxes.data.tobytes() != rows.tobytes()


def test_pictures_of_pil_in_whatever_mode(detector, png):
    path, rows = png
    picture = PIL.Image.open(path)
    assert_same_bits(detector(picture), rows)
    assert detector(picture).path == str(path)
    assert_same_bits(detector(picture.convert("RGBA")), rows)
    grey = picture.convert("L")
    assert_same_bits(detector(np.asarray(grey)), detector(grey).boxes.data)
    assert_same_bits(detector(np.asarray(grey)[..., np.newaxis]), detector(grey).boxes.data)


def test_views_with_gaps(detector, png):
    path, rows = png
    bgr = cv2.imread(str(path))
    height, width, _ = bgr.shape
    around = np.zeros((height + 20, width + 30, 3), np.uint8)
    around[10:-10, 15:-15] = bgr
    for view in (
        around[10:-10, 15:-15],
        np.asfortranarray(bgr),
        np.flip(np.ascontiguousarray(np.flip(bgr))),
        np.dstack([bgr, np.full((height, width), 7, np.uint8)]),
        np.repeat(bgr, 2, axis=1)[:, ::2],
    ):
        assert_same_bits(detector(view), rows)
    mirrored = bgr[:, ::-1]
    assert_same_bits(detector(mirrored), detector(mirrored.copy()).boxes.data)


def test_an_array_without_gaps_is_searched_where_it_lies(detector):
    frame = np.zeros((480, 640, 3), np.uint8)
    result = detector(frame)
    assert np.shares_memory(result.orig_img, frame)
    assert np.shares_memory(detector(frame, color="rgb").orig_img, frame)
    frame.setflags(write=False)
    detector(frame)


def test_a_list_gives_a_list(detector, expected):
    results = detector([STREET, STREET.read_bytes()])
    assert [result.path for result in results] == [str(STREET), "image1.jpg"]
    for result in results + detector.detect_batch((STREET,)):
        assert_same_bits(result, expected)
    assert detector([]) == []


def test_folders_and_videos_are_streamed(detector, expected, tmp_path):
    (tmp_path / "a.jpg").write_bytes(STREET.read_bytes())
    (tmp_path / "b.jpg").write_bytes(b"no picture at all")
    (tmp_path / "c.jpg").write_bytes(STREET.read_bytes())
    frames = [PIL.Image.new("RGB", (64, 48), (grey, grey, grey)) for grey in (0, 100, 200)]
    frames[0].save(tmp_path / "d.gif", save_all=True, append_images=frames[1:], duration=40)
    refused = []
    results = list(detector.iter(tmp_path, on_error=refused.append))
    assert [result.path.rsplit("/", 1)[1] for result in results] == ["a.jpg", "c.jpg", *["d.gif"] * 3]
    assert [(result.frame, result.time) for result in results[2:]] == [(1, 0.0), (2, 0.04), (3, 0.08)]
    for result in results[:2]:
        assert_same_bits(result, expected)
    assert [type(error) for error in refused] == [errors.NotAPicture]
    assert str(refused[0]).startswith(f"{tmp_path}/b.jpg: ")
    with pytest.raises(errors.NotAPicture):
        list(detector.iter(tmp_path))
    assert len(list(detector.iter([tmp_path / "d.gif", STREET], vid_stride=2))) == 3


def test_what_is_no_picture_is_named(detector, tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no picture at all")
    for source, error, said in (
        (tmp_path / "missing.jpg", FileNotFoundError, "missing.jpg"),
        (broken, errors.NotAPicture, "broken.jpg: "),
        (b"", errors.NotAPicture, "bytes: "),
        (np.zeros((4, 4, 3), np.float32), ValueError, "expected dtype uint8, found float32"),
        (np.zeros((4, 4, 2), np.uint8), ValueError, "(4, 4, 2)"),
        (np.zeros((0, 4, 3), np.uint8), errors.EmptyPicture, "0x4"),
        (17, TypeError, "found int"),
    ):
        with pytest.raises(error, match=None) as raised:
            detector(source)
        assert said in str(raised.value)
    with pytest.raises(ValueError, match="expected bgr or rgb, found gbr"):
        detector(np.zeros((4, 4, 3), np.uint8), color="gbr")


def test_options_are_those_of_the_program(tmp_path):
    options = {"conf": 0.05, "imgsz": (320, 416), "max_det": 5, "classes": ["person", 2], "rect": False, "isa": "portable"}
    words = ["--conf=0.05", "--imgsz=320,416", "--max-det=5", "--classes=person,2", "--no-rect", "--isa=portable"]
    rows = rows_of(program("run", "--json", "--no-save", *words, STREET))
    with yolo10_burn.Detector(**options) as detector:
        result = detector(STREET)
    assert 0 < len(result) <= 5
    assert_same_bits(result, rows)


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"device": "tpu"}, errors.UnknownDevice, "device tpu: expected cpu"),
        ({"device": "cuda:0"}, errors.DeviceError, "device cuda:0: "),
        ({"conf": 2.0}, ValueError, "conf: expected a number from 0 to 1, found 2"),
        ({"classes": ["dodo"]}, ValueError, "found dodo"),
        ({"classes": [80]}, ValueError, "from 0 to 79 or names of the weights, found 80"),
        ({"imgsz": 1}, errors.InputSides, "1x1"),
        ({"dtype": "f8"}, errors.UnknownPrecision, "dtype f8"),
        ({"head": "both"}, ValueError, "expected one2one or one2many, found both"),
        ({"isa": "sse9"}, ValueError, "sse9"),
        ({"threads": 0}, ValueError, "threads: expected 1 or more, found 0"),
        ({"memory_limit": 1000}, errors.EngineError, "1000 allowed"),
        ({"weights": "nowhere.pt"}, FileNotFoundError, "nowhere.pt"),
        ({"weights": str(STREET)}, errors.CheckpointError, "street.jpg: not a checkpoint"),
    ],
)
def test_what_can_not_be_is_said(options, error, said):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(error) as raised:
            yolo10_burn.Detector(**options)
    assert said in str(raised.value)


def test_what_pil_keeps_in_memory_has_a_name(detector):
    assert detector(PIL.Image.open(io.BytesIO(STREET.read_bytes()))).path == "image0.jpg"

"""The program that comes along, and what is left to it."""

import functools
import http.server
import json
import os
import pickle
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from conftest import STREET, WEIGHTS, assert_same_bits, program, rows_of

import yolo10_burn
from yolo10_burn import errors


def test_the_command_is_the_program_itself():
    command = Path(sys.executable).parent / "yolo10-burn"
    assert command.resolve() == yolo10_burn.program()
    assert command.read_bytes()[:4] == b"\x7fELF" and os.access(command, os.X_OK)
    version = subprocess.run([command, "--version"], capture_output=True, text=True, check=True).stdout
    assert version.split()[:2] == ["yolo10-burn", yolo10_burn.__version__]


def test_info_is_the_programs():
    found = yolo10_burn.info(WEIGHTS, imgsz=320)
    assert found == json.loads(program("info", "--json", WEIGHTS, "--imgsz=320"))
    assert found["variant"] == "n" and len(found["classes"]) == 80
    assert yolo10_burn.info()["parameters"] == found["parameters"]
    with pytest.raises(errors.ProgramError, match="nowhere.pt"):
        yolo10_burn.info("nowhere.pt")


def test_val_gives_figures(detector, tmp_path):
    images, labels = tmp_path / "images", tmp_path / "labels"
    images.mkdir(), labels.mkdir()
    (images / "street.jpg").write_bytes(STREET.read_bytes())
    detector(STREET).save_txt(labels / "street.txt")
    data = tmp_path / "data.yaml"
    data.write_text("val: images\nnc: 80\n")
    figures = yolo10_burn.val(data=data)
    assert (figures["images"], figures["broken"]) == (1, 0) and figures["mean"]["ap50"] > 0.9
    assert yolo10_burn.val(data=data, head="one2one", max_det=1)["mean"]["recall"] < figures["mean"]["recall"]
    (images / "broken.jpg").write_bytes(b"no picture at all")
    assert yolo10_burn.val(data=data)["broken"] == 1
    with pytest.raises(errors.ProgramError, match="nowhere.yaml"):
        yolo10_burn.val(data=tmp_path / "nowhere.yaml")


def test_convert_says_where_the_result_is(expected, tmp_path):
    output = yolo10_burn.convert(WEIGHTS, tmp_path / "n.safetensors", names=[f"class {n}" for n in range(80)])
    assert output == tmp_path / "n.safetensors"
    with yolo10_burn.Detector(output) as detector:
        assert_same_bits(detector(STREET), expected)
        assert detector.names[79] == "class 79"
    with pytest.raises(errors.CheckpointError, match="class names: expected 80, .*, found 1"):
        yolo10_burn.convert(WEIGHTS, tmp_path / "n.safetensors", names=["one"])
    with pytest.raises(errors.CheckpointError, match="is the input itself"):
        yolo10_burn.convert(output)
    with pytest.raises(FileNotFoundError):
        yolo10_burn.convert("nowhere.pt")
    with pytest.raises(ValueError, match="expected f32 or f16, found f8"):
        yolo10_burn.convert(WEIGHTS, dtype="f8")


def test_a_name_is_the_authors_weights_as_for_the_program(expected, tmp_path, monkeypatch, capsys):
    release, cache = tmp_path / "release", tmp_path / "cache"
    release.mkdir()
    # Any form will do under any name.
    shutil.copy(WEIGHTS, release / "yolov10n.pt")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=release)
    server = http.server.HTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("YOLO10_BURN_CACHE", str(cache))
    monkeypatch.setenv("YOLO10_BURN_RELEASE", f"http://127.0.0.1:{server.server_port}")
    for proxy in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(proxy, raising=False)
        monkeypatch.delenv(proxy.upper(), raising=False)
    monkeypatch.chdir(tmp_path)
    with yolo10_burn.Detector("n") as detector:
        assert_same_bits(detector(STREET), expected)
        assert repr(str(cache / "yolov10n.pt")) in repr(detector)
    assert "AGPL-3.0" in capsys.readouterr().err
    server.shutdown(), server.server_close()
    # From here on it is in the cache, for whatever else takes weights, too.
    with yolo10_burn.Detector("yolov10n.pt") as detector, pickle.loads(pickle.dumps(detector)) as other:
        assert_same_bits(other(STREET), expected)
    assert yolo10_burn.info("n")["file"] == str(cache / "yolov10n.pt")
    assert yolo10_burn.convert("n").resolve() == tmp_path / "yolov10n.safetensors"
    with pytest.raises(errors.ProgramError, match="put yolov10x.pt into this folder"):
        yolo10_burn.Detector("x")


@pytest.mark.skipif("YOLO10_CHECKPOINT" not in os.environ, reason="names the demo's .pt")
def test_a_checkpoint_as_it_is(expected, tmp_path):
    checkpoint = os.environ["YOLO10_CHECKPOINT"]
    rows = rows_of(program("run", "--json", "--no-save", "--weights", checkpoint, STREET))
    with yolo10_burn.Detector(checkpoint) as detector:
        assert_same_bits(detector(STREET), rows)
    output = yolo10_burn.convert(checkpoint, tmp_path / "n.safetensors", dtype="f16", one2one_only=True)
    with yolo10_burn.Detector(output) as detector:
        assert_same_bits(detector(STREET), expected)

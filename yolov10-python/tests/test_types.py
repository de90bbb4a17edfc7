"""The types that are promised are those that there are."""

import json
import os
import subprocess
import sys
from pathlib import Path

USE = """
import numpy as np
import yolo10_burn
from typing import assert_type

with yolo10_burn.Detector("n.pt", conf=0.5) as detector:
    assert_type(detector, yolo10_burn.Detector)
    assert_type(detector("a.jpg"), yolo10_burn.Results)
    assert_type(detector(["a.jpg", b""]), list[yolo10_burn.Results])
    assert_type(detector(np.zeros((1, 1, 3), np.uint8)), yolo10_burn.Results)
    for result in detector.iter("folder"):
        assert_type(result.orig_shape, tuple[int, int])
assert_type(detector.close().released, int)
assert_type(detector.memory().total.reserved, int)
"""


def check(*words, cwd):
    # pyright finds packages by the interpreter that is first on the path.
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run([sys.executable, "-m", *words], cwd=cwd, env=environment, capture_output=True, text=True)
    assert done.returncode in (0, 1), done
    return done.returncode, done.stdout + done.stderr


def test_the_stub_is_what_was_compiled(tmp_path):
    code, said = check("mypy.stubtest", "yolo10_burn._native", cwd=tmp_path)
    assert code == 0, said


def test_mypy_is_content(tmp_path):
    (tmp_path / "use.py").write_text(USE)
    for words in (["use.py"], ["--ignore-missing-imports", "-p", "yolo10_burn"]):
        code, said = check("mypy", "--strict", *words, cwd=tmp_path)
        assert code == 0, said


def test_pyright_is_content_and_every_type_is_known(tmp_path):
    (tmp_path / "use.py").write_text(USE)
    code, said = check("pyright", "use.py", cwd=tmp_path)
    assert code == 0, said
    _, said = check("pyright", "--verifytypes", "yolo10_burn", "--ignoreexternal", "--outputjson", cwd=tmp_path)
    symbols = json.loads(said[said.index("{") :])["typeCompleteness"]["symbols"]
    unknown = [symbol["name"] for symbol in symbols if not symbol["isTypeKnown"]]
    # Ray is not in this environment.
    assert len(symbols) > 100 and unknown == ["yolo10_burn.ray.detect_dataset"]

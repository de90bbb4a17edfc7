"""What the tests share: the street, what the program finds in it, a detector that lives as long as they do."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

import yolo10_burn

ASSETS = Path(__file__).resolve().parents[2] / "assets"
STREET = ASSETS / "street.jpg"
WEIGHTS = ASSETS / "yolov10n-demo.safetensors"


def program(*words, cwd=None):
    """What the program of the wheel prints."""
    done = subprocess.run([yolo10_burn.program(), *words], cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done
    return done.stdout


def rows_of(line):
    """A line of `run --json` as `boxes.data`. JSON has as many digits as tell every f32 from its neighbours."""
    found = [[*found["box"], found["score"], found["class"]] for found in json.loads(line)["detections"]]
    return np.array(found, np.float32).reshape(-1, 6)


def assert_same_bits(result, rows):
    assert result.boxes.data.tobytes() == rows.tobytes()


def resident():
    """Bytes of this process in main memory."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:")))


@pytest.fixture(scope="session")
def expected():
    """The program's rows for the street."""
    rows = rows_of(program("run", "--json", "--no-save", STREET))
    assert len(rows) > 5
    return rows


@pytest.fixture(scope="session")
def detector():
    with yolo10_burn.Detector() as detector:
        yield detector

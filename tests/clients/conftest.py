"""A server in a process of its own, and the picture that every client asks about."""

import json
import os
import pathlib
import queue
import signal
import subprocess
import threading
import urllib.request

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("YOLO10_BURN", str(ROOT / "target/release/yolo10-burn"))
WEIGHTS = ROOT / "assets/yolov10n-demo.safetensors"
PATIENCE = 60


class Server:
    """`yolo10-burn serve` on free ports; `http` and `grpc` are its addresses."""

    def __init__(self, *words):
        command = [BINARY, "serve", "--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0", "--log-format", "json", *words]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
        self.said = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        ready = self.wait_for("ready")["details"]
        self.url = ready["http"]
        self.http = self.url.removeprefix("http://")
        self.grpc = ready["grpc"]

    def _read(self):
        for line in self.process.stderr:
            self.said.put(json.loads(line) if line.startswith("{") else {"event": "text", "message": line})
        self.said.put({"event": "end"})

    def wait_for(self, event):
        heard = []
        while True:
            line = self.said.get(timeout=PATIENCE)
            heard.append(line.get("message"))
            if line["event"] == event:
                return line
            assert line["event"] != "end", f"the server ended: {heard}"

    def json(self, path):
        with urllib.request.urlopen(self.url + path, timeout=PATIENCE) as answer:
            return json.load(answer)

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=PATIENCE)


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """One for all tests of a session: the model `n`, and a short film of the street as a source."""
    server = Server("--model", f"n={WEIGHTS}", "--source", f"street={film(tmp_path_factory)}", "--shutdown-delay", "0")
    yield server
    assert server.end() == 0


def film(tmp_path_factory):
    """Ten frames of the street scene as a GIF: it needs no ffmpeg."""
    from PIL import Image

    picture = Image.open(ROOT / "assets/street.jpg").resize((640, 448))
    frames = []
    for number in range(10):
        # Frames that are alike would become one.
        frame = picture.copy()
        frame.paste((255, 0, 0), (number * 4, 0, number * 4 + 4, 4))
        frames.append(frame)
    path = tmp_path_factory.mktemp("film") / "street.gif"
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=40)
    return path


@pytest.fixture(scope="session")
def street():
    """The bytes of the picture."""
    return (ROOT / "assets/street.jpg").read_bytes()


@pytest.fixture(scope="session")
def expected():
    """Every object in it above 0.25, as `yolo10-burn run` says: the clients must find the same."""
    command = [BINARY, "run", "--json", "--no-save", "--weights", str(WEIGHTS), str(ROOT / "assets/street.jpg")]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return json.loads(said)["detections"]


def check(rows, expected):
    """Rows [300, 6] hold what is expected first, to the last bit, and nothing else above 0.25."""
    import numpy as np

    assert rows.shape == (300, 6) and rows.dtype == np.float32
    table = np.array([[*found["box"], found["score"], found["class"]] for found in expected], dtype=np.float32)
    assert np.array_equal(rows[: len(table)], table)
    assert (rows[len(table) :, 4] <= 0.25).all()
    assert (np.diff(rows[:, 4]) <= 0).all()

"""OpenCV reads /view like any camera on the network."""

import cv2
import numpy as np

from conftest import ROOT


def test_opencv_reads_the_view_with_boxes_in_it(server):
    video = cv2.VideoCapture(f"{server.url}/v1/models/n/view?source=street", cv2.CAP_FFMPEG)
    frames = []
    while len(frames) < 5:
        there, frame = video.read()
        assert there, f"the view ended after {len(frames)} frames"
        frames.append(frame)
    video.release()
    plain = cv2.resize(cv2.imread(str(ROOT / "assets/street.jpg")), (640, 448))
    for frame in frames:
        assert frame.shape == (448, 640, 3)
        # Boxes and labels: more than a GIF's few colours change, in a part of the picture.
        changed = (np.abs(frame.astype(int) - plain).max(axis=2) > 80).mean()
        assert 0.005 < changed < 0.4

"""What every peer does with a picture: OpenCV decodes and letterboxes, ONNX Runtime finds the boxes."""

import os

import cv2
import numpy as np
import onnxruntime

SIDE = 640
PAD = 114


class Detector:
    def __init__(self):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = int(os.environ["THREADS"])
        self.session = onnxruntime.InferenceSession(os.environ["ONNX"], options, providers=["CPUExecutionProvider"])
        self.input = self.session.get_inputs()[0].name

    def rows(self, jpeg):
        """Rows of the picture: left, top, right, bottom, score, class."""
        picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
        height, width = picture.shape[:2]
        gain = min(SIDE / height, SIDE / width)
        scaled = round(width * gain), round(height * gain)
        left, top = (SIDE - scaled[0]) // 2, (SIDE - scaled[1]) // 2
        square = np.full((SIDE, SIDE, 3), PAD, np.uint8)
        square[top : top + scaled[1], left : left + scaled[0]] = cv2.resize(picture, scaled)
        planes = cv2.dnn.blobFromImage(square, 1 / 255, swapRB=True)
        rows = self.session.run(None, {self.input: planes})[0][0].copy()
        rows[:, :4] = (rows[:, :4] - [left, top, left, top]) / gain
        return rows

    def detect(self, jpeg):
        """What a client wants to know."""
        kept = [row for row in self.rows(jpeg).tolist() if row[4] > 0.25]
        return {"detections": [{"class": int(row[5]), "score": row[4], "box": row[:4]} for row in kept]}

"""Triton's Python backend around the peers' detector."""

import os
import sys

import triton_python_backend_utils as pb

sys.path.insert(0, os.environ["PEERS"])
from detector import Detector  # noqa: E402


class TritonPythonModel:
    def initialize(self, args):
        self.detector = Detector()

    def execute(self, requests):
        answers = []
        for request in requests:
            picture = pb.get_input_tensor_by_name(request, "images").as_numpy()[0]
            rows = self.detector.rows(picture)[None]
            answers.append(pb.InferenceResponse([pb.Tensor("output0", rows)]))
        return answers

"""Triton's Python backend around the peers' detector."""

import os
import sys

# The backend's interpreter knows no virtual environment, and the backend's own module wants numpy, of this version.
sys.path[:0] = [os.environ["PEERS"], os.environ["SITE_PACKAGES"]]
import triton_python_backend_utils as pb  # noqa: E402
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

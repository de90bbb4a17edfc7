"""The oracle's model: rows that were recorded, whatever the picture. What is compared is the protocol."""

import os
import pathlib
import sys

# The backend's interpreter knows no virtual environment, and must find its numpy before any other.
sys.path.insert(0, os.environ["SITE_PACKAGES"])
import numpy as np
import triton_python_backend_utils as pb


class TritonPythonModel:
    def initialize(self, args):
        self.rows = np.load(pathlib.Path(__file__).with_name("rows.npy"))

    def execute(self, requests):
        answers = []
        for request in requests:
            count = pb.get_input_tensor_by_name(request, "images").as_numpy().shape[0]
            rows = np.repeat(self.rows[None], count, axis=0)
            answers.append(pb.InferenceResponse([pb.Tensor("output0", rows)]))
        return answers

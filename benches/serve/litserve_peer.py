"""LitServe with one worker."""

import sys
from typing import Annotated

import litserve
from fastapi import Body

from detector import Detector


class Peer(litserve.LitAPI):
    def setup(self, device):
        self.detector = Detector()

    # Without a type it would be read as JSON.
    def decode_request(self, request: Annotated[bytes, Body(media_type="image/jpeg")]):
        return request

    def predict(self, picture):
        return self.detector.detect(picture)

    def encode_response(self, found):
        return found


if __name__ == "__main__":
    litserve.LitServer(Peer(api_path="/detect"), accelerator="cpu", workers_per_device=1, timeout=60).run(
        host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", generate_client_file=False
    )

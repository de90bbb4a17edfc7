"""LitServe with one worker."""

import sys

import litserve
from fastapi import Request

from detector import Detector


class Peer(litserve.LitAPI):
    def setup(self, device):
        self.detector = Detector()

    async def decode_request(self, request: Request):
        return await request.body()

    def predict(self, picture):
        return self.detector.detect(picture)

    def encode_response(self, found):
        return found


if __name__ == "__main__":
    litserve.LitServer(Peer(api_path="/detect"), accelerator="cpu", workers_per_device=1, timeout=60).run(
        host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", generate_client_file=False
    )

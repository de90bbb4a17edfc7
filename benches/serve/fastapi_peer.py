"""FastAPI as its tutorials have it: the model in the process, the handler on the pool's threads."""

import sys

import uvicorn
from fastapi import Body, FastAPI

from detector import Detector

app = FastAPI()
detector = Detector()


@app.post("/detect")
def detect(picture: bytes = Body(media_type="image/jpeg")):
    return detector.detect(picture)


uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")

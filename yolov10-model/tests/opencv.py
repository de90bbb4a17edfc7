"""Letterboxes by OpenCV, for the tests of src/letterbox.rs and src/resample.rs.

usage: opencv.py > opencv.json       (pip install numpy opencv-python-headless)

The picture of a shape is a formula: byte i is bits 13..21 of i * 2654435761 mod 2^32. Written for each shape: the
geometry, and the FNV-1a-64 of the letterboxed bytes, row by row.
"""
import json, random
import cv2, numpy as np

STRIDE, PAD = 32, 114

def picture(h, w):
    i = np.arange(h * w * 3, dtype=np.uint64)
    return (((i * np.uint64(2654435761)) % np.uint64(2**32)) >> np.uint64(13)).astype(np.uint8).reshape(h, w, 3)

def fnv1a(data):
    h = 0xCBF29CE484222325
    for b in data:
        h = ((h ^ b) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return h

def letterbox(h, w, side, minimal):
    r = min(side[0] / h, side[1] / w)
    uh, uw = max(round(h * r), 1), max(round(w * r), 1)
    dh, dw = side[0] - uh, side[1] - uw
    if minimal:
        dh, dw = dh % STRIDE, dw % STRIDE
    dh, dw = dh / 2, dw / 2
    top, bottom, left, right = round(dh - 0.1), round(dh + 0.1), round(dw - 0.1), round(dw + 0.1)
    im = picture(h, w)
    if (h, w) != (uh, uw):
        im = cv2.resize(im, (uw, uh), interpolation=cv2.INTER_LINEAR)
    im = cv2.copyMakeBorder(im, top, bottom, left, right, cv2.BORDER_CONSTANT, value=(PAD,) * 3)
    return {"image": [h, w], "largest": list(side), "minimal": minimal, "scaled": [uh, uw], "input": list(im.shape[:2]),
            "top": top, "left": left, "fnv1a": f"{fnv1a(im.tobytes()):016x}"}

random.seed(10)
cases = [(1080, 810, (640, 640)), (720, 1280, (640, 640)), (427, 640, (640, 640)), (333, 500, (640, 640)), (375, 1242, (640, 640)),
         (101, 1000, (640, 640)), (640, 640, (640, 640)), (128, 128, (64, 64)), (1, 1, (64, 64)), (1, 300, (96, 96)), (300, 1, (96, 96)),
         (2, 3, (160, 160)), (480, 640, (320, 640)), (97, 61, (64, 128))]
cases += [(random.randint(1, 400), random.randint(1, 400), (32 * random.randint(1, 6), 32 * random.randint(1, 6))) for _ in range(60)]
print("[\n" + ",\n".join(json.dumps(letterbox(h, w, s, m)) for h, w, s in cases for m in (True, False)) + "\n]")

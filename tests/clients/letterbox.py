"""What a client does that sends FP32: OpenCV's letterbox, as ultralytics prints it."""

import cv2
import numpy as np

PAD = 114


def letterbox(picture, side=640):
    """An RGB picture [H, W, 3] as [1, 3, side, side] of 0..1, and what takes boxes back: gain, left, top."""
    height, width = picture.shape[:2]
    gain = min(side / height, side / width)
    scaled = round(width * gain), round(height * gain)
    resized = cv2.resize(picture, scaled, interpolation=cv2.INTER_LINEAR)
    left, top = (side - scaled[0]) // 2, (side - scaled[1]) // 2
    canvas = np.full((side, side, 3), PAD, np.uint8)
    canvas[top : top + scaled[1], left : left + scaled[0]] = resized
    return canvas.transpose(2, 0, 1)[None].astype(np.float32) / 255, (gain, left, top)

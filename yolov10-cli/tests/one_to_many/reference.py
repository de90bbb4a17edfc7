"""What the PyTorch reference finds with the demo's one-to-many head and NMS, and that head.

usage: reference.py WEIGHTS.pt CONVERTED.safetensors STREET.jpg    pip install torch ultralytics safetensors

WEIGHTS.pt is the checkpoint of `assets/yolov10n-demo.safetensors`, CONVERTED what `yolo10-burn convert --dtype f16`
made of it. Writes, beside this file, `head.safetensors`: the tensors that CONVERTED has and the
asset has not; and `expected.json`: the detections above RECORDED for some choices of NMS.
"""
import json, sys
from pathlib import Path
from safetensors.torch import load_file, save_file
from ultralytics import YOLO

RECORDED = 0.05
CHOICES = [(0.7, False), (0.9, False), (0.05, True)]
"""IoU, and whether boxes of other classes are suppressed, too."""

def detections(weights, picture, iou, agnostic):
    found = YOLO(weights).predict(picture, conf=RECORDED, iou=iou, agnostic_nms=agnostic, imgsz=640, device="cpu", nms=True, verbose=False)
    rows = sorted(found[0].boxes.data.tolist(), key=lambda row: -row[4])
    return [{"box": [round(edge, 3) for edge in row[:4]], "score": round(row[4], 5), "class": int(row[5])} for row in rows]

def main():
    weights, converted, picture = sys.argv[1:]
    here = Path(__file__).parent
    head = {name: tensor for name, tensor in load_file(converted).items() if name.startswith("head.one_to_many.")}
    save_file(head, here / "head.safetensors")
    runs = [{"iou": iou, "agnostic": agnostic, "detections": detections(weights, picture, iou, agnostic)} for iou, agnostic in CHOICES]
    (here / "expected.json").write_text(json.dumps(runs, separators=(",", ":")))

if __name__ == "__main__":
    main()

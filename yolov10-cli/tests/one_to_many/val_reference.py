"""What `yolo val` makes of the one-to-many head with its NMS, in which each class of a box is a detection.

pip install ultralytics==8.4.190
usage: val_reference.py WEIGHTS.pt DATA.yaml    prints mAP50-95 and mAP50 at batch 1

To be held against `yolo10-burn val --head one2many --batch 1` with the same two files.
"""
import sys, tempfile
from ultralytics import YOLO

def main():
    weights, data = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        box = YOLO(weights).val(data=data, imgsz=640, batch=1, device="cpu", nms=True, plots=False, verbose=False,
                                workers=0, project=folder, name="val", exist_ok=True).box
    print(f"mAP50-95 {box.map:.9f} mAP50 {box.map50:.9f}")

if __name__ == "__main__":
    main()

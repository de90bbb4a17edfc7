"""What `yolo val` makes of the one-to-many head with its NMS, in which each class of a box is a detection.

pip install ultralytics==8.4.190
usage: val_reference.py WEIGHTS.pt DATA.yaml              prints mAP50-95 and mAP50 at batch 1
       val_reference.py WEIGHTS.pt STREET.jpg OUT.json    writes what it finds in one picture above RECORDED

The first is to be held against `yolo10-burn val --head one2many --batch 1`, to six digits: docs/val.md has both. The
second wrote `val_expected.json` from the checkpoint of `assets/yolov10n-demo.safetensors` and `assets/street.jpg`.
"""
import json, shutil, sys, tempfile
from pathlib import Path
from ultralytics import YOLO

RECORDED = 0.003

def val(weights, data, folder, **options):
    return YOLO(weights).val(data=str(data), imgsz=640, batch=1, device="cpu", nms=True, plots=False, verbose=False,
                             workers=0, project=str(folder), name="val", exist_ok=True, **options)

def figures(weights, data):
    with tempfile.TemporaryDirectory() as folder:
        box = val(weights, data, folder).box
    print(f"mAP50-95 {box.map:.6f} mAP50 {box.map50:.6f}")

def one_picture(weights, picture, out):
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        for name in ("images", "labels"):
            (folder / name).mkdir()
        shutil.copy(picture, folder / "images" / "street.jpg")
        # What is there does not matter to what is found.
        (folder / "labels" / "street.txt").write_text("0 0.5 0.5 0.1 0.1\n")
        names = YOLO(weights).names
        (folder / "data.yaml").write_text(f"path: {folder}\ntrain: images\nval: images\nnames: {list(names.values())}\n")
        val(weights, folder / "data.yaml", folder, save_json=True)
        found = json.loads((folder / "val" / "predictions.json").read_text())
    rows = [{"category_id": row["category_id"], "bbox": row["bbox"], "score": row["score"]} for row in found if row["score"] > RECORDED]
    Path(out).write_text(json.dumps(rows, separators=(",", ":")) + "\n")

if __name__ == "__main__":
    figures(*sys.argv[1:]) if len(sys.argv) == 3 else one_picture(*sys.argv[1:])

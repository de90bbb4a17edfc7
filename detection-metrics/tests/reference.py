"""Writes reference.json: boxes made up by a formula, and what ultralytics and pycocotools make of them.

pip install ultralytics==8.4.190 pycocotools==2.0.11
usage: reference.py reference.json
"""
import json, os, random, sys, tempfile
import numpy as np
import torch
from PIL import Image
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from ultralytics.data.dataset import YOLODataset
from ultralytics.models.yolo.detect import DetectionValidator
from ultralytics.utils.metrics import ConfusionMatrix, DetMetrics, box_iou
from ultralytics.utils.ops import scale_boxes

IMAGES, CLASSES, SIDE, CONFUSION_ABOVE = 24, 6, 640, 0.25
rng = random.Random(10)


def made_up_box():
    # Sides from 10 to 300, so that COCO's three sizes all occur.
    width, height = (10 * 30 ** rng.random() for _ in range(2))
    return [rng.uniform(0, SIDE - width), rng.uniform(0, SIDE - height), width, height]


def shaken(box, by):
    x, y, w, h = box
    return [x + rng.gauss(0, by) * w, y + rng.gauss(0, by) * h, w * (1 + rng.gauss(0, by)), h * (1 + rng.gauss(0, by))]


def made_up_image():
    # Class 5 is never there; class 4 is never found; crowds in some images.
    labels = [dict(category=rng.randrange(5), bbox=made_up_box(), crowd=int(rng.random() < 0.08)) for _ in range(rng.randrange(9))]
    found = []
    for label in labels:
        for _ in range(rng.choice([0, 1, 1, 2, 3])):
            category = label["category"] if rng.random() < 0.85 else rng.randrange(CLASSES)
            found.append(dict(category=category, bbox=shaken(label["bbox"], 0.08), score=rng.random() ** 0.7))
    found += [dict(category=rng.randrange(CLASSES), bbox=made_up_box(), score=rng.random() ** 2) for _ in range(rng.randrange(6))]
    for thing in labels + found:
        thing["bbox"] = [round(v, 2) for v in thing["bbox"]]
    found = [dict(f, score=round(f["score"], 5)) for f in found if f["category"] != 4]
    return dict(labels=labels, detections=sorted(found, key=lambda f: -f["score"]))


def corners(things):
    return torch.tensor([[x, y, x + w, y + h] for x, y, w, h in (t["bbox"] for t in things)], dtype=torch.float32).reshape(-1, 4)


def ultralytics(images):
    """Crowds are left out, as ultralytics' own converter does."""
    validator = DetectionValidator()
    validator.iouv = torch.linspace(0.5, 0.95, 10)
    names = {c: str(c) for c in range(CLASSES)}
    metrics, confusion = DetMetrics(names=names), ConfusionMatrix(names=names)
    for number, image in enumerate(images):
        labels = [label for label in image["labels"] if not label["crowd"]]
        found = image["detections"]
        score = torch.tensor([f["score"] for f in found])
        of = lambda things: torch.tensor([t["category"] for t in things], dtype=torch.int64)
        iou = box_iou(corners(labels), corners(found))
        hits = validator.match_predictions(of(found), of(labels), iou).numpy() if labels else np.zeros((len(found), 10), bool)
        metrics.update_stats(dict(tp=hits, conf=score.numpy(), pred_cls=of(found).numpy(), target_cls=of(labels).numpy(), target_img=np.unique(of(labels).numpy()), im_name=str(number)))
        confusion.process_batch(dict(bboxes=corners(found), conf=score, cls=of(found)), dict(bboxes=corners(labels), cls=of(labels)), conf=CONFUSION_ABOVE)
    metrics.process()
    box = metrics.box
    return dict(
        mean=dict(precision=box.mp, recall=box.mr, f1=float(np.mean(box.f1)), ap50=box.map50, ap75=box.map75, ap50_95=box.map),
        classes=[dict({"class": int(c)}, images=int(metrics.nt_per_image[c]), labels=int(metrics.nt_per_class[c]),
                      precision=float(box.p[i]), recall=float(box.r[i]), f1=float(box.f1[i]), average_precisions=box.all_ap[i].tolist())
                 for i, c in enumerate(box.ap_class_index)],
        # Each fiftieth point of the curves, class by class.
        curves={key: np.asarray(values)[:, ::50].round(9).tolist() for key, values in
                dict(precision=box.p_curve, recall=box.r_curve, f1=box.f1_curve, precision_at_recall=box.prec_values).items()},
        confusion=np.asarray(confusion.matrix).astype(int).tolist(),
    )


def coco(images):
    ground, results = dict(images=[], annotations=[], categories=[dict(id=c + 1, name=str(c)) for c in range(CLASSES)]), []
    for number, image in enumerate(images):
        ground["images"].append(dict(id=number, file_name=f"{number}.jpg", height=SIDE, width=SIDE))
        for label in image["labels"]:
            x, y, w, h = label["bbox"]
            # A thing fills two thirds of its box.
            ground["annotations"].append(dict(id=len(ground["annotations"]) + 1, image_id=number, category_id=label["category"] + 1,
                                              bbox=label["bbox"], area=w * h * 2 / 3, iscrowd=label["crowd"]))
        results += [dict(image_id=number, category_id=f["category"] + 1, bbox=f["bbox"], score=f["score"]) for f in image["detections"]]
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "ground.json")
        json.dump(ground, open(path, "w"))
        truth = COCO(path)
        evaluation = COCOeval(truth, truth.loadRes(results), "bbox")
        evaluation.evaluate(), evaluation.accumulate(), evaluation.summarize()
    # [threshold, recall, category, area, detections] -> AP of each category.
    per_category = [float(p.mean()) if (p > -1).any() else None for p in (evaluation.eval["precision"][:, :, c, 0, 2] for c in range(CLASSES))]
    return dict(ground=ground, results=results, stats=evaluation.stats.tolist(), per_category=per_category)


def on_the_thresholds():
    """A label and a detection that stand exactly at each IoU threshold."""
    labels = [dict(category=1, bbox=[0, 100 * i, 100, 100], crowd=0) for i in range(10)]
    found = [dict(category=1, bbox=[0, 100 * i, 100, 50 + 5 * i], score=round(0.95 - i / 100, 5)) for i in range(10)]
    return dict(labels=labels, detections=found)


def crowded_out():
    """More detections of one class than COCO looks at; the last would be right."""
    label = dict(category=2, bbox=[600, 600, 40, 40], crowd=0)
    found = [dict(category=2, bbox=[5 * i, 3 * i, 20, 30], score=round(0.9 - i / 200, 5)) for i in range(105)]
    return dict(labels=[label], detections=found + [dict(category=2, bbox=label["bbox"], score=0.01)])


def rect(sizes, batch):
    """Where blank pictures of these sizes, height and width, come to lie; a label and a detection go there and back."""
    placements = []
    with tempfile.TemporaryDirectory() as folder:
        for kind in ("images", "labels"):
            os.mkdir(os.path.join(folder, kind))
        for index, (height, width) in enumerate(sizes):
            Image.new("RGB", (width, height)).save(os.path.join(folder, "images", f"{index:02}.png"))
            with open(os.path.join(folder, "labels", f"{index:02}.txt"), "w") as file:
                file.write("0 0.375 0.5 0.25 0.5")
        dataset = YOLODataset(img_path=os.path.join(folder, "images"), data=dict(names={0: "thing"}), imgsz=SIDE,
                              rect=True, batch_size=batch, augment=False, pad=0.5, stride=32)
        for sample in (dataset[i] for i in range(len(sizes))):
            input_size = list(sample["img"].shape[1:])
            x, y, w, h = (sample["bboxes"][0] * torch.tensor(input_size * 2)[[1, 0, 1, 0]]).tolist()
            box = torch.tensor([[30.25, 40.5, 1000.0, 300.75]])
            image = scale_boxes(input_size, box, sample["ori_shape"], ratio_pad=sample["ratio_pad"])
            left, top = sample["ratio_pad"][1]
            placements.append(dict(index=int(os.path.basename(sample["im_file"])[:2]), input=input_size, top=top, left=left,
                                   label=[x - w / 2, y - h / 2, x + w / 2, y + h / 2], image=image[0].tolist()))
    return dict(sizes=sizes, batch=batch, label=[0.25, 0.25, 0.5, 0.75], box=[30.25, 40.5, 1000.0, 300.75], placements=placements)


# Wide, tall, square, small, odd; no two of one shape, whose order would be anybody's guess.
SIZES = [[1080, 810], [720, 1280], [427, 640], [333, 500], [375, 1242], [101, 1000], [640, 640], [1000, 101], [33, 47], [17, 16], [479, 640], [641, 480]]
images = [made_up_image() for _ in range(IMAGES)] + [on_the_thresholds(), crowded_out()]
reference = dict(classes=CLASSES, confusion_above=CONFUSION_ABOVE, ultralytics=ultralytics(images), coco=coco(images),
                 rect=[rect(SIZES, batch) for batch in (1, 5, 16)])
with open(sys.argv[1], "w") as file:
    json.dump(reference, file, separators=(",", ":"))
    file.write("\n")

"""What each precision costs: what of the CPU engine's detections is found again, and the figures of a data set.

The CPU engine in f32 is the one that the tests hold against PyTorch's f64."""

import json
from collections import defaultdict
from pathlib import Path

from program import Failed, ask

STREET = Path(__file__).resolve().parents[2] / "assets" / "street.jpg"
TOLERANCES = {
    # f32 sums in another order; below it TF32 and f16 round each factor to 11 bits, bf16 to 8: a relative 2^-11 and
    # 2^-8, which some hundred layers of random signs carry to a few times as much of a score of order 1.
    "f32": (0.001, 0.995),
    "tf32": (0.02, 0.97),
    "f16": (0.02, 0.97),
    "bf16": (0.1, 0.85),
}
"""Largest difference of a score, and least IoU of a box, from the CPU engine's in f32; more is a mistake."""
CONFIDENCE = 0.25
LOWEST = CONFIDENCE - max(score for score, _ in TOLERANCES.values())
"""Asked for, so that nothing is lost for being just below the threshold."""
AGAIN = (0.02, 0.95)
"""Score and IoU of a detection that is called found again, in every precision."""
FIGURES = {"precision": "P", "recall": "R", "ap50": "mAP50", "ap50_95": "mAP50-95"}


def iou(a, b):
    left, top, right, bottom = *map(max, a[:2], b[:2]), *map(min, a[2:], b[2:])
    shared = max(0.0, right - left) * max(0.0, bottom - top)
    area = lambda box: (box[2] - box[0]) * (box[3] - box[1])
    return shared / max(area(a) + area(b) - shared, 1e-9)


def best(box, others):
    """Difference of the score and IoU of the one of `others` that fits best in class and place."""
    same = [other for other in others if other["class"] == box["class"]]
    pairs = [(abs(box["score"] - other["score"]), iou(box["box"], other["box"])) for other in same]
    return max(pairs, key=lambda pair: pair[1] - pair[0], default=(1.0, 0.0))


def missing(found, expected, tolerance, least):
    """Detections of `expected`, clear of the threshold, that `found` has not."""
    lost = []
    for box in expected:
        score, overlap = best(box, found)
        if box["score"] > CONFIDENCE + tolerance and (score > tolerance or overlap < least):
            lost.append(box)
    return lost


def again(found, expected):
    """How many of the expected detections above the threshold are found again, and how far the farthest are off.

    Both hold the detections of each picture."""
    clear = [(name, box) for name, boxes in expected.items() for box in boxes if box["score"] > CONFIDENCE]
    pairs = [best(box, found.get(name, [])) for name, box in clear]
    score, least = AGAIN
    return {
        "expected": len(pairs),
        "again": sum(pair[0] <= score and pair[1] >= least for pair in pairs),
        "score": max((pair[0] for pair in pairs), default=0.0),
        "iou": min((pair[1] for pair in pairs), default=1.0),
    }


def check(args, weights):
    """A row per weights and precision of what becomes of the street's detections; the demo's weights have no path."""
    rows = []
    for name, path in weights.items():
        words = ["run", STREET, "--no-save", "--quiet", "--conf", LOWEST, "--imgsz", args.imgsz]
        words += ["--weights", path] if path else []
        expected = ask(args.program, *words, "--device", "cpu")["detections"]
        for dtype in args.dtypes:
            row = {"weights": name, "dtype": dtype}
            try:
                found = ask(args.program, *words, "--device", args.device, "--dtype", dtype)["detections"]
            except Failed as failure:
                row["failed"] = str(failure)
                verdict = row["failed"]
            else:
                row |= again({name: found}, {name: expected})
                # Random weights amplify rounding until nothing is left, so below f32 only trained ones are judged.
                if dtype == "f32" or path is None:
                    row["lost"] = missing(found, expected, *TOLERANCES[dtype])
                    row["extra"] = missing(expected, found, *TOLERANCES[dtype])
                verdict = "WRONG" if is_wrong(row) else "ok"
            rows.append(row)
            print(f"{name} {dtype}: {verdict}", flush=True)
    return rows


def is_refused(row):
    """Whether the device has no such precision, which is no mistake."""
    return f"no {row['dtype']} here" in row.get("failed", "")


def is_wrong(row):
    return "failed" in row and not is_refused(row) or bool(row.get("lost") or row.get("extra"))


def validate(args):
    """A row per precision, after the CPU's, of a data set's figures and of what is found again in all its pictures."""
    rows, expected = [], None
    for device, dtype in [("cpu", "f32"), *((args.device, dtype) for dtype in args.dtypes)]:
        row = {"device": device, "dtype": dtype}
        folder = args.output / "val"
        words = ["val", "--data", args.val, "--device", device, "--dtype", dtype, "--imgsz", args.imgsz, "--no-rect"]
        words += ["--save-json", "--project", folder, "--name", f"{len(rows)}-{dtype}", "--exist-ok"]
        words += ["--weights", args.val_weights] if args.val_weights else []
        try:
            row |= ask(args.program, *words)["mean"]
        except Failed as failure:
            if expected is None:
                raise
            row["failed"] = str(failure)
        else:
            found = predictions(folder / f"{len(rows)}-{dtype}" / "predictions.json")
            expected = found if expected is None else expected
            row |= again(found, expected)
        rows.append(row)
        print(f"val {device} {dtype}: {row.get('failed', 'ok')}", flush=True)
    return rows


def predictions(path):
    """The detections of each picture, as `run` has them."""
    found = defaultdict(list)
    for one in json.loads(path.read_text()):
        left, top, width, height = one["bbox"]
        box = [left, top, left + width, top + height]
        found[one["image_id"]].append({"class": one["category_id"], "score": one["score"], "box": box})
    return found


def tables(results):
    """The rows of `check` and `validate`, as Markdown."""
    score, least = AGAIN
    head = ["of the CPU's", "found again", "score off by", "least IoU"]
    lines = [
        "## Accuracy",
        "",
        f"Found again: the class, an IoU of {least} or more, a score within {score}. The street picture (of weights",
        "other than the demo's, which are random and amplify rounding, only f32 is judged):",
        "",
        *header(["weights", "dtype", *head, ""]),
    ]
    for row in results["checks"]:
        lines.append(cells([row["weights"], row["dtype"], *compared(row), "WRONG" if is_wrong(row) else ""]))
    if not results["val"]:
        lines += ["", "No data set was given: `--val DATA.yaml` adds its figures in each precision.", ""]
        return "\n".join(lines)
    lines += ["", "The data set:", "", *header(["device", "dtype", *head, *FIGURES.values()])]
    for row in results["val"]:
        figures = [f"{row[name]:.4f}" if name in row else "" for name in FIGURES]
        lines.append(cells([row["device"], row["dtype"], *compared(row), *figures]))
    return "\n".join([*lines, ""])


def compared(row):
    if "failed" in row:
        return [row["failed"], "", "", ""]
    return [str(row["expected"]), str(row["again"]), f"{row['score']:.1e}", f"{row['iou']:.4f}"]


def cells(words):
    return f"| {' | '.join(words)} |"


def header(head):
    return [cells(head), "|---" * len(head) + "|"]

"""Checks yolo10-burn on a GPU against its CPU engine, then measures it beside PyTorch and ONNX Runtime.

    python compare.py PROGRAM OUTPUT [--device cuda] [--variants nsmblx] [--batches 1,8,32,128] [--rounds 5]

The CPU engine is the one that the tests hold against PyTorch's f64. Engines take turns in rounds, so that whatever
else the machine does hits all alike; everything goes from the bytes of 640x640 pictures to boxes on the host.
OUTPUT/compare.md has the tables, OUTPUT/compare.json every figure.
"""

import argparse
import gc
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import torch

import peers

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "compare"))

SIDE = 640
ASSETS = HERE.parents[1] / "assets"
TOLERANCES = {
    # f32 sums in another order; below it TF32 and f16 round each factor to 11 bits, bf16 to 8: a relative 2^-11 and
    # 2^-8, which some hundred layers of random signs carry to a few times as much of a score of order 1.
    "f32": (0.001, 0.995),
    "tf32": (0.02, 0.97),
    "f16": (0.02, 0.97),
    "bf16": (0.1, 0.85),
}
"""Largest difference of a score, and least IoU of a box, from the CPU engine's in f32."""
CONFIDENCE = 0.25


def ask(program, *words):
    """What the program prints, an object per line of JSON."""
    done = subprocess.run([program, *map(str, words)], check=True, capture_output=True, text=True)
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def detections(program, picture, device, dtype, weights, confidence):
    words = ["run", picture, "--device", device, "--json", "--no-save", "--quiet", "--conf", confidence]
    words += ["--dtype", dtype] if dtype else []
    words += ["--weights", weights] if weights else []
    return ask(program, *words)[0]["detections"]


def iou(a, b):
    left, top, right, bottom = *map(max, a[:2], b[:2]), *map(min, a[2:], b[2:])
    shared = max(0.0, right - left) * max(0.0, bottom - top)
    area = lambda box: (box[2] - box[0]) * (box[3] - box[1])
    return shared / (area(a) + area(b) - shared)


def missing(found, expected, tolerance, least_iou):
    """Detections of `expected`, clear of the threshold, that `found` has not."""
    same = lambda a, b: (
        a["class"] == b["class"]
        and abs(a["score"] - b["score"]) <= tolerance
        and iou(a["box"], b["box"]) >= least_iou
    )
    clear = [box for box in expected if box["score"] > CONFIDENCE + tolerance]
    return [box for box in clear if not any(same(box, other) for other in found)]


def check(args, weights):
    """Per dtype: how many of the CPU engine's detections are found again; raises when one is not."""
    rows = []
    for name, path in weights.items():
        picture = ASSETS / "street.jpg"
        for dtype in args.dtypes:
            tolerance, least_iou = TOLERANCES[dtype]
            low = CONFIDENCE - tolerance
            expected = detections(args.program, picture, "cpu", None, path, low)
            found = detections(args.program, picture, args.device, dtype, path, low)
            lost = missing(found, expected, tolerance, least_iou)
            extra = missing(expected, found, tolerance, least_iou)
            rows.append({"weights": name, "dtype": dtype, "expected": len(expected), "lost": lost, "extra": extra})
            verdict = "ok" if not lost and not extra else f"WRONG: lost {lost}, extra {extra}"
            print(f"{name} {dtype}: {len(expected)} detections, {verdict}", flush=True)
    return rows


def bench(args, picture, weights, batch, dtype):
    words = ["bench", picture, "--weights", weights, "--device", args.device, "--batch", batch, "--dtype", dtype]
    words += ["--no-rect", "--imgsz", SIDE, "--duration", args.seconds, "--warmup", 1, "--json"]
    return ask(args.program, *words)[0]


def turn(engine, seconds):
    deadline = time.monotonic() + seconds
    times = []
    while time.monotonic() < deadline or len(times) < 3:
        times.append(engine.run())
    return times


def candidates(args, variant, pictures):
    """Every peer that is installed; one that is not is named and left out."""
    half = peers.HALF
    makers = [
        lambda: peers.PyTorch(variant, pictures, args.device, "eager", torch.float32),
        lambda: peers.PyTorch(variant, pictures, args.device, "channels_last", half),
        lambda: peers.PyTorch(variant, pictures, args.device, "compile", torch.float32),
        lambda: peers.PyTorch(variant, pictures, args.device, "compile", half),
        lambda: peers.OnnxRuntime(variant, pictures, "CUDAExecutionProvider", args.output),
        lambda: peers.OnnxRuntime(variant, pictures, "TensorrtExecutionProvider", args.output),
    ]
    for make in makers:
        try:
            yield make()
        except Exception as error:  # A peer that fails must not end the others.
            print(f"left out: {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}", flush=True)


def measure(args, variant, weights, batch):
    picture = args.output / "picture.png"
    pictures = np.stack([cv2.cvtColor(cv2.imread(str(picture)), cv2.COLOR_BGR2RGB)] * batch)
    engines = list(candidates(args, variant, pictures))
    times = {engine.name: [] for engine in engines}
    ours = {f"yolo10-burn {dtype}": [] for dtype in args.dtypes if dtype != "bf16"}
    for _ in range(args.rounds):
        for engine in engines:
            times[engine.name] += turn(engine, args.seconds)
        for name in ours:
            ours[name].append(bench(args, picture, weights, batch, name.split()[-1]))
    del engines
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return {"variant": variant, "batch": batch, "peers": times, "ours": ours}


def table(found):
    """Milliseconds of a batch, and pictures per second."""
    batch = found["batch"]
    lines = [
        f"### YOLOv10-{found['variant'].upper()}, batch {batch}",
        "",
        "| | median ms | p95 ms | pictures/s |",
        "|---|---|---|---|",
    ]
    for name, rounds in found["ours"].items():
        # A bench row is per picture.
        median = batch * statistics.median(row["ms"]["detect"]["p50"] for row in rounds)
        late = batch * max(row["ms"]["detect"]["p95"] for row in rounds)
        lines.append(f"| {name} | {median:.2f} | {late:.2f} | {1e3 * batch / median:.0f} |")
    for name, times in found["peers"].items():
        median, late = statistics.median(times), float(np.percentile(times, 95))
        lines.append(f"| {name} | {median:.2f} | {late:.2f} | {1e3 * batch / median:.0f} |")
    return "\n".join([*lines, ""])


def first_results(args, weights):
    """Seconds from the start of a process to its first result, with nothing compiled yet and with everything."""
    cache = args.output / "kernels"
    words = ["run", ASSETS / "street.jpg", "--weights", weights, "--device", args.device]
    words += ["--cache-dir", cache, "--no-save", "--quiet"]
    seconds = []
    for _ in range(2):
        started = time.monotonic()
        subprocess.run([args.program, *map(str, words)], check=True, stdout=subprocess.DEVNULL)
        seconds.append(time.monotonic() - started)
    return dict(zip(("cold", "warm"), seconds))


def models(args):
    """The variants' weights, random but normalised on the street, as files of the program."""
    import models as maker

    street = maker.letterbox(cv2.imread(str(ASSETS / "street.jpg")))
    square = (street[0].transpose(1, 2, 0)[:, :, ::-1] * 255).round().astype(np.uint8)
    cv2.imwrite(str(args.output / "picture.png"), square)
    weights = {}
    for variant in args.variants:
        checkpoint = args.output / f"yolov10{variant}.pt"
        torch.save(maker.calibrated(variant, torch.from_numpy(street)).state_dict(), checkpoint)
        subprocess.run([args.program, "convert", str(checkpoint)], check=True)
        weights[variant] = checkpoint.with_suffix(".safetensors")
    return weights


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=lambda path: str(Path(path).resolve()))
    parser.add_argument("output", type=Path)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--variants", default="nsmblx")
    parser.add_argument("--batches", type=lambda text: [int(word) for word in text.split(",")], default=[1, 8, 32, 128])
    parser.add_argument("--dtypes", type=lambda text: text.split(","), default=["f32", "tf32", "f16", "bf16"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each engine in each round")
    args = parser.parse_args()
    args.output.mkdir(parents=True, exist_ok=True)

    weights = models(args)
    results = {"checks": check(args, {"demo": None, **weights}), "measured": [], "device": args.device}
    results["first result"] = first_results(args, weights[args.variants[0]])
    print(f"first result: {results['first result']}", flush=True)
    tables = []
    for variant, path in weights.items():
        for batch in args.batches:
            found = measure(args, variant, path, batch)
            results["measured"].append(found)
            tables.append(table(found))
            print(tables[-1], flush=True)
            (args.output / "compare.json").write_text(json.dumps(results))
            (args.output / "compare.md").write_text("\n".join(tables))
    wrong = [row for row in results["checks"] if row["lost"] or row["extra"]]
    sys.exit(f"{len(wrong)} checks failed" if wrong else 0)


if __name__ == "__main__":
    main()

"""Measures yolo10-burn's CPU engine and its peers in one interleaved run, and prints tables in Markdown.

    python compare.py MODELS PICTURE TARGET RESULTS [--variants nsmblx] [--seconds 60] [--threads 2]

MODELS is models.py's folder, PICTURE a JPEG, TARGET the folder of cargo's builds. Everything measured is written to
RESULTS/compare.json, the tables to RESULTS/compare.md. Engines take turns, so that whatever else the machine does
hits all alike; a turn starts when the last engine's threads have stopped spinning and with a run that does not count.
"""

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np

import engines
from engines import Ncnn, OnnxRuntime, OpenVino, PyTorch, ours, rten, timed

RUNS_PER_TURN = 3
TOLERANCE = 5e-2
"""Largest root of the mean square difference of a raw map from ONNX Runtime's, in its standard deviations: a wrong layer
is off by 1. Engines sum in another order, Winograd rounds more, and a deep network that was not trained amplifies that:
at the end of x OpenVINO's f32 is off by 0.01. bf16 is reported, not judged: what 8 bits lose grows up to the map itself.
"""


def settle():
    """Waits until this process' threads are asleep: some spin for a while after a run."""
    while True:
        before = time.process_time()
        time.sleep(0.02)
        if time.process_time() - before < 0.004:
            return


def take_turns(runs, seconds):
    """Milliseconds of each of the named `runs`, which take turns for so long, at least two each."""
    times = {name: [] for name in runs}
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline or len(next(iter(times.values()))) < 2 * RUNS_PER_TURN:
        for name, run in runs.items():
            settle()
            run()
            times[name] += [run() for _ in range(RUNS_PER_TURN)]
    return times


def check(candidates):
    """Every engine computes what the first one does; gives how far each is off."""
    expected = candidates[0].maps()
    errors = {}
    for engine in candidates[1:]:
        maps = zip(engine.maps(), expected, strict=True)
        error = max(np.std(np.asarray(map).reshape(true.shape) - true) / np.std(true) for map, true in maps)
        assert error < TOLERANCE or "bf16" in engine.name, f"{engine.name} is off by {error:.2g}"
        errors[engine.name] = float(error)
    return errors


def has_bf16():
    """Whether this processor multiplies in bf16 (AVX-512 BF16)."""
    return "avx512_bf16" in Path("/proc/cpuinfo").read_text().split()


def networks(args, variant):
    """From input planes to raw maps."""
    stem = args.models / f"yolov10{variant}"
    planes = np.fromfile(args.models / "input.bin", np.float32).reshape(engines.SHAPE)
    precisions = ["f32", "bf16"] if has_bf16() else ["f32"]
    children = [
        *(ours(args.target, stem, args.threads, None if precision == "f32" else precision) for precision in precisions),
        rten(args.target, stem, args.threads),
    ]
    for child in children:
        child.load(planes)
    candidates = [
        OnnxRuntime(stem, planes, args.threads),
        *(OpenVino(stem, planes, args.threads, precision) for precision in precisions),
        Ncnn(stem, planes, args.threads),
        PyTorch(stem, planes, args.threads),
        *children,
    ]
    errors = check(candidates)
    times = take_turns({engine.name: engine.run for engine in candidates}, args.seconds)
    for child in children:
        child.close()
    return {"times": times, "errors": errors}


def pictures(args):
    """From a JPEG's bytes to boxes with n: ONNX Runtime with OpenCV as ultralytics does it, and ours."""
    import cv2
    from models import letterbox

    stem = args.models / "yolov10n"
    content = args.picture.read_bytes()
    whole = OnnxRuntime(stem, None, args.threads, whole=True)

    def peer():
        whole.planes = letterbox(cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR))
        boxes = whole.maps()[0][0]
        return boxes[boxes[:, 4] > 0.25]

    cv2.setNumThreads(args.threads)
    own = ours(args.target, stem, args.threads)
    found, expected = own.ask("picture", args.picture)["detections"], len(peer())
    assert abs(found - expected) <= 1, f"expected {expected} detections, found {found}"
    runs = {
        "ONNX Runtime + OpenCV": lambda: timed(peer),
        "yolo10-burn": lambda: own.ask("picture", args.picture)["ms"],
    }
    times = take_turns(runs, args.seconds)
    own.close()
    return times


def starts(args):
    """From the start of a process to n's detections in a file, warm disk."""
    stem = args.models / "yolov10n"
    with tempfile.TemporaryDirectory() as folder:
        peer = [args.target / "release/rten-serve", f"{stem}-whole.onnx", args.picture, Path(folder, "rten.txt")]
        own = [args.target / "release/yolo10-burn", "run", args.picture, "--weights", f"{stem}.safetensors"]
        own += ["--no-rect", "--threads", args.threads, "--no-save", "--save-txt", "--project", folder, "--quiet"]

        def run(command):
            environment = {**os.environ, "RTEN_NUM_THREADS": str(args.threads)}
            words = [str(word) for word in command]
            return timed(lambda: subprocess.run(words, check=True, env=environment))

        return take_turns({"rten": lambda: run(peer), "yolo10-burn": lambda: run(own)}, args.seconds)


def scaling(args, variant):
    """Ours on one and on two threads, by Winograd and by direct sums alone."""
    stem = args.models / f"yolov10{variant}"
    planes = np.fromfile(args.models / "input.bin", np.float32).reshape(engines.SHAPE)
    children = {
        f"{flavour or 'default'}, {threads} thread{'s' * (threads > 1)}": ours(args.target, stem, threads, flavour)
        for flavour in (None, "exact")
        for threads in (1, 2)
    }
    for child in children.values():
        child.load(planes)
    times = take_turns({name: child.run for name, child in children.items()}, args.seconds)
    for child in children.values():
        child.close()
    return {"times": times, "flops": child.flops}


def peak(target):
    """Multiplications and additions per second of one core that does nothing else, at best."""
    command = ["cargo", "bench", "-p", "yolov10-cpu", "--bench", "kernels", "--", "peak/"]
    environment = {**os.environ, "CARGO_TARGET_DIR": str(target.resolve())}
    subprocess.run(command, cwd=engines.REPOSITORY, check=True, capture_output=True, env=environment)
    best = 0
    for folder in (target / "criterion/peak").glob("*/new"):
        operations = json.loads((folder / "benchmark.json").read_text())["throughput"]["Elements"]
        sample = json.loads((folder / "sample.json").read_text())
        nanoseconds = min(time / runs for time, runs in zip(sample["times"], sample["iters"]))
        best = max(best, operations / nanoseconds * 1e9)
    return best


def memory(args, variant):
    """Resident bytes of a process that detects in a picture file, before, while and after."""
    own = ours(args.target, args.models / f"yolov10{variant}", args.threads)
    for _ in range(3):
        own.ask("picture", args.picture)
    answer = own.ask("drop")
    own.close()
    return answer


def summary(times):
    return {name: (min(values), statistics.median(values), len(values)) for name, values in times.items()}


def table(title, times):
    """Milliseconds, and ours in parts of each peer's; below 1 ours is faster."""
    rows = summary(times)
    own_min, own_median, _ = rows["yolo10-burn"]
    lines = [f"### {title}", "", "| | min ms | median ms | runs | ours / it, min | ours / it, median |", "|---|---|---|---|---|---|"]
    for name, (least, median, runs) in rows.items():
        lines.append(
            f"| {name} | {least:.1f} | {median:.1f} | {runs} | {own_min / least:.2f} | {own_median / median:.2f} |"
        )
    return "\n".join([*lines, ""])


def machine():
    model = next(line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name"))
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=engines.REPOSITORY, capture_output=True, text=True, check=True
    )
    return {
        "date": time.strftime("%Y-%m-%d"),
        "commit": commit.stdout.strip(),
        "cpu": f"{model}, {os.cpu_count()} cores",
        "system": platform.platform(),
        "load": os.getloadavg(),
    }


def scaling_table(variant, found, peak):
    rows = summary(found["times"])
    lines = [
        f"### YOLOv10-{variant.upper()}, threads",
        "",
        "| | min ms | median ms | GFLOP/s at best | of one core's peak | times as fast as one thread, min | median |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, (least, median, _) in rows.items():
        one_least, one_median, _ = rows[f"{name.split(',')[0]}, 1 thread"]
        speed = found["flops"] / least * 1e3
        lines.append(
            f"| {name} | {least:.1f} | {median:.1f} | {speed / 1e9:.0f} | {speed / peak:.0%} "
            f"| {one_least / least:.2f} | {one_median / median:.2f} |"
        )
    return "\n".join([*lines, ""])


def memory_table(found):
    lines = ["### Resident memory", "", "| | before load | running | peak | more after drop than before load |", "|---|---|---|---|---|"]
    for variant, bytes in found.items():
        before, running, after, most = (bytes[key] / 1e6 for key in ("before_load", "running", "after_drop", "peak"))
        lines.append(f"| {variant} | {before:.1f} MB | {running:.0f} MB | {most:.0f} MB | {after - before:.1f} MB |")
    return "\n".join([*lines, ""])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("models", "picture", "target", "results"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--variants", default="nsmblx")
    parser.add_argument("--seconds", type=float, default=60, help="for each comparison")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", default="networks,pictures,starts,scaling,memory", help="comparisons to make")
    args = parser.parse_args()
    wanted = args.only.split(",")

    found = {"machine": machine(), "threads": args.threads}
    texts = []

    def report(text):
        """At once to the screen and to the files: an interrupted run keeps what it has."""
        print(text, flush=True)
        texts.append(text)
        args.results.mkdir(parents=True, exist_ok=True)
        (args.results / "compare.json").write_text(json.dumps(found))
        (args.results / "compare.md").write_text("\n".join(texts))

    machine_text = ", ".join(str(value) for value in found["machine"].values())
    report(f"{machine_text}; {args.threads} threads, batch 1, 640x640, f32 where nothing else is said.\n")
    if not has_bf16():
        report("This processor has no AVX-512 BF16: the rows in bf16 are left out.\n")
    if "networks" in wanted:
        found["networks"] = {}
        for variant in args.variants:
            found["networks"][variant] = result = networks(args, variant)
            report(table(f"YOLOv10-{variant.upper()}, planes to raw maps", result["times"]))
    if "pictures" in wanted:
        found["pictures"] = pictures(args)
        report(table("YOLOv10-N, bytes of a JPEG to boxes", found["pictures"]))
    if "starts" in wanted:
        found["starts"] = starts(args)
        report(table("YOLOv10-N, start of the process to detections in a file", found["starts"]))
    if "scaling" in wanted:
        found["peak"], found["scaling"] = 0, {}
        for variant in "nx":
            # Once more each time: on a busy machine one loop may not have had a core to itself.
            found["peak"] = max(found["peak"], peak(args.target))
            found["scaling"][variant] = scaling(args, variant)
            report(scaling_table(variant, found["scaling"][variant], found["peak"]))
    if "memory" in wanted:
        found["memory"] = {variant: memory(args, variant) for variant in args.variants}
        report(memory_table(found["memory"]))


if __name__ == "__main__":
    main()

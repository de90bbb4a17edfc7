"""Checks yolo10-burn on a GPU against its CPU engine, then measures it beside PyTorch and ONNX Runtime.

    python compare.py PROGRAM OUTPUT [--device cuda] [--variants nsmblx] [--batches 1,8,32,128] [--rounds 5]
                                     [--val DATA.yaml] [--no-peers]

The CPU engine is the one that the tests hold against PyTorch's f64. Engines take turns in rounds, so that whatever
else the machine does hits all alike; everything goes from the bytes of 640x640 pictures to boxes on the host.
OUTPUT/compare.md has the tables, OUTPUT/compare.json every figure. Without the peers it needs Python alone, and
measures the built-in weights on the street picture.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

import accuracy
from accuracy import STREET
from program import Failed, ask, run

SIDE = 640
"""What the peers are built for."""


KERNELS = ("by rule", "tuned")
"""Who chose them; `tune` does once what the second needs."""


def options(args, weights, batch, dtype, kernels):
    words = ["--device", args.device, "--batch", batch, "--dtype", dtype, "--no-rect", "--imgsz", args.imgsz]
    words += ["--cache-dir", args.output / "kernels" / kernels.replace(" ", "-")]
    return words + (["--weights", weights] if weights else [])


def tune(args, weights, batch, dtype):
    words = options(args, weights, batch, dtype, "tuned")
    started = time.monotonic()
    run(args.program, "tune", "--picture", args.imgsz, *words)
    print(f"tuned {dtype}, batch {batch}, in {time.monotonic() - started:.1f} s", flush=True)


def bench(args, picture, weights, batch, dtype, kernels):
    words = ["--source", picture, "--duration", args.seconds, "--warmup", min(1, args.seconds)]
    return ask(args.program, "bench", *words, *options(args, weights, batch, dtype, kernels))


def turn(engine, seconds):
    deadline = time.monotonic() + seconds
    times = []
    while time.monotonic() < deadline or len(times) < 3:
        times.append(engine.run())
    return times


def measure(args, picture, variant, weights, batch, dtypes):
    engines = list(args.peers.installed(variant, batch, args.device, args.output)) if args.peers else []
    times = {engine.name: [] for engine in engines}
    ours = {f"{dtype}, {kernels}": [] for dtype in dtypes for kernels in KERNELS}
    for round_ in range(args.rounds):
        for engine in engines:
            times[engine.name] += turn(engine, args.seconds)
        for name in list(ours):
            dtype, kernels = name.split(", ")
            try:
                if kernels == "tuned" and round_ == 0:
                    tune(args, weights, batch, dtype)
                ours[name].append(bench(args, picture, weights, batch, dtype, kernels))
            except Failed as failure:
                print(f"left out: yolo10-burn {name}: {failure}", flush=True)
                del ours[name]
    if args.peers:
        del engines
        args.peers.release()
    return {"variant": variant, "batch": batch, "peers": times, "ours": ours}


def table(found):
    """Milliseconds of a batch, and pictures per second."""
    batch = found["batch"]
    lines = [
        f"### YOLOv10, {found['variant']}, batch {batch}",
        "",
        "| | median ms | p90 ms | pictures/s |",
        "|---|---|---|---|",
    ]
    for name, rounds in found["ours"].items():
        # A bench row is per picture.
        median = batch * statistics.median(row["ms"]["detect"]["p50"] for row in rounds)
        late = batch * max(row["ms"]["detect"]["p90"] for row in rounds)
        lines.append(f"| yolo10-burn {name} | {median:.2f} | {late:.2f} | {1e3 * batch / median:.0f} |")
    for name, times in found["peers"].items():
        median, late = statistics.median(times), statistics.quantiles(times, n=10)[-1]
        lines.append(f"| {name} | {median:.2f} | {late:.2f} | {1e3 * batch / median:.0f} |")
    return "\n".join([*lines, ""])


def first_results(args, weights):
    """Seconds from the start of a process to its first result, with nothing compiled yet and with everything."""
    words = ["run", STREET, "--device", args.device, "--imgsz", args.imgsz, "--no-save", "--quiet"]
    words += ["--weights", weights] if weights else []
    seconds = []
    with tempfile.TemporaryDirectory() as cache:
        for _ in range(2):
            started = time.monotonic()
            run(args.program, *words, "--cache-dir", cache)
            seconds.append(time.monotonic() - started)
    return dict(zip(("cold", "warm"), seconds))


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=lambda path: str(Path(path).resolve()))
    parser.add_argument("output", type=Path)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--variants", default="nsmblx")
    parser.add_argument("--batches", type=lambda text: [int(word) for word in text.split(",")], default=[1, 8, 32, 128])
    parser.add_argument("--dtypes", type=lambda text: text.split(","), default=list(accuracy.TOLERANCES))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each engine in each round")
    parser.add_argument("--val", type=Path, help="a data set whose figures are taken in each precision")
    parser.add_argument("--val-weights", help="weights for it; the built-in demo if left out")
    parser.add_argument("--imgsz", type=int, default=SIDE, help="another side to try this out, without peers")
    parser.add_argument("--no-peers", dest="peers", action="store_const", const=None, default=True)
    args = parser.parse_args()
    if args.peers and args.imgsz != SIDE:
        parser.error(f"--imgsz: peers are built for {SIDE}: add --no-peers")
    if args.peers:
        # Needs PyTorch and more, so not at the top.
        import peers

        args.peers = peers
    return args


def main():
    args = arguments()
    args.output.mkdir(parents=True, exist_ok=True)
    picture, variants = STREET, {"demo": None}
    if args.peers:
        picture, variants = args.peers.prepare(args.program, STREET, args.variants, args.output)

    checks = accuracy.check(args, {"demo": None, **variants})
    figures = accuracy.validate(args) if args.val else []
    results = {"device": args.device, "checks": checks, "val": figures, "measured": []}
    report = [accuracy.tables(results)]
    print(report[0], flush=True)
    results["first result"] = first_results(args, next(iter(variants.values())))
    print(f"first result: {results['first result']}", flush=True)
    works = [dtype for dtype in args.dtypes if not any("failed" in row for row in checks if row["dtype"] == dtype)]
    for variant, path in variants.items():
        for batch in args.batches:
            found = measure(args, picture, variant, path, batch, works)
            results["measured"].append(found)
            report.append(table(found))
            print(report[-1], flush=True)
            (args.output / "compare.json").write_text(json.dumps(results))
            (args.output / "compare.md").write_text("\n".join(report))
    wrong = sum(map(accuracy.is_wrong, [*checks, *figures]))
    sys.exit(f"{wrong} checks failed" if wrong else 0)


if __name__ == "__main__":
    main()

"""What the program finds on the stand-in is what the CPU engine finds: in each precision, eager and as a graph, in
batches, with kernels late in orders that a seed chooses.

    results.py STANDIN TOOLKIT PROGRAM [--dtype f32 tf32 f16] [--seeds 1 2] [--batches 1 3] [--imgsz 640 320,416]
"""

import argparse
import itertools
import json
from pathlib import Path

from standin import STREET, Checks, StandIn

TOLERANCES = {
    # Largest difference of a score, and of an edge in pixels. f32 sums in another order; TF32 and f16 round each factor
    # to 11 bits, bf16 to 8, which some hundred layers carry to a few times as much.
    "f32": (1e-4, 0.05),
    "tf32": (0.02, 4.0),
    "f16": (0.02, 4.0),
    "bf16": (0.1, 16.0),
}
SURE = 0.3
"""Objects less likely than this may be found in one precision and not in another."""


def objects(text):
    """What the lines of JSON hold, a list per picture."""
    return [json.loads(line)["detections"] for line in text.splitlines()]


def is_like(one, other, scores, edges):
    return (
        one["class"] == other["class"]
        and abs(one["score"] - other["score"]) <= scores
        and all(abs(a - b) <= edges for a, b in zip(one["box"], other["box"]))
    )


def missing(found, expected, tolerances):
    """Sure objects of one that are not in the other."""
    sure = [one for one in expected if one["score"] > SURE + tolerances[0]]
    return [one for one in sure if not any(is_like(one, other, *tolerances) for other in found)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("standin", type=Path)
    parser.add_argument("toolkit", type=Path)
    parser.add_argument("program", type=Path)
    parser.add_argument("--dtype", nargs="+", default=["f32"], choices=TOLERANCES)
    parser.add_argument("--seeds", nargs="+", type=int, default=[1])
    parser.add_argument("--batches", nargs="+", type=int, default=[1, 3])
    parser.add_argument("--imgsz", nargs="+", default=["640"])
    args = parser.parse_args()
    stand_in = StandIn(args.standin, args.toolkit)
    checks = Checks("results")
    words = [args.program, "run", "--no-save", "--json"]
    expected = {}
    for size in args.imgsz:
        [expected[size]] = objects(stand_in.run(*words, STREET, "--imgsz", size, "--device", "cpu").out)
    enough = all(len(found) > 3 for found in expected.values())
    checks.check("the CPU engine finds objects in the street", enough, expected)
    for dtype in args.dtype:
        kernels = set()
        for seed, batch, size in itertools.product(args.seeds, args.batches, args.imgsz):
            name = f"{dtype}, seed {seed}, batch {batch}, input {size}"
            # The first is run kernel by kernel; with the second they are recorded, and replayed from then on.
            pictures = [STREET] * max(3, batch)
            ran = stand_in.run(
                *words, *pictures, "--imgsz", size, "--device", "cuda", "--dtype", dtype, "--batch", batch,
                "--cache-dir", args.standin / f"kernels-{dtype}", seed=seed, limit=900,
            )  # fmt: skip
            kernels |= set(ran.kernels())
            if ran.code:
                checks.check(name, False, ran.err)
                continue
            found = objects(ran.out)
            wanted = expected[size]
            lost = [missing(one, wanted, TOLERANCES[dtype]) + missing(wanted, one, TOLERANCES[dtype]) for one in found]
            good = len(found) == len(pictures) and not any(lost)
            checks.check(f"{name}: finds what the CPU engine finds ({ran.seconds:.0f} s)", good, lost)
            checks.check(f"{name}: no misuse of the driver", not ran.misuses(), "\n".join(ran.misuses()))
            if batch == 1:
                replayed = ran.number(r"ran: \d+ launches, (\d+) graph launches")
                checks.check(f"{name}: pictures two and three are replays of a graph", replayed == 2, ran.log[-8:])
                checks.check(f"{name}: the graph gives the same bits", found[0] == found[1] == found[2], found)
        # For compiled.py.
        (args.standin / f"kernels-of-{dtype}").write_text("".join(f"{line}\n" for line in sorted(kernels)))
    checks.end()


if __name__ == "__main__":
    main()

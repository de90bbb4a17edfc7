"""What the program finds on the stand-in is what the CPU engine finds: in each precision, eager and as a graph, in
batches, with kernels late in orders that a seed chooses.

    results.py STANDIN TOOLKIT PROGRAM [--dtype f32 tf32 f16] [--seeds 1 2]
"""

import argparse
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
    args = parser.parse_args()
    stand_in = StandIn(args.standin, args.toolkit)
    checks = Checks("results")
    words = [args.program, "run", STREET, STREET, STREET, "--no-save", "--json"]
    [expected, *_] = objects(stand_in.run(*words, "--device", "cpu").out)
    checks.check("the CPU engine finds the nine objects of the street", len(expected) == 9, expected)
    for dtype in args.dtype:
        kernels = set()
        for seed in args.seeds:
            for batch in (1, 3):
                name = f"{dtype}, seed {seed}, batch {batch}"
                ran = stand_in.run(
                    *words, "--device", "cuda", "--dtype", dtype, "--batch", batch, "--cache-dir", args.standin / f"kernels-{dtype}",
                    seed=seed, limit=900,
                )  # fmt: skip
                kernels |= set(ran.kernels())
                if ran.code:
                    checks.check(name, False, ran.err)
                    continue
                found = objects(ran.out)
                lost = [missing(one, expected, TOLERANCES[dtype]) + missing(expected, one, TOLERANCES[dtype]) for one in found]
                replayed = ran.number(r"ran: \d+ launches, (\d+) graph launches")
                checks.check(f"{name}: finds what the CPU engine finds ({ran.seconds:.0f} s)", not any(lost), lost)
                checks.check(f"{name}: no misuse of the driver", not ran.misuses(), "\n".join(ran.misuses()))
                if batch == 1:
                    checks.check(f"{name}: pictures two and three are replays of a graph", replayed == 2, ran.log[-8:])
                    same = found[0] == found[1] == found[2]
                    checks.check(f"{name}: the graph gives the same bits", same, found)
        # For compiled.py.
        (args.standin / f"kernels-of-{dtype}").write_text("".join(f"{line}\n" for line in sorted(kernels)))
    checks.end()


if __name__ == "__main__":
    main()

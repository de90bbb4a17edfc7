"""Draws how cost grows, from the lines that `yolo10-burn bench --json` writes.

    python plot.py GROWTH.jsonl GROWTH.png
"""

import json
import sys
from collections import defaultdict

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

SIDE = 640


def by_threads(rows, x):
    """Per number of threads the points (x of the row, median milliseconds of the network), in order."""
    lines = defaultdict(list)
    for row in rows:
        lines[row["threads"]].append((x(row), row["ms"]["inference"]["p50"]))
    return {threads: sorted(points) for threads, points in sorted(lines.items())}


def main():
    with open(sys.argv[1]) as file:
        rows = [json.loads(line) for line in file]
    alone = [row for row in rows if row["batch"] == 1]
    variants = [row for row in alone if row["input"]["width"] == SIDE]
    sizes = [row for row in alone if row["variant"] == "n"]
    batches = [row for row in rows if row["variant"] == "n" and row["input"]["width"] == SIDE]
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(13, 3.6))
    gflop = lambda row: row["gflop_per_second"] * row["ms"]["inference"]["p50"] / 1e3
    for threads, points in by_threads(variants, gflop).items():
        left.plot(*zip(*points), "o-", label=f"{threads} thread{'s' * (threads > 1)}")
    left.set(xlabel="GFLOP per picture: n, s, m, b, l, x at 640x640", ylabel="ms")
    for threads, points in by_threads(sizes, lambda row: (row["input"]["width"] / SIDE) ** 2).items():
        middle.plot(*zip(*points), "o-", label=f"{threads} thread{'s' * (threads > 1)}")
    middle.set(xlabel="pixels of the input, in 640x640, variant n", ylabel="ms")
    for threads, points in by_threads(batches, lambda row: row["batch"]).items():
        right.plot(*zip(*points), "o-", label=f"{threads} thread{'s' * (threads > 1)}")
    right.set(xlabel="pictures in a call, variant n at 640x640", ylabel="ms per picture")
    for axes in (left, middle, right):
        axes.set(xlim=0, ylim=0)
        axes.grid(alpha=0.3)
        axes.legend()
    figure.tight_layout()
    figure.savefig(sys.argv[2], dpi=90)


if __name__ == "__main__":
    main()

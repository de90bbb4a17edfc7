"""A model of the time that a picture takes on a GPU: each launch of the replayed graph takes as long as its bytes do at the
card's bandwidth, or its products at the card's peak, or as the shortest kernel does, whichever is longest. It is a bound from
below, no measurement: kernels that use the card badly take longer, caches save bytes.

    roofline.py STANDIN TOOLKIT PROGRAM [--dtype f32] [--table FILE]

Bytes are what each launch touched on the stand-in, in sectors of 32 bytes. Products are those of the network's inventory
(`info`), for convolutions and attention in the order in which they are launched; all else only moves."""

import argparse
import json
import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from standin import STREET, Checks, StandIn

SHORTEST = 2e-6
"""Seconds from one node of a graph to the next on one stream, however little it does."""
CARDS = {
    # Bytes per second of DRAM; flops per second of f32 and of TF32, dense, as NVIDIA publishes them.
    "H100 SXM": (3.35e12, 66.9e12, 494.7e12),
    "RTX 4090": (1.008e12, 82.6e12, 82.6e12),
}


@dataclass
class Launch:
    """A node of the graph."""

    kernel: str
    read: int
    written: int
    blocks: int
    threads: int
    flops: int = 0

    @property
    def bytes(self):
        return self.read + self.written

    def seconds(self, card, tensor_cores):
        bandwidth, plain, matrix = CARDS[card]
        return max(self.bytes / bandwidth, self.flops / (matrix if tensor_cores else plain), SHORTEST)


def launches_of(log):
    """The launches of the last replay."""
    [*_, size] = [int(match.group(1)) for line in log if (match := re.match(r"recorded a graph of (\d+) operations", line))]
    pattern = r"traffic: (\d+) read, (\d+) written, (\d+) blocks of (\d+) threads, (.*)"
    found = [match.groups() for line in log if (match := re.match(pattern, line))]
    return [Launch(name, *map(int, numbers)) for *numbers, name in found[-size:]]


def is_product(launch):
    return "conv" in launch.kernel or launch.kernel.startswith("attend")


def give_products(launches, layers):
    """Each convolution and product its share of the inventory; what of it did not fit."""
    products = [launch for launch in launches if is_product(launch)]
    for launch, layer in zip(products, layers):
        launch.flops = layer["flops"]
    return "" if len(products) == len(layers) else f"{len(products)} launches of products, {len(layers)} in the inventory"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("standin", type=Path)
    parser.add_argument("toolkit", type=Path)
    parser.add_argument("program", type=Path)
    parser.add_argument("--dtype", default="f32", choices=["f32", "tf32"])
    parser.add_argument("--table", type=Path)
    args = parser.parse_args()
    stand_in = StandIn(args.standin, args.toolkit)
    checks = Checks("roofline")
    inventory = json.loads(stand_in.run(args.program, "info", "--json", "--imgsz", "448,640").out)
    words = [args.program, "run", STREET, STREET, "--no-save", "--device", "cuda", "--dtype", args.dtype]
    ran = stand_in.run(*words, "--cache-dir", args.standin / "kernels-traffic", traffic=1, seed=0, limit=900)
    checks.check(f"a run that is watched ({ran.seconds:.0f} s)", ran.code == 0, ran.err)
    launches = launches_of(ran.log)
    unmatched = give_products(launches, inventory["layers"])
    checks.check("each product of the inventory is a launch", not unmatched, unmatched)

    tensor_cores = args.dtype == "tf32"
    groups = defaultdict(list)
    for launch in launches:
        groups[launch.kernel].append(launch)
    rows = sorted(groups.items(), key=lambda group: -sum(one.seconds("H100 SXM", tensor_cores) for one in group[1]))
    lines = [f"| kernel | launches | MB | GFLOP | {' | '.join(f'{card} (us)' for card in CARDS)} |", "|---|---|---|---|" + "---|" * len(CARDS)]
    for name, group in [*rows, ("all", launches)]:
        times = [1e6 * sum(one.seconds(card, tensor_cores) for one in group) for card in CARDS]
        lines.append(
            f"| `{name}` | {len(group)} | {sum(one.bytes for one in group) / 1e6:.1f} | {sum(one.flops for one in group) / 1e9:.2f} | "
            f"{' | '.join(f'{time:.0f}' for time in times)} |"
        )
    print("\n".join(lines))
    if args.table:
        args.table.write_text("\n".join(lines) + "\n")
    checks.end()


if __name__ == "__main__":
    main()

"""The memory contract with the driver's own count as the judge, on the stand-in.

    memory.py STANDIN TOOLKIT PROGRAM [--dtype f32 tf32]
"""

import argparse
import json
import re
from pathlib import Path

from standin import STREET, Checks, StandIn

BEYOND_PROMISE = 64 << 20
"""Bytes that the driver may have given at most beyond what `memory` says that is reserved in its largest state."""
LIMITS = [(60_000_000, 0), (12_000_000, 2)]
"""Limits and exit codes: the demo needs about 40 MB."""


def peak(ran):
    """The most bytes of allocations that ever lived at once."""
    return max((int(found) for line in ran.log for found in re.findall(r"\(peak (\d+)\), \d+ bytes of modules", line)), default=0)


def reserved(state):
    """What of it is on the device: staging is the host's."""
    return state["weights"]["reserved"] + state["workspace"]["reserved"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("standin", type=Path)
    parser.add_argument("toolkit", type=Path)
    parser.add_argument("program", type=Path)
    parser.add_argument("--dtype", nargs="+", default=["f32"])
    parser.add_argument("--kernels", default="none", choices=["none", "host"])
    parser.add_argument("--cycles", type=int, default=5)
    args = parser.parse_args()
    stand_in = StandIn(args.standin, args.toolkit)
    checks = Checks("memory")
    for dtype in args.dtype:
        cache = ["--cache-dir", args.standin / f"kernels-{args.kernels}"]
        on_device = ["--device", "cuda", "--dtype", dtype, *cache]

        def run(*words, **settings):
            return stand_in.run(args.program, *words, *on_device, kernels=args.kernels, **settings)

        ran = run("memory", "--cycles", args.cycles, "--json", makers=1)
        name = f"memory in {dtype} ({ran.seconds:.0f} s)"
        checks.check(f"{name}: exit code 0", ran.code == 0, "\n".join([ran.err, *ran.log[-20:]]))
        if ran.code in (0, 1) and ran.out:
            report = json.loads(ran.out)
            for verdict in report["verdicts"]:
                # Without kernels, what is found is noise.
                if args.kernels == "host" or "result" not in verdict["promise"]:
                    checks.check(f"{name}: {verdict['promise']}", verdict["kept"], verdict["why"])
            promised = max(reserved(state) for state in report["states"])
            found = peak(ran)
            checks.check(
                f"{name}: the driver gave {found} bytes at most, {promised} were promised",
                0 < found <= promised + BEYOND_PROMISE,
            )
            left = ran.held_at_exit()
            checks.check(f"{name}: shutdown leaves nothing with the driver", not any(left.values()), f"{left}\n" + "\n".join(ran.log[-40:]))
        checks.check(f"{name}: no misuse of the driver", not ran.misuses(), "\n".join(ran.misuses()))

        ran = run("run", STREET, "--isolate", "--memory", "--no-save")
        name = f"an isolated run in {dtype} ({ran.seconds:.0f} s)"
        checks.check(f"{name}: exit code 0", ran.code in (0, 1), ran.err)
        checks.check(f"{name}: no misuse of the driver", not ran.misuses(), "\n".join(ran.misuses()))

        for limit, code in LIMITS:
            ran = run("run", STREET, STREET, "--memory-limit", limit, "--no-save")
            name = f"a limit of {limit} bytes in {dtype}"
            if code:
                # Each of the two pictures may be tried.
                good = ran.code == code and 1 <= len(ran.errors()) <= 2 and all(str(limit) in line for line in ran.errors())
                checks.check(f"{name} is refused in a line that names it", good, ran.err)
            else:
                checks.check(f"{name} is enough", ran.code in (0, 1) and not ran.errors(), ran.err)
            checks.check(f"{name} holds: {peak(ran)} bytes at most", peak(ran) <= limit, ran.log[-10:])
    others = list((args.standin / "cache").rglob("*.db"))
    checks.check("kernels are kept where --cache-dir says, and nowhere else", not others, others)
    checks.end()


if __name__ == "__main__":
    main()

"""Runs of the program on the stand-in driver: what it said, and what the driver counted."""

import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
STREET = REPOSITORY / "assets" / "street.jpg"


@dataclass
class Ran:
    """What became of one process."""

    code: int
    out: str
    err: str
    log: list = field(repr=False, default_factory=list)
    seconds: float = 0.0

    def number(self, pattern):
        """The first number that a line of the driver's log has at `pattern`'s group; the last such line counts."""
        found = [match for line in self.log if (match := re.search(pattern, line))]
        return int(found[-1].group(1)) if found else 0

    def kernels(self):
        """The kernels that were launched, a line for each: dynamic shared bytes and source."""
        found = [match for line in self.log if (match := re.match(r"runs (\d+) (.*)\.so$", line))]
        return [f"{match.group(1)} {match.group(2)}.cu" for match in found]

    def misuses(self):
        """What the driver saw that no correct program does."""
        return [line for line in self.log if line.startswith("MISUSE")]

    def held_at_exit(self):
        """Objects that the driver still had when the process ended, as words and numbers."""
        device = self.number(r"^exit: gpu 0: context \w+, (\d+) allocations")
        context = any(re.match(r"exit: gpu 0: context alive", line) for line in self.log)
        kinds = ["pinned of", "modules", "streams", "events", "graphs", "executables"]
        counts = {kind: self.number(rf"^exit: .*?(\d+) {kind}") for kind in kinds}
        return {"context": int(context), "allocations": device, **counts}

    def errors(self):
        """The lines on standard error that are no notes."""
        return [line for line in self.err.splitlines() if not line.startswith("note:")]


class StandIn:
    """The stand-in in `folder`, as `run.sh` builds it, and a toolkit's folder for the headers."""

    def __init__(self, folder, toolkit):
        self.folder, self.toolkit = Path(folder).resolve(), Path(toolkit).resolve()
        self.runs = 0

    def environment(self, log, **settings):
        """STANDIN_* by their names without it; others as they are."""
        known = {"gpus", "fail", "seed", "kernels", "driver", "nvml", "archs", "others_mib", "makers", "calls", "traffic"}
        of_driver = {f"STANDIN_{name.upper()}": str(value) for name, value in settings.items() if name in known}
        others = {name: str(value) for name, value in settings.items() if name not in known}
        return {
            **os.environ,
            "LD_LIBRARY_PATH": str(self.folder),
            "CUDA_PATH": str(self.toolkit),
            "STANDIN_HOST": str(HERE / "standin" / "host"),
            "STANDIN_CACHE": str(self.folder / "objects"),
            "STANDIN_LOG": str(log),
            # What a user's program has kept is no business of a test.
            "YOLO10_BURN_CACHE": str(self.folder / "cache"),
            "HOME": str(self.folder / "cache"),
            "XDG_CACHE_HOME": "",
            **of_driver,
            **others,
        }

    def run(self, *words, limit=300, **settings):
        """One process; one that takes longer than `limit` seconds is ended with all that it started."""
        self.runs += 1
        log = self.folder / "logs" / f"{os.getpid()}-{self.runs}"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.unlink(missing_ok=True)
        started = time.monotonic()
        process = subprocess.Popen(
            [str(word) for word in words],
            env=self.environment(log, **settings),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            out, err = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            out, err = process.communicate()
            err += f"\nended after {limit} s"
        seconds = time.monotonic() - started
        lines = log.read_text(errors="replace").splitlines() if log.exists() else []
        return Ran(process.returncode, out, err, lines, seconds)


class Checks:
    """Verdicts, printed as they come; `end` is the exit code."""

    def __init__(self, title):
        print(f"== {title}", flush=True)
        self.failed = 0

    def check(self, name, good, why=""):
        """One verdict; `why` is printed where it is bad."""
        print(f"{'ok' if good else 'FAILED'} {name}", flush=True)
        if not good:
            self.failed += 1
            print("\n".join(f"    {line[:400]}" for line in str(why).splitlines()[:30]), flush=True)

    def end(self):
        sys.exit(1 if self.failed else 0)

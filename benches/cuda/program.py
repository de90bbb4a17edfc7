"""yolo10-burn as a process: words in, lines of JSON out."""

import json
import subprocess


class Failed(Exception):
    """What the program says in its last line where it cannot."""


def run(program, *words):
    """What it prints; raises `Failed`."""
    done = subprocess.run([program, *map(str, words)], capture_output=True, text=True)
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise Failed(said[-1].removeprefix("error: "))
    return done.stdout


def ask(program, *words):
    """The first object that it prints with `--json`."""
    return json.loads(run(program, *words, "--json").splitlines()[0])

"""Triton's perf_analyzer finds its way: python perf.py ENVIRONMENT, one with tritonclient 2.48.0, whose wheel has the program,
and nvidia-cuda-runtime-cu12; Debian's libb64-0d is needed, too."""

import os
import pathlib
import subprocess
import sys

from conftest import WEIGHTS, Server

environment = pathlib.Path(sys.argv[1])
program = environment / "bin/perf_analyzer"
[library] = environment.glob("lib/python3*/site-packages/nvidia/cuda_runtime/lib")
program.chmod(0o755)
server = Server("--model", f"n={WEIGHTS}", "--shutdown-delay", "0")
for protocol, address in [("http", server.http), ("grpc", server.grpc)]:
    words = ["-m", "n", "-i", protocol, "-u", address, "-z", "--shape", "images:1,3,320,320", "--concurrency-range", "2"]
    # How stable the figures are is for benchmarks.
    words += ["--measurement-interval", "3000", "--max-trials", "3", "--stability-percentage", "999"]
    said = subprocess.run(
        [program, *words], capture_output=True, text=True, env={**os.environ, "LD_LIBRARY_PATH": str(library)}, timeout=120
    )
    assert said.returncode == 0 and "Successful request count: " in said.stdout, said.stdout + said.stderr
    print(protocol, [line for line in said.stdout.splitlines() if line.startswith("Concurrency: ")])
assert server.end() == 0

"""The files in `deploy/` that no scheduler here runs: their schema, and that they start as many parts as they name."""

import re
import subprocess
import sys
from pathlib import Path

import yaml

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"


def test_the_kubernetes_job_is_one_and_starts_every_part():
    command = Path(sys.executable).parent / "kubernetes-validate"
    done = subprocess.run([command, "--strict", DEPLOY / "kubernetes.yaml"], capture_output=True, text=True)
    assert done.returncode == 0, done
    job = yaml.safe_load((DEPLOY / "kubernetes.yaml").read_text())["spec"]
    [container] = job["template"]["spec"]["containers"]
    assert f"--shard=$(SHARD)/{job['completions']}" in container["args"]
    assert job["completionMode"] == "Indexed" and [env["name"] for env in container["env"]] == ["SHARD"]


def test_the_slurm_array_is_bash_and_starts_every_part(tmp_path):
    script = DEPLOY / "slurm.sh"
    text = script.read_text()
    first, last = re.search(r"^#SBATCH --array=(\d+)-(\d+)$", text, re.MULTILINE).groups()
    assert (first, int(last) + 1) == ("0", int(re.search(r"^shards=(\d+)$", text, re.MULTILINE)[1]))
    (tmp_path / "yolo10-burn").write_text('#!/bin/sh\necho "$@"\n')
    (tmp_path / "yolo10-burn").chmod(0o755)
    task = {"PATH": f"{tmp_path}:/usr/bin:/bin", "SLURM_ARRAY_TASK_ID": "7", "SLURM_CPUS_PER_TASK": "2"}
    said = subprocess.run(["bash", script, "l", "o", "w"], env=task, capture_output=True, text=True, check=True).stdout
    assert said == "run --list l --shard 7/100 --out o --weights w --threads 2\n"

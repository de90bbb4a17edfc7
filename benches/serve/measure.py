"""Starts the servers one after another, round after round, has wrk ask them, and writes what came of it.

Throughput, latencies and peak resident set of each by connections; what `yolo10-burn bench` says of decoding and
detecting alone; with --endurance, overload, 100,000 requests, 1,000 loads and unloads, and workers that are killed.
"""

import argparse
import bisect
import collections
import http.client
import importlib.util
import json
import os
import pathlib
import platform
import random
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
import urllib.error
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
CONNECTIONS = [1, 2, 4, 8, 16]
OVERLOAD = 4
QUEUE = 8
"""Pictures, of the server that is overloaded."""
NOISE = 1 << 20


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def family(process):
    """A process and its descendants."""
    yield process
    # Each thread has its own.
    for children in pathlib.Path(f"/proc/{process}/task").glob("*/children"):
        try:
            found = children.read_text().split()
        except OSError:
            continue
        for child in found:
            yield from family(int(child))


def resident(process, field="VmRSS"):
    """Bytes of a server, its workers included."""
    total = 0
    for each in family(process):
        try:
            status = pathlib.Path(f"/proc/{each}/status").read_text()
        except FileNotFoundError:
            continue
        total += sum(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith(field + ":"))
    return total


class Running:
    """A server in processes of its own, ready to be asked."""

    def __init__(self, name, command, port, ready, path, body, headers="", environment=None):
        self.name, self.port, self.path, self.headers, self.body = name, port, path, headers, body
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            command, stdout=self.log, stderr=self.log, env={**os.environ, **(environment or {})}, start_new_session=True
        )
        for _ in range(600):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}{ready}", timeout=1)
                break
            except urllib.error.HTTPError as error:
                if error.code in (404, 405):
                    break
            except OSError:
                pass
            if self.process.poll() is not None:
                self.log.seek(0)
                sys.exit(f"{name} ended: {self.log.read().decode()[-2000:]}")
            time.sleep(0.1)
        self.post()

    def post(self, path=None, body=None):
        headers = dict(pair.split(":") for pair in self.headers.split(";") if pair)
        data = self.body if body is None else body
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path or self.path}", data=data, headers=headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.read()

    def load(self, connections, seconds):
        """What wrk says of so many connections."""
        with tempfile.NamedTemporaryFile() as body:
            body.write(self.body)
            body.flush()
            command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "60s", "-s", HERE / "post.lua",
                       f"http://127.0.0.1:{self.port}{self.path}"]
            said = subprocess.run(command, capture_output=True, text=True, check=True,
                                  env={**os.environ, "BODY": body.name, "HEADERS": self.headers})
        result = json.loads(said.stderr.strip().splitlines()[-1])
        result["rate"] = (result["requests"] - result["refused"] - result["failed"]) / result["seconds"]
        return result

    def end(self):
        os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)


def servers(args, jpeg):
    """A function for each that starts it."""
    weights = args.models / "yolov10n.safetensors"
    peers = {"ONNX": str(args.models / "yolov10n-whole.onnx"), "THREADS": str(args.threads), "PEERS": str(HERE)}
    image = "content-type:image/jpeg"

    def ours(*words):
        port = free_port()
        command = [args.program, "serve", f"--model=n={weights}", f"--http=127.0.0.1:{port}", "--no-grpc", "--no-rect",
                   "--imgsz=640", f"--threads={args.threads}", "--shutdown-delay=0", *words]
        return Running("yolo10-burn", command, port, "/v2/health/ready", "/v1/models/n/detect", jpeg, image)

    def python(name, script):
        port = free_port()
        return Running(name, [sys.executable, HERE / script, str(port)], port, "/detect", "/detect", jpeg, image, peers)

    def triton():
        # Not imported: on some versions of Python it can't be, and its binary is all that is needed.
        root = pathlib.Path(importlib.util.find_spec("pytriton").submodule_search_locations[0]) / "tritonserver"
        backends = pathlib.Path(tempfile.mkdtemp())
        shutil.copytree(root / "backends", backends, dirs_exist_ok=True)
        stub = root / "python_backend_stubs" / f"{sys.version_info[0]}.{sys.version_info[1]}" / "triton_python_backend_stub"
        shutil.copy(stub, backends / "python")
        port = free_port()
        tensor = len(jpeg).to_bytes(4, "little") + jpeg
        head = json.dumps({
            "inputs": [{"name": "images", "shape": [1], "datatype": "BYTES", "parameters": {"binary_data_size": len(tensor)}}],
            "outputs": [{"name": "output0", "parameters": {"binary_data": True}}],
        }).encode()
        site = root.parents[1]
        environment = {
            **peers,
            "SITE_PACKAGES": str(site),
            "PATH": f"{pathlib.Path(sys.executable).resolve().parent}:{os.environ['PATH']}",
            "LD_LIBRARY_PATH": f"{site}/nvidia_pytriton.libs:{sysconfig.get_config_var('LIBDIR')}",
        }
        command = [root / "bin/tritonserver", f"--model-repository={HERE}/triton/models",
                   f"--backend-directory={backends}", f"--http-port={port}", "--allow-grpc=false",
                   "--allow-metrics=false", "--allow-gpu-metrics=false"]
        headers = f"Inference-Header-Content-Length:{len(head)};content-type:application/octet-stream"
        return Running("Triton", command, port, "/v2/health/ready", "/v2/models/n/infer", head + tensor, headers, environment)

    return {
        "yolo10-burn": ours,
        "FastAPI": lambda: python("FastAPI", "fastapi_peer.py"),
        "LitServe": lambda: python("LitServe", "litserve_peer.py"),
        "Triton": triton,
    }, ours


def alone(args):
    """Milliseconds of decoding and detecting, as `bench` measures them."""
    command = [args.program, "bench", "--json", "--weights", args.models / "yolov10n.safetensors", "--no-rect",
               "--imgsz=640", f"--threads={args.threads}", "--source", args.picture]
    said = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=True)
    return json.loads(said.stdout)


def compare(args, start):
    """Rounds of everybody, at each number of connections."""
    found = {name: {connections: [] for connections in CONNECTIONS} for name in start}
    peak = dict.fromkeys(start, 0)
    bench = []
    for _ in range(args.rounds):
        bench.append(alone(args))
        for name, begin in start.items():
            running = begin()
            running.load(4, 2)
            for connections in CONNECTIONS:
                found[name][connections].append(running.load(connections, args.seconds))
            peak[name] = max(peak[name], resident(running.process.pid, "VmHWM"))
            running.end()
    middle = lambda runs, key: statistics.median(run[key] for run in runs)
    table = {
        name: {c: {key: middle(runs, key) for key in ("rate", "p50", "p90", "p99")} for c, runs in by.items()}
        for name, by in found.items()
    }
    decode_and_detect = statistics.median(row["ms"]["end_to_end"]["p50"] for row in bench)
    result = {"table": table, "peak": peak, "bench": bench, "bench_ms": decode_and_detect}
    if own := table.get("yolo10-burn"):
        others = [by for name, by in table.items() if name != "yolo10-burn"]
        least = min((peak[name] for name in peak if name != "yolo10-burn"), default=None)
        result["aims"] = {
            "of bench at 4 connections": own[4]["rate"] * decode_and_detect / 1e3,
            "of the best peer": own[4]["rate"] / max((by[4]["rate"] for by in others), default=float("inf")),
            "ms beyond bench": own[1]["p50"] - decode_and_detect,
            "p99 of the best peer's": own[4]["p99"] / min((by[4]["p99"] for by in others), default=float("inf")),
            "resident of the leanest peer's": least and peak["yolo10-burn"] / least,
        }
    return result


def overload(running, rate, seconds, clients=8 * OVERLOAD):
    """Clients that together ask so often per second, whatever is answered; how long those that were accepted took.

    The queue's bound is a number of pictures: those that wait, and the one that is being searched. In time that is so many
    average answers (`bound`), or so many answers in a row as they came (`in a row`), which vary as searches do.
    """
    statuses, accepted, lock = collections.Counter(), [], threading.Lock()
    start = time.monotonic()

    def ask(number):
        connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=60)
        due = start + number / rate
        while due < start + seconds:
            time.sleep(max(0, due - time.monotonic()))
            begun = time.monotonic()
            connection.request("POST", running.path, body=running.body, headers={"content-type": "image/jpeg"})
            answer = connection.getresponse()
            answer.read()
            with lock:
                statuses[answer.status] += 1
                if answer.status == 200:
                    accepted.append((begun, time.monotonic()))
            due = max(due + clients / rate, time.monotonic())

    asking = [threading.Thread(target=ask, args=(number,)) for number in range(clients)]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join()
    took = time.monotonic() - start
    ended = sorted(end for _, end in accepted)
    cuts = lambda seconds: [cut * 1e3 for cut in statistics.quantiles(seconds, n=100)]
    latency = cuts([end - begun for begun, end in accepted])
    bound = (QUEUE + 1) * took / len(accepted) * 1e3
    in_a_row = cuts([last - first for first, last in zip(ended, ended[QUEUE + 1:])])
    # Those answered while one waited, itself among them.
    ahead = max(bisect.bisect_right(ended, end) - bisect.bisect_right(ended, begun) for begun, end in accepted)
    return {"asked a second": sum(statuses.values()) / took, "statuses": dict(statuses), "p50": latency[49],
            "p99": latency[98], "bound": bound, "in a row p50": in_a_row[49], "in a row p99": in_a_row[98],
            "most answers meanwhile": ahead}


def endure(args, ours):
    """Overload, many requests, many loads."""
    results = {}
    running = ours(f"--queue={QUEUE}")
    rate = running.load(4, 5)["rate"]
    overload(running, OVERLOAD * rate, 5)
    # What still waits when the clients have gone is dropped within a second.
    settled = lambda: (time.sleep(2), resident(running.process.pid))[1]
    before = settled()
    results["overload"] = {**overload(running, OVERLOAD * rate, 30), "grown": settled() - before}
    running.end()

    running = ours()
    running.load(4, 5)
    before, asked = resident(running.process.pid), 0
    while asked < args.requests:
        asked += running.load(4, 30)["requests"]
    results["requests"] = {"requests": asked, "grown": resident(running.process.pid) - before}

    held, worst = [], 0
    for cycle in range(args.cycles):
        running.post()
        full = resident(running.process.pid)
        freed = json.loads(running.post("/v2/repository/models/n/unload", b""))
        now = resident(running.process.pid)
        worst = max(worst, freed["released"] - (full - now))
        held.append(now)
        running.post("/v2/repository/models/n/load", b"")
    warm = args.cycles // 10
    results["cycles"] = {
        "cycles": args.cycles, "drift": held[-1] - held[warm], "most not back at the answer": worst,
        "residue": freed["residue"],
    }
    running.end()
    return results


def kill_workers(args, ours, seconds=30, clients=4):
    """Clients that check every answer, while a worker is killed every second."""
    running = ours("--isolate", "--instances=2")
    found = lambda answer: json.loads(answer)["detections"]
    expected = found(running.post())
    statuses, wrong, lock, end = collections.Counter(), [], threading.Lock(), time.monotonic() + seconds

    def ask():
        while time.monotonic() < end:
            try:
                answer = running.post()
                status, is_right = 200, found(answer) == expected
            except urllib.error.HTTPError as error:
                status, is_right = error.code, True
            except OSError:
                status, is_right = "no answer", True
            with lock:
                statuses[status] += 1
                if not is_right:
                    wrong.append(answer)

    asking = [threading.Thread(target=ask) for _ in range(clients)]
    for thread in asking:
        thread.start()
    killed = 0
    while time.monotonic() < end - 1:
        time.sleep(1)
        memory = urllib.request.urlopen(f"http://127.0.0.1:{running.port}/v1/memory", timeout=60).read()
        workers = json.loads(memory)["models"][0]["workers"]
        if workers:
            try:
                os.kill(random.choice(workers), signal.SIGKILL)
                killed += 1
            except ProcessLookupError:
                pass
    for thread in asking:
        thread.join()
    running.end()
    return {"killed": killed, "statuses": dict(statuses), "wrong": len(wrong)}


def plot(table, file):
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4))
    for name, by in table.items():
        left.plot(list(by), [each["rate"] for each in by.values()], marker="o", label=name)
        right.plot(list(by), [each["p99"] for each in by.values()], marker="o", label=name)
    for axes, title in (left, "pictures a second"), (right, "99th percentile, ms"):
        axes.set(title=title, xlabel="connections", xscale="log", xticks=CONNECTIONS, xticklabels=CONNECTIONS, ylim=0)
        axes.grid(alpha=0.3)
    right.set(yscale="log", ylim=(1, None))
    left.legend()
    figure.tight_layout()
    figure.savefig(file, dpi=110)


def markdown(result):
    lines = ["| server | connections | pictures a second | p50 ms | p99 ms | peak resident MB |", "|---|---|---|---|---|---|"]
    for name, by in result["table"].items():
        for connections, each in by.items():
            lines.append(f"| {name} | {connections} | {each['rate']:.1f} | {each['p50']:.1f} | {each['p99']:.1f} | {result['peak'][name] / 1e6:.0f} |")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser()
    for name in ("program", "models", "picture", "results"):
        parser.add_argument(f"--{name}", type=pathlib.Path, required=True)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--endurance", action="store_true")
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--cycles", type=int, default=1_000)
    parser.add_argument("--only", help="names of servers, with commas between them")
    args = parser.parse_args()
    args.results.mkdir(parents=True, exist_ok=True)
    start, ours = servers(args, args.picture.read_bytes())
    if args.only:
        start = {name: start[name] for name in args.only.split(",")}
    result = {"machine": platform.processor() or platform.machine(), "cores": args.threads}
    result |= compare(args, start)
    if args.endurance:
        result |= endure(args, ours)
        result["kills"] = kill_workers(args, ours)
    (args.results / "serve.json").write_text(json.dumps(result, indent=1) + "\n")
    (args.results / "serve.md").write_text(markdown(result))
    plot(result["table"], args.results / "serve.png")
    print(markdown(result))
    for key in ("bench_ms", "aims", "overload", "requests", "cycles", "kills"):
        if key in result:
            print(key, json.dumps(result[key]))


if __name__ == "__main__":
    main()

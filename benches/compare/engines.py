"""The engines that are compared. Each is made from the files of models.py, runs on `threads` threads and has
`name`, `run()`, which gives the milliseconds of one run from input planes to raw maps, and `maps()`, the raw maps in
the order boxes of P3, P4, P5, classes of P3, P4, P5."""

import json
import os
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np

SHAPE = (1, 3, 640, 640)
REPOSITORY = Path(__file__).resolve().parents[2]


def timed(call):
    started = time.perf_counter()
    call()
    return 1e3 * (time.perf_counter() - started)


class OnnxRuntime:
    name = "ONNX Runtime"

    def __init__(self, stem, planes, threads, whole=False):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        path = f"{stem}-whole.onnx" if whole else f"{stem}.onnx"
        self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self.planes = planes

    def maps(self):
        return self.session.run(None, {"images": self.planes})

    def run(self):
        return timed(self.maps)


class OpenVino:
    def __init__(self, stem, planes, threads, precision):
        import openvino

        self.name = f"OpenVINO {precision}"
        settings = {
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": 1,
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": precision,
        }
        compiled = openvino.Core().compile_model(f"{stem}.onnx", "CPU", settings)
        self.request, self.outputs = compiled.create_infer_request(), compiled.outputs
        self.planes = planes

    def maps(self):
        results = self.request.infer({0: self.planes}, share_inputs=True, share_outputs=True)
        return [results[output] for output in self.outputs]

    def run(self):
        return timed(self.maps)


class Ncnn:
    name = "ncnn"

    def __init__(self, stem, planes, threads):
        import ncnn

        self.ncnn = ncnn
        self.net = ncnn.Net()
        self.net.opt.num_threads = threads
        # f32 like the others: by default it stores activations in 16 bits where it can.
        self.net.opt.use_fp16_packed = self.net.opt.use_fp16_storage = self.net.opt.use_fp16_arithmetic = False
        self.net.opt.use_bf16_storage = False
        self.net.load_param(f"{stem}.ncnn.param")
        self.net.load_model(f"{stem}.ncnn.bin")
        self.input = ncnn.Mat(planes[0])

    def maps(self):
        with self.net.create_extractor() as extractor:
            extractor.input("in0", self.input)
            return [extractor.extract(f"out{index}")[1] for index in range(6)]

    def run(self):
        return timed(self.maps)


class PyTorch:
    name = "PyTorch"

    def __init__(self, stem, planes, threads):
        import torch

        torch.set_num_threads(threads)
        self.torch = torch
        module = torch.jit.load(f"{stem}.torchscript").eval()
        # The faster of its two layouts on a CPU.
        self.module = module.to(memory_format=torch.channels_last)
        self.planes = torch.from_numpy(planes).to(memory_format=torch.channels_last)

    def maps(self):
        with self.torch.inference_mode():
            return [output.numpy() for output in self.module(self.planes)]

    def run(self):
        return timed(self.maps)


class Child:
    """An engine in a process of its own that answers lines on stdin with lines of JSON on stdout."""

    def __init__(self, name, command, environment=None):
        self.name = name
        self.process = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **(environment or {})},
        )

    def ask(self, *words):
        print(*words, file=self.process.stdin, flush=True)
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError(f"{self.name} ended with exit code {self.process.wait()}")
        return json.loads(answer)

    def load(self, planes):
        with tempfile.TemporaryDirectory() as folder:
            input_file, output_file = Path(folder, "input.f32"), Path(folder, "output.f32")
            planes.tofile(input_file)
            self.flops = self.ask("heads", input_file, output_file).get("flops")
            self.flat = np.fromfile(output_file, np.float32)

    def maps(self):
        shapes = [(1, channels, side, side) for channels in (64, 80) for side in (80, 40, 20)]
        ends = np.cumsum([np.prod(shape) for shape in shapes])
        assert len(self.flat) == ends[-1], f"{self.name}: expected {ends[-1]} numbers, found {len(self.flat)}"
        return [part.reshape(shape) for part, shape in zip(np.split(self.flat, ends[:-1]), shapes)]

    def run(self):
        return self.ask("network")["ms"]

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def ours(target, stem, threads, flavour=None):
    """yolo10-burn's CPU engine; `flavour` is "exact" or "bf16"."""
    name = "yolo10-burn" + (f" {flavour}" if flavour else "")
    command = [target / "release/examples/serve_timing", f"{stem}.safetensors", threads]
    return Child(name, command + ([flavour] if flavour else []))


def rten(target, stem, threads):
    command = [target / "release/rten-serve", f"{stem}.onnx"]
    return Child("rten", command, {"RTEN_NUM_THREADS": str(threads)})

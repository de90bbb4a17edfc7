"""The engines that are compared on a GPU, each from the bytes of a batch of 640x640 pictures to boxes on the host.

Each has `name` and `run()`, milliseconds of one batch, with the device idle before and after."""

import gc
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "compare"))

import models

HALF = torch.float16


def installed(variant, batch, device, folder):
    """Every engine that is installed, for a batch of `prepare`'s picture; one that is not is named and left out."""
    picture = cv2.cvtColor(cv2.imread(str(folder / "picture.png")), cv2.COLOR_BGR2RGB)
    pictures = np.stack([picture] * batch)
    makers = [
        lambda: PyTorch(variant, pictures, device, "eager", torch.float32),
        lambda: PyTorch(variant, pictures, device, "channels_last", HALF),
        lambda: PyTorch(variant, pictures, device, "compile", torch.float32),
        lambda: PyTorch(variant, pictures, device, "compile", HALF),
        lambda: OnnxRuntime(variant, pictures, "CUDAExecutionProvider", folder),
        lambda: OnnxRuntime(variant, pictures, "TensorrtExecutionProvider", folder),
    ]
    for make in makers:
        try:
            yield make()
        except Exception as error:  # One that fails must not end the others.
            print(f"left out: {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}", flush=True)


def release():
    """Gives back what engines that are dropped leave on the GPU."""
    gc.collect()
    torch._dynamo.reset()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def prepare(program, street, variants, folder):
    """Writes the street as the network sees it, and the variants' weights, random but normalised on it, as files of
    the program; returns picture and weights."""
    planes = models.letterbox(cv2.imread(str(street)))
    picture = folder / "picture.png"
    cv2.imwrite(str(picture), (planes[0].transpose(1, 2, 0)[:, :, ::-1] * 255).round().astype(np.uint8))
    weights = {}
    for variant in variants:
        checkpoint = folder / f"yolov10{variant}.pt"
        torch.save(models.calibrated(variant, torch.from_numpy(planes)).state_dict(), checkpoint)
        subprocess.run([program, "convert", str(checkpoint)], check=True)
        weights[variant] = checkpoint.with_suffix(".safetensors")
    return picture, weights


def detector(variant):
    """YOLOv10 as ultralytics builds it, decoding and choosing the best 300 included; random weights."""
    from ultralytics.nn.tasks import DetectionModel

    torch.manual_seed(0)
    model = DetectionModel(f"yolov10{variant}.yaml", verbose=False).eval()
    # Fusing drops the head that is not in use: keep the one-to-one.
    model.model[-1].end2end = True
    return model.fuse(verbose=False)


class PyTorch:
    """`mode` is "eager", "channels_last" or "compile"; compiled, it is captured in a CUDA graph."""

    def __init__(self, variant, pictures, device, mode, dtype):
        self.name = f"PyTorch {mode} {'f16' if dtype is HALF else 'f32'}"
        self.device, self.dtype = torch.device(device), dtype
        self.layout = torch.contiguous_format if mode == "eager" else torch.channels_last
        # What PyTorch's own convolutions do by default, for its products, too: as yolo10-burn's --dtype tf32.
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
        torch.backends.cudnn.benchmark = True
        self.model = detector(variant).to(self.device, dtype, memory_format=self.layout)
        if mode == "compile":
            # Blocks of one kind share their code: past the limit, the last ones would run uncompiled.
            torch._dynamo.config.recompile_limit = 64
            self.model = torch.compile(self.model, mode="max-autotune", fullgraph=False, dynamic=False)
        # NHWC bytes, pinned as a careful user has them.
        self.pictures = torch.from_numpy(pictures)
        if self.device.type == "cuda":
            self.pictures = self.pictures.pin_memory()
        with torch.inference_mode():
            for _ in range(5):
                self.boxes()

    def boxes(self):
        planes = self.pictures.to(self.device, non_blocking=True).permute(0, 3, 1, 2)
        planes = (planes.to(self.dtype) / 255).contiguous(memory_format=self.layout)
        found = self.model(planes)
        found = found[0] if isinstance(found, (tuple, list)) else found
        return found.float().cpu().numpy()

    def run(self):
        with torch.inference_mode():
            started = time.perf_counter()
            self.boxes()
            return 1e3 * (time.perf_counter() - started)


class OnnxRuntime:
    """The graph that ultralytics exports, on the provider: CUDA or TensorRT."""

    def __init__(self, variant, pictures, provider, folder):
        import onnxruntime

        if provider not in onnxruntime.get_available_providers():
            raise ModuleNotFoundError(provider)
        self.name = f"ONNX Runtime {provider.removesuffix('ExecutionProvider')} f32"
        path = folder / f"yolov10{variant}.onnx"
        if not path.exists():
            model = detector(variant)
            model.model[-1].export, model.model[-1].format = True, "onnx"
            torch.onnx.export(
                model,
                torch.zeros(1, 3, *pictures.shape[1:3]),
                path,
                input_names=["images"],
                dynamic_axes={"images": {0: "batch"}},
                dynamo=False,
            )
        self.session = onnxruntime.InferenceSession(path, providers=[provider])
        assert self.session.get_providers()[0] == provider, f"{provider} fell back"
        self.pictures = pictures
        for _ in range(3):
            self.run()

    def run(self):
        started = time.perf_counter()
        planes = self.pictures.transpose(0, 3, 1, 2).astype(np.float32) / 255
        self.session.run(None, {"images": planes})
        return 1e3 * (time.perf_counter() - started)

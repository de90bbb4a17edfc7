"""The engines that are compared on a GPU, each from the bytes of a batch of 640x640 pictures to boxes on the host.

Each has `name` and `run()`, milliseconds of one batch, with the device idle before and after."""

import time

import numpy as np
import torch

HALF = torch.float16


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
            self.model = torch.compile(self.model, mode="max-autotune", fullgraph=False)
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

"""Writes the six variants with random weights in every form that an engine reads.

    python models.py FOLDER PICTURE [VARIANTS]

Per variant: `yolov10?.pt` (state dict, for the converter), `yolov10?.onnx` and `yolov10?.torchscript` (from the input
to the six raw maps of the one-to-one head), ncnn's files, and `yolov10?-whole.onnx` (to the 300 best boxes, as
ultralytics exports it). `input.bin` is PICTURE as the network sees it. Speed does not depend on what weights were
trained for, so none are downloaded; normalisation is calibrated on PICTURE, so that numbers stay of order 1, and
the class biases are set so that a few boxes pass the usual threshold.
"""

import copy
import sys
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import nn
from ultralytics.nn.tasks import DetectionModel

SIDE = 640
PAD = 114
THRESHOLD_LOGIT = float(np.log(0.25 / 0.75))
BOXES = 20
"""Of 640x640's 8400 anchors with 80 classes so many pass the threshold."""


class RawHead(nn.Module):
    """The head without decoding: boxes of P3, P4, P5, then classes."""

    def __init__(self, head):
        super().__init__()
        self.boxes, self.classes = head.one2one_cv2, head.one2one_cv3
        # What the model's own loop asks a layer for.
        self.f, self.i, self.type = head.f, head.i, head.type

    def forward(self, features):
        branches = (self.boxes, self.classes)
        return tuple(conv(x) for branch in branches for conv, x in zip(branch, features))


def letterbox(picture):
    """RGB planes [1, 3, 640, 640] in 0..1 of a BGR picture, grey around it."""
    height, width = picture.shape[:2]
    gain = min(SIDE / height, SIDE / width)
    height, width = round(height * gain), round(width * gain)
    top, left = (SIDE - height) // 2, (SIDE - width) // 2
    square = np.full((SIDE, SIDE, 3), PAD, np.uint8)
    square[top : top + height, left : left + width] = cv2.resize(picture, (width, height))
    return cv2.dnn.blobFromImage(square, 1 / 255, swapRB=True)


def calibrated(variant, planes):
    """The network with statistics and class biases that suit the picture."""
    torch.manual_seed(0)
    model = DetectionModel(f"yolov10{variant}.yaml", verbose=False)
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 1.0
    with torch.no_grad():
        model.train()(planes)
        for norm, momentum in zip(norms, momenta):
            norm.momentum = momentum
        model.eval()
        *_, small, middle, large = raw(copy.deepcopy(model))(planes)
        logits = torch.cat([maps.flatten() for maps in (small, middle, large)])
        shift = THRESHOLD_LOGIT - logits.topk(BOXES).values[-1]
        for branch in model.model[-1].one2one_cv3:
            branch[-1].bias += shift
    return model


def raw(model):
    """The network cut at its raw maps; `model` is used up."""
    model.model[-1] = RawHead(model.model[-1])
    return model


def export(model, planes, path, output_names):
    torch.onnx.export(
        model, planes, path, opset_version=17, input_names=["images"], output_names=output_names, dynamo=False
    )


def write(variant, folder, planes):
    import pnnx

    model = calibrated(variant, planes)
    torch.save(model.state_dict(), folder / f"yolov10{variant}.pt")
    # Fusing drops the head that is not in use: keep the one-to-one.
    model.model[-1].end2end = True
    model.fuse(verbose=False)
    with torch.no_grad():
        whole = copy.deepcopy(model)
        whole.model[-1].export, whole.model[-1].format = True, "onnx"
        export(whole, planes, folder / f"yolov10{variant}-whole.onnx", ["detections"])
        cut = raw(model)
        kinds = [f"{kind}{scale}" for kind in ("boxes", "classes") for scale in (3, 4, 5)]
        export(cut, planes, folder / f"yolov10{variant}.onnx", kinds)
        # Beside the TorchScript file: a .param and a .bin with numbers in f32.
        pnnx.export(cut, str(folder / f"yolov10{variant}.torchscript"), planes, fp16=False)


def main():
    folder, picture = Path(sys.argv[1]), sys.argv[2]
    variants = sys.argv[3] if len(sys.argv) > 3 else "nsmblx"
    folder.mkdir(parents=True, exist_ok=True)
    planes = letterbox(cv2.imread(picture))
    planes.tofile(folder / "input.bin")
    for variant in variants:
        if not (folder / f"yolov10{variant}.onnx").exists():
            write(variant, folder, torch.from_numpy(planes))


if __name__ == "__main__":
    main()

"""What the goldens would be without rounding: the same networks, weights and input in f64.

usage: exact.py OUT.json [scales]        beside goldens.py and its files; pip install torch ultralytics safetensors

The formula's networks are deep, untrained and normalised by the statistics of one small input, so that they amplify
rounding: for x, PyTorch's own f32 is off by hundredths of a standard deviation at the end. Written for each tensor of
the goldens: `value`, its samples in f64, and `deviation`, the largest distance of PyTorch's f32, fused as it predicts or not,
from f64 over all of the tensor, in its standard deviations; `rounded`, the same of tf32, f16 and bf16 as root mean square,
for there the largest is soon as large as the numbers. `top`: the 20 best detections in f64; `top_deviation`: how far the
edges of f32 boxes are off at most, in pixels, and the scores, over all anchors.
"""
import contextlib, copy, json, sys
from pathlib import Path
import torch
from safetensors.torch import load_file
from torch.overrides import TorchFunctionMode
from ultralytics.nn.tasks import DetectionModel
import goldens

class Tf32(TorchFunctionMode):
    """Rounds the factors of f32 products to 11 bits, as tensor cores do; the sums stay f32."""
    PRODUCTS = (torch.conv2d, torch.nn.functional.conv2d, torch.matmul, torch.Tensor.matmul, torch.Tensor.__matmul__)

    @staticmethod
    def rounded(factor):
        bits = factor.contiguous().view(torch.int32)
        return ((bits + 0xFFF + ((bits >> 13) & 1)) & ~0x1FFF).view(torch.float32)

    def __torch_function__(self, function, types, args=(), kwargs=None):
        if function in self.PRODUCTS:
            args = (*map(self.rounded, args[:2]), *args[2:])
        return function(*args, **(kwargs or {}))

ROUNDED = {
    "tf32": (torch.float32, Tf32),
    "f16": (torch.float16, contextlib.nullcontext),
    "bf16": (torch.bfloat16, contextlib.nullcontext),
}

def run(model, x):
    layers, hooks = {}, []
    for i, layer in enumerate(model.model[:-1]):
        hooks.append(layer.register_forward_hook(lambda _m, _i, o, i=i: layers.__setitem__(str(i), o.detach().double().flatten())))
    with torch.no_grad():
        top, raw = model(x)
    for hook in hooks:
        hook.remove()
    for head in ("one2one", "one2many"):
        if "boxes" not in raw.get(head, {}):  # fusing drops the head that prediction does not use
            continue
        for kind in ("boxes", "scores"):
            layers[f"{head}_{kind}"] = raw[head][kind].double().flatten()
    return layers, top[0].double()

def distances(layers, shape):
    """Every anchor's distances to its box's sides, in pixels."""
    bins = layers["one2one_boxes"].reshape(4, 16, -1).softmax(1)
    cells = (bins * torch.arange(16.0, dtype=torch.float64)[None, :, None]).sum(1)
    counts = [shape[2] // stride * (shape[3] // stride) for stride in (8, 16, 32)]
    return cells * torch.repeat_interleave(torch.tensor([8.0, 16.0, 32.0]), torch.tensor(counts))

def exact(scale):
    here = Path(__file__).parent
    golden = json.loads((here / f"yolov10{scale}.json").read_text())
    model = goldens.fill(DetectionModel(f"yolov10{scale}.yaml", verbose=False).eval(), golden["salt"])
    model.model[-1].end2end = True
    state = model.state_dict()
    for name, statistic in load_file(here / f"yolov10{scale}.safetensors").items():
        state[name].copy_(statistic)
    x = goldens.make_input(golden["salt"], *golden["input"][2:])
    def singles(dtype, mode=contextlib.nullcontext):
        with mode():
            return [run(form.to(dtype), x.to(dtype))[0] for form in (copy.deepcopy(model), copy.deepcopy(model).fuse(verbose=False))]
    f32 = singles(torch.float32)
    rounded = {name: singles(*precision) for name, precision in ROUNDED.items()}
    double, top = run(model.double(), x.double())
    def deviation(runs, of):
        return max(of(run, double) for run in runs)
    tensors = {}
    for name, value in double.items():
        index = (golden["layers"].get(name) or golden.get(name))["index"]
        std = value.std(unbiased=False)
        largest = lambda run, _: (run[name] - value).abs().max().item() if name in run else 0.0
        mean = lambda run, _: (run[name] - value).square().mean().sqrt().item() if name in run else 0.0
        tensors[name] = {
            "value": [value[i].item() for i in index],
            "std": std.item(),
            "deviation": deviation(f32, largest) / std.item(),
            "rounded": {precision: deviation(runs, mean) / std.item() for precision, runs in rounded.items()},
        }
    size = golden["input"]
    edges = deviation(f32, lambda run, double: (distances(run, size) - distances(double, size)).abs().max().item())
    score = lambda layers: layers["one2one_scores"].sigmoid()
    scores = deviation(f32, lambda run, double: (score(run) - score(double)).abs().max().item())
    return {"tensors": tensors, "top": top[:20].tolist(), "top_deviation": [edges, scores]}

if __name__ == "__main__":
    out, scales = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "nsmblx"
    json.dump({s: exact(s) for s in scales}, open(out, "w"), separators=(",", ":"))

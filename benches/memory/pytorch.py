"""What PyTorch and ultralytics hold on the CPU, in the states of docs/memory.md: the resident set of this process.

    python benches/memory/pytorch.py yolov10n.pt street.jpg [--cycles 20]

Prints a row per state, in MB of 1,000,000 bytes, as `yolo10-burn memory` does. With a CUDA device and --device cuda
it adds what torch.cuda counts as allocated and as reserved, and what the driver says is in use.
"""

import argparse
import gc
from pathlib import Path


def resident():
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) * 1024


def row(state, device):
    cells = [resident()]
    if device != "cpu":
        import torch

        free, total = torch.cuda.mem_get_info()
        cells += [torch.cuda.memory_allocated(), torch.cuda.memory_reserved(), total - free]
    print(f"{state:<28}" + "".join(f"{cell / 1e6:>12.1f}" for cell in cells), flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("weights")
    parser.add_argument("picture")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--imgsz", type=int, default=640)
    parser.add_argument("--cycles", type=int, default=20)
    args = parser.parse_args()
    device = args.device

    def load():
        from ultralytics import YOLO

        return YOLO(args.weights)

    def run(model):
        return model.predict(args.picture, imgsz=args.imgsz, device=device, verbose=False)

    def free():
        gc.collect()
        if device != "cpu":
            import torch

            torch.cuda.empty_cache()

    print(f"{'after':<28}{'resident':>12}" + ("" if device == "cpu" else f"{'allocated':>12}{'reserved':>12}{'driver':>12}"))
    row("start of Python", "cpu")
    import torch
    import ultralytics  # noqa: F401  (its import is a state of its own)

    row("import", device)
    model = load()
    row("load", device)
    results = run(model)
    row("run", device)
    run(model)
    row("run again", device)
    del model
    row("del model", device)
    free()
    row("gc.collect, empty_cache", device)
    del results
    free()
    row("del results, the same", device)
    for cycle in range(args.cycles):
        model = load()
        run(model)
        del model
        free()
        if cycle + 1 in (1, args.cycles // 2, args.cycles):
            row(f"load, run, free: cycle {cycle + 1}", device)
    print(f"torch {torch.__version__}, ultralytics {ultralytics.__version__}, {torch.get_num_threads()} threads")


if __name__ == "__main__":
    main()

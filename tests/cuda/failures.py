"""Every way in which a device or a toolkit fails is one line on standard error and exit code 2, or is got over.

    failures.py STANDIN TOOLKIT PROGRAM [--all]

Kernels do nothing here: what they would compute is not the question. With `--all` an allocation fails at every call, not
at some."""

import argparse
import re
import shutil
from pathlib import Path

from standin import STREET, Checks, StandIn

REFUSED = [
    # Settings of the stand-in; what the one line has to say.
    ("no GPU", {"gpus": "none"}, r"no CUDA-capable device is detected \(CUDA_ERROR_NO_DEVICE\)"),
    ("an unknown error of the driver", {"fail": "cuInit:1:999"}, r"CUDA_ERROR_UNKNOWN"),
    ("a driver that is not its library's", {"fail": "cuInit:1:803"}, r"CUDA_ERROR_SYSTEM_DRIVER_MISMATCH"),
    ("a driver from before CUDA 12.8", {"driver": 12040}, r"expected an NVIDIA driver for CUDA 12\.8 or newer, found one for 12\.4"),
    ("a compiler newer than the driver", {"driver": 12080}, r"NVRTC 13\.0 is newer than the driver, which is for CUDA 12\.8"),
    ("a busy GPU", {"fail": "cuDevicePrimaryCtxRetain:1:46"}, r"no context: .*CUDA_ERROR_DEVICE_UNAVAILABLE"),
    ("no memory for a context", {"fail": "cuDevicePrimaryCtxRetain:1:2"}, r"no context: out of memory .*; \d+ of its \d+ bytes are free"),
    ("no memory for a stream", {"fail": "cuStreamCreate:1:2"}, r"no stream: out of memory"),
    ("no memory for the second stream", {"fail": "cuStreamCreate:2:2"}, r"no stream: out of memory"),
    ("no memory for the third stream", {"fail": "cuStreamCreate:3:2"}, r"no stream: out of memory"),
    ("compute capability 5.0", {"gpus": "gtx750"}, r"compute capability 7\.5 to 12\.1, this GPU has 5\.0"),
    ("compute capability 6.1", {"gpus": "gtx1080"}, r"compute capability 7\.5 to 12\.1, this GPU has 6\.1"),
    ("compute capability 7.0", {"gpus": "v100"}, r"compute capability 7\.5 to 12\.1, this GPU has 7\.0"),
    ("a compiler without its builtins", {"fail": "nvrtcCompileProgram:-1:7"}, r"failed to open libnvrtc-builtins"),
    ("a compiler out of memory", {"fail": "nvrtcCompileProgram:-2:1"}, r"out of memory|OUT_OF_MEMORY|a failure that the stand-in was asked for"),
    ("a kernel that does not compile", {"fail": "nvrtcCompileProgram:-5:6"}, r"a failure that the stand-in was asked for"),
    ("a module that can't be loaded", {"fail": "cuModuleLoadData:-3:218"}, r"CUDA_ERROR_INVALID_PTX|JIT"),
    ("no memory for weights", {"fail": "cuMemAlloc:-1:2"}, r"[Oo]ut of memory"),
    ("no memory for activations", {"fail": "cuMemAlloc:-4:2"}, r"[Oo]ut of memory"),
    ("no pinned memory", {"fail": "cuMemAllocHost:-1:2"}, r"."),
    ("a launch out of bounds", {"fail": "cuLaunchKernel:5:700"}, r"CUDA_ERROR_ILLEGAL_ADDRESS|700"),
    ("a later launch out of bounds", {"fail": "cuLaunchKernel:200:700"}, r"CUDA_ERROR_ILLEGAL_ADDRESS|700"),
    ("a launch that is refused", {"fail": "cuLaunchKernel:-20:701"}, r"CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES|701"),
    ("a copy back that fails", {"fail": "cuMemcpyDtoHAsync:-1:700"}, r"CUDA_ERROR_ILLEGAL_ADDRESS|700"),
    ("a wait that fails", {"fail": "cuEventSynchronize:3:700"}, r"CUDA_ERROR_ILLEGAL_ADDRESS|700"),
    ("a graph that faults", {"fail": "cuGraphLaunch:1:719"}, r"CUDA_ERROR_LAUNCH_FAILED|719"),
    ("an uncorrectable error of memory", {"fail": "cuLaunchKernel:100:214"}, r"CUDA_ERROR_ECC_UNCORRECTABLE|214"),
]
GOT_OVER = [
    # What stays without result for the user: three pictures, exit code 0.
    ("nothing at all", {}),
    ("a recording that is refused", {"fail": "cuStreamBeginCapture:1:900"}),
    ("a recording that ends badly", {"fail": "cuStreamEndCapture:1:901"}),
    ("a graph that can't be instantiated", {"fail": "cuGraphInstantiate:1:2"}),
    ("one failed allocation", {"fail": "cuMemAlloc:3:2"}),
    ("no NVML", {"nvml": 0}),
    ("another GPU beside it", {"gpus": "h100,t4"}),
    ("a GPU of 4 GiB", {"gpus": "gtx1650"}),
    ("a GPU with 128 MiB free", {"gpus": "gtx1650:1024", "others_mib": 1024 - 128 - 128 - 4}),
]
TOOLKITS = [
    # What is taken out of the headers; what the line has to say.
    ("no headers", "*", r"no CUDA headers"),
    ("headers without crt", "crt", r"incomplete: .*crt/"),
    ("headers without cccl", "cccl", r"incomplete: there is no cuda/barrier"),
    ("headers without mma.h", "mma.h", r"incomplete: .*mma\.h"),
    ("headers without cuda_fp16.h", "cuda_fp16.h", r"no CUDA headers"),
]

PICTURES = 3
"""Of each run: a failure may be said once for each."""


def one_line(ran, pattern, most=PICTURES):
    """What is wrong with how it failed, if anything: so many lines at most."""
    errors = ran.errors()
    if ran.code != 2:
        return f"expected exit code 2, found {ran.code}\n{ran.err}"
    if not 1 <= len(errors) <= most or not all(line.startswith("error: ") for line in errors):
        return f"expected {most} lines at most, found {len(errors)}\n{ran.err}"
    if not re.search(pattern, errors[0]):
        return f"expected {pattern} in\n{errors[0]}"
    return ""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("standin", type=Path)
    parser.add_argument("toolkit", type=Path)
    parser.add_argument("program", type=Path)
    parser.add_argument("--nvrtc", type=Path, help="the folder of the real compiler, for toolkits that lack something")
    parser.add_argument("--all", action="store_true")
    args = parser.parse_args()
    stand_in = StandIn(args.standin, args.toolkit)
    checks = Checks("failures")

    def run(settings, *more):
        words = [args.program, "run", STREET, STREET, STREET, "--device", "cuda", "--dtype", "f32", "--no-save"]
        # Where the compiler is to fail, nothing may be compiled already.
        fresh = "nvrtc" in settings.get("fail", "") or "cuModule" in settings.get("fail", "")
        cache = ["--cache-dir", args.standin / (f"kernels-{stand_in.runs}" if fresh else "kernels-none")]
        return stand_in.run(*words, *cache, *more, kernels="none", limit=120, **settings)

    run({})  # so that kernels are compiled, and calls have the same numbers in every run
    for name, settings, pattern in REFUSED:
        problem = one_line(run(settings), pattern)
        checks.check(f"{name} is refused in one line", not problem, problem)
    for name, settings in GOT_OVER:
        ran = run(settings)
        checks.check(f"{name} is got over", ran.code in (0, 1) and not ran.errors(), ran.err)
    problem = one_line(run({}, "--device", "cuda:9"), r"expected a number below 1, the GPUs of this machine, found 9")
    checks.check("a GPU that is not there is refused in one line", not problem, problem)

    allocations = run({"calls": 1}).number(r"^calls: (\d+) cuMemAlloc$")
    step = 1 if args.all else max(1, allocations // 12)
    for kind, sign in (("one", 1), ("every", -1)):
        wrong = []
        for call in range(1, allocations + 1, step):
            ran = run({"fail": f"cuMemAlloc:{sign * call}:2"})
            # One that fails alone spoils one picture at most: the next is found.
            problem = "" if ran.code in (0, 1) and not ran.errors() else one_line(ran, r"[Oo]ut of memory", 1 if sign > 0 else PICTURES)
            left = ran.held_at_exit()["allocations"]
            problem = problem or (f"{left} allocations are left" if left else "")
            wrong += [f"at call {call}: {problem}"] if problem else []
        name = f"{kind} allocation that fails {'at' if sign > 0 else 'from'} call 1 to {allocations} on, each {step}.,"
        checks.check(f"{name} is got over or refused in one line, and nothing is left", not wrong, "\n".join(wrong))

    if args.nvrtc:
        for name, lacking, pattern in TOOLKITS:
            toolkit = args.standin / "toolkits" / lacking.replace("*", "none")
            shutil.rmtree(toolkit, ignore_errors=True)
            shutil.copytree(args.toolkit / "include", toolkit / "include", symlinks=True)
            for found in list((toolkit / "include").glob(lacking)):
                shutil.rmtree(found) if found.is_dir() else found.unlink()
            libraries = f"{args.nvrtc}:{args.standin / 'driver'}"
            problem = one_line(run({"CUDA_PATH": toolkit, "LD_LIBRARY_PATH": libraries}), pattern)
            checks.check(f"{name} are refused in one line", not problem, problem)
            shutil.rmtree(toolkit)
    checks.end()


if __name__ == "__main__":
    main()

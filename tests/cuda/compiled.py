"""What the real NVRTC makes of the kernels that the stand-in was given: do they compile for each card, how many registers
and how much memory does each take, does it spill, how long does it take.

    compiled.py LIST... TOOLKIT [--arch sm_75 sm_80 sm_90a sm_100a] [--most N] [--table FILE] [--details FILE]

LIST is a file that results.py left, with a kernel's source and its dynamic shared bytes a line, or a folder of sources. No
driver is needed, and none of the kernels is run."""

import argparse
import ctypes
import re
import sys
import time
from multiprocessing import Pool
from pathlib import Path

REGISTERS = 65536
"""Of a processor, on every card from 7.5 on; a block has to fit in them."""
SHARED = {75: 65536, 80: 166912, 86: 101376, 89: 101376, 90: 232448, 100: 232448, 120: 101376}
"""Bytes that a block may have at most."""
LOCAL = r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads"
USED = r"Used (\d+) registers(?:.*?, (\d+) bytes smem)?"


def library(toolkit):
    """The compiler, as a library."""
    folder = toolkit / "lib"
    # The compiler opens its builtins by name, without a folder.
    for name in sorted(folder.glob("libnvrtc-builtins.so*")):
        ctypes.CDLL(str(name), mode=ctypes.RTLD_GLOBAL)
    [found, *_] = sorted(folder.glob("libnvrtc.so*"))
    return ctypes.CDLL(str(found))


def sources(lists):
    """Paths of sources, each with its dynamic shared bytes."""
    found = {}
    for one in lists:
        if one.is_dir():
            found.update({path: 0 for path in one.glob("*.cu")})
            continue
        for line in one.read_text().splitlines():
            shared, path = line.split(" ", 1)
            found[Path(path)] = max(int(shared), found.get(Path(path), 0))
    return sorted(found.items())


def compile_one(job):
    """One source for one architecture."""
    (path, dynamic), arch, toolkit = job
    nvrtc = library(toolkit)
    source = path.read_text()
    program = ctypes.c_void_p()
    include = toolkit / "include"
    # As cubecl asks, and for the resources of each kernel.
    options = [
        f"--gpu-architecture={arch}",
        f"--include-path={include}",
        f"--include-path={include}/cccl",
        "-lineinfo",
        "--ptxas-options=-v",
    ]
    words = (ctypes.c_char_p * len(options))(*[option.encode() for option in options])
    nvrtc.nvrtcCreateProgram(ctypes.byref(program), source.encode(), None, 0, None, None)
    started = time.monotonic()
    result = nvrtc.nvrtcCompileProgram(program, len(options), words)
    seconds = time.monotonic() - started
    size = ctypes.c_size_t()
    nvrtc.nvrtcGetProgramLogSize(program, ctypes.byref(size))
    buffer = ctypes.create_string_buffer(size.value)
    nvrtc.nvrtcGetProgramLog(program, buffer)
    log = buffer.value.decode(errors="replace").strip()
    cubin = ctypes.c_size_t()
    if result == 0:
        nvrtc.nvrtcGetCUBINSize(program, ctypes.byref(cubin))
    nvrtc.nvrtcDestroyProgram(ctypes.byref(program))
    name = re.search(r"__launch_bounds__\((\d+)\)\s*(?:__cluster_dims__\([^)]*\))?\s*(\w+)", source)
    local, used = re.search(LOCAL, log), re.search(USED, log)
    return {
        "source": path.stem,
        "kernel": name.group(2) if name else "?",
        "threads": int(name.group(1)) if name else 0,
        "arch": arch,
        "failed": result != 0,
        "log": log,
        "seconds": seconds,
        "cubin": cubin.value,
        "registers": int(used.group(1)) if used else 0,
        "shared": int(used.group(2) or 0) + dynamic if used else 0,
        "local": int(local.group(1)) if local else 0,
        "spilled": max(int(local.group(2)), int(local.group(3))) if local else 0,
    }


def problems(one):
    """What of it a card can't give, or what slows it down, in words."""
    if one["failed"]:
        return ["does not compile: " + (one["log"].splitlines() or ["?"])[0]]
    capability = int(re.search(r"\d+", one["arch"]).group())
    words = []
    warps = -(-one["threads"] // 32)
    if (one["registers"] + 7) // 8 * 8 * 32 * warps > REGISTERS:
        words.append(f"{one['registers']} registers in {one['threads']} threads do not fit a processor")
    if one["shared"] > SHARED[capability]:
        words.append(f"{one['shared']} bytes shared, a block has {SHARED[capability]}")
    if one["spilled"]:
        words.append(f"{one['spilled']} bytes spilled")
    elif one["local"]:
        words.append(f"{one['local']} bytes of local memory")
    return words


def fits(one):
    """Whether the card can launch it."""
    return not any("do not fit" in words or "a block has" in words for words in problems(one))


def summary(done, archs):
    """A table with a line for each architecture."""
    lines = [
        "| for | kernels | compiled in (s) | registers at most | shared at most, of | spill | have local memory | do not fit |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for arch in archs:
        of_arch = [one for one in done if one["arch"] == arch]
        good = [one for one in of_arch if not one["failed"]]
        block = SHARED[int(re.search(r"\d+", arch).group())]

        def most(key):
            return max((one[key] for one in good), default=0)

        lines.append(
            f"| {arch} | {len(good)} of {len(of_arch)} | {sum(one['seconds'] for one in of_arch):.0f} | {most('registers')} of 255 | "
            f"{most('shared')} of {block} | {sum(one['spilled'] > 0 for one in good)} | {sum(one['local'] > 0 for one in good)} | "
            f"{sum(not fits(one) for one in good)} |"
        )
    return lines


def details(done, archs):
    """A table with a line for each kernel: registers, shared, spilled and local bytes for each architecture."""
    lines = [f"| kernel | threads | {' | '.join(archs)} |", "|---|---|" + "---|" * len(archs)]
    for source in sorted({(one["kernel"], one["source"]) for one in done}):
        row = {one["arch"]: one for one in done if (one["kernel"], one["source"]) == source}
        first = next(iter(row.values()))

        def cell(one):
            more = "".join(f", {one[key]} {word}" for key, word in (("shared", "shared"), ("spilled", "spilled")) if one[key])
            return "does not compile" if one["failed"] else f"{one['registers']}{more}"

        lines.append(f"| `{source[0]}` {source[1][:6]} | {first['threads']} | {' | '.join(cell(row[arch]) for arch in archs)} |")
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lists", type=Path, nargs="+", metavar="LIST")
    parser.add_argument("toolkit", type=Path)
    parser.add_argument("--arch", nargs="+", default=["sm_75", "sm_80", "sm_90a", "sm_100a"])
    parser.add_argument("--most", type=int, help="so many sources, chosen evenly")
    parser.add_argument("--table", type=Path, help="where the table of architectures goes, for docs/gpu.md")
    parser.add_argument("--details", type=Path, help="where the table of kernels goes")
    parser.add_argument("--processes", type=int, default=2)
    args = parser.parse_args()
    chosen = sources(args.lists)
    if not chosen:
        sys.exit("no kernels were given")
    if args.most and len(chosen) > args.most:
        chosen = [chosen[index * len(chosen) // args.most] for index in range(args.most)]
    jobs = [(source, arch, args.toolkit) for arch in args.arch for source in chosen]
    print(f"== {len(chosen)} kernels for {', '.join(args.arch)}", flush=True)
    started = time.monotonic()
    with Pool(args.processes) as pool:
        done = pool.map(compile_one, jobs, chunksize=4)
    for one in done:
        for words in problems(one):
            print(f"{one['arch']} {one['kernel']} ({one['source']}): {words}"[:300], flush=True)
    lines = summary(done, args.arch)
    print("\n".join(lines))
    slowest = sorted(done, key=lambda one: -one["seconds"])[:3]
    print(f"{time.monotonic() - started:.0f} s; slowest: " + ", ".join(f"{one['kernel']} {one['seconds']:.1f} s" for one in slowest))
    if args.table:
        args.table.write_text("\n".join(lines) + "\n")
    if args.details:
        args.details.write_text("\n".join(details(done, args.arch)) + "\n")
    sys.exit(1 if any(one["failed"] or not fits(one) for one in done) else 0)


if __name__ == "__main__":
    main()

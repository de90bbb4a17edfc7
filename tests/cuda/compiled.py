"""What the real NVRTC makes of the kernels that the stand-in was given: do they compile for each card, how many registers
and how much memory do they take, how long does it take.

    compiled.py OBJECTS TOOLKIT [--arch sm_75 sm_80 sm_90a sm_100a] [--most N] [--table FILE]

OBJECTS is the stand-in's folder of sources, or one of `kernels-*`'s lists; no driver is needed, and none of the kernels is
run."""

import argparse
import ctypes
import re
import struct
import sys
import time
from multiprocessing import Pool
from pathlib import Path

THREAD_REGISTERS = 255
REGISTERS = {75: 65536, 80: 65536, 89: 65536, 90: 65536, 100: 65536, 120: 65536}
"""Of a processor, which a block has to fit in."""
SHARED = {75: 65536, 80: 166912, 89: 101376, 90: 232448, 100: 232448, 120: 101376}
"""Bytes that a block may have at most."""
REGCOUNT, FRAME_SIZE = 0x2F, 0x11
"""Attributes of a kernel in a CUBIN's `.nv.info`."""


def library(toolkit):
    folder = toolkit / "lib"
    # The compiler opens its builtins by name, without a folder.
    for name in sorted(folder.glob("libnvrtc-builtins.so*")):
        ctypes.CDLL(str(name), mode=ctypes.RTLD_GLOBAL)
    [found, *_] = sorted(folder.glob("libnvrtc.so*"))
    return ctypes.CDLL(str(found))


def compile_one(job):
    """One source for one architecture."""
    path, arch, toolkit = job
    nvrtc = library(toolkit)
    source = path.read_text()
    program = ctypes.c_void_p()
    include = toolkit / "include"
    options = [f"--gpu-architecture={arch}", f"--include-path={include}", f"--include-path={include}/cccl", "-lineinfo"]
    words = (ctypes.c_char_p * len(options))(*[option.encode() for option in options])
    nvrtc.nvrtcCreateProgram(ctypes.byref(program), source.encode(), None, 0, None, None)
    started = time.monotonic()
    result = nvrtc.nvrtcCompileProgram(program, len(options), words)
    seconds = time.monotonic() - started
    size = ctypes.c_size_t()
    nvrtc.nvrtcGetProgramLogSize(program, ctypes.byref(size))
    log = ctypes.create_string_buffer(size.value)
    nvrtc.nvrtcGetProgramLog(program, log)
    cubin = b""
    if result == 0:
        nvrtc.nvrtcGetCUBINSize(program, ctypes.byref(size))
        buffer = ctypes.create_string_buffer(size.value)
        nvrtc.nvrtcGetCUBIN(program, buffer)
        cubin = buffer.raw
    nvrtc.nvrtcDestroyProgram(ctypes.byref(program))
    name = re.search(r"__launch_bounds__\((\d+)\)\s*(?:__cluster_dims__\([^)]*\))?\s*(\w+)", source)
    found = resources(cubin) if cubin else {}
    return {
        "source": path.stem,
        "kernel": name.group(2) if name else "?",
        "threads": int(name.group(1)) if name else 0,
        "arch": arch,
        "failed": result != 0,
        "log": log.value.decode(errors="replace").strip(),
        "seconds": seconds,
        "cubin": len(cubin),
        **found,
    }


def resources(cubin):
    """Registers, bytes of a thread's own memory and static shared bytes, from an ELF's sections."""
    offset = struct.unpack_from("<Q", cubin, 0x28)[0]
    size, count, names = struct.unpack_from("<HHH", cubin, 0x3A)
    sections = [struct.unpack_from("<IIQQQQIIQQ", cubin, offset + index * size) for index in range(count)]
    table = sections[names][4]
    found = {"registers": 0, "local": 0, "shared": 0}
    for name, _, _, _, start, length, *_ in sections:
        label = cubin[table + name : cubin.index(b"\0", table + name)].decode()
        if label.startswith(".nv.shared."):
            found["shared"] = max(found["shared"], length)
        if not label.startswith(".nv.info"):
            continue
        at = start
        while at + 4 <= start + length:
            form, attribute, bytes_ = struct.unpack_from("<BBH", cubin, at)
            at += 4
            if form != 4:
                continue
            if bytes_ == 8 and attribute in (REGCOUNT, FRAME_SIZE):
                key = "registers" if attribute == REGCOUNT else "local"
                found[key] = max(found[key], struct.unpack_from("<I", cubin, at + 4)[0])
            at += bytes_
    return found


def problems(one):
    """What of it a card can't give, or what slows it down."""
    capability = int(re.search(r"\d+", one["arch"]).group())
    words = []
    if one["failed"]:
        words.append("does not compile: " + (one["log"].splitlines() or ["?"])[0])
        return words
    warps = -(-one["threads"] // 32)
    if (one["registers"] + 7) // 8 * 8 * 32 * warps > REGISTERS[capability]:
        words.append(f"{one['registers']} registers in {one['threads']} threads do not fit a processor")
    if one["shared"] > SHARED[capability]:
        words.append(f"{one['shared']} bytes shared, a block has {SHARED[capability]}")
    if one["local"]:
        words.append(f"{one['local']} bytes of its own memory")
    return words


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("objects", type=Path)
    parser.add_argument("toolkit", type=Path)
    parser.add_argument("--arch", nargs="+", default=["sm_75", "sm_80", "sm_90a", "sm_100a"])
    parser.add_argument("--most", type=int, help="so many sources, chosen evenly")
    parser.add_argument("--table", type=Path, help="a table for docs/gpu.md")
    parser.add_argument("--processes", type=int, default=2)
    args = parser.parse_args()
    sources = sorted(args.objects.glob("*.cu"))
    if args.most and len(sources) > args.most:
        sources = [sources[index * len(sources) // args.most] for index in range(args.most)]
    jobs = [(path, arch, args.toolkit) for arch in args.arch for path in sources]
    print(f"== {len(sources)} kernels for {', '.join(args.arch)}", flush=True)
    started = time.monotonic()
    with Pool(args.processes) as pool:
        done = pool.map(compile_one, jobs, chunksize=4)
    failed = 0
    lines = ["| for | kernels | compiled in (s) | largest CUBIN | registers at most | spill or have memory of their own |", "|---|---|---|---|---|---|"]
    for arch in args.arch:
        of_arch = [one for one in done if one["arch"] == arch]
        good = [one for one in of_arch if not one["failed"]]
        failed += len(of_arch) - len(good)
        local = [one for one in good if one["local"]]
        lines.append(
            f"| {arch} | {len(good)} of {len(of_arch)} | {sum(one['seconds'] for one in of_arch):.0f} | "
            f"{max((one['cubin'] for one in good), default=0)} | {max((one['registers'] for one in good), default=0)} | {len(local)} |"
        )
        for one in of_arch:
            for words in problems(one):
                print(f"{arch} {one['kernel']} ({one['source']}): {words}"[:300], flush=True)
    print("\n".join(lines))
    print(f"{time.monotonic() - started:.0f} s; slowest: " + ", ".join(
        f"{one['kernel']} {one['seconds']:.1f} s" for one in sorted(done, key=lambda one: -one["seconds"])[:3]))
    if args.table:
        args.table.write_text("\n".join(lines) + "\n")
    if not sources:
        sys.exit("no kernels were given")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()

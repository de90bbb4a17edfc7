#!/bin/sh
# yolo10-burn on a CUDA machine: first whether it is right, then how much memory it holds, then how fast it is beside
# PyTorch and what else is installed. Needs no Rust there, but the program, built elsewhere with
#
#     cargo build --release --features cuda && strip target/release/yolo10-burn
#
# this repository's `benches`, `tests/cuda`, `tests/golden` and `assets` beside each other, the CUDA toolkit's NVRTC and
# headers, and a Python with torch, ultralytics, opencv-python, onnx and onnxruntime-gpu (TensorRT is measured where that has it).
#
#     benches/cuda/run.sh PROGRAM [OUTPUT] [options of compare.py]        default OUTPUT: ./cuda-results
#
# `--no-peers` needs Python alone; `--val DATA.yaml` adds what each precision costs in accuracy on a data set. GOLDEN_TEST
# names the test built with `cargo test --release --features cuda --test golden_gpu --no-run`: then the layers of all six
# variants are held against PyTorch's in each precision, as deep as PyTorch's own rounding leaves something to compare.
# CUDA_DEVICE=1 is for another GPU than the first there. PYTHON names the interpreter. Everything that is printed is in
# OUTPUT/log.txt, the tables in OUTPUT/compare.md, every measured time in OUTPUT/compare.json.
set -eu
[ $# -gt 0 ] || { echo "usage: $0 PROGRAM [OUTPUT] [options of compare.py]" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
program=$1
output=${2:-cuda-results}
[ $# -gt 1 ] && shift
shift
python=${PYTHON:-python3}
mkdir -p "$output"

{
    "$program" --version
    "$program" doctor
    command -v nvidia-smi >/dev/null && nvidia-smi
    echo "== the memory contract"
    "$here/../../tests/cuda/contract.sh" "$program" || echo "see the verdicts above"
    if [ -n "${GOLDEN_TEST:-}" ]; then
        for dtype in f32 tf32 f16 bf16; do
            echo "== the goldens in $dtype"
            # CI: a device that is missing is a failure.
            CI=true GPU_DEVICE="cuda:${CUDA_DEVICE:-0}" GOLDEN_DTYPE=$dtype \
                GOLDEN_FOLDER="$here/../../tests/golden" "$GOLDEN_TEST" || echo "see the failures above"
        done
    fi
    echo "== correctness, then speed"
    "$python" -W ignore "$here/compare.py" "$program" "$output" "$@"
} 2>&1 | tee "$output/log.txt"

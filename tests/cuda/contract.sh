#!/bin/sh
# The memory contract on a CUDA machine: a verdict per promise, exit code 1 if one is broken. Needs neither Rust nor
# this repository there, but the program, built with `--features cuda`, and the CUDA toolkit's NVRTC and headers.
#
#     tests/cuda/contract.sh [PROGRAM] [WEIGHTS...]      default: ./yolo10-burn and its built-in weights
#
# CUDA_DEVICE=1 for another GPU than the first, CYCLES=20 for fewer cycles than 100.
set -u

program=${1:-./yolo10-burn}
[ $# -gt 0 ] && shift
device=cuda:${CUDA_DEVICE:-0}
cycles=${CYCLES:-100}
broken=0

check() {
    echo "== $*"
    "$@" || broken=1
    echo
}

in_use() {
    command -v nvidia-smi >/dev/null && nvidia-smi --query-gpu=index,memory.used --format=csv,noheader
}

echo "== in use before, as the driver says"; in_use
[ $# -gt 0 ] || set -- ""
for weights in "$@"; do
    check "$program" memory --device "$device" --cycles "$cycles" ${weights:+--weights "$weights"}
    check "$program" run --device "$device" --isolate --memory --no-save ${weights:+--weights "$weights"}
done
echo "== in use after, as the driver says"; in_use
[ "$broken" = 0 ] && echo "every promise kept" || echo "A PROMISE IS BROKEN"
exit "$broken"

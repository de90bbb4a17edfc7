#!/bin/sh
# Measures how the CPU engine's cost grows with variant, input size, batch and threads, and plots it: ./growth.sh
#
# Needs the weights that compare/run.sh makes, and its Python.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/.."
target=$(realpath "${CARGO_TARGET_DIR:-$PWD/target}")
models=$target/compare/models
results=$here/compare/results
python=${PYTHON:-$target/compare/venv/bin/python}

cargo build --release --bin yolo10-burn
bench() {
    "$target/release/yolo10-burn" bench --no-rect --threads 1,2 --duration 2 --json "$@"
}
mkdir -p "$results"
(
    # The rows name the weights as they were given.
    cd "$models"
    bench --imgsz 320 480 640 960 1280 --weights yolov10n.safetensors
    bench --imgsz 640 --batch 2,4,8 --weights yolov10n.safetensors
    for variant in s m b l x; do
        bench --imgsz 640 --weights "yolov10$variant.safetensors"
    done
) > "$results/growth.jsonl"
"$python" "$here/plot.py" "$results/growth.jsonl" "$here/growth.png"

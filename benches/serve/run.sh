#!/usr/bin/env bash
# Measures the server beside its peers, which take turns on the same cores with the same weights, and its endurance:
# ./run.sh [--seconds N] [--rounds N] [--endurance]
#
# Needs Rust, Python 3.11, wrk (Debian's), a few GB of disk for the peers, and the network once to fetch them. Results
# go to results/ beside this file, everything else to target/serve. An idle machine, or the figures mean nothing.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
target=${CARGO_TARGET_DIR:-$PWD/target}
work=$target/serve
command -v wrk >/dev/null || { echo "wrk is missing: apt install wrk" >&2; exit 2; }
if [ -z "${PYTHON:-}" ]; then
    python3 -m venv "$work/venv"
    PYTHON=$work/venv/bin/python
    "$PYTHON" -m pip install --quiet --requirement "$here/requirements.txt"
fi
cargo build --release --bin yolo10-burn --bin weights-convert
if [ ! -f "$work/models/yolov10n-whole.onnx" ]; then
    python3 -m venv "$work/models-venv"
    "$work/models-venv/bin/python" -m pip install --quiet --requirement benches/compare/requirements.txt
    PATH=$work/models-venv/bin:$PATH python benches/compare/models.py "$work/models" benches/compare/street.jpg n
    "$target/release/weights-convert" "$work/models/yolov10n.pt"
fi
exec "$PYTHON" "$here/measure.py" --program "$target/release/yolo10-burn" --models "$work/models" \
    --picture benches/compare/street.jpg --results "$here/results" "$@"

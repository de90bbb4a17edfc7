#!/bin/sh
# Measures yolo10-burn beside its peers: ./run.sh [options of compare.py]
#
# Needs Rust, Python 3.11 or later, a few GB of disk for the peers, and the network once to fetch them; no weights are
# downloaded. Results go to results/ beside this file, everything else to target/compare.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
target=${CARGO_TARGET_DIR:-$PWD/target}
work=$target/compare
models=$work/models

if [ -z "${PYTHON:-}" ]; then
    python3 -m venv "$work/venv"
    PYTHON=$work/venv/bin/python
    "$PYTHON" -m pip install --quiet --requirement "$here/requirements.txt"
fi

cargo build --release --bin yolo10-burn --bin weights-convert --example serve_timing
cargo build --release --manifest-path "$here/rten/Cargo.toml" --target-dir "$target"

"$PYTHON" "$here/models.py" "$models" "$here/street.jpg"
for checkpoint in "$models"/*.pt; do
    "$target/release/weights-convert" "$checkpoint"
done
"$PYTHON" -W ignore "$here/compare.py" "$models" "$here/street.jpg" "$target" "$here/results" "$@"

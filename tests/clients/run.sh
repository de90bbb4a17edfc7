#!/usr/bin/env bash
# Real clients against the server: run.sh [--full]
#
# Installs them into target/clients, or uses PYTHON; the program is YOLO10_BURN, or built. The page is tested in Debian's
# Chromium (apt install chromium chromium-driver; SHOTS names a folder for screenshots). --full adds the kserve SDK,
# ultralytics' client (YOLO10_CHECKPOINT names the demo's .pt), perf_analyzer (apt install libb64-0d), and a real Triton
# that is asked anew.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
work=${CARGO_TARGET_DIR:-$root/target}/clients
full=${1:-}
# What the fuzzer remembers of its finds; by itself it would lie beside the tests.
export HYPOTHESIS_STORAGE_DIRECTORY=$work/hypothesis
make_venv() {
    local folder=$1
    shift
    [ -x "$folder/bin/python" ] || python3 -m venv "$folder"
    "$folder/bin/python" -m pip install --quiet --disable-pip-version-check "$@"
}
if [ -z "${PYTHON:-}" ]; then
    make_venv "$work/python" --requirement "$here/requirements.txt"
    PYTHON=$work/python/bin/python
fi
if [ -z "${YOLO10_BURN:-}" ]; then
    (cd "$root" && cargo build --release --bin yolo10-burn)
    export YOLO10_BURN=${CARGO_TARGET_DIR:-$root/target}/release/yolo10-burn
fi
cd "$here"
"$PYTHON" -m pytest -q -p no:cacheprovider --ignore test_deploy.py --ignore test_kserve.py --ignore test_ultralytics.py
[ "$full" = --full ] || exit 0

make_venv "$work/kserve" --requirement "$here/requirements-kserve.txt"
"$work/kserve/bin/python" -m pytest -q -p no:cacheprovider test_kserve.py test_deploy.py
make_venv "$work/ultralytics" --requirement "$here/requirements-ultralytics.txt"
"$work/ultralytics/bin/python" -m pytest -q -p no:cacheprovider test_ultralytics.py
make_venv "$work/perf" --no-deps tritonclient==2.48.0 nvidia-cuda-runtime-cu12==12.9.79
"$PYTHON" perf.py "$work/perf"
make_venv "$work/triton" numpy==1.26.4
"$work/triton/bin/python" -m pip install --quiet --no-deps nvidia-pytriton==0.7.0
bash triton/record.sh "$work/triton/bin/python" "$work/recorded.json"
diff "$work/recorded.json" triton/recorded.json

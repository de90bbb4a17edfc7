#!/usr/bin/env bash
# Builds the wheel for aarch64 and tries it under qemu-user, in Debian's own Python and numpy for aarch64, which are unpacked
# in target/aarch64 and not installed: it has to find in the built-in picture what this machine's program finds.
#
#   yolov10-python/aarch64.sh
#
# For Debian; an emulator takes its time.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$(dirname "$here")/target}
target=aarch64-unknown-linux-gnu
root=$CARGO_TARGET_DIR/aarch64
"$here/build.sh" --manylinux "$target"
wheel=$(ls -t "$CARGO_TARGET_DIR"/wheels/yolo10_burn-*aarch64.whl | head -1)

# What apt knows of this machine stays as it is.
mkdir -p "$root"/apt/{lists,archives}/partial
apt() {
    apt-get -qq -o APT::Architecture=arm64 -o APT::Architectures::=arm64 -o Dir::State::Lists="$root/apt/lists" \
        -o Dir::Cache="$root/apt" -o Dir::State::status=/dev/null -o APT::Sandbox::User=root "$@"
}
if [ ! -x "$root/usr/bin/python3" ]; then
    apt update
    apt install --download-only --yes --no-install-recommends python3 python3-numpy >/dev/null
    for package in "$root"/apt/archives/*.deb; do
        dpkg -x "$package" "$root"
    done
fi
rm -rf "$root/wheel"
python3 -m zipfile -e "$wheel" "$root/wheel"
program=$root/wheel/$(cd "$root/wheel" && echo yolo10_burn-*.data/scripts/yolo10-burn)
chmod +x "$program"

library=$root/usr/lib/aarch64-linux-gnu
emulated() {
    qemu-aarch64 -L "$root" -E LD_LIBRARY_PATH="$root/lib/aarch64-linux-gnu:$library:$library/blas:$library/lapack" \
        -E PYTHONHOME="$root/usr" -E PYTHONPATH="$root/wheel:$root/usr/lib/python3/dist-packages" "$@"
}
emulated "$program" --version
emulated "$root/usr/bin/python3" - "$(dirname "$here")/assets/street.jpg" >"$root/found" <<'PYTHON'
import platform
import sys
import numpy
from yolo10_burn import Detector

with Detector() as detector:
    result = detector(sys.argv[1])
report = detector.close()
assert platform.machine() == "aarch64" and report.residue == 0, report
print(f"Python {platform.python_version()}, numpy {numpy.__version__}, {platform.machine()}: {report}", file=sys.stderr)
for row in result.summary():
    print(row["name"], f"{row['confidence']:.4f}", *(f"{edge:.1f}" for edge in row["box"].values()))
PYTHON
"$CARGO_TARGET_DIR/release/yolo10-burn" run "$(dirname "$here")/assets/street.jpg" --no-save --json 2>/dev/null |
    python3 -c 'import json, sys
for one in json.load(sys.stdin)["detections"]:
    print(one["name"], "%.4f" % one["score"], *("%.1f" % edge for edge in one["box"]))' |
    diff - "$root/found"
echo "the same $(wc -l <"$root/found") objects"

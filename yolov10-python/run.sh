#!/usr/bin/env bash
# Builds the wheel, installs it into virtual environments in target/python and target/python-ray, and runs its tests:
# run.sh [--long]
#
# --long: 1,000 `with` blocks and 20 killed actors. YOLO10_CHECKPOINT names the demo's .pt, for the tests that need
# one. Packages come from the registry; an environment that is there is used again.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
target=${CARGO_TARGET_DIR:-$(dirname "$here")/target}
environment() {
    local folder=$1
    shift
    [ -x "$folder/bin/python" ] || python3 -m venv "$folder"
    # Asked for once; whoever changes the list gets a new one.
    if ! cmp -s "$1" "$folder/requirements.txt"; then
        "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$1"
        cp "$1" "$folder/requirements.txt"
    fi
}
install_wheel() {
    "$1/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --no-index --force-reinstall \
        "$(ls -t "$target"/wheels/yolo10_burn-*.whl | head -1)"
}

environment "$target/python" "$here/tests/requirements.txt"
PYTHON=$target/python/bin/python "$here/build.sh"
if [ "${1:-}" = --long ]; then
    export YOLO10_BURN_BLOCKS=1000 YOLO10_BURN_ACTOR_KILLS=20
fi
install_wheel "$target/python"
cd "$here/tests"
"$target/python/bin/python" -m pytest -q -p no:cacheprovider --ignore ray

environment "$target/python-ray" "$here/tests/ray/requirements.txt"
install_wheel "$target/python-ray"
cd ray
"$target/python-ray/bin/python" -m pytest -q -p no:cacheprovider

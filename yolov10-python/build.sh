#!/usr/bin/env bash
# Builds the wheel into target/wheels: build.sh [--manylinux]
#
# For this machine, from the workspace's target folder and release profile, so that nothing is built that `cargo test
# --release` has built. --manylinux is to link both halves against glibc 2.28 with zig; a whole wheel has not been made so yet.
# PYTHON is an interpreter with maturin (for --manylinux ziglang and auditwheel, too); else one is made in target/python.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
if [ -z "${PYTHON:-}" ]; then
    PYTHON=$target/python/bin/python
    [ -x "$PYTHON" ] || python3 -m venv "$target/python"
    "$PYTHON" -m pip install --quiet --disable-pip-version-check "maturin==1.16.0"
fi

link=()
compatibility=linux
if [ "${1:-}" = --manylinux ]; then
    compatibility=manylinux_2_28
    linker=$target/wheels/zig-cc
    mkdir -p "$target/wheels"
    # Only the last step differs, so that nothing before it is built again.
    cat >"$linker" <<LINKER
#!/bin/sh
exec "$PYTHON" -m ziglang cc -target $(uname -m)-linux-gnu.2.28 "\$@"
LINKER
    chmod +x "$linker"
    link=(-C "linker=$linker")
fi

cd "$root"
if [ ${#link[@]} = 0 ]; then
    cargo build --release --bin yolo10-burn
else
    cargo rustc --release --package yolo10-burn-cli --bin yolo10-burn -- "${link[@]}"
fi
install -D "$target/release/yolo10-burn" "$here/wheel.data/scripts/yolo10-burn"
strip "$here/wheel.data/scripts/yolo10-burn"
"$PYTHON" -m maturin build --release --locked --manifest-path "$here/Cargo.toml" --compatibility "$compatibility" \
    --out "$target/wheels" -- "${link[@]}"

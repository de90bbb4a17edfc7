#!/usr/bin/env bash
# Builds the wheel into target/wheels: build.sh [--manylinux] [TARGET]
#
# For this machine, or for a TARGET that deploy/cross.sh knows, from the workspace's target folder and release profile, so
# that nothing is built that `cargo test --release` or deploy/dist.sh has built. It needs the C library that it is linked
# with, or a later one; --manylinux links both halves with zig for glibc 2.28.
# PYTHON is an interpreter with maturin (for --manylinux ziglang, too); else one is made in target/python.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/.." && pwd)
folder=${CARGO_TARGET_DIR:-$root/target}
host=$(rustc -vV | sed -n 's/^host: //p')
glibc=2.28
manylinux= target=$host
for word; do
    case $word in
    --manylinux) manylinux=yes ;;
    *) target=$word ;;
    esac
done

if [ -z "${PYTHON:-}" ]; then
    PYTHON=$folder/python/bin/python
    [ -x "$PYTHON" ] || python3 -m venv "$folder/python"
    "$PYTHON" -m pip install --quiet --disable-pip-version-check "maturin==1.16.0" ${manylinux:+"ziglang==0.17.1"}
fi

with=() for_target=() built=$folder/release
if [ "$target" != "$host" ]; then
    with=("$root/deploy/cross.sh" "$target")
    for_target=(--target "$target")
    built=$folder/$target/release
fi
link=() compatibility=linux
if [ -n "$manylinux" ]; then
    compatibility=manylinux_${glibc/./_}
    linker=$folder/wheels/zig-cc-${target%%-*}
    mkdir -p "$folder/wheels"
    # Only the last step differs, so that nothing before it is built again.
    cat >"$linker" <<LINKER
#!/bin/sh
exec "$PYTHON" -m ziglang cc -target ${target%%-*}-linux-gnu.$glibc "\$@"
LINKER
    chmod +x "$linker"
    link=(-C "linker=$linker")
fi

cd "$root"
if [ -z "$manylinux" ]; then
    "${with[@]}" cargo build --release --bin yolo10-burn
else
    "${with[@]}" cargo rustc --release --package yolo10-burn-cli --bin yolo10-burn -- "${link[@]}"
fi
install -D "$built/yolo10-burn" "$here/wheel.data/scripts/yolo10-burn"
"${with[@]}" sh -c '${STRIP:-strip} "$0"' "$here/wheel.data/scripts/yolo10-burn"
"${with[@]}" "$PYTHON" -m maturin build --release --locked --manifest-path "$here/Cargo.toml" "${for_target[@]}" \
    --compatibility "$compatibility" --out "$folder/wheels" -- "${link[@]}"

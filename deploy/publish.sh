#!/usr/bin/env bash
# Every crate as `cargo publish` would upload it, in the order of their dependencies, and the program built from these
# packages alone. Uploads nothing; with --execute it does, after the same checks.
set -euo pipefail
cd "$(dirname "$0")/.."

folder=${CARGO_TARGET_DIR:-target}
case ${1:-} in
"" | --execute) ;;
*) echo "$1: expected --execute or nothing" >&2 && exit 2 ;;
esac

# Cargo's own check would build every crate once more, in another profile: what follows builds them in the one that the
# tests are built in. Two of its warnings are meant: tests are not in packages, and there is no address of the project yet.
cargo package --workspace --locked --no-verify --target-dir "$folder" 2>&1 |
    grep -v -e '^warning: ignoring ' -e '^warning: manifest has no documentation' -e '^  |' -e '^  = note: see .*package-metadata'
! cargo publish --workspace --locked --dry-run --no-verify --target-dir "$folder" 2>&1 | grep '^error' -A 20

unpacked=$folder/package/unpacked
rm -rf "$unpacked"
mkdir -p "$unpacked"
for package in "$folder"/package/*.crate; do
    tar -xzf "$package" -C "$unpacked"
done
{
    echo '[workspace]'
    echo 'resolver = "3"'
    echo 'members = ["*"]'
    # The same settings as the workspace has, so that its builds of the dependencies serve.
    sed -n '/^\[profile\.release\.package\]/,/^$/p' Cargo.toml
    echo '[patch.crates-io]'
    (cd "$unpacked" && for name in *-[0-9]*; do
        echo "${name%-[0-9]*} = { path = \"$name\" }"
    done)
} >"$unpacked/Cargo.toml"
cp Cargo.lock "$unpacked"
cargo build --release --manifest-path "$unpacked/Cargo.toml" --package yolo10-burn-cli --target-dir "$folder"

[ "${1:-}" != --execute ] || cargo publish --workspace --locked --no-verify

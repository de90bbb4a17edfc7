#!/usr/bin/env bash
# Every crate as `cargo publish` would upload it, in the order of their dependencies. Uploads nothing.
#
#   deploy/publish.sh [--check | --execute]
#
# --check compiles the program from these packages alone, too; --execute does that, and uploads them.
set -euo pipefail
cd "$(dirname "$0")/.."

folder=${CARGO_TARGET_DIR:-target}
case ${1:-} in
"" | --check | --execute) ;;
*) echo "$1: expected --check, --execute or nothing" >&2 && exit 2 ;;
esac

# Cargo's own check would build every crate once more, in another profile. Two of its warnings are meant: tests are not
# in packages, and there is no address of the project yet.
quietly() {
    "$@" 2>&1 | grep -v -e '^warning: ignoring ' -e '^warning: manifest has no documentation' -e '^  |' \
        -e '^  = note: see .*package-metadata' -e '^warning: aborting upload due to dry run'
}
quietly cargo publish --workspace --locked --dry-run --no-verify --target-dir "$folder"
[ -n "${1:-}" ] || exit 0

quietly cargo package --workspace --locked --no-verify --target-dir "$folder"
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
cargo check --release --manifest-path "$unpacked/Cargo.toml" --package yolo10-burn-cli --target-dir "$folder"

[ "${1:-}" != --execute ] || cargo publish --workspace --locked --no-verify

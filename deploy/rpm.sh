#!/usr/bin/env bash
# The package for rpm, in target/packages, beside the Debian one and from the same files: `make rpm`.
#
#   deploy/rpm.sh [--test]
#
# With --test it is installed into an empty folder, run there and removed again: that takes root, and Debian's rpm.
set -euo pipefail
cd "$(dirname "$0")/.."

folder=${CARGO_TARGET_DIR:-target}
deploy/deb.sh
cargo generate-rpm --version >/dev/null 2>&1 || cargo install --locked cargo-generate-rpm
cargo generate-rpm --package yolov10-cli --output "$folder/packages" >&2
package=$(realpath "$folder"/packages/*.rpm)
ls -l "$package"
[ "${1:-}" = --test ] || exit 0

type rpm >/dev/null 2>&1 || apt-get install -y --no-install-recommends rpm >&2
root=$(mktemp -d)
trap 'rm -r "$root"' EXIT
# Debian's rpm knows no installed glibc.
rpm --root "$root" --install --nodeps "$package"
"$root/usr/bin/yolo10-burn" run --json --no-save | grep -q '"car"'
[ "$(rpm --query --package --requires "$package" | grep -c 'GLIBC')" -gt 0 ]
rpm --root "$root" --erase yolo10-burn
[ -z "$(find "$root/usr" -type f)" ]
echo "the package installs, finds the built-in picture's objects, and leaves nothing behind"

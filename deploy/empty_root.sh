#!/usr/bin/env bash
# The static program in a root folder that holds nothing else, neither /etc nor /proc nor a temporary folder: what works,
# and that what does not is one line. Takes root.
#
#   deploy/empty_root.sh target/dist/yolo10-burn-VERSION-x86_64-unknown-linux-musl/yolo10-burn
set -euo pipefail
picture=$(realpath "$(dirname "$0")/../benches/compare/street.jpg")

root=$(mktemp -d)
trap 'rm -r "$root"' EXIT
install "${1:?the program}" "$root/yolo10-burn"
there() { env -i "$(type -P chroot)" "$root" /yolo10-burn "$@"; }

# One error, and 2 as the exit code.
refused() {
    local said code=0
    said=$(there "${@:2}" 2>&1 >/dev/null) || code=$?
    [ "$code" = 2 ] && [ "$(grep -c '^error: ' <<<"$said")" = 1 ] && grep -q "^error: .*$1" <<<"$said" && return
    echo "${*:2}: expected an error about $1 and exit code 2, found $code: $said" >&2
    exit 1
}

there run --no-save --quiet --json | grep -q '"name":"car"'
there run --quiet --save-txt && [ -s "$root/runs/detect/predict/labels/street.txt" ]
there memory --cycles 3 | grep -q 'drop gives every byte back: .* 0 left'
there doctor | grep -q '^temporary .* set TMPDIR$'
refused /proc run --isolate --no-save
refused YOLO10_BURN_CACHE run --weights n
refused 'cannot be reached' run http://127.0.0.1:9/x.jpg
head -c 4096 /dev/zero | tr '\0' 'x' >"$root/clip.mp4"
refused ffmpeg run clip.mp4
# As in deploy/Containerfile, on a port that the system picks: answers, and ends with every byte given back.
env -i "$(type -P chroot)" "$root" /yolo10-burn serve --http 127.0.0.1:0 --no-grpc --shutdown-delay 0 2>"$root/said" &
server=$!
for _ in {1..100}; do
    address=$(grep -o 'http://[0-9.:]*' "$root/said") && break
    sleep 0.1
done
curl --silent --show-error --fail --data-binary "@$picture" "$address/v1/models/demo/detect" | grep -q '"name":"car"'
kill -TERM "$server"
wait "$server"
grep -q '^model demo: shutdown, .* 0 left$' "$root/said"
echo "in an empty root the program finds, writes, serves, frees, and says in a line each what it cannot do"

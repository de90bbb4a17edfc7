#!/usr/bin/env bash
# A program that was built for another target, run by what deploy/cross.sh runs it with, beside this machine's: both have to
# find the same, convert a checkpoint to the same bytes, judge four pictures the same, and give all memory back.
#
#   deploy/beside.sh TARGET PROGRAM CHECKPOINT.pt
#
# Takes minutes: an emulator computes slowly.
set -euo pipefail
target=${1:?the target, such as aarch64-unknown-linux-gnu}
program=$(realpath "${2:?the program that was built for it}")
checkpoint=$(realpath "${3:?a checkpoint}")
cd "$(dirname "$0")/.."
project=$PWD
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target}
own=$CARGO_TARGET_DIR/release/yolo10-burn
folder=$(mktemp -d)
trap 'rm -r "$folder"' EXIT

# Each in a folder of its own with the same files, so that both say the same names.
here() { (cd "$folder/here" && "$own" "$@"); }
there() { (cd "$folder/there" && "$project/deploy/cross.sh" "$target" sh -c 'exec ${RUNNER:-} "$0" "$@"' "$program" "$@"); }

failed=0
check() {
    local name=$1
    shift
    if "$@"; then echo "ok: $name"; else echo "FAILED: $name" && failed=1; fi
}
# The same words on standard output, but for times, what ends a line, and Windows' separator, as JSON writes it.
same() {
    local side
    for side in here there; do
        $side "$@" 2>"$folder/$side.said" | sed 's/,*"[a-z_]*ms":{[^}]*}//g; s/\r$//; s:\\\\:/:g' >"$folder/$side.out" ||
            { tail -3 "$folder/$side.said" && return 1; }
    done
    diff "$folder/here.out" "$folder/there.out"
}

mkdir -p "$folder/here/images"
for picture in assets docs benches/compare; do
    cp "$picture/street.jpg" "$folder/here/images/$(basename "$picture").jpg"
done
cp "$checkpoint" "$folder/here/checkpoint.pt"
here run images --save-txt --save-crop --classes car --quiet >"$folder/said" 2>&1
cp "$(find "$folder/here/runs" -name '*.jpg' -path '*crops*' | LC_ALL=C sort | head -1)" "$folder/here/images/crop.jpg"
rm -r "$folder/here/runs"
here run images --save-txt --quiet --imgsz 320 2>>"$folder/said"
mv "$folder/here/runs/detect/predict/labels" "$folder/here/labels"
rm -r "$folder/here/runs"
printf 'path: .\nval: images\nnames: [%s]\n' "$(seq -f '"class %g"' -s ', ' 0 79)" >"$folder/here/data.yaml"
cp -r "$folder/here" "$folder/there"

converted() {
    here convert checkpoint.pt -o converted.safetensors 2>/dev/null && there convert checkpoint.pt -o converted.safetensors &&
        cmp "$folder"/{here,there}/converted.safetensors
}
annotated() {
    there run images --imgsz 320 --save-txt --save-csv --quiet && [ "$(find "$folder/there/runs" -name '*.jpg' | wc -l)" = 4 ]
}

there doctor
check "the same objects in the built-in picture" same run --json --no-save
check "the same objects in four pictures" same run images --imgsz 320 --no-save --json
check "the same bytes of a converted checkpoint" converted
check "the same figures of four pictures" same val --data data.yaml --imgsz 320 --json
check "four annotated pictures" annotated
check "memory's promises" there memory --cycles 3 --imgsz 320
exit $failed

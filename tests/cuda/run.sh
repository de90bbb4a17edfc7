#!/bin/bash
# CUDA without a GPU: the program and its tests on the stand-in driver (standin/README.md), and the kernels that they ran
# through the real NVRTC.
#
#     tests/cuda/run.sh [--all]
#
# Builds with `--features $FEATURES`, by default what the other GPU tests are built with, too. The bounded part is what CI
# runs; --all is everything: all variants and precisions, more orders, every allocation. FOLDER, by default
# target/cuda-standin, keeps the toolkit (wheels of requirements.txt) and compiled kernels for the next run. Needs g++ and
# Python with pip.
set -euo pipefail
cd "$(dirname "$0")/../.."
here=$PWD/tests/cuda
all=${1:-}
features=${FEATURES:-cuda,wgpu}
cargo=${CARGO:-cargo}
python=${PYTHON:-python3}
folder=${FOLDER:-$PWD/target/cuda-standin}
mkdir -p "$folder"
toolkit=$folder/wheels/nvidia/cu13
standin=$folder/standin
failed=()

# A part's name, its command; what that says is printed when it ends, with the seconds that it took.
part() {
    local name=$1 started=$SECONDS code=0
    shift
    "$@" >"$folder/$name.txt" 2>&1 || code=$?
    printf '\n-- %s: %s after %d s\n%s\n' "$name" "$([ $code = 0 ] && echo good || echo FAILED)" $((SECONDS - started)) \
        "$(cat "$folder/$name.txt")"
    return $code
}
# Waits for parts that were started in the background, each by its name and process.
wait_for() {
    while [ $# -gt 0 ]; do
        wait "$2" || failed+=("$1")
        shift 2
    done
}

fetch() {
    [ -e "$toolkit/lib/libnvrtc.so.13" ] || "$python" -m pip install --quiet --no-deps --upgrade --target "$folder/wheels" \
        -r "$here/requirements.txt"
}
build() {
    CUDA_PATH=$toolkit "$here/standin/build.sh" "$standin"
    CUDA_PATH=$toolkit "$here/standin/check.sh" "$standin"
    # The driver alone, to go with the real compiler.
    mkdir -p "$standin/driver"
    ln -sf ../libcuda.so.1 "$standin/driver/libcuda.so.1"
    ln -sf ../libcuda.so.1 "$standin/driver/libnvidia-ml.so.1"
}
program() {
    $cargo build --release --features "$features" --bin yolo10-burn
    $cargo test --release --features "$features" --no-run --message-format json --lib --test gpu --test golden_gpu \
        --test memory_wgpu >"$folder/executables"
}
part fetch fetch
part build build
part program program

# One of cargo's tests on the stand-in, which must run something. Not through cargo: CUDA_PATH, which cudarc's build script
# reads, would have everything built anew.
tests() {
    local target=$1 executable
    shift
    executable=$(grep -o '"executable":"[^"]*/'"$target"'-[0-9a-f]*"' "$folder/executables" | tail -1 | cut -d'"' -f4)
    CI=true GPU_DEVICE=cuda CUDA_PATH=$toolkit LD_LIBRARY_PATH=$standin STANDIN_HOST=$here/standin/host \
        STANDIN_CACHE=$standin/objects STANDIN_LOG=$folder/$target.log "$executable" "$@" | tee "$folder/$target.out"
    grep -qE '^test result: ok\. [1-9]' "$folder/$target.out"
}
golden() {
    local dtype
    for dtype in "${dtypes[@]}"; do
        GOLDEN_DTYPE=$dtype tests golden_gpu "${variants[@]}" --test-threads 1
    done
}
run() {
    "$python" "$here/$1.py" "$standin" "$toolkit" target/release/yolo10-burn "${@:2}"
}

dtypes=(f32 tf32)
seeds=(1)
variants=(reference_of_n)
if [ "$all" = --all ]; then
    dtypes=(f32 tf32 f16 bf16)
    seeds=(0 1 2 3 4 5 6 7)
    variants=()
fi
# Two parts at a time, for two cores.
part results run results --dtype "${dtypes[@]}" --seeds "${seeds[@]}" & results=$!
part failures run failures --nvrtc "$toolkit/lib" ${all:+--all} & failures=$!
wait_for results $results failures $failures
part golden golden & golden=$!
part memory run memory --dtype "${dtypes[@]}" & memory=$!
wait_for memory $memory
part kernels tests yolov10_model gpu:: & kernels=$!
wait_for golden $golden kernels $kernels
part contract tests memory_wgpu --test-threads 1 & contract=$!
part compiled "$python" "$here/compiled.py" "$standin/objects" "$toolkit" $([ "$all" = --all ] || echo --most 60) & compiled=$!
wait_for contract $contract compiled $compiled
part agreement tests gpu --test-threads 1 & agreement=$!
wait_for agreement $agreement

[ ${#failed[@]} = 0 ] && echo "all good after $SECONDS s" || { echo "FAILED: ${failed[*]}"; exit 1; }

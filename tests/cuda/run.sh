#!/bin/bash
# CUDA without a GPU: the program and its tests on the stand-in driver (standin/README.md), and the kernels that they ran
# through the real NVRTC.
#
#     tests/cuda/run.sh [--all]
#
# Without --all it is what CI runs: n in f32, TF32 and f16, the other variants' layers in f32, and kernels for four
# architectures. --all is everything: all precisions of all variants, more orders, every allocation, every architecture;
# hours. Built as CI's step for GPUs is.
# FOLDER, by default target/cuda-standin, keeps the toolkit (wheels of requirements.txt), the stand-in, compiled kernels and
# what each part said. Needs g++ and Python with venv.
set -euo pipefail
cd "$(dirname "$0")/../.."
here=$PWD/tests/cuda
all=${1:-}
cargo=${CARGO:-cargo}
python=${PYTHON:-python3}
folder=${FOLDER:-$PWD/target/cuda-standin}
mkdir -p "$folder"
toolkit=$folder/wheels/nvidia/cu13
standin=$folder/standin
failed=()

# A part's name, its command, which has to fail as a whole: `set -e` does not hold in it. What it
# says is printed when it ends, with the seconds that it took.
part() {
    local name=$1 started=$SECONDS code=0
    shift
    "$@" >"$folder/$name.txt" 2>&1 || code=$?
    printf '\n-- %s: %s after %d s\n%s\n' "$name" "$([ $code = 0 ] && echo good || echo FAILED)" $((SECONDS - started)) \
        "$(cat "$folder/$name.txt")"
    return $code
}
# Two parts at once, for two cores; each is a name and a command, with `--` between them.
both() {
    local first=() one
    while [ "$1" != -- ]; do
        first+=("$1")
        shift
    done
    shift
    part "${first[@]}" &
    local other=$!
    part "$@" || failed+=("$1")
    wait "$other" || failed+=("${first[0]}")
}

fetch() {
    [ -e "$toolkit/lib/libnvrtc.so.13" ] || { "$python" -m venv "$folder/python" &&
        "$folder/python/bin/pip" install --quiet --no-deps --upgrade --target "$folder/wheels" -r "$here/requirements.txt"; }
}
build() {
    # Kernels that were kept name objects of the stand-in before. In `driver`, the driver alone, to go with the real compiler.
    rm -rf "$standin"/kernels-* "$standin"/{home,cache} "${CARGO_TARGET_DIR:-target}"/tmp/*-driver-580.65.06.db*
    CUDA_PATH=$toolkit "$here/standin/build.sh" "$standin" && CUDA_PATH=$toolkit "$here/standin/check.sh" "$standin" &&
        mkdir -p "$standin/driver" && ln -sf ../libcuda.so.1 "$standin/driver/libcuda.so.1" &&
        ln -sf ../libcuda.so.1 "$standin/driver/libnvidia-ml.so.1"
}
# With the same packages, features and tests in both, cargo builds their dependencies once.
program() {
    local of_gpus=(--release --features "cuda,wgpu" --package yolo10-burn --package yolov10-model --package yolo10-burn-cli
        --package build-once --test gpu --test golden_gpu --test memory_wgpu)
    $cargo test "${of_gpus[@]}" --lib --no-run --message-format json >"$folder/executables" &&
        $cargo build "${of_gpus[@]}" --bin yolo10-burn &&
        cp "${CARGO_TARGET_DIR:-target}/release/yolo10-burn" "$folder/"
}
fetch_and_build() { fetch && build; }
both toolkit fetch_and_build -- program program
[ ${#failed[@]} = 0 ] || exit 1

# One of cargo's tests on the stand-in, which must run something. Not through cargo: CUDA_PATH, which cudarc's build script
# reads, would have everything built anew.
tests() {
    local target=$1 executable
    shift
    executable=$(grep -o '"executable":"[^"]*/'"$target"'-[0-9a-f]*"' "$folder/executables" | tail -1 | cut -d'"' -f4)
    CI=true GPU_DEVICE=cuda HOME=$standin/home XDG_CACHE_HOME= CUDA_PATH=$toolkit LD_LIBRARY_PATH=$standin STANDIN_HOST=$here/standin/host \
        STANDIN_CACHE=$standin/objects STANDIN_LOG=$folder/$target.log "$executable" --test-threads 1 "$@" |
        tee "$folder/$target.out"
    grep -qE '^test result: ok\. [1-9]' "$folder/$target.out"
}
golden() {
    local dtype
    for dtype in "${dtypes[@]}"; do
        GOLDEN_DTYPE=$dtype tests golden_gpu "${variants[@]}" || return 1
    done
    # In f32 alone.
    [ ${#others[@]} = 0 ] || GOLDEN_DTYPE=f32 tests golden_gpu "${others[@]}"
}
run() {
    "$python" "$here/$1.py" "$standin" "$toolkit" "$folder/yolo10-burn" "${@:2}"
}
compiled() {
    "$python" "$here/compiled.py" "${dtypes[@]/#/$standin/kernels-of-}" "$toolkit" --details "$folder/kernels.md" "$@"
}

if [ "$all" = --all ]; then
    # Kernels as chosen for an H100: compute capability 7.5 has neither TF32 nor bf16.
    dtypes=(f32 tf32 f16 bf16)
    variants=() others=()
    everything() {
        run results --dtype "${dtypes[@]}" --seeds 0 1 2 3 4 5 6 7 &&
            run results --dtype "${dtypes[@]}" --batches 1 2 7 --imgsz 320 256,416
    }
    both results everything -- failures run failures --nvrtc "$toolkit/lib" --all
    both golden golden -- memory run memory --dtype "${dtypes[@]}"
    both contract tests memory_wgpu -- agreement tests gpu
    both kernels tests yolov10_model gpu:: -- compiled compiled --arch sm_80 sm_86 sm_89 sm_90a sm_100a sm_120a
else
    # Kernels of the processor take their time from g++: those of TF32, the default, while the other core does the rest.
    rest() {
        local code=0 dtypes=(f32)
        part memory run memory || code=1
        part kernels tests yolov10_model gpu:: || code=1
        part compiled compiled || code=1
        return $code
    }
    dtypes=(f32 tf32 f16)
    variants=(reference_of_n) others=(reference_of_{s,m,b,l,x})
    both results run results --dtype f32 --seeds 1 -- failures run failures --nvrtc "$toolkit/lib"
    both results_in_tf32 run results --dtype tf32 --seeds 1 -- rest rest
    both results_in_f16 run results --dtype f16 --seeds 1 --batches 1 -- golden golden
fi

[ ${#failed[@]} = 0 ] && echo "all good after $SECONDS s" || { echo "FAILED: ${failed[*]}"; exit 1; }

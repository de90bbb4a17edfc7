#!/bin/sh
# Builds the stand-in into FOLDER: libcuda.so.1, libnvidia-ml.so.1, libnvrtc.so. CUDA_PATH is a toolkit's folder, of
# which only `include/cuda.h` is read.
#
#     tests/cuda/standin/build.sh FOLDER
set -eu
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
folder=$(cd "$1" && pwd)
flags="-std=c++17 -O1 -g -Wall -shared -fPIC -fvisibility=hidden -I${CUDA_PATH:?names the toolkit}/include"
compiler=${CXX:-g++}
cd "$here"
$compiler $flags ledger.cpp device.cpp memory.cpp queue.cpp module.cpp traffic.cpp -o "$folder/libcuda.so.1" -ldl
$compiler $flags nvrtc.cpp -o "$folder/libnvrtc.so" -ldl
ln -sf libcuda.so.1 "$folder/libnvidia-ml.so.1"

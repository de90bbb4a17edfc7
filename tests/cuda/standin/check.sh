#!/bin/sh
# The stand-in's own test, on the stand-in that build.sh made in FOLDER.
#
#     tests/cuda/standin/check.sh FOLDER
set -eu
here=$(cd "$(dirname "$0")" && pwd)
folder=$(cd "$1" && pwd)
${CXX:-g++} -std=c++17 -O1 -Wall -I"${CUDA_PATH:?names the toolkit}/include" "$here/check.cpp" -o "$folder/check" \
    -L"$folder" -l:libcuda.so.1 -lnvrtc
mkdir -p "$folder/checks"
STANDIN_HOST=$here/host STANDIN_CACHE=$folder/objects LD_LIBRARY_PATH=$folder "$folder/check" "$folder/checks"

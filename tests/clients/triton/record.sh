#!/usr/bin/env bash
# Starts a real Triton 2.51, the binary in nvidia-pytriton's wheel, with a Python model of the same inputs and outputs,
# and records its answers: record.sh PYTHON OUTPUT. PYTHON is a Python 3.11 with nvidia-pytriton and numpy installed.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
python=$1 output=$2
root=$("$python" -c 'import pathlib, pytriton; print(pathlib.Path(pytriton.__file__).parent / "tritonserver")')
work=$(mktemp -d)
cp -r "$here/models" "$work/models"
"$python" - "$work/models/n/1/rows.npy" <<'PY'
import sys
import numpy as np
rows = np.zeros((300, 6), np.float32)
rows[:2] = [[1, 2, 30, 40, 0.9, 0], [5, 6, 20, 25, 0.5, 2]]
np.save(sys.argv[1], rows)
PY
# Its Python backend starts `python3`, which has to be the one with numpy.
PATH="$(dirname "$(readlink -f "$(command -v "$python")")"):$(dirname "$python"):$PATH" \
PYTHONPATH=$("$python" -c 'import site; print(site.getsitepackages()[0])') \
LD_LIBRARY_PATH="$root/external_libs:$root/lib:$("$python" -c 'import sysconfig; print(sysconfig.get_config_var("LIBDIR"))')" \
    "$root/bin/tritonserver" --model-repository "$work/models" --backend-directory "$root/backends" \
    --model-control-mode explicit --load-model n --http-port 18000 --grpc-port 18001 --allow-metrics false \
    --allow-gpu-metrics false >"$work/log" 2>&1 &
triton=$!
trap 'kill $triton 2>/dev/null; wait $triton 2>/dev/null; rm -rf "$work"' EXIT
for _ in $(seq 300); do
    curl -sf -o /dev/null http://127.0.0.1:18000/v2/health/ready && break
    kill -0 $triton 2>/dev/null || { tail -20 "$work/log"; exit 1; }
    sleep 0.2
done
"$python" "$here/../differential.py" record http://127.0.0.1:18000 "$output" || { tail -20 "$work/log"; exit 1; }

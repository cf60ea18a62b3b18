#!/bin/sh
# Exports all models and writes docs/models.md from what vitqc makes of them.
#
#     run.sh BUILD WORK [IMAGES.npy]
#
# BUILD is a build folder, WORK takes a virtual environment, models and results
# (12 GB with full sizes). IMAGES.npy, f32 NCHW, normalised by ImageNet's mean
# and deviation, is what full models are calibrated and measured on; without it
# only small ones are run. Takes an hour or two on two cores. `run.sh BUILD WORK
# keep` renews the fixtures of zoo/ instead and writes no table.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
build=$1
work=$2
images=${3:-}
python=$work/venv/bin/python
mkdir -p "$work"

[ -x "$python" ] || python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet -r "$here/requirements.txt"

matrix() {
    "$python" "$here/matrix.py" "$@"
}

run() {
    matrix run "$build/driver/vitqc" "$build/tests/frontend/onnx_eval" "$@"
}

"$python" "$here/export.py" "$work/small"
run "$work/small.json" "$work/small"
if [ "$images" = keep ]; then
    matrix keep "$work/small"
    matrix expect "$work/small.json"
    exit
fi
[ -e "$work/full.json" ] || echo '{}' >"$work/full.json"
if [ -n "$images" ]; then
    "$python" "$here/export.py" "$work/full" --size full --images "$images"
    run "$work/full.json" "$work/full" --images "$images"
fi
run "$work/converted.json" "$here/converters" "$here/quantized"
matrix docs "$work/small.json" "$work/full.json" "$work/converted.json" \
    >"$here/../../docs/models.md"

#!/bin/sh
# Spoiled models: mutate.sh MUTATE MODELS [COUNT [SEED [FIRST]]]
#
# MUTATE is lib_mutate of a build, MODELS the folder tests/models; COUNT is
# 10000 when absent. `mutate.sh build/tests/lib/lib_mutate tests/models` is the
# whole run.
set -u
export LC_ALL=C OPENBLAS_NUM_THREADS=1
mutate=$1 models=$2 count=${3:-10000} seed=${4:-1} first=${5:-0}
exec "$mutate" --seed "$seed" --first "$first" --count "$count" \
    "$models"/*.onnx "$models"/*/*.onnx

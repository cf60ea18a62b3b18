#!/bin/sh
# Fuzzes every target, sanitizers on, and says what came of it.
#
#     tests/fuzz/run.sh [SECONDS [JOBS [TARGET..]]]
#
# SECONDS of each target (60), JOBS targets at once (1). Builds with clang in
# build-fuzz (or $FUZZ_BUILD), where the corpora grow from run to run, in
# corpus/; inputs that were found wanting are kept in found/. The exit status is
# 0 when there is none, 1 when there is one.
set -eu
cd "$(dirname "$0")/../.."
seconds=${1:-60}
jobs=${2:-1}
[ $# -lt 2 ] || shift
[ $# -lt 1 ] || shift
targets=${*:-npy image dataset labels calib vir onnx onnx_graph}
build=${FUZZ_BUILD:-build-fuzz}
clang=${CLANG:-$(command -v clang-19 || command -v clang)}

programs=fuzz_dicts
for t in $targets; do
    programs="$programs fuzz_$t"
done
cmake -G Ninja -S . -B "$build" -DVITQC_FUZZ=ON -DCMAKE_C_COMPILER="$clang" \
    >/dev/null
# shellcheck disable=SC2086
ninja -C "$build" ${NINJAFLAGS:-} $programs >/dev/null

mkdir -p "$build/corpus" "$build/found" "$build/log"
rm -f "$build/log"/*
TMPDIR=$(mktemp -d /dev/shm/vqfuzz.XXXXXX 2>/dev/null || mktemp -d)
export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT
export OPENBLAS_NUM_THREADS=1
export ASAN_OPTIONS=quarantine_size_mb=16:malloc_context_size=8
export UBSAN_OPTIONS=print_stacktrace=1

# Whole models as seeds, where they are small: large ones take too long.
rm -rf "$build/models"
mkdir -p "$build/models"
find tests/models -name '*.onnx' -size -56k -exec cp {} "$build/models" \;

# seeds TARGET: the folders of inputs to begin with, besides the grown corpus.
seeds() {
    for d in tests/fuzz/corpus/$1 tests/fuzz/regressions/$1; do
        [ ! -d "$d" ] || echo "$d"
    done
    case $1 in
    vir) find tests/golden -mindepth 1 -type d ;;
    image) echo tests/data/fixtures ;;
    onnx) echo tests/fuzz/regressions/onnx_graph ;;
    onnx_graph)
        echo tests/fuzz/corpus/onnx tests/fuzz/regressions/onnx "$build/models"
        ;;
    esac
}

# words TARGET: the option that names its dictionary.
words() {
    [ ! -f "$build/tests/fuzz/$1.dict" ] ||
        echo "-dict=$build/tests/fuzz/$1.dict"
}

# fuzz TARGET: until its time is over, whatever it finds.
fuzz() {
    log=$build/log/$1
    began=$(date +%s)
    end=$((began + seconds))
    mkdir -p "$build/corpus/$1"
    while left=$((end - $(date +%s))) && [ "$left" -gt 0 ]; do
        folders=
        for d in $(seeds "$1"); do
            [ ! -d "$d" ] || folders="$folders $d"
        done
        # shellcheck disable=SC2086,SC2046
        "$build/tests/fuzz/fuzz_$1" -max_total_time="$left" -timeout=5 \
            -rss_limit_mb=1024 -malloc_limit_mb=1024 -print_final_stats=1 \
            -artifact_prefix="$build/found/$1-" $(words "$1") \
            "$build/corpus/$1" $folders >>"$log" 2>&1 || echo FOUND >>"$log"
    done
    summary "$1" $(($(date +%s) - began))
}

# summary TARGET SECONDS: a line of what the log says.
summary() {
    awk -v t="$1" -v seconds="$2" '
    /^#[0-9]+/ {
        for (i = 1; i < NF; i++) {
            if ($i == "cov:" && $(i + 1) > cov) cov = $(i + 1)
            if ($i == "ft:" && $(i + 1) > ft) ft = $(i + 1)
        }
    }
    /stat::number_of_executed_units/ { runs += $2 }
    /stat::peak_rss_mb/ && $2 > rss { rss = $2 }
    /^FOUND/ { found++ }
    END {
        printf "%-12s %8d s %10d runs %6d edges %7d features %5d MB", \
            t, seconds, runs, cov, ft, rss
        printf "  %d found\n", found
    }' "$build/log/$1" | tee "$build/log/$1.summary"
}

running=0
for t in $targets; do
    fuzz "$t" &
    running=$((running + 1))
    if [ "$running" -ge "$jobs" ]; then
        wait
        running=0
    fi
done
wait
cat "$build/log"/*.summary | awk '
    { seconds += $2; runs += $4; found += $(NF - 1) }
    END {
        printf "%-12s %8d s %10d runs = %.2f hours of fuzzing,  %d found\n",
            "all", seconds, runs, seconds / 3600, found
    }'
! grep -q FOUND "$build/log"/* || {
    echo "Inputs that were found wanting:"
    ls "$build/found"
    exit 1
}

#!/bin/sh
# Builds with gcc and clang, each time with warnings as errors, runs all tests,
# once more under ASan and UBSan, and checks the style. Ends with
# `N passed, N failed`; the exit code is 0 when nothing failed.
set -eu
cd "$(dirname "$0")"
out=$PWD/build-test
jobs=$(nproc)
mkdir -p "$out"
: >"$out/counts"
# Threads of BLAS and parallel tests would fight for the same cores.
export OPENBLAS_NUM_THREADS="${OPENBLAS_NUM_THREADS:-1}"

tools/setup.sh test

# add WHAT PASSED FAILED
add() {
    printf '%-28s %6d passed, %d failed\n' "$1" "$2" "$3"
    echo "$2 $3" >>"$out/counts"
}

# step NAME COMMAND...: one pass or failure; the log when it failed.
step() {
    step_name=$1
    shift
    if "$@" >"$out/log" 2>&1; then
        add "$step_name" 1 0
    else
        tail -n 60 "$out/log"
        add "$step_name" 0 1
        return 1
    fi
}

# suite NAME CMAKE-OPTIONS...: configure, build, test.
suite() {
    suite=$1
    dir=$out/$suite
    shift
    step "$suite: configure" cmake -G Ninja -S . -B "$dir" "$@" || return 0
    step "$suite: build" cmake --build "$dir" -j "$jobs" || return 0
    ctest --test-dir "$dir" -j "$jobs" -V --timeout 900 >"$out/$suite.log" \
        2>&1 || true
    awk -f tests/count.awk "$out/$suite.log" >"$out/sum"
    grep -v '^sum' "$out/sum" || true
    # shellcheck disable=SC2046
    add "$suite: tests" $(awk '/^sum/ { print $2, $3 }' "$out/sum")
}

tests/style.sh >"$out/style.log" || true
grep -v ' passed, ' "$out/style.log" || true
# shellcheck disable=SC2046
add style $(awk '/ passed, / { print $1, $3 }' "$out/style.log")

# Other machines are emulated once: what they run is the same in all suites.
suite gcc -DCMAKE_C_COMPILER=gcc
suite clang -DCMAKE_C_COMPILER=clang-19 -DVITQC_EMULATE=OFF
suite sanitize -DCMAKE_C_COMPILER=gcc -DVITQC_SANITIZE=ON \
    -DVITQC_EMULATE=OFF -DCMAKE_BUILD_TYPE=RelWithDebInfo

awk '{ p += $1; f += $2 }
END { printf "%d passed, %d failed\n", p, f; exit f > 0 }' "$out/counts"

#!/bin/sh
# Models with several outputs (tests/models/outputs.py), in a program: each
# output is near ONNX Runtime's, whether or not the model goes on from it, with
# the same bits at every level and in every number of parts; features without a
# head; outputs of other shapes than a row.
. "$(dirname "$0")/common.sh"

from=$source/tests/models/outputs
least=25 # dB

# floats FILE: of raw f32.
floats() { od -An -v -tf4 -w4 "$1"; }

# near GOT.raw WANT.npy: as long, and the signal over the distance.
near() {
    bytes=$(wc -c <"$1")
    tail -c "$bytes" "$2" >tail
    [ $((bytes + 128)) = "$(wc -c <"$2")" ] || return 1
    floats "$1" >got
    floats tail >want
    paste got want | awk -v least=$least '
        { signal += $2 * $2; noise += ($1 - $2) * ($1 - $2) }
        END { exit !(signal > 0 &&
                     10 * log(signal / (noise + 1e-30)) / log(10) >= least) }'
}

app() {
    "${CC:-cc}" -std=c11 -O1 -Wall -Werror -Iout -o app \
        "$source/tests/driver/outputs_app.c" out/m.o
}

# model NAME OUTPUTS
model() {
    rm -f out/* out.*
    check "$1 compiles" "$vitqc" "$from/$1.onnx" --calib "$images" \
        -o out/m.o --require-integer --save-calib k.json
    check "$1 in a program" app
    check "$1 runs" ./app "$images" best 1
    check "$1: $2 outputs" sh -c \
        "[ \$(ls out.* | wc -l) = $2 ] && [ \$(ls $from/$1.*.npy | wc -l) = $2 ]"
    i=0
    while [ $i -lt "$2" ]; do
        check "$1: output $i is near ONNX Runtime's" near out.$i \
            "$from/$1.$i.npy"
        mv out.$i best.$i
        i=$((i + 1))
    done
    for way in "base 1" "base 3" "best 7"; do
        # shellcheck disable=SC2086
        check "$1 runs: $way" ./app "$images" $way
        while [ $i -gt 0 ]; do
            i=$((i - 1))
            check "$1: output $i, $way" cmp out.$i best.$i
        done
        i=$2
    done
    check "$1 verifies" "$vitqc" verify "$from/$1.onnx" --input "$images" \
        --load-calib k.json
    cp stdout said
    check "$1 equals the evaluator" \
        grep -Eq '^object equals evaluator, images +2 of 2$' said
}

model heads 5
model features 4

finish

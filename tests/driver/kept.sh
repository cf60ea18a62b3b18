#!/bin/sh
# Models with ops that have no integer form (tests/models/kept.py): they are
# kept in float and named, the object gives the evaluator's bits at every level
# and nearly ONNX Runtime's outputs; or they are refused, each with a line.
. "$(dirname "$0")/common.sh"

kept=$source/tests/models/kept
least=25 # dB

# floats FILE: the 2 x 10 numbers of an f32 .npy.
floats() {
    tail -c 80 "$1" | od -An -v -tf4 -w4
}

# near A B: the signal of B over its distance from A.
near() {
    floats "$1" >got
    floats "$2" >want
    [ -s want ] && paste got want | awk -v least=$least '
        { signal += $2 * $2; noise += ($1 - $2) * ($1 - $2); n++ }
        END { exit !(n == 20 && signal > 0 &&
                     10 * log(signal / (noise + 1e-30)) / log(10) >= least) }'
}

# names FILE PATTERN..: each occurs.
names() {
    file=$1
    shift
    for pattern; do
        grep -q -- "$pattern" "$file" || return 1
    done
}

for one in elementwise axes; do
    check "$one compiles" "$vitqc" "$kept/$one.onnx" --calib "$images" \
        -o out/$one.o --report $one.json --save-calib $one.k
    cp err said
    check "$one: one warning" sh -c \
        "[ \$(wc -l <said) = 1 ] && grep -q 'kept in float: .*; --req' said"
    check "$one runs" "$vitqc" run out/$one.o --input "$images" -o $one.npy
    check "$one is near ONNX Runtime's" near $one.npy "$kept/$one.out.npy"
    check "$one, base level" "$vitqc" run out/$one.o --cpu base \
        --input "$images" -o base.npy
    check "$one: the same bits" cmp $one.npy base.npy
    check "$one verifies" "$vitqc" verify "$kept/$one.onnx" --input "$images" \
        --load-calib $one.k
    cp stdout said
    check "$one equals the evaluator" \
        grep -Eq '^object equals evaluator, images +2 of 2$' said
    check "$one again" "$vitqc" "$kept/$one.onnx" --load-calib $one.k \
        -o out/again.o --name $one
    check "$one: the same object" cmp out/$one.o out/again.o
done
check "report of elementwise" names elementwise.json '"kept_in_float"' \
    'compares two values' 'exponent'
check "report of axes" names axes.json 'along an axis' '/ReduceMin'
check "a softmax is not" sh -c '! grep -q "along the last" axes.json'
check "inspect" "$vitqc" inspect "$kept/axes.onnx"
cp stdout said
check "inspect lists them" names said 'Kept in float' 'node /ReduceMin'
check "nothing outside" sh -c \
    "! nm -u out/axes.o out/elementwise.o | grep -Ev '^ *U mem|:\$|^\$'"

rm out/*
lines=3
refuse 1 'has no integer form' "$kept/elementwise.onnx" --calib "$images" \
    --require-integer -o out/no.o
lines=2
refuse 1 'has no integer form' "$kept/axes.onnx" --calib "$images" \
    --require-integer -o out/no.o

finish

#!/bin/sh
# Models as exporters write them (tests/models/zoo, zoo.py): each compiles, its
# object gives the evaluator's bits, and its outputs are as near to the float
# model's as when they were recorded (expected.txt), with no more of it in
# float. What was refused then is refused in one line or works by now.
. "$(dirname "$0")/common.sh"

zoo=$source/tests/models/zoo
margin=1.5 # dB
levels=
[ "$(uname -m)" != x86_64 ] || levels=--cpu-levels=avx2

# The input of a model, by what it says of itself.
input_of() {
    case $("$vitqc" inspect "$1" 2>/dev/null | grep -m1 '^input') in
    *x64x64*) echo "$source/tests/models/input64.npy" ;;
    *x32x32x3*) echo "$source/tests/models/input_nhwc.npy" ;;
    *) echo "$images" ;;
    esac
}

verify() {
    "$vitqc" verify "$1" --calib "$2" --input "$2" $levels
}

# No more ops are kept in float than N: few_in_float N.
few_in_float() {
    now=$(sed -n 's/.* \([0-9]*\) ops* [a-z]* kept in float.*/\1/p' err)
    [ "${now:-0}" -le "$1" ]
}

near() {
    verify "$1" "$2" | tee verified && few_in_float "$4" &&
        grep -Eq '^object equals evaluator, images +2 of 2$' verified &&
        awk -v least="$3" -v margin=$margin '
            /^SQNR of the outputs/ { good = $5 >= least - margin }
            END { exit !good }' verified
}

works_or_refused() {
    verify "$1" "$2"
    code=$?
    [ $code = 0 ] || { [ $code = 1 ] && grep -q 'error: ' err; }
}

while read -r name least _ floats; do
    case $name in '#'*) continue ;; esac
    file=$zoo/$name.onnx
    if [ "$least" = - ]; then
        check "$name" works_or_refused "$file" "$(input_of "$file")"
    else
        check "$name" near "$file" "$(input_of "$file")" "$least" "$floats"
    fi
done <"$zoo/expected.txt"

# A dynamic batch is bound by an option; names that are no C names.
check "batch of 2" "$vitqc" verify "$zoo/vit_timm_dyn18_batch.onnx" \
    --batch=2 --calib "$images" --input "$images" $levels
check "other alphabets" "$vitqc" "$zoo/vit_timm_ts17_names.onnx" -o out/m.o \
    --calib "$images" $levels
check "their header" ${CC:-cc} -std=c11 -Wall -Werror -fsyntax-only -x c out/m.h

finish

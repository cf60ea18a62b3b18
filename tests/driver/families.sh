#!/bin/sh
# Other Vision Transformers than ViT (tests/models/families.py): each compiles,
# its object gives the evaluator's bits, and its outputs are near the float
# model's.
. "$(dirname "$0")/common.sh"

least=20 # dB

near() {
    "$vitqc" verify "$1" --calib "$images" --input "$images" | tee verified &&
        grep -Eq '^object equals evaluator, images +2 of 2$' verified &&
        awk -v least=$least '/^SQNR of the outputs/ { good = $5 >= least }
            END { exit !good }' verified
}

for one in "$source"/tests/models/families/*.onnx; do
    check "$(basename "$one" .onnx)" near "$one"
done

finish

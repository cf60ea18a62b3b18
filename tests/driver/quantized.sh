#!/bin/sh
# A model that is quantized already: what is said of it, and the same object
# wherever the passes are entered.
. "$(dirname "$0")/common.sh"

given=$source/tests/models/quantized/qdq_u8s8.onnx

check "inspect" sh -c "'$vitqc' inspect '$given' |
    grep -q '^quantized [0-9]* scales of values, 490 of 490 weight channels'"
check "inspect of a float model" sh -c \
    "! '$vitqc' inspect '$model' | grep -q '^quantized'"

"$vitqc" "$given" -o out/q.o --calib "$images" --report out/r.json \
    --save-calib out/c.json --dump-dir d >stdout 2>err || fail "compile"
check "nothing is said" test ! -s err
check "report" grep -q '"weight_channels_exact":.*490' out/r.json
check "nothing is loosened" grep -q '"scales_loosened":.*0,' out/r.json
check "from kept ranges" "$vitqc" "$given" -o q.o --load-calib out/c.json
check "the same bytes from kept ranges" cmp out/q.o q.o
check "on after the float passes" "$vitqc" d/*-dce.vir -o q.o --calib "$images"
check "the same bytes after the float passes" cmp out/q.o q.o
check "on after quantize" "$vitqc" d/*-quantize.vir -o q.o \
    --load-calib out/c.json
check "the same bytes after quantize" cmp out/q.o q.o
check "verify" "$vitqc" verify "$given" --calib "$images" --input "$images"

finish

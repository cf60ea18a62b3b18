#!/bin/sh
# Options: how they may be spelled, and what is said about wrong ones.
. "$(dirname "$0")/common.sh"

check "--version" sh -c "'$vitqc' --version | grep -Eq '^vitqc [0-9]+\.[0-9]+'"
check "--help fits a screen" sh -c \
    "[ \$('$vitqc' --help | wc -l) -le 32 ] && \
     '$vitqc' --help | awk 'length > 80 { exit 1 }'"
for command in compile run bench verify inspect; do
    check "$command --help" sh -c \
        "'$vitqc' $command --help | grep -q 'vitqc $command:'"
    check "$command --help is 80 columns wide" sh -c \
        "'$vitqc' $command --help | awk 'length > 80 { exit 1 }'"
done
check "--list-passes" sh -c "'$vitqc' --list-passes | grep -q '^quantize '"

refuse 2 'which file'
refuse 2 'which file' bench
refuse 2 "unknown option '--calibb'.*--calib" "$model" --calibb x -o out/m.o
refuse 2 "unknown option '--frobnicate'" "$model" --frobnicate -o out/m.o
refuse 2 "unknown option '-z'" "$model" -z -o out/m.o
refuse 2 "not one of vitqc run" run x.o --emit=ir
refuse 2 'needs a value' "$model" -o
refuse 2 'takes no value' "$model" -o out/m.o --dyadic=1
refuse 2 "'512' is not SIZE" "$model" --max-memory=512 -o out/m.o
refuse 2 "'1T' is not SIZE" "$model" --max-memory 1T -o out/m.o
refuse 2 "'99999999999G' is not SIZE" "$model" --max-memory 99999999999G
refuse 1 'out of memory: the limit is 1 MB; --max-memory' "$model" \
    --max-memory=1024K -o out/m.o
refuse 2 "'lots' is not N" "$model" -o out/m.o --batch lots
refuse 2 "'-3' is not N" "$model" -o out/m.o --batch -3
refuse 2 "one of auto.shift.exact.ivit" "$model" -o out/m.o --nonlinear=relu
refuse 2 '4 bits are not supported' "$model" -o out/m.o --bits=4
refuse 2 '8 or 16 bits' "$model" -o out/m.o --prob-bits=3
refuse 2 'levels are 0 to 3' "$model" -o out/m.o -O7
refuse 2 'go together' "$model" -o out/m.o --mean=0.5
refuse 2 'is not R,G,B' "$model" -o out/m.o --mean=0.5,0.5 --std=1
refuse 2 'std above 0' "$model" -o out/m.o --calib "$images" --mean=0 --std=0
refuse 2 'is not NAME=N' "$model" -o out/m.o --dim batch
refuse 2 'give one' "$model" -o out/m.o --calib a --load-calib b
refuse 2 'one file at a time' "$model" "$model" -o out/m.o
refuse 2 "no pass is called 'nap'" "$model" -o out/m.o --stop-after=nap
refuse 2 "cannot begin names in C" "$model" -o out/m.o --name=int
refuse 2 "cannot begin names in C" "$model" -o out/m.o --name=2fast
refuse 2 'needs --input' verify "$model"
refuse 2 'needs --input and --output' run "$model"
refuse 2 'is the model' "$model" -o "$model"

# One meaning, four spellings.
for spelling in "--stop-after=dce --output=a.vir" "--stop-after dce -o a.vir" \
    "-stop-after=dce -oa.vir" "-stop-after dce -output a.vir"; do
    rm -f a.vir
    # shellcheck disable=SC2086
    check "spelled $spelling" sh -c "'$vitqc' '$model' $spelling && test -s a.vir"
done
check "-- ends options" sh -c \
    "cp '$model' ./-m.onnx && '$vitqc' --stop-after=dce -o b.vir -- -m.onnx &&
     cmp -s a.vir b.vir"
finish

#!/bin/sh
# What is written: object, header, text forms, reports; and that a program can
# use it.
. "$(dirname "$0")/common.sh"

"$vitqc" "$model" -o out/vit.o --calib "$images" --report out/r.json \
    --save-calib out/c.json >stdout 2>err || fail "compile"
check "nothing is said" test ! -s err
check "object" test -s out/vit.o
check "header" grep -q 'vit_run' out/vit.h
check "report" grep -q '"layers"' out/r.json
check "report's ranges" grep -q '"range"' out/r.json
check "report's forms" grep -q '"why"' out/r.json
if command -v python3 >/dev/null; then
    check "report is JSON" python3 -c 'import json; json.load(open("out/r.json"))'
fi
check "nothing else" sh -c "[ \$(ls -A out | wc -l) = 4 ]"
check "readable by all" sh -c "ls -l out/vit.o | grep -q '^-rw-r--r--'"

mkdir again
check "again" "$vitqc" "$model" -o again/vit.o --calib "$images"
check "the same bytes" cmp out/vit.o again/vit.o
check "the same header" cmp out/vit.h again/vit.h
check "from kept ranges" "$vitqc" "$model" -o again/vit.o \
    --load-calib out/c.json
check "the same bytes from kept ranges" cmp out/vit.o again/vit.o

check "dumps" "$vitqc" "$model" -o again/vit.o --calib "$images" --dump-dir d
for vir in d/*-fold.vir d/*-dce.vir; do
    check "on from $vir" "$vitqc" "$vir" -o again/vit.o --calib "$images"
    check "the same bytes from $vir" cmp out/vit.o again/vit.o
done
for vir in d/*-quantize.vir d/*-plan.vir; do
    check "on from $vir" "$vitqc" "$vir" -o again/vit.o --load-calib out/c.json
    check "the same bytes from $vir" cmp out/vit.o again/vit.o
done

check "assembler" "$vitqc" "$model" -o a.s --emit=asm --calib "$images"
check "assembler's text" grep -q 'a_run' a.s
check "LLVM" "$vitqc" "$model" -o a.ll --emit=llvm-ir --calib "$images"
check "LLVM's text" grep -q '^define' a.ll
check "IR" "$vitqc" "$model" -o a.vir --emit=ir --calib "$images"
check "IR's text" grep -q 'k.linear' a.vir
check "IR on standard output" sh -c \
    "'$vitqc' '$model' --stop-after=dce -o - | grep -q '^graph'"
check "-print-after-all" sh -c "'$vitqc' '$model' -o a.o --calib '$images' \
    --print-after-all 2>&1 | grep -q '# after plan'"
check "--time-passes" sh -c "'$vitqc' '$model' -o a.o --calib '$images' \
    --time-passes 2>&1 | grep -q 'ms.*quantize'"

check "run" "$vitqc" run out/vit.o --input "$images" --output y.npy
check "run's shape" sh -c "head -c 128 y.npy | grep -aq '(2, 10)'"
check "run, level base" "$vitqc" run out/vit.o --input "$images" \
    --output z.npy --cpu base
check "levels agree" cmp y.npy z.npy
check "unknown level" sh -c "'$vitqc' run out/vit.o --input '$images' \
    --output z.npy --cpu sse9 2>&1 | grep -q \"no CPU level 'sse9'.*base\""
check "bench" sh -c "'$vitqc' bench out/vit.o --repeat 3 --cpu=base | \
    grep -q '^base '"
check "bench, all levels" "$vitqc" bench out/vit.o --repeat 3 --cpu=all
check "inspect a model" sh -c "'$vitqc' inspect '$model' | grep -q softmax"
check "inspect an object" sh -c "'$vitqc' inspect out/vit.o | grep -q base"
printf '3\n5\n' >labels.txt
check "verify" sh -c "'$vitqc' verify '$model' --calib '$images' \
    --input '$images' --labels labels.txt --evaluate 0 | \
    grep -q 'equals evaluator, images *2 of 2'"
golden="'$vitqc' verify '$model' --calib '$images' --input '$images' --golden"
check "golden made" sh -c "$golden golden && grep -q 'vitqc golden 1' golden"
check "golden held" sh -c "$golden golden --cpu base | grep -q 'digests *2 of 2'"
sed '3y/0123456789abcdef/123456789abcdef0/' golden >other
check "golden differs" sh -c "$golden other 2>&1 >stdout | \
    grep -q 'on 1 of 2 images, first on number 1'; $golden other; [ \$? = 3 ]"
sed '3d' golden >short
check "golden of fewer" sh -c "$golden short 2>&1 | grep -q 'of 1 images, not'"
check "golden unreadable" sh -c "$golden labels.txt 2>&1 | \
    grep -q 'not a file that verify'"
check "verify an object" "$vitqc" verify "$model" --calib "$images" \
    --input "$images" --object out/vit.o
check "a batch" sh -c "'$vitqc' '$model_dyn' --batch 2 -o b.o \
    --calib '$images' && '$vitqc' run b.o --input '$images' --output b.npy &&
    cmp y.npy b.npy"
check "a batch of more than there are" sh -c "'$vitqc' '$model_dyn' --batch 4 \
    -o four.o --calib '$images' &&
    '$vitqc' run four.o --input '$images' --output four.npy &&
    cmp y.npy four.npy"

cat >app.c <<'END'
#include "vit.h"
#include <stdio.h>
#include <stdlib.h>
int main(void)
{
    float *in = calloc(3 * 32 * 32, sizeof *in), out[10];
    void *work = aligned_alloc(VIT_WORK_ALIGN, VIT_WORK_BYTES);
    if (!in || !work || vit_run(in, out, work) != 0)
        return 1;
    for (int i = 0; i < 10; i++)
        printf("%g\n", (double)out[i]);
    return 0;
}
END
check "a C program" sh -c "cc -std=c11 -Wall -Wextra -pedantic -Werror -Iout \
    app.c out/vit.o -o app && ./app | awk 'END { exit NR != 10 }'"
if command -v c++ >/dev/null; then
    echo '#include "vit.h"' >app.cc
    check "the header in C++" c++ -Wall -Wextra -Iout -c app.cc -o app_cc.o
fi
check "an existing file keeps its mode" sh -c "chmod 600 out/vit.o && \
    '$vitqc' '$model' -o out/vit.o --calib '$images' && \
    ls -l out/vit.o | grep -q '^-rw-------'"
check "a link stays a link" sh -c "ln -s vit.o out/link.o && \
    '$vitqc' '$model' -o out/link.o --name vit --calib '$images' && \
    test -L out/link.o"
finish

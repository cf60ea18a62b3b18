#!/bin/sh
# One golden file for all machines: the demo's model over test images at every
# CPU level that this machine or qemu has, by one and two threads, one image and
# four a call. golden.sh VITQC SOURCE [here]: with `here`, a tenth of the images
# and no other machines.
where=${3:-all}
. "$(dirname "$0")/common.sh"
demo=$source/examples/fashion_mnist
data=/usr/share/datasets/fashion-mnist
cross=aarch64-linux-gnu

skip() {
    echo "skipped: $*"
    finish
}

[ -r $data/t10k-images-idx3-ubyte.gz ] || skip "no Fashion-MNIST in $data"
"${CC:-cc}" -O1 -I"$demo" -o idx2npy "$demo/idx2npy.c" "$demo/idx.c" -lz ||
    skip "no zlib"
./idx2npy $data/train-images-idx3-ubyte.gz train.npy 128
total=$([ "$where" = here ] && echo 100 || echo 1000)
./idx2npy $data/t10k-images-idx3-ubyte.gz test.npy "$total"

# app NAME TRIPLE BATCH COMPILER..: the program, for a machine and a batch.
app() {
    app=$1
    triple=$2
    batch=$3
    shift 3
    mkdir -p "$app"
    "$vitqc" "$demo/fashion_vit.onnx" -o "$app/golden.o" --target="$triple" \
        --batch="$batch" --calib calib.npy &&
        "$@" -std=gnu11 -O1 -static -pthread -I"$app" -I"$source/runtime" \
            -o "$app/app" "$source/tests/driver/golden_app.c" \
            "$source/runtime/vqrt_pool.c" "$app/golden.o"
}

absent=
# same LEVEL COUNT COMMAND..: all images have the golden digests by that level,
# COUNT of them by one thread, 40 by two; or a line says that this CPU has it
# not.
same() {
    want=$1
    count=$2
    shift 2
    for run in "1 $count" "2 40"; do
        # shellcheck disable=SC2086
        got=$("$@" $run 2>err)
        case $got in
        "$want same") pass ;;
        "$want absent")
            case " $absent " in
            *" $want "*) ;;
            *) echo "skipped: $want, which this CPU has not" ;;
            esac
            absent="$absent $want"
            ;;
        *) fail "$* $run: '$got', not '$want same'" ;;
        esac
    done
}

"${CC:-cc}" -std=gnu11 -O1 -o floats "$source/tests/driver/npy_floats.c"
./floats train.npy calib.npy
./floats test.npy f32.npy

verify="'$vitqc' verify '$demo/fashion_vit.onnx' --calib calib.npy --input f32.npy"
check "golden made" sh -c "$verify --evaluate 20 --golden golden.txt"
check "golden of batches" sh -c \
    "$verify --evaluate 4 --batch 4 --golden golden.txt | grep -q '$total of $total'"

here=$("${CC:-cc}" -dumpmachine)
case $here in
x86_64*) levels="base avx2 avxvnni avx512vnni amx" ;;
*) levels="neon dotprod i8mm" ;;
esac
for batch in 1 4; do
    count=$((batch == 1 ? total : 40))
    check "app here" app here$batch "$here" $batch "${CC:-cc}"
    for level in $levels; do
        same "$level" $count here$batch/app f32.npy golden.txt "$level"
    done
done

[ "$where" = all ] || skip "levels and machines that qemu emulates"
case $here in x86_64*)
    if command -v qemu-x86_64 >/dev/null; then
        for cpu in Nehalem:base Haswell:avx2; do
            same "${cpu#*:}" 100 qemu-x86_64 -cpu "${cpu%:*}" here1/app \
                f32.npy golden.txt best
        done
    else
        echo "skipped: qemu-x86_64 is not installed"
    fi
    ;;
esac

command -v qemu-aarch64 >/dev/null || skip "qemu-aarch64 is not installed"
command -v $cross-gcc >/dev/null || skip "$cross-gcc is not installed"
echo '#include <stdio.h>' >libc.c
$cross-gcc -c libc.c -o libc.o 2>/dev/null ||
    skip "$cross-gcc has no C library (libc6-dev-arm64-cross)"
for batch in 1 4; do
    count=$((batch == 1 ? total : 40))
    check "app for aarch64" app arm$batch $cross $batch $cross-gcc
    for cpu in cortex-a53:neon cortex-a76:dotprod max:i8mm; do
        same "${cpu#*:}" $count qemu-aarch64 -cpu "${cpu%:*}" arm$batch/app \
            f32.npy golden.txt best
    done
done
finish

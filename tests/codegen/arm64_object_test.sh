#!/bin/sh
# Objects for aarch64: what they may contain, and the bits of a whole model
# under qemu against those of this machine's levels.
#
# arm64_object_test.sh MAKE_MODEL SOURCE_DIR CC
. "$2/object_common.sh"
cross=aarch64-linux-gnu

# build TRIPLE NAME: objects of two models
build()
{
    for model in alpha beta; do
        VQ_TEST_TARGET=$1 "$make" $model mini all "$model.$2.o" "$model.h"
    done
}

build aarch64-linux-gnu gnu
build aarch64-linux-musl musl
build aarch64-linux-android android
build aarch64-apple-darwin macos
build aarch64-none-elf none
"$make" alpha mini all alpha.o
"$make" beta mini all beta.o
VQ_TEST_TARGET=aarch64-linux-gnu "$make" alpha mini all again.o
cmp -s alpha.gnu.o again.o || fail "compiling twice gives different bytes"

# Symbols: globals carry the prefix, nothing is writable; mem* and, on Linux,
# getauxval are undefined.
nm=llvm-nm-19
command -v $nm >/dev/null || nm=llvm-nm
if have $nm; then
    for kind in gnu musl android macos none; do
        $nm alpha.$kind.o | awk -v kind=$kind '
            NF == 2 { type = $1; name = $2 }
            NF == 3 { type = $2; name = $3 }
            { if (kind == "macos") sub(/^_/, "", name) }
            type == "U" && name !~ /^mem/ &&
                !(name == "getauxval" && kind ~ /gnu|musl|android/) {
                print "undefined", name; bad = 1
            }
            type ~ /[A-TV-Z]/ && name !~ /^alpha_/ {
                print "global", name; bad = 1
            }
            type ~ /[bBdDcC]/ { print "writable", name; bad = 1 }
            END { exit bad }' || fail "symbols for $kind"
    done
fi

# All code decodes; dot products at their own levels alone; no floating-point
# arithmetic but in quantize and dequantize.
if have $objdump; then
    for kind in gnu macos; do
        $objdump -d --no-show-raw-insn --mattr=+dotprod,+i8mm \
            alpha.$kind.o >code.txt
        awk '
            /<unknown>/ { print; bad = 1 }
            /^[0-9a-f]+ <.*>:$/ { fn = $2; n++; next }
            $2 ~ /^[su]dot/ { dot++; if (fn !~ /\.dotprod\./) bad = 1 }
            $2 ~ /mmla/ { mmla++; if (fn !~ /\.i8mm\./) bad = 1 }
            fn !~ /\.(de)?quantize\./ &&
                $2 ~ /^(f(add|sub|mul|div|ml|nm|max|min|cmp|cvt|rint|sqrt)|[su]cvtf)/ {
                print fn, $0; bad = 1
            }
            END {
                if (!n || !dot || !mmla) print "no code", n, dot, mmla
                exit bad || !n || !dot || !mmla
            }' code.txt || fail "code for $kind"
    done
    VQ_TEST_TARGET=$cross "$make" tiny tiny all tiny.o
    $objdump -d --no-show-raw-insn --mattr=+dotprod,+i8mm tiny.o >code.txt
    awk -f "$src/../loops.awk" -f "$src/vector_loops.awk" code.txt ||
        fail "loops without vectors"
    rm tiny.o
fi

"$cc" -std=c11 -Wall -Wextra -Werror -O1 -I. "$src/two_models.c" alpha.o \
    beta.o -o two -pthread
sum=$(./two | cut -d' ' -f2)
if have $cross-gcc && have qemu-aarch64; then
    echo '#include <stdio.h>' >libc.c
    $cross-gcc -c libc.c -o libc.o 2>/dev/null || {
        echo "skipped: $cross-gcc has no C library (libc6-dev-arm64-cross)"
        exit $failed
    }
    $cross-gcc -shared -o both.so alpha.gnu.o beta.gnu.o -Wl,-z,text ||
        fail "shared library"
    $cross-gcc -std=c11 -Wall -Wextra -Werror -O1 -static -I. \
        "$src/two_models.c" alpha.gnu.o beta.gnu.o -o two.arm64 -pthread
    for cpu in cortex-a53:neon cortex-a76:dotprod max:i8mm; do
        got=$(qemu-aarch64 -cpu "${cpu%:*}" ./two.arm64) ||
            fail "under ${cpu%:*}"
        [ "$got" = "${cpu#*:} $sum" ] ||
            fail "${cpu%:*}: '$got', not '${cpu#*:} $sum'"
    done
fi
exit $failed

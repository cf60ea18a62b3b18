#!/bin/sh
# What an object may contain, and how it behaves in a C program.
#
# object_test.sh MAKE_MODEL SOURCE_DIR CC
. "$2/object_common.sh"

"$make" alpha mini all alpha.o alpha.h
"$make" beta mini all beta.o beta.h
"$make" alpha mini all again.o
cmp -s alpha.o again.o || fail "compiling twice gives different bytes"

# Symbols: globals carry the prefix, nothing is writable, mem* alone undefined.
nm alpha.o | awk '
    NF == 2 { type = $1; name = $2 }
    NF == 3 { type = $2; name = $3 }
    type == "U" && name !~ /^mem/ { print "undefined", name; bad = 1 }
    type ~ /[A-TV-Z]/ && name !~ /^alpha_/ { print "global", name; bad = 1 }
    type ~ /[bBdDcCsS]/ { print "writable", name; bad = 1 }
    END { exit bad }' || fail "symbols"
readelf -SW alpha.o | awk '
    $0 ~ / WA / && $0 !~ / 000000 00  WA/ { print; bad = 1 }
    END { exit bad }' || fail "writable sections"

# No floating-point arithmetic but in quantize and dequantize.
if have $objdump; then
    $objdump -d --no-show-raw-insn alpha.o >code.txt
    awk '
        /^[0-9a-f]+ <.*>:$/ { fn = $2; edge = fn ~ /\.(de)?quantize\./; next }
        fn == "" { next }
        $2 ~ /^v?(add|sub|mul|div|sqrt|rcp|rsqrt|max|min|dp|hadd|hsub|addsub|round|rndscale|getexp|scalef|reduce|range|ucomi|comi|cmp[a-z]*|fn?m(add|sub)[0-9a-z]*)[0-9]*(ss|sd|ps|pd)$/ ||
        $2 ~ /^v?cvt/ || $2 ~ /^f(add|sub|mul|div|ld|st|sqrt|ild|ist)/ {
            if (edge) seen = 1
            else { print fn, $0; bad = 1 }
        }
        END {
            if (!seen) print "no conversion seen at the edges"
            exit bad || !seen
        }' code.txt || fail "floating point"
    # AVX-VNNI without AVX-512: no EVEX prefix (62) in that level'"'"'s code.
    $objdump -d alpha.o | awk '
        /^[0-9a-f]+ <.*>:$/ { on = $2 ~ /\.avxvnni\./ }
        on && /vpdpbusd/ { n++ }
        on && $2 == "62" { print; bad = 1 }
        END { if (!n) print "no vpdpbusd"; exit bad || !n }' ||
        fail "avxvnni encoding"
    # Tiles at their level alone, configured and released where they are used.
    awk '
        function leave() {
            if (dot && (config != 1 || release != 1)) {
                print fn, config, "configurations,", release, "releases"
                bad = 1
            }
            all += dot
            dot = config = release = 0
        }
        /^[0-9a-f]+ <.*>:$/ { leave(); fn = $2; next }
        $2 ~ /^(tile|tdp|ldtile)/ && fn !~ /\.amx\./ { print fn, $0; bad = 1 }
        $2 ~ /^tdp/ { dot++ }
        $2 == "ldtilecfg" { config++ }
        $2 == "tilerelease" { release++ }
        END { leave(); if (!all) print "no product in tiles"; exit bad || !all }
        ' code.txt || fail "tiles"
    # One system call: the request for tiles.
    awk '
        /^[0-9a-f]+ <.*>:$/ { fn = $2 }
        $2 ~ /^(syscall|sysenter|int)$/ { n++; bad = fn !~ /\.levels>/ }
        END { if (n != 1) print n + 0, "system calls"; exit bad || n != 1 }
        ' code.txt || fail "system calls"
fi

"$cc" -std=c11 -Wall -Wextra -Werror -O1 -I. "$src/two_models.c" alpha.o \
    beta.o -o two -pthread
"$cc" -shared -o both.so alpha.o beta.o -Wl,-z,text || fail "shared library"
./two >native.txt || fail "two models, four threads"
sum=$(cut -d' ' -f2 native.txt)

# On lesser CPUs the level is chosen accordingly and nothing newer is executed.
if have qemu-x86_64; then
    for cpu in Nehalem:base Haswell:avx2; do
        want="${cpu#*:} $sum"
        got=$(qemu-x86_64 -cpu "${cpu%:*}" ./two 2>/dev/null) ||
            fail "under ${cpu%:*}"
        [ "$got" = "$want" ] || fail "${cpu%:*}: '$got', not '$want'"
    done
fi

# valgrind knows no AVX-512: up to avx2.
if have valgrind; then
    valgrind -q --error-exitcode=9 --leak-check=full ./two 1 >/dev/null \
        2>valgrind.txt || { head -20 valgrind.txt; fail "valgrind"; }
    # Parts of a step touch no byte that another one writes.
    "$cc" -std=c11 -Wall -Wextra -Werror -O1 -I. "$src/races.c" alpha.o \
        -o races -pthread
    valgrind -q --tool=drd --error-exitcode=9 ./races 1 >/dev/null \
        2>races.txt || { head -20 races.txt; fail "data races"; }
fi
exit $failed

#!/bin/sh
# Instructions that a run of a model takes at each level, by qemu's user mode:
# count.sh OBJECT.o [LEVEL:CPU..].
#
# A plugin counts the blocks that run (count_plugin.c), the program's symbols say
# whose they are. Only what the object's own functions execute counts, not the
# program around them, nor the C library's memcpy. A level that the CPU does not
# choose by itself, or an instruction that it has not, is an error. "of" is the
# quotient by the level above in the table.
set -eu
obj=$1
shift
here=$(cd "$(dirname "$0")" && pwd)
objdump=$(command -v llvm-objdump-19 || command -v llvm-objdump)
arch=$($objdump -f "$obj" | sed -n 's/^architecture: //p')
case $arch in
aarch64)
    cross=aarch64-linux-gnu-
    [ $# -gt 0 ] || set -- neon:cortex-a53 dotprod:cortex-a76 i8mm:max
    ;;
x86_64)
    cross=
    [ $# -gt 0 ] || set -- base:Nehalem avx2:Haswell
    ;;
*)
    echo "no CPUs known of '$arch'" >&2
    exit 1
    ;;
esac
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
model=$("${cross}nm" "$obj" | awk '$2 == "T" && $3 ~ /_model$/ { print $3 }')
"${cross}gcc" -std=c11 -O1 -static -I"$here/../.." -DMODEL="$model" \
    -o "$dir/app" "$here/count_app.c" "$obj"
"${cross}nm" "$dir/app" | awk '$2 ~ /[tT]/ { print $1, $3 }' | sort >"$dir/names"

# run CPU: the program with the plugin; newer versions of qemu want a newer API.
run() {
    for api in 1 2; do
        "${CC:-cc}" -O2 -shared -fPIC -DAPI=$api -o "$dir/count.so" \
            "$here/count_plugin.c"
        ! "qemu-$arch" -cpu "$1" -plugin "$dir/count.so,out=$dir/blocks" \
            "$dir/app" 2>"$dir/err" || return 0
    done
    cat "$dir/err" >&2
    return 1
}

echo '| level | CPU | instructions | of | products | attention | layernorm |' \
    'others | multiply-adds an instruction |'
echo '| --- | --- | --- | --- | --- | --- | --- | --- | --- |'
before=0
for row; do
    run "${row#*:}" >"$dir/said"
    read -r level macs <"$dir/said"
    [ "$level" = "${row%%:*}" ] || {
        echo "${row#*:} runs level '$level', not '${row%%:*}'" >&2
        exit 1
    }
    # Names and blocks in order of their addresses: the last name before a
    # block is its function's.
    { sed 's/ / name /' "$dir/names" && sed 's/ / run /' "$dir/blocks"; } |
        sort -s -k1,1 | awk -v level="$level" -v cpu="${row#*:}" \
        -v macs="$macs" -v before="$before" -v total="$dir/total" '
        $2 == "name" {
            split($3, part, ".")
            kind = part[3] == level ? part[2] : ""
            next
        }
        kind ~ /^(linear|product|attention|layernorm)$/ {
            sum[kind == "product" ? "linear" : kind] += $3 * $4
        }
        kind != "" { all += $3 * $4 }
        END {
            share = before ? sprintf("%.3f", all / before) : "-"
            rest = all - sum["linear"] - sum["attention"] - sum["layernorm"]
            printf "| `%s` | %s | %.1f M | %s | %.1f M | %.1f M | %.1f M | " \
                "%.1f M | %.2f |\n", level, cpu, all / 1e6, share,
                sum["linear"] / 1e6, sum["attention"] / 1e6,
                sum["layernorm"] / 1e6, rest / 1e6, macs / all
            printf "%d\n", all >total
        }'
    read -r before <"$dir/total"
done

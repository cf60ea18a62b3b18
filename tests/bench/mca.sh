#!/bin/sh
# What llvm-mca expects of the inner loops of products, on CPUs that need not be
# here: mca.sh OBJECT.o [LEVEL:CPU..].
#
# Of each level's functions that multiply (linear, attention, product) it takes
# the innermost loop with the most product instructions. "least" is the cycles
# for which these keep the CPU's units in a turn, "turn" what the whole loop takes
# of them; their quotient is the share of the peak that the loop can reach with
# all operands in the first cache.
set -eu
tests=$(dirname "$0")/..
obj=$1
shift
objdump=$(command -v llvm-objdump-19 || command -v llvm-objdump)
mca=$(command -v llvm-mca-19 || command -v llvm-mca)
arch=$($objdump -f "$obj" | sed -n 's/^architecture: //p')
case $arch in
aarch64)
    products='^([su]dot|usdot|usmmla|s[mu][lm][al]l2?|smull2?)$'
    [ $# -gt 0 ] || set -- neon:cortex-a53 neon:cortex-a72 \
        dotprod:cortex-a55 dotprod:cortex-a76 dotprod:neoverse-n1 \
        i8mm:neoverse-n2 i8mm:neoverse-v1
    ;;
x86_64)
    products='^(vpdpbusd|v?pmaddwd)$'
    [ $# -gt 0 ] || set -- base:nehalem avx2:haswell avx2:znver3 \
        avx512vnni:icelake-server avx512vnni:znver4
    ;;
*)
    echo "no product instructions known of '$arch'" >&2
    exit 1
    ;;
esac
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
$objdump -d --no-show-raw-insn --mattr=+all "$obj" >"$dir/code" 2>/dev/null ||
    $objdump -d --no-show-raw-insn "$obj" >"$dir/code"

# loop LEVEL: prints the loop.
loop() {
    awk -v level=".$1." -v products="$products" -f "$tests/loops.awk" \
        -f "$tests/bench/mca.awk" "$dir/code"
}

# run CPU FILE: what llvm-mca says of 200 turns.
run() {
    $mca -mtriple="$arch" -mcpu="$1" -iterations=200 "$2" 2>"$dir/err"
}

printf '| level | CPU | products | instructions | least | turn | share |\n'
printf '| --- | --- | --- | --- | --- | --- | --- |\n'
for row; do
    level=${row%%:*}
    cpu=${row#*:}
    loop "$level" >"$dir/loop.s"
    awk -v products="$products" '$1 ~ products' "$dir/loop.s" >"$dir/least.s"
    [ -s "$dir/least.s" ] || {
        echo "no loop of level '$level' in $obj" >&2
        exit 1
    }
    least=$(run "$cpu" "$dir/least.s" | awk '/^Block RThroughput:/ { print $3 }')
    turn=$(run "$cpu" "$dir/loop.s" |
        awk '/^Total Cycles:/ { printf "%.1f", $3 / 200 }')
    [ -n "$least" ] && [ -n "$turn" ] || {
        cat "$dir/err" >&2
        exit 1
    }
    echo "$level $cpu $(wc -l <"$dir/least.s") $(wc -l <"$dir/loop.s") \
$least $turn $(awk '$1 ~ /dot|mmla|smlal|smull|madd|dpbusd/ { print $1; exit }' \
        "$dir/least.s")" |
        awk '{ printf "| `%s` | %s | %d `%s` | %d | %s | %s | %.0f %% |\n",
                      $1, $2, $3, $7, $4, $5, $6, 100 * $5 / $6 }'
done

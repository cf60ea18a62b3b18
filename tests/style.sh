#!/bin/sh
# The rules that a script can check: layering, sizes, white space. Prints what
# breaks them, and ends with `N passed, N failed`.
set -eu
cd "$(dirname "$0")/.."
result=$(mktemp)
trap 'rm -f "$result"' EXIT

# check NAME: its standard input lists what is wrong.
check() {
    found=$(cat)
    if [ -z "$found" ]; then
        echo passed >>"$result"
    else
        echo failed >>"$result"
        printf '%s:\n%s\n' "$1" "$found"
    fi
}

product="ir data frontend passes codegen runtime lib driver include"
sources() {
    find $product tests examples -name '*.[ch]' -o -name '*.def' | sort
}

# layer FOLDER PATTERN: its own includes may only match the pattern.
layer() {
    find "$1" -name '*.[ch]' | sort | xargs grep -nE '^ *# *include' |
        grep -E '"|<vitqc/' |
        grep -vE "include [\"<]($2)" | check "$1 may not include"
}

layer ir 'ir/'
layer data '(ir/base\.h|data/)'
layer frontend '(ir|frontend)/|onnx\.pb-c\.h'
layer passes '(ir|passes)/'
layer codegen '(ir|codegen)/|runtime/vqrt\.h'
layer runtime 'runtime/|vqrt(_pool)?\.h'
layer lib 'include/vitqc/|(ir|data|frontend|passes|codegen|lib)/|runtime/vqrt(_pool)?\.h'
layer driver 'vitqc/|driver/|runtime/vqrt\.h'
layer include 'vitqc/'

find $product -name '*.[ch]' | xargs grep -lE '# *include <llvm' |
    grep -v '^codegen/' | check "LLVM is seen outside codegen/"
find $product -name '*.[ch]' | xargs grep -lE '# *include ["<](onnx\.pb-c|protobuf-c)' |
    grep -v '^frontend/' | check "protobuf is seen outside frontend/"

sources | xargs awk 'length($0) > 80 {
    printf "%s:%d: %d columns\n", FILENAME, FNR, length($0) }' |
    check "lines over 80 columns"

# A function's braces stand in column one.
find $product -name '*.c' | sort | xargs awk '
    FNR == 1 { start = 0 }
    /^{/ { start = FNR }
    /^}/ {
        if (start && FNR - start - 1 > 60)
            printf "%s:%d: %d lines\n", FILENAME, start, FNR - start - 1
        start = 0
    }' | check "functions over 60 lines"

find $product -name '*.[ch]' | sort | xargs awk '
    FNR == 1 && prev { if (n > 500) print prev ": " n " lines" }
    { prev = FILENAME; n = FNR }
    END { if (n > 500) print prev ": " n " lines" }' |
    check "files over 500 lines"

text() {
    find . -path './.git' -prune -o -path './build*' -prune -o -type f \( \
        -name '*.[ch]' -o -name '*.def' -o -name '*.md' -o -name '*.sh' -o \
        -name '*.cmake' -o -name 'CMakeLists.txt' -o -name '*.py' -o \
        -name '*.awk' -o -name '*.vir' -o -name '*.1' \) -print | sort
}
text | xargs grep -nE '[ 	]+$' | check "blanks at the end of a line"
text | grep -E '\.([ch]|def)$' | xargs grep -n '	' | check "tabs"
text | while read -r f; do
    [ -z "$(tail -c 1 "$f")" ] || echo "$f"
done | check "no newline at the end"

find $product -name '*.[ch]' | sort | while read -r f; do
    [ "$(head -c 2 "$f")" = '/*' ] || echo "$f"
done | check "a file opens with a comment: what it does, needs, promises"

awk '{ n[$1]++ }
END { printf "%d passed, %d failed\n", n["passed"], n["failed"]
    exit n["failed"] > 0 }' "$result"

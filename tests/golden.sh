#!/bin/sh
# Checks golden files against what virtool gives (tests/golden/golden.h says
# what is in them), and shows the difference where they disagree.
#
#     golden.sh VIRTOOL [--bless] FILE|DIR...
#
# --bless writes what came out below the dashes. Graphs are run all the same:
# a result with other numbers is never blessed.
set -u

tool=$1
shift
bless=
if [ "${1-}" = --bless ]; then
    bless=yes
    shift
fi
tmp=$(mktemp -d) || exit 4
trap 'rm -rf "$tmp"' EXIT
passed=0
failed=0

fail()
{
    echo "[FAIL] $1: $2"
    failed=$((failed + 1))
}

check()
{
    want_status=$(sed -n '/^---$/q; s/^# exit: *//p' "$1")
    "$tool" "$1" >"$tmp/got" 2>"$tmp/err"
    status=$?
    if [ $status -ne "${want_status:-0}" ]; then
        fail "$1" "exit status $status, not ${want_status:-0}"
        cat "$tmp/got" "$tmp/err"
        return
    fi
    sed '1,/^---$/d' "$1" >"$tmp/want"
    if diff -u "$tmp/want" "$tmp/got" >"$tmp/diff"; then
        passed=$((passed + 1))
    elif [ "$bless" ]; then
        sed '/^---$/q' "$1" | cat - "$tmp/got" >"$tmp/new"
        cp "$tmp/new" "$1"
        echo "[BLESS] $1"
        passed=$((passed + 1))
    else
        fail "$1" "other output"
        sed 1,2d "$tmp/diff"
    fi
}

find "$@" -name '*.vir' | LC_ALL=C sort >"$tmp/files"
while read -r file; do
    check "$file"
done <"$tmp/files"
echo "$passed passed, $failed failed"
[ $failed -eq 0 ] && [ $passed -gt 0 ]

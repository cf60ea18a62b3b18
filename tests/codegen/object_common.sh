# object_common.sh -- for the scripts beside it: SCRIPT MAKE_MODEL SOURCE_DIR CC
# in an empty folder of its own. Tools that are absent are skipped with a
# message; the exit status is $failed.
set -eu
make=$1 src=$2 cc=$3
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
failed=0

fail()
{
    echo "FAILED: $*"
    failed=1
}

have()
{
    command -v "$1" >/dev/null && return 0
    echo "skipped: $1 is not installed"
    return 1
}

objdump=llvm-objdump-19
command -v $objdump >/dev/null || objdump=llvm-objdump

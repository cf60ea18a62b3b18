# common.sh -- for the scripts beside it: SCRIPT VITQC SOURCE.
#
# The script runs in an empty folder of its own; $vitqc, $source and small
# models are at hand. `finish` ends it.
set -u
vitqc=$1
source=$2
model=$source/tests/models/timm_op17.onnx
model_dyn=$source/tests/models/timm_op17_dyn.onnx
images=$source/tests/models/input.npy
tmp=$(mktemp -d) || exit 4
trap 'cd /; rm -rf "$tmp"' EXIT
cd "$tmp" || exit 4
mkdir out
passed=0
failed=0
lines=1 # of a refusal

pass() { passed=$((passed + 1)); }

fail() {
    failed=$((failed + 1))
    echo "FAILED: $*"
    [ ! -s err ] || sed 's/^/    stderr: /' err
}

# check WHAT COMMAND...: the command succeeds.
check() {
    what=$1
    shift
    if "$@" >stdout 2>err; then pass; else fail "$what"; fi
}

# refuse CODE PATTERN ARGS...: vitqc ARGS ends with CODE and one line that
# matches, and writes nothing into out/.
refuse() {
    code=$1
    pattern=$2
    shift 2
    "$vitqc" "$@" >stdout 2>err
    got=$?
    if [ $got != "$code" ]; then
        fail "exit code $got, not $code: vitqc $*"
    elif [ "$(wc -l <err)" != $lines ]; then
        fail "not $lines line: vitqc $*"
    elif ! grep -Eq -- "$pattern" err; then
        fail "message lacks /$pattern/: vitqc $*"
    elif [ -n "$(ls -A out)" ]; then
        fail "left $(ls -A out) behind: vitqc $*"
        rm -rf out/* out/.[!.]*
    else
        pass
    fi
}

finish() {
    echo "$passed passed, $failed failed"
    [ "$failed" = 0 ]
    exit
}

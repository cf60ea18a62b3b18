#!/bin/sh
# Runs the kernel checker's cases compiled for aarch64, under qemu: each CPU
# level on a CPU that has it and nothing newer.
#
# arm64_test.sh SOURCE_DIR TEST [ARGUMENT..]. Where a tool is absent it says so
# and skips.
set -eu
src=$1
shift
cross=aarch64-linux-gnu

for tool in qemu-aarch64 $cross-gcc $cross-ld; do
    command -v $tool >/dev/null || {
        echo "skipped: $tool is not installed"
        exit 0
    }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

$cross-gcc -std=gnu11 -O1 -pthread -DVQ_NO_CMOCKA -I"$src" -I"$src/runtime" \
    "$src/tests/codegen/runner.c" "$src/tests/codegen/ways.c" \
    "$src/tests/codegen/parts.c" "$src/runtime/vqrt_pool.c" -o "$dir/runner" ||
    {
        echo "skipped: $cross-gcc has no C library (libc6-dev-arm64-cross)"
        exit 0
    }

# run OBJECT SYMBOL DATA
cat >"$dir/run" <<END
set -e
$cross-ld -shared -z text -o "\$1.so" "\$1"
trap 'rm -f "\$1.so"' EXIT
for cpu in cortex-a53:neon cortex-a76:dotprod max:i8mm; do
    qemu-aarch64 -cpu "\${cpu%:*}" -L /usr/$cross "$dir/runner" \
        "\${cpu#*:}" "\$1.so" "\$2" "\$3" || {
        echo "under \${cpu%:*}" >&2
        exit 1
    }
done
END
VQ_TEST_TARGET=$cross VQ_TEST_COMMAND="sh $dir/run" "$@"

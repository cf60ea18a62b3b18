#!/bin/sh
# Installs what vitqc needs and does not find, on Debian and its kin, by
# apt-get; elsewhere it says what is needed. As root, or with sudo.
#
#     tools/setup.sh [demo|test]     the demo needs fewer packages
set -eu

build="gcc libc6-dev cmake ninja-build pkg-config llvm-19-dev
protobuf-c-compiler libprotobuf-c-dev libonnx-dev libcjson-dev libjpeg-dev
libpng-dev libopenblas-dev zlib1g-dev dataset-fashion-mnist"
test="clang-19 libclang-rt-19-dev libcmocka-dev protobuf-compiler libonnx-testdata binutils
valgrind g++ qemu-user gcc-aarch64-linux-gnu libc6-dev-arm64-cross"

packages=$build
[ "${1:-test}" = demo ] || packages="$build $test"

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
    cat >&2 <<END
This is not Debian. vitqc needs a C11 compiler, CMake 3.25, Ninja, pkg-config,
LLVM 19 or newer with its C headers, protobuf-c with protoc-c, onnx.proto (of
the ONNX package), cJSON, libjpeg-turbo, libpng and OpenBLAS; its tests cmocka,
clang, protoc, valgrind; the example zlib and Fashion-MNIST's four files.
On Debian these are the packages
$packages
END
    exit 0
fi

missing=
for p in $packages; do
    state=$(dpkg-query -W -f='${db:Status-Status}' "$p" 2>/dev/null || true)
    [ "$state" = installed ] || missing="$missing $p"
done
[ -n "$missing" ] || exit 0

as_root=
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || {
        echo "To be installed by root: apt-get install$missing" >&2
        exit 1
    }
    as_root=sudo
fi
echo "Installing$missing"
$as_root apt-get update -q
# shellcheck disable=SC2086
$as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -q -y --no-install-recommends $missing

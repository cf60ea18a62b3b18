#!/bin/sh
# A trained Vision Transformer becomes a part of a C program: builds vitqc,
# compiles examples/fashion_mnist/fashion_vit.onnx, links it into an app that
# finds it with CMake's find_package, and classifies the 10,000 test images.
set -eu
cd "$(dirname "$0")"
out=$PWD/build-demo
jobs=$(nproc)
data=/usr/share/datasets/fashion-mnist
export OPENBLAS_NUM_THREADS="${OPENBLAS_NUM_THREADS:-1}"

say() { printf '\n== %s\n' "$*"; }

say "Installing what is missing"
tools/setup.sh demo

say "Building vitqc"
cmake -G Ninja -S . -B "$out/vitqc" -DVITQC_TESTS=OFF \
    -DCMAKE_INSTALL_PREFIX="$out/prefix" >"$out.log" 2>&1 ||
    { cat "$out.log"; exit 1; }
cmake --build "$out/vitqc" -j "$jobs" >"$out.log" 2>&1 ||
    { cat "$out.log"; exit 1; }
cmake --install "$out/vitqc" >"$out.log"
vitqc=$out/prefix/bin/vitqc
"$vitqc" --version

say "Compiling the model and the app that it is linked into"
cmake -G Ninja -S examples/fashion_mnist -B "$out/app" \
    -DCMAKE_PREFIX_PATH="$out/prefix" >"$out.log"
cmake --build "$out/app" -j "$jobs"
model=$out/app/vitqc/fashion_vit/fashion_vit.o

say "The app classifies 10,000 test images with the linked object"
"$out/app/fashion_app" $data/t10k-images-idx3-ubyte.gz \
    $data/t10k-labels-idx1-ubyte.gz

say "The float graph on the same images, and the object beside it"
"$out/app/idx2npy" $data/t10k-images-idx3-ubyte.gz "$out/test.npy"
"$out/app/idx2npy" $data/t10k-labels-idx1-ubyte.gz "$out/labels.npy"
"$vitqc" verify examples/fashion_mnist/fashion_vit.onnx \
    --calib "$out/app/calib.npy" --mean 0.2860 --std 0.3530 \
    --object "$model" --input "$out/test.npy" --labels "$out/labels.npy" \
    --evaluate 20 >"$out/verify.txt"
grep -v '^ *[-0-9.]*  ' "$out/verify.txt" | grep -v '^ *SQNR dB'

say "Latency of one image, one thread, at every level of this CPU"
"$vitqc" bench "$model" --cpu all --repeat 1000

say "Figures"
awk '
/top-1, float/  { fp32 = $(NF - 4) }
/top-1, object/ { int8 = $(NF - 4) }
/image, float/  { slow = $(NF - 1) }
/image, object/ { fast = $(NF - 1) }
END {
    printf "fp32 accuracy   %6.2f %%\n", fp32
    printf "int8 accuracy   %6.2f %%\n", int8
    printf "latency         %6.3f ms (float graph, by OpenBLAS: %.3f ms)\n", \
        fast, slow
    printf "speed-up        %6.1f\n", slow / fast
}' "$out/verify.txt"
printf 'object size     %6d kB (model: %d kB)\n' \
    $(($(stat -c %s "$model") / 1000)) \
    $(($(stat -c %s examples/fashion_mnist/fashion_vit.onnx) / 1000))

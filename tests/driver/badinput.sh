#!/bin/sh
# Wrong models, data and places: one line, the documented code, nothing written.
. "$(dirname "$0")/common.sh"

compile() {
    code=$1
    pattern=$2
    shift 2
    refuse "$code" "$pattern" "$@" -o out/m.o
}

# ---- models ----
compile 4 'No such file' gone.onnx
compile 4 'not a file' out/..
: >empty.onnx
compile 1 'empty' empty.onnx
size=$(wc -c <"$model")
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    head -c $((size * i / 21)) "$model" >cut.onnx
    compile 1 'not an ONNX model' cut.onnx
done
head -c 20000 "$vitqc" >random.onnx
compile 1 'not an ONNX model' random.onnx
echo "This is a letter, not a model." >text.onnx
compile 1 'not an ONNX model' text.onnx
echo "vir 1 nonsense" >bad.vir
compile 1 'bad.vir:1:' bad.vir

# Names of the same length keep the file well formed.
sed 's/Softmax/Softmux/g' "$model" >op.onnx
lines=2
compile 1 "operator Softmux is not supported" op.onnx
lines=1

# Damaged weights: an all-ones word is a NaN at any alignment; an infinity needs
# its place.
cp "$model" nan.onnx
printf '\377\377\377\377\377\377\377\377' |
    dd of=nan.onnx bs=1 seek=50000 conv=notrunc 2>/dev/null
compile 1 'NaN' nan.onnx
found=0
for i in 0 1 2 3; do
    cp "$model" inf.onnx
    printf '\000\000\200\177' |
        dd of=inf.onnx bs=1 seek=$((50000 + i)) conv=notrunc 2>/dev/null
    "$vitqc" inf.onnx -o out/m.o --calib "$images" >stdout 2>err
    if [ $? = 1 ] && grep -q Inf err; then found=1; fi
    rm -f out/*
done
if [ $found = 1 ]; then pass; else fail "infinite weights"; fi

# Small models from text.
proto=$(find /usr/include /usr/local/include -name onnx.proto 2>/dev/null |
    head -n 1)
write_model() {
    { echo 'ir_version: 8 opset_import { version: 17 } graph { name: "g"'
        cat
        echo '}'; } | protoc -I"$(dirname "$proto")" \
        --encode=onnx.ModelProto "$proto" >"$1"
}
if command -v protoc >/dev/null && [ -n "$proto" ]; then
    write_model external.onnx <<'END'
node { input: "x" input: "w" output: "y" op_type: "MatMul" name: "/mm" }
initializer { dims: 4 dims: 2 data_type: 1 name: "w" data_location: EXTERNAL
    external_data { key: "location" value: "lost.bin" } }
initializer { dims: 2 data_type: 1 name: "b" data_location: EXTERNAL
    external_data { key: "location" value: "lost.bin" } }
input { name: "x" type { tensor_type { elem_type: 1
    shape { dim { dim_value: 1 } dim { dim_value: 4 } } } } }
output { name: "y" type { tensor_type { elem_type: 1 } } }
END
    compile 4 'lost.bin' external.onnx
    write_model shape.onnx <<'END'
node { input: "x" input: "w" output: "y" op_type: "MatMul" name: "/mm" }
initializer { dims: 3 dims: 1 data_type: 1 name: "w"
    float_data: 1 float_data: 2 float_data: 3 }
input { name: "x" type { tensor_type { elem_type: 1
    shape { dim { dim_value: 1 } dim { dim_value: 4 } } } } }
output { name: "y" type { tensor_type { elem_type: 1 } } }
END
    compile 1 "shape.onnx: node '/mm': error" shape.onnx
    write_model dynamic.onnx <<'END'
node { input: "x" output: "y" op_type: "Relu" name: "/r" }
input { name: "x" type { tensor_type { elem_type: 1
    shape { dim { dim_value: 1 } dim { dim_param: "tall" } } } } }
output { name: "y" type { tensor_type { elem_type: 1 } } }
END
    compile 1 '--dim tall' dynamic.onnx
else
    echo "skipped: models from text (no protoc)"
fi

# ---- images ----
compile 4 'nowhere' "$model" --calib nowhere
mkdir none
compile 1 'none' "$model" --calib none
mkdir broken
echo "not a picture" >broken/a.jpg
compile 1 'broken/a.jpg' "$model" --calib broken --mean 0 --std 1
echo "gone.jpg" >list.txt
compile 1 'gone.jpg' "$model" --calib list.txt --mean 0 --std 1
head -c 1000 "$images" >short.npy
compile 1 'short.npy' "$model" --calib short.npy
compile 1 'timm_op17.out.npy' "$model" \
    --calib "$source/tests/models/timm_op17.out.npy"

# ---- ranges of another model ----
"$vitqc" "$model" -o first.o --calib "$images" --save-calib c.json 2>err ||
    fail "saving ranges"
compile 1 'c.json' "$source/tests/models/timm_op13.onnx" --load-calib c.json
compile 1 'c.json' "$model" --load-calib c.json --mean 0.5 --std 0.5
compile 4 'gone.json' "$model" --load-calib gone.json
echo '{' >half.json
compile 1 'half.json' "$model" --load-calib half.json

# ---- places ----
place() {
    code=$1
    pattern=$2
    out=$3
    shift 3
    refuse "$code" "$pattern" "$model" --calib "$images" -o "$out" "$@"
}
place 4 'no/such/m.o' no/such/m.o
mkdir folder.o
place 4 'folder.o' folder.o
place 4 '/dev/full' /dev/full
place 4 'no/r.json' out/m.o --report no/r.json
place 4 'no/c.json' out/m.o --save-calib no/c.json
place 4 '/dev/full' out/m.o --save-calib /dev/full
refuse 4 '/dev/full' "$model" --stop-after=dce -o /dev/full
(
    ulimit -f 8
    "$vitqc" "$model" -o out/m.o --calib "$images" 2>err
    echo $? >code
)
if [ "$(cat code)" = 4 ] && [ -z "$(ls -A out)" ]; then
    pass
else
    fail "file size limit"
fi
mkdir small
if [ "$(id -u)" = 0 ] && mount -t tmpfs -o size=64k none small 2>/dev/null; then
    refuse 4 'small/m.o.*No space' "$model" --calib "$images" -o small/m.o
    [ -z "$(ls -A small)" ] || fail "a full disk keeps pieces"
    umount small
else
    echo "skipped: a full disk (cannot mount a tmpfs)"
fi

# ---- objects ----
refuse 1 'text.onnx' bench text.onnx
refuse 1 'text.onnx' inspect text.onnx
refuse 4 'gone.o' run gone.o --input "$images" --output out/y.npy
cc -x c -c -o other.o - <<'END'
int answer(void) { return 42; }
END
refuse 1 'other.o' bench other.o
refuse 4 'nowhere' run first.o --input nowhere --output out/y.npy
refuse 4 'no/y.npy' run first.o --input "$images" --output no/y.npy
refuse 4 '/dev/full' run first.o --input "$images" --output /dev/full
mkdir mixed
cp "$source/tests/data/fixtures/rgb.jpg" mixed/a.jpg
echo "not a picture" >mixed/b.jpg
refuse 1 'mixed/b.jpg' run first.o --input mixed --mean 0 --std 1 \
    --output out/y.npy
printf '1\n' >few.txt
refuse 1 'few.txt' verify "$model" --calib "$images" --input "$images" \
    --labels few.txt
finish

#!/bin/sh
# Speed as users ask for it: bench, its profile and JSON, threads, and the
# optimisation report. What is there and how it fits, never how fast it is.
. "$(dirname "$0")/common.sh"

check "compiles" "$vitqc" "$model" -o vit.o --calib "$images"
check "a batch" "$vitqc" "$model_dyn" -o two.o --batch 2 --calib "$images"

# ---- the table ----
check "the best level" sh -c "'$vitqc' bench vit.o --repeat 3 >out.txt &&
    head -1 out.txt | grep -q '^vit, batch 1, 1 thread, .* 3 calls' &&
    awk 'NR == 3 { exit !(\$2 > 0 && \$3 <= \$2 && \$2 <= \$4 && \$7 > 0) }' \
        out.txt"
check "all levels" sh -c "'$vitqc' bench vit.o --repeat 3 --cpu=all |
    grep -q '^base '"
check "a batch's time an image" sh -c "'$vitqc' bench two.o --repeat 3 |
    awk 'NR == 3 { d = \$2 - 2 * \$5; exit !(d * d < 4e-6) }'"
check "no warm-up" "$vitqc" bench vit.o --repeat 1 --warmup 0
check "threads" sh -c "'$vitqc' bench vit.o --repeat 3 --threads 2 |
    grep -q ' 2 threads'"
check "more threads than CPUs" "$vitqc" bench vit.o --repeat 2 --threads 64

# ---- threads do not change a bit ----
check "run" "$vitqc" run vit.o --input "$images" --output one.npy
for n in 2 3 64; do
    check "run on $n threads" "$vitqc" run vit.o --input "$images" \
        --output n.npy --threads $n
    check "the same bits" cmp one.npy n.npy
done

check "inspect counts its steps" sh -c \
    "'$vitqc' inspect vit.o | grep -Eq '^steps +[1-9]'"

# ---- the profile ----
check "a profile" sh -c "'$vitqc' bench vit.o --repeat 3 --profile >out.txt"
for line in '^gemm ' '^attention ' '^everything that is not a GEMM: ' \
    'qkv.* gemm  *17x32x32 '; do
    check "profile has /$line/" grep -Eq "$line" out.txt
done
check "equal layers are one line" sh -c \
    "[ \$(grep -c norm out.txt) -lt 5 ]"
check "a profile of each step" sh -c \
    "'$vitqc' bench vit.o --repeat 3 --profile=all >all.txt &&
     [ \$(wc -l <all.txt) -gt \$(wc -l <out.txt) ]"
check "profiles of all levels" sh -c \
    "'$vitqc' bench vit.o --repeat 2 --cpu=all --profile |
     grep -q '^base: a call '"

# ---- JSON ----
cat >fields.py <<'END'
import json
import sys

r = json.load(open(sys.argv[1]))
for key in ("vitqc", "model", "compiler", "batch", "threads", "repeat", "macs",
            "work_bytes", "constant_bytes"):
    assert r[key], key
assert r["levels"]
for level in r["levels"]:
    for key in ("median_ms", "p10_ms", "p90_ms", "ms_per_image",
                "images_per_second", "cpu_share", "gops", "peak_gops",
                "peak_share"):
        assert level[key] > 0, (level["name"], key)
    assert level["p10_ms"] <= level["median_ms"] <= level["p90_ms"]
    assert level["peak"]
    profile = level["profile"]
    assert profile["gops"] > 0 and profile["peak_share"] > 0
    parts = {k: profile[k] for k in ("kinds", "layers", "steps")}
    for name, part in parts.items():
        ms = sum(p["ms"] for p in part)
        assert abs(ms - profile["steps_ms"]) < 1e-6 * ms, name
        assert abs(sum(p["share"] for p in part) - 1) < 1e-6, name
        assert sum(p["count"] for p in part) == len(parts["steps"]), name
        assert sum(p.get("macs", 0) for p in part) == r["macs"], name
    for p in parts["steps"]:
        assert p["name"] and p["count"] == 1 and p["rows"] and p["cols"]
        assert (p["kind"] in ("gemm", "attention")) == ("macs" in p)
        assert ("depth" in p) == ("macs" in p), p
    gemm = [p for p in parts["steps"] if p["kind"] == "gemm"]
    assert all(p["macs"] == p["rows"] * p["cols"] * p["depth"] for p in gemm)
    # A step cannot take longer than the calls it was in.
    assert profile["steps_ms"] < 2 * profile["call_ms"]
END
check "JSON" "$vitqc" bench vit.o --repeat 9 --cpu=all --profile --json r.json
check "JSON on standard output" sh -c \
    "'$vitqc' bench two.o --repeat 9 --threads 2 --profile --json - >s.json"
if command -v python3 >/dev/null; then
    check "its fields" python3 fields.py r.json
    check "its fields, of a batch on threads" python3 fields.py s.json
fi

# ---- the optimisation report ----
check "a report" "$vitqc" "$model" -o out/vit.o --calib "$images" \
    --opt-report=out/opt.txt
check "it starts with a count" sh -c \
    "head -1 out/opt.txt | grep -Eq '^[0-9]+ of [0-9]+ layers have '"
check "layers of a pattern share lines" grep -q \
    '^/blocks/blocks.0..1/norm1..2/.*: layernorm 17x32, .* 3 layers' out/opt.txt
check "the same object" cmp vit.o out/vit.o
check "on standard error" sh -c "'$vitqc' '$model' -o out/vit.o \
    --calib '$images' --opt-report 2>err.txt && cmp out/opt.txt err.txt"
rm -f out/*
check "from the graph's text" sh -c \
    "'$vitqc' '$model' --emit=ir -o vit.vir --calib '$images' &&
     '$vitqc' vit.vir -o vit2.o --name vit --opt-report=again.txt &&
     cmp err.txt again.txt"

# ---- what cannot be ----
for n in 0 65 1000 18446744073709551617; do
    refuse 2 "threads|is not N" bench vit.o --threads $n
    refuse 2 "threads|is not N" run vit.o --threads $n --input "$images" \
        --output out/y.npy
done
refuse 2 "is not N" bench vit.o --threads=two
refuse 2 "repeat.* 1 to" bench vit.o --repeat 0
refuse 2 "repeat.* 1 to" bench vit.o --repeat 1000001
refuse 2 "no CPU level 'sse9'.*base" bench vit.o --cpu=sse9
refuse 2 "takes all, or nothing" bench vit.o --profile=kinds
refuse 2 "needs a value" bench vit.o --json
refuse 2 "not one of vitqc compile" "$model" --profile -o out/m.o
refuse 1 'not an object' bench "$model"
refuse 1 'not an object' bench "$images"
# Objects of another machine.
for target in aarch64-linux-gnu aarch64-apple-darwin x86_64-linux-gnu; do
    "$vitqc" "$model" -o far.o --calib "$images" --target=$target 2>err
    [ "$target" = "$(uname -m)-linux-gnu" ] && continue
    far='far.o: error: compiled for .*link it'
    refuse 1 "$far" bench far.o
    refuse 1 "$far" inspect far.o
    refuse 1 "$far" run far.o --input "$images" --output out/y.npy
    refuse 1 "$far" verify "$model" --calib "$images" --object=far.o \
        --input "$images"
done
refuse 4 'No such file' bench gone.o
refuse 4 'cannot write' bench vit.o --repeat 1 --json gone/r.json
refuse 4 'cannot write' "$model" -o out/m.o --calib "$images" \
    --opt-report=gone/opt.txt
refuse 2 'not run to its end' "$model" --stop-after=dce -o out/m.vir \
    --opt-report
check "beside the graph's text" sh -c "'$vitqc' '$model' --calib '$images' \
    --emit=ir -o m.vir --opt-report=m.txt && cmp m.txt err.txt"
# Of the levels that are alike, few CPUs have both.
for level in avxvnni amx; do
    "$vitqc" bench vit.o --repeat 1 --cpu=$level >stdout 2>err && continue
    refuse 2 "this CPU cannot run level '$level'" bench vit.o --cpu=$level
done
finish

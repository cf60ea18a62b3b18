# After loops.awk: innermost loops of softmax (in attention), layernorm and
# products with their tables (GELU), in an aarch64 object: each has vectors, and
# none takes elements one by one. Prints those that do not, and fails then, or
# where a kind has no loop. Not for rows so short or odd that they are unrolled:
# what is done once for each of them is in the loop then.

function enter(name,   part) {
    fn = name
    split(fn, part, ".")
    kind = part[2]
    return kind ~ /^(attention|layernorm|linear|softmax|shiftgelu|lut)$/
}

function consider(i, n,   k, vectors, why) {
    for (k = i; k <= n; k++) {
        vectors += code[k] ~ /[ ,{[][vq][0-9]+/
        if (name[k] ~ /^([us]mov|fmov|ldu?rs?[bh]|stu?r[bh]|[us]div)$/ ||
            code[k] ~ / mov [wx][0-9]+, v/)
            why = why ";" code[k]
    }
    loops[kind]++
    if (!vectors)
        why = why "; no vectors"
    if (why != "") {
        print fn why
        bad = 1
    }
}

END {
    if (!loops["attention"] || !loops["layernorm"] || !loops["linear"]) {
        print "no loops"
        bad = 1
    }
    exit bad
}

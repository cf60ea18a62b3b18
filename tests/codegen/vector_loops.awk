# Innermost loops of softmax (in attention), layernorm and products with their
# tables (GELU), in what llvm-objdump writes of an aarch64 object: each has
# vectors, and none takes elements one by one. Prints those that do not, and
# fails then, or where a kind has no loop. Not for rows so short or odd that
# they are unrolled: what is done once for each of them is in the loop then.

# Instructions i..n of this function, a turn of a loop.
function consider(i, n,   k, vectors, why) {
    for (k = i; k <= n; k++) {
        if (k < n && target[k] != "")
            return
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

/^[0-9a-f]+ <.*>:$/ {
    fn = $2
    split(fn, part, ".")
    kind = part[2]
    wanted = kind ~ /^(attention|layernorm|linear|softmax|shiftgelu|lut)$/
    n = 0
    split("", at)
    next
}
wanted && /^ *[0-9a-f]+:/ {
    sub(/:/, "", $1)
    at[$1] = ++n
    name[n] = $2
    sub(/ *(\/\/|<).*/, "")
    $1 = ""
    code[n] = $0
    target[n] = ""
    if (name[n] ~ /^(b|b\..*|cb.*|tb.*)$/) {
        target[n] = $NF
        sub(/^0x/, "", target[n])
        if (target[n] in at)
            consider(at[target[n]], n)
    }
}
END {
    if (!loops["attention"] || !loops["layernorm"] || !loops["linear"]) {
        print "no loops"
        bad = 1
    }
    exit bad
}

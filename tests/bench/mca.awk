# After loops.awk: prints the innermost loop of a level's functions that
# multiply with the most product instructions, without what depends on
# addresses. `level` is ".LEVEL.", `products` matches these instructions.

function enter(fn) {
    return index(fn, level) && fn ~ /\.(linear|attention|product)\./
}

function consider(i, n,   k, found, text) {
    for (k = i; k <= n; k++) {
        found += name[k] ~ products
        if (target[k] == "")
            text = text code[k] "\n"
    }
    if (found > best) {
        best = found
        loop = text
    }
}

END { printf "%s", loop }

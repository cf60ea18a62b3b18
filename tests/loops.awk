# Loops in what llvm-objdump writes: -f loops.awk -f OWN.awk, where OWN has
#
#     enter(name)     a function begins: are its loops wanted?
#     consider(i, n)  instructions i..n of it are a turn of an innermost loop
#
# and instruction k is name[k] with all of code[k], which has no address and no
# comment.

function innermost(i, n,   k) {
    for (k = i; k < n; k++)
        if (target[k] != "")
            return 0
    return 1
}

/^[0-9a-f]+ <.*>:$/ {
    wanted = enter($2)
    count = 0
    split("", at)
    next
}
wanted && /^ *[0-9a-f]+:/ {
    sub(/:/, "", $1)
    at[$1] = ++count
    name[count] = $2
    sub(/ *(\/\/|# 0x|<).*/, "")
    $1 = ""
    code[count] = $0
    target[count] = ""
    if (name[count] ~ /^(b|b\..*|cb.*|tb.*|j.*)$/) {
        target[count] = $NF
        sub(/^0x/, "", target[count])
        if (target[count] in at && innermost(at[target[count]], count))
            consider(at[target[count]], count)
    }
}

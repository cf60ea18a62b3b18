# Counts the tests in the output of `ctest -V`. A ctest entry that says how
# many tests it ran (cmocka, or a last line `N passed, N failed`) counts for as
# many; any other for one. Prints what failed, then `sum PASSED FAILED`.

match($0, /^[0-9]+: /) {
    id = substr($0, 1, RLENGTH - 2)
    text = substr($0, RLENGTH + 1)
    if (text ~ /^\[  PASSED  \] [0-9]+ test/) {
        split(text, word, " ")
        passed[id] += word[4]
    } else if (text ~ /^\[  FAILED  \] [0-9]+ test/) {
        split(text, word, " ")
        failed[id] += word[4]
    } else if (text ~ /^[0-9]+ passed, [0-9]+ failed/) {
        split(text, word, " ")
        passed[id] += word[1]
        failed[id] += word[3]
    }
    if (n[id] < 400)
        line[id, n[id]++] = text
}

match($0, /Test +#[0-9]+: /) {
    id = substr($0, RSTART, RLENGTH)
    gsub(/[^0-9]/, "", id)
    split(substr($0, RSTART + RLENGTH), word, " ")
    if ($0 ~ /\*\*\*Skipped/ || $0 ~ /Disabled/) {
        print "skipped: " word[1]
        next
    }
    good = $0 ~ / Passed /
    if (passed[id] + failed[id] == 0)
        passed[id] = good
    if (!good && failed[id] == 0)
        failed[id] = 1
    p += passed[id]
    f += failed[id]
    if (!good) {
        print "failed: " word[1]
        for (i = 0; i < n[id]; i++)
            print "    " line[id, i]
    }
}

END { print "sum", p + 0, f + 0 }

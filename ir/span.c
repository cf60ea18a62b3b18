/*
 * span.c -- names that differ in their numbers alone.
 */
#include "ir/span.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_DIGITS = 15 }; /* longer ones are text: hashes, not counters */

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Length of the text before the next number, and of that number: 0 at the
 * end. */
static size_t
next_number(const char *s, size_t *digits)
{
    size_t i = 0;

    while (s[i]) {
        size_t n = 0;

        while (is_digit(s[i + n]))
            n++;
        if (n && n <= MOST_DIGITS) {
            *digits = n;
            return i;
        }
        i += n ? n : 1;
    }
    *digits = 0;
    return i;
}

char *
vq_span_key(Arena *a, const char *name)
{
    char *key = vq_strdup(a, name), *to = key;
    size_t digits;

    do {
        size_t text = next_number(name, &digits);

        memmove(to, name, text);
        to += text;
        if (digits)
            *to++ = '#';
        name += text + digits;
    } while (digits);
    *to = '\0';
    return key;
}

/* The k-th number of a name that has so many. */
static long long
number_at(const char *name, size_t k)
{
    size_t digits, text = next_number(name, &digits);

    for (; k; k--) {
        name += text + digits;
        text = next_number(name, &digits);
    }
    return strtoll(name + text, NULL, 10);
}

char *
vq_span_name(Arena *a, const char *const *name, size_t n)
{
    const char *s = name[0];
    char *out = vq_strdup(a, "");
    size_t digits;

    for (size_t k = 0;; k++) {
        size_t text = next_number(s, &digits);
        long long lo, hi;

        out = vq_format(a, "%s%.*s", out, (int)text, s);
        if (!digits)
            return out;
        lo = hi = number_at(s, 0);
        for (size_t i = 1; i < n; i++) {
            long long x = number_at(name[i], k);

            lo = x < lo ? x : lo;
            hi = x > hi ? x : hi;
        }
        out = lo == hi ? vq_format(a, "%s%.*s", out, (int)digits, s + text)
                       : vq_format(a, "%s%lld..%lld", out, lo, hi);
        s += text + digits;
    }
}

/*
 * mktext.c -- parts of small ONNX models from text, and of what is said of
 * them.
 */
#include "tests/frontend/mktext.h"

#include <cmocka.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *text;
    int32_t type;
    int bits;
} types[] = {
    {"u8", 2, 8},   {"s8", 3, 8},  {"u16", 4, 16},  {"s16", 5, 16},
    {"s32", 6, 32}, {"i", 7, 64},  {"f16", 10, 16}, {"f8", 17, 8},
    {"u4", 21, 4},  {"s4", 22, 4},
};

/* Integers in the typed field, two in a number when they have 4 bits. */
static void
add_ints(Make *m, const char *name, int which, const char *dims,
         const char *values)
{
    Onnx__TensorProto *t = make_ints(m, name, dims, values);
    size_t n = t->n_int64_data;
    int32_t *v = NEWN(&m->arena, int32_t, n + 1);

    if (types[which].bits == 64)
        return;
    t->data_type = types[which].type;
    for (size_t i = 0; i < n; i++)
        if (types[which].bits == 4)
            v[i / 2] |= (int32_t)(t->int64_data[i] & 15) << (i % 2 ? 4 : 0);
        else
            v[i] = (int32_t)t->int64_data[i];
    t->n_int32_data = types[which].bits == 4 ? (n + 1) / 2 : n;
    t->int32_data = v;
    t->n_int64_data = 0;
}

void
make_const_text(Make *m, char *text)
{
    char *type = strchr(text, ':'), *dims = strchr(text, '[');
    char *end = strchr(text, ']');

    *type++ = *dims++ = *end = 0;
    if (strcmp(type, "f") == 0) {
        make_floats(m, text, dims, end + 2);
        return;
    }
    for (size_t i = 0; i < COUNT(types); i++)
        if (strcmp(type, types[i].text) == 0) {
            add_ints(m, text, (int)i, dims, end + 2);
            return;
        }
    fail_msg("what is %s?", type);
}

void
make_attr_text(Make *m, char *text)
{
    char *eq = strchr(text, '='), *v = eq + 1;
    size_t n = strlen(v);

    *eq = 0;
    if (*v == '[') {
        v[n - 1] = 0;
        make_attr_is(m, text, v + 1);
    } else if (*v == '\'') {
        v[n - 1] = 0;
        make_attr_s(m, text, v + 1);
    } else if (v[n - 1] == 'f') {
        make_attr_f(m, text, strtof(v, NULL));
    } else {
        make_attr_i(m, text, strtoll(v, NULL, 10));
    }
}

void
make_each(Make *m, const char *text, const char *mark,
          void (*add)(Make *, char *))
{
    char *save, *copy = vq_strdup(&m->arena, text);

    for (char *s = strtok_r(copy, mark, &save); s;
         s = strtok_r(NULL, mark, &save))
        add(m, s);
}

void
make_refused(Make *m, const char *why)
{
    assert_null(make_import(m, NULL));
    if (!strstr(m->said, why))
        fail_msg("said %s instead of %s", m->said, why);
    assert_int_equal(m->diag.fault, FAULT_MODEL);
    make_end(m);
}

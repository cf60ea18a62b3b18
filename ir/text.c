/*
 * text.c -- spelling: names, types and numbers as IR.md writes them.
 */
#include "ir/text.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const AttrForm vq_attr_form[NATTR] = {
#define A(e, text, kind) [A_##e] = AF_##kind,
#include "ir/attrs.def"
#undef A
};

const FactInfo vq_fact[NFACT] = {
    {F_FUSED, "fused"},   {F_QUANTIZED, "quantized"}, {F_INTEGER, "integer"},
    {F_KERNEL, "kernel"}, {F_PLANNED, "planned"},
};

static bool
is_id(const char *s)
{
    if (!isalpha((unsigned char)*s) && *s != '_')
        return false;
    for (; *s; s++)
        if (!isalnum((unsigned char)*s) && *s != '_' && *s != '.')
            return false;
    return true;
}

const char *
vq_name_text(Arena *a, const char *name)
{
    char *text, *p;

    if (is_id(name))
        return name;
    p = text = vq_alloc(a, 4 * strlen(name) + 3);
    *p++ = '"';
    for (; *name; name++) {
        unsigned char c = (unsigned char)*name;

        if (c == '"' || c == '\\')
            *p++ = '\\';
        if (c < ' ' || c == 127)
            p += sprintf(p, "\\x%02x", c);
        else
            *p++ = (char)c;
    }
    *p++ = '"';
    return text;
}

const char *
vq_val_text(Arena *a, const Graph *g, ValId v)
{
    if (v == 0)
        return "_";
    return vq_format(a, "%c%s", vq_is_const(g, v) ? '$' : '%',
                     vq_name_text(a, g->val[v].name));
}

const char *
vq_f32_text(Arena *a, float x)
{
    char s[32];

    for (int digits = 6; digits <= 9; digits++) {
        snprintf(s, sizeof s, "%.*g", digits, (double)x);
        if (strtof(s, NULL) == x)
            break;
    }
    return vq_strdup(a, isnan(x) ? "nan" : s);
}

const char *
vq_f64_text(Arena *a, double x)
{
    char s[32];

    for (int digits = 6; digits <= 17; digits++) {
        snprintf(s, sizeof s, "%.*g", digits, x);
        if (strtod(s, NULL) == x)
            break;
    }
    return vq_strdup(a, isnan(x) ? "nan" : s);
}

static const char *
quant_text(Arena *a, const Graph *g, const Type *t)
{
    const char *s;

    if (!vq_is_quantized(t))
        return "";
    if (t->q.scales)
        s = vq_format(a, "%s, axis=%d", vq_val_text(a, g, t->q.scales),
                      t->q.axis);
    else
        s = vq_f32_text(a, t->q.scale);
    if (t->q.zero)
        s = vq_format(a, "%s, zero=%d", s, (int)t->q.zero);
    return vq_format(a, "<%s>", s);
}

const char *
vq_type_text(Arena *a, const Graph *g, const Type *t)
{
    char dims[MAXRANK * 22 + 1] = "", *p = dims;

    for (int i = 0; i < t->rank; i++)
        p += sprintf(p, "%s%lld", i ? "x" : "", (long long)t->dim[i]);
    return vq_format(a, "%s%s[%s]", vq_dtype[t->dt].text, quant_text(a, g, t),
                     dims);
}

bool
vq_type_fits(const Type *t)
{
    int64_t bytes = vq_dtype[t->dt].bytes;

    if (t->rank < 0 || t->rank > MAXRANK)
        return false;
    for (int i = 0; i < t->rank; i++) {
        if (t->dim[i] < 1 || t->dim[i] > VQ_MAX_BYTES / bytes)
            return false;
        bytes *= t->dim[i];
    }
    return true;
}

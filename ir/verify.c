/*
 * verify.c -- every rule of IR.md, checked: ids, types, operands, attributes.
 *
 * Nothing of the graph is trusted, not even its ids. verify_int.c holds the
 * rules of integer ops, verify_facts.c and verify_plan.c those of facts.
 */
#include "ir/verify.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What messages about an op begin with. */
static const char *
op_text(const Check *c)
{
    if (!c->op)
        return "";
    return vq_format(c->tmp, "%s %s: ", vq_op[c->op->kind].text,
                     vq_val_text(c->tmp, c->g, c->op->out));
}

bool
vq_fail(const Check *c, const char *fmt, ...)
{
    Loc loc = c->op ? c->op->loc : NOLOC;
    const char *what = op_text(c);
    char text[768];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (c->after)
        return vq_bug(c->diag, loc, "after %s: %s%s", c->after, what, text);
    return vq_error(c->diag, loc, "%s%s", what, text);
}

/* ---- ids: each value has one origin, and is made before it is used ---- */

static bool
check_def(const Check *c, ValId v)
{
    const Value *x = &c->g->val[v];
    unsigned origins = (x->data != NULL) + (x->def != 0);

    for (uint32_t i = 0; i < c->g->nin; i++)
        origins += c->g->in[i] == v;
    if (!x->name || !*x->name)
        return vq_fail(c, "value %u has no name", v);
    if (origins != 1)
        return vq_fail(c,
                       "'%s' has %u origins; a value is an input, a "
                       "constant or the result of one op",
                       x->name, origins);
    if (x->def && (x->def >= c->g->nop || c->g->op[x->def].out != v))
        return vq_fail(c, "'%s' is not what its op makes", x->name);
    return true;
}

static bool
check_ports(const Check *c)
{
    const Graph *g = c->g;

    for (uint32_t i = 0; i < g->nin; i++)
        if (g->in[i] == 0 || g->in[i] >= g->nval)
            return vq_fail(c, "input %u is no value", i);
    for (uint32_t i = 0; i < g->nout; i++)
        if (g->out[i] == 0 || g->out[i] >= g->nval)
            return vq_fail(c, "output %u is no value", i);
    return g->nout > 0 || vq_fail(c, "the graph has no output");
}

static bool
check_op_ids(const Check *c, uint32_t index)
{
    const Op *op = &c->g->op[index];
    Check at = *c;

    if (op->kind <= OP_NONE || op->kind >= NOP)
        return vq_fail(c, "op %u is of no kind", index);
    if (op->out == 0 || op->out >= c->g->nval ||
        c->g->val[op->out].def != index)
        return vq_fail(c, "op %u (%s) makes no value of its own", index,
                       vq_op[op->kind].text);
    at.op = op;
    for (uint32_t i = 0; i < op->nin; i++) {
        if (op->in[i] >= c->g->nval)
            return vq_fail(&at, "input %u is no value", i);
        if (op->in[i] && c->g->val[op->in[i]].def >= index)
            return vq_fail(&at, "uses %s before it is made",
                           vq_val_text(c->tmp, c->g, op->in[i]));
    }
    return true;
}

static int
by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Only after check_def: every value has a name. */
static bool
check_names(const Check *c)
{
    const char **name = NEWN(c->tmp, const char *, c->g->nval);
    uint32_t n = c->g->nval - 1;

    for (ValId v = 1; v < c->g->nval; v++)
        name[v - 1] = c->g->val[v].name;
    qsort(name, n, sizeof *name, by_name);
    for (uint32_t i = 1; i < n; i++)
        if (strcmp(name[i - 1], name[i]) == 0)
            return vq_fail(c, "two values are called '%s'", name[i]);
    return true;
}

static bool
check_ids(const Check *c)
{
    if (!check_ports(c))
        return false;
    for (uint32_t i = 1; i < c->g->nop; i++)
        if (!check_op_ids(c, i))
            return false;
    for (ValId v = 1; v < c->g->nval; v++)
        if (!check_def(c, v))
            return false;
    return true;
}

/* ---- types ---- */

static bool
is_positive(float x)
{
    return x > 0 && isfinite(x);
}

static bool
check_scales(const Check *c, const Value *v)
{
    const Type *t = &v->type, *s;
    ValId id = t->q.scales;

    if (id >= c->g->nval || !c->g->val[id].data)
        return vq_fail(c, "the scales of '%s' are no constant", v->name);
    s = vq_type(c->g, id);
    if (t->q.axis < 0 || t->q.axis >= t->rank)
        return vq_fail(c, "'%s' has no axis %d for its scales", v->name,
                       t->q.axis);
    if (s->dt != DT_F32 || s->rank != 1 || s->dim[0] != t->dim[t->q.axis] ||
        s->q.scales || s->q.scale != 0)
        return vq_fail(c, "the scales of '%s' are not f32[%lld]", v->name,
                       (long long)t->dim[t->q.axis]);
    if (t->q.scale != 0)
        return vq_fail(c, "'%s' has one scale and many", v->name);
    if (v->data && id >= (ValId)(v - c->g->val))
        return vq_fail(c, "constant '%s' stands before its scales", v->name);
    return true;
}

static bool
check_quant(const Check *c, const Value *v)
{
    const Type *t = &v->type;

    if (!vq_is_quantized(t))
        return (t->q.zero == 0 && t->q.axis == 0) ||
               vq_fail(c, "'%s' has a zero point or an axis, but no scale",
                       v->name);
    if (!vq_is_integer(t->dt))
        return vq_fail(c, "'%s' is %s, which cannot be quantized", v->name,
                       vq_dtype[t->dt].text);
    if (t->q.zero < vq_dtype[t->dt].lo || t->q.zero > vq_dtype[t->dt].hi)
        return vq_fail(c, "zero=%d of '%s' is not within %s", (int)t->q.zero,
                       v->name, vq_dtype[t->dt].text);
    if (t->q.scales)
        return check_scales(c, v);
    if (t->q.axis != 0)
        return vq_fail(c, "'%s' has an axis, but one scale", v->name);
    return is_positive(t->q.scale) ||
           vq_fail(c, "the scale of '%s', %g, is not a positive number",
                   v->name, (double)t->q.scale);
}

static bool
check_types(const Check *c)
{
    for (ValId v = 1; v < c->g->nval; v++) {
        const Value *x = &c->g->val[v];

        if (x->type.dt <= DT_NONE || x->type.dt >= NDTYPE ||
            !vq_type_fits(&x->type))
            return vq_fail(c, "'%s' has no sound type", x->name);
    }
    for (ValId v = 1; v < c->g->nval; v++)
        if (!check_quant(c, &c->g->val[v]))
            return false;
    return true;
}

/* Once for each constant that scales something. */
static bool
check_scale_values(const Check *c)
{
    bool *seen = NEWN(c->tmp, bool, c->g->nval);

    for (ValId v = 1; v < c->g->nval; v++) {
        ValId id = c->g->val[v].type.q.scales;
        const Value *s = &c->g->val[id];

        if (!id || seen[id])
            continue;
        seen[id] = true;
        for (int64_t i = 0; i < s->type.dim[0]; i++)
            if (!is_positive(((const float *)s->data)[i]))
                return vq_fail(c,
                               "scale %lld of '%s', %g, is not a positive "
                               "number",
                               (long long)i, s->name,
                               (double)((const float *)s->data)[i]);
    }
    return true;
}

/* ---- attributes: what ops.def lists, and of the kind attrs.def says ---- */

/* The row of ops.def has the attribute: 0 no, 1 optional, 2 required. */
static int
attr_demand(OpKind kind, AttrKey key)
{
    size_t n = strlen(vq_attr_text[key]);

    for (const char *s = vq_op[kind].attrs; *s;) {
        size_t len = strcspn(s, " ");

        if (len >= n && memcmp(s, vq_attr_text[key], n) == 0 &&
            (len == n || (len == n + 1 && s[n] == '!')))
            return len == n ? 1 : 2;
        s += len;
        s += strspn(s, " ");
    }
    return 0;
}

static bool
check_attr(const Check *c, const Attr *a)
{
    const char *name;

    if (a->key <= A_NONE || a->key >= NATTR)
        return vq_fail(c, "has an attribute of no kind");
    name = vq_attr_text[a->key];
    if (!attr_demand(c->op->kind, a->key))
        return vq_fail(c, "takes no attribute %s", name);
    if (vq_attr(c->op, a->key) != a)
        return vq_fail(c, "%s is given twice", name);
    if ((vq_attr_form[a->key] == AF_f) != (a->i == NULL))
        return vq_fail(c, "%s must be a %s number", name,
                       a->i ? "real" : "whole");
    if (!vq_is_list(vq_attr_form[a->key]) && a->n != 1)
        return vq_fail(c, "%s must be one number, not %u", name, a->n);
    if (!a->i && isnan(a->f))
        return vq_fail(c, "%s is not a number", name);
    return true;
}

static bool
check_attrs(const Check *c)
{
    for (uint32_t i = 0; i < c->op->nattr; i++)
        if (!check_attr(c, &c->op->attr[i]))
            return false;
    for (int k = A_NONE + 1; k < NATTR; k++)
        if (attr_demand(c->op->kind, (AttrKey)k) == 2 &&
            !vq_attr(c->op, (AttrKey)k))
            return vq_fail(c, "needs the attribute %s", vq_attr_text[k]);
    return true;
}

/* A whole number within 32 bits, kept as a real one. */
static bool
is_code(double x)
{
    return x == rint(x) && fabs(x) <= 0x1p31;
}

static bool
check_grid(const Check *c)
{
    double lo = vq_get_f(c->op, A_LO, 0), hi = vq_get_f(c->op, A_HI, 0);

    if (c->op->kind == OP_ATTENTION && vq_attr(c->op, A_PBITS) &&
        vq_get_i(c->op, A_PBITS, 0) != 8 && vq_get_i(c->op, A_PBITS, 0) != 16)
        return vq_fail(c, "pbits must be 8 or 16");
    if (c->op->kind != OP_FAKEQUANT && c->op->kind != OP_LOOKUP)
        return true;
    if (!is_positive((float)vq_get_f(c->op, A_SCALE, 0)))
        return vq_fail(c, "scale must be a positive number");
    if (!is_code(lo) || !is_code(hi) ||
        !is_code((double)vq_get_i(c->op, A_ZERO, 0)))
        return vq_fail(c, "lo, hi and zero must be whole, within 32 bits");
    return true;
}

/* What layernorm adds to the variance, and attention's factor. */
static bool
check_reals(const Check *c)
{
    if (!(vq_get_f(c->op, A_EPS, 0) >= 0) || isinf(vq_get_f(c->op, A_EPS, 0)))
        return vq_fail(c, "eps must be a number from 0");
    if (isinf(vq_get_f(c->op, A_SCALE, 0)))
        return vq_fail(c, "scale is infinite");
    if (vq_get_f(c->op, A_LO, -INFINITY) > vq_get_f(c->op, A_HI, INFINITY))
        return vq_fail(c, "lo is above hi");
    if (c->op->kind == OP_GELU && (uint64_t)vq_get_i(c->op, A_TANH, 0) > 1)
        return vq_fail(c, "tanh must be 0 or 1");
    return true;
}

/* ---- operands and results ---- */

static bool
check_inputs(const Check *c)
{
    const OpInfo *info = &vq_op[c->op->kind];

    if (c->op->nin < info->lo || c->op->nin > info->hi)
        return vq_fail(c, "has %u inputs, takes %u to %u", c->op->nin, info->lo,
                       info->hi);
    for (uint32_t i = 0; i < info->lo; i++)
        if (!c->op->in[i])
            return vq_fail(c, "input %u is missing", i);
    return true;
}

static void
keep_message(void *user, Severity sev, const char *file, Loc loc,
             const char *text)
{
    (void)sev, (void)file, (void)loc;
    snprintf(user, 1024, "%s", text);
}

/* vq_infer, whose report becomes ours: it may be a bug of the last pass. */
static bool
infer(const Check *c, Type *t)
{
    char text[1024] = "";
    Diag d = {.fn = keep_message, .user = text};
    const char *said = op_text(c);
    size_t n = strlen(said);

    if (vq_infer(c->g, &d, c->op, vq_type(c->g, c->op->out), t))
        return true;
    return vq_fail(c, "%s", strncmp(text, said, n) == 0 ? text + n : text);
}

/* Real ops may store their result in any way; others say how. */
static bool
check_result(const Check *c)
{
    const Type *out = vq_type(c->g, c->op->out);
    Type t;

    if (!infer(c, &t))
        return false;
    if (vq_op[c->op->kind].stage == STAGE_R && out->dt != DT_F32 &&
        !vq_is_quantized(out))
        return vq_fail(c, "the result %s is neither f32 nor quantized",
                       vq_type_text(c->tmp, c->g, out));
    if (vq_op[c->op->kind].stage == STAGE_R ? vq_same_shape(&t, out)
                                            : vq_same_type(&t, out))
        return true;
    return vq_fail(c, "the result is %s, but is said to be %s",
                   vq_type_text(c->tmp, c->g, &t),
                   vq_type_text(c->tmp, c->g, out));
}

static bool
check_int(const Check *c)
{
    CheckFn *f = vq_check_int[c->op->kind];

    return !f || f(c);
}

/* ---- all of it ---- */

static CheckFn *const graph_rule[] = {check_ids, check_names, check_types,
                                      check_scale_values};
static CheckFn *const op_rule[] = {check_inputs, check_attrs,  check_reals,
                                   check_grid,   check_result, check_int};

static bool
check_op(Check *c, const Op *op)
{
    ArenaMark m = vq_arena_mark(c->tmp);
    bool ok = true;

    c->op = op;
    for (size_t r = 0; ok && r < COUNT(op_rule); r++)
        ok = op_rule[r](c);
    c->op = NULL;
    vq_arena_release(c->tmp, m);
    return ok;
}

static bool
check_all(Check *c)
{
    vq_alloc(c->tmp, 1); /* so that releasing an op's keeps the first chunk */
    for (size_t r = 0; r < COUNT(graph_rule); r++)
        if (!graph_rule[r](c))
            return false;
    c->bounded = vq_find_bounded(c);
    for (uint32_t i = 1; i < c->g->nop; i++)
        if (!check_op(c, &c->g->op[i]))
            return false;
    for (int i = 0; i < NFACT; i++)
        if ((c->g->facts & vq_fact[i].bit) && !vq_check_fact[i](c))
            return false;
    return true;
}

bool
vq_verify(const Graph *g, Diag *d, const char *after)
{
    Arena *a = g->arena; /* so that what it takes is freed after a jump, too */
    ArenaMark mark = vq_arena_mark(a);
    Check c = {.g = g, .diag = d, .after = after, .tmp = a};
    bool ok = check_all(&c);

    vq_arena_release(a, mark);
    return ok;
}

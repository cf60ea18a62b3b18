/*
 * parse_parts.c -- the parser's types, constants and ops.
 */
#include "ir/function.h"
#include "ir/parse.h"

#include <string.h>

/* ---- types ---- */

static bool
parse_dtype(Parser *p, DType *dt)
{
    for (int i = DT_NONE + 1; i < NDTYPE; i++)
        if (vq_lex_is_word(&p->lex, vq_dtype[i].text)) {
            *dt = (DType)i;
            vq_lex_next(&p->lex);
            return true;
        }
    return vq_lex_unexpected(&p->lex, "a type such as f32 or s8");
}

/* `axis=1`, of `, axis=1, zero=3`. */
static bool
parse_quant_part(Parser *p, Type *t)
{
    Lex *l = &p->lex;
    bool axis = vq_lex_is_word(l, "axis");
    int64_t v;

    if (!axis && !vq_lex_is_word(l, "zero"))
        return vq_lex_unexpected(l, "axis= or zero=");
    vq_lex_next(l);
    if (!vq_lex_expect(l, '=', "'='") ||
        !vq_lex_int(l, axis ? 0 : INT32_MIN, axis ? MAXRANK - 1 : INT32_MAX,
                    &v))
        return false;
    if (axis)
        t->q.axis = (int)v;
    else
        t->q.zero = (int32_t)v;
    return true;
}

static bool
parse_quant(Parser *p, Type *t)
{
    Lex *l = &p->lex;

    if (l->tok == TK_CONST) {
        if (!(t->q.scales = vq_parse_use(p)))
            return false;
    } else if (!vq_lex_f32(l, &t->q.scale)) {
        return false;
    }
    while (vq_lex_accept(l, ','))
        if (!parse_quant_part(p, t))
            return false;
    return vq_lex_expect(l, '>', "',' or '>'");
}

bool
vq_parse_type(Parser *p, Type *t)
{
    Loc loc = p->lex.loc;

    *t = (Type){0};
    if (!parse_dtype(p, &t->dt))
        return false;
    if (vq_lex_accept(&p->lex, '<')) {
        if (!parse_quant(p, t))
            return false;
        if (!vq_is_quantized(t))
            return vq_error(p->diag, loc, "a scale of 0 stores nothing");
    }
    if (!vq_lex_dims(&p->lex, &t->rank, t->dim))
        return false;
    return vq_type_fits(t) ||
           vq_error(p->diag, loc, "the type is larger than 2^40 bytes");
}

/* ---- constants ---- */

static bool
parse_f32(Lex *l, DType dt, void *out)
{
    (void)dt;
    return vq_lex_f32(l, out);
}

static bool
parse_integer(Lex *l, DType dt, void *out)
{
    int64_t v;

    if (!vq_lex_int(l, vq_dtype[dt].lo, vq_dtype[dt].hi, &v))
        return false;
    memcpy(out, &v, vq_dtype[dt].bytes); /* little-endian, as blobs are */
    return true;
}

static bool
parse_element(Parser *p, DType dt, void *out)
{
    return (vq_is_integer(dt) ? parse_integer : parse_f32)(&p->lex, dt, out);
}

static const void *
parse_braces(Parser *p, const Type *t)
{
    int64_t n = vq_count(t), bytes = vq_dtype[t->dt].bytes;
    char *data;

    /* A digit and a comma each: no more memory than the text asks for. */
    if (n > p->lex.end - p->lex.at) {
        vq_error(p->diag, p->lex.loc, "too few elements for %s",
                 vq_type_text(p->arena, p->g, t));
        return NULL;
    }
    data = vq_alloc(p->arena, (size_t)vq_bytes(t));
    for (int64_t i = 0; i < n; i++)
        if ((i && !vq_lex_expect(&p->lex, ',', "',' and more elements")) ||
            !parse_element(p, t->dt, data + i * bytes))
            return NULL;
    return vq_lex_expect(&p->lex, '}', "'}' after the last element") ? data
                                                                     : NULL;
}

static const void *
parse_splat(Parser *p, const Type *t)
{
    size_t one = vq_dtype[t->dt].bytes, bytes = (size_t)vq_bytes(t), done;
    Loc loc = p->lex.loc;
    int64_t element = 0;
    char *data;

    if (!parse_element(p, t->dt, &element))
        return NULL;
    if (bytes > (size_t)VQ_SPLAT_BYTES - p->splat) {
        vq_error(p->diag, loc, "splats of more than 2^28 bytes in all");
        return NULL;
    }
    p->splat += bytes;
    data = vq_alloc(p->arena, bytes);
    memcpy(data, &element, one);
    for (done = one; done < bytes; done += one) {
        size_t n = done < bytes - done ? done : bytes - done;

        memcpy(data + done, data, n);
        one = n;
    }
    return data;
}

static const void *
parse_blob(Parser *p, const Type *t)
{
    Loc loc = p->lex.loc;
    int64_t at, bytes = vq_bytes(t);
    const char *data;

    if (!vq_lex_int(&p->lex, 0, VQ_MAX_BYTES, &at))
        return NULL;
    if (!p->blob || (size_t)at > p->bloblen ||
        (size_t)bytes > p->bloblen - (size_t)at) {
        vq_error(p->diag, loc,
                 p->blob ? "bytes %lld to %lld are beyond the end of the blob"
                         : "no .bin file beside the text has bytes %lld to "
                           "%lld",
                 (long long)at, (long long)(at + bytes));
        return NULL;
    }
    data = p->blob + at;
    if ((uintptr_t)data % vq_dtype[t->dt].bytes)
        data = memcpy(vq_alloc(p->arena, (size_t)bytes), data, (size_t)bytes);
    return data;
}

static const void *
parse_data(Parser *p, const Type *t)
{
    static const struct {
        const char *word;
        const void *(*parse)(Parser *, const Type *);
    } form[] = {{"splat", parse_splat}, {"blob", parse_blob}};

    if (vq_lex_accept(&p->lex, '{'))
        return parse_braces(p, t);
    for (size_t i = 0; i < COUNT(form); i++)
        if (vq_lex_is_word(&p->lex, form[i].word)) {
            vq_lex_next(&p->lex);
            return form[i].parse(p, t);
        }
    if (p->lex.tok == TK_DOTS)
        vq_error(p->diag, p->lex.loc,
                 "the text was printed without its constants");
    else
        vq_lex_unexpected(&p->lex, "'{', 'splat' or 'blob'");
    return NULL;
}

bool
vq_parse_const(Parser *p)
{
    const char *name;
    const void *data;
    Type type;
    Loc loc;

    if (!(name = vq_parse_def(p, TK_CONST, &loc)) ||
        !vq_lex_expect(&p->lex, ':', "':' and a type") ||
        !vq_parse_type(p, &type) || !vq_lex_expect(&p->lex, '=', "'='") ||
        !(data = parse_data(p, &type)))
        return false;
    vq_parse_bind(p, name, vq_const(p->g, name, type, data), loc);
    return true;
}

/* ---- ops ---- */

enum { MAXIN = 64, MAXLIST = VQ_FN_WORDS };

/* What is read of an op before it is made. */
typedef struct Draft {
    OpKind kind;
    ValId in[MAXIN];
    uint32_t nin;
    Loc loc;
} Draft;

static bool
parse_kind(Parser *p, OpKind *kind)
{
    if (p->lex.tok != TK_ID)
        return vq_lex_unexpected(&p->lex, "an op");
    for (int k = OP_NONE + 1; k < NOP; k++)
        if (strcmp(vq_op[k].text, p->lex.text) == 0) {
            *kind = (OpKind)k;
            vq_lex_next(&p->lex);
            return true;
        }
    return vq_error(p->diag, p->lex.loc, "no op is called '%.80s'",
                    p->lex.text);
}

static bool
parse_operands(Parser *p, Draft *d)
{
    const OpInfo *info = &vq_op[d->kind];

    do {
        if (d->nin == info->hi || d->nin == MAXIN)
            return vq_error(p->diag, p->lex.loc, "%s takes at most %u inputs",
                            info->text, info->hi);
        if (vq_lex_is_word(&p->lex, "_")) {
            d->in[d->nin++] = 0;
            vq_lex_next(&p->lex);
        } else if (!(d->in[d->nin++] = vq_parse_use(p))) {
            return false;
        }
    } while (vq_lex_accept(&p->lex, ','));
    if (d->nin >= info->lo)
        return true;
    return vq_error(p->diag, d->loc, "%s takes at least %u inputs, not %u",
                    info->text, info->lo, d->nin);
}

static bool
parse_number(Parser *p, int64_t *v)
{
    return vq_lex_int(&p->lex, INT64_MIN, INT64_MAX, v);
}

static bool
parse_word(Parser *p, int64_t *v)
{
    float x;

    for (int w = 0; p->lex.tok == TK_ID && w < NFN; w++)
        if (vq_lex_is_word(&p->lex, vq_fn[w].text)) {
            *v = w;
            vq_lex_next(&p->lex);
            return true;
        }
    if (p->lex.tok == TK_ID)
        return vq_error(p->diag, p->lex.loc, "no function is called '%.80s'",
                        p->lex.text);
    if (!vq_lex_f32(&p->lex, &x))
        return false;
    *v = vq_fn_const(x);
    return true;
}

static bool
parse_list(Parser *p, Op *op, AttrKey key)
{
    bool words = vq_attr_form[key] == AF_fn;
    int64_t v[MAXLIST];
    uint32_t n = 0;

    if (!vq_lex_expect(&p->lex, '[', "'[' and a list of numbers"))
        return false;
    while (p->lex.tok != ']') {
        if (n && !vq_lex_expect(&p->lex, ',', "',' or ']'"))
            return false;
        if (n == MAXLIST)
            return vq_error(p->diag, p->lex.loc, "more than %d numbers",
                            MAXLIST);
        if (!(words ? parse_word : parse_number)(p, &v[n++]))
            return false;
    }
    vq_lex_next(&p->lex);
    vq_set_is(p->g, op, key, v, n);
    return true;
}

static bool
parse_one(Parser *p, Op *op, AttrKey key)
{
    int64_t v;

    if (!vq_lex_int(&p->lex, INT64_MIN, INT64_MAX, &v))
        return false;
    vq_set_i(p->g, op, key, v);
    return true;
}

static bool
parse_real(Parser *p, Op *op, AttrKey key)
{
    double v;

    if (!vq_lex_f64(&p->lex, &v))
        return false;
    vq_set_f(op, key, v);
    return true;
}

static bool
parse_attr(Parser *p, Op *op)
{
    static bool (*const value[])(Parser *, Op *,
                                 AttrKey) = {[AF_i] = parse_one,
                                             [AF_is] = parse_list,
                                             [AF_f] = parse_real,
                                             [AF_fn] = parse_list};
    Loc loc = p->lex.loc;

    for (int k = A_NONE + 1; k < NATTR; k++) {
        if (!vq_lex_is_word(&p->lex, vq_attr_text[k]))
            continue;
        if (vq_attr(op, (AttrKey)k))
            return vq_error(p->diag, loc, "%s is given twice", vq_attr_text[k]);
        if (op->nattr == MAXATTR)
            return vq_error(p->diag, loc, "more than %d attributes", MAXATTR);
        vq_lex_next(&p->lex);
        return vq_lex_expect(&p->lex, '=', "'='") &&
               value[vq_attr_form[k]](p, op, (AttrKey)k);
    }
    return vq_error(p->diag, loc, "no attribute is called '%.80s'",
                    p->lex.text);
}

static bool
parse_attrs(Parser *p, Op *op)
{
    while (p->lex.tok == TK_ID && !vq_lex_is_word(&p->lex, "scratch") &&
           !vq_lex_is_word(&p->lex, "from"))
        if (!parse_attr(p, op))
            return false;
    return true;
}

static bool
parse_scratch(Parser *p, Op *op)
{
    if (!vq_lex_is_word(&p->lex, "scratch"))
        return true;
    vq_lex_next(&p->lex);
    return vq_lex_int(&p->lex, 0, VQ_MAX_BYTES, &op->scratch);
}

/* The model's node that the op came from. */
static bool
parse_origin(Parser *p, Op *op)
{
    if (!vq_lex_is_word(&p->lex, "from"))
        return true;
    vq_lex_next(&p->lex);
    if (p->lex.tok != TK_ID)
        return vq_lex_unexpected(&p->lex, "the name of a node");
    op->loc.node = p->lex.text;
    vq_lex_next(&p->lex);
    return true;
}

bool
vq_parse_op(Parser *p)
{
    Draft d = {0};
    const char *name;
    int64_t slot;
    Type type;
    Op *op;

    if (!(name = vq_parse_def(p, TK_VAL, &d.loc)) ||
        !vq_lex_expect(&p->lex, ':', "':' and a type") ||
        !vq_parse_type(p, &type) || !vq_parse_slot(p, &slot) ||
        !vq_lex_expect(&p->lex, '=', "'=' and an op") ||
        !parse_kind(p, &d.kind) || !parse_operands(p, &d))
        return false;
    op = vq_emit(p->g, d.kind, name, type, d.in, d.nin, d.loc);
    p->g->val[op->out].slot = slot;
    vq_parse_bind(p, name, op->out, d.loc);
    return parse_attrs(p, op) && parse_scratch(p, op) && parse_origin(p, op);
}

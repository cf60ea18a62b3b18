/*
 * print.c -- a graph as text (grammar in IR.md), and its large constants.
 *
 * What is printed here parses back to the same graph, ids aside, and prints
 * the same again.
 */
#include "ir/function.h"
#include "ir/text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

typedef struct Printer {
    const Graph *g;
    FILE *text, *blob;
    int64_t offset; /* bytes written to blob */
    Arena *tmp;     /* of the line being written */
} Printer;

enum { BLOB_ALIGN = 64 };

static bool
is_large(const Value *v)
{
    return vq_count(&v->type) > VQ_BRACE_COUNT;
}

/* All elements have the same bits. */
static bool
is_splat(const Value *v)
{
    size_t n = (size_t)vq_bytes(&v->type), one = vq_dtype[v->type.dt].bytes;
    const char *p = v->data;

    return n <= VQ_SPLAT_BYTES && memcmp(p, p + one, n - one) == 0;
}

static bool
needs_blob(const Value *v)
{
    return v->data && is_large(v) && !is_splat(v);
}

/* ---- constants ---- */

static const char *
f32_at(Arena *a, const void *p, int64_t i)
{
    return vq_f32_text(a, ((const float *)p)[i]);
}

#define INT_AT(name, T)                                                        \
    static const char *name(Arena *a, const void *p, int64_t i)                \
    {                                                                          \
        return vq_format(a, "%lld", (long long)((const T *)p)[i]);             \
    }
INT_AT(u8_at, uint8_t)
INT_AT(s8_at, int8_t)
INT_AT(u16_at, uint16_t)
INT_AT(s16_at, int16_t)
INT_AT(s32_at, int32_t)
INT_AT(s64_at, int64_t)
#undef INT_AT

static const char *(*const element_at[NDTYPE])(Arena *, const void *,
                                               int64_t) = {
    [DT_F32] = f32_at, [DT_U8] = u8_at,   [DT_S8] = s8_at,  [DT_U16] = u16_at,
    [DT_S16] = s16_at, [DT_S32] = s32_at, [DT_S64] = s64_at};

static void
print_elements(Printer *p, const Value *v)
{
    int64_t n = vq_count(&v->type);

    fputc('{', p->text);
    for (int64_t i = 0; i < n; i++)
        fprintf(p->text, "%s%s", i ? ", " : "",
                element_at[v->type.dt](p->tmp, v->data, i));
    fputs("}\n", p->text);
}

static void
print_blob(Printer *p, const Value *v)
{
    static const char zero[BLOB_ALIGN];
    int64_t bytes = vq_bytes(&v->type);

    fprintf(p->text, "blob %lld\n", (long long)p->offset);
    fwrite(v->data, 1, (size_t)bytes, p->blob);
    fwrite(zero, 1, (size_t)(vq_align(bytes, BLOB_ALIGN) - bytes), p->blob);
    p->offset += vq_align(bytes, BLOB_ALIGN);
}

static void
print_const(Printer *p, ValId id)
{
    const Value *v = &p->g->val[id];

    fprintf(p->text, "const %s: %s = ", vq_val_text(p->tmp, p->g, id),
            vq_type_text(p->tmp, p->g, &v->type));
    if (!is_large(v))
        print_elements(p, v);
    else if (is_splat(v))
        fprintf(p->text, "splat %s\n",
                element_at[v->type.dt](p->tmp, v->data, 0));
    else if (p->blob)
        print_blob(p, v);
    else
        fputs("...\n", p->text);
}

/* ---- the graph ---- */

/* `%x: f32[2x3] at 64` */
static void
print_value(Printer *p, ValId id)
{
    const Value *v = &p->g->val[id];

    fprintf(p->text, "%s: %s", vq_val_text(p->tmp, p->g, id),
            vq_type_text(p->tmp, p->g, &v->type));
    if (v->slot >= 0)
        fprintf(p->text, " at %lld", (long long)v->slot);
}

static const char *
element_text(Printer *p, const Attr *a, uint32_t i)
{
    if (vq_attr_form[a->key] != AF_fn)
        return vq_format(p->tmp, "%lld", (long long)a->i[i]);
    if (vq_fn_is_const(a->i[i]))
        return vq_f32_text(p->tmp, vq_fn_value(a->i[i]));
    return vq_fn[a->i[i]].text;
}

static void
print_attr(Printer *p, const Attr *a)
{
    fprintf(p->text, " %s=", vq_attr_text[a->key]);
    if (!a->i) {
        fputs(vq_f64_text(p->tmp, a->f), p->text);
        return;
    }
    if (vq_is_list(vq_attr_form[a->key]))
        fputc('[', p->text);
    for (uint32_t i = 0; i < a->n; i++)
        fprintf(p->text, "%s%s", i ? ", " : "", element_text(p, a, i));
    if (vq_is_list(vq_attr_form[a->key]))
        fputc(']', p->text);
}

static void
print_op(Printer *p, const Op *op)
{
    fputs("  ", p->text);
    print_value(p, op->out);
    fprintf(p->text, " = %s", vq_op[op->kind].text);
    for (uint32_t i = 0; i < op->nin; i++)
        fprintf(p->text, "%s %s", i ? "," : "",
                vq_val_text(p->tmp, p->g, op->in[i]));
    for (uint32_t i = 0; i < op->nattr; i++)
        print_attr(p, &op->attr[i]);
    if (op->scratch >= 0)
        fprintf(p->text, " scratch %lld", (long long)op->scratch);
    if (op->loc.node)
        fprintf(p->text, " from %s", vq_name_text(p->tmp, op->loc.node));
    fputc('\n', p->text);
}

static void
print_head(Printer *p)
{
    fprintf(p->text, "vir %d\nfacts", VQ_TEXT_VERSION);
    for (int i = 0; i < NFACT; i++)
        if (p->g->facts & vq_fact[i].bit)
            fprintf(p->text, " %s", vq_fact[i].text);
    fputc('\n', p->text);
    if (p->g->worksize)
        fprintf(p->text, "work %lld\n", (long long)p->g->worksize);
    if (p->g->chunks > 1)
        fprintf(p->text, "chunks %lld\n", (long long)p->g->chunks);
    fputc('\n', p->text);
}

static void
print_signature(Printer *p)
{
    const Graph *g = p->g;

    fprintf(p->text, "graph %s(", vq_name_text(p->tmp, g->name));
    for (uint32_t i = 0; i < g->nin; i++) {
        fputs(i ? ", " : "", p->text);
        print_value(p, g->in[i]);
    }
    fputs(") -> (", p->text);
    for (uint32_t i = 0; i < g->nout; i++)
        fprintf(p->text, "%s%s", i ? ", " : "",
                vq_val_text(p->tmp, g, g->out[i]));
    fputs(") {\n", p->text);
}

static void
print_graph(Printer *p)
{
    const Graph *g = p->g;
    ArenaMark m = vq_arena_mark(p->tmp);
    bool any = false;

    print_head(p);
    for (ValId v = 1; v < g->nval; v++) {
        if (!vq_is_const(g, v))
            continue;
        print_const(p, v);
        any = true;
        vq_arena_release(p->tmp, m);
    }
    if (any)
        fputc('\n', p->text);
    print_signature(p);
    for (uint32_t i = 1; i < g->nop; i++) {
        print_op(p, &g->op[i]);
        vq_arena_release(p->tmp, m);
    }
    fputs("}\n", p->text);
}

bool
vq_print(const Graph *g, FILE *text, FILE *blob)
{
    Printer p = {.g = g, .text = text, .blob = blob};

    p.tmp = vq_arena_inner(g->arena);
    vq_alloc(p.tmp, 1); /* so that releasing a line keeps the first chunk */
    print_graph(&p);
    vq_arena_free(p.tmp);
    return !ferror(text) && (!blob || !ferror(blob));
}

/* ---- files ---- */

static bool
any_blob(const Graph *g)
{
    for (ValId v = 1; v < g->nval; v++)
        if (needs_blob(&g->val[v]))
            return true;
    return false;
}

static bool
close_file(Diag *d, FILE *f, const char *path)
{
    bool ok = !ferror(f);

    if (fclose(f) == 0 && ok)
        return true;
    return vq_io_error(d, path, "cannot write: %s", strerror(errno));
}

bool
vq_print_file(const Graph *g, Diag *d, const char *path)
{
    const char *blobpath = vq_format(g->arena, "%s.bin", path);
    FILE *text, *blob = NULL;
    bool ok;

    text = fopen(path, "w");
    if (!text)
        return vq_io_error(d, path, "cannot create: %s", strerror(errno));
    if (any_blob(g)) {
        blob = fopen(blobpath, "wb");
        if (!blob) {
            vq_io_error(d, blobpath, "cannot create: %s", strerror(errno));
            fclose(text);
            return false;
        }
    }
    vq_print(g, text, blob);
    ok = close_file(d, text, path);
    return (!blob || close_file(d, blob, blobpath)) && ok;
}

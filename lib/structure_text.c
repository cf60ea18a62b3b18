/*
 * structure_text.c -- a model's structure in words, 80 columns wide.
 *
 * Equal blocks that follow one another are one line, and so are runs of
 * convolutions.
 */
#include "lib/structure.h"

#include "lib/columns.h"

#include <string.h>

/* ---- sizes ---- */

typedef struct Words {
    char text[640];
    size_t n;
} Words;

static void say(Words *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void
say(Words *w, const char *fmt, ...)
{
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(w->text + w->n, sizeof w->text - w->n, fmt, ap);
    va_end(ap);
    w->n += (size_t)vq_min(n > 0 ? n : 0, (int64_t)(sizeof w->text - w->n - 1));
}

static void
say_size(Words *w, const int64_t size[2])
{
    if (size[0])
        say(w, "%lldx%lld", (long long)size[0], (long long)size[1]);
}

static void
say_plural(Words *w, int64_t n, const char *what)
{
    say(w, "%lld %s%s", (long long)n, what, n == 1 ? "" : "s");
}

/* ---- blocks ---- */

static bool
same_attend(const Attend *a, const Attend *b)
{
    return a->heads == b->heads && a->head_size == b->head_size &&
           a->value_size == b->value_size && a->queries == b->queries &&
           a->keys == b->keys && a->groups == b->groups &&
           a->reach == b->reach && a->bias == b->bias &&
           a->cosine == b->cosine && a->fused == b->fused;
}

static bool
same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

/* Shifts and the masks that go with them come and go within a stage. */
static bool
same_block(const Block *a, const Block *b)
{
    return a->tokens == b->tokens && a->width == b->width &&
           same_attend(&a->attend, &b->attend) &&
           a->mlp.hidden == b->mlp.hidden && a->mlp.gated == b->mlp.gated &&
           same_text(a->mlp.act, b->mlp.act) && a->place == b->place &&
           same_text(a->norm, b->norm);
}

/* Parts from `at` on that are as the first; *last: with a different shift. */
static size_t
run_of_blocks(const Structure *s, size_t at, const Block **shifted)
{
    const Block *b = &s->part[at].block;
    size_t n = 0;

    *shifted = b;
    while (at + n < s->n && s->part[at + n].kind == PART_BLOCK &&
           same_block(b, &s->part[at + n].block)) {
        if (s->part[at + n].block.attend.shift)
            *shifted = &s->part[at + n].block;
        n++;
    }
    return n;
}

static void
say_reach(Words *w, const Attend *a, const Attend *shifted, size_t n)
{
    switch (a->reach) {
    case REACH_ALL:
        break;
    case REACH_WINDOWS:
        say(w, ", in windows of ");
        say_size(w, a->window);
        if (shifted->shift)
            say(w, "%s shifted by %lld", n > 1 ? ", some" : "",
                (long long)shifted->shift);
        break;
    case REACH_STRIDED:
        say(w, ", in %lld interleaved sets of %lld tokens",
            (long long)a->groups, (long long)a->queries);
        break;
    case REACH_GROUPS:
        say(w, ", in %lld groups of %lld tokens", (long long)a->groups,
            (long long)a->queries);
        break;
    case REACH_POOL:
        say(w, ", attention pooling by %lld learned quer%s",
            (long long)a->queries, a->queries == 1 ? "y" : "ies");
        break;
    }
    if (a->reach != REACH_POOL && a->queries != a->keys)
        say(w, ", %lld quer%s", (long long)(a->queries * a->groups),
            a->queries * a->groups == 1 ? "y" : "ies");
}

static void
say_attend(Words *w, const Attend *a, const Attend *shifted, size_t n)
{
    say_plural(w, a->heads, "head");
    say(w, " of %lld", (long long)a->head_size);
    if (a->value_size != a->head_size)
        say(w, " (values %lld)", (long long)a->value_size);
    say_reach(w, a, shifted, n);
    if (a->cosine)
        say(w, ", cosine attention");
    if (a->bias)
        say(w, ", position bias");
    if (a->mask || shifted->mask)
        say(w, ", mask");
    if (!a->fused)
        say(w, ", attention not fused");
}

static void
say_mlp(Words *w, const Block *b)
{
    if (!b->mlp.hidden) {
        say(w, ", no mlp");
        return;
    }
    say(w, ", mlp %lld (x%.3g", (long long)b->mlp.hidden,
        (double)b->mlp.hidden / (double)b->width);
    if (b->mlp.gated)
        say(w, ", gated");
    if (b->mlp.act && *b->mlp.act)
        say(w, ", %s", b->mlp.act);
    else
        say(w, b->mlp.act ? ", function not recognised" : ", no function");
    say(w, ")");
}

static void
say_norm(Words *w, const Block *b)
{
    static const char *const where[] = {
        [NORM_NONE] = "",
        [NORM_BEFORE] = "before each part",
        [NORM_INSIDE] = "after each part, before the sum",
        [NORM_AFTER] = "after each sum",
    };

    if (b->place == NORM_NONE)
        say(w, ", no norm");
    else
        say(w, ", %s %s", b->norm, where[b->place]);
}

static size_t
print_blocks(const Structure *s, size_t at, FILE *to)
{
    const Block *b = &s->part[at].block, *shifted;
    size_t n = run_of_blocks(s, at, &shifted);
    char label[32];
    Words w = {.n = 0};

    snprintf(label, sizeof label, "  %zu x", n);
    if (b->rows)
        say(&w, "%lldx%lld tokens", (long long)b->rows, (long long)b->cols);
    else
        say_plural(&w, b->tokens, "token");
    say(&w, " of width %lld, ", (long long)b->width);
    say_attend(&w, &b->attend, &shifted->attend, n);
    say_mlp(&w, b);
    say_norm(&w, b);
    if (!b->residual)
        say(&w, ", no residual sum");
    vq_put_column(to, label, w.text);
    return n;
}

/* ---- convolutions ---- */

static void
say_conv(Words *w, const Convolution *c)
{
    if (c->groups > 1 && c->groups == c->in)
        say(w, "depthwise ");
    else if (c->groups > 1)
        say(w, "%lld groups ", (long long)c->groups);
    say_size(w, c->kernel);
    if (c->stride[0] > 1)
        say(w, " stride %lld", (long long)c->stride[0]);
}

/* "3 of 64x64 -> 16 of 32x32" */
static void
say_change(Words *w, int64_t in, const int64_t from[2], int64_t out,
           const int64_t to[2])
{
    say(w, "%lld", (long long)in);
    say(w, from[0] ? " of " : "");
    say_size(w, from);
    say(w, " -> %lld", (long long)out);
    say(w, to[0] ? " of " : "");
    say_size(w, to);
}

/* Kinds of a run, each once, as many as a line takes. */
static void
say_kinds(Words *w, const Part *p, size_t n)
{
    size_t said = 0;

    for (size_t i = 0; i < n; i++) {
        Words one = {.n = 0};

        say_conv(&one, &p[i].conv);
        if (strstr(w->text, one.text) || said == 4)
            continue;
        say(w, "%s%s", said++ ? ", " : "", one.text);
    }
    for (size_t i = 0; i < n; i++)
        if (p[i].conv.act && *p[i].conv.act) {
            say(w, "; %s", p[i].conv.act);
            break;
        }
}

static size_t
print_convs(const Structure *s, size_t at, FILE *to)
{
    const Part *p = &s->part[at];
    const Convolution *last;
    char label[32];
    Words w = {.n = 0};
    size_t n = 0;

    while (at + n < s->n && p[n].kind == PART_CONV)
        n++;
    last = &p[n - 1].conv;
    snprintf(label, sizeof label, n > 1 ? "%zu convs" : "conv", n);
    say_kinds(&w, p, n);
    say(&w, ": ");
    say_change(&w, p->conv.in, p->conv.from, last->out, last->to);
    vq_put_column(to, label, w.text);
    return n;
}

/* ---- the others ---- */

static size_t
print_patches(const Structure *s, size_t at, FILE *to)
{
    const Change *c = &s->part[at].change;
    Words w = {.n = 0};

    say_size(&w, c->size);
    say(&w, ", stride %lld: ", (long long)c->size[0]);
    say_size(&w, c->to);
    say(&w, " = %lld patches of width %lld", (long long)s->tokens.patches,
        (long long)c->out);
    vq_put_column(to, "patches", w.text);
    return 1;
}

static size_t
print_merge(const Structure *s, size_t at, FILE *to)
{
    const Change *c = &s->part[at].change;
    Words w = {.n = 0};

    say_change(&w, c->in, c->from, c->out, c->to);
    vq_put_column(to, "merge", w.text);
    return 1;
}

static size_t
print_pool(const Structure *s, size_t at, FILE *to)
{
    const Change *c = &s->part[at].change;
    Words w = {.n = 0};

    say(&w, "%s: ", c->reads);
    say_change(&w, c->in, c->from, c->out, c->to);
    vq_put_column(to, "pooling", w.text);
    return 1;
}

static size_t
print_mean(const Structure *s, size_t at, FILE *to)
{
    const Change *c = &s->part[at].change;
    Words w = {.n = 0};

    say(&w, "mean of %lld, width %lld", (long long)c->in, (long long)c->out);
    vq_put_column(to, "pooling", w.text);
    return 1;
}

static size_t
print_head(const Structure *s, size_t at, FILE *to)
{
    const Change *c = &s->part[at].change;
    Words w = {.n = 0};

    say(&w, "%s", c->reads);
    if (c->in)
        say(&w, ", %lld -> %lld", (long long)c->in, (long long)c->out);
    else
        say(&w, " of width %lld, no classifier", (long long)c->out);
    say(&w, ": output %s", c->output);
    vq_put_column(to, "head", w.text);
    return 1;
}

/* Prints a part and those that go with it; returns how many. */
static size_t (*const print_part[NPART])(const Structure *, size_t, FILE *) = {
    [PART_PATCHES] = print_patches, [PART_CONV] = print_convs,
    [PART_BLOCK] = print_blocks,    [PART_MERGE] = print_merge,
    [PART_POOL] = print_pool,       [PART_MEAN] = print_mean,
    [PART_HEAD] = print_head,
};

static void
print_tokens(const Tokens *t, FILE *to)
{
    Words w = {.n = 0};
    int64_t left = t->learned;

    if (!t->patches)
        return;
    say(&w, "%lld: ", (long long)t->all);
    say_plural(&w, t->patches, "patch");
    if (t->patches > 1)
        w.n -= 1, say(&w, "es");
    if (left && t->class_token) {
        say(&w, ", a class token");
        left--;
    }
    if (left && t->distilled) {
        say(&w, ", a distillation token");
        left--;
    }
    if (left) {
        say(&w, ", ");
        say_plural(&w, left, t->class_token ? "register" : "learned token");
    }
    say(&w, t->position ? "; a position is added" : "; no position is added");
    vq_put_column(to, "tokens", w.text);
}

static void
print_others(const Structure *s, FILE *to)
{
    Words w = {.n = 0};

    for (int k = 1; k < NOP; k++)
        if (s->other[k])
            say(&w, "%s%lld %s", w.n ? ", " : "", (long long)s->other[k],
                vq_op[k].text);
    if (w.n)
        vq_put_column(to, "others", w.text);
}

void
vq_structure_print(const Structure *s, FILE *to)
{
    bool said = false;

    for (size_t i = 0; i < s->n;) {
        if (s->part[i].kind == PART_BLOCK && !said) {
            Words w = {.n = 0};

            print_tokens(&s->tokens, to);
            say(&w, "%zu of %zu recognised", s->blocks, s->attentions);
            vq_put_column(to, "blocks", w.text);
            said = true;
        }
        i += print_part[s->part[i].kind](s, i, to);
    }
    if (!said && s->attentions)
        vq_put_column(to, "blocks", "0 recognised");
    print_others(s, to);
}

/*
 * dialect_test.c -- attention as different exporters write it.
 *
 * Each dialect is built for several batches, tokens, widths and heads. All
 * must end as four linear layers and one attention, with no move between,
 * and give the numbers they gave before.
 */
#include "passes/builder.h"
#include "tests/passes/graphs.h"

typedef struct Shape {
    int64_t b, n, h, d; /* batch, tokens, heads, columns of a head */
} Shape;

typedef struct Kit {
    Build build;
    Shape s;
    uint64_t seed;
} Kit;

static ValId
reshape(const Kit *k, ValId x, Type t)
{
    return vq_build_reshape(&k->build, x, t);
}

static ValId
transpose(const Kit *k, ValId x, const int64_t *perm)
{
    return vq_build_transpose(&k->build, x, perm);
}
#define PERM(...) ((const int64_t[]){__VA_ARGS__})

static ValId
op2(const Kit *k, OpKind kind, ValId a, ValId b)
{
    return vq_build_op(&k->build, kind, a, b);
}

static ValId
constant(Kit *k, Type t)
{
    return vq_const(k->build.g, "c", t, random_floats(vq_count(&t), &k->seed));
}

/* A matmul and the sum with its bias, the bias in front, as torch writes. */
static ValId
linear(Kit *k, ValId x, int64_t cols)
{
    int64_t rows = vq_cols(vq_type(k->build.g, x));
    ValId y = op2(k, OP_MATMUL, x, constant(k, TYPE(DT_F32, rows, cols)));

    return op2(k, OP_ADD, constant(k, TYPE(DT_F32, cols)), y);
}

static ValId
factor(const Kit *k, OpKind kind, ValId x, float f)
{
    return op2(k, kind, x, vq_const_f32(k->build.g, "f", f));
}

static ValId
softmax(const Kit *k, ValId x)
{
    Attr a = vq_build_int(k->build.g, A_AXIS, vq_type(k->build.g, x)->rank - 1);

    return vq_build(&k->build, OP_SOFTMAX, &x, 1, &a, 1, NULL);
}

/* Part i of three along an axis, and the axis dropped if it is left as 1. */
static ValId
third(const Kit *k, ValId x, int axis, int i)
{
    Type t = *vq_type(k->build.g, x);
    int64_t n = t.dim[axis] / 3;

    x = vq_build_slice(&k->build, x, axis, i * n, 1, n);
    if (n > 1 || axis > 0)
        return x;
    for (int j = 0; j + 1 < t.rank; j++)
        t.dim[j] = t.dim[j + 1];
    t.rank--;
    return reshape(k, x, t);
}

static ValId
turn_last(const Kit *k, ValId x)
{
    int r = vq_type(k->build.g, x)->rank;

    return r == 3 ? transpose(k, x, PERM(0, 2, 1))
                  : transpose(k, x, PERM(0, 1, 3, 2));
}

/* [B,H,N,D] -> [B,N,HD] -> projection. */
static ValId
project(Kit *k, ValId o)
{
    Shape s = k->s;

    o = transpose(k, o, PERM(0, 2, 1, 3));
    o = reshape(k, o, TYPE(DT_F32, s.b, s.n, s.h * s.d));
    return linear(k, o, s.h * s.d);
}

/* timm: one linear, q scaled. */
static ValId
timm(Kit *k, ValId x)
{
    Shape s = k->s;
    ValId y = linear(k, x, 3 * s.h * s.d), q, kt, v;

    y = reshape(k, y, TYPE(DT_F32, s.b, s.n, 3, s.h, s.d));
    y = transpose(k, y, PERM(2, 0, 3, 1, 4));
    q = factor(k, OP_MUL, third(k, y, 0, 0), 0.3f);
    kt = turn_last(k, third(k, y, 0, 1));
    v = third(k, y, 0, 2);
    y = softmax(k, op2(k, OP_MATMUL, q, kt));
    return project(k, op2(k, OP_MATMUL, y, v));
}

static ValId
own_heads(Kit *k, ValId x, const int64_t *perm)
{
    Shape s = k->s;
    ValId y = linear(k, x, s.h * s.d);

    return transpose(k, reshape(k, y, TYPE(DT_F32, s.b, s.n, s.h, s.d)), perm);
}

/* Hugging Face: three linears, k transposed at once, scores divided. */
static ValId
huggingface(Kit *k, ValId x)
{
    ValId q = own_heads(k, x, PERM(0, 2, 1, 3));
    ValId kt = own_heads(k, x, PERM(0, 2, 3, 1));
    ValId v = own_heads(k, x, PERM(0, 2, 1, 3));
    ValId p = factor(k, OP_DIV, op2(k, OP_MATMUL, q, kt), 1.7f);

    return project(k, op2(k, OP_MATMUL, softmax(k, p), v));
}

/* torch's exporter by FX: k turned as a batch of matrices, both scaled. */
static ValId
dynamo(Kit *k, ValId x)
{
    Shape s = k->s;
    ValId q = own_heads(k, x, PERM(0, 2, 1, 3));
    ValId kt = own_heads(k, x, PERM(0, 2, 1, 3));
    ValId v = own_heads(k, x, PERM(0, 2, 1, 3));

    kt = turn_last(k, reshape(k, kt, TYPE(DT_F32, s.b * s.h, s.n, s.d)));
    kt = reshape(k, kt, TYPE(DT_F32, s.b, s.h, s.d, s.n));
    q = factor(k, OP_MUL, q, 0.6f);
    kt = factor(k, OP_MUL, kt, 0.6f);
    q = op2(k, OP_MATMUL, q, kt);
    return project(k, op2(k, OP_MATMUL, softmax(k, q), v));
}

/* Keras: the heads' bias is added when they are split. */
static ValId
keras_heads(Kit *k, ValId x)
{
    Shape s = k->s;
    ValId w = constant(k, TYPE(DT_F32, s.h * s.d, s.h * s.d));
    ValId y =
        op2(k, OP_MATMUL, reshape(k, x, TYPE(DT_F32, s.b * s.n, s.h * s.d)), w);

    y = reshape(k, y, TYPE(DT_F32, s.b, s.n, s.h, s.d));
    y = op2(k, OP_ADD, y, constant(k, TYPE(DT_F32, s.h, s.d)));
    return transpose(k, y, PERM(0, 2, 1, 3));
}

static ValId
keras(Kit *k, ValId x)
{
    ValId q = factor(k, OP_MUL, keras_heads(k, x), 0.4f);
    ValId kt = turn_last(k, keras_heads(k, x)), v = keras_heads(k, x);

    q = softmax(k, op2(k, OP_MATMUL, q, kt));
    return project(k, op2(k, OP_MATMUL, q, v));
}

/* nn.MultiheadAttention from q, k, v [N,B,C]: heads are joined to the batch. */
static ValId
multihead(Kit *k, const ValId *qkv)
{
    Shape s = k->s;
    int64_t c = s.h * s.d;
    ValId h[3], o;

    for (int i = 0; i < 3; i++)
        h[i] =
            transpose(k, reshape(k, qkv[i], TYPE(DT_F32, s.n, s.b * s.h, s.d)),
                      PERM(1, 0, 2));
    o = op2(k, OP_MATMUL, factor(k, OP_DIV, h[0], 1.5f), turn_last(k, h[1]));
    o = transpose(k, op2(k, OP_MATMUL, softmax(k, o), h[2]), PERM(1, 0, 2));
    o = linear(k, reshape(k, o, TYPE(DT_F32, s.n * s.b, c)), c);
    o = reshape(k, o, TYPE(DT_F32, s.n, s.b, c));
    return transpose(k, o, PERM(1, 0, 2));
}

/* The projections packed as columns. */
static ValId
mha_chunk(Kit *k, ValId x)
{
    ValId y = linear(k, transpose(k, x, PERM(1, 0, 2)), 3 * k->s.h * k->s.d);
    ValId qkv[] = {third(k, y, 2, 0), third(k, y, 2, 1), third(k, y, 2, 2)};

    return multihead(k, qkv);
}

/* The projections packed, unpacked as torch 2 does it. */
static ValId
mha_unflatten(Kit *k, ValId x)
{
    Shape s = k->s;
    int64_t c = s.h * s.d;
    ValId y = linear(k, transpose(k, x, PERM(1, 0, 2)), 3 * c), qkv[3];

    y = reshape(k, y, TYPE(DT_F32, s.n, s.b, 3, c));
    y = reshape(k, y, TYPE(DT_F32, 1, s.n, s.b, 3, c));
    y = transpose(k, y, PERM(3, 1, 2, 0, 4));
    y = reshape(k, y, TYPE(DT_F32, 3, s.n, s.b, c));
    for (int i = 0; i < 3; i++)
        qkv[i] = third(k, y, 0, i);
    return multihead(k, qkv);
}

/* Megatron's order: q, k and v of a head side by side. */
static ValId
interleaved(Kit *k, ValId x)
{
    Shape s = k->s;
    ValId y = linear(k, x, 3 * s.h * s.d), h[3];

    y = reshape(k, y, TYPE(DT_F32, s.b, s.n, s.h, 3 * s.d));
    for (int i = 0; i < 3; i++)
        h[i] = transpose(k, third(k, y, 3, i), PERM(0, 2, 1, 3));
    y = op2(k, OP_MATMUL, h[0], turn_last(k, h[1]));
    y = softmax(k, factor(k, OP_MUL, y, 0.25f));
    return project(k, op2(k, OP_MATMUL, y, h[2]));
}

/* Without the batch axis, where there is one image. */
static ValId
squeezed(Kit *k, ValId x)
{
    Shape s = k->s;
    int64_t c = s.h * s.d;
    ValId h[3], o;

    if (s.b != 1)
        return timm(k, x);
    x = reshape(k, x, TYPE(DT_F32, s.n, c));
    for (int i = 0; i < 3; i++)
        h[i] = transpose(
            k, reshape(k, linear(k, x, c), TYPE(DT_F32, s.n, s.h, s.d)),
            PERM(1, 0, 2));
    o = op2(k, OP_MATMUL, h[0], turn_last(k, h[1]));
    o = softmax(k, factor(k, OP_MUL, o, 0.25f));
    o = transpose(k, op2(k, OP_MATMUL, o, h[2]), PERM(1, 0, 2));
    o = linear(k, reshape(k, o, TYPE(DT_F32, s.n, c)), c);
    return reshape(k, o, TYPE(DT_F32, 1, s.n, c));
}

static ValId (*const dialect[])(Kit *, ValId) = {
    timm,      huggingface,   dynamo,      keras,
    mha_chunk, mha_unflatten, interleaved, squeezed,
};

static void
check(size_t which, Shape s)
{
    Graph *g = vq_graph_new(&A, "g");
    Kit k = {.build = {g, &diag, "v", NOLOC}, .s = s, .seed = which + 1};
    ValId x = vq_input(g, "x", TYPE(DT_F32, s.b, s.n, s.h * s.d));
    int64_t n = vq_count(vq_type(g, x));
    PassContext cx = {.diag = &diag, .level = 2};
    PassOptions o = {.bisect_limit = -1};
    const float *before, *after;

    vq_output(g, dialect[which](&k, x));
    before = evaluate(g, 7);
    assert_true(
        vq_run_passes(g, &cx, &o, 0, (unsigned)vq_find_pass("dce") + 1));
    after = evaluate(g, 7);
    if (count_ops(g, OP_LINEAR) != 4 || count_ops(g, OP_ATTENTION) != 1 ||
        count_ops(g, NOP) != 5 || !(difference(before, after, n) < 1e-5)) {
        vq_print(g, stderr, NULL);
        fail_msg("dialect %zu, batch %d, %d tokens, %d heads of %d: off by %g",
                 which, (int)s.b, (int)s.n, (int)s.h, (int)s.d,
                 difference(before, after, n));
    }
}

static void
test_dialects(void **state)
{
    static const int64_t heads[][2] = {{3, 2}, {2, 3}, {1, 4}, {4, 1}, {1, 1}};

    (void)state;
    for (size_t i = 0; i < COUNT(dialect); i++)
        for (size_t j = 0; j < COUNT(heads); j++)
            for (int64_t b = 1; b <= 3; b++)
                for (int64_t n = 1; n <= 5; n += 2)
                    check(i, (Shape){b, n, heads[j][0], heads[j][1]});
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_dialects, start, finish),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * mutate_field.c -- changes to any field of any message, by its descriptor.
 */
#include "tests/fuzz/mutate.h"

#include <math.h>
#include <string.h>

#include "tests/ir/random.h"

uint32_t
mutate_pick(Mutate *m, size_t n)
{
    return n ? (uint32_t)(vq_random(&m->seed) % n) : 0;
}

int64_t
mutate_int(Mutate *m)
{
    static const int64_t edge[] = {INT64_MIN,
                                   INT64_MIN + 1,
                                   INT32_MIN,
                                   -65536,
                                   -129,
                                   -128,
                                   -9,
                                   -8,
                                   -4,
                                   -3,
                                   -2,
                                   -1,
                                   0,
                                   1,
                                   2,
                                   3,
                                   4,
                                   5,
                                   6,
                                   7,
                                   8,
                                   9,
                                   10,
                                   11,
                                   12,
                                   13,
                                   14,
                                   15,
                                   16,
                                   17,
                                   18,
                                   19,
                                   20,
                                   21,
                                   22,
                                   23,
                                   31,
                                   32,
                                   33,
                                   63,
                                   64,
                                   65,
                                   127,
                                   128,
                                   255,
                                   256,
                                   1000,
                                   4096,
                                   65535,
                                   65536,
                                   1 << 20,
                                   1 << 24,
                                   1 << 28,
                                   INT32_MAX,
                                   INT64_C(1) << 31,
                                   INT64_C(1) << 32,
                                   INT64_C(1) << 40,
                                   INT64_C(1) << 53,
                                   INT64_C(1) << 62,
                                   INT64_MAX - 1,
                                   INT64_MAX};
    /* Half of them are small: large ones mostly end at the first check. */
    int64_t small = (int64_t)mutate_pick(m, 24) - 4;

    return mutate_pick(m, 2) ? small : edge[mutate_pick(m, COUNT(edge))];
}

double
mutate_real(Mutate *m)
{
    static const double edge[] = {0.0,
                                  -0.0,
                                  1,
                                  -1,
                                  0.5,
                                  2,
                                  3,
                                  1e-5,
                                  1e-12,
                                  1e-38,
                                  1e-45,
                                  1e-300,
                                  255,
                                  256,
                                  2147483647.0,
                                  2147483648.0,
                                  -2147483649.0,
                                  9.3e18,
                                  -9.3e18,
                                  1e30,
                                  3.4e38,
                                  -3.4e38,
                                  1e300,
                                  (double)INFINITY,
                                  -(double)INFINITY,
                                  (double)NAN};

    if (mutate_pick(m, 2))
        return (double)mutate_pick(m, 4001) / 1000 - 2;
    return edge[mutate_pick(m, COUNT(edge))];
}

void *
mutate_insert(Mutate *m, void *list, size_t *n, size_t size, size_t at)
{
    char **base = list, *old = *base;

    *base = vq_allocn(m->arena, *n + 1, size);
    if (*n) {
        memcpy(*base, old, at * size);
        memcpy(*base + (at + 1) * size, old + at * size, (*n - at) * size);
    }
    (*n)++;
    return *base + at * size;
}

/* ---- one value ---- */

static char *
change_text(Mutate *m, const char *s)
{
    size_t n = strlen(s);
    char *t = vq_strdup(m->arena, s);

    switch (mutate_pick(m, 4)) {
    case 0:
        t[mutate_pick(m, n + 1)] = 0;
        break;
    case 1:
        if (n)
            t[mutate_pick(m, n)] ^= (char)(1 << mutate_pick(m, 7));
        break;
    case 2:
        return vq_format(m->arena, "%s%s", s, s);
    default:
        return vq_format(m->arena, "%s%u", s, mutate_pick(m, 10));
    }
    return t;
}

static void
change_bytes(Mutate *m, ProtobufCBinaryData *b)
{
    size_t n = b->len;
    uint8_t *p = vq_alloc(m->arena, n + 16);

    if (n)
        memcpy(p, b->data, n);
    b->data = p;
    switch (mutate_pick(m, 4)) {
    case 0: /* longer or shorter */
        b->len = mutate_pick(m, n + 16);
        break;
    case 1:
        if (n)
            p[mutate_pick(m, n)] = (uint8_t)next_random(&m->seed);
        break;
    case 2:
        if (n >= 8) {
            int64_t x = mutate_int(m);

            memcpy(p + mutate_pick(m, n / 8) * 8, &x, sizeof x);
        }
        break;
    default:
        if (n >= 4) {
            float x = (float)mutate_real(m);

            memcpy(p + mutate_pick(m, n / 4) * 4, &x, sizeof x);
        }
    }
}

/* A new value for a number, a text or bytes; a message is left alone. */
static void
change_value(Mutate *m, const ProtobufCFieldDescriptor *f, void *at)
{
    int64_t i = mutate_int(m);
    double d = mutate_real(m);
    float s = (float)d;
    int32_t i32 = (int32_t)i;

    switch (f->type) {
    case PROTOBUF_C_TYPE_STRING:
        *(char **)at = change_text(m, *(char **)at ? *(char **)at : "");
        break;
    case PROTOBUF_C_TYPE_BYTES:
        change_bytes(m, at);
        break;
    case PROTOBUF_C_TYPE_FLOAT:
        memcpy(at, &s, sizeof s);
        break;
    case PROTOBUF_C_TYPE_DOUBLE:
        memcpy(at, &d, sizeof d);
        break;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_UINT64:
        memcpy(at, &i, sizeof i);
        break;
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_ENUM:
        memcpy(at, &i32, sizeof i32);
        break;
    default:
        break;
    }
}

static size_t
size_of(const ProtobufCFieldDescriptor *f)
{
    switch (f->type) {
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_ENUM:
    case PROTOBUF_C_TYPE_BOOL:
        return 4;
    default:
        return 8;
    }
}

/* ---- a field of a message ---- */

static ProtobufCMessage *
new_message(Mutate *m, const ProtobufCMessageDescriptor *d)
{
    ProtobufCMessage *x = vq_alloc(m->arena, d->sizeof_message);

    /* What its init function would write: no field has another default. */
    x->descriptor = d;
    return x;
}

/* Repeats, drops, swaps or adds an item. */
static void
change_list(Mutate *m, const ProtobufCFieldDescriptor *f, void *list, size_t *n)
{
    size_t size = size_of(f), at = mutate_pick(m, *n);
    char *base = *(char **)list, *item;
    char kept[16];

    switch (*n ? mutate_pick(m, 4) : 4) {
    case 0:
        memcpy(kept, base + at * size, size);
        item = mutate_insert(m, list, n, size, mutate_pick(m, *n + 1));
        memcpy(item, kept, size);
        break;
    case 1:
        memmove(base + at * size, base + (at + 1) * size, (*n - at - 1) * size);
        (*n)--;
        break;
    case 2:
        item = base + mutate_pick(m, *n) * size;
        memcpy(kept, item, size);
        memmove(item, base + at * size, size);
        memcpy(base + at * size, kept, size);
        break;
    case 3:
        change_value(m, f, base + at * size);
        break;
    default:
        item = mutate_insert(m, list, n, size, 0);
        if (f->type == PROTOBUF_C_TYPE_MESSAGE)
            *(ProtobufCMessage **)(void *)item = new_message(m, f->descriptor);
        else
            change_value(m, f, item);
    }
}

static void
change_single(Mutate *m, const ProtobufCFieldDescriptor *f,
              ProtobufCMessage *msg)
{
    void *at = (char *)msg + f->offset;
    void *has = (char *)msg + f->quantifier_offset;
    bool oneof = f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF;
    bool message = f->type == PROTOBUF_C_TYPE_MESSAGE;
    bool pointer = message || f->type == PROTOBUF_C_TYPE_STRING;

    if (oneof && *(uint32_t *)has != f->id) {
        /* Another member: whatever lies there is not of this type. */
        memset(at, 0, size_of(f));
        *(uint32_t *)has = f->id;
    } else if (mutate_pick(m, 4) == 0) {
        if (pointer)
            *(void **)at = NULL;
        else if (f->quantifier_offset)
            *(protobuf_c_boolean *)has = 0;
        if (oneof)
            *(uint32_t *)has = 0;
        return;
    } else if (!oneof && !pointer && f->quantifier_offset) {
        *(protobuf_c_boolean *)has = 1;
    }
    if (message && !*(void **)at)
        *(ProtobufCMessage **)at = new_message(m, f->descriptor);
    else
        change_value(m, f, at);
}

static void
change_here(Mutate *m, ProtobufCMessage *msg, const ProtobufCFieldDescriptor *f)
{
    void *at = (char *)msg + f->offset;

    if (f->label == PROTOBUF_C_LABEL_REPEATED)
        change_list(m, f, at,
                    (size_t *)(void *)((char *)msg + f->quantifier_offset));
    else
        change_single(m, f, msg);
}

/* The message that a field holds, one of them; NULL: none. */
static ProtobufCMessage *
inner_message(Mutate *m, const ProtobufCMessage *msg,
              const ProtobufCFieldDescriptor *f)
{
    void *at = (char *)msg + f->offset;
    const void *has = (const char *)msg + f->quantifier_offset;

    if (f->type != PROTOBUF_C_TYPE_MESSAGE)
        return NULL;
    if (f->label == PROTOBUF_C_LABEL_REPEATED) {
        size_t n = *(const size_t *)has;

        return n ? (*(ProtobufCMessage ***)at)[mutate_pick(m, n)] : NULL;
    }
    if ((f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) &&
        *(const uint32_t *)has != f->id)
        return NULL;
    return *(ProtobufCMessage **)at;
}

void
mutate_field(Mutate *m, ProtobufCMessage *msg)
{
    for (;;) {
        const ProtobufCMessageDescriptor *d = msg->descriptor;
        const ProtobufCFieldDescriptor *f;
        ProtobufCMessage *inner = NULL;

        /* Fields that are there come first; models have many empty ones. */
        for (int turn = 0; turn < 8 && !inner; turn++) {
            f = &d->fields[mutate_pick(m, d->n_fields)];
            inner = inner_message(m, msg, f);
        }
        if (!inner || mutate_pick(m, 6) == 0) {
            f = &d->fields[mutate_pick(m, d->n_fields)];
            change_here(m, msg, f);
            return;
        }
        msg = inner;
    }
}

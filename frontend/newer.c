/*
 * newer.c -- fields that ONNX has and the system's onnx.proto may not.
 *
 * protobuf-c keeps what it does not know as bytes. A field is found by its
 * number in either place, so that the same file means the same whichever
 * onnx.proto was there at build time.
 */
#include "frontend/import.h"

#include <string.h>

enum { WIRE_BYTES = 2 };

/* An unknown field's bytes without the length in front; false: not valid. */
static bool
payload(const ProtobufCMessageUnknownField *u, const uint8_t **p, size_t *n)
{
    size_t at = 0;
    uint64_t len = 0;

    if ((int)u->wire_type != WIRE_BYTES)
        return false;
    for (int shift = 0; shift < 64; shift += 7) {
        if (at == u->len)
            return false;
        len |= (uint64_t)(u->data[at] & 0x7f) << shift;
        if (!(u->data[at++] & 0x80))
            break;
    }
    *p = u->data + at;
    *n = u->len - at;
    return len == *n;
}

static const void *
member(const ProtobufCMessage *m, unsigned offset)
{
    return (const char *)m + offset;
}

const char *
vq_newer_text(Arena *a, const ProtobufCMessage *m, unsigned number)
{
    const ProtobufCFieldDescriptor *f =
        protobuf_c_message_descriptor_get_field(m->descriptor, number);
    const uint8_t *p;
    const char *s;
    size_t n;

    if (f) {
        memcpy(&s, member(m, f->offset), sizeof s);
        return s ? s : "";
    }
    for (unsigned i = 0; i < m->n_unknown_fields; i++)
        if (m->unknown_fields[i].tag == number &&
            payload(&m->unknown_fields[i], &p, &n) && !memchr(p, 0, n))
            return vq_format(a, "%.*s", (int)vq_min((int64_t)n, 4096),
                             (const char *)p);
    return "";
}

static void *
arena_alloc(void *arena, size_t bytes)
{
    return vq_alloc(arena, bytes);
}

static void
arena_free(void *arena, void *p)
{
    (void)arena;
    (void)p;
}

ProtobufCAllocator
vq_message_allocator(Arena *a)
{
    return (ProtobufCAllocator){arena_alloc, arena_free, a};
}

/* A list that onnx.proto knows. */
static Onnx__AttributeProto **
known_list(const ProtobufCMessage *m, const ProtobufCFieldDescriptor *f,
           size_t *n)
{
    Onnx__AttributeProto **list;

    memcpy(n, member(m, f->quantifier_offset), sizeof *n);
    memcpy(&list, member(m, f->offset), sizeof list);
    return list;
}

Onnx__AttributeProto **
vq_newer_attributes(Arena *a, const ProtobufCMessage *m, unsigned number,
                    size_t *n)
{
    const ProtobufCMessageDescriptor *d = &onnx__attribute_proto__descriptor;
    const ProtobufCFieldDescriptor *f =
        protobuf_c_message_descriptor_get_field(m->descriptor, number);
    ProtobufCAllocator alloc = vq_message_allocator(a);
    Onnx__AttributeProto **list;
    const uint8_t *p;
    size_t len;

    if (f)
        return known_list(m, f, n);
    *n = 0;
    list = NEWN(a, Onnx__AttributeProto *, m->n_unknown_fields + 1);
    for (unsigned i = 0; i < m->n_unknown_fields; i++)
        if (m->unknown_fields[i].tag == number &&
            payload(&m->unknown_fields[i], &p, &len) &&
            vq_message_scan(d, p, len) &&
            (list[*n] = onnx__attribute_proto__unpack(&alloc, len, p)))
            ++*n;
    return list;
}

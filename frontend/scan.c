/*
 * scan.c -- a look at a message's bytes before protobuf-c unpacks them.
 *
 * protobuf-c recurses without a limit, so that a small hostile file could
 * exhaust the stack. This walks the wire format with the same descriptors,
 * stops at MAXDEPTH, and rejects what does not parse.
 */
#include "frontend/import.h"

/* model, graph, node, attribute, tensor are five; subgraphs add three each. */
enum { MAXDEPTH = 48 };

/* The wire types of protobuf's encoding; 3 and 4, groups, are not used. */
enum { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };

typedef struct Bytes {
    const uint8_t *p, *end;
} Bytes;

static bool
scan_varint(Bytes *b, uint64_t *v)
{
    *v = 0;
    for (int shift = 0; shift < 64; shift += 7) {
        if (b->p == b->end)
            return false;
        *v |= (uint64_t)(*b->p & 0x7f) << shift;
        if (!(*b->p++ & 0x80))
            return true;
    }
    return false;
}

static bool
skip_bytes(Bytes *b, uint64_t n)
{
    if (n > (uint64_t)(b->end - b->p))
        return false;
    b->p += n;
    return true;
}

static bool scan_message(const ProtobufCMessageDescriptor *, Bytes, int depth);

/* A string, bytes, packed numbers, or a message of its own. */
static bool
scan_bytes(const ProtobufCFieldDescriptor *f, Bytes *b, int depth)
{
    const uint8_t *start;
    uint64_t n;

    if (!scan_varint(b, &n))
        return false;
    start = b->p;
    if (!skip_bytes(b, n))
        return false;
    if (!f || f->type != PROTOBUF_C_TYPE_MESSAGE)
        return true;
    return scan_message(f->descriptor, (Bytes){start, b->p}, depth + 1);
}

static bool
scan_field(const ProtobufCMessageDescriptor *d, Bytes *b, int depth)
{
    uint64_t tag, v;

    if (!scan_varint(b, &tag) || tag >> 3 == 0 || tag >> 3 > UINT32_MAX >> 3)
        return false;
    switch (tag & 7) {
    case WIRE_VARINT:
        return scan_varint(b, &v);
    case WIRE_64:
        return skip_bytes(b, 8);
    case WIRE_BYTES:
        return scan_bytes(
            protobuf_c_message_descriptor_get_field(d, (unsigned)(tag >> 3)), b,
            depth);
    case WIRE_32:
        return skip_bytes(b, 4);
    }
    return false;
}

static bool
scan_message(const ProtobufCMessageDescriptor *d, Bytes b, int depth)
{
    if (depth > MAXDEPTH)
        return false;
    while (b.p < b.end)
        if (!scan_field(d, &b, depth))
            return false;
    return true;
}

bool
vq_message_scan(const ProtobufCMessageDescriptor *d, const uint8_t *data,
                size_t n)
{
    return scan_message(d, (Bytes){data, data + n}, 0);
}

/*
 * arena.c -- bump allocation, released all at once or back to a mark.
 */
#include "ir/base.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK_BYTES = 1 << 20, HEADER_BYTES = 64 };

/* The data begins HEADER_BYTES after the chunk, which is 64-byte aligned. */
struct ArenaChunk {
    ArenaChunk *older;
    size_t used, size;
};

_Static_assert(sizeof(ArenaChunk) <= HEADER_BYTES, "header too small");

_Noreturn void
vq_oom(Arena *a)
{
    if (!a->oom)
        abort();
    longjmp(*a->oom, 1);
}

/* Counts bytes against the limits, or jumps. */
static void
charge(Arena *a, size_t bytes)
{
    Memory *m = a->memory;

    if (a->limit && (bytes > a->limit || a->total > a->limit - bytes))
        vq_oom(a);
    if (m && m->limit && (bytes > m->limit || m->used > m->limit - bytes)) {
        m->passed = true;
        vq_oom(a);
    }
}

void
vq_memory_grow(Memory *m, uint64_t file_bytes)
{
    size_t more;

    if (!m || m->fixed || !m->limit)
        return;
    if (__builtin_mul_overflow(file_bytes, (uint64_t)VQ_MEMORY_TIMES, &more) ||
        __builtin_add_overflow(m->limit, more, &m->limit))
        m->limit = SIZE_MAX;
}

static ArenaChunk *
new_chunk(Arena *a, size_t bytes)
{
    size_t size = bytes > CHUNK_BYTES ? bytes : CHUNK_BYTES;
    ArenaChunk *c;

    if (size > SIZE_MAX - 2 * HEADER_BYTES)
        vq_oom(a);
    size = (size + 63) & ~(size_t)63;
    charge(a, size);
    c = aligned_alloc(64, HEADER_BYTES + size);
    if (!c)
        vq_oom(a);
    *c = (ArenaChunk){.older = a->chunk, .size = size};
    a->chunk = c;
    a->total += size;
    if (a->memory)
        a->memory->used += size;
    return c;
}

void *
vq_alloc(Arena *a, size_t bytes)
{
    size_t align = bytes >= 64 ? 64 : 16;
    ArenaChunk *c = a->chunk;
    size_t at = c ? (c->used + align - 1) & ~(align - 1) : 0;
    void *p;

    if (!c || at > c->size || bytes > c->size - at) {
        c = new_chunk(a, bytes);
        at = 0;
    }
    p = (char *)c + HEADER_BYTES + at;
    c->used = at + bytes;
    return memset(p, 0, bytes);
}

void *
vq_allocn(Arena *a, size_t n, size_t size)
{
    size_t bytes;

    if (__builtin_mul_overflow(n, size, &bytes))
        vq_oom(a);
    return vq_alloc(a, bytes);
}

void *
vq_grow(Arena *a, void *array, size_t n, size_t *cap, size_t size)
{
    size_t more = *cap ? *cap * 2 : 16;
    void *p;

    if (n < *cap)
        return array;
    p = vq_allocn(a, more, size);
    if (n)
        memcpy(p, array, n * size);
    *cap = more;
    return p;
}

ArenaMark
vq_arena_mark(Arena *a)
{
    return (ArenaMark){a->chunk, a->chunk ? a->chunk->used : 0, a->owned};
}

void
vq_arena_release(Arena *a, ArenaMark m)
{
    while (a->owned != m.owned) {
        Owned *o = a->owned;

        assert(o);
        a->owned = o->older;
        vq_owned_end(o);
    }
    while (a->chunk != m.chunk) {
        ArenaChunk *c = a->chunk;

        assert(c);
        a->chunk = c->older;
        a->total -= c->size;
        if (a->memory)
            a->memory->used -= c->size;
        free(c);
    }
    if (m.chunk)
        m.chunk->used = m.used;
}

void
vq_arena_free(Arena *a)
{
    vq_arena_release(a, (ArenaMark){0});
}

Owned *
vq_own(Arena *a, EndFn *end)
{
    Owned *o = NEW(a, Owned);

    *o = (Owned){.older = a->owned, .end = end};
    a->owned = o;
    return o;
}

void
vq_owned_end(Owned *o)
{
    void *what = o->what;

    o->what = NULL;
    if (what)
        o->end(what);
}

static void
end_arena(void *a)
{
    vq_arena_free(a);
}

Arena *
vq_arena_inner(Arena *a)
{
    Owned *o = vq_own(a, end_arena);
    Arena *inner = NEW(a, Arena);

    *inner = (Arena){.limit = a->limit, .memory = a->memory, .oom = a->oom};
    o->what = inner;
    return inner;
}

char *
vq_strdup(Arena *a, const char *s)
{
    size_t n = strlen(s) + 1;

    return memcpy(vq_alloc(a, n), s, n);
}

char *
vq_format(Arena *a, const char *fmt, ...)
{
    va_list ap;
    char *s;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    s = vq_alloc(a, (size_t)n + 1);
    va_start(ap, fmt);
    vsnprintf(s, (size_t)n + 1, fmt, ap);
    va_end(ap);
    return s;
}

/*
 * base.h -- memory, names and messages: what every part of vitqc stands on.
 *
 * Memory. One Arena holds everything that one compilation makes. Nobody frees
 * a piece of it; vq_arena_free ends it all. Allocation never returns NULL:
 * when the system has no more, or the arena passes its limit, it jumps to
 * Arena.oom, which the library's entry points set. Short-lived bulk (the
 * activations of one evaluated image) uses a mark and a release. What other
 * libraries allocate is owned by an arena (vq_own) while a jump may pass.
 *
 * Messages. A wrong model or file is reported by vq_error and its siblings,
 * which return false; callers pass false on. A false without a message is a
 * bug. Nothing here prints or exits.
 */
#ifndef VQ_BASE_H
#define VQ_BASE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct ArenaChunk ArenaChunk;

/* What several arenas may take together. */
typedef struct Memory {
    size_t used;
    size_t limit; /* 0: none. Passing it counts as out of memory */
    bool fixed;   /* the limit is the user's: no file raises it */
    bool passed;  /* an allocation was refused for it */
} Memory;

/* What is not the arena's memory and ends with it: see vq_own. */
typedef void EndFn(void *what);
typedef struct Owned Owned;
struct Owned {
    Owned *older;
    EndFn *end;
    void *what; /* NULL: nothing yet, or no more */
};

typedef struct Arena {
    ArenaChunk *chunk; /* newest first */
    Owned *owned;      /* newest first */
    size_t total;      /* bytes taken from the system */
    size_t limit;      /* of this arena alone; 0: none */
    Memory *memory;    /* NULL: no other limit */
    jmp_buf *oom;      /* NULL: abort */
} Arena;

typedef struct ArenaMark {
    ArenaChunk *chunk;
    size_t used;
    Owned *owned;
} ArenaMark;

/* Zeroed, aligned to 64 bytes from 64 bytes up and to 16 below. */
void *vq_alloc(Arena *, size_t bytes);
/* The same for n items; a product that overflows counts as out of memory. */
void *vq_allocn(Arena *, size_t n, size_t size);
#define NEW(arena, T)     ((T *)vq_alloc((arena), sizeof(T)))
#define NEWN(arena, T, n) ((T *)vq_allocn((arena), (n), sizeof(T)))

/* Grows an array of n items of the given size so that item n exists. */
void *vq_grow(Arena *, void *array, size_t n, size_t *cap, size_t size);

ArenaMark vq_arena_mark(Arena *);
void vq_arena_release(Arena *, ArenaMark);
void vq_arena_free(Arena *);
/* The out-of-memory jump, for owners of other resources. */
_Noreturn void vq_oom(Arena *);

/* A place for a thing that the jump must not lose: a library's handle, a
 * mapped file, another arena. First the place, which may jump, then the thing:
 * `vq_own(a, end)->what = make()`. It ends with the arena, or when the arena
 * is released back past the place, or by vq_owned_end. */
Owned *vq_own(Arena *, EndFn *);
void vq_owned_end(Owned *);
/* An arena for what is short-lived, which ends with the other at the latest.
 * Its limits and its jump are those of the other. */
Arena *vq_arena_inner(Arena *);

/* A limit that was not fixed grows with what is read: by so many times the
 * bytes of a file, whose content may be expanded and copied by passes. */
enum { VQ_MEMORY_TIMES = 24 };
void vq_memory_grow(Memory *, uint64_t file_bytes); /* NULL is fine */

char *vq_strdup(Arena *, const char *);
char *vq_format(Arena *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Where a thing came from. */
typedef struct Loc {
    const char *node; /* name of the model's node; NULL: not known */
    const char *op;   /* the node's operator, and its domain; NULL as above */
    const char *domain;
    unsigned line, col; /* in a .vir text; 0: not from one */
} Loc;

typedef enum Severity { SEV_NOTE, SEV_WARNING, SEV_ERROR } Severity;

/* What the first error was about; the library's status follows from it. */
typedef enum Fault {
    FAULT_NONE,
    FAULT_MODEL, /* the model, its data or the options that fit it */
    FAULT_IO,    /* a file cannot be read or written */
    FAULT_BUG    /* a check inside vitqc failed */
} Fault;

typedef void DiagFn(void *user, Severity, const char *file, Loc,
                    const char *text);

typedef struct Diag {
    DiagFn *fn;
    void *user;
    const char *file; /* the file that is being read */
    unsigned nerror;
    Fault fault;
} Diag;

bool vq_error(Diag *, Loc, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
bool vq_io_error(Diag *, const char *path, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Of what is in a file that is not the one being read. */
bool vq_file_error(Diag *, const char *path, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
bool vq_bug(Diag *, Loc, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void vq_warn(Diag *, Loc, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void vq_note(Diag *, Loc, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The whole of a regular file of at most `most` bytes, and a 0 behind it. */
bool vq_file_read(Arena *, Diag *, const char *path, size_t most,
                  uint8_t **bytes, size_t *len);

#define NOLOC        ((Loc){0})
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static inline int64_t
vq_min(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static inline int64_t
vq_max(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static inline int64_t
vq_clamp(int64_t x, int64_t lo, int64_t hi)
{
    return x < lo ? lo : x > hi ? hi : x;
}

/* x towards 0, as far as it is between lo and hi; NaN is lo. */
static inline int64_t
vq_whole(double x, int64_t lo, int64_t hi)
{
    return x >= (double)hi ? hi : x > (double)lo ? (int64_t)x : lo;
}

/* A product of figures, such as multiply-adds, of values that need not fit
 * into memory: no more than 2^43, so that a million of them have a sum. */
static inline int64_t
vq_mul_capped(int64_t a, int64_t b)
{
    const int64_t most = INT64_C(1) << 43;
    int64_t product;

    return __builtin_mul_overflow(a, b, &product) || product > most ? most
                                                                    : product;
}

/* Rounds n up to a multiple of m. */
static inline int64_t
vq_align(int64_t n, int64_t m)
{
    return (n + m - 1) / m * m;
}

/* Repeatable random numbers: splitmix64. */
static inline uint64_t
vq_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* In [0, 1). */
static inline double
vq_random_unit(uint64_t *state)
{
    return (double)(vq_random(state) >> 11) * 0x1p-53;
}

#endif

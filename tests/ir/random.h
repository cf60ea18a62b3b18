/* random.h -- a small repeatable generator for tests (splitmix64). */
#ifndef VQ_TESTS_RANDOM_H
#define VQ_TESTS_RANDOM_H

#include <stdint.h>

static inline uint64_t
next_random64(uint64_t *seed)
{
    uint64_t z = *seed += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static inline uint32_t
next_random(uint64_t *seed)
{
    return (uint32_t)(next_random64(seed) >> 32);
}

/* In [0, 1). */
static inline double
next_unit(uint64_t *seed)
{
    return (double)(next_random64(seed) >> 11) * 0x1p-53;
}

#endif

/* random.h -- random numbers for tests. */
#ifndef VQ_TESTS_RANDOM_H
#define VQ_TESTS_RANDOM_H

#include "ir/base.h"

static inline uint32_t
next_random(uint64_t *seed)
{
    return (uint32_t)(vq_random(seed) >> 32);
}

#endif

/*
 * golden.h -- digests of a model's outputs, an image a line: what any other
 * machine must give for the same model, calibration and images.
 */
#ifndef VQ_GOLDEN_H
#define VQ_GOLDEN_H

#include "lib/object.h"

typedef struct Golden Golden;

/* Reads the file, or will write it when there is none; NULL after a message. */
Golden *vq_golden_open(Vitqc *, const char *path, int64_t images);
/* Image `at`, the b-th of the batch that the runner holds the outputs of. */
void vq_golden_image(Golden *, const Runner *, int64_t at, int64_t b);
/* Writes the file or says how many images are the same; false after a message,
 * with VITQC_EMISMATCH where one is not. */
bool vq_golden_close(Vitqc *, const Golden *, const Feed *, VitqcVerified *);

#endif

/*
 * app.c -- what is in a picture: the five likeliest classes.
 *
 *     classify [--threads N] PHOTO.jpg [NAMES.txt]
 *
 * The model was compiled into this program by vitqc; classifier.h tells its
 * shapes. NAMES.txt has the name of a class on each line, in the model's order;
 * without it classes are numbers.
 */
#include "classifier.h"
#include "photo.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vitqc/vqrt_pool.h>

enum { TOP = 5 };

/* Both come from CMakeLists.txt, where vitqc gets them too. */
static const float mean[3] = {MEAN}, deviation[3] = {STD};

static void
normalize(const uint8_t *rgb, int pixels, float *out)
{
    for (int c = 0; c < 3; c++)
        for (int i = 0; i < pixels; i++)
            out[c * pixels + i] =
                ((float)rgb[3 * i + c] / 255 - mean[c]) / deviation[c];
}

/* Indices of the TOP greatest logits. */
static void
find_top(const float *logits, int n, int top[TOP])
{
    for (int k = 0; k < TOP; k++) {
        top[k] = -1;
        for (int i = 0; i < n; i++) {
            int taken = 0;

            for (int j = 0; j < k; j++)
                taken |= top[j] == i;
            if (!taken && (top[k] < 0 || logits[i] > logits[top[k]]))
                top[k] = i;
        }
    }
}

/* Softmax's denominator; the program may use floating point, the model does
 * not. */
static double
sum_exp(const float *logits, int n, double max)
{
    double sum = 0;

    for (int i = 0; i < n; i++)
        sum += exp(logits[i] - max);
    return sum;
}

/* Line `at` of a file; the number when there is none. */
static void
print_name(const char *path, int at)
{
    char line[256];
    FILE *f = path ? fopen(path, "r") : NULL;
    int found = 0;

    for (int i = 0; f && i <= at; i++)
        found = fgets(line, sizeof line, f) != NULL;
    if (f)
        fclose(f);
    if (found)
        line[strcspn(line, "\r\n")] = 0;
    if (found)
        printf("%s\n", line);
    else
        printf("class %d\n", at);
}

static void
print_top(const float *logits, int n, const char *names)
{
    int top[TOP];
    double max, sum;

    find_top(logits, n, top);
    max = logits[top[0]];
    sum = sum_exp(logits, n, max);
    for (int k = 0; k < TOP && top[k] >= 0; k++) {
        printf("%5.1f %%  ", 100 * exp(logits[top[k]] - max) / sum);
        print_name(names, top[k]);
    }
}

/* Fills the model's input from a file. */
static int
prepare(const char *path, int side, float *pixels)
{
    uint8_t *rgb = malloc((size_t)side * (size_t)side * 3);
    Photo photo;
    int code = -1;

    if (rgb && photo_load(path, &photo) == 0) {
        code = photo_crop(&photo, (side * 256 + 112) / 224, side, rgb);
        free(photo.rgb);
    }
    if (code == 0)
        normalize(rgb, side * side, pixels);
    free(rgb);
    return code;
}

/* The model on so many threads. */
static int
classify(unsigned threads, const float *pixels, float *logits)
{
    VqrtContext c = {.parallel_for = vqrt_pool_run, .parts = 1};
    VqrtPool *pool = vqrt_pool_new(threads);
    void *work = NULL;
    int code = -1;

    if (pool) {
        c.pool = pool;
        c.parts = vqrt_pool_threads(pool);
        work = aligned_alloc(CLASSIFIER_WORK_ALIGN,
                             CLASSIFIER_WORK_BYTES +
                                 (c.parts - 1) * CLASSIFIER_PART_BYTES);
    }
    if (work)
        code = classifier_run_with(-1, pixels, logits, work, &c);
    free(work);
    vqrt_pool_free(pool);
    return code;
}

int
main(int argc, char **argv)
{
    unsigned threads = 1;
    VqrtModel m;
    int side, classes, code = 1;
    float *pixels, *logits;

    if (argc > 2 && strcmp(argv[1], "--threads") == 0) {
        threads = (unsigned)strtoul(argv[2], NULL, 10);
        argc -= 2;
        argv += 2;
    }
    if (argc < 2 || argc > 3) {
        fprintf(stderr, "usage: classify [--threads N] PHOTO [NAMES.txt]\n");
        return 2;
    }
    classifier_model(&m);
    side = (int)m.in[0].dim[3];
    classes = (int)m.out[0].dim[1];
    pixels = malloc(sizeof(float) * 3 * (size_t)side * (size_t)side);
    logits = malloc(sizeof(float) * (size_t)classes);
    if (pixels && logits && prepare(argv[1], side, pixels) == 0 &&
        classify(threads, pixels, logits) == 0) {
        print_top(logits, classes, argc > 2 ? argv[2] : NULL);
        code = 0;
    }
    free(logits);
    free(pixels);
    return code;
}

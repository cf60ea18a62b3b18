/*
 * app.c -- an application with a compiled model in it: classifies all images
 * of Fashion-MNIST's test set and compares with the labels.
 *
 *     fashion_app t10k-images-idx3-ubyte.gz t10k-labels-idx1-ubyte.gz
 *
 * fashion_vit.h and the code behind it were written by vitqc. The model needs
 * a work area from its caller and nothing else.
 */
#include "fashion_vit.h"
#include "idx.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { SIDE = 28, PIXELS = SIDE * SIDE, CLASSES = 10 };

static const char *const class_name[CLASSES] = {
    "T-shirt", "trouser", "pullover", "dress", "coat",
    "sandal",  "shirt",   "sneaker",  "bag",   "ankle boot",
};

static double
now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* As in training: train.py's MEAN and STD. */
static void
normalize(const uint8_t *pixel, float *out)
{
    for (int i = 0; i < PIXELS; i++)
        out[i] = ((float)pixel[i] / 255 - 0.2860f) / 0.3530f;
}

static int
argmax(const float *x)
{
    int best = 0;

    for (int i = 1; i < CLASSES; i++)
        if (x[i] > x[best])
            best = i;
    return best;
}

/* Fills right[class] and returns the seconds spent in the model, -1 when a call
 * failed. */
static double
classify_all(const Idx *images, const Idx *labels, void *work, int *right)
{
    float pixels[PIXELS], logits[CLASSES];
    double seconds = 0;

    for (int64_t i = 0; i < images->dim[0]; i++) {
        double start;

        normalize(images->data + i * PIXELS, pixels);
        start = now();
        if (fashion_vit_run(pixels, logits, work) != 0)
            return -1;
        seconds += now() - start;
        if (argmax(logits) == labels->data[i])
            right[labels->data[i]]++;
    }
    return seconds;
}

static void
print_result(const Idx *images, const int *right, double seconds)
{
    double n = (double)images->dim[0];
    VqrtModel model;
    int sum = 0;

    for (int c = 0; c < CLASSES; c++) {
        printf("  %-12s %5d right\n", class_name[c], right[c]);
        sum += right[c];
    }
    fashion_vit_model(&model);
    printf("int8 accuracy %.2f %% (%d of %.0f), %.1f us an image, level %s\n",
           100 * sum / n, sum, n, 1e6 * seconds / n,
           model.level[fashion_vit_best_level()]);
}

int
main(int argc, char **argv)
{
    int right[CLASSES] = {0};
    Idx images, labels;
    void *work;
    double seconds;

    if (argc != 3) {
        fprintf(stderr, "usage: fashion_app IMAGES.gz LABELS.gz\n");
        return 2;
    }
    if (idx_read(argv[1], &images) != 0 || idx_read(argv[2], &labels) != 0)
        return 1;
    if (images.each != PIXELS || labels.dim[0] != images.dim[0]) {
        fprintf(stderr, "images and labels do not fit together\n");
        return 1;
    }
    work = aligned_alloc(FASHION_VIT_WORK_ALIGN, FASHION_VIT_WORK_BYTES);
    seconds = work ? classify_all(&images, &labels, work, right) : -1;
    if (seconds < 0) {
        fprintf(stderr, "the model did not run\n");
        return 1;
    }
    print_result(&images, right, seconds);
    free(work);
    free(images.data);
    free(labels.data);
    return 0;
}

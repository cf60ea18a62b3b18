/*
 * labels.c -- the classes of images: text or an array; the first byte says
 * which, and whether the images have names.
 */
#include "tests/fuzz/fuzz.h"

#include "data/data.h"
#include "lib/session.h"

enum { ARRAY = 1, NAMED = 2, COUNT_IMAGES = 4 };

static Dataset *
open_images(Fuzz *f, bool named)
{
    static const char list[] = "a.png\nb.png\na.png\nb.png\n";
    DataSpec spec = {
        .rank = 3, .dim = {3, 4, 4}, .std = {1, 1, 1}, .limit = COUNT_IMAGES};

    if (!named)
        return vq_dataset_open(&f->arena, &f->diag, NULL, &spec);
    fuzz_file(f, "a.png", "", 0);
    fuzz_file(f, "b.png", "", 0);
    return vq_dataset_open(&f->arena, &f->diag,
                           fuzz_file(f, "list.txt", list, sizeof list - 1),
                           &spec);
}

void
fuzz_target(Fuzz *f, const uint8_t *data, size_t n)
{
    unsigned kind = n ? data[0] : 0;
    Vitqc v = {.diag = f->diag, .tmp.oom = &f->jump};
    Feed feed = {.first = 1, .count = COUNT_IMAGES - 1};
    int64_t *label;

    feed.data = open_images(f, kind & NAMED);
    fuzz_check(feed.data != NULL, "there are images");
    label =
        vq_labels_read(&v, &feed,
                       fuzz_file(f, kind & ARRAY ? "labels.npy" : "labels.txt",
                                 data + (n > 0), n ? n - 1 : 0));
    f->diag.nerror += v.diag.nerror;
    fuzz_check_said(f, label != NULL);
    vq_arena_free(&v.tmp);
}

/*
 * dataset.c -- whatever a user may give as data: an image, an array, or a
 * list of paths; the first byte says for which model.
 */
#include "tests/fuzz/fuzz.h"

#include <math.h>

#include "data/data.h"

static const DataSpec specs[] = {
    {.rank = 3, .dim = {3, 4, 5}, .std = {1, 1, 1}},
    {.rank = 3, .dim = {1, 4, 4}, .std = {1, 1, 1}, .resize = 5, .limit = 3},
    {.rank = 1, .dim = {6}, .limit = 2},
    {.rank = 0},
    {.rank = 3, .dim = {3, 2, 9}, .std = {1e-30F, 1, 1}},
};

void
fuzz_target(Fuzz *f, const uint8_t *data, size_t n)
{
    const DataSpec *spec = &specs[n ? data[0] % COUNT(specs) : 0];
    const char *path;
    float out[64];
    Dataset *ds;

    fuzz_file(f, "one.png", "not an image", 12);
    path = fuzz_file(f, "data", n ? data + 1 : data, n ? n - 1 : 0);
    ds = vq_dataset_open(&f->arena, &f->diag, path, spec);
    fuzz_check_said(f, ds != NULL);
    if (!ds)
        return;
    fuzz_check(vq_dataset_count(ds) > 0, "a dataset holds something");
    fuzz_check(vq_dataset_size(ds) <= (int64_t)COUNT(out), "as the model's");
    for (int64_t i = 0; i < vq_dataset_count(ds) && i < 4; i++) {
        unsigned before = f->diag.nerror;
        bool ok = vq_dataset_get(ds, &f->diag, &f->tmp, i, out);

        fuzz_check(ok || f->diag.nerror > before, "a failure has a message");
        for (int64_t k = 0; ok && k < vq_dataset_size(ds); k++)
            fuzz_check(!isnan(out[k]), "inputs are numbers");
        fuzz_check(vq_dataset_name(ds, i) != NULL, "an input has a name");
    }
}

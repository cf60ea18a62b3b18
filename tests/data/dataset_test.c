/*
 * dataset_test.c -- folders, lists, arrays and nothing as model inputs.
 */
#include "put_npy.h"

static const DataSpec rgb16 = {.rank = 3,
                               .dim = {3, 16, 16},
                               .resize = 20,
                               .mean = {.485f, .456f, .406f},
                               .std = {.229f, .224f, .225f}};

static Dataset *
open_good(Bench *b, const char *path, const DataSpec *s)
{
    Dataset *ds = vq_dataset_open(&b->arena, &b->diag, path, s);

    if (!ds)
        fail_msg("%s: %s", b->file, b->text);
    return ds;
}

static void
open_bad(Bench *b, const char *path, const DataSpec *s, const char *says)
{
    assert_null(vq_dataset_open(&b->arena, &b->diag, path, s));
    expect_message(b, path, says);
}

static void
copy_fixture(Bench *b, const char *from, const char *to)
{
    uint8_t *bytes;
    size_t n;

    assert_true(vq_file_read(&b->arena, &b->diag,
                             vq_format(&b->arena, "%s/%s", FIXTURES, from),
                             1 << 20, &bytes, &n));
    put_file(b, to, bytes, n);
}

static void
folder_is_sorted(void **state)
{
    Bench *b = *state;
    float out[768], want[768];
    DataSpec s = rgb16;
    Dataset *ds;
    Npy npy;

    copy_fixture(b, "rgb.jpg", "c.JPG");
    copy_fixture(b, "photo.png", "a.png");
    copy_fixture(b, "gray.jpg", "b.jpeg");
    put_file(b, "labels.txt", "1\n", 2);
    put_file(b, ".hidden.png", "x", 1);
    ds = open_good(b, b->dir, &s);
    assert_int_equal(vq_dataset_count(ds), 3);
    assert_int_equal(vq_dataset_size(ds), 768);
    assert_false(vq_dataset_synthetic(ds));
    assert_string_equal(vq_dataset_name(ds, 0), path_of(b, "a.png"));
    assert_string_equal(vq_dataset_name(ds, 2), path_of(b, "c.JPG"));
    assert_true(vq_dataset_get(ds, &b->diag, &b->arena, 0, out));
    assert_true(vq_npy_open(&b->arena, &b->diag,
                            FIXTURES "/crop_3_20_16_16.npy", &npy));
    assert_true(vq_npy_rows(&npy, &b->diag, 0, 3, want));
    assert_memory_equal(out, want, sizeof out);
    s.limit = 2;
    assert_int_equal(vq_dataset_count(open_good(b, b->dir, &s)), 2);
}

static void
list_is_in_order(void **state)
{
    static const char text[] = "sub/z.png\t7\r\n\nrgb.jpg\nmissing.png\t1";
    Bench *b = *state;
    DataSpec s = rgb16;
    char *path = put_file(b, "list.tsv", text, sizeof text - 1);
    float out[768];
    Dataset *ds;

    assert_int_equal(system(vq_format(&b->arena, "mkdir %s/sub", b->dir)), 0);
    copy_fixture(b, "photo.png", "sub/z.png");
    copy_fixture(b, "rgb.jpg", "rgb.jpg");
    open_bad(b, path, &s, "line 4: cannot read");
    s.limit = 2;
    ds = open_good(b, path, &s);
    assert_int_equal(vq_dataset_count(ds), 2);
    assert_string_equal(vq_dataset_name(ds, 0), path_of(b, "sub/z.png"));
    for (int i = 0; i < 2; i++)
        assert_true(vq_dataset_get(ds, &b->diag, &b->arena, i, out));
}

static void
one_image_is_a_set(void **state)
{
    Bench *b = *state;
    Dataset *ds = open_good(b, FIXTURES "/photo.png", &rgb16);

    assert_int_equal(vq_dataset_count(ds), 1);
}

static void
real_rows_pass_through(void **state)
{
    Bench *b = *state;
    DataSpec s = {.rank = 2, .dim = {2, 3}};
    float data[3][6], out[6];
    char *path = path_of(b, "x.npy");
    Dataset *ds;

    for (int i = 0; i < 18; i++)
        data[i / 6][i % 6] = (float)i / 7;
    put_npy(path, NPY_F32, 3, (int64_t[]){3, 2, 3}, data);
    ds = open_good(b, path, &s);
    assert_int_equal(vq_dataset_count(ds), 3);
    for (int i = 0; i < 3; i++) {
        assert_true(vq_dataset_get(ds, &b->diag, &b->arena, i, out));
        assert_memory_equal(out, data[i], sizeof out);
    }
    s.dim[1] = 4;
    open_bad(b, path, &s, "is f32 [3 x 2 x 3]; wanted is f32 [N x 2 x 4]");
    s.dim[1] = 3;
    data[1][2] = 0.0f / 0.0f;
    put_npy(path, NPY_F32, 3, (int64_t[]){3, 2, 3}, data);
    ds = open_good(b, path, &s);
    assert_true(vq_dataset_get(ds, &b->diag, &b->arena, 0, out));
    assert_false(vq_dataset_get(ds, &b->diag, &b->arena, 1, out));
    expect_message(b, path, "row 1 holds a NaN");
}

static void
pixels_are_normalised(void **state)
{
    Bench *b = *state;
    DataSpec s = {.rank = 3,
                  .dim = {3, 1, 2},
                  .mean = {.5f, .25f, 0},
                  .std = {.5f, .25f, 1}};
    static const uint8_t pixel[] = {0, 51, 255, 255, 0, 102};
    static const float want[] = {-1, 1, -.2f, -1, 1, .4f};
    char *path = path_of(b, "u.npy");
    float out[6];
    Dataset *ds;

    put_npy(path, NPY_U8, 4, (int64_t[]){1, 1, 2, 3}, pixel);
    ds = open_good(b, path, &s);
    assert_true(vq_dataset_get(ds, &b->diag, &b->arena, 0, out));
    for (int i = 0; i < 6; i++)
        assert_float_equal(out[i], want[i], 1e-6);
    s.dim[1] = 2;
    open_bad(b, path, &s,
             "is u8 [1 x 1 x 2 x 3]; wanted is f32 [N x 3 x 2 x 2] or u8 [N x "
             "2 x 2 x 3]");
    s.dim[1] = 1;
    s.std[1] = 0;
    assert_null(vq_dataset_open(&b->arena, &b->diag, path, &s));
    assert_string_equal(b->text, "the pixels' deviations must be above 0 and "
                                 "their means finite");
}

static void
gray_pixels_need_no_channel(void **state)
{
    Bench *b = *state;
    DataSpec s = {.rank = 3, .dim = {1, 2, 2}, .mean = {0}, .std = {1}};
    static const uint8_t pixel[] = {0, 255, 51, 102, 255, 0, 0, 0};
    char *path = path_of(b, "g.npy");
    float out[4];

    for (int rank = 3; rank <= 4; rank++) {
        Dataset *ds;

        put_npy(path, NPY_U8, rank, (int64_t[]){2, 2, 2, 1}, pixel);
        ds = open_good(b, path, &s);
        assert_int_equal(vq_dataset_count(ds), 2);
        assert_true(vq_dataset_get(ds, &b->diag, &b->arena, 1, out));
        assert_true(out[0] == 1 && out[1] == 0);
    }
}

static void
what_does_not_fit_is_refused(void **state)
{
    Bench *b = *state;
    DataSpec tokens = {.rank = 2, .dim = {197, 192}}, s = rgb16;
    char *path;

    open_bad(b, "/nonexistent/images", &rgb16, "No such file");
    open_bad(b, b->dir, &rgb16, "no .jpg, .jpeg or .png");
    path = put_file(b, "junk", "\1\2\0\3", 4);
    open_bad(b, path, &rgb16, "neither a folder");
    path = put_file(b, "empty", "", 0);
    open_bad(b, path, &rgb16, "holds no inputs");
    open_bad(b, "/dev/null", &rgb16, "neither a file nor a folder");
    open_bad(b, FIXTURES "/photo.png", &tokens,
             "holds images, but an input of the model is [N x 197 x 192]");
    s.resize = 15;
    open_bad(b, FIXTURES "/photo.png", &s,
             "cannot resize to 15 and then cut out 16 x 16");
    path = path_of(b, "zero.npy");
    put_npy(path, NPY_F32, 4, (int64_t[]){0, 3, 16, 16}, NULL);
    open_bad(b, path, &rgb16, "holds no inputs");
}

static void
broken_image_is_named(void **state)
{
    Bench *b = *state;
    char *path = put_file(b, "a.png", "\x89PNG\r\n\x1a\nxx", 10);
    Dataset *ds = open_good(b, b->dir, &rgb16);
    float out[768];

    assert_false(vq_dataset_get(ds, &b->diag, &b->arena, 0, out));
    expect_message(b, path, "not a sound PNG");
}

static void
synthetic_has_any_shape(void **state)
{
    Bench *b = *state;
    DataSpec s = {.rank = 2, .dim = {50, 40}};
    Dataset *ds = open_good(b, NULL, &s);
    float out[2000], again[2000];
    double sum = 0, sum2 = 0;

    assert_true(vq_dataset_synthetic(ds));
    assert_int_equal(vq_dataset_count(ds), 32);
    assert_true(vq_dataset_get(ds, &b->diag, &b->arena, 5, out));
    assert_true(vq_dataset_get(ds, &b->diag, &b->arena, 5, again));
    assert_memory_equal(out, again, sizeof out);
    for (int i = 0; i < 2000; i++) {
        sum += out[i];
        sum2 += out[i] * out[i];
    }
    assert_float_equal(sum / 2000, 0, 0.1);
    assert_float_equal(sum2 / 2000, 1, 0.15);
}

/* What one input takes goes back. */
static void
memory_is_constant(void **state)
{
    Bench *b = *state;
    Dataset *ds = open_good(b, FIXTURES, &rgb16);
    Arena tmp = {0};
    float out[768];

    for (int i = 0; i < 1000; i++)
        assert_true(
            vq_dataset_get(ds, &b->diag, &tmp, i % vq_dataset_count(ds), out));
    assert_in_range(tmp.total, 0, 1 << 20);
    vq_arena_free(&tmp);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(folder_is_sorted),
        TEST(list_is_in_order),
        TEST(one_image_is_a_set),
        TEST(real_rows_pass_through),
        TEST(pixels_are_normalised),
        TEST(gray_pixels_need_no_channel),
        TEST(what_does_not_fit_is_refused),
        TEST(broken_image_is_named),
        TEST(synthetic_has_any_shape),
        TEST(memory_is_constant),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

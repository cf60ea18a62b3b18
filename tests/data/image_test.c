/*
 * image_test.c -- images read and prepared as Pillow and torchvision do.
 */
#include "common.h"

#include "data/data.h"

static char *
fixture(Bench *b, const char *name)
{
    return vq_format(&b->arena, "%s/%s", FIXTURES, name);
}

static const struct {
    const char *file, *pixels;
} read_cases[] = {
    {"rgb.png", "rgb.npy"},
    {"rgb.jpg", "rgb_jpg.npy"},
    {"progressive.jpg", "progressive.npy"},
    {"gray.jpg", "gray_jpg.npy"},
    {"gray.png", "gray.npy"},
    {"bits.png", "bits.npy"},
    {"cmyk.jpg", "cmyk.npy"},
    {"alpha.png", "alpha.npy"},
    {"grayalpha.png", "grayalpha.npy"},
    {"palette.png", "palette.npy"},
    {"deep.png", "deep.npy"},
    {"deepgray.png", "deepgray.npy"},
    {"interlaced.png", "interlaced.npy"},
};

static void
pixels_are_pillows(void **state)
{
    Bench *b = *state;

    for (size_t i = 0; i < COUNT(read_cases); i++) {
        const char *file = fixture(b, read_cases[i].file);
        Image im;
        Npy npy;
        uint8_t *want;

        assert_true(vq_image_read(&b->arena, &b->diag, file, &im));
        assert_true(vq_npy_open(&b->arena, &b->diag,
                                fixture(b, read_cases[i].pixels), &npy));
        assert_int_equal(im.height, npy.dim[0]);
        assert_int_equal(im.width, npy.dim[1]);
        want = vq_alloc(&b->arena, (size_t)(npy.rows * npy.cols));
        assert_true(vq_npy_rows(&npy, &b->diag, 0, npy.rows, want));
        for (int64_t k = 0; k < npy.rows * npy.cols; k++)
            if (im.pixel[k] != want[k])
                fail_msg("%s: byte %d is %d, not %d", file, (int)k, im.pixel[k],
                         want[k]);
    }
}

static const Preprocess crops[] = {
    {3, 16, 16, 20, {.485f, .456f, .406f}, {.229f, .224f, .225f}},
    {1, 24, 17, 27, {.485f}, {.229f}},
    {3, 13, 20, 70, {.485f, .456f, .406f}, {.229f, .224f, .225f}},
};

static void
inputs_are_torchvisions(void **state)
{
    Bench *b = *state;

    for (size_t i = 0; i < COUNT(crops); i++) {
        const Preprocess *p = &crops[i];
        int64_t n = p->channels * p->height * p->width;
        float *got = NEWN(&b->arena, float, (size_t)n);
        float *want = NEWN(&b->arena, float, (size_t)n);
        Image im;
        Npy npy;

        assert_true(
            vq_image_read(&b->arena, &b->diag, fixture(b, "photo.png"), &im));
        vq_preprocess(&b->arena, &im, p, got);
        assert_true(
            vq_npy_open(&b->arena, &b->diag,
                        vq_format(&b->arena, "%s/crop_%d_%d_%d_%d.npy",
                                  FIXTURES, (int)p->channels, (int)p->resize,
                                  (int)p->height, (int)p->width),
                        &npy));
        assert_int_equal(npy.rows * npy.cols, n);
        assert_true(vq_npy_rows(&npy, &b->diag, 0, npy.rows, want));
        assert_memory_equal(got, want, (size_t)n * sizeof *got);
    }
}

/* An image whose shorter side is right is cut, not resampled. */
static void
right_size_is_cut(void **state)
{
    Bench *b = *state;
    Preprocess p = {3, 45, 45, 45, {0}, {1, 1, 1}};
    float *out = NEWN(&b->arena, float, 3 * 45 * 45);
    Image im;

    assert_true(
        vq_image_read(&b->arena, &b->diag, fixture(b, "photo.png"), &im));
    assert_int_equal(im.width, 61);
    assert_int_equal(im.height, 45);
    vq_preprocess(&b->arena, &im, &p, out);
    for (int c = 0; c < 3; c++)
        for (int y = 0; y < 45; y++)
            for (int x = 0; x < 45; x++)
                assert_true(out[(c * 45 + y) * 45 + x] ==
                            (float)im.pixel[(y * 61 + x + 8) * 3 + c] / 255);
}

static void
default_resize(void **state)
{
    (void)state;
    assert_int_equal(vq_resize_default(224, 224), 256);
    assert_int_equal(vq_resize_default(384, 384), 439);
    assert_int_equal(vq_resize_default(28, 28), 32);
    assert_int_equal(vq_resize_default(1, 1), 1);
}

/* Every cut of every kind of file: one message that names it, never a crash;
 * only what comes after the image's end may be missing. */
static void
cut_files_are_refused(void **state)
{
    static const char *const names[] = {"rgb.jpg", "progressive.jpg",
                                        "alpha.png", "interlaced.png"};
    Bench *b = *state;

    for (size_t i = 0; i < COUNT(names); i++) {
        uint8_t *bytes;
        size_t n;

        assert_true(vq_file_read(&b->arena, &b->diag, fixture(b, names[i]),
                                 1 << 20, &bytes, &n));
        for (size_t cut = 0; cut + 16 < n; cut += 7) {
            ArenaMark mark = vq_arena_mark(&b->arena);
            char *path = put_file(b, "cut", bytes, cut);
            Image im;

            assert_false(vq_image_read(&b->arena, &b->diag, path, &im));
            expect_message(b, path, "");
            vq_arena_release(&b->arena, mark);
        }
    }
}

/* Broken bytes may go unnoticed in an image, but never crash. */
static void
broken_files_do_not_crash(void **state)
{
    Bench *b = *state;
    unsigned refused = 0;

    for (size_t i = 0; i < COUNT(read_cases); i++) {
        uint8_t *bytes;
        size_t n;

        assert_true(vq_file_read(&b->arena, &b->diag,
                                 fixture(b, read_cases[i].file), 1 << 20,
                                 &bytes, &n));
        for (size_t at = 2; at < n; at += 29) {
            ArenaMark mark = vq_arena_mark(&b->arena);
            uint8_t was = bytes[at];
            Image im;

            bytes[at] ^= (uint8_t)(0x5a + at);
            if (!vq_image_read(&b->arena, &b->diag,
                               put_file(b, "broken", bytes, n), &im))
                refused++;
            assert_int_equal(b->said, refused);
            bytes[at] = was;
            vq_arena_release(&b->arena, mark);
        }
    }
    assert_true(refused > 10);
}

static void
huge_size_is_refused(void **state)
{
    Bench *b = *state;
    static const uint8_t png[] =
        "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\1\0\0\0\1\0\0\x08\2\0\0\0"
        "\xe3\xe6\xa7\xb4\0\0\0\0IDAT\x35\xaf\x06\x1e";
    char *path = put_file(b, "huge.png", png, sizeof png - 1);
    Image im;

    assert_false(vq_image_read(&b->arena, &b->diag, path, &im));
    expect_message(b, path, "65536 x 65536");
}

/* An image of which nearly everything is missing is not decoded at all. */
static void
size_beyond_the_file_is_refused(void **state)
{
    Bench *b = *state;
    uint8_t *bytes;
    size_t n, at = 0;
    char *path;
    Image im;

    assert_true(vq_file_read(&b->arena, &b->diag, fixture(b, "rgb.jpg"),
                             1 << 20, &bytes, &n));
    while (bytes[at] != 0xff || bytes[at + 1] != 0xc0)
        at++;
    memcpy(bytes + at + 5, "\x40\0\x10\0", 4);
    path = put_file(b, "large.jpg", bytes, n);
    assert_false(vq_image_read(&b->arena, &b->diag, path, &im));
    expect_message(b, path, "4096 x 16384 pixels in no more than");
}

static void
other_files_are_refused(void **state)
{
    Bench *b = *state;
    char *path = put_file(b, "a.jpg", "hello", 5);
    Image im;

    assert_false(vq_image_read(&b->arena, &b->diag, path, &im));
    expect_message(b, path, "neither a JPEG nor a PNG");
    path = put_file(b, "b.jpg", "", 0);
    assert_false(vq_image_read(&b->arena, &b->diag, path, &im));
    expect_message(b, path, "neither a JPEG nor a PNG");
    path = path_of(b, "none.jpg");
    assert_false(vq_image_read(&b->arena, &b->diag, path, &im));
    expect_message(b, path, "No such file");
    assert_int_equal(b->diag.fault, FAULT_MODEL); /* of the first */
    assert_false(vq_image_read(&b->arena, &b->diag, b->dir, &im));
    expect_message(b, b->dir, "not a regular file");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(pixels_are_pillows),      TEST(inputs_are_torchvisions),
        TEST(right_size_is_cut),       TEST(default_resize),
        TEST(cut_files_are_refused),   TEST(broken_files_do_not_crash),
        TEST(huge_size_is_refused),    TEST(size_beyond_the_file_is_refused),
        TEST(other_files_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

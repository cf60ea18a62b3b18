/*
 * npy_test.c -- .npy files written, read by rows, and refused.
 */
#include "put_npy.h"

static const int64_t shape23[] = {2, 3};

/* A file of the given version and dict, followed by n zero bytes. */
static char *
npy_file(Bench *b, int version, const char *dict, size_t n)
{
    uint8_t bytes[1024] = "\x93NUMPY";
    size_t len = strlen(dict), at = version == 1 ? 10 : 12;

    bytes[6] = (uint8_t)version;
    bytes[8] = (uint8_t)len;
    bytes[9] = (uint8_t)(len >> 8);
    memcpy(bytes + at, dict, len);
    return put_file(b, "x.npy", bytes, at + len + n);
}

static void
every_type_comes_back(void **state)
{
    Bench *b = *state;
    char *path = path_of(b, "a.npy");
    uint8_t data[6 * 8], got[6 * 8];

    for (int t = 0; t < NNPY; t++) {
        size_t bytes = 6 * vq_npy_size((NpyType)t);
        Npy npy;

        for (size_t i = 0; i < bytes; i++)
            data[i] = (uint8_t)(i * 37 + (size_t)t);
        put_npy(path, (NpyType)t, 2, shape23, data);
        assert_true(vq_npy_open(&b->arena, &b->diag, path, &npy));
        assert_int_equal(npy.type, t);
        assert_int_equal(npy.rank, 2);
        assert_int_equal(npy.rows, 2);
        assert_int_equal(npy.cols, 3);
        assert_int_equal(npy.offset % 64, 0);
        assert_true(vq_npy_rows(&npy, &b->diag, 0, 2, got));
        assert_memory_equal(got, data, bytes);
        assert_true(vq_npy_rows(&npy, &b->diag, 1, 1, got));
        assert_memory_equal(got, data + bytes / 2, bytes / 2);
    }
    assert_int_equal(b->said, 0);
}

static void
ranks_come_back(void **state)
{
    Bench *b = *state;
    static const int64_t dim[NPY_MAXRANK] = {1, 2, 1, 3, 1, 1, 2, 1};
    static const uint8_t data[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};

    for (int rank = 0; rank <= NPY_MAXRANK; rank++) {
        char *path = path_of(b, "r.npy");
        Npy npy;

        put_npy(path, NPY_U8, rank, dim, data);
        assert_true(vq_npy_open(&b->arena, &b->diag, path, &npy));
        assert_int_equal(npy.rank, rank);
        for (int i = 0; i < rank; i++)
            assert_int_equal(npy.dim[i], dim[i]);
    }
}

static void
numbers_are_converted(void **state)
{
    Bench *b = *state;
    static const int16_t s16[] = {-32768, 7, 32767};
    static const double f64[] = {0.1, -1e300, 3};
    static const int64_t three[] = {3};
    char *path = path_of(b, "c.npy");
    float real[3];
    int64_t whole[3];
    Npy npy;

    put_npy(path, NPY_S16, 1, three, s16);
    assert_true(vq_npy_open(&b->arena, &b->diag, path, &npy));
    assert_true(vq_npy_rows_f32(&npy, &b->diag, &b->arena, 0, 3, real));
    assert_true(real[0] == -32768 && real[1] == 7 && real[2] == 32767);
    assert_true(vq_npy_rows_s64(&npy, &b->diag, &b->arena, 0, 3, whole));
    assert_true(whole[0] == -32768 && whole[1] == 7 && whole[2] == 32767);
    put_npy(path, NPY_F64, 1, three, f64);
    assert_true(vq_npy_open(&b->arena, &b->diag, path, &npy));
    assert_true(vq_npy_rows_f32(&npy, &b->diag, &b->arena, 2, 1, real));
    assert_true(real[0] == 3);
    assert_false(vq_npy_rows_s64(&npy, &b->diag, &b->arena, 0, 3, whole));
    expect_message(b, path, "wanted are integers");
}

static void
headers_are_read_as_written(void **state)
{
    static const char *const dicts[] = {
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }   \n",
        "{\"shape\":(2,3),\"fortran_order\":False,\"descr\":\"<f4\"}\n",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3,)}\n",
    };
    Bench *b = *state;

    for (size_t i = 0; i < COUNT(dicts); i++)
        for (int version = 1; version <= 3; version++) {
            Npy npy;

            assert_true(vq_npy_open(&b->arena, &b->diag,
                                    npy_file(b, version, dicts[i], 24), &npy));
            assert_int_equal(npy.rank, 2);
            assert_int_equal(npy.cols, 3);
        }
}

static const struct {
    const char *dict, *says;
} bad_headers[] = {
    {"", "header is broken"},
    {"{}", "header is broken"},
    {"{'descr': '<f4', 'fortran_order': False}", "header is broken"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)",
     "header is broken"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (6)}",
     "header is broken"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (-2, 3)}",
     "header is broken"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), 'x': 1}",
     "header is broken"},
    {"{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2,)}",
     "header is broken"},
    {"{'descr': '<f4', 'fortran_order': 0, 'shape': (2, 3)}",
     "header is broken"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)} x",
     "header is broken"},
    {"{'descr': '<f4, 'fortran_order': False, 'shape': (2, 3)}",
     "header is broken"},
    {"{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3)}",
     "Fortran order"},
    {"{'descr': '>f4', 'fortran_order': False, 'shape': (2, 3)}", "big endian"},
    {"{'descr': '<f2', 'fortran_order': False, 'shape': (2, 3)}", "type '<f2'"},
    {"{'descr': '|O', 'fortran_order': False, 'shape': (2, 3)}", "type '|O'"},
    {"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2, 3)}",
     "records"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 4)}", "cut short"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': "
     "(4611686018427387904, 4611686018427387904)}",
     "too large"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': "
     "(99999999999999999999999, 1)}",
     "too large"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': "
     "(1000000000, 1000000000)}",
     "cut short"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': "
     "(1, 1, 1, 1, 1, 1, 1, 1, 1)}",
     "more than 8 axes"},
};

static void
bad_headers_are_refused(void **state)
{
    Bench *b = *state;

    for (size_t i = 0; i < COUNT(bad_headers); i++) {
        char *path = npy_file(b, 1, bad_headers[i].dict, 24);
        Npy npy;

        if (vq_npy_open(&b->arena, &b->diag, path, &npy))
            fail_msg("read: %s", bad_headers[i].dict);
        expect_message(b, path, bad_headers[i].says);
    }
}

static void
bad_prefixes_are_refused(void **state)
{
    static const struct {
        const char *bytes;
        size_t n;
        const char *says;
    } bad[] = {
        {"", 0, "not a .npy"},
        {"\x93NUMPY\1", 7, "not a .npy"},
        {"PK\3\4 a zip, as .npz is", 20, "not a .npy"},
        {"\x93NUMPY\4\0\0\0\0\0", 12, "version 4.0"},
        {"\x93NUMPY\1\0\x76\0{'desc", 16, "cut short in its header"},
        {"\x93NUMPY\2\0\xff\xff\xff\x7f", 12, "header is too long"},
    };
    Bench *b = *state;

    for (size_t i = 0; i < COUNT(bad); i++) {
        char *path = put_file(b, "p.npy", bad[i].bytes, bad[i].n);
        Npy npy;

        assert_false(vq_npy_open(&b->arena, &b->diag, path, &npy));
        expect_message(b, path, bad[i].says);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_type_comes_back),   TEST(ranks_come_back),
        TEST(numbers_are_converted),   TEST(headers_are_read_as_written),
        TEST(bad_headers_are_refused), TEST(bad_prefixes_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

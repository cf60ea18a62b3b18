/*
 * vitqc.h -- the compiler as a library: a trained Vision Transformer in, an
 * integer-only native object out.
 *
 *     vitqc_new, vitqc_read_file, vitqc_calibrate, vitqc_compile, vitqc_write
 *
 * A Vitqc is one compilation; as many may exist at once as memory allows, each
 * used by one thread at a time. The library prints nothing and never exits: it
 * calls on_diag and returns a status. Every struct that a caller fills begins
 * with its size, set by its init function, so that it can grow.
 */
#ifndef VITQC_H
#define VITQC_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#if defined __GNUC__
#define VITQC_API __attribute__((visibility("default")))
#else
#define VITQC_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef struct Vitqc Vitqc;             /* one compilation */
typedef struct VitqcObject VitqcObject; /* a compiled model in this process */
struct VqrtModel;                       /* vqrt.h: how it describes itself */

/* The values are the exit codes of the vitqc command. */
typedef enum VitqcStatus {
    VITQC_OK = 0,
    VITQC_EMODEL = 1,    /* the model, its data, or options that do not fit */
    VITQC_EUSAGE = 2,    /* this call cannot be made so, or not yet */
    VITQC_EMISMATCH = 3, /* compiled code and evaluator differ */
    VITQC_EIO = 4,       /* a file cannot be read or written */
    VITQC_EBUG = 70,     /* a check inside vitqc failed: please report */
    VITQC_ENOMEM = 71    /* out of memory, or past max_memory: exit code 1 */
} VitqcStatus;

typedef enum VitqcSeverity {
    VITQC_NOTE,
    VITQC_WARNING,
    VITQC_ERROR
} VitqcSeverity;

/* One message. The strings live until the callback returns. */
typedef struct VitqcDiag {
    VitqcSeverity severity;
    const char *file;   /* NULL: none */
    const char *node;   /* of the model; NULL: none */
    unsigned line, col; /* of a .vir text; 0: none */
    const char *text; /* one line */
    const char *op, *domain; /* the node's operator; NULL: none */
} VitqcDiag;

typedef enum VitqcNonlinear {
    VITQC_AUTO,  /* an op at a time, by measured error */
    VITQC_SHIFT, /* bit-shift arithmetic */
    VITQC_EXACT, /* the true function, rounded */
    VITQC_IVIT   /* I-ViT's published arithmetic */
} VitqcNonlinear;

typedef struct VitqcOptions {
    size_t size; /* sizeof(VitqcOptions) */
    void (*on_diag)(void *user, const VitqcDiag *);
    /* Long work goes on: done of total (0: not known) of `what`. */
    void (*on_progress)(void *user, const char *what, int64_t done,
                        int64_t total);
    void *user;

    /* import */
    int64_t batch;           /* 0: 1 */
    const char *const *dims; /* "name=value" ..., NULL; or NULL */
    /* Bytes, of all but LLVM's; 0: 4 GB and 24 times the model's files. */
    size_t max_memory;

    /* arithmetic */
    VitqcNonlinear nonlinear;
    int bits;      /* of weights and activations: 8 */
    int prob_bits; /* of attention's probabilities: 16 or 8 */
    int dyadic;    /* not 0: requantize by 31-bit dyadic numbers */

    /* code */
    int level;              /* -O, 0 to 3 */
    const char *target;     /* a triple; NULL: this machine's */
    const char *cpu_levels; /* "base,avx2,..."; NULL: all of the target */
    const char *name;       /* C prefix; NULL: made from the model's file */

    /* looking at passes */
    const char *stop_after;  /* a pass; NULL: run all */
    const char *only;        /* run one pass; NULL: run all */
    const char *print_after; /* a pass or "*"; NULL: none */
    FILE *print_to;          /* of print_after and time_passes */
    const char *dump_dir;    /* NN-pass.vir after every pass; NULL: none */
    long bisect_limit;       /* -1: none */
    int time_passes;

    /* not 0: an op without an integer form is an error; else it is kept in
     * float, with a warning and a note in the report */
    int require_integer;
} VitqcOptions;

/* Where images come from and how they become the model's input. */
typedef struct VitqcImages {
    size_t size; /* sizeof(VitqcImages) */
    /* A folder of JPEG and PNG, a list of such files, or a .npy (f32 as the
     * model takes it, or u8 NHWC). NULL: synthetic images. */
    const char *path;
    int64_t skip;  /* the first so many are left out */
    int64_t count; /* at most so many; 0: all, or 32 synthetic ones */
    /* Of pixels in 0..1. nmean values are there: 1 for all channels, 3, or 0:
     * ImageNet's for three channels, 0 and 1 for one. */
    int nmean;
    float mean[3], std[3];
    int64_t resize; /* shorter side; 0: 256/224 of the input */
} VitqcImages;

typedef enum VitqcMethod {
    VITQC_MINMAX,
    VITQC_PERCENTILE,
    VITQC_MSE
} VitqcMethod;

typedef struct VitqcCalibration {
    size_t size; /* sizeof(VitqcCalibration) */
    VitqcImages images;
    VitqcMethod method;
    double percentile; /* of the percentile method, 50 to 100 */
    /* Ranges from an earlier run instead of images; NULL: measure them. Refused
     * when they belong to another model or preprocessing. */
    const char *load;
} VitqcCalibration;

VITQC_API const char *vitqc_version(void);
VITQC_API const char *vitqc_status_text(VitqcStatus);

VITQC_API void vitqc_options_init(VitqcOptions *);
VITQC_API void vitqc_images_init(VitqcImages *);
VITQC_API void vitqc_calibration_init(VitqcCalibration *);

enum { VITQC_NAME_MAX = 256 };
/* The C prefix that a file's name gives: "out/vit-tiny.o" is vit_tiny. */
VITQC_API void vitqc_name_of(const char *path, char name[VITQC_NAME_MAX]);

/* Options are copied, strings too. On failure *v is NULL. */
VITQC_API VitqcStatus vitqc_new(Vitqc **v, const VitqcOptions *);
VITQC_API void vitqc_free(Vitqc *); /* NULL is fine */

/* Reads a model (.onnx) or a graph at any stage (.vir). Once a session. */
VITQC_API VitqcStatus vitqc_read_file(Vitqc *, const char *path);
/* Writes what was read: inputs, ops, multiply-adds, sizes. */
VITQC_API VitqcStatus vitqc_describe(Vitqc *, FILE *to);
/* Writes what a model is: its structure (patches, blocks, heads), its work and
 * sizes, and all at once that stands in the way of compiling it. As text, as
 * JSON, or both; NULL: not wanted. VITQC_EMODEL when something does stand in
 * the way. */
VITQC_API VitqcStatus vitqc_inspect(const char *path, const VitqcOptions *,
                                    FILE *text, FILE *json);
/* 1: the graph has no ranges yet and vitqc_compile needs them. */
VITQC_API int vitqc_needs_calibration(const Vitqc *);
/* Learns every value's range from images. NULL: synthetic ones, min-max. */
VITQC_API VitqcStatus vitqc_calibrate(Vitqc *, const VitqcCalibration *);
/* Runs the passes; calibrates from synthetic images when nothing did. */
VITQC_API VitqcStatus vitqc_compile(Vitqc *);

typedef enum VitqcFileKind {
    VITQC_OBJECT,
    VITQC_HEADER,
    VITQC_ASM,
    VITQC_LLVM,        /* textual LLVM IR */
    VITQC_IR,          /* .vir, and PATH.bin for large constants */
    VITQC_REPORT,      /* JSON */
    VITQC_CALIBRATION, /* JSON; of vitqc_calibrate */
    VITQC_OPT_REPORT,  /* text: what each layer compiled to, what is slow */
    VITQC_NFILEKIND
} VitqcFileKind;

typedef struct VitqcFile {
    VitqcFileKind kind;
    const char *path; /* "-": standard output */
} VitqcFile;

/* Writes all the files or, after an error, none of them: each goes to a
 * temporary file beside its place and is renamed when all are complete. */
VITQC_API VitqcStatus vitqc_write(Vitqc *, const VitqcFile *, size_t n);

/* A layer whose value exists in the float graph too. */
typedef struct VitqcLayer {
    const char *name, *op, *type;
    double sqnr; /* dB, over all images that the evaluator ran */
} VitqcLayer;

typedef struct VitqcVerify {
    size_t size; /* sizeof(VitqcVerify) */
    VitqcImages images;
    const char *labels; /* .npy of integers or text, a label a line; NULL */
    const char *object; /* an earlier compiled one; NULL: compiled here */
    const char *level;  /* CPU level; NULL: the best */
    int64_t evaluate;   /* images that the slow evaluator runs; 0: all */
    /* A file of digests of the outputs, an image a line: compared, or written
     * where there is none; NULL: neither. The same on every machine. */
    const char *golden;
} VitqcVerify;

/* Rates are of images; what was not asked for is 0. */
typedef struct VitqcVerified {
    size_t size; /* sizeof(VitqcVerified) */
    int64_t images, evaluated, labelled;
    int64_t agree;      /* argmax of object and float graph equal */
    int64_t top1_float; /* argmax equal to the label */
    int64_t top1_object;
    int64_t mismatched; /* images where object and evaluator differ */
    int64_t first_mismatch;
    double sqnr; /* dB, of the outputs, object against float graph */
    double float_seconds, object_seconds; /* an image, mean */
    const VitqcLayer *layer;              /* belongs to the session */
    size_t nlayer;
    int64_t golden; /* images whose outputs have the digests that were read */
} VitqcVerified;

VITQC_API void vitqc_verify_init(VitqcVerify *);
VITQC_API void vitqc_verified_init(VitqcVerified *);
/* Runs float graph, integer evaluator and object side by side, of a model that
 * vitqc_compile compiled. VITQC_EMISMATCH when compiled code and evaluator
 * differ in a bit; the result is filled all the same. */
VITQC_API VitqcStatus vitqc_verify(Vitqc *, const VitqcVerify *,
                                   VitqcVerified *);

/* ---- compiled models ---- */

/* Loads an object file into this process. Of the options only on_diag,
 * on_progress and user matter. */
VITQC_API VitqcStatus vitqc_object_open(VitqcObject **, const char *path,
                                        const VitqcOptions *);
VITQC_API void vitqc_object_close(VitqcObject *); /* NULL is fine */
VITQC_API const struct VqrtModel *vitqc_object_model(const VitqcObject *);
/* Index of a level by name, the best one for NULL; -1 after a message. */
VITQC_API int vitqc_object_level(VitqcObject *, const char *name);
/* Runs every image and writes the outputs, a row an image, as a f32 .npy. */
VITQC_API VitqcStatus vitqc_object_run(VitqcObject *, const char *level,
                                       const VitqcImages *, const char *output);
/* How many threads run each call from now on, 1 to 64; 1 at first. The bits of
 * the results do not depend on it. */
VITQC_API VitqcStatus vitqc_object_set_threads(VitqcObject *, int64_t threads);
/* What an object file holds, without loading it. */
VITQC_API VitqcStatus vitqc_object_describe(const char *path,
                                            const VitqcOptions *, FILE *to);

/* ---- speed of a compiled model ---- */

typedef struct VitqcBench {
    size_t size;       /* sizeof(VitqcBench) */
    const char *level; /* NULL: the best; "all": each that this CPU runs */
    int64_t repeat;    /* timed calls of each level: 100 */
    int64_t warmup;    /* calls before them: 10 */
    int profile;       /* not 0: time every step as well */
} VitqcBench;

/* A step of the object, or several: equal steps of repeated layers, or all of
 * a kind. Times are sums of the steps' medians. */
typedef struct VitqcStepTime {
    const char *name;          /* of many: "blocks.0..11.fc1" */
    const char *kind;          /* "gemm", "attention", "softmax", "layernorm",
                                  "elementwise", "layout", "edge" */
    int64_t count;             /* steps in it */
    int64_t rows, cols, depth; /* of each, as VqrtStep has them; 0: differ */
    int64_t macs;              /* multiply-adds of all */
    int splits;                /* not 0: cut for threads */
    double seconds, share;     /* of the sum over all steps */
    double gops, peak_share;   /* as below; 0: no products, no peak */
} VitqcStepTime;

typedef struct VitqcLevelTime {
    const char *name;
    double median, p10, p90; /* seconds of a call */
    /* Of a call, while the thread that made it had a CPU: median. Below 1 on
     * one thread, others used the CPU meanwhile. */
    double cpu_share;
    double gops; /* 2 * multiply-adds / median, in 1e9 a second */
    /* The level's product instruction with nothing else to do, on as many
     * threads, timed before every call: median; 0: not known. */
    const char *peak_name;
    double peak_gops;
    double peak_share; /* of a call, of the peak just before: median */
    /* With `profile`: seconds of a call whose steps are timed; the sum of the
     * steps' medians, which on a busy machine is nearer to what a call takes by
     * itself; and what that gives. */
    double profiled, steps, steps_gops, steps_peak_share;
    const VitqcStepTime *step, *layer, *kind; /* each; equal ones; by kind */
    size_t nstep, nlayer, nkind;
} VitqcLevelTime;

/* What it points at belongs to the object. */
typedef struct VitqcBenched {
    size_t size; /* sizeof(VitqcBenched) */
    const char *model, *compiler;
    int64_t batch, threads, repeat, macs, work_bytes, const_bytes;
    const VitqcLevelTime *level;
    size_t nlevel;
} VitqcBenched;

VITQC_API void vitqc_bench_init(VitqcBench *);
VITQC_API void vitqc_benched_init(VitqcBenched *);
/* Times calls on numbers like pixels, level after level within a round, so
 * that a machine that slows down slows all. */
VITQC_API VitqcStatus vitqc_object_bench(VitqcObject *, const VitqcBench *,
                                         VitqcBenched *);
/* Writes a result as JSON; "-": standard output. */
VITQC_API VitqcStatus vitqc_object_bench_write(VitqcObject *,
                                               const VitqcBenched *,
                                               const char *path);

/* Writes the names, levels and meaning of all passes, in their order. */
VITQC_API void vitqc_list_passes(FILE *to);

#ifdef __cplusplus
}
#endif
#endif

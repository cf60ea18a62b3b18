/*
 * count_plugin.c -- a plugin of qemu's user mode that counts instructions: for
 * each block of code that was translated a line with its address, its
 * instructions and how often it ran, into the file `out=` when the program
 * ends. For programs of one thread.
 *
 * Debian packages no qemu-plugin.h, so what is used of its interface (plugin
 * API, docs/devel/tcg-plugins of QEMU) is declared here. API is the version
 * that qemu is told; what this uses did not change from 1 on.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef API
#define API 1
#endif

typedef uint64_t Id;
typedef struct Tb Tb; /* qemu's */

void qemu_plugin_register_vcpu_tb_trans_cb(Id, void (*fn)(Id, Tb *));
void qemu_plugin_register_vcpu_tb_exec_cb(Tb *, void (*fn)(unsigned, void *),
                                          int flags, void *user);
void qemu_plugin_register_atexit_cb(Id, void (*fn)(Id, void *), void *user);
size_t qemu_plugin_tb_n_insns(const Tb *);
uint64_t qemu_plugin_tb_vaddr(const Tb *);

#define EXPORT __attribute__((visibility("default")))
extern EXPORT int qemu_plugin_version;
EXPORT int qemu_plugin_install(Id, const void *info, int argc, char **argv);

int qemu_plugin_version = API;

typedef struct Block {
    struct Block *next;
    uint64_t address, instructions, runs;
} Block;

static Block *blocks;

static void
ran(unsigned cpu, void *user)
{
    (void)cpu;
    ((Block *)user)->runs++;
}

static void
translated(Id id, Tb *tb)
{
    Block *b = calloc(1, sizeof *b);

    (void)id;
    if (!b)
        abort();
    *b = (Block){blocks, qemu_plugin_tb_vaddr(tb), qemu_plugin_tb_n_insns(tb),
                 0};
    blocks = b;
    qemu_plugin_register_vcpu_tb_exec_cb(tb, ran, 0, b);
}

static void
write_blocks(Id id, void *path)
{
    FILE *f = fopen(path, "w");

    (void)id;
    for (const Block *b = blocks; f && b; b = b->next)
        fprintf(f, "%016" PRIx64 " %" PRIu64 " %" PRIu64 "\n", b->address,
                b->instructions, b->runs);
    if (!f || fclose(f) != 0)
        perror(path);
}

int
qemu_plugin_install(Id id, const void *info, int argc, char **argv)
{
    (void)info;
    if (argc != 1 || strncmp(argv[0], "out=", 4) != 0)
        return -1;
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_atexit_cb(id, write_blocks, argv[0] + 4);
    return 0;
}

/*
 * amx_trap.h -- AMX's tile instructions on a CPU without them, for tests.
 *
 * Where there is no AMX a tile instruction raises SIGILL. The handler decodes
 * it, checks all that a CPU would fault on, and executes it on tiles that
 * belong to the thread, as the CPU's do. What a CPU refuses ends the program
 * with a message. Only what kernels use is known: 64-bit addresses, palette 1.
 */
#ifndef VQ_TESTS_AMX_TRAP_H
#define VQ_TESTS_AMX_TRAP_H

#include <stdbool.h>
#include <stdint.h>

/* False where the CPU has AMX, and would execute some of it. */
bool amx_trap_possible(void);
/* From start to stop SIGILL is the emulator's; they do not nest. */
void amx_trap_start(void);
void amx_trap_stop(void);
/* How many products of tiles were emulated since the program began. */
uint64_t amx_trap_products(void);
/* Calls fn and gives the message of the fault that ended it; NULL: none did.
 * The thread's tiles are released first and last. */
const char *amx_trap_fault(void (*fn)(void *), void *arg);

#endif

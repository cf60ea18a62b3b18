/* moves.h -- the rules on moves, shared by the passes that make new ones. */
#ifndef VQ_MOVES_H
#define VQ_MOVES_H

#include "passes/grid.h"

/* A chain of reshapes and transposes that fewer of them do. */
RuleFn vq_move_chain;
RuleFn vq_move_turns;  /* transpose of a transpose */
RuleFn vq_move_slice;  /* slice of all, of a slice, of a concat's part */
RuleFn vq_move_concat; /* concat of one */
RuleFn vq_move_expand; /* expand to the same shape */

#define MOVE_RULES                                                             \
    {OP_RESHAPE, vq_move_chain}, {OP_TRANSPOSE, vq_move_turns},                \
        {OP_TRANSPOSE, vq_move_chain}, {OP_SLICE, vq_move_slice},              \
        {OP_CONCAT, vq_move_concat}, {OP_EXPAND, vq_move_expand},              \
        {OP_FAKEQUANT, vq_drop_grid}, {OP_FAKEQUANT, vq_merge_grids},          \
    {                                                                          \
        OP_FAKEQUANT, vq_move_grid                                             \
    }

#endif

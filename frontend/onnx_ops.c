/*
 * onnx_ops.c -- the table of ONNX operators, from onnx_ops.def.
 */
#include "frontend/import.h"

#include <string.h>

static const OnnxOp table[] = {
#define ONNX(domain, name, since, until, lo, hi, fn, kind)                     \
    {domain, name, since, until, lo, hi, vq_onnx_##fn, OP_##kind},
#include "frontend/onnx_ops.def"
#undef ONNX
};

/* The default domain has a second spelling. */
static bool
same_domain(const char *ours, const char *theirs)
{
    if (!theirs || strcmp(theirs, "ai.onnx") == 0)
        theirs = "";
    return strcmp(ours, theirs) == 0;
}

static bool
names_op(const OnnxOp *op, const char *domain, const char *name)
{
    return name && strcmp(op->name, name) == 0 &&
           same_domain(op->domain, domain);
}

const OnnxOp *
vq_onnx_find(const Import *im, const Onnx__NodeProto *p)
{
    for (size_t i = 0; i < COUNT(table); i++)
        if (names_op(&table[i], p->domain, p->op_type) &&
            (*table[i].domain ||
             (im->opset >= table[i].since &&
              (!table[i].until || im->opset <= table[i].until))))
            return &table[i];
    return NULL;
}

bool
vq_onnx_knows(const char *domain, const char *name)
{
    for (size_t i = 0; i < COUNT(table); i++)
        if (names_op(&table[i], domain, name))
            return true;
    return false;
}

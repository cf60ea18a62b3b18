/*
 * problems.c -- messages gathered and grouped (problems.h).
 */
#include "lib/problems.h"

#include <ctype.h>
#include <string.h>

/* Past a quoted name or a parenthesis, which tells nodes apart. */
static const char *
skip_name(const char *s)
{
    char close = *s == '(' ? ')' : *s == '[' ? ']' : *s;
    const char *end = strchr(s + 1, close);

    return end ? end + 1 : s + 1;
}

static const char *
skip_detail(const char *s)
{
    for (;;)
        if (*s == '(' || *s == '\'' || *s == '[')
            s = skip_name(s);
        else if (isdigit((unsigned char)*s) || *s == '-')
            s++;
        else
            return s;
}

static bool
same_kind(const char *a, const char *b)
{
    for (;;) {
        a = skip_detail(a);
        b = skip_detail(b);
        if (*a != *b)
            return false;
        if (!*a)
            return true;
        a++;
        b++;
    }
}

/* Messages of a node begin with its operator, which a problem has apart. */
static const char *
without_op(const char *op, const char *text)
{
    size_t n = strlen(op);

    if (n && strncmp(text, op, n) == 0 && text[n] == ':')
        text += n + 1 + (text[n + 1] == ' ');
    return text;
}

static Problem *
find(Problems *p, const char *op, const char *text)
{
    for (size_t i = 0; i < p->n; i++)
        if (strcmp(p->list[i].op, op) == 0 && same_kind(p->list[i].text, text))
            return &p->list[i];
    p->list = vq_grow(p->arena, p->list, p->n, &p->cap, sizeof *p->list);
    p->list[p->n] = (Problem){.op = op, .text = vq_strdup(p->arena, text)};
    return &p->list[p->n++];
}

void
vq_problem_add(Problems *p, const char *domain, const char *op,
               const char *node, const char *text)
{
    const char *full = !op ? ""
                       : domain && *domain
                           ? vq_format(p->arena, "%s.%s", domain, op)
                           : vq_strdup(p->arena, op);
    Problem *one = find(p, full, without_op(op ? op : "", text));

    p->count++;
    if (!node)
        return;
    if (one->count < PROBLEM_NODES)
        one->node[one->count] = vq_strdup(p->arena, node);
    one->count++;
}

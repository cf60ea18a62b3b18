/*
 * prefix.c -- the C prefix of a model's symbols, from its file's name.
 */
#include "lib/session.h"

#include <string.h>

/* Words that cannot be declared in C or C++: a generated header would not
 * compile. Sorted by nothing but reading. */
static const char *const keyword[] = {
    "alignas",  "alignof",  "asm",      "auto",      "bool",     "break",
    "case",     "catch",    "char",     "class",     "const",    "constexpr",
    "continue", "default",  "delete",   "do",        "double",   "else",
    "enum",     "explicit", "export",   "extern",    "false",    "float",
    "for",      "friend",   "goto",     "if",        "inline",   "int",
    "long",     "main",     "mutable",  "namespace", "new",      "noexcept",
    "nullptr",  "operator", "private",  "protected", "public",   "register",
    "restrict", "return",   "short",    "signed",    "sizeof",   "static",
    "struct",   "switch",   "template", "this",      "throw",    "true",
    "try",      "typedef",  "typename", "union",     "unsigned", "using",
    "virtual",  "void",     "volatile", "while",
};

static bool
is_keyword(const char *s)
{
    for (size_t i = 0; i < COUNT(keyword); i++)
        if (strcmp(s, keyword[i]) == 0)
            return true;
    return false;
}

static bool
is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool
vq_prefix_valid(const char *s)
{
    if (!is_letter(*s) || is_keyword(s) || strlen(s) >= VITQC_NAME_MAX)
        return false;
    for (; *s; s++)
        if (!is_letter(*s) && !is_digit(*s))
            return false;
    return true;
}

void
vitqc_name_of(const char *path, char name[VITQC_NAME_MAX])
{
    const char *base = vq_base_name(path);
    const char *dot = strrchr(base, '.');
    int n = (int)(dot && dot > base ? dot - base : (long)strnlen(base, 200));
    char stem[128];

    snprintf(stem, sizeof stem, "%.*s", n > 100 ? 100 : n, base);
    for (char *p = stem; *p; p++)
        if (!is_letter(*p) && !is_digit(*p))
            *p = '_';
    snprintf(name, VITQC_NAME_MAX, "%s%s",
             vq_prefix_valid(stem) ? "" : "model_", stem);
}

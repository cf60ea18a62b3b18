/*
 * calib_json.c -- a calibration as a JSON file.
 *
 *   { "format": "vitqc calibration", "version": 1, "key": .., "method": ..,
 *     "percentile": .., "images": ..,
 *     "values": [ { "name": .., "lo": .., "hi": .., "channels": [lo, hi, ..] },
 *                 .. ],
 *     "notes": [ { "name": .., "value": .. }, .. ] }
 *
 * Numbers have the nine digits that bring every f32 back. A broken file is
 * reported; it never gives half a calibration.
 */
#include "passes/calib_store.h"
#include "passes/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

static const char format_name[] = "vitqc calibration";

enum { VERSION = 1, MAX_FILE = 1 << 30 };

/* ---- saving ---- */

/* The double that prints with the fewest digits among those that become x. */
static double
few_digits(float x)
{
    char text[32];

    snprintf(text, sizeof text, "%.9g", (double)x);
    return strtod(text, NULL);
}

static bool
add_value(cJSON *list, const CalibEntry *e)
{
    cJSON *v = cJSON_CreateObject(), *channels;
    bool ok;

    if (!v || !cJSON_AddItemToArray(list, v))
        return false;
    ok = cJSON_AddStringToObject(v, "name", e->name) &&
         cJSON_AddNumberToObject(v, "lo", few_digits(e->range.lo)) &&
         cJSON_AddNumberToObject(v, "hi", few_digits(e->range.hi));
    channels = ok ? cJSON_AddArrayToObject(v, "channels") : NULL;
    for (uint32_t i = 0; channels && i < 2 * e->n; i++) {
        const Range *r = &e->channel[i / 2];
        cJSON *x = cJSON_CreateNumber(few_digits(i % 2 ? r->hi : r->lo));

        if (!x || !cJSON_AddItemToArray(channels, x))
            return false;
    }
    return channels != NULL;
}

static bool
add_note(cJSON *list, const Note *n)
{
    cJSON *v = cJSON_CreateObject();

    return v && cJSON_AddItemToArray(list, v) &&
           cJSON_AddStringToObject(v, "name", n->name) &&
           cJSON_AddNumberToObject(v, "value", n->value);
}

static bool
fill_tree(cJSON *t, const Calib *c, const char *key)
{
    cJSON *list;
    bool ok =
        cJSON_AddStringToObject(t, "format", format_name) &&
        cJSON_AddNumberToObject(t, "version", VERSION) &&
        cJSON_AddStringToObject(t, "key", key) &&
        cJSON_AddStringToObject(t, "method", vq_calib_method[c->method].text) &&
        cJSON_AddNumberToObject(t, "percentile", c->percentile) &&
        cJSON_AddNumberToObject(t, "images", (double)c->images);

    list = ok ? cJSON_AddArrayToObject(t, "values") : NULL;
    for (size_t i = 0; list && i < c->stat->n; i++)
        if (!add_value(list, &((const Stat *)c->stat->item[i])->entry))
            return false;
    list = list ? cJSON_AddArrayToObject(t, "notes") : NULL;
    for (size_t i = 0; list && i < c->note->n; i++)
        if (!add_note(list, c->note->item[i]))
            return false;
    return list != NULL;
}

void
vq_calib_save(const Calib *c, FILE *f, const char *key)
{
    Owned *tree = vq_json_own(c->arena);
    cJSON *t = tree->what = cJSON_CreateObject();

    if (!t || !fill_tree(t, c, key))
        vq_oom(c->arena);
    vq_json_write(c->arena, tree, f);
}

/* ---- loading ---- */

static const char *
get_text(const cJSON *t, const char *name)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(t, name));
}

static bool
get_number(const cJSON *t, const char *name, double *x)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(t, name);

    *x = cJSON_IsNumber(v) ? v->valuedouble : (double)NAN;
    return isfinite(*x);
}

static bool
get_list(const cJSON *t, const char *name, const cJSON **list)
{
    *list = cJSON_GetObjectItemCaseSensitive(t, name);
    return cJSON_IsArray(*list);
}

static bool
is_range(Range r)
{
    return isfinite(r.lo) && isfinite(r.hi) && r.lo <= r.hi;
}

static bool
get_channels(Arena *a, const cJSON *list, CalibEntry *e)
{
    int n = cJSON_GetArraySize(list), i = 0;
    const cJSON *x;

    if (n < 2 || n % 2)
        return false;
    e->n = (uint32_t)n / 2;
    e->channel = NEWN(a, Range, e->n);
    cJSON_ArrayForEach(x, list)
    {
        float *to = i % 2 ? &e->channel[i / 2].hi : &e->channel[i / 2].lo;

        if (!cJSON_IsNumber(x))
            return false;
        *to = (float)x->valuedouble;
        if (i++ % 2 && !is_range(e->channel[(i - 1) / 2]))
            return false;
    }
    return true;
}

static bool
get_value(Calib *c, const cJSON *v)
{
    const char *name = get_text(v, "name");
    const cJSON *list;
    CalibEntry e = {0};
    double lo, hi;

    if (!name || vq_calib_find(c, name) || !get_number(v, "lo", &lo) ||
        !get_number(v, "hi", &hi) || !get_list(v, "channels", &list))
        return false;
    e.range = (Range){(float)lo, (float)hi};
    if (!is_range(e.range) || !get_channels(c->arena, list, &e))
        return false;
    vq_calib_put(c, name, e);
    return true;
}

static bool
get_method(Calib *c, const cJSON *t)
{
    const char *text = get_text(t, "method");

    for (int m = 0; text && m < NCALIBMETHOD; m++)
        if (strcmp(text, vq_calib_method[m].text) == 0) {
            c->method = (CalibMethod)m;
            return true;
        }
    return false;
}

static bool
get_calib(Calib *c, const cJSON *t)
{
    const cJSON *values, *notes, *v;
    double images, x;

    if (!get_method(c, t) || !get_number(t, "percentile", &c->percentile) ||
        !get_number(t, "images", &images) || images < 1 || images > 1e15 ||
        !get_list(t, "values", &values) || !get_list(t, "notes", &notes))
        return false;
    c->images = (int64_t)images;
    cJSON_ArrayForEach(v, values)
    {
        if (!get_value(c, v))
            return false;
    }
    cJSON_ArrayForEach(v, notes)
    {
        if (!get_text(v, "name") || !get_number(v, "value", &x))
            return false;
        vq_calib_note(c, get_text(v, "name"), x);
    }
    return true;
}

static bool
check_tree(Diag *d, const char *path, const cJSON *t, const char *key)
{
    const char *format = get_text(t, "format"), *has = get_text(t, "key");
    double version;

    if (!format || strcmp(format, format_name) != 0 || !has ||
        !get_number(t, "version", &version))
        return vq_file_error(d, path, "is not a calibration file");
    if (version != VERSION)
        return vq_file_error(d, path,
                             "is a calibration of another version of "
                             "vitqc; make it anew");
    if (key && strcmp(has, key) != 0)
        return vq_file_error(d, path,
                             "the calibration was made for another model "
                             "or preprocessing; make it anew");
    return true;
}

static bool
take_tree(Calib *c, Diag *d, const char *path, const cJSON *t, const char *key)
{
    return check_tree(d, path, t, key) &&
           (get_calib(c, t) ||
            vq_file_error(
                d, path,
                "is a broken calibration file: a field is missing or out "
                "of range"));
}

Calib *
vq_calib_load(Arena *a, Diag *d, const char *path, const char *key)
{
    Calib *c = vq_calib_empty(a);
    Owned *tree = vq_json_own(a);
    uint8_t *text;
    size_t n;
    bool ok;

    if (!vq_file_read(a, d, path, MAX_FILE, &text, &n))
        return NULL;
    tree->what = cJSON_Parse((char *)text);
    ok = tree->what ? take_tree(c, d, path, tree->what, key)
                    : vq_file_error(d, path, "is not a calibration file");
    vq_owned_end(tree);
    return ok ? c : NULL;
}

/*
 * conf_near.c - keys that are none: the nearest one, and nuts-node's.
 * Source    Knoop. EUPL-1.2.
 */
#include "sys/conf/conf_int.h"
#include "base/log.h"

#include <string.h>

/* Dots and underscores count as the same: both are typed for one another. */
static char
fold(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c == '_' || c == '-' ? '.' : c;
}

static size_t
least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Edits (insert, delete, change, swap) from one to the other. */
static size_t
distance(struct str a, struct str b)
{
    size_t rows[3][CONF_KEY_MAX + 1], *old = rows[0], *last = rows[1], *row = rows[2],
                                      *spare;

    for (size_t j = 0; j <= b.n; j++)
        last[j] = j;
    for (size_t i = 1; i <= a.n; i++) {
        row[0] = i;
        for (size_t j = 1; j <= b.n; j++) {
            bool same = fold(a.p[i - 1]) == fold(b.p[j - 1]);

            row[j] = least(least(last[j], row[j - 1]) + 1, last[j - 1] + !same);
            if (i > 1 && j > 1 && fold(a.p[i - 1]) == fold(b.p[j - 2]) &&
                fold(a.p[i - 2]) == fold(b.p[j - 1]))
                row[j] = least(row[j], old[j - 2] + 1);
        }
        spare = old, old = last, last = row, row = spare;
    }
    return last[b.n];
}

/* "address" for "http.public.address": forgetting the front is a common slip. */
static bool
is_tail(struct str key, struct str known)
{
    return key.n >= 3 && known.n > key.n && str_ends(known, key) &&
           known.p[known.n - key.n - 1] == '.';
}

const char *
conf__nearest(struct str key)
{
    size_t n, best = key.n < 5 ? key.n / 2 : key.n / 3 > 3 ? key.n / 3 : 3;
    const struct conf_row *rows = conf_rows(&n);
    const char *found = NULL;

    if (key.n > CONF_KEY_MAX)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        struct str known = str_of(rows[i].key);
        size_t d = known.n > CONF_KEY_MAX ? SIZE_MAX : distance(key, known);

        if (d < best || (d == best && found == NULL)) {
            best = d;
            found = rows[i].key;
        }
    }
    for (size_t i = 0; i < n && found == NULL; i++)
        if (is_tail(key, str_of(rows[i].key)))
            found = rows[i].key;
    return found;
}

enum verdict { IGNORED = 1, REFUSED };

static const struct {
    const char *key;
    enum verdict verdict;
    const char *why;
} nuts[] = {
#define NUTS(key, verdict, why) { key, verdict, why },
#include "sys/conf/conf_nuts.def"
#undef NUTS
};

static err_t
judge(struct ctx *cx, size_t i, struct str key, struct str where)
{
    if (nuts[i].verdict != IGNORED)
        return refuse(cx, ERR_CONF, "nuts-node 4.1", "%.*s: %.*s is not taken: %s",
                      STR(where), STR(key), nuts[i].why);
    log_warn(cx, "%.*s: %.*s does nothing: %s", STR(where), STR(key), nuts[i].why);
    return ERR_OK;
}

err_t
conf__nuts(struct ctx *cx, struct str key, struct str where, bool *known)
{
    *known = true;
    for (size_t i = 0; i < COUNT(nuts); i++) {
        struct str pattern = str_of(nuts[i].key);

        if (str_eq(key, pattern) || (str_ends(pattern, S(".")) && str_starts(key, pattern)))
            return judge(cx, i, key, where);
    }
    *known = false;
    return ERR_OK;
}

bool
conf__env_is(struct str name, const char *key)
{
    struct str k = str_of(key);

    if (k.n == 0 || name.n != k.n)
        return false;
    for (size_t i = 0; i < k.n; i++) {
        char c = k.p[i] == '.' || k.p[i] == '-'   ? '_'
                 : k.p[i] >= 'a' && k.p[i] <= 'z' ? (char)(k.p[i] - 0x20)
                                                  : k.p[i];

        if (c != name.p[i])
            return false;
    }
    return true;
}

err_t
conf__nuts_env(struct ctx *cx, struct str name, struct str where, bool *known)
{
    *known = true;
    for (size_t i = 0; i < COUNT(nuts); i++) {
        struct str pattern = str_of(nuts[i].key);
        struct str front = str_sub(name, 0, pattern.n);

        if (conf__env_is(str_ends(pattern, S(".")) ? front : name, nuts[i].key))
            return judge(cx, i, name, where);
    }
    *known = false;
    return ERR_OK;
}

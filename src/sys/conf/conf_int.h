/* conf_int.h - between the files of sys/conf. EUPL-1.2. */
#ifndef KNOOP_SYS_CONF_INT_H
#define KNOOP_SYS_CONF_INT_H

#include "sys/conf/conf.h"

enum {
    CONF_FILE_MAX = 1 << 20,   /* bytes; a real file has 5 kB */
    CONF_DEPTH_MAX = 8,        /* maps within maps; the deepest key has 4 */
    CONF_NODES_MAX = 2048,     /* keys in a file */
    CONF_ITEMS_MAX = 1024,     /* of one list */
    CONF_TEXT_MAX = 16 * 1024, /* bytes of one value: a few PEM certificates */
    CONF_KEY_MAX = 128,
    CONF_ARENA_MAX = 16 << 20,
};

/* In the order in which they win. */
enum conf_source {
    CONF_FROM_DEFAULT,
    CONF_FROM_FILE,
    CONF_FROM_NUTS_ENV,
    CONF_FROM_ENV,
    CONF_FROM_ARGS,
    CONF_SOURCES
};

/* A value as it was written: one text, or a list of them. */
struct conf_said {
    const struct str *item;
    size_t n;
    bool list; /* written as a list; else item[0] alone */
};

union conf_cell {
    bool b;
    int64_t i;
    struct str s;
    struct conf_list l;
};

struct conf_origin {
    bool set;
    enum conf_source source;
    struct str where; /* "knoop.yaml:12", "KNOOP_URL", "command line" */
    struct conf_said said;
    union conf_cell cell;
};

/* The row whose key or nuts key is `key`; NULL when there is none. */
const struct conf_row *conf__row(struct str key);

/* Reads what was said as the row wants it. Texts are taken over as they are. */
err_t conf__read(struct ctx *cx, struct arena *to, const struct conf_row *row,
                 const struct conf_said *said, struct str where,
                 union conf_cell *out) NODISCARD;
/* Splits "a, b\,c" (nuts-node.md 4.1) into items that live in `to`. */
err_t conf__split(struct ctx *cx, struct arena *to, struct str text,
                  struct conf_said *out) NODISCARD;
/* True when a text holds a password in a URL's user part. */
bool conf__has_url_password(struct str text);
/* `text` with that password as ***. */
err_t conf__mask(struct ctx *cx, struct str text, struct str *out) NODISCARD;

/* Walks a YAML text; `put` is called for each leaf with its dotted key. */
typedef err_t (*conf_leaf)(struct ctx *cx, void *to, struct str key,
                           const struct conf_said *said, bool null, size_t line);
err_t conf__yaml(struct ctx *cx, struct str text, const char *name, conf_leaf put,
                 void *to) NODISCARD;

/* The known key that looks most like `key`; NULL when none comes near. */
const char *conf__nearest(struct str key);
/*
 * A key of nuts-node's that is no option here. OK and `*known` with a warning
 * logged, or ERR_CONF; OK and not `*known` when it is none of those.
 */
err_t conf__nuts(struct ctx *cx, struct str key, struct str where, bool *known) NODISCARD;
/* As conf__nuts for the name of an environment variable without NUTS_. */
err_t conf__nuts_env(struct ctx *cx, struct str name, struct str where,
                     bool *known) NODISCARD;

/* A conf without values, and one whose values are complete, judged and moved to *out. */
err_t conf__empty(struct ctx *cx, struct conf **out) NODISCARD;
err_t conf__finish(struct ctx *cx, struct conf **c, struct conf **out) NODISCARD;

/* Compares an environment name ("HTTP_PUBLIC_ADDRESS") with a key. */
bool conf__env_is(struct str name, const char *key);

#endif

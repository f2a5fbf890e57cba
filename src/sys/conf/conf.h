/*
 * conf.h - the options in force.
 *
 * Rule      Command line, then environment (KNOOP_…, and NUTS_… where the
 *           option is nuts-node's), then file, then default. Unknown keys are
 *           refused with the nearest known name. Every option has bounds and a
 *           reload class. docs/options.md is printed from the same rows.
 * Lifetime  A `struct conf` never changes: a reload makes a new one, and a
 *           context keeps the one that it began with.
 * Source    Knoop. EUPL-1.2.
 *
 * A row stands in the room that reads it, in <room>_conf.def:
 *
 *   OPTION(field, "key", "NUTS key or empty", TYPE, default, least, most, RELOAD, "help")
 *
 *   TYPE     BOOL, INT, SIZE (bytes: 64k, 10m), DURATION (milliseconds: 5s,
 *            10m, 24h), TEXT, LIST (of text), PATH, CHOICE ("a|b" in `least`)
 *   default, least, most   text in the option's own form; "" where none
 *   RELOAD   NOW (SIGHUP takes it) or START (needs a restart)
 *
 * The Makefile gathers all rows into gen/options.def.
 */
#ifndef KNOOP_SYS_CONF_H
#define KNOOP_SYS_CONF_H

#include "base/err.h"
#include "codec/json/json.h"

struct conf_list {
    const struct str *item;
    size_t n;
};

#define CONF_TYPE_BOOL     bool
#define CONF_TYPE_INT      int64_t
#define CONF_TYPE_SIZE     int64_t
#define CONF_TYPE_DURATION int64_t
#define CONF_TYPE_TEXT     struct str
#define CONF_TYPE_PATH     struct str
#define CONF_TYPE_CHOICE   struct str
#define CONF_TYPE_LIST     struct conf_list

struct conf {
#define OPTION(field, key, nuts, type, def, least, most, reload, help) CONF_TYPE_##type field;
#include "gen/options.def"
#undef OPTION
    struct arena arena; /* holds the texts above */
    long uses;          /* conf_take, conf_give */
};

/*
 * Reads all four sources. `args` are "key=value" from the command line; `env`
 * is environ; `file` may be NULL for the default place (missing there is
 * fine; missing where named is refused). On refusal cx->reason names key, line
 * and what to do.
 */
err_t conf_load(struct ctx *cx, char *const *args, char *const *env, const char *file,
                struct conf **out) NODISCARD;
struct conf *conf_take(struct conf *c); /* one more user */
void conf_give(struct conf *c);         /* one less; the last frees */

/* Every option with value, source and help; secrets as [set]. */
err_t conf_print(struct ctx *cx, const struct conf *c, struct json_out *js) NODISCARD;
/* Carries a conf to another process: text of the values, and back. */
err_t conf_pack(struct ctx *cx, const struct conf *c, struct str *out) NODISCARD;
err_t conf_unpack(struct ctx *cx, struct str packed, struct conf **out) NODISCARD;
/* A conf of defaults alone, for tests. */
err_t conf_default(struct ctx *cx, struct conf **out) NODISCARD;

#endif

/*
 * conf.h - the options in force.
 *
 * Rule      Command line, then environment (KNOOP_…, and NUTS_… where the
 *           option is nuts-node's), then file, then default. Unknown keys are
 *           refused with the nearest known name; keys of nuts-node that mean
 *           nothing here are named in a warning (conf_nuts.def). Every option
 *           has bounds and a reload class. docs/options.md is printed from
 *           the same rows.
 * Trust     The file is the operator's, but one that anybody may write is
 *           refused. A secret is never printed, nor taken from a command line,
 *           where every user of the machine could read it.
 * Lifetime  A `struct conf` never changes: a reload makes a new one, and a
 *           context keeps the one that it began with.
 * Threads   conf_take and conf_give from any; the rest from one at a time.
 * Source    Knoop; the YAML scanner is libyaml (MIT). EUPL-1.2.
 *
 * A row stands in the room that reads it, in <room>_conf.def:
 *
 *   OPTION(field, "key", "NUTS key or empty", TYPE, default, least, most, RELOAD, "help")
 *
 *   TYPE     BOOL, INT, SIZE (bytes: 64k, 10m), DURATION (milliseconds: 5s,
 *            10m, 24h), TEXT, LIST (of text), PATH, CHOICE ("a|b" in `least`)
 *   default, least, most   text in the option's own form; "" where none. For
 *            TEXT, PATH and LIST the bounds are a count of bytes or items.
 *   RELOAD   NOW (SIGHUP takes it) or START (needs a restart)
 *
 * A key that ends in password, token, pin or secret is a secret.
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

struct conf_origin; /* conf_int.h: from where each value came */

/* Texts are NUL-terminated. */
struct conf {
#define OPTION(field, key, nuts, type, def, least, most, reload, help)                     \
    CONF_TYPE_##type field;
#include "gen/options.def"
#undef OPTION
    struct arena arena; /* holds the texts above */
    long uses;          /* conf_take, conf_give */
    struct conf_origin *origin_;
    struct str file_; /* the file that was read, or empty */
};

/*
 * Reads all four sources. `args` are "key=value" from the command line (a
 * leading "--" is allowed) and `env` is environ; both end in NULL and may be
 * NULL. `file` may be NULL: then the option configfile names it, or it is the
 * first that exists of config/knoop.yaml, config/nuts.yaml and
 * /etc/knoop/knoop.yaml (none there is fine; missing where named is refused).
 *
 *   ERR_CONF   cx->reason names source, line, key and what to do
 */
err_t conf_load(struct ctx *cx, char *const *args, char *const *env, const char *file,
                struct conf **out) NODISCARD;
/* As conf_load with the file's text at hand; `name` stands in the reasons. */
err_t conf_parse(struct ctx *cx, char *const *args, char *const *env, struct str text,
                 const char *name, struct conf **out) NODISCARD;
/*
 * As conf_load, for SIGHUP: options of class START keep the value of `old`,
 * with a warning that names them. On refusal `old` simply stays in force.
 */
err_t conf_reload(struct ctx *cx, const struct conf *old, char *const *args,
                  char *const *env, const char *file, struct conf **out) NODISCARD;
/* What a node that serves needs beyond a valid conf: `url` is set. */
err_t conf_prove(struct ctx *cx, const struct conf *c) NODISCARD;

struct conf *conf_take(struct conf *c); /* one more user */
void conf_give(struct conf *c);         /* one less; the last frees; NULL is fine */

/* Carries a conf to another process: text of the values, and back. */
err_t conf_pack(struct ctx *cx, const struct conf *c, struct str *out) NODISCARD;
err_t conf_unpack(struct ctx *cx, struct str packed, struct conf **out) NODISCARD;
/* A conf of defaults alone, for tests. */
err_t conf_default(struct ctx *cx, struct conf **out) NODISCARD;

/*
 * A public base URL by nuts-node's rules: http or https, a host, no user, query
 * or fragment; when `strict`, https only, no address, no name that cannot be
 * reached from outside (nuts-node.md 4.3). ERR_CONF with the reason.
 */
err_t conf_url_check(struct ctx *cx, struct str url, bool strict) NODISCARD;

/* --- showing ------------------------------------------------------------ */

enum conf_kind {
    CONF_BOOL = 1,
    CONF_INT,
    CONF_SIZE,
    CONF_DURATION,
    CONF_TEXT,
    CONF_PATH,
    CONF_CHOICE,
    CONF_LIST
};
enum conf_when { CONF_NOW = 1, CONF_START };

struct conf_row {
    const char *key, *nuts;
    enum conf_kind kind;
    const char *def, *least, *most;
    enum conf_when reload;
    const char *help;
    size_t at; /* offset in struct conf */
};
const struct conf_row *conf_rows(size_t *n);
bool conf_is_secret(const struct conf_row *row);

/* An array: every option with value, source and help; secrets as [set]. */
err_t conf_print(struct ctx *cx, const struct conf *c, struct json_out *js) NODISCARD;
/* The same as a YAML file that could be read again, but for secrets. */
err_t conf_print_yaml(struct ctx *cx, const struct conf *c, struct str *out) NODISCARD;
/* docs/options.md. */
err_t conf_print_doc(struct ctx *cx, struct str *out) NODISCARD;

#endif

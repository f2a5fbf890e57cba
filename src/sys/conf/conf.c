/*
 * conf.c - four sources become the options in force.
 *
 * Each value is read and judged where it is met, even when another source
 * wins over it: a mistake in the file is named today, not on the day that
 * the environment variable before it goes away.
 *
 * Source    Knoop. EUPL-1.2.
 */
#include "sys/conf/conf_int.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct conf_row rows[] = {
#define OPTION(field, key, nuts, type, def, least, most, reload, help)                     \
    { key,           nuts,  CONF_##type,                                                   \
      def,           least, most,                                                          \
      CONF_##reload, help,  offsetof(struct conf, field) },
#include "gen/options.def"
#undef OPTION
};

const struct conf_row *
conf_rows(size_t *n)
{
    *n = COUNT(rows);
    return rows;
}

const struct conf_row *
conf__row(struct str key)
{
    for (size_t i = 0; i < COUNT(rows); i++)
        if (str_is(key, rows[i].key))
            return &rows[i];
    for (size_t i = 0; i < COUNT(rows); i++)
        if (rows[i].nuts[0] != '\0' && str_is(key, rows[i].nuts))
            return &rows[i];
    return NULL;
}

bool
conf_is_secret(const struct conf_row *row)
{
    static const char *const ends[] = { "password", "token", "pin", "secret" };

    for (size_t i = 0; i < COUNT(ends); i++)
        if (str_ends(str_of(row->key), str_of(ends[i])) ||
            str_ends(str_of(row->nuts), str_of(ends[i])))
            return true;
    return false;
}

/* --- taking a value in --------------------------------------------------- */

/* Everything that is kept is copied into the conf's own arena. */
static err_t
copy(struct ctx *cx, struct conf *c, const struct conf_said *said, struct str where,
     struct conf_origin *o)
{
    struct str *items = arena_array(&c->arena, said->n + 1, sizeof(*items));

    o->where = arena_str(&c->arena, where);
    if (items == NULL || o->where.p == NULL)
        return refuse_memory(cx);
    for (size_t i = 0; i < said->n; i++)
        if ((items[i] = arena_str(&c->arena, said->item[i])).p == NULL)
            return refuse_memory(cx);
    o->said = (struct conf_said){ items, said->n, said->list };
    return ERR_OK;
}

static err_t
put(struct ctx *cx, struct conf *c, const struct conf_row *row, enum conf_source source,
    struct str where, const struct conf_said *said)
{
    struct conf_origin *o = &c->origin_[row - rows],
                       mine = { true, source, where, *said, { 0 } };
    err_t e;

    if (o->set && o->source == source)
        return refuse(cx, ERR_CONF, "", "%.*s: %s was already set at %.*s; take one out",
                      STR(where), row->key, STR(o->where));
    if ((e = copy(cx, c, said, where, &mine)) != ERR_OK ||
        (e = conf__read(cx, &c->arena, row, &mine.said, mine.where, &mine.cell)) != ERR_OK)
        return e;
    if (!o->set || o->source < source)
        *o = mine;
    return ERR_OK;
}

static err_t
unknown(struct ctx *cx, struct str key, struct str where)
{
    const char *near = conf__nearest(key);

    return refuse(cx, ERR_CONF, "", "%.*s: there is no option '%.*s'%s%s%s", STR(where),
                  STR(str_sub(key, 0, 80)), near ? "; is '" : "", near ? near : "",
                  near ? "' meant?" : "; see knoop print options");
}

/* --- command line -------------------------------------------------------- */

static err_t
from_arg(struct ctx *cx, struct conf *c, struct str arg)
{
    struct str where = S("command line"), key, text = arg;
    const struct conf_row *row;
    bool known;
    err_t e;

    if (str_starts(text, S("--")))
        text = str_sub(text, 2, text.n);
    if (str_find(text, '=') == text.n)
        return refuse(cx, ERR_CONF, "",
                      "command line: '%.*s' has no value; write key=value",
                      STR(str_sub(text, 0, 48)));
    key = str_cut(&text, '=');
    if ((row = conf__row(key)) == NULL) {
        if ((e = conf__nuts(cx, key, where, &known)) != ERR_OK || known)
            return e;
        return unknown(cx, key, where);
    }
    if (conf_is_secret(row) || conf__has_url_password(text))
        return refuse(
            cx, ERR_CONF, "nuts-node 4.1",
            "command line: %s is a secret that every user of this machine could read "
            "there; put it in the file or the environment",
            row->key);
    return put(cx, c, row, CONF_FROM_ARGS, where, &(struct conf_said){ &text, 1, false });
}

/* --- environment --------------------------------------------------------- */

static const struct conf_row *
env_row(struct str name, bool nuts)
{
    for (size_t i = 0; i < COUNT(rows); i++)
        if (conf__env_is(name, nuts ? rows[i].nuts : rows[i].key))
            return &rows[i];
    return NULL;
}

/* Kubernetes puts KNOOP_SERVICE_HOST, KNOOP_PORT_8080_TCP … beside a service named knoop.
 */
static bool
is_of_kubernetes(struct str name)
{
    return str_ends(name, S("SERVICE_HOST")) ||
           str_search(name, S("SERVICE_PORT")) < name.n || str_is(name, "PORT") ||
           str_ends(name, S("_PORT")) || str_search(name, S("_TCP")) < name.n ||
           str_search(name, S("_UDP")) < name.n;
}

/* What test/conformance and tools/scenario read may stand in the environment of a server
 * beside it. */
static bool
is_of_tests(struct str whole)
{
    return str_is(whole, "KNOOP_VECTORS") || str_is(whole, "KNOOP_HAPI");
}

static err_t
unknown_env(struct ctx *cx, struct str whole, struct str name, bool nuts)
{
    bool known = false;
    err_t e;

    if (is_of_kubernetes(name) || is_of_tests(whole))
        return ERR_OK;
    if (!nuts)
        return unknown(cx, name, whole);
    if ((e = conf__nuts_env(cx, name, whole, &known)) == ERR_OK && !known)
        log_warn(cx, "%.*s is no option and does nothing", STR(whole));
    return e;
}

static err_t
from_env(struct ctx *cx, struct conf *c, struct str entry)
{
    struct str whole = str_cut(&entry, '='), name = whole;
    bool nuts = str_starts(whole, S("NUTS_"));
    const struct conf_row *row;

    if (!nuts && !str_starts(whole, S("KNOOP_")))
        return ERR_OK;
    name = str_sub(whole, nuts ? 5 : 6, whole.n);
    if ((row = env_row(name, nuts)) == NULL)
        return unknown_env(cx, whole, name, nuts);
    return put(cx, c, row, nuts ? CONF_FROM_NUTS_ENV : CONF_FROM_ENV, whole,
               &(struct conf_said){ &entry, 1, false });
}

/* --- file ---------------------------------------------------------------- */

/* "http:" with nothing below it sets nothing. */
static bool
is_group(struct str key)
{
    for (size_t i = 0; i < COUNT(rows); i++)
        if (str_starts(str_of(rows[i].key), key) && rows[i].key[key.n] == '.')
            return true;
    return false;
}

struct file {
    struct conf *c;
    const char *name;
};

static err_t
from_leaf(struct ctx *cx, void *to, struct str key, const struct conf_said *said, bool null,
          size_t line)
{
    struct file *f = to;
    const struct conf_row *row = conf__row(key);
    char room[300];
    struct str where;
    bool known;
    err_t e;

    snprintf(room, sizeof(room), "%.256s:%zu", f->name, line);
    where = str_of(room);
    if (row != NULL && str_is(str_of(row->key), "configfile"))
        return refuse(cx, ERR_CONF, "", "%s: configfile cannot stand in the file itself",
                      room);
    if (row != NULL)
        return put(cx, f->c, row, CONF_FROM_FILE, where, said);
    if (null && is_group(key))
        return ERR_OK;
    if ((e = conf__nuts(cx, key, where, &known)) != ERR_OK || known)
        return e;
    return unknown(cx, key, where);
}

static void
close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

/* Reads a whole regular file. NOT_FOUND when it is not there. */
static err_t
read_file(struct ctx *cx, const char *name, struct str *out)
{
    scoped(close_fd) int fd = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    struct stat st;
    char *p;
    size_t n = 0;
    ssize_t got;

    *out = (struct str){ NULL, 0 };
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return refuse(cx, ERR_NOT_FOUND, "", "%s is not there", name);
    if (fd < 0 || fstat(fd, &st) != 0)
        return refuse(cx, ERR_CONF, "", "%s: %s", name, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return refuse(cx, ERR_CONF, "", "%s is no file", name);
    if (st.st_mode & S_IWOTH)
        return refuse(cx, ERR_CONF, "", "%s: every user may write it; chmod o-w", name);
    if (st.st_size > CONF_FILE_MAX)
        return refuse(cx, ERR_CONF, "", "%s: larger than %d bytes", name, CONF_FILE_MAX);
    if ((p = arena_alloc(cx->arena, CONF_FILE_MAX + 1)) == NULL)
        return refuse_memory(cx);
    while (n <= CONF_FILE_MAX && (got = read(fd, p + n, CONF_FILE_MAX + 1 - n)) != 0) {
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return refuse(cx, ERR_CONF, "", "%s: %s", name, strerror(errno));
        n += (size_t)got;
    }
    *out = (struct str){ p, n };
    return ERR_OK;
}

static err_t
parse_file(struct ctx *cx, struct conf *c, struct str text, const char *name)
{
    struct file f = { c, name };

    if ((c->file_ = arena_str(&c->arena, str_of(name))).p == NULL)
        return refuse_memory(cx);
    return conf__yaml(cx, text, name, from_leaf, &f);
}

static err_t
named_file(struct ctx *cx, struct conf *c, const char *name)
{
    struct str text;
    err_t e = read_file(cx, name, &text);

    if (e == ERR_NOT_FOUND)
        return refuse(cx, ERR_CONF, "", "configfile: %s is not there", name);
    return e != ERR_OK ? e : parse_file(cx, c, text, name);
}

/* The first of the usual places that holds one; none is fine. */
static err_t
usual_file(struct ctx *cx, struct conf *c)
{
    static const char *const places[] = { "config/knoop.yaml", "config/nuts.yaml",
                                          "/etc/knoop/knoop.yaml" };
    struct str text;
    err_t e;

    for (size_t i = 0; i < COUNT(places); i++) {
        if ((e = read_file(cx, places[i], &text)) == ERR_OK)
            return parse_file(cx, c, text, places[i]);
        if (e != ERR_NOT_FOUND)
            return e;
        refuse_clear(cx);
    }
    return ERR_OK;
}

static err_t
any_file(struct ctx *cx, struct conf *c, const char *file)
{
    const struct conf_row *row = conf__row(S("configfile"));
    const struct conf_origin *o = &c->origin_[row - rows];

    if (file != NULL)
        return named_file(cx, c, file);
    if (o->set && o->cell.s.n > 0)
        return named_file(cx, c, o->cell.s.p);
    return usual_file(cx, c);
}

/* --- the whole ----------------------------------------------------------- */

static void
write_field(struct conf *c, const struct conf_row *row, const union conf_cell *cell)
{
    char *at = (char *)c + row->at;

    switch (row->kind) {
    case CONF_BOOL: memcpy(at, &cell->b, sizeof(cell->b)); break;
    case CONF_INT:
    case CONF_SIZE:
    case CONF_DURATION: memcpy(at, &cell->i, sizeof(cell->i)); break;
    case CONF_TEXT:
    case CONF_PATH:
    case CONF_CHOICE: memcpy(at, &cell->s, sizeof(cell->s)); break;
    case CONF_LIST: memcpy(at, &cell->l, sizeof(cell->l)); break;
    }
}

/* What nobody said gets its default; then every field gets its value. */
static err_t
fill(struct ctx *cx, struct conf *c)
{
    err_t e;

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct str def = str_of(rows[i].def);

        if (!c->origin_[i].set &&
            (e = put(cx, c, &rows[i], CONF_FROM_DEFAULT, S("default"),
                     &(struct conf_said){ &def, 1, false })) != ERR_OK)
            return e;
        write_field(c, &rows[i], &c->origin_[i].cell);
    }
    return ERR_OK;
}

static err_t
judge(struct ctx *cx, const struct conf *c)
{
    return c->url.n == 0 ? ERR_OK : conf_url_check(cx, c->url, c->strictmode);
}

static void
drop(struct conf **c)
{
    conf_give(*c);
}

err_t
conf__empty(struct ctx *cx, struct conf **out)
{
    struct conf *c = calloc(1, sizeof(*c));

    *out = c;
    if (c == NULL)
        return refuse_memory(cx);
    c->uses = 1;
    arena_init(&c->arena, CONF_ARENA_MAX);
    c->origin_ = arena_array(&c->arena, COUNT(rows), sizeof(*c->origin_));
    return c->origin_ == NULL ? refuse_memory(cx) : ERR_OK;
}

err_t
conf__finish(struct ctx *cx, struct conf **c, struct conf **out)
{
    err_t e;

    if ((e = fill(cx, *c)) != ERR_OK || (e = judge(cx, *c)) != ERR_OK)
        return e;
    *out = *c;
    *c = NULL;
    return ERR_OK;
}

static err_t
arguments(struct ctx *cx, struct conf *c, char *const *args, char *const *env)
{
    err_t e;

    for (; args != NULL && *args != NULL; args++)
        if ((e = from_arg(cx, c, str_of(*args))) != ERR_OK)
            return e;
    for (; env != NULL && *env != NULL; env++)
        if ((e = from_env(cx, c, str_of(*env))) != ERR_OK)
            return e;
    return ERR_OK;
}

err_t
conf_load(struct ctx *cx, char *const *args, char *const *env, const char *file,
          struct conf **out)
{
    scoped(drop) struct conf *c = NULL;
    err_t e;

    *out = NULL;
    if ((e = conf__empty(cx, &c)) != ERR_OK ||
        (e = arguments(cx, c, args, env)) != ERR_OK ||
        (e = any_file(cx, c, file)) != ERR_OK)
        return e;
    return conf__finish(cx, &c, out);
}

err_t
conf_parse(struct ctx *cx, char *const *args, char *const *env, struct str text,
           const char *name, struct conf **out)
{
    scoped(drop) struct conf *c = NULL;
    err_t e;

    *out = NULL;
    if ((e = conf__empty(cx, &c)) != ERR_OK ||
        (e = arguments(cx, c, args, env)) != ERR_OK ||
        (e = parse_file(cx, c, text, name)) != ERR_OK)
        return e;
    return conf__finish(cx, &c, out);
}

err_t
conf_default(struct ctx *cx, struct conf **out)
{
    scoped(drop) struct conf *c = NULL;
    err_t e;

    *out = NULL;
    return (e = conf__empty(cx, &c)) != ERR_OK ? e : conf__finish(cx, &c, out);
}

err_t
conf_prove(struct ctx *cx, const struct conf *c)
{
    if (c->url.n == 0)
        return refuse(cx, ERR_CONF, "nuts-node 4.2",
                      "url is not set; give the public base URL of this node, such as "
                      "https://node.example.nl");
    return conf_url_check(cx, c->url, c->strictmode);
}

struct conf *
conf_take(struct conf *c)
{
    __atomic_add_fetch(&c->uses, 1, __ATOMIC_RELAXED);
    return c;
}

void
conf_give(struct conf *c)
{
    if (c == NULL || __atomic_sub_fetch(&c->uses, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    arena_fini(&c->arena);
    free(c);
}

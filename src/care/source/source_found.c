/*
 * source_found.c - the index in the database: changed with what is written, walked,
 * made anew.
 *
 *   found    term -> key                       what a search narrows by
 *   newest   subject, kind, date -> key        what $lastn steps through (source_lastn.c)
 *
 * Both offer candidates; fhir_match decides. Whole resources are read only of those that
 * every term of the query offers. EUPL-1.2.
 */
#include "care/source/source_db_int.h"

#include <stdio.h>
#include <string.h>

enum { KEYS_ON_LOOP = 1024 }; /* looked at in the index; beyond, it is work for the pool */

/* --- changed --------------------------------------------------------------------- */

static err_t
index_run(struct ctx *cx, struct source_db *db, enum statement st, int64_t term,
          int64_t key)
{
    sqlite3_bind_int64(db->st[st], 1, term);
    sqlite3_bind_int64(db->st[st], 2, key);
    return source__run(cx, db, st, "indexing");
}

static err_t
kinds_run(struct ctx *cx, struct source_db *db, enum statement st,
          const struct source_terms *t, int64_t key)
{
    err_t e = ERR_OK;

    for (size_t i = 0; e == ERR_OK && i < t->kinds; i++) {
        sqlite3_bind_int64(db->st[st], 1, t->kind[i].subject);
        sqlite3_bind_int64(db->st[st], 2, t->kind[i].kind);
        sqlite3_bind_int64(db->st[st], 3, t->kind[i].date);
        sqlite3_bind_int64(db->st[st], 4, key);
        e = source__run(cx, db, st, "indexing");
    }
    return e;
}

static bool
same_kinds(const struct source_terms *a, const struct source_terms *b)
{
    return a->kinds == b->kinds &&
           (a->kinds == 0 || memcmp(a->kind, b->kind, a->kinds * sizeof(*a->kind)) == 0);
}

/* Terms are in order: what is in the one alone is added or dropped. */
err_t
source__index_change(struct ctx *cx, struct source_db *db, int64_t key,
                     const struct source_terms *old, const struct source_terms *new)
{
    size_t i = 0, k = 0;
    err_t e = ERR_OK;

    while (e == ERR_OK && (i < old->n || k < new->n)) {
        if (k == new->n || (i < old->n && old->at[i] < new->at[k]))
            e = index_run(cx, db, ST_FOUND_DROP, old->at[i++], key);
        else if (i == old->n || new->at[k] < old->at[i])
            e = index_run(cx, db, ST_FOUND_ADD, new->at[k++], key);
        else
            i++, k++;
    }
    if (e != ERR_OK || same_kinds(old, new) ||
        (e = kinds_run(cx, db, ST_NEWEST_DROP, old, key)) != ERR_OK)
        return e;
    return kinds_run(cx, db, ST_NEWEST_ADD, new, key);
}

/* Under what a version is found; nothing, when it is no resource (never there, deleted). */
err_t
source__terms_of(struct ctx *cx, const struct source_row *row, struct source_terms *out)
{
    json *v;
    err_t e;

    *out = (struct source_terms){ 0 };
    if (row->body.n == 0)
        return ERR_OK;
    if ((e = json_parse(cx, row->body, JSON_RAW_NUMBERS, &v)) != ERR_OK)
        return e;
    return source__terms(cx, v, row, out);
}

/* --- walked ------------------------------------------------------------------------ */

err_t
source__visit_key(struct ctx *cx, struct source_db *db, int64_t key, source_visit *visit,
                  void *arg, bool *stop)
{
    sqlite3_bind_int64(db->st[ST_KEY], 1, key);
    return source__walk_rows(cx, db, ST_KEY, visit, arg, stop);
}

static err_t
look(struct ctx *cx, uint64_t *looked)
{
    if (++*looked > SOURCE_SCAN_MAX)
        return refuse(cx, ERR_LIMIT, "",
                      "the search looks at more than %d resources; narrow it",
                      SOURCE_SCAN_MAX);
    return cx->may_not_block && *looked > KEYS_ON_LOOP
               ? refuse(cx, ERR_WOULD_BLOCK, "", "a search that looks at many")
               : ERR_OK;
}

/* Is the key under one of the terms of each? */
static err_t
is_under(struct ctx *cx, struct source_db *db, const struct source_also *also, size_t n,
         int64_t key, bool *out)
{
    sqlite3_stmt *st = db->st[ST_FOUND];

    *out = true;
    for (size_t i = 0; i < n && *out; i++) {
        int rc = SQLITE_DONE;

        for (size_t k = 0; k < also[i].n && rc == SQLITE_DONE; k++) {
            sqlite3_bind_int64(st, 1, also[i].terms[k]);
            sqlite3_bind_int64(st, 2, key);
            rc = source__step(db, ST_FOUND);
        }
        if (rc != SQLITE_ROW && rc != SQLITE_DONE)
            return source__failed(cx, db, "reading the index");
        *out = rc == SQLITE_ROW;
    }
    return ERR_OK;
}

/* The index alone, as long as it tells that a resource is not among them. */
static err_t
walk_keys(struct ctx *cx, struct source_db *db, const struct source_walk *w)
{
    sqlite3_stmt *st = db->st[ST_KEYS];
    uint64_t looked = 0;
    bool stop = false;
    err_t e = ERR_OK;
    int rc = SQLITE_DONE;

    sqlite3_bind_int64(st, 1, w->term);
    sqlite3_bind_int64(st, 2, w->after);
    while (!stop && e == ERR_OK && (rc = sqlite3_step(st)) == SQLITE_ROW) {
        int64_t key = sqlite3_column_int64(st, 0);
        bool yes;

        if ((e = look(cx, &looked)) == ERR_OK &&
            (e = is_under(cx, db, w->also, w->alsos, key, &yes)) == ERR_OK && yes)
            e = source__visit_key(cx, db, key, w->visit, w->arg, &stop);
    }
    if (e == ERR_OK && rc != SQLITE_ROW && rc != SQLITE_DONE)
        e = source__failed(cx, db, "reading the index");
    sqlite3_reset(st);
    return e;
}

err_t
source__walk(struct ctx *cx, struct source_db *db, const struct source_walk *w)
{
    bool stop = false;

    if (w->alsos > 0)
        return walk_keys(cx, db, w);
    sqlite3_bind_int64(db->st[ST_WALK], 1, w->term);
    sqlite3_bind_int64(db->st[ST_WALK], 2, w->after);
    return source__walk_rows(cx, db, ST_WALK, w->visit, w->arg, &stop);
}

/* --- stepped through ---------------------------------------------------------------- */

/* A row of a kind of which there is enough is passed; after some, the kind is jumped. */
enum { PASSED_MAX = 8 };

/* One `also` of one term is looked up along with the row: a statement of its own is dear.
 */
static size_t
bind_steps(sqlite3_stmt *st, const struct source_steps *s, int64_t from, int64_t to)
{
    bool along = s->alsos > 0 && s->also[0].n == 1;

    sqlite3_bind_int64(st, 1, s->subject);
    sqlite3_bind_int64(st, 2, from);
    sqlite3_bind_int64(st, 3, to);
    if (along)
        sqlite3_bind_int64(st, 4, s->also[0].terms[0]);
    else
        sqlite3_bind_null(st, 4);
    return along;
}

/* Kinds `from` to `to`, until one is to be jumped: *from is then the one behind it. */
static err_t
step_through(struct ctx *cx, struct source_db *db, const struct source_steps *s,
             uint64_t *looked, int64_t *from, int64_t to, bool *jump)
{
    sqlite3_stmt *st = db->st[ST_NEWEST];
    size_t known = bind_steps(st, s, *from, to);
    unsigned passed = 0;
    bool full = false;
    err_t e = ERR_OK;
    int64_t at = 0;
    int rc = SQLITE_DONE;

    *jump = false;
    while (!*jump && e == ERR_OK && (rc = sqlite3_step(st)) == SQLITE_ROW) {
        int64_t kind = sqlite3_column_int64(st, 0), key = sqlite3_column_int64(st, 1);
        bool yes;

        if (full && kind == at) {
            *jump = ++passed > PASSED_MAX;
            continue;
        }
        at = kind;
        full = false;
        passed = 0;
        if ((e = look(cx, looked)) == ERR_OK && sqlite3_column_int(st, 2) != 0 &&
            (e = is_under(cx, db, s->also + known, s->alsos - known, key, &yes)) ==
                ERR_OK &&
            yes)
            e = s->visit(cx, s->arg, kind, key, &full);
    }
    if (e == ERR_OK && !*jump && rc != SQLITE_DONE)
        e = source__failed(cx, db, "reading the index");
    sqlite3_reset(st);
    *jump = *jump && at < to;
    *from = *jump ? at + 1 : to;
    return e;
}

static err_t
step_range(struct ctx *cx, struct source_db *db, const struct source_steps *s,
           uint64_t *looked, int64_t from, int64_t to)
{
    bool more = true;
    err_t e = ERR_OK;

    while (more && e == ERR_OK)
        e = step_through(cx, db, s, looked, &from, to, &more);
    return e;
}

err_t
source__step_through(struct ctx *cx, struct source_db *db, const struct source_steps *s)
{
    uint64_t looked = 0;
    err_t e = ERR_OK;

    if (s->kinds == 0)
        return step_range(cx, db, s, &looked, INT64_MIN, INT64_MAX);
    for (size_t i = 0; e == ERR_OK && i < s->kinds; i++)
        e = step_range(cx, db, s, &looked, s->kind[i], s->kind[i]);
    return e;
}

/* --- made anew ---------------------------------------------------------------------- */

static err_t
add_all(struct ctx *cx, void *arg, const struct source_row *row, bool *stop)
{
    struct arena scratch, *whole = cx->arena;
    struct source_terms none = { 0 }, terms;
    err_t e;

    (void)stop;
    arena_init(&scratch, 64u << 20);
    cx->arena = &scratch;
    if ((e = source__terms_of(cx, row, &terms)) == ERR_OK)
        e = source__index_change(cx, arg, row->key, &none, &terms);
    cx->arena = whole;
    arena_fini(&scratch);
    return e;
}

static err_t
pragma_version(struct ctx *cx, struct source_db *db, int *out)
{
    sqlite3_stmt *st;

    *out = 0;
    if (sqlite3_prepare_v2(db->handle, "pragma user_version", -1, &st, NULL) != SQLITE_OK)
        return source__failed(cx, db, "reading the index's version");
    if (sqlite3_step(st) == SQLITE_ROW)
        *out = sqlite3_column_int(st, 0);
    sqlite3_finalize(st);
    return ERR_OK;
}

err_t
source__index_anew(struct ctx *cx, struct source_db *db)
{
    int version = source__index_version(), there;
    bool stop = false;
    char set[48];
    err_t e;

    snprintf(set, sizeof(set), "pragma user_version = %d", version);
    if ((e = pragma_version(cx, db, &there)) != ERR_OK || there == version)
        return e;
    if ((e = source__begin(cx, db)) != ERR_OK)
        return e;
    if (sqlite3_exec(db->handle, "delete from found; delete from newest", NULL, NULL,
                     NULL) != SQLITE_OK)
        return source__failed(cx, db, "emptying the index");
    sqlite3_bind_int64(db->st[ST_ALL], 1, 0);
    if ((e = source__walk_rows(cx, db, ST_ALL, add_all, db, &stop)) != ERR_OK)
        return e;
    if (sqlite3_exec(db->handle, set, NULL, NULL, NULL) != SQLITE_OK)
        return source__failed(cx, db, "writing the index's version");
    return source__commit(cx, db);
}

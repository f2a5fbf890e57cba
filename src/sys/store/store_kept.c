/*
 * store_kept.c - rows that are read often, kept for as long as they are true.
 *
 *      ask ─► mark now ─┬─ kept under the same mark ─► those rows
 *                       └─ else: read, and keep under the mark that stood before
 *
 * Rule      A mark is SQLite's own: the header of the WAL-index, in memory that all
 *           processes share, by which each connection learns whether the pages that
 *           it remembers still hold (sqlite.org/walformat.html 2). Every commit of
 *           every process changes it before it is acknowledged. The mark is taken
 *           before the read begins; so where it is the same later, nothing was
 *           committed in between, and a read that begins now would give these rows.
 * Trust     What is kept is what stands in the file: sealed where that is sealed.
 *           Keys may be chosen by strangers: a slot that two want costs a read.
 * Lifetime  A slot is the store's; its rows are copied into the context's arena.
 * Source    Knoop. EUPL-1.2.
 */
#include "sys/store/store_int.h"

#include <stdlib.h>
#include <string.h>

#include "sys/sys.h"

enum {
    SLOTS = 8192,    /* as many live tokens are asked for without a read */
    SLOT_MAX = 4096, /* bytes of a slot: rows, texts and what was asked */
    REST_MAX = 64,   /* rows that are read on for it */
};

struct slot {
    uint64_t hash; /* 0: empty */
    struct store_mark mark;
    int id, columns, rows;
    size_t asked_n, n, room;
    uint8_t *bytes; /* what was asked; then cells; then what they point to, by offset */
};

struct store_kept {
    pthread_mutex_t lock;
    size_t bytes; /* of all slots' room */
    struct slot slot[SLOTS];
};

/* While its rows are read. */
struct store_keeping {
    struct arena *arena;
    uint64_t hash;
    struct store_mark mark;
    struct bytes asked;
    struct store_cell *cells; /* `b` borrows from the arena */
    size_t n, room, bytes;
    int rows;
};

/* --- what was asked ----------------------------------------------------------------- */

static size_t
put(uint8_t *to, size_t at, const void *from, size_t n)
{
    if (n > 0)
        memcpy(to + at, from, n);
    return at + n;
}

/* Types, lengths and values one behind the other: no two questions are alike. */
struct bytes
store__kept_key(struct arena *a, const struct sql_arg *args, size_t n)
{
    size_t all = 0, at = 0;
    uint8_t *p;

    for (size_t i = 0; i < n; i++)
        all += 1 + 2 * sizeof(int64_t) + args[i].s.n;
    if ((p = arena_take(a, all + 1)) == NULL)
        return (struct bytes){ NULL, 0 };
    for (size_t i = 0; i < n; i++) {
        p[at++] = (uint8_t)args[i].type;
        at = put(p, at, &args[i].i, sizeof(args[i].i));
        at = put(p, at, &args[i].s.n, sizeof(args[i].s.n));
        at = put(p, at, args[i].s.p, args[i].s.n);
    }
    return (struct bytes){ p, at };
}

/* It finds a slot, and decides nothing. */
uint64_t
store__kept_hash(enum sql_id id, struct bytes key)
{
    return str_mix(str_hash(str_of_bytes(key)), (uint64_t)id) | 1;
}

/* --- found -------------------------------------------------------------------------- */

static bool
is_it(const struct slot *s, const struct store_keeping *k, int id)
{
    return s->hash == k->hash && s->id == id && s->asked_n == k->asked.n &&
           memcmp(s->bytes, k->asked.p, k->asked.n) == 0 &&
           memcmp(&s->mark, &k->mark, sizeof(k->mark)) == 0;
}

/* A cursor over a copy; NULL without memory. */
static struct store_cursor *
copy_out(struct arena *a, const struct slot *s)
{
    struct store_cursor *cur = arena_new(a, struct store_cursor);
    size_t cells = (size_t)s->rows * (size_t)s->columns;
    uint8_t *p = arena_take(a, s->n - s->asked_n + 1);

    if (cur == NULL || p == NULL)
        return NULL;
    memcpy(p, s->bytes + s->asked_n, s->n - s->asked_n);
    *cur = (struct store_cursor){ .cells = (struct store_cell *)(void *)p,
                                  .rows_n = s->rows,
                                  .row = -1,
                                  .columns = s->columns };
    for (size_t i = 0; i < cells; i++)
        if (cur->cells[i].type == SQL_TEXT || cur->cells[i].type == SQL_BLOB)
            cur->cells[i].b.p = p + cur->cells[i].i;
    return cur;
}

static struct store_cursor *
find(struct ctx *cx, struct store_kept *kept, const struct store_keeping *k, int id)
{
    struct store_cursor *cur = NULL;
    const struct slot *s = &kept->slot[k->hash / 2 % SLOTS];

    pthread_mutex_lock(&kept->lock);
    if (is_it(s, k, id))
        cur = copy_out(cx->arena, s);
    pthread_mutex_unlock(&kept->lock);
    return cur;
}

/* --- keeping ------------------------------------------------------------------------ */

static bool
keep_cell(struct store_keeping *k, struct store_cell c)
{
    if (k->n == k->room) {
        size_t room = k->room ? 2 * k->room : 32;
        void *more =
            arena_stretch(k->arena, k->cells, k->room * sizeof(c), room * sizeof(c));

        if (more == NULL)
            return false;
        k->cells = more;
        k->room = room;
    }
    if (c.type == SQL_TEXT || c.type == SQL_BLOB) {
        if ((k->bytes += c.b.n) > SLOT_MAX)
            return false;
        c.b = arena_bytes(k->arena, c.b);
        if (c.b.p == NULL)
            return false;
    }
    k->cells[k->n++] = c;
    return k->asked.n + k->n * sizeof(c) + k->bytes <= SLOT_MAX;
}

static void
fill(struct slot *s, const struct store_keeping *k, const struct store_cursor *cur)
{
    size_t at = k->asked.n, cells = k->n * sizeof(*k->cells), data = cells;

    *s = (struct slot){ .hash = k->hash,
                        .mark = k->mark,
                        .id = cur->sql.id,
                        .columns = cur->columns,
                        .rows = k->rows,
                        .asked_n = k->asked.n,
                        .n = k->asked.n + cells + k->bytes,
                        .room = s->room,
                        .bytes = s->bytes };
    put(s->bytes, 0, k->asked.p, k->asked.n);
    for (size_t i = 0; i < k->n; i++) {
        struct store_cell c = k->cells[i];
        struct bytes b = c.b;

        if (c.type == SQL_TEXT || c.type == SQL_BLOB)
            c.i = (int64_t)data; /* from the cells on */
        c.b.p = NULL;
        at = put(s->bytes, at, &c, sizeof(c));
        data = put(s->bytes + k->asked.n, data, b.p, b.n);
    }
}

static void
keep(struct store_kept *kept, const struct store_keeping *k, const struct store_cursor *cur)
{
    struct slot *s = &kept->slot[k->hash / 2 % SLOTS];
    size_t n = k->asked.n + k->n * sizeof(*k->cells) + k->bytes;

    pthread_mutex_lock(&kept->lock);
    s->hash = 0;
    if (s->room < n) {
        free(s->bytes);
        s->bytes = malloc(n);
        kept->bytes -= s->room;
        s->room = s->bytes == NULL ? 0 : n;
        kept->bytes += s->room;
    }
    if (s->room >= n)
        fill(s, k, cur);
    pthread_mutex_unlock(&kept->lock);
}

void
store__keep_row(struct store_cursor *cur)
{
    struct store_keeping *k = cur->keeping;

    if (k == NULL)
        return;
    if (cur->ended) {
        keep(cur->conn->store->kept, k, cur);
        cur->keeping = NULL;
        return;
    }
    k->rows++;
    for (int i = 0; i < cur->columns; i++)
        if (!keep_cell(k, store__cell(cur, i))) {
            cur->keeping = NULL; /* too much */
            return;
        }
}

void
store__keep_rest(struct ctx *cx, struct store_cursor *cur)
{
    struct ctx own;

    if (cur->keeping == NULL)
        return;
    own = *cx; /* the rows that were wanted were read: what fails here is nobody's reason */
    for (int i = 0; i < REST_MAX && cur->keeping != NULL && !cur->ended; i++) {
        if (store__call(&own, cur->conn->store) != ERR_OK ||
            cur->conn->store->engine->next(&own, cur) != ERR_OK)
            break;
        store__keep_row(cur);
    }
    cur->conn->cx = cx;
}

/* --- asking ------------------------------------------------------------------------- */

/* Where the database stands; false within a transaction, or when it cannot be told. */
static bool
mark_now(struct ctx *cx, struct store *s, struct store_mark *out)
{
    struct store_conn *c;
    bool told;

    if (store__acquire(cx, s, &c) != ERR_OK) {
        refuse_clear(cx);
        return false;
    }
    told = !c->tx && c->depth == 1 && s->engine->mark(c, out);
    store__release(c);
    return told;
}

static struct store_kept *
kept_of(struct store *s)
{
    struct store_kept *k;

    pthread_mutex_lock(&s->lock);
    if (s->kept == NULL && (k = calloc(1, sizeof(*k))) != NULL) {
        pthread_mutex_init(&k->lock, NULL);
        s->kept = k;
    }
    k = s->kept;
    pthread_mutex_unlock(&s->lock);
    return k;
}

err_t
store_query_kept(struct ctx *cx, enum sql_id id, struct store_rows *rows,
                 const struct sql_arg *args, size_t n)
{
    struct store *s = cx->sys->store;
    struct store_keeping k = { .arena = cx->arena }, *keeping;
    struct store_kept *kept;
    struct store_cursor *cur;
    err_t e;

    if (s->engine->mark == NULL || (kept = kept_of(s)) == NULL ||
        !mark_now(cx, s, &k.mark) ||
        (k.asked = store__kept_key(cx->arena, args, n)).p == NULL || k.asked.n > SLOT_MAX)
        return store_query(cx, id, rows, args, n);
    k.hash = store__kept_hash(id, k.asked);
    if ((cur = find(cx, kept, &k, (int)id)) != NULL) {
        cur->sql = s->sql[id];
        *rows = (struct store_rows){ .cx = cx, .state_ = cur };
        return ERR_OK;
    }
    if ((e = store_query(cx, id, rows, args, n)) != ERR_OK ||
        (keeping = arena_new(cx->arena, struct store_keeping)) == NULL)
        return e;
    *keeping = k;
    cur = rows->state_;
    cur->keeping = keeping;
    return ERR_OK;
}

size_t
store__kept_bytes(struct store_kept *k)
{
    size_t n;

    if (k == NULL)
        return 0;
    pthread_mutex_lock(&k->lock);
    n = k->bytes;
    pthread_mutex_unlock(&k->lock);
    return n;
}

void
store__kept_free(struct store *s)
{
    if (s->kept == NULL)
        return;
    for (size_t i = 0; i < SLOTS; i++)
        free(s->kept->slot[i].bytes);
    pthread_mutex_destroy(&s->kept->lock);
    free(s->kept);
    s->kept = NULL;
}

/*
 * store_test.c - each engine is asked the same. EUPL-1.2.
 *
 * PostgreSQL is started here (store_test_pg.h), and skipped aloud where there
 * is none.
 */
#include "base/test.h"
#include "sys/conf/conf.h"
#include "sys/os/os.h"
#include "sys/store/store_int.h"
#include "sys/store/store_test_pg.h"
#include "sys/sys.h"

#include <inttypes.h>

static struct test_pg pg;
static bool on_pg;
static int serial; /* of databases */

struct fix {
    struct test_ctx t;
    struct sys sys;
    struct conf *conf;
    char url[200], dir[64];
};
#define CX  (&((struct fix *)*state)->t.cx)
#define FIX ((struct fix *)*state)

/* The program's steps, and a table for these tests. */
static struct store_step steps[200];
static size_t step_count;

static void
make_steps(void)
{
    const struct store_step *real = store__steps(&step_count);

    memcpy(steps, real, step_count * sizeof(*real));
    steps[step_count++] = (struct store_step){
        "tests", 1,
        "create table things (k text not null primary key, n bigint, b blob, s text); "
        "create index things_n on things (n)",
        NULL
    };
    steps[step_count++] =
        (struct store_step){ "tests", 2,
                             "create table pairs (a text not null, b bigint not null, "
                             "primary key (a, b)) without rowid",
                             NULL };
}

static err_t
run(struct ctx *cx, const char *text, const struct sql_arg *args, size_t n, int64_t *first)
{
    scoped(store_rows_close) struct store_rows rows = { 0 };
    err_t e;

    if ((e = store__adhoc(cx, text, &rows, args, n)) != ERR_OK)
        return e;
    while (store_next(&rows))
        if (first != NULL)
            *first = store_int(&rows, 0);
    return store_done(&rows);
}

/* A fresh database: a file, or a schema of the server. */
static void
fresh(struct fix *f)
{
    struct store *s;

    serial++;
    if (!on_pg) {
        snprintf(f->dir, sizeof(f->dir), "/tmp/knoop-store-XXXXXX");
        assert_non_null(mkdtemp(f->dir));
        snprintf(f->url, sizeof(f->url), "sqlite://%s/knoop.db", f->dir);
        return;
    }
    snprintf(f->url, sizeof(f->url), "postgres://knoop@/postgres?host=%s", pg.dir);
    if (serial == 1) /* the server may still be waking up */
        for (int i = 0; i < 300; i++) {
            if (store_open(&f->t.cx, str_of(f->url), &s) == ERR_OK) {
                store_close(s);
                break;
            }
            nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
        }
    assert_int_equal(store_open(&f->t.cx, str_of(f->url), &s), ERR_OK);
    f->sys.store = s;
    snprintf(f->dir, sizeof(f->dir), "drop schema if exists t%d cascade", serial);
    assert_int_equal(run(&f->t.cx, f->dir, SQL_NO_ARGS, NULL), ERR_OK);
    snprintf(f->dir, sizeof(f->dir), "create schema t%d", serial);
    assert_int_equal(run(&f->t.cx, f->dir, SQL_NO_ARGS, NULL), ERR_OK);
    store_close(s);
    f->sys.store = NULL;
    snprintf(f->url, sizeof(f->url),
             "postgres://knoop@/postgres?host=%s&options=-csearch_path%%3Dt%d", pg.dir,
             serial);
}

static int
setup_empty(void **state)
{
    struct fix *f = calloc(1, sizeof(*f));

    *state = f;
    test_ctx_init(&f->t);
    assert_int_equal(conf_default(&f->t.cx, &f->conf), ERR_OK);
    f->conf->store_wait = 1000;
    f->conf->store_once = 4096;
    f->t.cx.conf = f->conf;
    f->t.cx.sys = &f->sys;
    fresh(f);
    return 0;
}

static void
reopen(struct fix *f)
{
    store_close(f->sys.store);
    f->sys.store = NULL;
    if (store__open(&f->t.cx, str_of(f->url), steps, step_count, &f->sys.store) != ERR_OK)
        fail_msg("open: %.*s", STR(f->t.cx.reason));
}

static int
setup(void **state)
{
    setup_empty(state);
    reopen(*state);
    return 0;
}

static int
teardown(void **state)
{
    struct fix *f = *state;

    store_close(f->sys.store);
    conf_give(f->conf);
    if (!on_pg) {
        static const char *const names[] = { "knoop.db",     "knoop.db-wal",
                                             "knoop.db-shm", "knoop.db-taken",
                                             "copy.db",      "copy.db-taken" };
        char path[128];

        for (size_t i = 0; i < COUNT(names); i++) {
            snprintf(path, sizeof(path), "%s/%s", f->dir, names[i]);
            unlink(path);
        }
        rmdir(f->dir);
    }
    test_ctx_fini(&f->t);
    free(f);
    return 0;
}

static void
ok(struct ctx *cx, err_t e)
{
    if (e != ERR_OK)
        fail_msg("%s: %.*s", err_row(e)->name, STR(cx->reason));
}

static void
reason_has(struct ctx *cx, const char *part)
{
    if (str_search(cx->reason, str_of(part)) == cx->reason.n)
        fail_msg("reason '%.*s' lacks '%s'", STR(cx->reason), part);
}

#define INSERT "insert into things (k, n, b, s) values ($1, $2, $3, $4)"

static err_t
put(struct ctx *cx, const char *k, int64_t n)
{
    return run(cx, INSERT,
               SQL_ARGS(sql_text(str_of(k)), sql_int(n), sql_null(), sql_text(S("x"))),
               NULL);
}

static int64_t
count(struct ctx *cx)
{
    int64_t n = -1;

    ok(cx, run(cx, "select count(*) from things", SQL_NO_ARGS, &n));
    return n;
}

/* --- what comes back is what went in ---------------------------------------- */

static void
values_return(void **state)
{
    static const uint8_t bytes[] = { 0, 1, 0xFF, 0, '\'' };
    static const int64_t ints[] = { 0, -1, INT64_MAX, INT64_MIN + 1, 1767225600000 };
    scoped(store_rows_close) struct store_rows rows = { 0 };
    struct bytes blob = { bytes, sizeof(bytes) };

    ok(CX, run(CX, INSERT,
               SQL_ARGS(sql_text(S("k'1")), sql_int(INT64_MAX), sql_blob(blob),
                        sql_text(S("h\xc3\xa9\n"))),
               NULL));
    ok(CX,
       run(CX, INSERT,
           SQL_ARGS(sql_text(S("k2")), sql_null(), sql_blob(((struct bytes){ NULL, 0 })),
                    sql_text(((struct str){ NULL, 0 }))),
           NULL));
    ok(CX,
       store__adhoc(CX, "select k, n, b, s from things order by k", &rows, SQL_NO_ARGS));
    assert_true(store_next(&rows));
    assert_true(str_is(store_text(&rows, 0), "k'1"));
    assert_true(store_int(&rows, 1) == INT64_MAX);
    assert_true(bytes_eq(store_blob(&rows, 2), blob));
    assert_true(str_is(store_text(&rows, 3), "h\xc3\xa9\n"));
    assert_true(store_next(&rows));
    assert_true(store_is_null(&rows, 1));
    assert_int_equal(store_int(&rows, 1), 0);
    assert_false(store_is_null(&rows, 2)); /* empty is not NULL */
    assert_false(store_is_null(&rows, 3));
    assert_non_null(store_text(&rows, 3).p);
    assert_int_equal(store_text(&rows, 3).n, 0);
    assert_false(store_next(&rows));
    assert_false(store_next(&rows));
    ok(CX, store_done(&rows));
    for (size_t i = 0; i < COUNT(ints); i++) {
        int64_t back = 7;

        ok(CX, run(CX, "update things set n = $1", SQL_ARGS(sql_int(ints[i])), NULL));
        ok(CX, run(CX, "select n from things where k = $1", SQL_ARGS(sql_text(S("k2"))),
                   &back));
        assert_true(back == ints[i]);
    }
}

static void
a_wrong_type_is_our_mistake(void **state)
{
    scoped(store_rows_close) struct store_rows rows = { 0 };

    ok(CX, put(CX, "a", 1));
    ok(CX, store__adhoc(CX, "select k, n from things", &rows, SQL_NO_ARGS));
    assert_true(store_next(&rows));
    assert_int_equal(store_int(&rows, 0), 0);
    assert_int_equal(store_done(&rows), ERR_INTERNAL);
    ok(CX, store__adhoc(CX, "select k, n from things", &rows, SQL_NO_ARGS));
    assert_true(store_next(&rows));
    assert_null(store_text(&rows, 2).p);
    assert_false(store_next(&rows)); /* sticky */
    assert_int_equal(store_done(&rows), ERR_INTERNAL);
    assert_int_equal(run(CX, "select n from things where k = $1", SQL_NO_ARGS, NULL),
                     ERR_INTERNAL);
    reason_has(CX, "wants 1 arguments and got 0");
}

static void
what_is_no_text_is_refused(void **state)
{
    assert_int_equal(run(CX, INSERT,
                         SQL_ARGS(sql_text(S("a\0b")), sql_int(1), sql_null(), sql_null()),
                         NULL),
                     ERR_BAD_REQUEST);
    assert_int_equal(run(CX, INSERT,
                         SQL_ARGS(sql_text(S("a\xff")), sql_int(1), sql_null(), sql_null()),
                         NULL),
                     ERR_BAD_REQUEST);
    assert_int_equal(count(CX), 0);
}

static void
text_is_in_byte_order(void **state)
{
    static const char *const keys[] = { "B", "_", "a", "b", "\xc3\xa9" };
    scoped(store_rows_close) struct store_rows rows = { 0 };

    for (size_t i = COUNT(keys); i > 0; i--)
        ok(CX, put(CX, keys[i - 1], 1));
    ok(CX, store__adhoc(CX, "select k from things order by k", &rows, SQL_NO_ARGS));
    for (size_t i = 0; i < COUNT(keys); i++) {
        assert_true(store_next(&rows));
        assert_true(str_is(store_text(&rows, 0), keys[i]));
    }
    ok(CX, store_done(&rows));
}

static void
a_key_that_is_there_conflicts(void **state)
{
    ok(CX, put(CX, "secret-key", 1));
    assert_int_equal(put(CX, "secret-key", 2), ERR_CONFLICT);
    assert_true(str_search(CX->reason, S("secret-key")) ==
                CX->reason.n); /* no value in a reason */
    assert_int_equal(count(CX), 1);
}

static void
rows_within_rows(void **state)
{
    int64_t seen = 0;

    for (int i = 0; i < 5; i++)
        ok(CX, put(CX, (char[]){ (char)('a' + i), 0 }, i));
    for (int depth = 0; depth < 2; depth++) {
        scoped(store_rows_close) struct store_rows outer = { 0 }, inner = { 0 };

        ok(CX, store_query(CX, SQL_store_alive, &outer, SQL_NO_ARGS));
        ok(CX, store_query(CX, SQL_store_alive, &inner,
                           SQL_NO_ARGS)); /* the same one, open twice */
        while (store_next(&outer))
            while (store_next(&inner))
                seen++;
        ok(CX, store_done(&inner));
        ok(CX, store_done(&outer));
    }
    assert_int_equal(seen, 2);
    assert_int_equal(store_state(FIX->sys.store).busy, 0);
    assert_int_equal(store_state(FIX->sys.store).open, 1); /* nesting takes no second one */
}

/* --- transactions ------------------------------------------------------------- */

static void
a_transaction_is_whole(void **state)
{
    {
        scoped(store_rollback) struct store_tx tx = { 0 };

        ok(CX, store_begin(CX, &tx));
        ok(CX, put(CX, "a", 1));
        assert_int_equal(count(CX), 1);
    } /* left without a commit */
    assert_int_equal(count(CX), 0);
    {
        scoped(store_rollback) struct store_tx tx = { 0 }, second = { 0 };

        ok(CX, store_begin(CX, &tx));
        ok(CX, put(CX, "a", 1));
        assert_int_equal(store_begin(CX, &second), ERR_INTERNAL);
        ok(CX, store_commit(&tx));
        assert_int_equal(store_commit(&tx), ERR_INTERNAL);
    }
    assert_int_equal(count(CX), 1);
}

static void
after_a_failure_only_rollback_is_left(void **state)
{
    scoped(store_rollback) struct store_tx tx = { 0 };

    ok(CX, put(CX, "a", 1));
    ok(CX, store_begin(CX, &tx));
    ok(CX, put(CX, "b", 1));
    assert_int_equal(put(CX, "a", 2), ERR_CONFLICT);
    assert_int_equal(put(CX, "c", 2), ERR_INTERNAL);
    reason_has(CX, "after a failure");
    assert_int_not_equal(store_commit(&tx), ERR_OK);
    assert_false(tx.open);
    assert_int_equal(count(CX), 1);
}

/* What never came to the engine is missing in it all the same. */
static void
no_memory_is_a_failure_too(void **state)
{
    scoped(store_rollback) struct store_tx tx = { 0 };
    struct store_rows rows = { 0 };

    ok(CX, store_begin(CX, &tx));
    ok(CX, put(CX, "a", 1));
    CX->arena->fail_at = CX->arena->taken + 1;
    assert_int_equal(store_query(CX, SQL_store_alive, &rows, SQL_NO_ARGS), ERR_NO_MEMORY);
    assert_int_not_equal(store_commit(&tx), ERR_OK);
    assert_int_equal(count(CX), 0);
    CX->arena->fail_at = 0;
    refuse_clear(CX);
    ok(CX, store_begin(CX, &tx));
    CX->arena->fail_at = CX->arena->taken + 1;
    assert_int_equal(store__adhoc(CX, "select k from things", &rows, SQL_NO_ARGS),
                     ERR_NO_MEMORY);
    assert_false(store_next(&rows));
    assert_int_equal(store_done(&rows), ERR_NO_MEMORY);
    assert_int_not_equal(store_commit(&tx), ERR_OK);
}

struct worker {
    struct fix *fix;
    pthread_t thread;
    int turns, won, lost, failed;
    const char *value;
};

static void
worker_ctx(const struct worker *w, struct arena *a, struct ctx *cx)
{
    arena_init(a, 16u << 20);
    ctx_init(cx, a, w->fix->t.cx.now_ms);
    cx->sys = &w->fix->sys;
    cx->conf = w->fix->conf;
}

static void
all(struct fix *f, struct worker *w, size_t n, void *(*fn)(void *))
{
    for (size_t i = 0; i < n; i++) {
        w[i].fix = f;
        assert_int_equal(pthread_create(&w[i].thread, NULL, fn, &w[i]), 0);
    }
    for (size_t i = 0; i < n; i++)
        pthread_join(w[i].thread, NULL);
}

/* Read, add one, write: lost updates would show. */
static err_t
add_one(struct ctx *cx, void *arg)
{
    int64_t n = 0;
    err_t e;

    (void)arg;
    if ((e = run(cx, "select n from things where k = 'sum'", SQL_NO_ARGS, &n)) != ERR_OK)
        return e;
    return run(cx, "update things set n = $1 where k = 'sum'", SQL_ARGS(sql_int(n + 1)),
               NULL);
}

static void *
adds(void *arg)
{
    struct worker *w = arg;
    struct arena a;
    struct ctx cx;

    worker_ctx(w, &a, &cx);
    for (int i = 0; i < w->turns; i++)
        store_transact(&cx, add_one, NULL) == ERR_OK ? w->won++ : w->failed++;
    arena_fini(&a);
    return NULL;
}

static void
transactions_do_not_lose_updates(void **state)
{
    struct worker w[4] = { 0 };
    int64_t n = 0, won = 0;

    ok(CX, put(CX, "sum", 0));
    for (size_t i = 0; i < COUNT(w); i++)
        w[i].turns = 10;
    all(FIX, w, COUNT(w), adds);
    for (size_t i = 0; i < COUNT(w); i++)
        won += w[i].won;
    ok(CX, run(CX, "select n from things where k = 'sum'", SQL_NO_ARGS, &n));
    assert_true(won > 0);
    assert_int_equal(n, won);
}

/* Writes, and then refuses every third time: of that nothing may stand. */
struct brief_row {
    char key[32];
    bool refuses;
};

static err_t
brief_put(struct ctx *cx, void *arg)
{
    const struct brief_row *r = arg;
    err_t e = put(cx, r->key, 1);

    return e == ERR_OK && r->refuses ? refuse(cx, ERR_FORBIDDEN, "", "as it was told") : e;
}

static void *
briefs(void *arg)
{
    struct worker *w = arg;
    struct arena a;
    struct ctx cx;

    worker_ctx(w, &a, &cx);
    for (int i = 0; i < w->turns; i++) {
        struct brief_row r = { .refuses = i % 3 == 2 };
        err_t e;

        snprintf(r.key, sizeof(r.key), "%p-%d", arg, i);
        e = store_transact_brief(&cx, brief_put, &r);
        if (e == (r.refuses ? ERR_FORBIDDEN : ERR_OK))
            r.refuses ? w->lost++ : w->won++;
        else
            w->failed++;
        /* the reason is this one's own, and so is the next one's freedom from it */
        if ((cx.refused == ERR_FORBIDDEN) != r.refuses)
            w->failed++;
        refuse_clear(&cx);
    }
    arena_fini(&a);
    return NULL;
}

static void
brief_ones_stand_each_for_themselves(void **state)
{
    enum { TURNS = 60 };
    struct worker w[12] = { 0 };
    int won = 0;

    for (size_t i = 0; i < COUNT(w); i++)
        w[i].turns = TURNS;
    all(FIX, w, COUNT(w), briefs);
    for (size_t i = 0; i < COUNT(w); i++) {
        assert_int_equal(w[i].failed, 0);
        assert_int_equal(w[i].lost, TURNS / 3);
        won += w[i].won;
    }
    assert_int_equal(count(CX), won);
    assert_int_equal(won, COUNT(w) * TURNS * 2 / 3);
}

/* One that holds the database ends the others' wait in time, and takes nothing of theirs.
 */
static void
brief_ones_do_not_wait_for_ever(void **state)
{
    struct brief_row r = { .key = "late" };
    scoped(store_rollback) struct store_tx tx = { 0 };
    struct worker w = { .turns = 1 };

    FIX->conf->store_wait = 200;
    store_close(FIX->sys.store);
    FIX->sys.store = NULL;
    reopen(FIX);
    ok(CX, store_begin(CX, &tx));
    ok(CX, put(CX, "held", 1));
    all(FIX, &w, 1, briefs);
    assert_true(w.failed > 0); /* UNAVAILABLE */
    store_rollback(&tx);
    ok(CX, store_transact_brief(CX, brief_put, &r));
    CX->may_not_block = true;
    assert_int_equal(store_transact_brief(CX, brief_put, &r), ERR_WOULD_BLOCK);
    CX->may_not_block = false;
}

/* --- once ------------------------------------------------------------------------ */

static void
once_is_once(void **state)
{
    char long_value[STORE_ONCE_MAX + 2];
    bool taken;

    memset(long_value, 'x', sizeof(long_value) - 1);
    long_value[sizeof(long_value) - 1] = '\0';
    assert_int_equal(store_take_once(CX, "jti", S(""), CX->now_ms + 5), ERR_BAD_REQUEST);
    assert_int_equal(store_take_once(CX, "jti", S("a"), CX->now_ms), ERR_BAD_REQUEST);
    assert_int_equal(store_take_once(CX, "jti", str_of(long_value), CX->now_ms + 5),
                     ERR_LIMIT);
    ok(CX, store_take_once(CX, "jti", S("a"), CX->now_ms + 1000));
    assert_int_equal(store_take_once(CX, "jti", S("a"), CX->now_ms + 1000), ERR_CONFLICT);
    ok(CX, store_take_once(CX, "nonce", S("a"), CX->now_ms + 1000)); /* kinds are apart */
    ok(CX, store_take_once(CX, "jti", S("A"), CX->now_ms + 1000));   /* and cases */
    ok(CX, store_was_taken(CX, "jti", S("a"), &taken));
    assert_true(taken);
    ok(CX, store_was_taken(CX, "jti", S("b"), &taken));
    assert_false(taken);
    store_fail_at(1);
    assert_int_equal(store_was_taken(CX, "jti", S("b"), &taken), ERR_STORE);
    assert_true(taken); /* who cannot know does not say "new" */
    CX->now_ms += 999;
    assert_int_equal(store_take_once(CX, "jti", S("a"), CX->now_ms + 1000), ERR_CONFLICT);
    CX->now_ms += 1;
    ok(CX, store_was_taken(CX, "jti", S("a"), &taken));
    assert_false(taken);
    ok(CX, store_take_once(CX, "jti", S("a"), CX->now_ms + 1000)); /* expired */
    assert_int_equal(store_take_once(CX, "jti", S("a"), CX->now_ms + 1000), ERR_CONFLICT);
}

/* Four requests, each with a context of its own. */
struct asker {
    struct arena arena;
    struct ctx cx;
};

static void
askers_init(struct fix *f, struct asker *a, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        arena_init(&a[i].arena, 1 << 20);
        ctx_init(&a[i].cx, &a[i].arena, f->t.cx.now_ms);
        a[i].cx.conf = f->conf;
        a[i].cx.sys = &f->sys;
    }
}

static void
askers_fini(struct asker *a, size_t n)
{
    for (size_t i = 0; i < n; i++)
        arena_fini(&a[i].arena);
}

static void
several_are_judged_each(void **state)
{
    static char long_value[STORE_ONCE_MAX + 2];
    int64_t soon = CX->now_ms + 1000;
    struct asker a[7];
    struct store_once list[7];
    const struct {
        struct str value;
        int64_t until;
        err_t wanted;
    } rows[7] = {
        { S("new"), soon, ERR_OK },
        { S("old"), soon, ERR_CONFLICT },
        { { long_value, sizeof(long_value) - 1 }, soon, ERR_LIMIT },
        { S("new"), soon, ERR_CONFLICT }, /* of the same batch: the first has it */
        { S(""), soon, ERR_BAD_REQUEST },
        { S("other"), soon, ERR_OK },
        { S("late"), CX->now_ms, ERR_BAD_REQUEST },
    };

    memset(long_value, 'x', sizeof(long_value) - 1);
    askers_init(FIX, a, COUNT(a));
    store_take_all(list, 0);
    ok(CX, store_take_once(CX, "jti", S("old"), soon));
    for (size_t i = 0; i < COUNT(list); i++)
        list[i] = (struct store_once){ &a[i].cx, "jti", rows[i].value, rows[i].until,
                                       ERR_INTERNAL };
    store_take_all(list, COUNT(list));
    for (size_t i = 0; i < COUNT(list); i++) {
        assert_int_equal(list[i].e, rows[i].wanted);
        assert_int_equal(a[i].cx.refused, rows[i].wanted); /* each its own reason */
    }
    assert_int_equal(store_take_once(CX, "jti", S("new"), soon), ERR_CONFLICT);
    assert_int_equal(store_take_once(CX, "jti", S("other"), soon), ERR_CONFLICT);
    ok(CX, store_take_once(CX, "jti", S("late"), soon));
    askers_fini(a, COUNT(a));
}

/* Whatever fails: who was told that he has it, has it, and nobody else will. */
static void
several_with_a_failing_call(void **state)
{
    int64_t soon = CX->now_ms + 1000;
    bool all = false;
    int n;

    for (n = 1; n < 60 && !all; n++) {
        struct asker a[4];
        struct store_once list[4];
        char value[4][16];

        askers_init(FIX, a, COUNT(a));
        for (size_t i = 0; i < COUNT(list); i++) {
            snprintf(value[i], sizeof(value[i]), "%d-%zu", n, i == 3 ? 0 : i);
            list[i] = (struct store_once){ &a[i].cx, "jti", str_of(value[i]), soon,
                                           ERR_INTERNAL };
        }
        store_fail_at(n);
        store_take_all(list, COUNT(list));
        store_fail_at(0);
        assert_int_equal(store_state(FIX->sys.store).busy, 0);
        assert_false(list[0].e == ERR_OK && list[3].e == ERR_OK); /* the same value */
        all = list[0].e == ERR_OK && list[1].e == ERR_OK && list[2].e == ERR_OK;
        for (size_t i = 0; i < COUNT(list); i++)
            if (list[i].e == ERR_OK)
                assert_int_equal(store_take_once(CX, "jti", list[i].value, soon),
                                 ERR_CONFLICT);
        all = all && n > 12;
        askers_fini(a, COUNT(a));
    }
    assert_true(all);
}

static void *
takes_several(void *arg)
{
    struct worker *w = arg;
    struct asker a[4];
    struct store_once list[4];
    char value[4][32];

    askers_init(w->fix, a, COUNT(a));
    for (int i = 0; i < w->turns; i++) {
        for (size_t j = 0; j < COUNT(list); j++) {
            snprintf(value[j], sizeof(value[j]), "several-%d-%zu", i, (j + (size_t)i) % 3);
            list[j] = (struct store_once){ &a[j].cx, "race", str_of(value[j]),
                                           a[j].cx.now_ms + 60000, ERR_INTERNAL };
        }
        store_take_all(list, COUNT(list));
        for (size_t j = 0; j < COUNT(list); j++)
            list[j].e == ERR_OK         ? w->won++
            : list[j].e == ERR_CONFLICT ? w->lost++
                                        : w->failed++;
    }
    askers_fini(a, COUNT(a));
    return NULL;
}

static void
several_of_many_threads(void **state)
{
    enum { TURNS = 12 };
    struct worker w[8] = { 0 };
    int won = 0;

    for (size_t i = 0; i < COUNT(w); i++)
        w[i].turns = TURNS;
    all(FIX, w, COUNT(w), takes_several);
    for (size_t i = 0; i < COUNT(w); i++) {
        assert_int_equal(w[i].failed, 0);
        won += w[i].won;
    }
    assert_int_equal(won, TURNS * 3); /* each value once, over all threads */
}

static void
what_expired_is_swept(void **state)
{
    int64_t n = -1;

    for (int i = 0; i < 30; i++) {
        char value[16];

        snprintf(value, sizeof(value), "v%d", i);
        ok(CX,
           store_take_once(CX, "code", str_of(value), CX->now_ms + (i < 20 ? 10 : 5000)));
    }
    CX->now_ms += 10;
    ok(CX, store_sweep(CX));
    ok(CX, run(CX, "select count(*) from once", SQL_NO_ARGS, &n));
    assert_int_equal(n, on_pg ? 10 : 0); /* a file keeps them beside SQLite */
    assert_int_equal(store_take_once(CX, "code", S("v25"), CX->now_ms + 10), ERR_CONFLICT);
}

static void *
takes(void *arg)
{
    struct worker *w = arg;
    struct arena a;
    struct ctx cx;

    worker_ctx(w, &a, &cx);
    for (int i = 0; i < w->turns; i++) {
        char value[32];
        err_t e;

        snprintf(value, sizeof(value), "nonce-%d", i);
        e = store_take_once(&cx, "race", str_of(value), cx.now_ms + 60000);
        e == ERR_OK ? w->won++ : e == ERR_CONFLICT ? w->lost++ : w->failed++;
    }
    arena_fini(&a);
    return NULL;
}

/* Eight threads in each of two processes, for the same values. */
static void
a_race_has_one_winner(void **state)
{
    enum { TURNS = 12 };
    struct worker w[8] = { 0 };
    int ends[2], sum[3] = { 0 }, theirs[3];
    pid_t pid;

    store_close(FIX->sys.store); /* no connection crosses a fork */
    FIX->sys.store = NULL;
    assert_int_equal(pipe(ends), 0);
    pid = fork();
    assert_true(pid >= 0);
    reopen(FIX);
    for (size_t i = 0; i < COUNT(w); i++)
        w[i].turns = TURNS;
    all(FIX, w, COUNT(w), takes);
    for (size_t i = 0; i < COUNT(w); i++) {
        sum[0] += w[i].won;
        sum[1] += w[i].lost;
        sum[2] += w[i].failed;
    }
    if (pid == 0) {
        store_close(FIX->sys.store);
        _exit(write(ends[1], sum, sizeof(sum)) == sizeof(sum) ? 0 : 1);
    }
    assert_int_equal(read(ends[0], theirs, sizeof(theirs)), sizeof(theirs));
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    close(ends[0]);
    close(ends[1]);
    assert_int_equal(sum[2] + theirs[2], 0);
    assert_int_equal(sum[0] + theirs[0], TURNS);
    assert_int_equal(sum[1] + theirs[1], TURNS * 15);
}

/* --- limits and faults -------------------------------------------------------------- */

static void
the_loop_does_not_wait(void **state)
{
    scoped(store_rows_close) struct store_rows rows = { 0 };
    scoped(store_rollback) struct store_tx tx = { 0 };

    CX->may_not_block = true;
    assert_int_equal(store_take_once(CX, "jti", S("a"), CX->now_ms + 1000),
                     ERR_WOULD_BLOCK);
    assert_int_equal(store_begin(CX, &tx), ERR_WOULD_BLOCK);
    assert_int_equal(run(CX, INSERT,
                         SQL_ARGS(sql_text(S("k")), sql_int(1), sql_null(), sql_null()),
                         NULL),
                     ERR_WOULD_BLOCK);
    if (on_pg) {
        assert_int_equal(store_query(CX, SQL_store_alive, &rows, SQL_NO_ARGS),
                         ERR_WOULD_BLOCK);
    } else {
        ok(CX, store_query(CX, SQL_store_alive, &rows, SQL_NO_ARGS));
        assert_true(store_next(&rows));
        ok(CX, store_done(&rows));
    }
    CX->may_not_block = false;
    assert_int_equal(count(CX), 0);
}

static void *
holds(void *arg)
{
    struct worker *w = arg;
    struct arena a;
    struct ctx cx;

    worker_ctx(w, &a, &cx);
    if (store_health(&cx, &(struct str){ NULL, 0 }) == ERR_OK)
        w->won++;
    else
        w->failed = (int)cx.refused;
    arena_fini(&a);
    return NULL;
}

static void
beyond_the_cap_is_unavailable(void **state)
{
    struct worker w[2] = { 0 };
    struct store_rows rows = { 0 };

    store_close(FIX->sys.store);
    FIX->conf->store_connections = 1;
    FIX->conf->store_wait = 50;
    FIX->sys.store = NULL;
    reopen(FIX);
    ok(CX, store_query(CX, SQL_store_alive, &rows, SQL_NO_ARGS)); /* held by this thread */
    all(FIX, w, 1, holds);
    assert_int_equal(w[0].failed, ERR_UNAVAILABLE);
    store_rows_close(&rows);
    all(FIX, w, 1, holds);
    assert_int_equal(w[0].won, 1);
}

static void *
holds_soon(void *arg)
{
    struct worker *w = arg;
    int64_t from = os_tick_ms();

    holds(w);
    w->turns = os_tick_ms() - from < 600;
    return NULL;
}

/* Four wait for it as long as they may; the others have their answer, and their thread. */
static void
one_that_hangs_takes_few_threads(void **state)
{
    struct worker w[12] = { 0 };
    struct store_rows rows = { 0 };
    int soon = 0;

    store_close(FIX->sys.store);
    FIX->conf->store_connections = 1;
    FIX->sys.store = NULL;
    reopen(FIX);
    ok(CX, store_query(CX, SQL_store_alive, &rows, SQL_NO_ARGS)); /* held all the while */
    all(FIX, w, COUNT(w), holds_soon);
    for (size_t i = 0; i < COUNT(w); i++) {
        assert_int_equal(w[i].failed, ERR_UNAVAILABLE);
        soon += w[i].turns;
    }
    assert_int_equal(soon, COUNT(w) - 4);
    store_rows_close(&rows);
}

static err_t
two_writes(struct ctx *cx, void *arg)
{
    err_t e;

    (void)arg;
    if ((e = put(cx, "one", 1)) != ERR_OK)
        return e;
    return put(cx, "two", 2);
}

/* With any call failing there are both rows or none, and it works again after. */
static void
every_call_may_fail(void **state)
{
    struct store *s = FIX->sys.store;
    int n = 0;

    for (n = 1; n < 50; n++) {
        err_t e;

        store_fail_at(n);
        e = store_transact(CX, two_writes, NULL);
        store_fail_at(0);
        assert_int_equal(store_state(s).busy, 0);
        if (e == ERR_OK)
            break;
        assert_int_equal(e, ERR_STORE);
        assert_int_equal(count(CX), 0);
    }
    assert_true(n > 5 && n < 50);
    assert_int_equal(count(CX), 2);
}

static void
health_is_told(void **state)
{
    struct str detail;

    ok(CX, store_health(CX, &detail));
    assert_true(str_starts(detail, on_pg ? S("postgres, 1 of 8") : S("sqlite, 1 of 8")));
    store_fail_at(1);
    assert_int_equal(store_health(CX, &detail), ERR_STORE);
    assert_null(detail.p);
    assert_true(store_state(FIX->sys.store).failures > 0);
}

static void
a_long_statement_ends_at_the_deadline(void **state)
{
    int64_t started = os_tick_ms();

    CX->deadline_ms = started + 150;
    assert_int_equal(
        run(CX,
            on_pg ? "select count(*) from pg_sleep(20)"
                  : "with recursive c(x) as (select 1 union all select x + 1 from c) "
                    "select count(*) from c",
            SQL_NO_ARGS, NULL),
        ERR_DEADLINE);
    assert_true(os_tick_ms() - started < 1500);
    CX->deadline_ms = 0;
    assert_int_equal(count(CX), 0); /* and it works on */
}

/* --- migrations --------------------------------------------------------------------- */

static err_t
open_with(struct fix *f, size_t n)
{
    err_t e;

    store_close(f->sys.store);
    f->sys.store = NULL;
    e = store__open(&f->t.cx, str_of(f->url), steps, n, &f->sys.store);
    return e;
}

static void
an_older_one_is_migrated(void **state)
{
    ok(CX, open_with(FIX, step_count - 1));
    ok(CX, put(CX, "kept", 1));
    assert_int_not_equal(run(CX, "select count(*) from pairs", SQL_NO_ARGS, NULL), ERR_OK);
    ok(CX, open_with(FIX, step_count));
    ok(CX, run(CX, "select count(*) from pairs", SQL_NO_ARGS, NULL));
    assert_int_equal(count(CX), 1);
    ok(CX, open_with(FIX, step_count)); /* and again, with nothing to do */
}

static void
a_newer_one_is_refused(void **state)
{
    ok(CX, open_with(FIX, step_count));
    assert_int_equal(open_with(FIX, step_count - 1), ERR_STORE_SCHEMA);
    reason_has(CX, "written by a newer Knoop (tests, step 2)");
    assert_null(FIX->sys.store);
}

static void
a_changed_step_is_refused(void **state)
{
    struct store_step kept = steps[step_count - 1];

    ok(CX, open_with(FIX, step_count));
    steps[step_count - 1].text =
        "create table pairs (a text not null primary key, b bigint not null)";
    assert_int_equal(open_with(FIX, step_count), ERR_STORE_SCHEMA);
    reason_has(CX, "was another when the database was made");
    steps[step_count - 1] = kept;
}

static void
a_failing_step_leaves_all_as_it_was(void **state)
{
    struct store_step kept = steps[step_count - 1];
    int64_t n = 0;

    ok(CX, open_with(FIX, step_count - 2)); /* without things and pairs */
    steps[step_count - 1].text = "create table pairs (a no such thing at all(";
    assert_int_not_equal(open_with(FIX, step_count), ERR_OK);
    steps[step_count - 1] = kept;
    ok(CX, open_with(FIX, step_count - 2));
    ok(CX,
       run(CX, "select count(*) from knoop_schema where room = 'tests'", SQL_NO_ARGS, &n));
    assert_int_equal(n, 0);
    assert_int_not_equal(run(CX, "select count(*) from things", SQL_NO_ARGS, NULL), ERR_OK);
}

static void
steps_out_of_order_are_refused(void **state)
{
    struct store_step kept = steps[step_count - 1];

    steps[step_count - 1].step = 3;
    assert_int_equal(open_with(FIX, step_count), ERR_INTERNAL);
    reason_has(CX, "schema of tests: step 3 stands where 2 belongs");
    steps[step_count - 1] = kept;
}

static void
another_program_s_database_is_refused(void **state)
{
    ok(CX, open_with(FIX, step_count));
    ok(CX, run(CX, "drop table knoop_schema", SQL_NO_ARGS, NULL));
    assert_int_equal(open_with(FIX, step_count), ERR_STORE_SCHEMA);
    reason_has(CX, "tables of another program");
}

static void *
opens(void *arg)
{
    struct worker *w = arg;
    struct arena a;
    struct ctx cx;
    struct store *s;

    worker_ctx(w, &a, &cx);
    if (store__open(&cx, str_of(w->fix->url), steps, step_count, &s) == ERR_OK)
        w->won++;
    else
        fprintf(stderr, "open: %.*s\n", STR(cx.reason));
    store_close(s);
    arena_fini(&a);
    return NULL;
}

static void
many_may_migrate_at_once(void **state)
{
    struct worker w[4] = { 0 };

    FIX->conf->store_wait = 30000; /* they wait for each other */
    all(FIX, w, COUNT(w), opens);
    for (size_t i = 0; i < COUNT(w); i++)
        assert_int_equal(w[i].won, 1);
}

static void
urls_are_refused(void **state)
{
    static const struct {
        const char *url, *part;
        err_t e;
    } rows[] = {
        { "mysql://u:hunter2@h/d", "begins with none of", ERR_CONF },
        { "sqlite::memory:", "names no file", ERR_CONF },
        { "sqlite:///", "names no file", ERR_CONF },
        { "postgres://u:hunter2@db.organisation.nl/d", "choose its sslmode", ERR_CONF },
        { "postgres://u:hunter2@10.0.0.1/d", "choose its sslmode", ERR_CONF },
        { "postgres://u:hunter2@h:x y/d", "", ERR_CONF },
        { "postgres://u:hunter2@127.0.0.1:1/d", "no connection to PostgreSQL", ERR_STORE },
        { "sqlite:///proc/nothing/knoop.db", "", ERR_OK },
    };
    struct store *s;

    for (size_t i = 0; i < COUNT(rows); i++) {
        err_t e = store_open(CX, str_of(rows[i].url), &s);

        assert_null(s);
        assert_int_not_equal(e, ERR_OK);
        if (rows[i].e != ERR_OK)
            assert_int_equal(e, rows[i].e);
        reason_has(CX, rows[i].part);
        assert_true(str_search(CX->reason, S("hunter2")) == CX->reason.n);
    }
}

/* --- SQLite alone ------------------------------------------------------------------- */

static void
the_file_is_private(void **state)
{
    struct stat st;
    char path[128];

    snprintf(path, sizeof(path), "%s/knoop.db", FIX->dir);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    snprintf(path, sizeof(path), "%s/knoop.db-wal", FIX->dir);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    path[strlen(path) - 4] = '\0';
    store_close(FIX->sys.store);
    FIX->sys.store = NULL;
    assert_int_equal(chmod(path, 0644), 0);
    assert_int_equal(open_with(FIX, step_count), ERR_STORE);
    reason_has(CX, "chmod 0600");
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(chmod(FIX->dir, 0755), 0);
    assert_int_not_equal(open_with(FIX, step_count), ERR_OK);
    assert_int_equal(chmod(FIX->dir, 0700), 0);
    ok(CX, open_with(FIX, step_count));
}

static void
a_copy_is_whole(void **state)
{
    char path[128], url[200];

    ok(CX, put(CX, "a", 1));
    snprintf(path, sizeof(path), "%s/copy.db", FIX->dir);
    ok(CX, store_backup(CX, path));
    assert_int_equal(chmod(path, 0600), 0);
    ok(CX, put(CX, "b", 1));
    store_close(FIX->sys.store);
    FIX->sys.store = NULL;
    snprintf(url, sizeof(url), "sqlite:file:%s?_pragma=foreign_keys(1)", path);
    ok(CX, store__open(CX, str_of(url), steps, step_count, &FIX->sys.store));
    assert_int_equal(count(CX), 1);
}

/* A child writes, and says so after each commit; what it said is there after kill -9. */
static int
child_until_killed(struct fix *f, bool brief, int to)
{
    for (int i = 0;; i++) {
        struct brief_row r = { .refuses = false };

        snprintf(r.key, sizeof(r.key), "row-%d", i);
        if ((brief ? store_transact_brief(&f->t.cx, brief_put, &r)
                   : put(&f->t.cx, r.key, i)) != ERR_OK ||
            write(to, &i, sizeof(i)) != sizeof(i))
            _exit(1);
        arena_reset(&f->t.arena);
    }
}

static void
nothing_acknowledged_is_lost(void **state)
{
    enum { ROUNDS = 10 };

    for (int round = 0; round < ROUNDS; round++) {
        int ends[2], i, last = -1;
        pid_t pid;

        store_close(FIX->sys.store);
        FIX->sys.store = NULL;
        assert_int_equal(pipe(ends), 0);
        if ((pid = fork()) == 0) {
            reopen(FIX);
            if (run(CX, "delete from things", SQL_NO_ARGS, NULL) != ERR_OK)
                _exit(1);
            child_until_killed(FIX, round % 2 == 1, ends[1]);
        }
        close(ends[1]);
        assert_int_equal(read(ends[0], &i, sizeof(i)), sizeof(i)); /* it is writing */
        nanosleep(&(struct timespec){ .tv_nsec = (round * 7919 % 40 + 3) * 1000000L },
                  NULL);
        kill(pid, SIGKILL);
        for (last = i; read(ends[0], &i, sizeof(i)) == sizeof(i);)
            last = i;
        waitpid(pid, NULL, 0);
        close(ends[0]);
        reopen(FIX);
        i = (int)count(CX);
        assert_true(i == last + 1 || i == last + 2); /* the one it could not yet say */
    }
}

/* --- PostgreSQL alone --------------------------------------------------------------- */

static void
a_broken_connection_is_made_anew(void **state)
{
    scoped(store_rollback) struct store_tx tx = { 0 };
    struct str detail;

    assert_int_equal(
        run(CX, "select count(pg_terminate_backend(pg_backend_pid()))", SQL_NO_ARGS, NULL),
        ERR_STORE);
    ok(CX, put(CX, "a", 1)); /* seen at once: nothing was sent on the old one */
    ok(CX, store_begin(CX, &tx));
    ok(CX, put(CX, "b", 1));
    assert_int_not_equal(
        run(CX, "select count(pg_terminate_backend(pg_backend_pid()))", SQL_NO_ARGS, NULL),
        ERR_OK);
    assert_int_not_equal(store_commit(&tx), ERR_OK);
    ok(CX, store_health(CX, &detail));
    assert_int_equal(count(CX), 1); /* b went with its transaction */
}

static void *
kills_others(void *arg)
{
    struct worker *w = arg;
    struct arena a;
    struct ctx cx;

    worker_ctx(w, &a, &cx);
    w->won = run(&cx,
                 "select count(pg_terminate_backend(pid)) from pg_stat_activity "
                 "where pid <> pg_backend_pid() and application_name = 'knoop'",
                 SQL_NO_ARGS, NULL) == ERR_OK;
    arena_fini(&a);
    return NULL;
}

/* A read whose connection died under it, unseen, is asked again. */
static void
a_read_is_asked_once_more(void **state)
{
    struct worker w = { 0 };
    struct store_rows rows = { 0 };

    ok(CX, put(CX, "a", 1));
    ok(CX, store_query(CX, SQL_store_alive, &rows,
                       SQL_NO_ARGS)); /* so that the other gets its own */
    all(FIX, &w, 1, kills_others);
    store_rows_close(&rows);
    assert_int_equal(w.won, 1);
    assert_int_equal(count(CX), 1);
}

#define EACH(f)  cmocka_unit_test_setup_teardown(f, setup, teardown)
#define EMPTY(f) cmocka_unit_test_setup_teardown(f, setup_empty, teardown)
#define BOTH                                                                               \
    EACH(values_return), EACH(a_wrong_type_is_our_mistake),                                \
        EACH(what_is_no_text_is_refused), EACH(text_is_in_byte_order),                     \
        EACH(a_key_that_is_there_conflicts), EACH(rows_within_rows),                       \
        EACH(a_transaction_is_whole), EACH(after_a_failure_only_rollback_is_left),         \
        EACH(no_memory_is_a_failure_too), EACH(transactions_do_not_lose_updates),          \
        EACH(once_is_once), EACH(several_are_judged_each),                                 \
        EACH(several_with_a_failing_call), EACH(several_of_many_threads),                  \
        EACH(brief_ones_stand_each_for_themselves), EACH(what_expired_is_swept),           \
        EACH(a_race_has_one_winner), EACH(the_loop_does_not_wait),                         \
        EACH(beyond_the_cap_is_unavailable), EACH(one_that_hangs_takes_few_threads),       \
        EACH(every_call_may_fail), EACH(health_is_told),                                   \
        EACH(a_long_statement_ends_at_the_deadline), EMPTY(an_older_one_is_migrated),      \
        EMPTY(a_newer_one_is_refused), EMPTY(a_changed_step_is_refused),                   \
        EMPTY(a_failing_step_leaves_all_as_it_was), EMPTY(steps_out_of_order_are_refused), \
        EMPTY(another_program_s_database_is_refused), EMPTY(many_may_migrate_at_once)

int
main(void)
{
    const struct CMUnitTest sqlite[] = {
        BOTH,
        EACH(urls_are_refused),
        EACH(the_file_is_private),
        EACH(a_copy_is_whole),
        EACH(nothing_acknowledged_is_lost),
        EACH(brief_ones_do_not_wait_for_ever),
    };
    const struct CMUnitTest postgres[] = {
        BOTH,
        EACH(a_broken_connection_is_made_anew),
        EACH(a_read_is_asked_once_more),
    };
    int failed, started;

    make_steps();
    failed = cmocka_run_group_tests_name("sqlite", sqlite, NULL, NULL);
    if ((started = test_pg_start(&pg)) <= 0)
        return failed - started;
    on_pg = true;
    serial = 0;
    failed += cmocka_run_group_tests_name("postgres", postgres, NULL, NULL);
    test_pg_stop(&pg);
    return failed;
}

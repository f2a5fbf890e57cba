/*
 * store_kept_test.c - what is kept is what a read would give: after each commit, of
 * whatever thread, connection or process. SQLite, as PostgreSQL keeps nothing. EUPL-1.2.
 */
#include "base/test.h"
#include "sys/store/store_int.h"
#include "sys/sys.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct fix {
    struct test_ctx t;
    struct sys sys;
    char url[200], dir[64];
};
#define FIX ((struct fix *)*state)
#define CX  (&FIX->t.cx)

static void
open_it(struct fix *f)
{
    assert_int_equal(store_open(&f->t.cx, str_of(f->url), &f->sys.store), ERR_OK);
}

static int
setup(void **state)
{
    struct fix *f = calloc(1, sizeof(*f));

    *state = f;
    test_ctx_init(&f->t);
    f->t.cx.sys = &f->sys;
    snprintf(f->dir, sizeof(f->dir), "/tmp/knoop-kept-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->url, sizeof(f->url), "sqlite://%s/knoop.db", f->dir);
    open_it(f);
    return 0;
}

static int
teardown(void **state)
{
    static const char *const files[] = { "knoop.db", "knoop.db-wal", "knoop.db-shm",
                                         "knoop.db-taken" };
    char path[128];

    store_close(FIX->sys.store);
    for (size_t i = 0; i < COUNT(files); i++) {
        snprintf(path, sizeof(path), "%s/%s", FIX->dir, files[i]);
        unlink(path);
    }
    rmdir(FIX->dir);
    test_ctx_fini(&FIX->t);
    free(FIX);
    return 0;
}

#define BLOB(z) sql_blob(bytes_of(S(z)))

static void
add(struct ctx *cx, const char *hash, int64_t expires, struct sql_arg more)
{
    assert_int_equal(store_exec(cx, SQL_oauth_token_add, NULL,
                                SQL_ARGS(sql_blob(bytes_of(str_of(hash))), sql_int(expires),
                                         BLOB("sealed"), more)),
                     ERR_OK);
}

static void
end(struct ctx *cx, int64_t now)
{
    assert_int_equal(store_exec(cx, SQL_oauth_token_sweep, NULL, SQL_ARGS(sql_int(now))),
                     ERR_OK);
}

/* When it expires; 0: it is not there. */
static int64_t
look_for(struct ctx *cx, struct bytes hash)
{
    scoped(store_rows_close) struct store_rows rows = { 0 };
    int64_t expires = 0;

    assert_int_equal(
        store_query_kept(cx, SQL_oauth_token_find, &rows, SQL_ARGS(sql_blob(hash))),
        ERR_OK);
    if (store_next(&rows)) {
        assert_true(bytes_eq(store_blob(&rows, 0), bytes_of(S("sealed"))));
        expires = store_int(&rows, 1);
    }
    assert_int_equal(store_done(&rows), ERR_OK);
    return expires;
}

static int64_t
look(struct ctx *cx, const char *hash)
{
    return look_for(cx, bytes_of(str_of(hash)));
}

static bool
asks_the_engine_for(struct ctx *cx, struct bytes hash)
{
    int64_t before = store_state(cx->sys->store).calls;

    (void)look_for(cx, hash);
    return store_state(cx->sys->store).calls != before;
}

static bool
asks_the_engine(struct ctx *cx, const char *hash)
{
    return asks_the_engine_for(cx, bytes_of(str_of(hash)));
}

/* --- it is kept, and no longer than it is true -------------------------------------- */

static void
what_nobody_changed_is_not_read_again(void **state)
{
    add(CX, "a", 10, sql_null());
    assert_int_equal(look(CX, "a"), 10);
    assert_false(asks_the_engine(CX, "a"));
    assert_int_equal(look(CX, "a"), 10);
    assert_true(asks_the_engine(CX, "b")); /* that it is not there is kept too */
    assert_false(asks_the_engine(CX, "b"));
    assert_int_equal(look(CX, "b"), 0);
}

static void
a_commit_is_seen(void **state)
{
    for (int i = 0; i < 50; i++) {
        add(CX, "a", 10 + i, sql_null());
        assert_int_equal(look(CX, "a"), 10 + i);
        assert_int_equal(look(CX, "a"), 10 + i);
        end(CX, 10 + i);
        assert_int_equal(look(CX, "a"), 0);
        assert_int_equal(look(CX, "a"), 0);
    }
}

/* Its connections, memory and marks are its own. */
static void
a_commit_of_another_store_is_seen(void **state)
{
    struct sys other = { 0 };
    struct ctx cx = *CX;

    cx.sys = &other;
    assert_int_equal(store_open(&cx, str_of(FIX->url), &other.store), ERR_OK);
    add(CX, "a", 10, sql_null());
    for (int i = 0; i < 50; i++) {
        assert_int_equal(look(CX, "a"), 10);
        assert_false(asks_the_engine(CX, "a"));
        assert_int_equal(look(&cx, "a"), 10);
        end(&cx, 10);
        assert_int_equal(look(CX, "a"), 0);
        add(CX, "a", 10, sql_null());
        assert_int_equal(look(&cx, "a"), 10);
    }
    store_close(other.store);
}

/*
 * A child that adds and ends when it is told to, and says when that is acknowledged. It
 * asserts nothing: a failure would go on with the tests, in two processes.
 */
static void
obey(struct fix *f, int orders, int done)
{
    char c = '!'; /* opening may write: so what is kept before it is not kept long */
    err_t e = store_open(&f->t.cx, str_of(f->url), &f->sys.store);

    while (e == ERR_OK && write(done, &c, 1) == 1 && read(orders, &c, 1) == 1)
        e = c == '+'
                ? store_exec(&f->t.cx, SQL_oauth_token_add, NULL,
                             SQL_ARGS(BLOB("a"), sql_int(10), BLOB("sealed"), sql_null()))
                : store_exec(&f->t.cx, SQL_oauth_token_sweep, NULL, SQL_ARGS(sql_int(10)));
    store_close(f->sys.store);
    _exit(0);
}

static void
a_commit_of_another_process_is_seen(void **state)
{
    int orders[2], done[2];
    pid_t pid;
    char c;

    store_close(FIX->sys.store); /* no connection crosses a fork */
    FIX->sys.store = NULL;
    assert_int_equal(pipe(orders), 0);
    assert_int_equal(pipe(done), 0);
    if ((pid = fork()) == 0) {
        close(orders[1]);
        obey(FIX, orders[0], done[1]);
    }
    close(orders[0]); /* so that what the child no longer has ends */
    close(done[1]);
    open_it(FIX);
    assert_int_equal(read(done[0], &c, 1), 1);
    for (int i = 0; i < 200; i++) {
        assert_int_equal(look(CX, "a"), i % 2 == 0 ? 0 : 10);
        assert_false(asks_the_engine(CX, "a"));
        assert_int_equal(write(orders[1], i % 2 == 0 ? "+" : "-", 1), 1);
        assert_int_equal(read(done[0], &c, 1), 1);
        assert_int_equal(look(CX, "a"), i % 2 == 0 ? 10 : 0);
    }
    close(orders[1]);
    close(done[0]);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* A checkpoint copies, and begins the log anew: the rows stay what they are. */
static void
a_checkpoint_changes_nothing(void **state)
{
    scoped(store_rows_close) struct store_rows rows = { 0 };

    add(CX, "a", 10, sql_null());
    assert_int_equal(look(CX, "a"), 10);
    assert_int_equal(
        store__adhoc(CX, "pragma wal_checkpoint(truncate)", &rows, SQL_NO_ARGS), ERR_OK);
    while (store_next(&rows))
        ;
    assert_int_equal(store_done(&rows), ERR_OK);
    assert_int_equal(look(CX, "a"), 10);
    end(CX, 10);
    assert_int_equal(look(CX, "a"), 0);
}

static void
a_transaction_reads_for_itself(void **state)
{
    struct store_tx tx;

    assert_int_equal(look(CX, "a"), 0);
    assert_int_equal(store_begin(CX, &tx), ERR_OK);
    add(CX, "a", 10, sql_null());
    assert_int_equal(look(CX, "a"), 10); /* not yet committed, but its own */
    store_rollback(&tx);
    assert_int_equal(look(CX, "a"), 0);
}

/* --- what it gives ------------------------------------------------------------------ */

static void
look_more(struct ctx *cx, const char *hash, bool null, const char *more)
{
    scoped(store_rows_close) struct store_rows rows = { 0 };

    assert_int_equal(store_query_kept(cx, SQL_oauth_token_more, &rows,
                                      SQL_ARGS(sql_blob(bytes_of(str_of(hash))))),
                     ERR_OK);
    assert_true(store_next(&rows));
    assert_int_equal(store_is_null(&rows, 0), null);
    assert_true(bytes_eq(store_blob(&rows, 0), bytes_of(str_of(more))));
    assert_int_equal(store_int(&rows, 1), 10);
    assert_false(store_is_null(&rows, 1));
    assert_false(store_next(&rows));
    assert_false(store_next(&rows));
}

static void
each_type_returns(void **state)
{
    add(CX, "null", 10, sql_null());
    add(CX, "empty", 10, BLOB(""));
    add(CX, "some", 10, BLOB("more"));
    for (int i = 0; i < 3; i++) {
        look_more(CX, "null", true, "");
        look_more(CX, "empty", false, "");
        look_more(CX, "some", false, "more");
    }
}

static void
a_wrong_type_is_our_mistake(void **state)
{
    add(CX, "a", 10, sql_null());
    for (int i = 0; i < 2; i++) {
        scoped(store_rows_close) struct store_rows rows = { 0 };

        assert_int_equal(
            store_query_kept(CX, SQL_oauth_token_find, &rows, SQL_ARGS(BLOB("a"))), ERR_OK);
        assert_true(store_next(&rows));
        assert_null(store_text(&rows, 1).p);
        assert_int_equal(store_done(&rows), ERR_INTERNAL);
    }
}

static void
what_is_large_is_read_each_time(void **state)
{
    static char large[8192];
    struct str s = { large, sizeof(large) };

    memset(large, 'x', sizeof(large));
    add(CX, "a", 10, sql_blob(bytes_of(s)));
    for (int i = 0; i < 3; i++) {
        scoped(store_rows_close) struct store_rows rows = { 0 };

        assert_int_equal(
            store_query_kept(CX, SQL_oauth_token_more, &rows, SQL_ARGS(BLOB("a"))), ERR_OK);
        assert_true(store_next(&rows));
        assert_true(bytes_eq(store_blob(&rows, 0), bytes_of(s)));
    }
    for (int i = 0; i < 2; i++) /* a large question, of which there is nothing */
        assert_true(asks_the_engine_for(CX, bytes_of(s)));
    assert_int_equal(store_state(CX->sys->store).kept, 0);
}

/* More questions than slots: each has its own answer, whoever shares a slot. */
static void
slots_are_shared(void **state)
{
    enum { MANY = 9000 };
    struct store_tx tx;
    char key[16];
    int64_t kept = 0;

    assert_int_equal(store_begin(CX, &tx), ERR_OK);
    for (int i = 1; i <= MANY; i++) {
        snprintf(key, sizeof(key), "%d", i);
        add(CX, key, i, sql_null());
    }
    assert_int_equal(store_commit(&tx), ERR_OK);
    for (int turn = 0; turn < 2; turn++) {
        for (int i = 1; i <= MANY; i++) {
            snprintf(key, sizeof(key), "%d", i);
            assert_int_equal(look(CX, key), i);
            assert_int_equal(look(CX, key), i);
        }
        if (turn > 0) /* they are full */
            assert_int_equal(store_state(CX->sys->store).kept, kept);
        kept = store_state(CX->sys->store).kept;
    }
    assert_true(kept > MANY / 2 * 6 && kept < MANY * 4096);
}

/* What str_hash is of n bytes before the first of them: its steps can be undone. */
static uint64_t
hash_before(size_t n)
{
    uint64_t k = str_mix(1, 0), inverse, h = str_hash(S(""));

    k ^= k >> 32;
    inverse = k;
    for (int i = 0; i < 5; i++)
        inverse *= 2 - k * inverse;
    return ((h ^ h >> 32) * inverse) ^ n;
}

/* Two questions with one hash, as a stranger could make them. */
static void
one_hash_is_not_one_question(void **state)
{
    char a[] = "1234567abcdefgh", b[] = "7654321abcdefgh";
    uint64_t h[2], last;
    struct sql_arg arg[2] = { sql_blob(((struct bytes){ (uint8_t *)a, 15 })),
                              sql_blob(((struct bytes){ (uint8_t *)b, 15 })) };

    for (int i = 0; i < 2; i++) { /* what the hash is before the last eight bytes */
        struct bytes key = store__kept_key(CX->arena, &arg[i], 1);

        assert_int_equal(key.n, 4 * sizeof(last));
        h[i] = hash_before(key.n);
        for (size_t k = 0; k < 3; k++) {
            memcpy(&last, key.p + k * sizeof(last), sizeof(last));
            h[i] = str_mix(h[i], last);
        }
    }
    memcpy(&last, b + 7, 8);
    last ^= h[0] ^ h[1];
    memcpy(b + 7, &last, 8);
    for (int i = 0; i < 2; i++)
        h[i] =
            store__kept_hash(SQL_oauth_token_find, store__kept_key(CX->arena, &arg[i], 1));
    assert_true(h[0] == h[1]);
    for (int i = 0; i < 2; i++)
        assert_int_equal(
            store_exec(CX, SQL_oauth_token_add, NULL,
                       SQL_ARGS(arg[i], sql_int(10 + i), BLOB("sealed"), sql_null())),
            ERR_OK);
    for (int i = 0; i < 6; i++) {
        scoped(store_rows_close) struct store_rows rows = { 0 };

        assert_int_equal(
            store_query_kept(CX, SQL_oauth_token_find, &rows, SQL_ARGS(arg[i % 2])),
            ERR_OK);
        assert_true(store_next(&rows));
        assert_int_equal(store_int(&rows, 1), 10 + i % 2);
    }
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        T(what_nobody_changed_is_not_read_again),
        T(a_commit_is_seen),
        T(a_commit_of_another_store_is_seen),
        T(a_commit_of_another_process_is_seen),
        T(a_checkpoint_changes_nothing),
        T(a_transaction_reads_for_itself),
        T(each_type_returns),
        T(a_wrong_type_is_our_mistake),
        T(what_is_large_is_read_each_time),
        T(slots_are_shared),
        T(one_hash_is_not_one_question),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

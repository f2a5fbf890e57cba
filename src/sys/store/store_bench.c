/*
 * store_bench.c - what the store costs above the engine it stands on. The
 * bounds are measured here, by the engine's own interface; PostgreSQL's is what one
 * connection gave when it was chosen, without a pipeline. Reads are counted per
 * second of this process's CPU, which a busy machine bends less; writes wait for
 * the disk and are counted by the wall. EUPL-1.2.
 */
#include <sqlite3.h>

#include "base/bench.h"
#include "crypto/prim/prim.h"
#include "sys/conf/conf.h"
#include "sys/os/os.h"
#include "sys/store/store_int.h"
#include "sys/store/store_test_pg.h"
#include "sys/sys.h"

enum { KEYS = 50000, LOOKUPS = 100000, WRITES = 1000, PG_LOOKUPS = 5000, THREADS = 2 };
static const double PG_BOUND = 26000; /* per connection: 23,000-30,000 */

static struct arena arena;
static struct ctx cx;
static struct sys sys;

static void
must(err_t e)
{
    bench_must(&cx, e, "store");
}

/* 32 bytes, as a token's hash has. */
static struct str
key(char room[40], uint64_t i)
{
    snprintf(room, 40, "%016llx%016llx", (unsigned long long)(i * 0x9E3779B97F4A7C15ull),
             (unsigned long long)(i * 0xD1B54A32D192ED03ull));
    return (struct str){ room, 32 };
}

static void
fill(void)
{
    struct store_tx tx;
    char room[40];

    must(store_begin(&cx, &tx));
    for (uint64_t i = 0; i < KEYS; i++) {
        must(store_exec(&cx, SQL_once_take, NULL,
                        SQL_ARGS(sql_text(S("k")), sql_text(key(room, i)),
                                 sql_int(INT64_MAX / 2), sql_int(1))));
        arena_reset(&arena);
    }
    must(store_commit(&tx));
}

static double
lookups(int n)
{
    int64_t start = bench_process_ns();
    char room[40];

    for (int i = 0; i < n; i++) {
        struct str k = key(room, (uint64_t)i * 7919 % KEYS);
        struct store_rows rows;

        must(store_query(&cx, SQL_once_seen, &rows,
                         SQL_ARGS(sql_text(S("k")), sql_text(k), sql_int(1))));
        if (!store_next(&rows))
            exit(1);
        must(store_done(&rows));
        arena_reset(&arena);
    }
    return n / ((double)(bench_process_ns() - start) / 1e9);
}

static err_t
write_one(struct ctx *c, struct str kind, struct str k)
{
    return store_exec(
        c, SQL_once_take, NULL,
        SQL_ARGS(sql_text(kind), sql_text(k), sql_int(INT64_MAX / 2), sql_int(1)));
}

static double
writes(int n)
{
    int64_t start = bench_wall_ns();
    char room[40];

    for (int i = 0; i < n; i++) {
        must(write_one(&cx, S("w"), key(room, (uint64_t)i)));
        arena_reset(&arena);
    }
    return n / ((double)(bench_wall_ns() - start) / 1e9);
}

static double
takes(void)
{
    int64_t start = bench_process_ns();
    char room[40];

    for (int i = 0; i < LOOKUPS; i++) {
        must(store_take_once(&cx, "k", key(room, (uint64_t)i), cx.now_ms + 60000));
        arena_reset(&arena);
    }
    return LOOKUPS / ((double)(bench_process_ns() - start) / 1e9);
}

static double
hashes(void)
{
    int64_t start = bench_process_ns();
    uint8_t hash[HASH_MAX];
    char room[40];

    for (int i = 0; i < LOOKUPS; i++)
        must(hmac_bytes(&cx, HASH_SHA256, bytes_of(key(room, 0)),
                        bytes_of(key(room, (uint64_t)i)), hash));
    return LOOKUPS / ((double)(bench_process_ns() - start) / 1e9);
}

struct thread {
    pthread_t id;
    int number;
};

static void *
writer(void *arg)
{
    struct thread *t = arg;
    struct arena mine;
    struct ctx own;
    char room[40];

    arena_init(&mine, 1 << 20);
    ctx_init(&own, &mine, cx.now_ms);
    own.sys = &sys;
    for (int i = 0; i < WRITES / THREADS; i++) {
        if (write_one(&own, t->number ? S("t1") : S("t0"), key(room, (uint64_t)i)) !=
            ERR_OK)
            exit(1);
        arena_reset(&mine);
    }
    arena_fini(&mine);
    return NULL;
}

static double
writes_by_threads(void)
{
    struct thread t[THREADS];
    int64_t start = bench_wall_ns();

    for (int i = 0; i < THREADS; i++) {
        t[i].number = i;
        pthread_create(&t[i].id, NULL, writer, &t[i]);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(t[i].id, NULL);
    return WRITES / ((double)(bench_wall_ns() - start) / 1e9);
}

/* The same work by SQLite's own interface, one statement prepared once. */
static double
raw(const char *path, const char *text, int n, bool write, int first)
{
    sqlite3 *db;
    sqlite3_stmt *stmt;
    int64_t start;
    char room[40];

    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) !=
            SQLITE_OK ||
        sqlite3_exec(db, "pragma synchronous = full; pragma cache_size = -4000", NULL, NULL,
                     NULL) != SQLITE_OK ||
        sqlite3_prepare_v2(db, text, -1, &stmt, NULL) != SQLITE_OK)
        exit(1);
    start = write ? bench_wall_ns() : bench_process_ns();
    for (int i = 0; i < n; i++) {
        struct str k = key(room, (uint64_t)(write ? first + i : i * 7919 % KEYS));

        sqlite3_bind_text(stmt, 1, write ? "raw" : "k", -1, SQLITE_STATIC);
        sqlite3_bind_text(stmt, 2, k.p, 32, SQLITE_STATIC);
        if (write) {
            sqlite3_bind_int64(stmt, 3, INT64_MAX / 2);
            sqlite3_bind_int64(stmt, 4, 1);
        }
        if (sqlite3_step(stmt) != (write ? SQLITE_DONE : SQLITE_ROW))
            exit(1);
        sqlite3_reset(stmt);
    }
    double rate =
        n / ((double)((write ? bench_wall_ns() : bench_process_ns()) - start) / 1e9);
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    return rate;
}

static void
sqlite(void)
{
    char dir[] = "/tmp/knoop-bench-XXXXXX", path[64], url[80];
    static const char *const names[] = { "k.db", "k.db-wal", "k.db-shm", "k.db-taken" };
    double bound;

    if (mkdtemp(dir) == NULL)
        exit(1);
    snprintf(path, sizeof(path), "%s/k.db", dir);
    snprintf(url, sizeof(url), "sqlite://%s", path);
    must(store_open(&cx, str_of(url), &sys.store));
    fill();
    bound = raw(path, "select until from once where kind = $1 and value = $2", LOOKUPS,
                false, 0);
    bench_rate("store.sqlite.lookup", lookups(LOOKUPS), "1/s-of-CPU", bound,
               "by SQLite's own interface");
    bound = raw(path,
                "insert into once (kind, value, until) values ($1, $2, $3) on conflict "
                "(kind, value) "
                "do update set until = excluded.until where once.until <= $4",
                WRITES, true, 0);
    bench_rate("store.sqlite.write", writes(WRITES), "1/s", bound,
               "1/s by SQLite's own interface, on the same disk");
    bench_rate("store.sqlite.write.threads", writes_by_threads(), "1/s", bound,
               "1/s by one thread of SQLite's own");
    bench_rate("store.taken", takes(), "1/s-of-CPU", hashes(), "1/s, their hashes alone");
    store_close(sys.store);
    for (size_t i = 0; i < COUNT(names); i++) {
        snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
        unlink(path);
    }
    rmdir(dir);
}

static void
postgres(void)
{
    struct test_pg pg;
    char url[120];

    if (test_pg_start(&pg) <= 0)
        return;
    snprintf(url, sizeof(url), "postgres://knoop@/postgres?host=%s", pg.dir);
    for (int i = 0; i < 200 && store_open(&cx, str_of(url), &sys.store) != ERR_OK; i++)
        nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
    if (sys.store == NULL)
        exit(1);
    fill();
    bench_rate("store.postgres.lookup", lookups(PG_LOOKUPS), "1/s-of-client-CPU", PG_BOUND,
               "1/s per connection when it was chosen");
    bench_rate("store.postgres.write", writes(PG_LOOKUPS), "1/s", PG_BOUND,
               "lookups/s per connection; fsync off");
    store_close(sys.store);
    test_pg_stop(&pg);
}

int
main(int argc, char **argv)
{
    struct conf *conf;

    bench_start(argc, argv);
    arena_init(&arena, 16u << 20);
    ctx_init(&cx, &arena, os_now_ms());
    must(conf_default(&cx, &conf));
    cx.conf = conf;
    cx.sys = &sys;
    sqlite();
    postgres();
    conf_give(conf);
    arena_fini(&arena);
    return 0;
}

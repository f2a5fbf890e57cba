/*
 * store_sqlite.c - SQLite: one file in the data folder.
 *
 * WAL, synchronous=FULL: a commit that returned survives kill -9 and a power
 * cut. Writers of this process queue at a lock of ours (SQLite's own waiting is
 * polling, and unfair); those of other processes at the busy handler.
 *
 * Trust     The file is 0600 in a folder of 0700; its schema is not trusted
 *           (trusted_schema off, defensive on).
 * Source    Knoop. EUPL-1.2.
 */
#include "sys/store/store_int.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "sys/conf/conf.h"
#include "sys/os/os.h"

struct lite {
    sqlite3 *db;
    sqlite3_stmt *stmt[SQL_COUNT];
    bool used[SQL_COUNT];  /* its rows are open */
    const uint32_t *index; /* the WAL-index; SQLite's, until we disconnect */
    int64_t busy_since;
};

/* --- errors ---------------------------------------------------------------- */

/* sqlite3_errmsg names tables and columns, never values. */
static err_t
failed(struct ctx *cx, struct store_conn *c, const char *what, int rc)
{
    struct lite *l = c->engine;
    const char *msg = l->db ? sqlite3_errmsg(l->db) : sqlite3_errstr(rc);

    switch (rc & 0xFF) {
    case SQLITE_CONSTRAINT:
        if (rc == SQLITE_CONSTRAINT_UNIQUE || rc == SQLITE_CONSTRAINT_PRIMARYKEY ||
            rc == SQLITE_CONSTRAINT_ROWID || rc == SQLITE_CONSTRAINT_FOREIGNKEY)
            return refuse(cx, ERR_CONFLICT, "", "SQL %s: %s", what, msg);
        break;
    case SQLITE_BUSY:
        if (cx->may_not_block)
            return refuse(cx, ERR_WOULD_BLOCK, "", "SQL %s: %s", what, msg);
        return refuse(cx, ERR_UNAVAILABLE, "", "SQL %s: another process held the database",
                      what);
    case SQLITE_INTERRUPT:
        return refuse(cx, ERR_DEADLINE, "", "SQL %s took longer than the request may",
                      what);
    case SQLITE_NOMEM: return refuse(cx, ERR_NO_MEMORY, "", "SQL %s: %s", what, msg);
    case SQLITE_IOERR:
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_CANTOPEN: c->bad = true; /* fall through */
    case SQLITE_FULL:
    case SQLITE_READONLY:
    case SQLITE_PERM: return refuse(cx, ERR_STORE, "", "SQL %s: %s (%d)", what, msg, rc);
    default: break;
    }
    return refuse(cx, ERR_INTERNAL, "", "SQL %s: %s (%d)", what, msg, rc);
}

/* --- waits ------------------------------------------------------------------ */

static int
on_busy(void *arg, int count)
{
    struct store_conn *c = arg;
    struct lite *l = c->engine;
    int64_t now = os_tick_ms(), wait = c->store->wait_ms;

    if (count == 0)
        l->busy_since = now;
    if (c->cx == NULL || c->cx->may_not_block || now - l->busy_since >= wait ||
        (c->cx->deadline_ms > 0 && now >= c->cx->deadline_ms))
        return 0;
    nanosleep(&(struct timespec){ .tv_nsec = count < 10 ? 200000 : 2000000 }, NULL);
    return 1;
}

static int
on_progress(void *arg)
{
    const struct store_conn *c = arg;

    return c->cx != NULL && c->cx->deadline_ms > 0 && os_tick_ms() > c->cx->deadline_ms;
}

/* --- opening ----------------------------------------------------------------- */

/* "sqlite:///p", "sqlite:file:/p?x=y", "sqlite:/p", or empty: the path. */
err_t
store_file(struct ctx *cx, const struct conf *c, struct str url, struct str *path)
{
    *path = (struct str){ NULL, 0 };
    if (url.n == 0) {
        if (c == NULL)
            return refuse(cx, ERR_CONF, "", "neither store.url nor datadir is set");
        *path = arena_printf(cx->arena, "%.*s/store/knoop.db", STR(c->datadir));
        return path->p == NULL ? refuse_memory(cx) : ERR_OK;
    }
    if (!str_starts(url, S("sqlite:")))
        return ERR_OK;
    url = str_sub(url, 7, str_find(url, '?'));
    if (str_starts(url, S("file:")))
        url = str_sub(url, 5, url.n);
    if (str_starts(url, S("//")))
        url = str_sub(url, 2, url.n);
    if (url.n == 0 || url.p[url.n - 1] == '/' || str_is(url, ":memory:"))
        return refuse(
            cx, ERR_CONF, "",
            "store.url names no file, such as sqlite:///var/lib/knoop/store/knoop.db");
    *path = arena_str(cx->arena, url);
    return path->p == NULL ? refuse_memory(cx) : ERR_OK;
}

err_t
store__is_private(struct ctx *cx, const char *path)
{
    struct stat st;

    if (lstat(path, &st) != 0)
        return refuse(cx, ERR_STORE, "", "%s: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 077) != 0)
        return refuse(cx, ERR_STORE, "",
                      "%s must be a file of this user alone; chown and chmod 0600", path);
    return ERR_OK;
}

/*
 * Makes the file, private, or sees that it is. It is not opened when it is
 * there: closing it again would drop the locks of this process (POSIX).
 */
static err_t
private_file(struct ctx *cx, const char *path)
{
    struct stat st;
    int fd;

    if (lstat(path, &st) != 0 && errno == ENOENT) {
        fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0 && errno != EEXIST)
            return refuse(cx, ERR_STORE, "", "cannot make %s: %s", path, strerror(errno));
        os_close(&fd);
    }
    return store__is_private(cx, path);
}

static err_t
folder_of(struct ctx *cx, const char *path)
{
    const char *slash = strrchr(path, '/');
    char *dir;

    if (slash == NULL)
        return os_folder(cx, ".");
    if (slash == path)
        return ERR_OK;
    if ((dir = arena_z(cx->arena, (struct str){ path, (size_t)(slash - path) })) == NULL)
        return refuse_memory(cx);
    return os_folder(cx, dir);
}

static void
configure_once(void)
{
    sqlite3_config(SQLITE_CONFIG_MULTITHREAD);  /* a connection has one thread at a time */
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); /* a lock less */
}

static err_t
lite_open(struct ctx *cx, struct store *s, struct str url)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct str path;
    err_t e;

    if ((e = store_file(cx, cx->conf, url, &path)) != ERR_OK)
        return e;
    if (path.p == NULL)
        return refuse(cx, ERR_UNSUPPORTED, "", "not SQLite");
    if ((s->where = arena_z(&s->arena, path)) == NULL)
        return refuse_memory(cx);
    if ((e = folder_of(cx, s->where)) != ERR_OK ||
        (e = private_file(cx, s->where)) != ERR_OK)
        return e;
    pthread_once(&once, configure_once);
    return ERR_OK;
}

static void
lite_close(struct store *s)
{
    (void)s;
}

static void
lite_disconnect(struct store_conn *c)
{
    struct lite *l = c->engine;

    c->cx = NULL;
    for (size_t i = 0; i < SQL_COUNT; i++)
        sqlite3_finalize(l->stmt[i]);
    sqlite3_close_v2(l->db);
    free(l);
    c->engine = NULL;
}

/* 'KNOP': file(1) and other programs see whose file it is. */
enum { APPLICATION_ID = 0x4B4E4F50 };

static err_t
application_id(struct ctx *cx, struct store_conn *c)
{
    struct lite *l = c->engine;
    sqlite3_stmt *stmt = NULL;
    int id = 0, rc = sqlite3_prepare_v2(l->db, "pragma application_id", -1, &stmt, NULL);

    if (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW)
        id = sqlite3_column_int(stmt, 0);
    sqlite3_finalize(stmt);
    if (rc != SQLITE_ROW)
        return failed(cx, c, "application_id", rc);
    if (id != 0 && id != APPLICATION_ID)
        return refuse(cx, ERR_STORE_SCHEMA, "", "%s is the file of another program",
                      c->store->where);
    return ERR_OK;
}

static err_t
lite_script(struct ctx *cx, struct store_conn *c, const char *text)
{
    struct lite *l = c->engine;
    int rc = sqlite3_exec(l->db, text, NULL, NULL, NULL);

    return rc == SQLITE_OK ? ERR_OK
                           : failed(cx, c, "script", sqlite3_extended_errcode(l->db));
}

static int
is_wal(void *arg, int n, char **values, char **names)
{
    bool *wal = arg;

    (void)names;
    *wal = n == 1 && values[0] != NULL && strcmp(values[0], "wal") == 0;
    return 0;
}

/* A new file becomes WAL once. Who comes meanwhile is told BUSY without the handler. */
static err_t
write_ahead(struct ctx *cx, struct store_conn *c)
{
    struct lite *l = c->engine;
    bool wal = false;
    int rc, tries = 0;

    do
        rc = sqlite3_exec(l->db, "pragma journal_mode = wal", is_wal, &wal, NULL);
    while ((rc & 0xFF) == SQLITE_BUSY && on_busy(c, tries++));
    if (rc != SQLITE_OK)
        return failed(cx, c, "journal_mode", rc);
    return wal ? ERR_OK
               : refuse(cx, ERR_STORE, "",
                        "%s cannot be written ahead (WAL): is it on a "
                        "network's disk?",
                        c->store->where);
}

static err_t
lite_connect(struct ctx *cx, struct store_conn *c)
{
    struct lite *l = calloc(1, sizeof(*l));
    int rc;
    err_t e;

    if ((c->engine = l) == NULL)
        return refuse_memory(cx);
    c->brief = false; /* synchronous = full, below */
    rc = sqlite3_open_v2(c->store->where, &l->db,
                         SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc != SQLITE_OK) {
        e = failed(cx, c, "open", rc);
        lite_disconnect(c);
        return e;
    }
    sqlite3_extended_result_codes(l->db, 1);
    sqlite3_busy_handler(l->db, on_busy, c);
    sqlite3_progress_handler(l->db, 20000, on_progress, c);
    sqlite3_db_config(l->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(l->db, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
    sqlite3_db_config(l->db, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
    if ((e = application_id(cx, c)) != ERR_OK || (e = write_ahead(cx, c)) != ERR_OK ||
        (e = lite_script(cx, c,
                         "pragma synchronous = full;"
                         "pragma foreign_keys = on; pragma trusted_schema = off;"
                         "pragma temp_store = memory; pragma cache_size = -4000;"
                         "pragma wal_autocheckpoint = 4000;")) != /* 16 MB: fewer syncs */
            ERR_OK)
        lite_disconnect(c);
    return e;
}

/* --- where it stands -------------------------------------------------------- */

/*
 * walformat.html 2.1: two copies of 48 bytes, of which a writer changes the second
 * first. A connection in WAL keeps the file from leaving WAL, and its memory mapped.
 */
enum { INDEX_PAGE = 32768, INDEX_VERSION = 3007000, INDEX_IS_INIT = 3 };

static const uint32_t *
index_of(struct lite *l)
{
    sqlite3_file *file = NULL;
    volatile void *p = NULL;

    if (l->index == NULL &&
        sqlite3_file_control(l->db, "main", SQLITE_FCNTL_FILE_POINTER, &file) ==
            SQLITE_OK &&
        file->pMethods != NULL && file->pMethods->iVersion >= 2 &&
        file->pMethods->xShmMap(file, 0, INDEX_PAGE, 0, &p) == SQLITE_OK)
        l->index = (const uint32_t *)(uintptr_t)p;
    return l->index;
}

static bool
lite_mark(struct store_conn *c, struct store_mark *out)
{
    const uint32_t *index = index_of(c->engine);
    struct store_mark other;

    if (index == NULL)
        return false;
    for (int i = 0; i < STORE_MARK; i++)
        out->word[i] = __atomic_load_n(&index[i], __ATOMIC_ACQUIRE);
    for (int i = 0; i < STORE_MARK; i++)
        other.word[i] = __atomic_load_n(&index[STORE_MARK + i], __ATOMIC_ACQUIRE);
    return memcmp(out, &other, sizeof(other)) == 0 && out->word[0] == INDEX_VERSION &&
           *(const uint8_t *)&out->word[INDEX_IS_INIT] != 0;
}

static int64_t
lite_pages(struct store_conn *c)
{
    struct lite *l = c->engine;
    int now = 0, most;

    return sqlite3_db_status(l->db, SQLITE_DBSTATUS_CACHE_USED, &now, &most, 0) == SQLITE_OK
               ? now
               : 0;
}

static bool
lite_alive(struct store_conn *c)
{
    (void)c;
    return true;
}

/* --- statements --------------------------------------------------------------- */

static err_t
compile(struct ctx *cx, struct store_conn *c, const struct store_sql *sql,
        sqlite3_stmt **out)
{
    struct lite *l = c->engine;
    int rc = sqlite3_prepare_v3(l->db, sql->text, -1,
                                sql->id < 0 ? 0 : SQLITE_PREPARE_PERSISTENT, out, NULL);

    if (rc != SQLITE_OK)
        return failed(cx, c, sql->name, rc);
    if (sqlite3_bind_parameter_count(*out) != sql->params)
        return refuse(cx, ERR_INTERNAL, "", "SQL %s: its parameters are miscounted",
                      sql->name);
    return ERR_OK;
}

/* The first connection proves them all; later ones compile what they meet. */
static err_t
lite_prepare(struct ctx *cx, struct store_conn *c)
{
    struct lite *l = c->engine;
    err_t e;

    if (c->store->ready)
        return ERR_OK;
    for (size_t i = 0; i < SQL_COUNT; i++)
        if (l->stmt[i] == NULL &&
            (e = compile(cx, c, &c->store->sql[i], &l->stmt[i])) != ERR_OK)
            return e;
    return lite_script(cx, c, "pragma application_id = 1263423312");
}

/* The statement of this connection, or one of its own while that has open rows. */
static err_t
statement(struct ctx *cx, struct store_cursor *cur, sqlite3_stmt **out)
{
    struct lite *l = cur->conn->engine;
    int id = cur->sql.id;
    err_t e;

    if (id < 0 || l->used[id]) {
        e = compile(cx, cur->conn, &cur->sql, out);
        cur->spare = *out;
        return e;
    }
    if (l->stmt[id] == NULL &&
        (e = compile(cx, cur->conn, &cur->sql, &l->stmt[id])) != ERR_OK)
        return e;
    *out = l->stmt[id];
    l->used[id] = true;
    return ERR_OK;
}

static int
bind(sqlite3_stmt *stmt, int at, const struct sql_arg *a)
{
    const char *p = a->s.p != NULL ? a->s.p : "";

    switch (a->type) {
    case SQL_INT: return sqlite3_bind_int64(stmt, at, a->i);
    case SQL_TEXT:
        return sqlite3_bind_text64(stmt, at, p, a->s.n, SQLITE_TRANSIENT, SQLITE_UTF8);
    case SQL_BLOB: return sqlite3_bind_blob64(stmt, at, p, a->s.n, SQLITE_TRANSIENT);
    case SQL_NULL:
    case SQL_OTHER: break;
    }
    return sqlite3_bind_null(stmt, at);
}

static void
lite_end(struct store_cursor *cur)
{
    struct lite *l = cur->conn->engine;
    sqlite3_stmt *stmt = cur->rows;

    if (l == NULL)
        return;
    if (cur->spare != NULL) {
        sqlite3_finalize(stmt);
    } else if (stmt != NULL) {
        sqlite3_reset(stmt);
        sqlite3_clear_bindings(stmt);
        l->used[cur->sql.id] = false;
    }
    cur->rows = cur->spare = NULL;
    if (cur->writes)
        store__write_unlock(cur->conn);
    cur->writes = false;
}

static err_t
start(struct ctx *cx, struct store_cursor *cur, const struct sql_arg *args, size_t n)
{
    sqlite3_stmt *stmt = cur->rows;
    err_t e;
    int rc;

    for (size_t i = 0; i < n; i++)
        if ((rc = bind(stmt, (int)i + 1, &args[i])) != SQLITE_OK)
            return failed(cx, cur->conn, cur->sql.name, rc);
    cur->columns = sqlite3_column_count(stmt);
    if (sqlite3_stmt_readonly(stmt))
        return ERR_OK;
    if (cx->may_not_block)
        return refuse(cx, ERR_WOULD_BLOCK, "", "SQL %s writes", cur->sql.name);
    if ((e = store__write_lock(cx, cur->conn)) != ERR_OK)
        return e;
    cur->writes = true;
    return cur->conn->tx ? ERR_OK : store__sync(cx, cur->conn);
}

static err_t
lite_run(struct ctx *cx, struct store_cursor *cur, const struct sql_arg *args, size_t n)
{
    sqlite3_stmt *stmt = NULL;
    err_t e = statement(cx, cur, &stmt);

    cur->rows = stmt;
    if (e == ERR_OK)
        e = start(cx, cur, args, n);
    if (e != ERR_OK)
        lite_end(cur);
    return e;
}

static err_t
lite_next(struct ctx *cx, struct store_cursor *cur)
{
    struct lite *l = cur->conn->engine;
    sqlite3_stmt *stmt = cur->rows;
    int rc;

    cur->conn->cx = cx;
    rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW) {
        cur->row++;
        return ERR_OK;
    }
    cur->ended = true;
    if (rc != SQLITE_DONE)
        return failed(cx, cur->conn, cur->sql.name, rc);
    if (cur->writes)
        cur->changed = sqlite3_changes64(l->db);
    return ERR_OK;
}

static enum sql_type
lite_type(struct store_cursor *cur, int column)
{
    switch (sqlite3_column_type(cur->rows, column)) {
    case SQLITE_NULL: return SQL_NULL;
    case SQLITE_INTEGER: return SQL_INT;
    case SQLITE_TEXT: return SQL_TEXT;
    case SQLITE_BLOB: return SQL_BLOB;
    default: return SQL_OTHER;
    }
}

static int64_t
lite_integer(struct store_cursor *cur, int column)
{
    return sqlite3_column_int64(cur->rows, column);
}

static struct bytes
lite_bytes(struct store_cursor *cur, int column)
{
    const void *p = sqlite3_column_blob(cur->rows, column);
    int n = sqlite3_column_bytes(cur->rows, column);

    return (struct bytes){ p != NULL ? p : (const void *)"",
                           (size_t)n }; /* empty is not NULL */
}

const struct store_engine store__sqlite = {
    .name = "sqlite",
    .local = true,
    .begin = "begin immediate", /* a reader that turns writer halfway could fail */
    .sync = { "pragma synchronous = full", "pragma synchronous = normal" },
    .open = lite_open,
    .close = lite_close,
    .connect = lite_connect,
    .disconnect = lite_disconnect,
    .alive = lite_alive,
    .script = lite_script,
    .prepare = lite_prepare,
    .run = lite_run,
    .next = lite_next,
    .end = lite_end,
    .mark = lite_mark,
    .pages = lite_pages,
    .type = lite_type,
    .integer = lite_integer,
    .bytes = lite_bytes,
    .has_foreign_tables = "select (select count(*) from sqlite_schema where type = 'table' "
                          "and name = 'knoop_schema'), "
                          "(select count(*) from sqlite_schema where type = 'table' and "
                          "name <> 'knoop_schema')",
};

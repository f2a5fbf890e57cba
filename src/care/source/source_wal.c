/*
 * source_wal.c - the write-ahead log goes into the database beside who writes, not
 * before them.
 *
 *     commit ──► hook: so many pages ──► keeper:  1. what is there now, while others write
 *                                                 2. the rest, in a turn of its own
 *
 * Rule      SQLite's own checkpoints (PASSIVE): they sync the log, then the database,
 *           and wait for no reader. After the second all of the log is in the database,
 *           so that the next writer begins it anew. Who writes faster than that waits at
 *           twice the size: it does not grow without end.
 * Lifetime  A thread and a connection, as long as the source.
 * Source    Knoop. EUPL-1.2.
 */
#include "care/source/source_db_int.h"

#include <stdlib.h>

#include "sys/os/os.h"

/* 32 MB: the cost is per page, and the index's are written again and again in between. */
enum { PAGES = 4096 };

struct source_wal {
    sqlite3 *handle;
    pthread_mutex_t *writing; /* the turn of who writes */
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    int pages; /* in the log, at the last commit */
    bool wanted, ending;
    bool busy; /* from when it is wanted until it is done */
    bool turn; /* the keeper wants the turn to write, or has it */
};

/* A connection that has read nothing does not know that there is a log. */
static void
tidy(struct source_wal *w)
{
    (void)sqlite3_exec(w->handle, "pragma user_version", NULL, NULL, NULL);
    (void)sqlite3_wal_checkpoint_v2(w->handle, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
}

static void
set_turn(struct source_wal *w, bool turn)
{
    pthread_mutex_lock(&w->mutex);
    w->turn = w->busy = turn;
    pthread_cond_broadcast(&w->changed);
    pthread_mutex_unlock(&w->mutex);
}

/* What fails is tried again with the next commit; the log holds all until then. */
static void *
keep(void *arg)
{
    struct source_wal *w = arg;
    bool ending;

    for (;;) {
        pthread_mutex_lock(&w->mutex);
        while (!w->wanted && !w->ending)
            pthread_cond_wait(&w->changed, &w->mutex);
        w->wanted = false;
        ending = w->ending;
        pthread_mutex_unlock(&w->mutex);
        if (ending)
            return NULL;
        tidy(w);
        set_turn(w, true);
        pthread_mutex_lock(w->writing);
        tidy(w);
        pthread_mutex_unlock(w->writing);
        set_turn(w, false);
    }
}

static int
committed(void *arg, sqlite3 *handle, const char *name, int pages)
{
    struct source_wal *w = arg;

    (void)handle;
    (void)name;
    pthread_mutex_lock(&w->mutex);
    w->pages = pages;
    if (pages >= PAGES && !w->busy) {
        w->wanted = w->busy = true;
        pthread_cond_broadcast(&w->changed);
    }
    pthread_mutex_unlock(&w->mutex);
    return SQLITE_OK;
}

void
source__wal_watch(struct source_wal *w, sqlite3 *handle)
{
    sqlite3_wal_hook(handle, committed, w);
}

/* Whoever would write lets the keeper go first: a lock alone is not fair. */
void
source__wal_yield(struct source_wal *w)
{
    pthread_mutex_lock(&w->mutex);
    while (w->turn || (w->busy && w->pages > 2 * PAGES))
        pthread_cond_wait(&w->changed, &w->mutex);
    pthread_mutex_unlock(&w->mutex);
}

err_t
source__wal_open(struct ctx *cx, const char *path, pthread_mutex_t *writing,
                 struct source_wal **out)
{
    struct source_wal *w = calloc(1, sizeof(*w));

    *out = NULL;
    if (w == NULL)
        return refuse_memory(cx);
    w->writing = writing;
    pthread_mutex_init(&w->mutex, NULL);
    pthread_cond_init(&w->changed, NULL);
    if (sqlite3_open_v2(path, &w->handle,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                        NULL) == SQLITE_OK &&
        sqlite3_exec(w->handle, "pragma synchronous = full", NULL, NULL, NULL) ==
            SQLITE_OK &&
        os_thread(&w->thread, keep, w) == 0) {
        *out = w;
        return ERR_OK;
    }
    sqlite3_close(w->handle);
    pthread_cond_destroy(&w->changed);
    pthread_mutex_destroy(&w->mutex);
    free(w);
    return refuse(cx, ERR_INTERNAL, "", "source: the keeper of the log does not start");
}

void
source__wal_close(struct source_wal *w)
{
    if (w == NULL)
        return;
    pthread_mutex_lock(&w->mutex);
    w->ending = true;
    pthread_cond_broadcast(&w->changed);
    pthread_mutex_unlock(&w->mutex);
    pthread_join(w->thread, NULL);
    sqlite3_close(w->handle);
    pthread_cond_destroy(&w->changed);
    pthread_mutex_destroy(&w->mutex);
    free(w);
}

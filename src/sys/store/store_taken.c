/*
 * store_taken.c - one-time values beside SQLite: a table in memory that all processes
 * share.
 *
 *      value ─► keyed hash ─► bucket of 64 ─► there, and not expired?   refused
 *                                             else where one is free    taken
 *
 * A value that is good once is looked for by each request and worth nothing soon; each
 * falls on a page of its own of any tree, so that SQLite takes half as long for it as the
 * signature beside it. Here it is some cache lines. The file is <database>-taken.
 *
 * Rule      Whoever holds the lock reads and writes a bucket as if alone: a mutex parts
 *           the threads, a lock of the open file the processes; the kernel gives it back
 *           for who is killed. An entry counts from its last store on, that of its end,
 *           and is acknowledged behind it; so kill -9 leaves it whole, or not there.
 *           Where a bucket is full of live values, none is taken: fail closed.
 *           The file is made under another name and linked to its own when it is whole, so
 *           a start that was cut off leaves none; and a link replaces none: what is there
 *           is taken as it is, or refused. Made for a database that is older it tells since
 *           when it remembers (store_once_since): it may have had a predecessor.
 * Trust     Values are strangers'. Who does not know the seed cannot aim at a bucket,
 *           nor make two values that are alike.
 * Source    Knoop. EUPL-1.2.
 */
#include "sys/store/store_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "crypto/prim/prim.h"
#include "sys/os/os.h"
#include "sys/sys.h"

enum { IN_BUCKET = 64, HEAD = 4096, SEED = 32, RETRY_NS = 50 * 1000 };

/* Free when it has ended. */
struct entry {
    _Atomic uint64_t value; /* of its hash */
    _Atomic int64_t until_ms;
};

/* Of it a node that is idle touches the first page. */
struct table {
    char magic[32];
    uint8_t seed[SEED];
    int64_t since_ms; /* what was made before may have been used up; 0: nothing was */
    uint8_t rest[HEAD - 32 - SEED - 8];
    struct entry entry[][IN_BUCKET];
};

struct store_taken {
    int fd;
    pthread_mutex_t lock;
    struct table *table;
    size_t size; /* bytes of it */
    size_t buckets;
};

static const char magic[sizeof(((struct table *)NULL)->magic)] = "knoop one-time values 1";

/* --- the lock of all processes -------------------------------------------------------- */

static int
range(const struct store_taken *t, short type)
{
    struct flock whole = { .l_type = type, .l_whence = SEEK_SET };

    return fcntl(t->fd, F_OFD_SETLK, &whole);
}

/* It is held for microseconds, unless somebody stops who holds it. */
static err_t
lock(struct ctx *cx, struct store_taken *t, int64_t until)
{
    const struct timespec last = { until / 1000, until % 1000 * 1000000 };

    if (pthread_mutex_clocklock(&t->lock, CLOCK_MONOTONIC, &last) != 0)
        return refuse(cx, ERR_UNAVAILABLE, "", "one-time values were locked for too long");
    while (range(t, F_WRLCK) != 0) {
        if ((errno == EAGAIN || errno == EACCES || errno == EINTR) &&
            os_tick_ms() < until) {
            nanosleep(&(struct timespec){ .tv_nsec = RETRY_NS }, NULL);
            continue;
        }
        pthread_mutex_unlock(&t->lock);
        return refuse(cx, ERR_UNAVAILABLE, "",
                      "another process locked one-time values for too long");
    }
    return ERR_OK;
}

static void
unlock(struct store_taken *t)
{
    (void)range(t, F_UNLCK);
    pthread_mutex_unlock(&t->lock);
}

/* --- opening ------------------------------------------------------------ */

static err_t
not_ours(struct ctx *cx, const char *path)
{
    return refuse(cx, ERR_STORE_SCHEMA, "", "%s is not of this program, or of a newer",
                  path);
}

/* Its room on the disk is asked for by who opens it. */
static err_t
fill(struct ctx *cx, const char *path, int fd, int64_t values, int64_t since_ms)
{
    const off_t buckets = values / IN_BUCKET;
    struct table head = { .since_ms = since_ms };

    memcpy(head.magic, magic, sizeof(magic));
    random_bytes(head.seed, SEED);
    if (ftruncate(fd, HEAD + buckets * (off_t)sizeof(struct entry[IN_BUCKET])) != 0 ||
        pwrite(fd, &head, HEAD, 0) != HEAD || fsync(fd) != 0)
        return refuse(cx, ERR_STORE, "", "cannot write %s: %s", path, strerror(errno));
    return ERR_OK;
}

/* Who was cut off left his. */
static err_t
make_as(struct ctx *cx, const char *new, const char *path, int64_t values, int64_t since_ms)
{
    scoped(os_close) int fd = -1;
    err_t e;

    if (unlink(new) != 0 && errno != ENOENT)
        return refuse(cx, ERR_STORE, "", "cannot remove %s: %s", new, strerror(errno));
    fd = open(new, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return refuse(cx, ERR_STORE, "", "cannot make %s: %s", new, strerror(errno));
    if ((e = fill(cx, new, fd, values, since_ms)) != ERR_OK)
        return e;
    if (link(new, path) != 0 && errno != EEXIST) /* there: another start was first */
        return refuse(cx, ERR_STORE, "", "cannot make %s: %s", path, strerror(errno));
    unlink(new);
    return ERR_OK;
}

static const char *
path_of(struct ctx *cx, const struct store *s)
{
    return arena_printf(cx->arena, "%s-taken", s->where).p;
}

err_t
store__taken_make(struct ctx *cx, struct store *s, int64_t since_ms)
{
    const char *path = path_of(cx, s), *new = arena_printf(cx->arena, "%s-new", path).p;

    if (path == NULL || new == NULL)
        return refuse_memory(cx);
    return make_as(cx, new, path, s->once, since_ms);
}

/* There was one, or there should have been: who took it away left nothing to go by. */
static err_t
make_anew(struct ctx *cx, const char *path, struct store *s)
{
    struct sys own = { .store = s }, *before = cx->sys;
    struct store_tx tx;
    err_t e;

    cx->sys = &own;
    if ((e = store_begin(cx, &tx)) == ERR_OK) {
        log_warn(cx, "%s is made anew: what was made before is refused", path);
        e = store__taken_make(cx, s, cx->now_ms);
        store_rollback(&tx);
    }
    cx->sys = before;
    return e;
}

static err_t
map(struct ctx *cx, struct store_taken *t, const char *path)
{
    const size_t bucket = sizeof(t->table->entry[0]);
    struct stat st;
    int failed;

    if (fstat(t->fd, &st) != 0)
        return refuse(cx, ERR_STORE, "", "%s: %s", path, strerror(errno));
    t->size = (size_t)st.st_size;
    if (t->size < HEAD + bucket || (t->size - HEAD) % bucket != 0)
        return not_ours(cx, path);
    t->buckets = (t->size - HEAD) / bucket;
    /* All of it, so that a full disk is met here and not by who writes to memory. */
    if ((failed = posix_fallocate(t->fd, 0, st.st_size)) != 0)
        return refuse(cx, ERR_STORE, "", "%s: no room for one-time values: %s", path,
                      strerror(failed));
    t->table = mmap(NULL, t->size, PROT_READ | PROT_WRITE, MAP_SHARED, t->fd, 0);
    if (t->table == MAP_FAILED) {
        t->table = NULL;
        return refuse(cx, ERR_STORE, "", "%s: %s", path, strerror(errno));
    }
    return memcmp(t->table->magic, magic, sizeof(magic)) == 0 ? ERR_OK : not_ours(cx, path);
}

void
store__taken_close(struct store_taken *t)
{
    if (t == NULL)
        return;
    if (t->table != NULL)
        munmap(t->table, t->size);
    os_close(&t->fd);
    pthread_mutex_destroy(&t->lock);
    free(t);
}

static void
close_it(struct store_taken **t)
{
    store__taken_close(*t);
}

err_t
store__taken_open(struct ctx *cx, struct store *s, struct store_taken **out)
{
    scoped(close_it) struct store_taken *t = calloc(1, sizeof(*t));
    const char *path = path_of(cx, s);
    err_t e;

    *out = NULL;
    if (t == NULL || path == NULL)
        return refuse_memory(cx);
    t->fd = -1;
    pthread_mutex_init(&t->lock, NULL);
    if (access(path, F_OK) != 0 && (e = make_anew(cx, path, s)) != ERR_OK)
        return e;
    if ((e = store__is_private(cx, path)) != ERR_OK)
        return e;
    if ((t->fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW)) < 0)
        return refuse(cx, ERR_STORE, "", "cannot open %s: %s", path, strerror(errno));
    if ((e = lock(cx, t, store__until(cx, s->wait_ms))) != ERR_OK)
        return e;
    e = map(cx, t, path);
    unlock(t);
    if (e == ERR_OK) {
        *out = t;
        t = NULL;
    }
    return e;
}

int64_t
store_once_since(const struct store *s)
{
    return s != NULL && s->taken != NULL ? s->taken->table->since_ms : 0;
}

/* --- taking ------------------------------------------------------------ */

struct place {
    struct entry *bucket;
    uint64_t value;
};

static err_t
find_place(struct ctx *cx, const struct store_taken *t, const struct store_once *o,
           struct place *out)
{
    const struct bytes parts[] = { { (const uint8_t *)o->kind, strlen(o->kind) + 1 },
                                   bytes_of(o->value) };
    uint8_t hash[HASH_MAX];
    uint32_t bucket;
    err_t e = hmac_parts(cx, HASH_SHA256, (struct bytes){ t->table->seed, SEED }, parts,
                         COUNT(parts), hash);

    if (e != ERR_OK)
        return e;
    memcpy(&out->value, hash, sizeof(out->value));
    memcpy(&bucket, hash + sizeof(out->value), sizeof(bucket));
    out->bucket = t->table->entry[bucket % t->buckets];
    return ERR_OK;
}

/* Its entry, if it is there and has not ended; else `ended` is one that has, or NULL. */
static struct entry *
find(const struct place *p, int64_t now_ms, struct entry **ended)
{
    *ended = NULL;
    for (struct entry *e = p->bucket; e < p->bucket + IN_BUCKET; e++) {
        if (atomic_load_explicit(&e->until_ms, memory_order_acquire) <= now_ms) {
            *ended = e;
            continue;
        }
        if (atomic_load_explicit(&e->value, memory_order_acquire) == p->value)
            return e;
    }
    return NULL;
}

/* Under the lock. */
static err_t
take(struct store *s, const struct store_once *o, const struct place *p)
{
    struct entry *ended;
    err_t e = store__call(o->cx, s);

    if (e != ERR_OK)
        return e;
    if (find(p, o->cx->now_ms, &ended) != NULL)
        return refuse(o->cx, ERR_CONFLICT, "", "this %s was used before", o->kind);
    if (ended == NULL)
        return refuse(o->cx, ERR_UNAVAILABLE, "",
                      "more one-time values are live than are kept");
    atomic_store_explicit(&ended->until_ms, 0, memory_order_release);
    atomic_store_explicit(&ended->value, p->value, memory_order_release);
    atomic_store_explicit(&ended->until_ms, o->until_ms, memory_order_release);
    return ERR_OK;
}

void
store__taken_take(struct store *s, struct store_once *list, size_t n)
{
    struct place place[STORE_TAKEN_MOST];
    struct ctx *first = NULL;
    err_t locked;

    for (size_t i = 0; i < n; i++) {
        if (list[i].e == ERR_OK)
            list[i].e = find_place(list[i].cx, s->taken, &list[i], &place[i]);
        if (list[i].e == ERR_OK && first == NULL)
            first = list[i].cx;
    }
    if (first == NULL)
        return;
    locked = lock(first, s->taken, store__until(first, s->wait_ms));
    for (size_t i = 0; i < n; i++)
        if (list[i].e == ERR_OK && locked == ERR_OK)
            list[i].e = take(s, &list[i], &place[i]);
        else if (list[i].e == ERR_OK)
            list[i].e = refuse(list[i].cx, locked, "", "one-time values were locked");
    if (locked == ERR_OK)
        unlock(s->taken);
}

err_t
store__taken_seen(struct store *s, const struct store_once *o, bool *taken)
{
    struct entry *ended;
    struct place p;
    err_t e = store__call(o->cx, s);

    if (e != ERR_OK || (e = find_place(o->cx, s->taken, o, &p)) != ERR_OK)
        return e;
    *taken = find(&p, o->cx->now_ms, &ended) != NULL;
    return ERR_OK;
}

/*
 * audit_ring.c - the ring's file: made whole on disk before use, mapped, and
 * read as what a stranger may have written. EUPL-1.2.
 */
#include "sys/audit/audit_int.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static const char magic[8] = "KNOOPRG1";

_Static_assert(sizeof(struct ring_head) <= RING_PAGE, "the head has one page");
_Static_assert(RING_PAGE + (AUDIT_SOURCES_MAX + 1) * sizeof(struct ring_refusal) <=
                   RING_DATA,
               "the refusals end before the data");
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2 && ATOMIC_INT_LOCK_FREE == 2,
               "atomics in shared memory must not hide a lock");

int64_t
audit__tick_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Not FUTEX_PRIVATE: the other end is another process. */
void
audit__futex_wake(_Atomic uint32_t *word)
{
    syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

void
audit__futex_wait(_Atomic uint32_t *word, uint32_t while_is, int64_t most_ms)
{
    struct timespec t = { most_ms / 1000, most_ms % 1000 * 1000000 };

    syscall(SYS_futex, word, FUTEX_WAIT, while_is, &t, NULL, 0);
}

/* --- bytes, round and round ------------------------------------------------ */

void
audit__ring_in(struct ring *r, uint64_t at, const void *from, size_t n)
{
    size_t place = (size_t)(at & (r->size - 1)), first = (size_t)r->size - place;

    if (first > n)
        first = n;
    memcpy(r->data + place, from, first);
    memcpy(r->data, (const char *)from + first, n - first);
}

void
audit__ring_out(const struct ring *r, uint64_t at, void *to, size_t n)
{
    size_t place = (size_t)(at & (r->size - 1)), first = (size_t)r->size - place;

    if (first > n)
        first = n;
    memcpy(to, r->data + place, first);
    memcpy((char *)to + first, r->data, n - first);
}

uint64_t
audit__ring_last(const struct ring *r, uint64_t head)
{
    uint64_t seq = 0;

    if (head >= sizeof(seq))
        audit__ring_out(r, head - sizeof(seq), &seq, sizeof(seq));
    return seq;
}

/* --- frames ----------------------------------------------------------------- */

/* For what a power cut leaves behind, not against anyone. */
uint32_t
audit__frame_sum(uint64_t body, uint64_t seq, uint64_t epoch)
{
    return (uint32_t)str_mix(str_mix(body, seq), epoch);
}

err_t
audit__frame_read(struct ctx *cx, const struct ring *r, uint64_t at, uint64_t head,
                  uint8_t *room, struct frame_head *out, struct bytes *body)
{
    uint64_t left = head - at, again;
    size_t body_n;

    *body = (struct bytes){ NULL, 0 };
    memset(out, 0, sizeof(*out));
    if (left > r->size || left < FRAME_EXTRA)
        return refuse(cx, ERR_CONFLICT, "", "%llu bytes cannot wait in a ring of %llu",
                      (unsigned long long)left, (unsigned long long)r->size);
    /* Once out of shared memory it cannot change between check and use. */
    audit__ring_out(r, at, out, sizeof(*out));
    if (out->size < FRAME_EXTRA || out->size > FRAME_MAX || out->size % 8 != 0 ||
        out->size > left)
        return refuse(cx, ERR_CONFLICT, "", "a frame cannot have %u bytes", out->size);
    audit__ring_out(r, at, room, out->size);
    body_n = out->size - FRAME_EXTRA;
    memcpy(&again, room + out->size - sizeof(again), sizeof(again));
    if (again != out->seq)
        return refuse(cx, ERR_CONFLICT, "",
                      "a frame begins as number %llu and ends as %llu",
                      (unsigned long long)out->seq, (unsigned long long)again);
    *body = (struct bytes){ room + sizeof(*out), body_n };
    if (audit__frame_sum(str_hash(str_of_bytes(*body)), out->seq, out->epoch) != out->sum)
        return refuse(cx, ERR_CONFLICT, "", "the frame with number %llu was altered",
                      (unsigned long long)out->seq);
    return ERR_OK;
}

/* --- the file --------------------------------------------------------------- */

static bool
power_of_two(uint64_t n)
{
    return n >= RING_MIN && n <= RING_MAX && (n & (n - 1)) == 0;
}

static void
ring_at(struct ring *r, uint8_t *map, uint64_t data_n)
{
    r->head = (struct ring_head *)(void *)map;
    r->refusals = (struct ring_refusal *)(void *)(map + RING_PAGE);
    r->data = map + RING_DATA;
    r->size = data_n;
    r->map_n = RING_DATA + (size_t)data_n;
}

err_t
audit__ring_map(struct ctx *cx, int fd, struct ring *out)
{
    struct stat st;
    void *map;

    memset(out, 0, sizeof(*out));
    if (fstat(fd, &st) != 0)
        return refuse(cx, ERR_INTERNAL, "", "a ring cannot be looked at: %s",
                      strerror(errno));
    if (!S_ISREG(st.st_mode) || st.st_size <= RING_DATA ||
        !power_of_two((uint64_t)st.st_size - RING_DATA))
        return refuse(cx, ERR_CONFLICT, "", "a file of %lld bytes is no ring",
                      (long long)st.st_size);
    map = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED)
        return refuse(cx, ERR_NO_MEMORY, "", "a ring cannot be mapped: %s",
                      strerror(errno));
    ring_at(out, map, (uint64_t)st.st_size - RING_DATA);
    if (memcmp(out->head->magic, magic, sizeof(magic)) != 0 ||
        out->head->number >= AUDIT_RINGS_MAX) {
        audit__ring_unmap(out);
        return refuse(cx, ERR_CONFLICT, "", "the file does not begin as a ring does");
    }
    return ERR_OK;
}

err_t
audit__ring_anonymous(struct ctx *cx, uint64_t size, struct ring *out)
{
    void *map = mmap(NULL, RING_DATA + (size_t)size, PROT_READ | PROT_WRITE,
                     MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    memset(out, 0, sizeof(*out));
    if (map == MAP_FAILED)
        return refuse(cx, ERR_NO_MEMORY, "", "a ring cannot be mapped: %s",
                      strerror(errno));
    ring_at(out, map, size);
    audit__ring_renew(out, cx->now_ms);
    return ERR_OK;
}

void
audit__ring_unmap(struct ring *r)
{
    if (r->head != NULL)
        munmap(r->head, r->map_n);
    memset(r, 0, sizeof(*r));
}

void
audit__ring_renew(struct ring *r, int64_t now_ms)
{
    struct ring_head *h = r->head;
    uint64_t old = atomic_load(&h->epoch);
    uint64_t now = now_ms > 0 ? (uint64_t)now_ms : 1;

    atomic_store(&h->epoch, now > old ? now : old + 1);
    atomic_store(&h->head, 0);
    atomic_store(&h->tail, 0);
    atomic_store(&h->durable, 0);
    atomic_store(&h->durable32, 0);
    atomic_store(&h->flush_entry, 0);
    /* Last: as long as it is not OK the auditor does not look. */
    atomic_store_explicit(&h->state, RING_OK, memory_order_release);
}

/* An empty file becomes a ring; killed halfway, it has no magic and is begun anew. */
static err_t
make(struct ctx *cx, int fd, unsigned number, size_t size, int64_t born_ms)
{
    struct ring r = { 0 };
    void *map;
    int e;

    /* All on disk now: a full disk must not show as a SIGBUS later. */
    if ((e = posix_fallocate(fd, 0, (off_t)(RING_DATA + size))) != 0)
        return refuse(cx, ERR_UNAVAILABLE, "", "no room for ring %u: %s", number,
                      strerror(e));
    map = mmap(NULL, RING_DATA + size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED)
        return refuse(cx, ERR_NO_MEMORY, "", "a ring cannot be mapped: %s",
                      strerror(errno));
    ring_at(&r, map, size);
    memset(map, 0, RING_DATA);
    r.head->number = number;
    audit__ring_renew(&r, born_ms);
    e = msync(map, RING_DATA, MS_SYNC);
    memcpy(r.head->magic, magic, sizeof(magic));
    if (e == 0)
        e = fsync(fd);
    audit__ring_unmap(&r);
    if (e != 0)
        return refuse(cx, ERR_UNAVAILABLE, "", "ring %u cannot be synced: %s", number,
                      strerror(errno));
    return ERR_OK;
}

static bool
is_unfinished(int fd)
{
    static const char none[sizeof(magic)] = { 0 };
    char got[sizeof(magic)] = { 0 };

    return pread(fd, got, sizeof(got), 0) >= 0 && memcmp(got, none, sizeof(none)) == 0;
}

static bool
is_empty(const struct ring *r)
{
    for (size_t i = 0; i <= AUDIT_SOURCES_MAX; i++)
        if (r->refusals[i].minute != 0)
            return false;
    return atomic_load(&r->head->state) == RING_OK &&
           atomic_load(&r->head->head) == atomic_load(&r->head->tail);
}

/* An old ring of another size is made anew when nothing waits in it. */
static err_t
resize(struct ctx *cx, int fd, unsigned number, size_t size)
{
    struct ring r = { 0 };
    uint64_t epoch;
    bool empty;
    err_t e;

    if ((e = audit__ring_map(cx, fd, &r)) != ERR_OK)
        return e;
    if (r.head->number != number) {
        audit__ring_unmap(&r);
        return refuse(cx, ERR_CONFLICT, "", "the file ring.%u holds another ring", number);
    }
    /* Ticks of a machine that has been restarted mean nothing. */
    atomic_store(&r.head->heartbeat, 0);
    epoch = atomic_load(&r.head->epoch);
    empty = is_empty(&r);
    if (!empty || r.size == size) {
        audit__ring_unmap(&r);
        return ERR_OK;
    }
    audit__ring_unmap(&r);
    if (ftruncate(fd, 0) != 0)
        return refuse(cx, ERR_UNAVAILABLE, "", "ring %u: %s", number, strerror(errno));
    /* Epochs grow, whatever the clock does. */
    return make(cx, fd, number, size,
                cx->now_ms > (int64_t)epoch ? cx->now_ms : (int64_t)epoch + 1);
}

err_t
audit_ring_make(struct ctx *cx, int folder, unsigned number, size_t size, int *fd)
{
    char name[32];
    err_t e;
    int got;

    *fd = -1;
    if (number >= AUDIT_RINGS_MAX || !power_of_two(size))
        return refuse(cx, ERR_INTERNAL, "", "ring %u of %zu bytes cannot be made", number,
                      size);
    snprintf(name, sizeof(name), "ring.%u", number);
    got = openat(folder, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (got < 0)
        return refuse(cx, ERR_UNAVAILABLE, "", "%s cannot be opened: %s", name,
                      strerror(errno));
    e = is_unfinished(got) ? make(cx, got, number, size, cx->now_ms)
                           : resize(cx, got, number, size);
    if (e == ERR_OK && fsync(folder) != 0)
        e = refuse(cx, ERR_UNAVAILABLE, "", "the audit folder: %s", strerror(errno));
    if (e != ERR_OK) {
        close(got);
        return e;
    }
    *fd = got;
    return ERR_OK;
}

void
audit_ring_auditor_died(int fd)
{
    int64_t none = 0;
    ssize_t n = pwrite(fd, &none, sizeof(none), offsetof(struct ring_head, heartbeat));

    (void)n; /* patience finds it out as well, later */
}

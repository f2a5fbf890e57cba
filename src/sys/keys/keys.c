/*
 * keys.c - asking the signer, from many threads over one pair.
 *
 *   A caller puts its request in the queue. Whoever finds nobody at the socket
 *   goes there itself: sends all that waits as one packet, reads answers and
 *   deals them out, until its own is there; then the next takes over. So no
 *   thread is needed, one caller alone pays no hand-over, and under load
 *   requests travel together.
 *
 * Trust     Answers are the signer's, which is believed; their form is checked
 *           all the same.
 * Source    Knoop, after the log writers of databases. EUPL-1.2.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sys/keys/keys_int.h"
#include "sys/sys.h"

enum { WAITING_MAX = 4096 };

struct call {
    struct call *next;
    uint32_t id;
    struct bytes frame;
    bool sent, done;
    err_t error;     /* UNAVAILABLE when it was given up */
    uint8_t *answer; /* the answer's fields; malloc */
    size_t answer_n;
};

struct keys {
    pthread_mutex_t lock;
    pthread_cond_t moved; /* an answer came, or the socket is free */
    bool busy;            /* somebody is at the socket */
    int fd;               /* -1: no signer */
    int next_fd;          /* handed while somebody was at the socket */
    bool switched;
    bool ended;         /* no signer comes any more */
    int wake[2];        /* a pipe: new requests, or a new signer */
    struct call *calls; /* those not done, oldest first */
    size_t waiting;
    uint32_t id;
};

/* --- with the lock held ------------------------------------------------------- */

static void
finish(struct call *c, err_t error)
{
    c->done = true;
    c->error = error;
}

static void
unlink_call(struct keys *k, struct call *gone)
{
    for (struct call **at = &k->calls; *at != NULL; at = &(*at)->next)
        if (*at == gone) {
            *at = gone->next;
            k->waiting--;
            return;
        }
}

/* The signer is away: what it was asked fails; what it was not asked waits. */
static void
lost(struct keys *k)
{
    os_close(&k->fd);
    for (struct call *c = k->calls; c != NULL; c = c->next)
        if (c->sent && !c->done)
            finish(c, ERR_UNAVAILABLE);
    pthread_cond_broadcast(&k->moved);
}

static void
switch_over(struct keys *k)
{
    if (!k->switched)
        return;
    lost(k);
    k->fd = k->next_fd;
    k->next_fd = -1;
    k->switched = false;
    k->ended = k->fd < 0;
    for (struct call *c = k->calls; c != NULL && k->ended; c = c->next)
        if (!c->done)
            finish(c, ERR_UNAVAILABLE);
}

static void
deal(struct keys *k, const struct keys_frame *f)
{
    for (struct call *c = k->calls; c != NULL; c = c->next) {
        if (c->id != f->id || c->done)
            continue;
        c->answer = malloc(f->fields.n + 1);
        if (c->answer == NULL) {
            finish(c, ERR_NO_MEMORY);
            return;
        }
        if (f->fields.n > 0)
            memcpy(c->answer, f->fields.p, f->fields.n);
        c->answer_n = f->fields.n;
        finish(c, f->error < ERR_COUNT ? (err_t)f->error : ERR_INTERNAL);
        return;
    }
}

/* One packet of what waits. false when the signer is gone or takes no more now. */
static bool
send_waiting(struct ctx *cx, struct keys *k, uint8_t *room)
{
    struct call *first = k->calls;
    size_t n = 0;
    err_t e;

    while (first != NULL && (first->sent || first->done))
        first = first->next;
    if (first == NULL)
        return false;
    for (struct call *c = first; c != NULL; c = c->next) {
        if (c->sent || c->done)
            continue;
        if (n + c->frame.n > OS_MESSAGE_MAX)
            break;
        memcpy(room + n, c->frame.p, c->frame.n);
        n += c->frame.n;
        c->sent = true;
    }
    e = os_send(cx, k->fd, (struct bytes){ room, n }, NULL, 0);
    if (e == ERR_UNAVAILABLE)
        for (struct call *c = first; c != NULL && n > 0; c = c->next)
            if (c->sent && !c->done) {
                c->sent = false;
                n -= c->frame.n;
            }
    if (e == ERR_GONE)
        lost(k);
    return e == ERR_OK;
}

static void
receive(struct ctx *cx, struct keys *k, uint8_t *room)
{
    int fds[OS_FDS_MAX];
    size_t n;
    err_t e;

    while (k->fd >= 0 &&
           (e = os_recv(cx, k->fd, room, OS_MESSAGE_MAX, &n, fds)) != ERR_UNAVAILABLE) {
        struct bytes rest = { room, n };
        struct keys_frame f;

        for (size_t i = 0; i < OS_FDS_MAX; i++)
            os_close(&fds[i]);
        while (e == ERR_OK && rest.n > 0)
            if ((e = keys__frame(cx, &rest, &f)) == ERR_OK)
                deal(k, &f);
        if (e != ERR_OK) {
            lost(k);
            return;
        }
        pthread_cond_broadcast(&k->moved);
    }
}

/* --- at the socket ------------------------------------------------------------ */

static bool
unsent(const struct keys *k)
{
    for (const struct call *c = k->calls; c != NULL; c = c->next)
        if (!c->sent && !c->done)
            return true;
    return false;
}

static void
wait_socket(struct keys *k, int64_t until)
{
    struct pollfd p[2] = { { k->fd, (short)(POLLIN | (unsent(k) ? POLLOUT : 0)), 0 },
                           { k->wake[0], POLLIN, 0 } };
    int64_t left = until - os_tick_ms();
    char some[64];

    pthread_mutex_unlock(&k->lock);
    if (left > 0 && poll(p, 2, (int)left) > 0 && p[1].revents != 0)
        while (read(k->wake[0], some, sizeof(some)) == (ssize_t)sizeof(some))
            continue;
    pthread_mutex_lock(&k->lock);
}

static void
at_socket(struct ctx *cx, struct keys *k, struct call *mine, int64_t until)
{
    static _Thread_local uint8_t room[OS_MESSAGE_MAX];

    k->busy = true;
    while (!mine->done && os_tick_ms() < until) {
        switch_over(k);
        if (k->fd >= 0) {
            while (send_waiting(cx, k, room))
                continue;
            receive(cx, k, room);
        }
        if (!mine->done)
            wait_socket(k, until);
    }
    explicit_bzero(room, sizeof(room)); /* numbers of people passed here */
    k->busy = false;
    pthread_cond_broadcast(&k->moved);
}

static void
wait_turn(struct keys *k, int64_t until)
{
    struct timespec t = { .tv_sec = until / 1000, .tv_nsec = until % 1000 * 1000000 };

    pthread_cond_timedwait(&k->moved, &k->lock, &t);
}

static void
wake(struct keys *k)
{
    if (write(k->wake[1], "", 1) < 0)
        return; /* full: then it is awake already */
}

static void
wait_answer(struct ctx *cx, struct keys *k, struct call *mine, int64_t until)
{
    while (!mine->done && os_tick_ms() < until) {
        if (!k->busy)
            at_socket(cx, k, mine, until);
        else
            wait_turn(k, until);
    }
    if (!mine->done)
        finish(mine, ERR_UNAVAILABLE);
}

/* --- one request -------------------------------------------------------------- */

static err_t
enqueue(struct ctx *cx, struct keys *k, struct call *c, enum keys_op op,
        const struct str *in, size_t in_n)
{
    struct call **last = &k->calls;
    err_t e;

    if (k->ended)
        return refuse(cx, ERR_UNAVAILABLE, "", "the signer has ended");
    if (k->waiting >= WAITING_MAX)
        return refuse(cx, ERR_UNAVAILABLE, "", "too many wait for the signer");
    c->id = ++k->id;
    if ((e = keys__put(cx, c->id, (uint16_t)op, ERR_OK, in, in_n, &c->frame)) != ERR_OK)
        return e;
    while (*last != NULL)
        last = &(*last)->next;
    *last = c;
    k->waiting++;
    if (k->busy)
        wake(k);
    return ERR_OK;
}

static int64_t
patience(const struct ctx *cx)
{
    int64_t until = os_tick_ms() + (cx->may_not_block ? KEYS_PATIENCE_LOOP : KEYS_PATIENCE);

    return cx->deadline_ms != 0 && cx->deadline_ms < until ? cx->deadline_ms : until;
}

/* What the signer answered: the fields, or its refusal as if it were ours. */
static err_t
unpack(struct ctx *cx, const struct call *c, struct str *out, size_t out_n)
{
    struct str why[2], kept;
    uint8_t *copy;

    if (c->answer == NULL)
        return refuse(cx, ERR_UNAVAILABLE, "", "the signer is away or silent");
    if ((copy = arena_alloc(cx->arena, c->answer_n + 1)) == NULL)
        return refuse_memory(cx);
    memcpy(copy, c->answer, c->answer_n);
    if (c->error == ERR_OK)
        return keys__fields(cx, (struct bytes){ copy, c->answer_n }, out, out_n);
    if (keys__fields(cx, (struct bytes){ copy, c->answer_n }, why, 2) != ERR_OK)
        return refuse(cx, ERR_INTERNAL, "", "the signer's refusal has no form");
    kept = arena_str(cx->arena, why[0]); /* lives as long as the context's other reasons */
    return refuse(cx, c->error, kept.p ? kept.p : "", "the signer: %.*s", STR(why[1]));
}

static err_t
ask(struct ctx *cx, enum keys_op op, const struct str *in, size_t in_n, struct str *out,
    size_t out_n)
{
    struct keys *k = cx->sys != NULL ? cx->sys->keys : NULL;
    struct call c = { 0 };
    err_t e;

    for (size_t i = 0; i < out_n; i++)
        out[i] = (struct str){ NULL, 0 };
    if (k == NULL)
        return refuse(cx, ERR_UNAVAILABLE, "", "there is no signer here");
    pthread_mutex_lock(&k->lock);
    e = enqueue(cx, k, &c, op, in, in_n);
    if (e == ERR_OK) {
        struct ctx scratch = *cx; /* refusals on the way are not the caller's */

        wait_answer(&scratch, k, &c, patience(cx));
        unlink_call(k, &c);
    }
    pthread_mutex_unlock(&k->lock);
    if (e == ERR_OK)
        e = unpack(cx, &c, out, out_n);
    if (c.answer != NULL)
        explicit_bzero(c.answer, c.answer_n);
    free(c.answer);
    return e;
}

/* --- the connection ----------------------------------------------------------- */

err_t
keys_open(struct ctx *cx, struct keys **out)
{
    pthread_condattr_t monotonic;
    struct keys *k = calloc(1, sizeof(*k));

    *out = NULL;
    if (k == NULL)
        return refuse(cx, ERR_NO_MEMORY, "", "an allocation failed");
    k->fd = k->next_fd = -1;
    if (pipe2(k->wake, O_CLOEXEC | O_NONBLOCK) < 0) {
        free(k);
        return refuse(cx, ERR_INTERNAL, "", "pipe: %s", strerror(errno));
    }
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&k->moved, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&k->lock, NULL);
    *out = k;
    return ERR_OK;
}

void
keys_reconnect(struct keys *k, int fd)
{
    int flags = fd < 0 ? -1 : fcntl(fd, F_GETFL);

    /* A narrowed role may not set flags: the supervisor did. A pair that blocks would
     * hold up whoever is at the socket for ever, so it is none. */
    if (flags < 0 || (!(flags & O_NONBLOCK) && fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0))
        os_close(&fd);
    pthread_mutex_lock(&k->lock);
    os_close(&k->next_fd);
    k->next_fd = fd;
    k->switched = true;
    if (k->busy)
        wake(k);
    else
        switch_over(k);
    pthread_mutex_unlock(&k->lock);
}

void
keys_close(struct keys *k)
{
    if (k == NULL)
        return;
    os_close(&k->fd);
    os_close(&k->next_fd);
    os_close(&k->wake[0]);
    os_close(&k->wake[1]);
    pthread_cond_destroy(&k->moved);
    pthread_mutex_destroy(&k->lock);
    free(k);
}

/* --- the requests ------------------------------------------------------------------- */

#define NUMBER(v)                                                                          \
    ((struct str){ (const char *)&(uint64_t){ (uint64_t)(v) }, sizeof(uint64_t) })
#define FIELDS(...)                                                                        \
    (const struct str[]){ __VA_ARGS__ },                                                   \
        sizeof((const struct str[]){ __VA_ARGS__ }) / sizeof(struct str)

err_t
keys_new(struct ctx *cx, enum key_use use, struct str owner, struct str kid,
         struct str *jwk)
{
    return ask(cx, KEYS_NEW, FIELDS(NUMBER(use), owner, kid), jwk, 1);
}

err_t
keys_public(struct ctx *cx, struct str kid, struct str *jwk)
{
    return ask(cx, KEYS_PUBLIC, FIELDS(kid), jwk, 1);
}

err_t
keys_delete(struct ctx *cx, struct str kid)
{
    return ask(cx, KEYS_DELETE, FIELDS(kid), NULL, 0);
}

err_t
keys_sign_jwt(struct ctx *cx, enum key_profile profile, struct str kid, struct str claims,
              struct str *jwt)
{
    return ask(cx, KEYS_SIGN_JWT, FIELDS(NUMBER(profile), kid, claims), jwt, 1);
}

err_t
keys_sign_tls(struct ctx *cx, struct str kid, enum sig_alg alg, struct bytes content,
              struct bytes *signature)
{
    struct str out;
    err_t e =
        ask(cx, KEYS_SIGN_TLS, FIELDS(kid, NUMBER(alg), str_of_bytes(content)), &out, 1);

    *signature = bytes_of(out);
    return e;
}

err_t
keys_seal_person(struct ctx *cx, struct str number, struct str *sealed, struct str *mac)
{
    struct str out[2];
    err_t e = ask(cx, KEYS_SEAL_PERSON, FIELDS(number), out, 2);

    *sealed = out[0];
    *mac = out[1];
    return e;
}

err_t
keys_open_person(struct ctx *cx, struct str sealed, struct str *number)
{
    return ask(cx, KEYS_OPEN_PERSON, FIELDS(sealed), number, 1);
}

err_t
keys_sign_checkpoint(struct ctx *cx, struct str note, struct str *kid,
                     struct bytes *signature)
{
    struct str out[2];
    err_t e = ask(cx, KEYS_CHECKPOINT, FIELDS(note), out, 2);

    *kid = out[0];
    *signature = bytes_of(out[1]);
    return e;
}

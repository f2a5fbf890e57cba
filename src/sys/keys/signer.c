/*
 * signer.c - the signer's loop: packets in, packets out, in order.
 *
 * Rule      A peer that does not read its answers is not read from either; one
 *           that sends what has no form is cut off. Each packet of one peer,
 *           then the next peer's: nobody is starved.
 * Source    Knoop. EUPL-1.2.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sys/keys/signer_int.h"

enum { PEERS_MAX = 80, SCRATCH = 16 << 20 };

struct peer {
    struct peer *next;
    int fd;
    enum signer_from from;
    unsigned number;
    size_t in_at, in_n, out_n, held_n;
    uint8_t in[OS_MESSAGE_MAX], out[OS_MESSAGE_MAX];
    uint8_t held[OS_MESSAGE_MAX]; /* an answer that does not fit behind `out` */
};

/* --- one request -------------------------------------------------------------- */

static err_t
judge(struct ctx *cx, struct signer *s, const struct peer *p, const struct keys_frame *f,
      struct str *out, size_t *out_n)
{
    const struct signer_op *op = signer__op(f->op);
    struct str in[KEYS_FIELDS_MAX];
    err_t e;

    if (op == NULL)
        return refuse(cx, ERR_FORBIDDEN, "", "there is no request %u", f->op);
    if (!(op->from & p->from))
        return refuse(cx, ERR_FORBIDDEN, "", "'%s' is not for this role to ask", op->name);
    if (!(op->states & s->state))
        return refuse(cx, ERR_UNAVAILABLE, "", "'%s' is not done any more: the node stops",
                      op->name);
    if ((e = keys__fields(cx, f->fields, in, op->in)) != ERR_OK ||
        (e = op->fn(cx, s, in, out)) != ERR_OK)
        return e;
    *out_n = op->out;
    return ERR_OK;
}

static err_t
answer(struct ctx *cx, struct signer *s, const struct peer *p, const struct keys_frame *f,
       struct bytes *frame)
{
    struct str out[KEYS_FIELDS_MAX] = { { NULL, 0 } };
    size_t n = 0;
    err_t e = judge(cx, s, p, f, out, &n);

    if (e != ERR_OK) {
        /* That a key is not there is an answer, which health asks for again and again. */
        log_at(cx, e == ERR_NOT_FOUND ? LOG_DEBUG : LOG_INFO, "refused to %s %u: %.*s",
               p->from == SIGNER_FROM_AUDITOR ? "auditor" : "worker", p->number,
               STR(cx->reason));
        out[0] = str_of(cx->clause);
        out[1] = cx->reason;
        n = 2;
    }
    return keys__put(cx, f->id, KEYS_ANSWER, e, out, n, frame);
}

/* --- a peer ------------------------------------------------------------------- */

/* ERR_UNAVAILABLE: it does not read; the packet waits. */
static err_t
flush(struct ctx *cx, struct peer *p)
{
    while (p->out_n > 0) {
        err_t e = os_send(cx, p->fd, (struct bytes){ p->out, p->out_n }, NULL, 0);

        if (e != ERR_OK)
            return e;
        explicit_bzero(p->out, p->out_n);
        memcpy(p->out, p->held, p->held_n);
        explicit_bzero(p->held, p->held_n);
        p->out_n = p->held_n;
        p->held_n = 0;
    }
    return ERR_OK;
}

/* A request is done once: its answer finds a place whether the peer reads or not. */
static err_t
next_frame(struct ctx *cx, struct signer *s, struct peer *p)
{
    struct bytes rest = { p->in + p->in_at, p->in_n - p->in_at }, frame;
    struct keys_frame f;
    err_t e;

    if ((e = keys__frame(cx, &rest, &f)) != ERR_OK ||
        (e = answer(cx, s, p, &f, &frame)) != ERR_OK)
        return e;
    p->in_at = p->in_n - rest.n;
    if (p->out_n + frame.n > sizeof(p->out)) {
        memcpy(p->held, frame.p, frame.n);
        p->held_n = frame.n;
        return flush(cx, p);
    }
    memcpy(p->out + p->out_n, frame.p, frame.n);
    p->out_n += frame.n;
    return ERR_OK;
}

static err_t
one_packet(struct ctx *cx, struct signer *s, struct peer *p)
{
    err_t e = ERR_OK;

    if (p->in_at == p->in_n) {
        int fds[OS_FDS_MAX];

        p->in_at = p->in_n = 0;
        if ((e = os_recv(cx, p->fd, p->in, sizeof(p->in), &p->in_n, fds)) != ERR_OK)
            return e;
        for (size_t i = 0; i < OS_FDS_MAX; i++)
            os_close(&fds[i]); /* nobody has a descriptor for us */
    }
    while (p->in_at < p->in_n && e == ERR_OK)
        e = next_frame(cx, s, p);
    if (p->in_at == p->in_n)
        explicit_bzero(p->in, p->in_n);
    return e != ERR_OK ? e : flush(cx, p);
}

static void
peer_free(struct peer *p)
{
    os_close(&p->fd);
    explicit_bzero(p, sizeof(*p));
    free(p);
}

static void
cut_off(struct signer *s, const struct peer *gone)
{
    for (struct peer **at = &s->peers; *at != NULL; at = &(*at)->next)
        if (*at == gone) {
            struct peer *p = *at;

            *at = p->next;
            peer_free(p);
            return;
        }
}

static void
serve(struct ctx *cx, struct signer *s, struct peer *p)
{
    err_t e;

    ctx_init(cx, cx->arena, s->now_ms());
    e = p->out_n > 0 ? flush(cx, p) : ERR_OK;
    if (e == ERR_OK)
        e = one_packet(cx, s, p);
    if (e != ERR_OK && e != ERR_UNAVAILABLE) {
        if (e != ERR_GONE)
            log_error(cx, "worker %u is cut off: %.*s", p->number, STR(cx->reason));
        cut_off(s, p);
    }
    arena_reset(cx->arena);
}

err_t
signer_peer(struct ctx *cx, struct signer *s, int fd, enum signer_from from,
            unsigned number)
{
    struct peer *p, *next;
    size_t n = 0;
    err_t e;

    for (p = s->peers; p != NULL; p = next, n++) {
        next = p->next;
        if (p->from == from && p->number == number)
            cut_off(s, p);
    }
    if (n >= PEERS_MAX || (p = calloc(1, sizeof(*p))) == NULL) {
        os_close(&fd);
        return refuse(cx, ERR_LIMIT, "", "too many peers");
    }
    p->fd = fd;
    p->from = from;
    p->number = number;
    if ((e = os_nonblock(cx, fd)) != ERR_OK) {
        peer_free(p);
        return e;
    }
    p->next = s->peers;
    s->peers = p;
    return ERR_OK;
}

/* --- the loop ----------------------------------------------------------------------- */

static struct peer *
peer_of(const struct signer *s, int fd)
{
    struct peer *p = s->peers;

    while (p != NULL && p->fd != fd)
        p = p->next;
    return p;
}

void
signer_run(struct signer *s, const struct signer_host *host)
{
    static struct arena scratch;
    struct ctx cx;
    bool on = true;

    arena_init(&scratch, SCRATCH);
    ctx_init(&cx, &scratch, s->now_ms());
    while (on && (s->state != SIGNER_DRAINING || s->peers != NULL)) {
        struct pollfd fds[1 + PEERS_MAX] = { { host->fd, POLLIN, 0 } };
        nfds_t n = 1;

        for (const struct peer *p = s->peers; p != NULL; p = p->next)
            fds[n++] = (struct pollfd){ p->fd, p->out_n > 0 ? POLLOUT : POLLIN, 0 };
        if (poll(fds, n, -1) < 0 && errno != EINTR)
            abort();
        for (nfds_t i = 1; i < n; i++) {
            struct peer *p = fds[i].revents != 0 ? peer_of(s, fds[i].fd) : NULL;

            if (p != NULL)
                serve(&cx, s, p);
        }
        if (fds[0].revents != 0) {
            ctx_init(&cx, &scratch, s->now_ms());
            on = host->ready(&cx, s, host->arg);
            arena_reset(&scratch);
        }
    }
    arena_fini(&scratch);
}

/* --- opening ------------------------------------------------------------------ */

static err_t
open_token(struct ctx *cx, struct signer *s)
{
    return s->conf->keys_pkcs11_module.n == 0 ? ERR_OK : token_open(cx, s->conf, &s->token);
}

err_t
signer_open(struct ctx *cx, const struct signer_setup *setup, struct signer **out)
{
    struct signer *s = calloc(1, sizeof(*s));
    err_t e;

    *out = NULL;
    if (s == NULL)
        return refuse(cx, ERR_NO_MEMORY, "", "an allocation failed");
    s->now_ms = setup->now_ms;
    s->state = SIGNER_SERVING;
    s->conf = conf_take((struct conf *)(uintptr_t)setup->conf);
    /* What fits in the limit is locked; the rest is still never dumped. */
    (void)mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT);
    if ((e = keystore_open(cx, setup->folder, setup->root, &s->store)) != ERR_OK ||
        (e = open_token(cx, s)) != ERR_OK || (e = signer__audit_keys(cx, s)) != ERR_OK ||
        (e = signer__take_tls(cx, s, s->conf)) != ERR_OK) {
        signer_close(s);
        return e;
    }
    *out = s;
    return ERR_OK;
}

err_t
signer_reload(struct ctx *cx, struct signer *s, struct conf *fresh)
{
    struct conf *old = s->conf;
    err_t e = signer__take_tls(cx, s, fresh);

    if (e != ERR_OK)
        return e;
    s->conf = conf_take(fresh);
    conf_give(old);
    return ERR_OK;
}

void
signer_drain(struct signer *s)
{
    s->state = SIGNER_DRAINING;
}

void
signer_close(struct signer *s)
{
    if (s == NULL)
        return;
    while (s->peers != NULL)
        cut_off(s, s->peers);
    signer__forget(s);
    keystore_close(&s->store);
    token_close(s->token);
    conf_give(s->conf);
    free(s);
}

/* direct_conn.c - a connection to an upstream: dialled, sent to, kept, closed. EUPL-1.2. */
#include "sys/http/direct_int.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    IDLE_MOST = 256, /* kept connections, to all upstreams */
    IDLE_MS = 15000, /* shorter than servers wait */
};

/* --- watched ------------------------------------------------------------------------ */

void
direct_conn_unwatch(struct direct_conn *c)
{
    if (c->watched)
        loop_remove(c->of->loop, &c->io);
    c->watched = false;
}

bool
direct_conn_watch(struct direct_conn *c, uint32_t events)
{
    if (!c->watched) {
        c->io.events = events;
        c->watched = loop_add(c->t->cx, c->of->loop, &c->io) == ERR_OK;
    } else if (c->io.events != events) {
        loop_change(c->of->loop, &c->io, events);
    }
    return c->watched;
}

/* --- dialled ------------------------------------------------------------------------ */

/* ::ffff:a.b.c.d goes out as IPv4: there need be no IPv6 here. */
static socklen_t
sockaddr_of(const struct direct_to *to, struct sockaddr_storage *out)
{
    static const uint8_t mapped[12] = { [10] = 0xFF, [11] = 0xFF };
    struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons(to->port) };
    struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = htons(to->port) };

    memset(out, 0, sizeof(*out));
    if (memcmp(to->addr.ip, mapped, sizeof(mapped)) == 0) {
        memcpy(&four.sin_addr, to->addr.ip + 12, 4);
        memcpy(out, &four, sizeof(four));
        return sizeof(four);
    }
    memcpy(&six.sin6_addr, to->addr.ip, 16);
    memcpy(out, &six, sizeof(six));
    return sizeof(six);
}

bool
direct_conn_dial(struct direct_conn *c)
{
    struct sockaddr_storage sa;
    socklen_t n = sockaddr_of(&c->to, &sa);
    int one = 1;

    c->io.fd = socket(sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (c->io.fd < 0)
        return false;
    setsockopt(c->io.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (connect(c->io.fd, (const struct sockaddr *)(const void *)&sa, n) != 0 &&
        errno != EINPROGRESS)
        return false;
    c->connecting = true;
    c->reused = false;
    return direct_conn_watch(c, EPOLLOUT);
}

/* --- sent to ------------------------------------------------------------------------ */

bool
direct_conn_unsent(const struct direct_conn *c)
{
    return c->out_at < c->out[0].n + c->out[1].n;
}

bool
direct_conn_send(struct direct_conn *c)
{
    while (direct_conn_unsent(c)) {
        size_t at = c->out_at;
        struct iovec v[2] = { { NULL, 0 }, { NULL, 0 } };
        struct msghdr m = { .msg_iov = v, .msg_iovlen = 2 };
        ssize_t n;

        for (size_t i = 0; i < 2; i++) {
            size_t skip = at < c->out[i].n ? at : c->out[i].n;

            v[i].iov_base = (void *)(uintptr_t)(c->out[i].p + skip);
            v[i].iov_len = c->out[i].n - skip;
            at -= skip;
        }
        n = sendmsg(c->io.fd, &m, MSG_NOSIGNAL);
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return direct_conn_watch(c, EPOLLIN | EPOLLOUT);
        if (n < 0)
            return false;
        c->out_at += (size_t)n;
    }
    return direct_conn_watch(c, EPOLLIN);
}

/* --- closed ------------------------------------------------------------------------- */

void
direct_conn_hang_up(struct direct_conn *c)
{
    loop_timer_clear(c->of->loop, &c->timer);
    direct_conn_unwatch(c);
    if (c->io.fd >= 0)
        close(c->io.fd);
    c->io.fd = -1;
}

/* One whose task is queued is freed by it. */
void
direct_conn_bury(struct direct_conn *c)
{
    direct_conn_hang_up(c);
    free(c->aside);
    c->aside = NULL;
    c->dead = true;
    if (!c->queued)
        free(c);
}

/* --- kept --------------------------------------------------------------------------- */

void
direct_conn_retire(struct direct_conn *c)
{
    struct direct *d = c->of;

    if (!c->keep || direct_conn_unsent(c) || !c->watched || c->io.events != EPOLLIN ||
        d->idle_n >= IDLE_MOST ||
        !loop_timer_set(d->loop, &c->timer, loop_now(d->loop) + IDLE_MS)) {
        direct_conn_bury(c);
        return;
    }
    c->next = d->idle;
    d->idle = c;
    d->idle_n++;
}

static void
leave_kept(struct direct_conn *c)
{
    struct direct_conn **at = &c->of->idle;

    while (*at != c)
        at = &(*at)->next;
    *at = c->next;
    c->of->idle_n--;
}

struct direct_conn *
direct_conn_kept(struct direct *d, const struct direct_to *to)
{
    for (struct direct_conn *c = d->idle; c != NULL; c = c->next)
        if (c->to.port == to->port &&
            memcmp(&c->to.addr, &to->addr, sizeof(to->addr)) == 0) {
            leave_kept(c);
            return c;
        }
    return NULL;
}

void
direct_conn_drop_kept(struct direct_conn *c)
{
    leave_kept(c);
    direct_conn_bury(c);
}

/*
 * os_fd.c - sockets between our own processes, and those that listen.
 *
 * Trust     A message may be cut or carry descriptors that nobody asked for;
 *           both are cleaned up here.
 * Source    Knoop. EUPL-1.2.
 */
#include "sys/os/os.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 1024 };

void
os_close(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

err_t
os_nonblock(struct ctx *cx, int fd)
{
    int flags = fcntl(fd, F_GETFL);

    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
        return refuse(cx, ERR_INTERNAL, "", "fcntl: %s", strerror(errno));
    return ERR_OK;
}

err_t
os_pair(struct ctx *cx, int *a, int *b)
{
    int fd[2];

    *a = *b = -1;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fd) < 0)
        return refuse(cx, ERR_UNAVAILABLE, "", "socketpair: %s", strerror(errno));
    for (int i = 0; i < 2; i++) {
        int size = 4 * OS_MESSAGE_MAX;

        (void)setsockopt(fd[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    }
    *a = fd[0];
    *b = fd[1];
    return ERR_OK;
}

union control {
    struct cmsghdr head;
    char room[CMSG_SPACE(OS_FDS_MAX * sizeof(int))];
};

err_t
os_send(struct ctx *cx, int sock, struct bytes message, const int *fds, size_t n)
{
    union control control;
    struct iovec io = { .iov_len = message.n };
    struct msghdr m = { .msg_iov = &io, .msg_iovlen = 1 };
    ssize_t sent;

    if (n > OS_FDS_MAX || message.n == 0 || message.n > OS_MESSAGE_MAX)
        return refuse(cx, ERR_INTERNAL, "", "a message of %zu bytes and %zu descriptors",
                      message.n, n);
    memcpy(&io.iov_base, &message.p, sizeof(message.p)); /* iov_base is not const */
    if (n > 0) {
        memset(&control, 0, sizeof(control));
        m.msg_control = control.room;
        m.msg_controllen = CMSG_SPACE(n * sizeof(int));
        control.head.cmsg_level = SOL_SOCKET;
        control.head.cmsg_type = SCM_RIGHTS;
        control.head.cmsg_len = CMSG_LEN(n * sizeof(int));
        memcpy(CMSG_DATA(&control.head), fds, n * sizeof(int));
    }
    do
        sent = sendmsg(sock, &m, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    if (sent >= 0)
        return ERR_OK;
    if (errno == EAGAIN || errno == ENOBUFS)
        return refuse(cx, ERR_UNAVAILABLE, "", "the other end does not take more now");
    return refuse(cx, ERR_GONE, "", "sendmsg: %s", strerror(errno));
}

/* Takes what came along; more than the room for it is closed by the kernel. */
static void
take_fds(struct msghdr *m, int fds[OS_FDS_MAX])
{
    size_t at = 0;

    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        for (size_t i = 0; CMSG_LEN((i + 1) * sizeof(int)) <= c->cmsg_len; i++) {
            int fd;

            memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
            if (at < OS_FDS_MAX)
                fds[at++] = fd;
            else
                close(fd);
        }
    }
}

err_t
os_recv(struct ctx *cx, int sock, void *room, size_t size, size_t *n, int fds[OS_FDS_MAX])
{
    union control control;
    struct iovec io = { room, size };
    struct msghdr m = { .msg_iov = &io,
                        .msg_iovlen = 1,
                        .msg_control = control.room,
                        .msg_controllen = sizeof(control.room) };
    ssize_t got;

    *n = 0;
    for (size_t i = 0; i < OS_FDS_MAX; i++)
        fds[i] = -1;
    do
        got = recvmsg(sock, &m, MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return refuse(cx, ERR_UNAVAILABLE, "", "nothing waits");
    if (got <= 0)
        return refuse(cx, ERR_GONE, "", "the other end is closed");
    take_fds(&m, fds);
    if (m.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
        for (size_t i = 0; i < OS_FDS_MAX; i++)
            os_close(&fds[i]);
        return refuse(cx, ERR_TOO_LARGE, "", "a message larger than %zu bytes", size);
    }
    *n = (size_t)got;
    return ERR_OK;
}

/* --- listening ---------------------------------------------------------------- */

static err_t
listen_at(struct ctx *cx, const struct sockaddr *sa, socklen_t n, bool both, int *out)
{
    scoped(os_close) int fd = -1;
    int on = 1, only = !both;

    fd = socket(sa->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return refuse(cx, ERR_UNSUPPORTED, "", "socket: %s", strerror(errno));
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (sa->sa_family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof(only));
    if (bind(fd, sa, n) < 0 || listen(fd, BACKLOG) < 0)
        return refuse(cx,
                      errno == EADDRINUSE                               ? ERR_CONFLICT
                      : errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL ? ERR_UNSUPPORTED
                                                                        : ERR_FORBIDDEN,
                      "", "bind: %s", strerror(errno));
    *out = fd;
    fd = -1;
    return ERR_OK;
}

static err_t
listen6(struct ctx *cx, const char *host, uint16_t port, bool both, int *out)
{
    struct sockaddr_in6 a = { .sin6_family = AF_INET6, .sin6_port = htons(port) };

    if (inet_pton(AF_INET6, host, &a.sin6_addr) != 1)
        return refuse(cx, ERR_BAD_REQUEST, "", "'%s' is not an address", host);
    return listen_at(cx, (struct sockaddr *)&a, sizeof(a), both, out);
}

static err_t
listen4(struct ctx *cx, const char *host, uint16_t port, int *out)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };

    if (inet_pton(AF_INET, host, &a.sin_addr) != 1)
        return refuse(cx, ERR_BAD_REQUEST, "",
                      "'%s' is not an address; names are not looked up", host);
    return listen_at(cx, (struct sockaddr *)&a, sizeof(a), false, out);
}

/* Both loopbacks on one port; a machine without IPv6 has one. */
static err_t
listen_local(struct ctx *cx, uint16_t port, int fds[OS_LISTEN_MAX], size_t *n)
{
    err_t e = listen4(cx, "127.0.0.1", port, &fds[0]);

    if (e != ERR_OK)
        return e;
    *n = 1;
    e = listen6(cx, "::1", port != 0 ? port : (uint16_t)os_port(fds[0]), false, &fds[1]);
    if (e == ERR_OK)
        *n = 2;
    else if (e == ERR_UNSUPPORTED)
        refuse_clear(cx);
    else {
        os_close(&fds[0]);
        *n = 0;
        return e;
    }
    return ERR_OK;
}

static err_t
split(struct ctx *cx, struct str address, char host[64], uint16_t *port)
{
    size_t colon = address.n;
    struct str h;
    uint64_t v;

    while (colon > 0 && address.p[colon - 1] != ':')
        colon--;
    if (colon == 0 || !str_to_u64(str_sub(address, colon, address.n), &v) || v > 65535)
        return refuse(cx, ERR_BAD_REQUEST, "", "'%.*s' is not host:port", STR(address));
    h = str_sub(address, 0, colon - 1);
    if (h.n >= 2 && h.p[0] == '[' && h.p[h.n - 1] == ']')
        h = str_sub(h, 1, h.n - 1);
    else if (str_find(h, ':') != h.n)
        return refuse(cx, ERR_BAD_REQUEST, "RFC 3986 3.2.2", "'%.*s': write [IPv6]:port",
                      STR(address));
    if (h.n >= 64)
        return refuse(cx, ERR_BAD_REQUEST, "", "'%.*s' is not an address", STR(address));
    memcpy(host, h.n ? h.p : "", h.n);
    host[h.n] = '\0';
    *port = (uint16_t)v;
    return ERR_OK;
}

err_t
os_listen(struct ctx *cx, struct str address, int fds[OS_LISTEN_MAX], size_t *n)
{
    char host[64];
    uint16_t port = 0;
    err_t e;

    fds[0] = fds[1] = -1;
    *n = 0;
    if ((e = split(cx, address, host, &port)) != ERR_OK)
        return e;
    if (strcmp(host, "localhost") == 0)
        return listen_local(cx, port, fds, n);
    if (host[0] == '\0') {
        e = listen6(cx, "::", port, true, &fds[0]);
        if (e == ERR_UNSUPPORTED) {
            refuse_clear(cx);
            e = listen4(cx, "0.0.0.0", port, &fds[0]);
        }
    } else if (strchr(host, ':') != NULL) {
        e = listen6(cx, host, port, false, &fds[0]);
    } else {
        e = listen4(cx, host, port, &fds[0]);
    }
    *n = e == ERR_OK;
    return e;
}

int
os_port(int fd)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } a;
    socklen_t n = sizeof(a);

    if (getsockname(fd, &a.any, &n) < 0)
        return 0;
    if (a.any.sa_family == AF_INET)
        return ntohs(a.v4.sin_port);
    return a.any.sa_family == AF_INET6 ? ntohs(a.v6.sin6_port) : 0;
}

/* tls_door.c - temporary: no TLS yet. EUPL-1.2. */
#include "sys/http/http_int.h"

err_t
tls_doors_open(struct ctx *cx, struct http *h, const struct conf *conf,
               struct tls_server *out[HTTP_DOOR_INTERNAL + 1])
{
    (void)h;
    out[HTTP_DOOR_PUBLIC] = out[HTTP_DOOR_INTERNAL] = NULL;
    if (!str_eq(conf->http_public_tls, S("off")) ||
        !str_eq(conf->http_internal_tls, S("off")))
        return refuse(cx, ERR_UNSUPPORTED, "", "no TLS yet");
    return ERR_OK;
}
void
tls_server_close(struct tls_server *s)
{
    (void)s;
}
struct tls_conn *
tls_accept(struct tls_server *s, int fd, void *owner)
{
    (void)s;
    (void)fd;
    (void)owner;
    return NULL;
}
void
tls_free(struct tls_conn *c)
{
    (void)c;
}
enum tls_io
tls_handshake(struct tls_conn *c)
{
    (void)c;
    return TLS_IO_FAILED;
}
enum tls_io
tls_read(struct tls_conn *c, void *to, size_t room, size_t *n)
{
    (void)c;
    (void)to;
    (void)room;
    *n = 0;
    return TLS_IO_FAILED;
}
enum tls_io
tls_write(struct tls_conn *c, const void *from, size_t n, size_t *w)
{
    (void)c;
    (void)from;
    (void)n;
    *w = 0;
    return TLS_IO_FAILED;
}
void
tls_bye(struct tls_conn *c)
{
    (void)c;
}
struct bytes
tls_client_certificate(struct tls_conn *c)
{
    (void)c;
    return (struct bytes){ NULL, 0 };
}

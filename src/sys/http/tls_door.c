/* tls_door.c - TLS for the doors from the options; signatures in the pool. EUPL-1.2. */
#include "sys/http/http_int.h"
#include "sys/os/os.h"

enum { PEM_MOST = 1 << 20 };

static void
sign_done(struct loop_task *task)
{
    conn_tls_again(container_of(task, struct http_conn, sign_back));
}

static void
sign_in_pool(struct pool_job *job)
{
    struct http_conn *c = container_of(job, struct http_conn, sign_job);

    tls_async_work(c->sign);
    loop_post(c->http->loop, &c->sign_back);
}

static bool
sign_later(void *owner, struct tls_async *job)
{
    struct http_conn *c = owner;

    if (c->state != CONN_HANDSHAKE) /* it has gone meanwhile: the handshake only ends */
        return false;
    c->sign = job;
    c->sign_job.fn = sign_in_pool;
    c->sign_back.fn = sign_done;
    c->busy = pool_put(c->http->pool, &c->sign_job);
    return c->busy;
}

static enum tls_client
client_of(struct str option)
{
    if (str_eq(option, S("mutual")))
        return TLS_CLIENT_MUST;
    return str_eq(option, S("asked")) ? TLS_CLIENT_ASKED : TLS_CLIENT_NONE;
}

static err_t
read_pem(struct ctx *cx, struct str path, const char *option, struct str *out)
{
    struct bytes text;
    char *z = arena_z(cx->arena, path);
    err_t e;

    *out = (struct str){ NULL, 0 };
    if (z == NULL)
        return refuse_memory(cx);
    if (path.n == 0)
        return refuse(cx, ERR_BAD_REQUEST, "", "TLS needs %s", option);
    if ((e = os_read_file(cx, z, PEM_MOST, &text)) != ERR_OK)
        return e;
    *out = str_of_bytes(text);
    return ERR_OK;
}

static err_t
open_door(struct ctx *cx, struct http *h, const struct conf *conf, struct str option,
          struct tls_server **out)
{
    struct tls_setup setup = {
        .key_id = conf->tls_key_id,
        .signer = h->setup.tls_signer,
        .client = client_of(option),
        .only_13 = str_eq(conf->tls_least, S("1.3")),
        .defer = sign_later,
    };
    err_t e;

    if (str_eq(option, S("off")))
        return ERR_OK;
    if (setup.signer == NULL)
        return refuse(cx, ERR_UNAVAILABLE, "tls.keyid",
                      "TLS needs a signer, and there is none");
    if ((e = read_pem(cx, conf->tls_certificate, "tls.certfile", &setup.chain_pem)) !=
        ERR_OK)
        return e;
    if (setup.client != TLS_CLIENT_NONE &&
        (e = read_pem(cx, conf->tls_trust, "tls.truststorefile", &setup.trust_pem)) !=
            ERR_OK)
        return e;
    return tls_server_open(cx, &setup, out);
}

err_t
tls_doors_open(struct ctx *cx, struct http *h, const struct conf *conf,
               struct tls_server *out[HTTP_DOOR_INTERNAL + 1])
{
    err_t e;

    out[HTTP_DOOR_PUBLIC] = out[HTTP_DOOR_INTERNAL] = NULL;
    if ((e = open_door(cx, h, conf, conf->http_public_tls, &out[HTTP_DOOR_PUBLIC])) !=
        ERR_OK)
        return e;
    e = open_door(cx, h, conf, conf->http_internal_tls, &out[HTTP_DOOR_INTERNAL]);
    if (e != ERR_OK) {
        tls_server_close(out[HTTP_DOOR_PUBLIC]);
        out[HTTP_DOOR_PUBLIC] = NULL;
    }
    return e;
}

/*
 * client.h - outbound HTTP on the loop, for fetch.c and relay.c: libcurl's multi
 * interface, and for configured upstreams in clear our own (direct.h). Private to
 * sys/http.
 *
 *      transfer ─► client_start ─► [ head lines ] ─► [ body bytes ] ─► done(t, e)
 *
 * Rule      The two kinds have connections of their own: what was opened for our own
 *           upstream is never reused for an outsider's URL. Each opened socket's
 *           address is looked at (SSRF), after DNS: a name cannot be made to lie.
 * Lifetime  A transfer stands in its owner's memory until done() or client_cancel.
 *           Its texts are borrowed until then.
 * Threads   The loop's alone. Callbacks `head` and `body` run inside libcurl: they
 *           must not start or cancel transfers, nor close connections.
 * Source    Knoop; the protocol is libcurl's. EUPL-1.2.
 */
#ifndef KNOOP_SYS_HTTP_CLIENT_H
#define KNOOP_SYS_HTTP_CLIENT_H

#include "sys/conf/conf.h"
#include "sys/http/addr.h"
#include "sys/http/fetch.h"
#include "sys/http/tls.h"
#include "sys/loop/loop.h"
#include "sys/os/dl.h"

#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>

struct curl_api {
#define X(f) DL_MEMBER(f)
#include "sys/http/curl.def"
#undef X
};

enum client_kind { CLIENT_GUARDED, CLIENT_CONFIGURED, CLIENT_KINDS };
enum client_use { CLIENT_FETCH, CLIENT_RELAY, CLIENT_USES };
enum { CLIENT_HEAD_MAX = 64 * 1024, CLIENT_TRACE = 80 };

struct client;
struct client_host;

struct transfer {
    /* the owner's wishes */
    struct ctx *cx;
    enum fetch_trust trust;
    enum client_use use;
    enum http_method method;
    struct str url;
    const struct str *headers;
    size_t header_count;
    struct bytes request;
    int64_t timeout_ms;
    bool repeatable; /* whatever its method says: see client_may_repeat */
    /* A line of the answer's head, without CRLF; false ends the transfer. */
    bool (*head)(struct transfer *t, struct str line);
    enum client_taken {
        CLIENT_TAKEN,
        CLIENT_PAUSE,
        CLIENT_STOP
    } (*body)(struct transfer *t, struct bytes piece);
    /* ERR_OK: the answer is whole. Else the reason is in cx. */
    void (*done)(struct transfer *t, err_t e);

    /* the client's */
    struct client *client;
    struct direct_conn *direct; /* NULL: libcurl has it */
    CURL *easy;
    CURLU *parsed;
    struct curl_slist *list;
    struct client_host *host;
    size_t head_bytes;
    bool guarded; /* an address was refused */
    bool stopped; /* by `head` or `body` */
    bool running;
    int status;    /* of the answer; set before done() */
    char span[56]; /* the traceparent that went; "" without a trace */
    int64_t since_ns;
};

struct client_caps {
    size_t per_host[CLIENT_USES], most[CLIENT_USES];
};

err_t client_open(struct ctx *cx, struct loop *loop, const struct conf *conf,
                  struct client **out) NODISCARD;
err_t client_reload(struct ctx *cx, struct client *c, const struct conf *conf) NODISCARD;
void client_close(struct client *c); /* nothing may be under way */
/* Brings libcurl into memory; from any thread that may wait. */
err_t client_preload(struct ctx *cx) NODISCARD;

/* UNAVAILABLE beyond a cap, FORBIDDEN scheme, BAD_REQUEST URL; then done() is not called.
 */
err_t client_start(struct client *c, struct transfer *t) NODISCARD;
void client_cancel(struct transfer *t); /* without done(); not from `head` or `body` */
void client_go_on(struct transfer *t);  /* after CLIENT_PAUSE; not from `head` or `body` */
int client_status(struct transfer *t);  /* once the head is there */
/*
 * RFC 9110 9.2.2: whether it may be sent again when a kept connection ended before a byte
 * of the answer: then nobody knows whether it was seen. What may not has a connection of
 * its own.
 */
bool client_may_repeat(const struct transfer *t);
/* "traceparent: …", where the caller's trace goes on (W3C Trace Context 4.3). */
bool client_trace(struct transfer *t, char line[CLIENT_TRACE]);

struct client *fetch_client(struct fetch *f); /* fetch.c's, which relays share */

#endif

/*
 * fetch.h - asking others over HTTP.
 *
 * Rule      https only, but for named exceptions; TLS 1.2 and up; no redirects;
 *           answers capped; the addresses that an outsider may make us reach
 *           are guarded (SSRF): private, loopback and link-local ranges are
 *           refused unless fetch.allowed_ranges names them.
 * Trust     Answers come from strangers.
 * Lifetime  The answer lives in the context's arena.
 * Threads   Blocks: pool only. The transfer itself runs on the loop, so a slow
 *           peer holds one pool thread at most until the deadline; each host
 *           has a cap (fetch.per_host) and all together too (fetch.most),
 *           beyond which the answer is UNAVAILABLE.
 * Source    Knoop; the transport is libcurl. EUPL-1.2.
 */
#ifndef KNOOP_SYS_FETCH_H
#define KNOOP_SYS_FETCH_H

#include "sys/http/http.h"

enum fetch_trust {
    FETCH_TRUST_NONE,
    FETCH_OUTSIDER,   /* the URL came from a stranger: https and guarded */
    FETCH_CONFIGURED, /* the URL stands in our options: any address, http allowed */
    FETCH_CRL,        /* a distribution point of a configured CA: http allowed, guarded */
};

struct fetch_request {
    enum fetch_trust trust;
    enum http_method method;
    struct str url;
    const struct str *headers; /* "Name: value" */
    size_t header_count;
    struct bytes body;
    size_t body_max;    /* 0: 1 MiB */
    int64_t timeout_ms; /* 0: fetch.timeout; the context's deadline too */
    /*
     * Sent twice does no more than sent once (RFC 9110 9.2.2), though it is a POST: then it
     * goes over a kept connection. What libcurl is not sure of it sends again.
     */
    bool repeatable;
};
struct fetch_reply {
    int status;
    struct str type; /* content type without parameters, lower case */
    struct bytes body;
    int64_t max_age_ms; /* Cache-Control max-age; -1 absent, 0 no-store */
};

/*
 *   ERR_UPSTREAM     no connection, TLS refused, answer too large
 *   ERR_DEADLINE     no whole answer in time
 *   ERR_UNAVAILABLE  the cap for this host is met
 *   ERR_FORBIDDEN    the address is guarded, or the scheme not allowed
 * Any HTTP status is ERR_OK: the caller judges it.
 */
err_t fetch(struct ctx *cx, const struct fetch_request *in,
            struct fetch_reply *out) NODISCARD;

/* --- the service --------------------------------------------------------------- */
struct loop;
struct fetch;

/* Loads libcurl. Before the role is narrowed. The loop's thread, or before it runs. */
err_t fetch_open(struct ctx *cx, struct loop *loop, struct conf *conf,
                 struct fetch **out) NODISCARD;
/* New ranges, hosts, authorities; on refusal the old ones stay. Loop thread. */
err_t fetch_reload(struct ctx *cx, struct fetch *f, struct conf *conf) NODISCARD;
/*
 * For tests of handlers, as http_ask: a service that asks `answer` and nobody else.
 * It decides first, as the other does, whether anybody may be asked at all.
 */
typedef err_t fetch_answer(struct ctx *cx, void *arg, const struct fetch_request *in,
                           struct fetch_reply *out);
struct fetch *fetch_pretend(fetch_answer *answer, void *arg);

/* After http_close, which waits for those who fetch. NULL is fine. */
void fetch_close(struct fetch *f);

#endif

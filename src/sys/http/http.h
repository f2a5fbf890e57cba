/*
 * http.h - the doors: routes, requests, replies.
 *
 * Rule      RFC 9110, RFC 9112. One row tells the whole truth of an endpoint.
 *           Zero in a security field means that nobody chose: http_prove
 *           refuses to start.
 * Trust     All of a request comes from a stranger, the client address too
 *           unless a trusted proxy gave it.
 * Lifetime  All that req_* returns is borrowed until the reply is sent.
 * Threads   A handler runs in the pool (may block) or on the loop (may not).
 *           A LOOP handler that meets WOULD_BLOCK is run again in the pool, so
 *           it must not have replied or written anything before.
 * Source    Knoop. EUPL-1.2.
 */
#ifndef KNOOP_SYS_HTTP_H
#define KNOOP_SYS_HTTP_H

#include "base/err.h"
#include "codec/json/json.h"
#include "sys/audit/audit.h"

enum http_door { HTTP_DOOR_NONE, HTTP_DOOR_PUBLIC, HTTP_DOOR_INTERNAL, HTTP_DOOR_BOTH };
enum http_method {
    HTTP_METHOD_NONE,
    HTTP_GET,
    HTTP_HEAD,
    HTTP_POST,
    HTTP_PUT,
    HTTP_PATCH,
    HTTP_DELETE,
    HTTP_OPTIONS,
    HTTP_ANY /* the handler decides; 405 is its own */
};
enum http_auth {
    HTTP_AUTH_NONE,     /* nobody chose: will not start */
    HTTP_AUTH_ANYONE,   /* public by decision */
    HTTP_AUTH_OPERATOR, /* the internal door's rule: loopback, or token */
    HTTP_AUTH_HANDLER,  /* the handler proves the caller (DPoP, VP) */
};
enum http_run { HTTP_RUN_NONE, HTTP_RUN_LOOP, HTTP_RUN_POOL };
enum http_rate { RATE_NONE, RATE_READ, RATE_WRITE, RATE_PROOF /* costs signatures */ };
enum http_errors {
    HTTP_ERRORS_NONE,
    HTTP_ERRORS_PROBLEM, /* RFC 9457; nuts-node.md 2.0: title "<Op> failed" */
    HTTP_ERRORS_OAUTH,   /* RFC 6749 5.2 */
    HTTP_ERRORS_FHIR,    /* OperationOutcome */
    HTTP_ERRORS_TEXT,
};

const char *http_method_name(enum http_method m); /* "GET" */

struct req;

struct http_route {
    const char *op;  /* operation id, as OpenAPI has it: "createSubject" */
    const char *doc; /* one sentence */
    enum http_door door;
    enum http_method method;
    const char *path; /* "/iam/{id}/did.json"; "/fhir/{*rest}" takes all behind */
    enum http_auth auth;
    enum http_run run;
    enum http_rate rate;
    enum http_errors errors;
    enum audit_event audit; /* AUDIT_NOT_NEEDED where that is the decision */
    size_t body_max;
    const char *const
        *statuses; /* "200 application/json what", NULL-terminated; for docs */
    err_t (*fn)(struct req *rq);
};

struct req {
    struct ctx cx; /* first: a req is a ctx to the floors below */
    const struct http_route *route;
    enum http_method method;
    struct audit_record audit; /* the handler fills it in; the door sends it */
    struct http_conn *conn_;
    void *state_; /* the room's own */
};

/* --- reading; absent gives .p == NULL ------------------------------------------ */
struct str req_path(struct req *rq, const char *name);  /* decoded once */
struct str req_raw_target(struct req *rq);              /* path?query as received */
struct str req_query(struct req *rq, const char *name); /* decoded; first one */
struct str req_raw_query(struct req *rq);
struct str req_header(struct req *rq, const char *name); /* any case; one value */
struct bytes req_body(struct req *rq);
struct str req_content_type(struct req *rq); /* without parameters, lower case */
/* A form member (application/x-www-form-urlencoded); twice is refused. */
err_t req_form(struct req *rq, const char *name, struct str *out) NODISCARD;
err_t req_json(struct req *rq, json **out) NODISCARD; /* the body as JSON */
/* The request's form, not its content, is at fault: nuts-node's title "Operation failed".
 */
err_t req_malformed(struct req *rq, err_t e);
struct str req_client(struct req *rq);               /* address, trusted proxies applied */
struct bytes req_client_certificate(struct req *rq); /* DER, mTLS; verified by TLS */

/* --- replying: once ------------------------------------------------------------ */
/* Also before a refusal: WWW-Authenticate. Our mistakes in it end in a 500. */
void reply_header(struct req *rq, const char *name, struct str value);
struct json_out *reply_json(struct req *rq, int status); /* application/json */
struct json_out *reply_json_as(struct req *rq, int status, const char *type);
err_t reply_send(struct req *rq, struct json_out *js) NODISCARD;
err_t reply_bytes(struct req *rq, int status, const char *type,
                  struct bytes body) NODISCARD;
err_t reply_empty(struct req *rq, int status) NODISCARD;

/*
 * The gateway's way out: the loop sends this request to the upstream and
 * streams the answer back, with back-pressure, up to `body_max` bytes. Before anything of
 * it goes out, `accept` (may be NULL) looks at status and media type; what it refuses is
 * answered by us. `rewrite` (may be NULL) is given each whole JSON body that needs changing
 * (see care/gateway); then the answer is held, up to `hold_max`. It runs on the loop
 * when the answer is small, and again in the pool when it says WOULD_BLOCK.
 */
struct reply_relay {
    enum http_method method;
    struct str url;            /* of a configured upstream; not guarded */
    const struct str *headers; /* "Name: value", copied */
    size_t header_count;
    struct bytes body;
    size_t body_max, hold_max;
    int64_t timeout_ms;
    /*
     * Asked twice is as asked once (RFC 9110 9.2.2): a POST that only reads. GET, HEAD and
     * OPTIONS are so anyway.
     */
    bool repeatable;
    err_t (*accept)(struct req *rq, int status, struct str type); /* without parameters */
    err_t (*rewrite)(struct req *rq, struct bytes body, struct str *out);
    /*
     * Each header of the answer but those of framing; false drops it. `*value` may be
     * changed (Location). NULL: only those that name no place pass.
     */
    bool (*header)(struct req *rq, struct str name, struct str *value);
};
err_t reply_relay(struct req *rq, const struct reply_relay *relay) NODISCARD;

/*
 * Work of a LOOP handler that takes the processor's time: a signature to verify. The
 * handler fills in `together` and returns what req_work returns, WOULD_BLOCK; when the
 * work is done it is run again on the loop, from its start, and finds it in req_worked.
 * What the requests of one turn ask with the same function goes to the pool together, so
 * that what it has to write is written once for all of them. Each has its own ctx, which
 * may block there. `work` stands in the request's arena.
 */
struct req_work {
    void (*together)(struct req_work *const *list, size_t n);
    struct ctx *cx; /* set by req_work */
};
err_t req_work(struct req *rq, struct req_work *work) NODISCARD;
struct req_work *req_worked(struct req *rq); /* what was done; NULL: nothing yet */

/* --- the doors ----------------------------------------------------------------- */
struct http;
struct loop;
struct sys;
struct tls_signer; /* tls.h: how the signer signs handshakes */

/* Sees that every row was decided; the reason names the first that was not. */
err_t http_prove(struct ctx *cx, const struct http_route *const *tables,
                 size_t n) NODISCARD;

struct http_setup {
    struct conf *conf; /* taken */
    struct sys *sys;   /* what contexts get; sys->http is set */
    struct loop *loop;
    const struct http_route *const *tables; /* borrowed for the server's life */
    size_t table_count;
    const int *public_fds; /* listening; the server's from now on, also when refused */
    size_t public_count;
    const int *internal_fds;
    size_t internal_count;
    /* NULL: there is no auditor; then a route with an audit event does not start. */
    err_t (*audit_put)(struct ctx *cx, const struct audit_record *record);
    /* http.internal.auth.type other than none: proves the operator, or refuses. */
    err_t (*operator_check)(struct req *rq);
    const struct tls_signer *tls_signer; /* NULL: no TLS without a key file */
    void *room_state;                    /* becomes rq->state_ */
};
/* Proves the tables and the doors, then serves. Loop thread (or before it runs). */
err_t http_open(struct ctx *cx, const struct http_setup *setup,
                struct http **out) NODISCARD;
/* New limits, proxies and certificates; on refusal the old ones stay. Loop thread. */
err_t http_reload(struct ctx *cx, struct http *h, struct conf *conf) NODISCARD;
/* Takes no new connections, ends idle ones; `done` when the last answer is given. */
void http_drain(struct http *h, void (*done)(void *arg), void *arg);
/* Ends all at once. Pool threads are waited for. NULL is fine. */
void http_close(struct http *h);

/*
 * Asks without a socket: for tests of handlers, and for commands. The handler runs
 * here and now, as on `door`. `request` is the text of an HTTP/1.1 request; `reply`
 * gets the text of the answer, in cx's arena. Only relays have no answer: their
 * request is in *relay (may be NULL).
 */
struct http_ask {
    const struct http_route *const *tables;
    size_t table_count;
    enum http_door door;
    struct conf *conf; /* may be NULL: the defaults of http_conf.def */
    err_t (*audit_put)(struct ctx *cx, const struct audit_record *record);
    void *state;  /* rq->state_ */
    long fail_at; /* the n-th allocation of the request fails; 0 never */
    const struct reply_relay **relay;
};
err_t http_ask(struct ctx *cx, const struct http_ask *ask, struct str request,
               struct str *reply) NODISCARD;

/* --- seen from outside: plain counters, read at any time from any thread ------- */
enum { HTTP_CLASSES = 6, HTTP_BUCKETS = 12 };
struct http_stats {
    _Atomic uint64_t connections, connections_now; /* taken; open */
    _Atomic uint64_t refused_peer, refused_most;   /* beyond a cap */
    _Atomic uint64_t handshakes, handshakes_failed;
    _Atomic uint64_t requests[HTTP_CLASSES]; /* by status / 100; [0] broken */
    _Atomic uint64_t latency[HTTP_BUCKETS];  /* see http_bucket_ms */
    _Atomic uint64_t latency_ms;             /* the sum */
    _Atomic uint64_t malformed, timeouts;
    _Atomic uint64_t pool_full, reruns; /* 503; loop to pool */
    _Atomic uint64_t audit_failed;
    _Atomic uint64_t fetches, fetches_failed, fetches_capped, fetches_guarded;
    _Atomic uint64_t relays, relays_broken, relays_capped;
};
extern const int64_t http_bucket_ms[HTTP_BUCKETS]; /* upper bounds; the last INT64_MAX */
const struct http_stats *http_stats(const struct http *h);
void http_pool_use(const struct http *h, unsigned *waiting, unsigned *running);

#endif

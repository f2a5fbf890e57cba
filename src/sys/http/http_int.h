/*
 * http_int.h - the private door of sys/http: what its files share.
 *
 *      conn.c      a socket: its states and deadlines; conn_read,  loop
 *                  conn_answer: its bytes in and out (conn_int.h)
 *      parse.c     llhttp and what it leaves to us → exchange      loop
 *      exchange.c  one request and its answer: route, handler,     loop, then pool,
 *                  refusal, audit                                  then loop
 *      work.c      what the requests of a turn have the pool do together
 *      reply.c     what a handler says; the head of the answer
 *      relay.c     an answer that comes from an upstream           loop
 *      server.c    doors, caps, drain                              loop
 *
 * Lifetime  An exchange begins with the first byte of a request and ends with the last
 *           of its answer; then it is kept for the next, its arena too. A connection
 *           that waits holds neither.
 * Threads   An exchange belongs to the loop, or, between pool_put and its `back` task,
 *           to one thread of the pool. Connections are the loop's alone.
 * Source    Knoop. EUPL-1.2.
 */
#ifndef KNOOP_SYS_HTTP_INT_H
#define KNOOP_SYS_HTTP_INT_H

#include "sys/conf/conf.h"
#include "sys/http/addr.h"
#include "sys/http/http.h"
#include "sys/http/route.h"
#include "sys/http/target.h"
#include "sys/http/tls.h"
#include "sys/loop/loop.h"
#include "sys/loop/pool.h"
#include "sys/stat/stat.h"
#include "sys/sys.h"

#include "sys/http/parser.h"

#include <stdatomic.h>

enum {
    HEADERS_MOST = 128,
    SCRATCH = 64 * 1024,  /* one read; also the most that is taken in ahead */
    EXCHANGES_KEPT = 256, /* with their arenas, for the next requests */
    ARENA_KEPT = 256 * 1024,
    PIPELINE_TURN = 32, /* requests of one connection before others have a turn */
    /* RFC 9112 9.6: how long, and how much of what nobody reads, an end is put off */
    LINGER_MS = 2000,
    LINGER_BYTES = 1024 * 1024,
};

struct span {
    uint32_t at, n;
};

struct relay;

struct exchange {
    struct req rq; /* first: a req is an exchange */
    struct arena arena;
    struct http *http;      /* NULL when asked without a socket */
    struct http_conn *conn; /* NULL then too */
    const struct limits *limits;
    const struct route_node *tree;
    struct exchange *next; /* kept ones */
    enum http_door door;
    struct addr client;
    bool from_proxy; /* the peer is a trusted proxy */
    err_t (*audit_put)(struct ctx *cx, const struct audit_record *record);
    err_t (*operator_check)(struct req *rq);
    bool operator_token;

    /* what is read */
    llhttp_t parser;
    const char *base; /* of the bytes that the parser is given */
    struct span target_at;
    unsigned headers;
    bool head_done, whole, in_value;
    size_t head_bytes, trailer_bytes;
    struct str head; /* a copy in the arena: what follows borrows from it */
    struct str raw_target;
    struct target target;
    struct route_found found;
    bool expects, keep_alive, is_http10;
    uint8_t *body;
    size_t body_n, body_room, body_max;
    json *json; /* parsed once */

    /* what is answered */
    int status;
    bool replied, broken_header, binding; /* binding: the request's form was refused */
    const char *type;
    struct buf reply_headers;
    struct json_out js;
    struct bytes reply_body;
    const struct reply_relay *relay_asked;
    struct relay *relay;
    struct bytes out[2]; /* head and body, as they go */
    bool close_after, audited;
    int64_t since_ms;
    struct stat_trace trace;
    int64_t since_ns; /* when it has a trace */

    struct pool_job job;
    struct loop_task back;
    err_t result;

    struct req_work *work, *worked; /* asked, in a queue or under way; done */
    void (*work_back)(struct exchange *ex);
    struct exchange *work_next;

    /* `headers` of them are written before they are read: not wiped between requests */
    struct span name_at[HEADERS_MOST], value_at[HEADERS_MOST];
    struct str name[HEADERS_MOST], value[HEADERS_MOST];
};

#define EXCHANGE(rq) container_of((rq), struct exchange, rq)

/* The options that the hot paths read, checked once. */
struct limits {
    size_t header_size, header_count, body_size, memory;
    int64_t time_handshake, time_header, time_body, time_idle, time_answer, time_drain;
    size_t connections, per_peer;
    const struct addr_range *proxies;
    size_t proxy_count;
    const struct str *hosts; /* of the internal door */
    size_t host_count;
    bool operator_token;
};

/* --- parse.c ------------------------------------------------------------------- */
enum parse_result { PARSE_MORE, PARSE_WHOLE, PARSE_REFUSED };
void parse_begin(struct exchange *ex);
/*
 * Gives the parser bytes[fed..n). Until the head is done `bytes` begins with the
 * request's first byte (and may lie elsewhere at each call). *used: how many of the n
 * are the request's own; meaningful when WHOLE. REFUSED: rq.cx.refused says why.
 */
enum parse_result parse_feed(struct exchange *ex, const char *bytes, size_t fed, size_t n,
                             size_t *used);
struct str exchange_header(const struct exchange *ex, struct str name);

/* --- exchange.c ---------------------------------------------------------------- */
struct exchange *exchange_take(struct http *h, struct http_conn *c); /* NULL: no memory */
void exchange_give(struct http *h, struct exchange *ex);
void exchange_init(struct exchange *ex, const struct limits *limits, int64_t now_ms);
/* Called by the parser when the head is there: finds the row, sets the body's limit. */
err_t exchange_head(struct exchange *ex);
/* Runs the handler here. WOULD_BLOCK: run it again elsewhere. Else the answer stands. */
err_t exchange_run(struct exchange *ex);
/* Makes the answer of a refusal that no handler made (rq.cx.refused). */
void exchange_refused(struct exchange *ex, err_t e);
void exchange_broken(struct exchange *ex); /* the answer did not arrive whole */
/* Counts and traces it, once: with the status that went, or 0. */
void exchange_ended(const struct exchange *ex, int status);

/* --- reply.c ------------------------------------------------------------------- */
void reply_reset(struct exchange *ex);
void reply_error(struct exchange *ex, err_t e);
/* out[0] and out[1]; false: no memory even for that. */
bool reply_build(struct exchange *ex);
/* The head of a streamed answer: length < 0 is chunked (1.1) or until close (1.0). */
bool reply_head_stream(struct exchange *ex, int64_t length);
const char *reply_reason(int status);

/* --- conn.c -------------------------------------------------------------------- */
enum conn_state {
    CONN_HANDSHAKE,
    CONN_IDLE, /* between requests */
    CONN_HEAD, /* a part of a head is there */
    CONN_BODY,
    CONN_RUN, /* the handler, or the relay, has it */
    CONN_WRITE,
    CONN_LINGER, /* all is said; swallows what still comes, so that it is heard */
    CONN_DEAD,
};

struct peer {
    struct peer *next;
    uint8_t key[16];
    size_t connections;
};

struct http_conn {
    struct loop_io io;
    struct loop_timer timer;
    struct loop_task later; /* free, or go on */
    struct http *http;
    struct http_conn *prev, *next;
    enum http_door door;
    enum conn_state state;
    struct addr address;
    bool proxy;
    struct peer *peer;
    struct tls_conn *tls;
    struct exchange *ex;
    char *in;
    size_t in_n, in_fed, in_room;
    size_t out_at, lingered;
    bool busy;    /* a thread or the signer holds a part of it: not to be freed */
    bool queued;  /* `later` is in the loop's hands */
    bool ended;   /* nothing is left but the struct */
    bool going;   /* its bytes are being worked off further up the stack */
    bool fresh;   /* no request yet: the header's time runs from the start */
    bool linger;  /* the peer may still be sending what nobody will read */
    bool lingers; /* and is counted as such */
    struct tls_async *sign;
    struct pool_job sign_job;
    struct loop_task sign_back;
    void (*drained)(struct http_conn *c); /* relay: all out[] went */
};

void conn_open(struct http *h, int fd, enum http_door door, const struct addr *from);
void conn_close(struct http_conn *c);
void conn_reply(struct http_conn *c); /* the exchange's answer stands */
/* Streams: sends out[]; `drained` when it went, in this call or later. */
void conn_stream(struct http_conn *c, void (*drained)(struct http_conn *c));
void conn_stream_end(struct http_conn *c, bool whole);
void conn_tls_again(struct http_conn *c);
void conn_back(struct http_conn *c); /* a dead one's thread has come back: end it */

/* --- work.c -------------------------------------------------------------------- */
/*
 * At the end of the turn ex->work goes to the pool, with others that ask the same. Then
 * `back` is called on the loop. The connection is busy until then. Beyond the pool's
 * queue `back` is called with ex->worked NULL, maybe at once.
 */
void work_later(struct exchange *ex, void (*back)(struct exchange *ex));

/* --- server.c -------------------------------------------------------------- */
struct http {
    struct loop *loop;
    struct pool *pool;
    struct conf *conf;
    struct sys *sys;
    struct limits limits;
    struct http_setup setup;
    struct arena room, tuning; /* trees; what a reload replaces */
    struct arena rewriting;    /* the scratch of one rewriting after the other: warm */
    struct route_node *tree[HTTP_DOOR_INTERNAL + 1];
    struct tls_server *tls[HTTP_DOOR_INTERNAL + 1];
    struct listener *listeners;
    size_t listener_count;
    struct http_conn *first, *last; /* all connections; last: those that wait longest */
    size_t open, lingering;         /* lingering ones are open too */
    struct {
        struct exchange *first, **end; /* who waits, in order */
        size_t waiting, crews;         /* how many; crews that are out */
        struct loop_task task;
        bool queued;
    } work;
    struct peer *peers[1024];
    struct exchange *kept;
    size_t kept_count;
    uint64_t id_prefix, id_next;
    int64_t date_s;
    char date[40];
    bool draining;
    struct loop_timer drain_timer;
    void (*drained)(void *arg);
    void *drained_arg;
    struct http_stats stats;
    char scratch[SCRATCH];
};

bool http_take_conn(struct http *h, struct http_conn *c); /* false: beyond a cap */
void http_gone(struct http *h, struct http_conn *c);      /* one connection less */
void http_waits(struct http *h, struct http_conn *c);     /* it became idle */
void http_lingers(struct http *h, struct http_conn *c);   /* no drain waits for it now */
struct str http_date(struct http *h);
void http_new_id(struct http *h, char id[33]);
err_t limits_read(struct ctx *cx, const struct conf *conf, struct arena *room,
                  struct limits *out) NODISCARD;
extern const struct limits limits_default;
#define COUNT_UP(h, what)                                                                  \
    ((void)((h) && atomic_fetch_add_explicit(&(h)->stats.what, 1, memory_order_relaxed)))

/* --- tls_door.c: TLS servers from the options, signatures in the pool ---------- */
err_t tls_doors_open(struct ctx *cx, struct http *h, const struct conf *conf,
                     struct tls_server *out[HTTP_DOOR_INTERNAL + 1]) NODISCARD;

/* --- relay.c ------------------------------------------------------------------- */
void relay_start(struct exchange *ex);
void relay_cancel(struct exchange *ex); /* the client went */

#endif

/*
 * err.h - why something was refused, and the context that carries the reason.
 *
 * Rule      A function that can fail returns err_t. The place that finds the
 *           fault calls refuse() with the clause that it enforces and a reason
 *           for our own log; the stranger sees only the public text of the
 *           code (lists/errors.def).
 * Trust     A reason may quote the request, but no secret and no person.
 * Lifetime  A context lives as long as one request, job or command; all that
 *           is taken from its arena ends with it.
 * Source    Knoop. EUPL-1.2.
 */
#ifndef KNOOP_BASE_ERR_H
#define KNOOP_BASE_ERR_H

#include "base/arena.h"

typedef enum {
    ERR_OK,
#define X(code, status, oauth, clause, text) ERR_##code,
#include "lists/errors.def"
#undef X
    ERR_COUNT
} err_t;

struct err_row {
    const char *name;   /* "VP_NONCE_USED" */
    int status;         /* HTTP */
    const char *oauth;  /* RFC 6749 error code */
    const char *clause; /* where the general rule stands; may be "" */
    const char *text;   /* for strangers */
};

/* The row of a code; never NULL. */
const struct err_row *err_row(err_t code);

struct sys;  /* sys/sys.h: the services of floor 3; NULL below it and in tests */
struct conf; /* sys/conf/conf.h: the options in force for this context */

/*
 * What every function from floor 1 up is given first. `now_ms` is the wall
 * clock, handed in; a test sets it as it likes.
 */
struct ctx {
    struct arena *arena;
    struct arena *scratch; /* for what is not needed behind the call; may be `arena` */
    int64_t now_ms;        /* UTC, milliseconds since 1970 */
    int64_t deadline_ms;   /* on the monotonic clock; 0: none */
    bool may_not_block;    /* on the loop: calls that would wait refuse */
    char id[33];           /* request id, for log and audit; NUL-terminated */
    char trace[56];        /* W3C traceparent that calls to others carry; may be "" */
    struct sys *sys;
    const struct conf *conf;

    err_t refused;         /* the code of the last refuse(), or ERR_OK */
    const char *clause;    /* its clause */
    struct str reason;     /* its reason, for log and audit only */
    char reason_room[256]; /* where the reason stands; longer ones are cut */
};

/* `now_ms` and `arena` are borrowed for the life of the context. */
void ctx_init(struct ctx *cx, struct arena *arena, int64_t now_ms);

/*
 * Records the reason and returns `code`, so that a check reads
 *     return refuse(cx, ERR_VP_NONCE_USED, "Nuts RFC021 4.4", "…");
 * `clause` must be a literal. A `code` of ERR_OK is a mistake of ours.
 */
err_t refuse(struct ctx *cx, err_t code, const char *clause, const char *format, ...)
    PRINTF(4, 5) NODISCARD;

/* The code for an arena that said no: NO_MEMORY or TOO_LARGE. */
err_t refuse_memory(struct ctx *cx) NODISCARD;

/* Forgets an earlier refusal, when another way is tried. */
void refuse_clear(struct ctx *cx);

#endif

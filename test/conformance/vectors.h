/*
 * vectors.h - what an operation of the test adapter gets, and what helps it.
 * Part of a test tool, not of the program. EUPL-1.2.
 */
#ifndef KNOOP_TEST_CONFORMANCE_VECTORS_H
#define KNOOP_TEST_CONFORMANCE_VECTORS_H

#include "codec/json/json.h"

/* One request line, while it is answered. All memory is its arena's. */
struct rq {
    struct ctx *cx;       /* now_ms is the member `now`, else the clock */
    const json *in;       /* the request: an object with id and op */
    struct json_out *out; /* an op that returns ERR_OK has put one value here */
    const char *code;     /* where set, the `err` of a refusal instead of the code's name */
};

typedef err_t op_run(struct rq *rq);

struct op {
    const char *name;
    op_run *run;
};

/* One table per floor, closed by { NULL, NULL }; vectors.c reads them all. */
extern const struct op ops_base[], ops_codec[], ops_crypto[], ops_sys[], ops_trust[],
    ops_care[];

/*
 * Members of the request. Absent or of another type: BAD_REQUEST. The _opt
 * forms take absence, and then give `present` false and the zero value.
 */
err_t rq_value(struct rq *rq, const char *name, const json **out) NODISCARD;
err_t rq_str(struct rq *rq, const char *name, struct str *out) NODISCARD;
err_t rq_str_opt(struct rq *rq, const char *name, bool *present, struct str *out) NODISCARD;
err_t rq_bytes(struct rq *rq, const char *name,
               struct bytes *out) NODISCARD; /* base64url */
err_t rq_bytes_opt(struct rq *rq, const char *name, bool *present,
                   struct bytes *out) NODISCARD;
err_t rq_i64(struct rq *rq, const char *name, int64_t *out) NODISCARD;
/* An array of base64url strings; absent: n is 0 and *present false. */
err_t rq_bytes_list(struct rq *rq, const char *name, bool *present, struct bytes **out,
                    size_t *n) NODISCARD;

/* Answers. */
err_t rq_put_bytes(struct rq *rq, struct bytes b) NODISCARD; /* base64url */
err_t rq_put_bool(struct rq *rq, bool v) NODISCARD;
err_t rq_put_str(struct rq *rq, struct str s) NODISCARD;

#endif

/* trail_int.h - inside the room. EUPL-1.2. */
#ifndef KNOOP_SYS_TRAIL_INT_H
#define KNOOP_SYS_TRAIL_INT_H

#include "sys/trail/trail.h"

/* What the routes ask of the signer; the room fills it in, and tests do. */
struct trail_state {
    err_t (*seal_person)(struct ctx *cx, struct str number, struct str *sealed,
                         struct str *mac);
    err_t (*open_person)(struct ctx *cx, struct str sealed, struct str *number);
    err_t (*public_key)(struct ctx *cx, struct str kid, struct str *jwk);
};

/* <datadir>/audit in rq's arena. */
err_t trail__folder(struct req *rq, const char **out) NODISCARD;
/* The number in the path; NOT_FOUND when it is none. */
err_t trail__number(struct req *rq, uint64_t *out) NODISCARD;
const struct trail_state *trail__state(struct req *rq);

err_t trail__search(struct req *rq) NODISCARD;
err_t trail__event(struct req *rq) NODISCARD;
err_t trail__person(struct req *rq) NODISCARD;
err_t trail__proof(struct req *rq) NODISCARD;
err_t trail__growth(struct req *rq) NODISCARD;
err_t trail__checkpoint(struct req *rq) NODISCARD;

#endif

/*
 * direct.h - a configured upstream in clear, asked over connections of our own: what
 * the gateway does all day, at a fraction of libcurl's cost. Private to sys/http.
 *
 *      idle ─► (connecting) ─► sending ─► head ─► body ─► idle, or closed
 *
 * Rule      RFC 9112. Only for trust FETCH_CONFIGURED, scheme http and an address that
 *           is known; everything else is libcurl's. A kept connection that turns out
 *           to be closed before a byte of the answer is opened anew, once: so only
 *           what may be asked twice (client_may_repeat) goes over a kept one.
 * Trust     The upstream is configured, and may break, stall or flood all the same:
 *           llhttp reads it strictly, and the caps of client.h hold.
 * Lifetime  As client.h says of transfers: the same calls, the same callbacks.
 * Threads   The loop's alone.
 * Source    Knoop. EUPL-1.2.
 */
#ifndef KNOOP_SYS_HTTP_DIRECT_H
#define KNOOP_SYS_HTTP_DIRECT_H

#include "sys/http/client.h"

struct direct;

/* Where a URL of plain http leads. Borrows from the URL. */
struct direct_url {
    struct str authority, host, port, target; /* port and target may be empty */
};
/* False for what is not plain http, or has any form that needs a closer look. */
bool direct_url_parse(struct str url, struct direct_url *out) NODISCARD;

struct direct_to {
    struct addr addr;
    uint16_t port;
};

/* `done` is called once for each transfer that was started and not cancelled. */
struct direct *direct_open(struct loop *loop, void (*done)(struct transfer *t, err_t e));
void direct_close(struct direct *d); /* nothing may be under way; NULL is fine */

err_t direct_start(struct direct *d, struct transfer *t, const struct direct_url *url,
                   const struct direct_to *to) NODISCARD;
void direct_cancel(struct transfer *t);
void direct_go_on(struct transfer *t);
int direct_status(const struct transfer *t);

#endif

/*
 * health.h - the node seen from outside: /status, /health, /metrics and
 * /status/diagnostics; traces sent.
 *
 * Rule      nuts-node.md 2.10 (its paths, doors and shapes); OTLP 1.0 over HTTP.
 * Trust     /status tells strangers nothing but that it lives. The rest is on
 *           the internal door, diagnostics for operators alone.
 * Lifetime  A room like the others (sys/room.h, lists/rooms.def); what is shown
 *           is gathered in sys/stat.
 * Source    Knoop. EUPL-1.2.
 */
#ifndef KNOOP_SYS_HEALTH_H
#define KNOOP_SYS_HEALTH_H

#include "sys/http/http.h"
#include "sys/room.h"

extern const struct http_route health_routes[];

/*
 * Where traces go: tracing.endpoint as a URL, with /v1/traces when it has no
 * path of its own. Empty when it is not set. ERR_CONF when it is no address.
 */
err_t health_trace_url(struct ctx *cx, const struct conf *c, struct str *out) NODISCARD;

#endif

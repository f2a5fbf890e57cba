/* relay.c - temporary: no upstreams yet. EUPL-1.2. */
#include "sys/http/http_int.h"

void
relay_start(struct exchange *ex)
{
    exchange_refused(ex, refuse(&ex->rq.cx, ERR_UNSUPPORTED, "", "no relays yet"));
    conn_reply(ex->conn);
}
void
relay_cancel(struct exchange *ex)
{
    (void)ex;
}
void
relays_close(struct http *h)
{
    (void)h;
}

/* consent_int.h - inside the room. EUPL-1.2. */
#ifndef KNOOP_CARE_CONSENT_INT_H
#define KNOOP_CARE_CONSENT_INT_H

#include "care/consent/consent.h"
#include "sys/http/http.h"

/* What the routes need of others; the room fills it in, and tests do. */
struct consent_state {
    err_t (*seal_person)(struct ctx *cx, struct str number, struct str *sealed,
                         struct str *mac);
    err_t (*tenant_known)(struct ctx *cx, struct str tenant);
};

extern const struct http_route consent_routes[];

#endif

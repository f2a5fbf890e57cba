/*
 * target.h - the request target and form bodies, byte by byte. Private to sys/http.
 *
 * Rule      RFC 3986, RFC 9112 3.2.1 (origin-form alone), WHATWG URL 5 (forms).
 * Trust     All bytes come from a stranger. What two readers could read in two
 *           ways is refused: dot segments, empty segments, encoded '/', '\' and NUL.
 * Source    Knoop. EUPL-1.2.
 */
#ifndef KNOOP_SYS_HTTP_TARGET_H
#define KNOOP_SYS_HTTP_TARGET_H

#include "base/buf.h"

struct target {
    struct str path;  /* raw, begins with '/'; "*" for OPTIONS * */
    struct str query; /* raw, without '?'; .p NULL when there is no '?' */
};

/* BAD_REQUEST says which byte; borrowed from `raw`. */
err_t target_parse(struct ctx *cx, struct str raw, struct target *out) NODISCARD;

/*
 * The member `name` of "a=b&c=d"; .p NULL when absent. `count` says how often it
 * stands there; *out is the first. A bad %XX, NUL or UTF-8 in that member is refused.
 */
err_t form_find(struct ctx *cx, struct str text, struct str name, struct str *out,
                unsigned *count) NODISCARD;

/* A header value's main part, lower case, without parameters; in the arena. */
err_t media_type(struct ctx *cx, struct str value, struct str *out) NODISCARD;

/* RFC 9112 3.2 Host: a name or address, perhaps a port; nothing else. */
bool host_is_well_formed(struct str host);

#endif

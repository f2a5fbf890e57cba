/*
 * route.h - which row answers? Private to sys/http.
 *
 *      "/iam/{id}/did.json"         /
 *      "/iam/{id}/keys"             └─ iam
 *      "/fhir/{*rest}"              │   └─ {}
 *                                   │      ├─ did.json   GET
 *                                   │      └─ keys       GET POST
 *                                   └─ fhir
 *                                       └─ *             ANY
 *
 * Rule      Segments are matched as they were sent; a literal goes before {name},
 *           and that before {*rest}. Captures are decoded once, by req_path.
 * Lifetime  A tree lives in the arena that it was made in.
 * Source    Knoop. EUPL-1.2.
 */
#ifndef KNOOP_SYS_HTTP_ROUTE_H
#define KNOOP_SYS_HTTP_ROUTE_H

#include "sys/http/http.h"

enum { ROUTE_CAPTURES = 8, ROUTE_SEGMENTS = 24 };

struct route_node;

struct route_found {
    const struct http_route *row; /* NULL: none for this method */
    unsigned allow;               /* a bit per enum http_method offered on this path */
    struct str capture[ROUTE_CAPTURES];
    unsigned captures;
};

/* The tree of a door. CONFLICT when two rows answer the same. */
err_t route_tree(struct ctx *cx, const struct http_route *const *tables, size_t n,
                 enum http_door door, struct route_node **out) NODISCARD;
/* `path` begins with '/'. */
void route_find(const struct route_node *tree, struct str path, enum http_method method,
                struct route_found *out);
/* The capture that `name` has in the row's template; -1: none. */
int route_capture(const struct http_route *row, struct str name);
/* "GET, HEAD, OPTIONS": the Allow header of a set of methods. */
struct str route_allow(char room[64], unsigned allow);

#endif

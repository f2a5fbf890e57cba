/*
 * source.h - a FHIR R4 store of its own, for the demo and for organisations
 * that have no FHIR server.
 *
 *     knoop source ──► http ──► source_http ──► search ──► db (SQLite)
 *
 * Rule      FHIR R4 3.1 (RESTful API) and 3.1.1 (search): read, vread, create,
 *           update, delete, history, search with the parameters of codec/fhir,
 *           _include, _revinclude, _elements, _sort, _count and paging,
 *           transaction and batch, conditional create, Observation/$lastn.
 *           A search finds by index and decides by fhir_match, the function
 *           that the policies use.
 * Trust     Stands behind the gateway, on loopback, in a process and with a
 *           database of its own; it trusts who reaches it.
 * Lifetime  A `struct source` lives as long as its process.
 * Threads   Any: each call takes a connection of its own.
 * Source    Knoop. EUPL-1.2.
 */
#ifndef KNOOP_CARE_SOURCE_H
#define KNOOP_CARE_SOURCE_H

#include "base/err.h"
#include "sys/http/http.h"

struct source;

/* Opens or makes the database `path` (0600). The base URL is put in answers. */
err_t source_open(struct ctx *cx, struct str path, struct str base,
                  struct source **out) NODISCARD;
void source_close(struct source *s); /* NULL is fine */

/* The routes under /fhir; their room_state is the source (struct http_setup). */
extern const struct http_route source_routes[];

/*
 * Loads resources, one JSON object a line, in large transactions. `count` is
 * how many were stored. On refusal the reason names the line; all before the
 * last whole transaction is kept.
 */
err_t source_load(struct ctx *cx, struct source *s, const char *file,
                  uint64_t *count) NODISCARD;

#endif

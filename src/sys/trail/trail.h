/*
 * trail.h - the audit log, asked through the internal door.
 *
 *      search, one event      FHIR R4 AuditEvent (IHE BALP)
 *      checkpoint, proofs     RFC 6962: what anyone can check by himself
 *      the person             a sealed number opened, by whom and why
 *
 * Rule      NEN 7513: who reads the log stands in the log. A patient's number is
 *           asked for in a body, never in a URL, and goes no further than the
 *           signer, which makes its keyed hash.
 * Trust     The operator behind the internal door. The worker may read the
 *           log's folder and never write in it (landlock).
 * Lifetime  A room like the others (sys/room.h, lists/rooms.def).
 * Source    Knoop. EUPL-1.2.
 */
#ifndef KNOOP_SYS_TRAIL_H
#define KNOOP_SYS_TRAIL_H

#include "sys/http/http.h"
#include "sys/room.h"

extern const struct http_route trail_routes[];

#endif

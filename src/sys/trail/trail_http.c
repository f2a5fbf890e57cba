/*
 * trail_http.c - six routes, and the room.
 * Source    Knoop. EUPL-1.2.
 */
#include "sys/trail/trail_int.h"

#include "sys/conf/conf.h"
#include "sys/keys/keys.h"

enum { BODY_MAX = 4096 };

static struct trail_state real = { keys_seal_person, keys_open_person, keys_public };

const struct trail_state *
trail__state(struct req *rq)
{
    return ROOM_STATE(&rq->cx, trail);
}

err_t
trail__folder(struct req *rq, const char **out)
{
    *out = arena_printf(rq->cx.arena, "%.*s/audit", STR(rq->cx.conf->datadir)).p;
    return *out != NULL ? ERR_OK : refuse_memory(&rq->cx);
}

err_t
trail__number(struct req *rq, uint64_t *out)
{
    struct str text = req_path(rq, "number");

    if (str_to_u64(text, out) && *out != 0 && *out <= INT64_MAX)
        return ERR_OK;
    return refuse(&rq->cx, ERR_NOT_FOUND, "NEN 7513", "events have numbers, from 1 on");
}

#define ROUTE(op_, doc_, method_, path_, audit_, body_, what_, fn_)                        \
    {                                                                                      \
        .op = (op_), .doc = (doc_), .door = HTTP_DOOR_INTERNAL, .method = (method_),       \
        .path = "/internal/knoop/v1/audit/" path_, .auth = HTTP_AUTH_OPERATOR,             \
        .run = HTTP_RUN_POOL, .rate = RATE_READ, .errors = HTTP_ERRORS_PROBLEM,            \
        .audit = (audit_), .body_max = (body_),                                            \
        .statuses = (const char *const[]){ what_, "404 application/problem+json", NULL },  \
        .fn = (fn_),                                                                       \
    }

const struct http_route trail_routes[] = {
    ROUTE("searchAudit",
          "Events of the log, the oldest first; a patient's number stands in the body.",
          HTTP_POST, "search", AUDIT_LOG_READ, BODY_MAX,
          "200 application/fhir+json a Bundle of AuditEvents", trail__search),
    ROUTE("getAuditEvent", "One event of the log.", HTTP_GET, "events/{number}",
          AUDIT_LOG_READ, 0, "200 application/fhir+json an AuditEvent", trail__event),
    ROUTE("openPerson",
          "Opens the sealed number of an event's patient, for a named officer and ground.",
          HTTP_POST, "events/{number}/person", AUDIT_PERSON_OPENED, BODY_MAX,
          "200 application/json the number", trail__person),
    ROUTE("proveAuditEvent", "That an event is in the log of a checkpoint (RFC 6962).",
          HTTP_GET, "events/{number}/proof", AUDIT_NOT_NEEDED, 0,
          "200 application/json the path to the root", trail__proof),
    ROUTE("proveAuditGrowth", "That an older log is the beginning of this one (RFC 6962).",
          HTTP_GET, "growth", AUDIT_NOT_NEEDED, 0,
          "200 application/json the path between the roots", trail__growth),
    ROUTE("auditCheckpoint", "The last signed checkpoint, and the key to check it with.",
          HTTP_GET, "checkpoint", AUDIT_NOT_NEEDED, 0,
          "200 application/json size, root, note, signature and key", trail__checkpoint),
    { 0 },
};

static err_t
open_room(struct ctx *cx, void **state)
{
    (void)cx;
    *state = &real;
    return ERR_OK;
}

const struct room trail_room = { .routes = trail_routes, .open = open_room };

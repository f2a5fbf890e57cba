/*
 * did_world.c - where did:web documents come from when the node serves: its own
 * rows, what it fetched before, the network.
 *
 * Rule    nuts-node.md 3.1. A foreign document is used for did.cache at most, or
 *         as long as its own max-age says. One of ours is never asked for over
 *         the network.
 * Trust   What is fetched is a stranger's, capped and guarded (FETCH_OUTSIDER).
 * Source  Knoop. EUPL-1.2.
 */
#include "trust/did/did.h"
#include "trust/did/did_int.h"

#include "sys/conf/conf.h"
#include "sys/http/fetch.h"
#include "sys/room.h"
#include "trust/cache/cache.h"

#include <string.h>

enum { DOCUMENT_MAX = 256 * 1024, FETCH_MS = 5000 };

/* One of ours, by its form: the root of our host, or a subject. */
static bool
is_own(struct ctx *cx, struct str did)
{
    struct str base;
    struct ctx quiet = *cx;

    if (did_web_of_url(&quiet, did_base_url(cx), &base) != ERR_OK)
        return false;
    return str_eq(did, base) ||
           (str_starts(did, base) && str_starts(str_sub(did, base.n, did.n), S(":iam:")));
}

static err_t
own_document(struct ctx *cx, struct str did, struct str *text)
{
    struct did__row row;
    err_t e = did__row_by_did(cx, did, &row);

    if (e == ERR_SUBJECT_UNKNOWN)
        return refuse(cx, ERR_DID_NOT_FOUND, "did:web 2.5.2",
                      "none of this node's subjects");
    if (e != ERR_OK)
        return e;
    if (!row.of.active)
        return refuse(cx, ERR_DID_DEACTIVATED, "DID Core 8.2", "the subject was ended");
    *text = row.document;
    return ERR_OK;
}

/* Ours, or kept from before; NOT_FOUND leads to the network. */
err_t
did__world_document(struct ctx *cx, void *self, struct str did, struct str *text)
{
    struct did__state *state = self;
    struct bytes kept;

    if (is_own(cx, did))
        return own_document(cx, did, text);
    if (cache_get(cx, state->documents, bytes_of(did), &kept)) {
        *text = str_of_bytes(kept);
        return ERR_OK;
    }
    return ERR_NOT_FOUND;
}

static err_t
judge(struct ctx *cx, const struct fetch_reply *r)
{
    static const char *const types[] = { "application/did+ld+json", "application/did+json",
                                         "application/json" };
    size_t i;

    if (r->status < 200 || r->status > 299)
        return refuse(cx, ERR_DID_NOT_FOUND, "did:web 2.5.2", "its host answered %d",
                      r->status);
    for (i = 0; i < COUNT(types); i++)
        if (str_is(r->type, types[i]))
            return ERR_OK;
    return refuse(cx, ERR_DID_DOCUMENT, "nuts-node 3.1",
                  "its host answered with another type");
}

/* Only what is sound is kept: what its host mends is seen at once. */
static void
keep(struct ctx *cx, struct cache *documents, struct str did, const struct fetch_reply *r)
{
    int64_t ms = cx->conf->did_cache;
    struct did_doc doc;
    json *v;

    if (r->max_age_ms >= 0 && r->max_age_ms < ms)
        ms = r->max_age_ms;
    if (json_parse(cx, str_of_bytes(r->body), JSON_STRICT, &v) == ERR_OK &&
        did_doc_parse(cx, did, v, &doc) == ERR_OK)
        cache_put(documents, cx->now_ms, bytes_of(did), r->body, cx->now_ms + ms);
    else
        refuse_clear(cx); /* did_resolve says it */
}

err_t
did__world_get(struct ctx *cx, void *self, struct str did, struct str url, struct str *text)
{
    struct did__state *state = self;
    struct fetch_request in = { .trust = FETCH_OUTSIDER,
                                .method = HTTP_GET,
                                .url = url,
                                .body_max = DOCUMENT_MAX,
                                .timeout_ms = FETCH_MS };
    struct fetch_reply reply;
    err_t e;

    if ((e = fetch(cx, &in, &reply)) != ERR_OK || (e = judge(cx, &reply)) != ERR_OK)
        return e;
    *text = str_of_bytes(reply.body);
    keep(cx, state->documents, did, &reply);
    return ERR_OK;
}

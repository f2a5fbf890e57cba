/*
 * source_history.c - what was here before (FHIR R4 3.1.0.9): versions of one
 * resource, of a type, of all; the newest first, in pages. EUPL-1.2.
 */
#include "care/source/source_int.h"

#include <stdio.h>

#include "base/time.h"

#define RULE "FHIR R4 3.1.0.9"

struct past {
    struct json_out *js;
    struct str base;
    int64_t left, last; /* places on the page; the last one's */
    bool more, any;
};

static void
put_request(struct json_out *js, const struct source_row *row)
{
    char url[128];

    snprintf(url, sizeof(url), "%.*s%s%.*s", STR(row->type),
             str_is(row->method, "POST") ? "" : "/",
             STR(str_is(row->method, "POST") ? S("") : row->id));
    json_key(js, "request");
    json_object(js);
    json_member(js, "method", row->method);
    json_member_z(js, "url", url);
    json_end(js);
}

static void
put_response(struct json_out *js, const struct source_row *row)
{
    char etag[32], when[TIME_TEXT];

    snprintf(etag, sizeof(etag), "W/\"%lld\"", (long long)row->version);
    json_key(js, "response");
    json_object(js);
    json_member_z(js, "status",
                  row->body.n == 0    ? "204"
                  : row->version == 1 ? "201"
                                      : "200");
    json_member_z(js, "etag", etag);
    json_member(js, "lastModified", time_text_ms(when, row->updated_ms));
    json_end(js);
}

static err_t
put_version(struct ctx *cx, void *arg, const struct source_row *row, bool *stop)
{
    struct past *p = arg;
    struct str url;

    if (p->left == 0) {
        p->more = *stop = true;
        return ERR_OK;
    }
    url = arena_printf(cx->arena, "%.*s/%.*s/%.*s", STR(p->base), STR(row->type),
                       STR(row->id));
    if (url.p == NULL)
        return refuse_memory(cx);
    p->left--;
    p->last = row->key;
    if (!p->any) {
        json_key(p->js, "entry");
        json_array(p->js);
        p->any = true;
    }
    json_object(p->js);
    json_member(p->js, "fullUrl", url);
    if (row->body.n > 0) {
        json_key(p->js, "resource");
        json_put_raw(p->js, row->body);
    }
    put_request(p->js, row);
    put_response(p->js, row);
    json_end(p->js);
    return ERR_OK;
}

/* Refuses what is not known: a filter that is passed over would tell too much. */
static err_t
read_query(struct req *rq, struct source_past *q)
{
    static const char *const known[] = { "_since", "_count", "_page", "_format",
                                         "_pretty" };
    struct str query = req_raw_query(rq), since, count, page;
    uint64_t n;
    err_t e;

    while (query.n > 0) {
        struct str part = str_cut(&query, '&'), name = str_cut(&part, '=');
        size_t i = 0;

        while (i < COUNT(known) && !str_is(name, known[i]))
            i++;
        if (name.n > 0 && i == COUNT(known))
            return refuse(&rq->cx, ERR_BAD_REQUEST, RULE, "no such parameter of a history");
    }
    since = req_query(rq, "_since");
    count = req_query(rq, "_count");
    page = req_query(rq, "_page");
    if (since.p != NULL && (e = time_parse(&rq->cx, since, &q->since_ms)) != ERR_OK)
        return e;
    n = SOURCE_COUNT_DEFAULT;
    if (count.p != NULL && (!str_to_u64(count, &n) || n == 0 || n > SOURCE_COUNT_MAX))
        return refuse(&rq->cx, ERR_BAD_REQUEST, RULE, "_count is from 1 to %d",
                      SOURCE_COUNT_MAX);
    q->most = (int64_t)n + 1; /* one more tells of a next page */
    if (page.p != NULL && (!str_to_u64(page, &n) || n == 0 || n > INT64_MAX))
        return refuse(&rq->cx, ERR_BAD_REQUEST, RULE, "_page is no mark of a history");
    q->before = page.p != NULL ? (int64_t)n : 0;
    return ERR_OK;
}

static err_t
put_next(struct req *rq, struct source_db *db, struct str path, const struct past *p)
{
    struct str mark = arena_printf(rq->cx.arena, "%lld", (long long)p->last), query, url;
    err_t e;

    if (mark.p == NULL)
        return refuse_memory(&rq->cx);
    if ((e = source__page_link(&rq->cx, db, req_raw_query(rq), mark, false, &query)) !=
        ERR_OK)
        return e;
    url = arena_printf(rq->cx.arena, "%.*s%.*s?%.*s", STR(p->base), STR(path), STR(query));
    if (url.p == NULL)
        return refuse_memory(&rq->cx);
    json_key(p->js, "link");
    json_array(p->js);
    source__put_link(p->js, "next", url);
    json_end(p->js);
    return ERR_OK;
}

static err_t
history_of(struct req *rq, struct str type, struct str id)
{
    scoped(source__give) struct source_db *db = NULL;
    struct past p = { 0 };
    struct source_past q = { .type = type, .id = id, .visit = put_version, .arg = &p };
    struct str path;
    err_t e;

    if ((e = read_query(rq, &q)) != ERR_OK ||
        (e = source__take(&rq->cx, source__of(rq), &db)) != ERR_OK)
        return e;
    path = arena_printf(rq->cx.arena, "%s%.*s%s%.*s/_history", type.n ? "/" : "", STR(type),
                        id.n ? "/" : "", STR(id));
    if (path.p == NULL)
        return refuse_memory(&rq->cx);
    p.base = source__base(db);
    p.left = q.most - 1;
    p.js = reply_json_as(rq, 200, "application/fhir+json");
    json_object(p.js);
    json_member_z(p.js, "resourceType", "Bundle");
    json_member_z(p.js, "type", "history");
    if ((e = source__history(&rq->cx, db, &q)) != ERR_OK)
        return e;
    if (p.any)
        json_end(p.js);
    if (p.more && (e = put_next(rq, db, path, &p)) != ERR_OK)
        return e;
    json_end(p.js);
    if (id.n > 0 && !p.any && q.since_ms == 0 && q.before == 0)
        return refuse(&rq->cx, ERR_NOT_FOUND, RULE, "no such resource");
    return reply_send(rq, p.js);
}

err_t
source__history_all(struct req *rq)
{
    return history_of(rq, S(""), S(""));
}

err_t
source__history_type(struct req *rq)
{
    struct str type;
    err_t e = source__type_of(rq, &type);

    return e != ERR_OK ? e : history_of(rq, type, S(""));
}

err_t
source__history_one(struct req *rq)
{
    struct str type;
    err_t e = source__type_of(rq, &type);

    return e != ERR_OK ? e : history_of(rq, type, req_path(rq, "id"));
}

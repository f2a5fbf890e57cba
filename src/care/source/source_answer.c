/*
 * source_answer.c - the Bundle that answers a search: matches, what came along,
 * links; and _elements (FHIR R4 3.1.1.5.9). EUPL-1.2.
 */
#include "care/source/source_search.h"

static bool
listed(struct str elements, struct str name)
{
    while (elements.n > 0)
        if (str_eq(str_trim(str_cut(&elements, ',')), name))
            return true;
    return false;
}

/* 3.1.1.5.9: what is not whole says so. */
static void
put_subset_meta(struct json_out *js, const json *meta)
{
    json_key(js, "meta");
    json_object(js);
    for (json_each(it, meta))
        if (!str_is(it.name, "tag")) {
            json_key_str(js, it.name);
            json_put(js, it.value);
        }
    json_key(js, "tag");
    json_array(js);
    for (json_each(it, json_get(meta, "tag")))
        json_put(js, it.value);
    json_object(js);
    json_member_z(js, "system",
                  "http://terminology.hl7.org/CodeSystem/v3-ObservationValue");
    json_member_z(js, "code", "SUBSETTED");
    json_end(js);
    json_end(js);
    json_end(js);
}

err_t
source__put_elements(struct ctx *cx, struct json_out *js, struct str body,
                     struct str elements)
{
    json *v;
    err_t e;

    if (elements.n == 0) {
        json_put_raw(js, body);
        return ERR_OK;
    }
    if ((e = json_parse(cx, body, JSON_RAW_NUMBERS, &v)) != ERR_OK)
        return e;
    json_object(js);
    for (json_each(it, v)) {
        struct str plain = str_sub(it.name, str_starts(it.name, S("_")) ? 1 : 0, it.name.n);

        if (str_is(it.name, "meta")) {
            put_subset_meta(js, it.value);
        } else if (str_is(it.name, "resourceType") || str_is(it.name, "id") ||
                   listed(elements, plain)) {
            json_key_str(js, it.name);
            json_put(js, it.value);
        }
    }
    json_end(js);
    return ERR_OK;
}

static err_t
put_hit(struct ctx *cx, struct json_out *js, struct str base, const struct source_hit *hit,
        const char *mode, struct str elements)
{
    struct str url;
    struct buf b;
    err_t e;

    buf_init(&b, cx->arena);
    buf_room(&b, base.n + hit->type.n + hit->id.n + 2);
    buf_str(&b, base);
    buf_c(&b, '/');
    buf_str(&b, hit->type);
    buf_c(&b, '/');
    buf_str(&b, hit->id);
    if ((e = buf_done(cx, &b, &url)) != ERR_OK)
        return e;
    json_object(js);
    json_member(js, "fullUrl", url);
    json_key(js, "resource");
    if ((e = source__put_elements(cx, js, hit->body, elements)) != ERR_OK)
        return e;
    json_key(js, "search");
    json_object(js);
    json_member_z(js, "mode", mode);
    json_end(js);
    json_end(js);
    return ERR_OK;
}

static err_t
put_hits(struct ctx *cx, struct json_out *js, struct str base, const struct source_hits *h,
         const char *mode, struct str elements)
{
    err_t e = ERR_OK;

    for (size_t i = 0; e == ERR_OK && i < h->n; i++)
        e = put_hit(cx, js, base, &h->hit[i], mode, elements);
    return e;
}

void
source__put_link(struct json_out *js, const char *relation, struct str url)
{
    json_object(js);
    json_member_z(js, "relation", relation);
    json_member(js, "url", url);
    json_end(js);
}

static err_t
put_self(struct ctx *cx, struct source_db *db, const struct source_query *q,
         struct json_out *js)
{
    struct str query = q->hidden ? S("") : q->asked;
    struct str url =
        arena_printf(cx->arena, "%.*s/%.*s%s%s%.*s", STR(source__base(db)), STR(q->type),
                     q->lastn    ? "/$lastn"
                     : q->hidden ? "/_search"
                                 : "",
                     query.n > 0 ? "?" : "", STR(query));

    if (url.p == NULL)
        return refuse_memory(cx);
    source__put_link(js, "self", url);
    return ERR_OK;
}

static err_t
put_next(struct ctx *cx, struct source_db *db, const struct source_answer *a,
         struct json_out *js)
{
    const struct source_query *q = a->query;
    struct str mark, query, url;
    err_t e;

    if ((e = source__mark_text(cx, q, &a->next, &mark)) != ERR_OK ||
        (e = source__page_link(cx, db, q->asked, mark, q->hidden, &query)) != ERR_OK)
        return e;
    url = arena_printf(cx->arena, "%.*s/%.*s?%.*s", STR(source__base(db)), STR(q->type),
                       STR(query));
    if (url.p == NULL)
        return refuse_memory(cx);
    source__put_link(js, "next", url);
    return ERR_OK;
}

err_t
source__put_answer(struct ctx *cx, struct source_db *db, const struct source_answer *a,
                   struct json_out *js)
{
    const struct source_query *q = a->query;
    struct str base = source__base(db);
    err_t e;

    json_object(js);
    json_member_z(js, "resourceType", "Bundle");
    json_member_z(js, "type", "searchset");
    if (a->total_known)
        json_member_i64(js, "total", (int64_t)a->total);
    json_key(js, "link");
    json_array(js);
    if ((e = put_self(cx, db, q, js)) != ERR_OK ||
        (a->next.there && (e = put_next(cx, db, a, js)) != ERR_OK))
        return e;
    json_end(js);
    if (a->match.n > 0) { /* FHIR R4 2.6.2: an empty array is no JSON of FHIR's */
        json_key(js, "entry");
        json_array(js);
        if ((e = put_hits(cx, js, base, &a->match, "match", q->elements)) != ERR_OK ||
            (e = put_hits(cx, js, base, &a->included, "include", S(""))) != ERR_OK)
            return e;
        json_end(js);
    }
    json_end(js);
    return ERR_OK;
}

/*
 * rewrite.c - URLs of the upstream become the gateway's.
 *
 * Rule      issue 2.6: links, fullUrl, references and Location point to the
 *           gateway, so that a client never learns the inner address, and
 *           what it follows is judged.
 * Source    Knoop. EUPL-1.2.
 */
#include "care/gateway/gateway_int.h"

/* Under the base, or the base itself: not its namesake "…/fhir2". */
static bool
is_upstreams(struct str url, struct str upstream)
{
    return str_starts(url, upstream) &&
           (url.n == upstream.n || url.p[upstream.n] == '/' || url.p[upstream.n] == '?');
}

struct str
gateway__our_url(struct ctx *cx, struct str url, const struct gateway_judged *j)
{
    if (!is_upstreams(url, j->upstream))
        return url;
    return arena_printf(cx->arena, "%.*s%.*s", STR(j->public_url),
                        STR(str_sub(url, j->upstream.n, url.n)));
}

static void
put_text(struct json_out *js, struct str s, const struct gateway_judged *j)
{
    struct str ours;

    if (!is_upstreams(s, j->upstream)) {
        json_put_str(js, s);
        return;
    }
    ours = arena_printf(js->buf.arena, "%.*s%.*s", STR(j->public_url),
                        STR(str_sub(s, j->upstream.n, s.n)));
    js->buf.failed |= ours.p == NULL;
    json_put_str(js, ours);
}

/* Depth is bounded by the reader (JSON_DEPTH_MAX). */
void
gateway__rewrite(struct json_out *js, const json *v, const struct gateway_judged *j)
{
    struct str text;

    switch (json_type(v)) {
    case JSON_OBJECT:
        json_object(js);
        for (json_each(it, v)) {
            json_key_str(js, it.name);
            gateway__rewrite(js, it.value, j);
        }
        json_end(js);
        return;
    case JSON_ARRAY:
        json_array(js);
        for (json_each(it, v))
            gateway__rewrite(js, it.value, j);
        json_end(js);
        return;
    case JSON_STRING:
        json_str(v, &text);
        put_text(js, text, j);
        return;
    case JSON_ABSENT:
    case JSON_NULL:
    case JSON_BOOL:
    case JSON_NUMBER: json_put(js, v); return;
    }
}

/*
 * rewrite.c - URLs of the upstream become the gateway's, in the text itself.
 *
 *     …"resource": {"resourceType":"Condition", … "http://inner/fhir/Practitioner/9" …}
 *                  ^ from                         ^^^^^^^^^^^^^^^^^ ours instead       ^ to
 *
 * What is not changed is copied as it stands: it was parsed, and each value's place in
 * the text is known. So an answer costs little more than reading it.
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
    return arena_join(cx->arena, j->public_url, str_sub(url, j->upstream.n, url.n));
}

/* The place of one resource; of a search's answer it tells the server's own search. */
static bool
our_place(struct ctx *cx, const struct gateway_judged *j, struct str *value)
{
    enum fhir_interaction i = j->request.interaction;
    struct str ours = gateway__our_url(cx, *value, j);

    if ((i != FHIR_READ && i != FHIR_VREAD) || ours.p == NULL ||
        !str_starts(ours, j->public_url))
        return false; /* not ours to tell */
    *value = ours;
    return true;
}

bool
gateway__pass_header(struct ctx *cx, const struct gateway_judged *j, struct str name,
                     struct str *value)
{
    static const struct str plain[] = { S_INIT("Content-Type"), S_INIT("ETag"),
                                        S_INIT("Last-Modified") };

    for (size_t i = 0; i < COUNT(plain); i++)
        if (str_eq_case(name, plain[i]))
            return true;
    return (str_eq_case(name, S("Location")) || str_eq_case(name, S("Content-Location"))) &&
           our_place(cx, j, value);
}

/* --- where a resource stands ---------------------------------------------------- */

static size_t
place(const struct gateway_text *t, struct str s)
{
    return (size_t)(s.p - t->json.base);
}

static bool
is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Backwards over what stands between values, up to the n-th closing brace. */
static bool
brace_before(struct str text, size_t at, int n, size_t *end)
{
    while (at-- > 0) {
        char c = text.p[at];

        if (c == '}' && --n == 0) {
            *end = at + 1;
            return true;
        }
        if (!is_space(c) && c != '}' && c != '{' && c != ',' && c != ']' && c != '[')
            return false;
    }
    return false;
}

/*
 * The next text behind the member is the next name of its entry, or the first name of
 * the next entry, or the next name of the bundle; or there is none. Between them are the
 * braces that close: the member's; its entry's too; the bundle's too.
 */
static bool
end_of(const struct gateway_text *t, const json *entry, const json *member, size_t *to)
{
    const json *next = json_behind(member), *end = json_behind(t->json.root);
    int braces = next < json_behind(entry) ? 1 : next < end ? 2 : 3;
    struct str s;

    if (next < end && json_type(next) == JSON_OBJECT) /* the next entry, which has a name */
        next = json_after(next);
    if (next == end)
        return brace_before(t->text, t->text.n, braces, to);
    return json_str(next, &s) && brace_before(t->text, place(t, s) - 1, braces, to);
}

bool
gateway__place(const struct gateway_text *t, const json *entry, const json *member,
               struct gateway_part *out)
{
    struct str first;
    size_t at;

    *out = (struct gateway_part){ 0 };
    if (json_size(member) == 0 || !json_str(json_after(member), &first))
        return false;
    at = place(t, first) - 1; /* its quote */
    while (at > 0 && is_space(t->text.p[at - 1]))
        at--;
    if (at == 0 || t->text.p[at - 1] != '{' || !end_of(t, entry, member, &out->to))
        return false;
    out->value = member;
    out->from = at - 1;
    return out->from < out->to;
}

/* --- what goes out ------------------------------------------------------------------ */

/* As it stands within quotes. */
static struct str
escaped(struct arena *a, struct str s)
{
    struct json_out js;

    json_out_init(&js, a);
    json_put_str(&js, s);
    return js.buf.failed ? (struct str){ NULL, 0 }
                         : (struct str){ js.buf.p + 1, js.buf.n - 2 };
}

/* The quote that ends a string which begins at `at`. */
static size_t
quote_behind(struct str text, size_t at)
{
    while (at < text.n && text.p[at] != '"')
        at += text.p[at] == '\\' ? 2 : 1;
    return at;
}

/* The upstream's base in the string at `at`, as it was written: up to where? */
static size_t
base_behind(const struct gateway_text *t, size_t at, bool *whole)
{
    *whole = !str_starts(str_sub(t->text, at, t->text.n), t->upstream); /* "http:\/\/…" */
    return *whole ? quote_behind(t->text, at) : at + t->upstream.n;
}

void
gateway__put_part(struct buf *b, struct gateway_text *t, const struct gateway_part *part)
{
    const struct json_marks *urls = &t->json.marks;
    const json *end = json_behind(part->value);
    size_t from = part->from;
    struct str url;

    while (t->urls < urls->n && urls->at[t->urls] < part->value)
        t->urls++;
    for (; t->urls < urls->n && urls->at[t->urls] < end; t->urls++) {
        bool whole;
        size_t stands;

        if (!json_str(urls->at[t->urls], &url) || !is_upstreams(url, t->upstream))
            continue;
        stands = place(t, url);
        buf_str(b, str_sub(t->text, from, stands));
        buf_str(b, t->ours);
        from = base_behind(t, stands, &whole);
        if (whole)
            buf_str(b, escaped(b->arena, str_sub(url, t->upstream.n, url.n)));
    }
    buf_str(b, str_sub(t->text, from, part->to));
}

err_t
gateway__read_text(struct ctx *cx, struct str text, const struct gateway_judged *j,
                   struct gateway_text *out)
{
    struct arena *own = cx->arena;
    err_t e;

    *out = (struct gateway_text){ .text = text, .upstream = j->upstream };
    cx->arena = cx->scratch;
    e = json_parse_placed(cx, text, JSON_RAW_NUMBERS, j->upstream, &out->json);
    cx->arena = own;
    if (e != ERR_OK)
        return e;
    out->ours = escaped(cx->arena, j->public_url);
    return out->ours.p == NULL ? refuse_memory(cx) : ERR_OK;
}

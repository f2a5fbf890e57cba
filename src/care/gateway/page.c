/*
 * page.c - links to next pages: sealed, bound, and short-lived.
 *
 *   ?h=base64url( iv | tag | AES-256-GCM( JSON ) )
 *
 * Rule      FHIR R4 3.1.1.3. An upstream's next-link cannot be judged: it is
 *           the server's own word for where it was. So it is wrapped with the
 *           request that it continues; following it judges that request anew
 *           (policy, patient, ground), under the same token and policy.
 * Trust     The handle comes back from a stranger. The seal says that it is
 *           ours; the token's hash, that it is his.
 * Source    Knoop. EUPL-1.2.
 */
#include "care/gateway/gateway_int.h"

#include <string.h>

#include "crypto/prim/prim.h"
#include "sys/conf/conf.h"

#define RULE "FHIR R4 3.1.1.3"

enum { HANDLE_MAX = 8192, IV = 12, TAG = 16 };

#define AAD "knoop gateway page 1"

/* Below the base, and by no way out of it. */
static bool
stays_below(struct str rest)
{
    struct str path = str_sub(rest, 0, str_find(rest, '?'));

    if (rest.n == 0 || (rest.p[0] != '?' && rest.p[0] != '/') ||
        str_find(rest, '#') < rest.n)
        return false;
    for (size_t i = 0; i < rest.n; i++)
        if ((unsigned char)rest.p[i] <= ' ' || (unsigned char)rest.p[i] >= 0x7f ||
            rest.p[i] == '\\' || rest.p[i] == '"')
            return false;
    return str_search(path, S("..")) == path.n && str_find(path, '%') == path.n &&
           str_search(path, S("//")) == path.n;
}

static err_t
below_upstream(struct ctx *cx, struct str next, const struct gateway_judged *j,
               struct str *rest)
{
    *rest = next;
    if (str_starts(next, j->upstream))
        *rest = str_sub(next, j->upstream.n, next.n);
    if (!stays_below(*rest))
        return refuse(cx, ERR_UPSTREAM, RULE, "the upstream's next-link leads elsewhere");
    return ERR_OK;
}

static err_t
write_page(struct ctx *cx, const struct gateway_judged *j, struct str next, struct str *out)
{
    struct json_out js;
    struct str hash;
    err_t e;

    if ((e = b64url(cx, (struct bytes){ j->token_hash, TOKEN_HASH }, &hash)) != ERR_OK)
        return e;
    json_out_init(&js, cx->arena);
    json_object(&js);
    json_member(&js, "tenant", j->tenant);
    json_member(&js, "token", hash);
    json_member_i64(&js, "until", cx->now_ms + cx->conf->gateway_pages);
    json_member(&js, "policy", j->match.policy->name);
    json_member(&js, "version", j->match.policy->version);
    json_member_bool(&js, "post", j->request.wire_method == HTTP_POST);
    json_member(&js, "path", j->request.wire_path);
    json_member(&js, "query", j->request.wire_query);
    json_member(&js, "form", str_of_bytes(j->request.wire_body));
    json_member(&js, "next", next);
    json_end(&js);
    return json_out_done(cx, &js, out);
}

err_t
gateway__page_seal(struct ctx *cx, const struct gateway *gw, const struct gateway_judged *j,
                   struct str upstream_next, struct str *url)
{
    uint8_t iv[IV], tag[AEAD_TAG_MAX];
    struct bytes cipher, key = { gw->page_key, PAGE_KEY };
    struct str rest, plain;
    struct buf raw, b;
    err_t e;

    *url = (struct str){ NULL, 0 };
    /* A number may not stand in a URL of ours, not even sealed. */
    if (j->request.names_person)
        return refuse(cx, ERR_UPSTREAM, RULE, "a search by number has more than one page");
    if ((e = below_upstream(cx, upstream_next, j, &rest)) != ERR_OK ||
        (e = write_page(cx, j, rest, &plain)) != ERR_OK)
        return e;
    random_bytes(iv, sizeof(iv));
    e = aead_seal(cx, AEAD_A256GCM, key, (struct bytes){ iv, IV }, bytes_of(S(AAD)),
                  bytes_of(plain), &cipher, tag);
    if (e != ERR_OK)
        return e;
    buf_init(&raw, cx->arena);
    buf_add(&raw, iv, IV);
    buf_add(&raw, tag, TAG);
    buf_add(&raw, cipher.p, cipher.n);
    if (raw.failed)
        return refuse_memory(cx);
    buf_init(&b, cx->arena);
    buf_str(&b, j->public_url);
    buf_z(&b, "/_page?h=");
    buf_b64url(&b, (struct bytes){ (const uint8_t *)raw.p, raw.n });
    if (b.n > HANDLE_MAX)
        return refuse(cx, ERR_UPSTREAM, RULE, "the upstream's next-link is too long");
    return buf_done(cx, &b, url);
}

static err_t
unseal(struct ctx *cx, const struct gateway *gw, struct str query, json **out)
{
    struct bytes raw, plain;
    struct str text = query;

    *out = NULL;
    if (!str_starts(text, S("h=")) || text.n > HANDLE_MAX ||
        b64url_decode(cx, str_sub(text, 2, text.n), &raw) != ERR_OK || raw.n <= IV + TAG)
        return refuse(cx, ERR_NOT_FOUND, RULE, "that is no page of ours");
    if (aead_open(cx, AEAD_A256GCM, (struct bytes){ gw->page_key, PAGE_KEY },
                  (struct bytes){ raw.p, IV }, bytes_of(S(AAD)),
                  (struct bytes){ raw.p + IV + TAG, raw.n - IV - TAG },
                  (struct bytes){ raw.p + IV, TAG }, &plain) != ERR_OK)
        return refuse(cx, ERR_NOT_FOUND, RULE, "that page was not sealed here");
    if (json_parse(cx, str_of_bytes(plain), JSON_STRICT, out) != ERR_OK)
        return refuse(cx, ERR_INTERNAL, RULE, "a sealed page does not read");
    return ERR_OK;
}

err_t
gateway__page_open(struct ctx *cx, const struct gateway *gw, struct str tenant,
                   const uint8_t token_hash[TOKEN_HASH], struct str query,
                   struct gateway_page *out)
{
    struct str hash;
    int64_t until;
    bool post;
    json *v;
    err_t e;

    *out = (struct gateway_page){ 0 };
    if ((e = unseal(cx, gw, query, &v)) != ERR_OK ||
        (e = b64url(cx, (struct bytes){ token_hash, TOKEN_HASH }, &hash)) != ERR_OK)
        return e;
    if (!secret_eq(bytes_of(json_get_text(v, "token")), bytes_of(hash)) ||
        !str_eq(json_get_text(v, "tenant"), tenant))
        return refuse(cx, ERR_NOT_FOUND, RULE, "that page is of another token or tenant");
    if (!json_i64(json_get(v, "until"), &until) || cx->now_ms >= until)
        return refuse(cx, ERR_GONE, RULE, "that page has expired; search again");
    if (!json_bool(json_get(v, "post"), &post))
        return refuse(cx, ERR_INTERNAL, RULE, "a sealed page does not read");
    out->method = post ? HTTP_POST : HTTP_GET;
    out->path = json_get_text(v, "path");
    out->query = json_get_text(v, "query");
    out->form = json_get_text(v, "form");
    out->next = json_get_text(v, "next");
    out->policy = json_get_text(v, "policy");
    out->version = json_get_text(v, "version");
    return ERR_OK;
}

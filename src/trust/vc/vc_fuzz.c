/*
 * vc_fuzz.c - credentials and presentations from strangers. Lines of the input are a
 * JWT's header and claims, put in base64url here, and a document for its signer;
 * or the first is a whole token. Nothing that was not signed may be taken. EUPL-1.2.
 */
#include <assert.h>

#include "crypto/jose/jose.h"
#include "trust/vc/vc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static err_t
document(struct ctx *cx, void *self, struct str did, struct str *text)
{
    (void)did;
    *text = *(struct str *)self;
    return text->n != 0 ? ERR_OK : refuse(cx, ERR_NOT_FOUND, "", "none");
}

static struct str
token(struct ctx *cx, struct str header, struct str claims)
{
    struct str head, body, out;

    if (b64url(cx, bytes_of(header), &head) != ERR_OK ||
        b64url(cx, bytes_of(claims), &body) != ERR_OK)
        return S("");
    out = arena_printf(
        cx->arena, "%.*s.%.*s.%s", STR(head), STR(body),
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
        "AAAAAAAAAAA");
    return out.p != NULL ? out : S("");
}

static void
view(struct ctx *cx, const struct vc_raw *raw)
{
    const json *v;

    if (vc_view(cx, raw, &v) == ERR_OK && raw->jwt.text.p != NULL) {
        assert(json_type(json_get(v, "type")) == JSON_ARRAY);
        assert(json_type(json_get(v, "credentialSubject")) == JSON_ARRAY);
    }
    (void)vc_type(raw);
}

static void
run(struct ctx *cx, struct str jwt, const struct did_source *world)
{
    struct vc_options how = { .source = world };
    struct vp_options vp_how = { .vc = how };
    struct vc_raw raw;
    struct vp_raw vp_raw;
    struct vc vc;
    struct vp vp;

    if (vc_parse(cx, jwt, &raw) == ERR_OK) {
        view(cx, &raw);
        assert(vc_verify(cx, &raw, &how, &vc) != ERR_OK); /* its signature is zeros */
        assert(vc.raw == NULL);
    }
    if (vp_parse(cx, jwt, &vp_raw) == ERR_OK) {
        (void)vp_has_audience(&vp_raw, S("a"));
        for (size_t i = 0; i < vp_raw.count; i++)
            view(cx, &vp_raw.credentials[i]);
        assert(vp_verify(cx, &vp_raw, &vp_how, &vp) != ERR_OK);
    }
}

/* As an issuer's request: what can be made of it is read again. */
static void
as_template(struct ctx *cx, struct str text)
{
    struct vc_template of = { .from_ms = cx->now_ms };
    struct str claims, id;
    json *v;

    if (json_parse(cx, text, JSON_STRICT, &v) == ERR_OK &&
        vc_template_of(cx, v, &of) == ERR_OK && vc_claims(cx, &of, &claims, &id) == ERR_OK)
        assert(json_parse(cx, claims, JSON_STRICT, &v) == ERR_OK);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str rest = { (const char *)data, size }, header, claims;
    struct did_source world = { &rest, document, NULL };
    struct vc_raw raw;
    struct arena arena;
    struct ctx cx;
    json *v;

    arena_init(&arena, 16u << 20);
    ctx_init(&cx, &arena, INT64_C(1767225600000));
    header = str_cut(&rest, '\n');
    claims = str_cut(&rest, '\n');
    run(&cx, claims.n != 0 ? token(&cx, header, claims) : header, &world);
    as_template(&cx, header);
    if (json_parse(&cx, header, JSON_STRICT, &v) == ERR_OK &&
        vc_parse_json(&cx, v, &raw) == ERR_OK)
        view(&cx, &raw);
    arena_fini(&arena);
    return 0;
}

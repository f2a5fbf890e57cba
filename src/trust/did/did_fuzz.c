/*
 * did_fuzz.c - DIDs, DID URLs, their documents; the first byte chooses. What a
 * did:web is fetched from leads back to it. EUPL-1.2.
 */
#include <assert.h>

#include "trust/did/did_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
as_web(struct ctx *cx, const struct did *did)
{
    static const char well_known[] = "/.well-known/did.json";
    struct str url, back, base;
    struct did again;

    if (did_web_url(cx, did, &url) != ERR_OK)
        return;
    assert(str_starts(url, S("https://")) && str_ends(url, S("/did.json")));
    assert(str_find(url, '?') == url.n && str_find(url, '#') == url.n &&
           str_find(url, '@') == url.n && str_find(url, '\\') == url.n);
    assert(str_search(url, S("/../")) == url.n && str_search(url, S("/./")) == url.n);
    base = str_sub(url, 0,
                   url.n - (str_ends(url, str_of(well_known)) ? sizeof(well_known) - 1
                                                              : sizeof("/did.json") - 1));
    assert(did_web_of_url(cx, base, &back) == ERR_OK &&
           did_parse(cx, back, &again) == ERR_OK);
    assert(did_web_url(cx, &again, &back) == ERR_OK);
    assert(str_eq_case(back, url)); /* a host in lower case */
}

static void
as_text(struct ctx *cx, struct str text)
{
    struct did did, url;
    struct did_doc doc;
    struct did_x509 x;
    struct bytes raw;
    struct str again;

    (void)!did_url_parse(cx, text, &url);
    if (did_parse(cx, text, &did) == ERR_OK) {
        as_web(cx, &did);
        (void)!did_x509_parse(cx, &did, &x);
        if (did_resolve(cx, text, NULL, &doc) == ERR_OK)
            assert(str_eq(doc.id, text));
    }
    if (base58_decode(cx, text, &raw) == ERR_OK && base58(cx, raw, &again) == ERR_OK)
        assert(str_eq(again, text));
}

static void
as_document(struct ctx *cx, struct str text)
{
    static const enum did_use uses[] = { DID_AUTHENTICATION, DID_ASSERTION,
                                         DID_KEY_AGREEMENT };
    const struct did_key *key;
    struct did_doc doc;
    struct did did;
    json *v;

    if (json_parse(cx, text, JSON_STRICT, &v) != ERR_OK ||
        did_parse(cx, json_get_text(v, "id"), &did) != ERR_OK || /* who asks has one */
        did_doc_parse(cx, json_get_text(v, "id"), v, &doc) != ERR_OK)
        return;
    for (size_t i = 0; i < doc.key_count; i++)
        for (size_t k = 0; k < COUNT(uses); k++)
            if (did_key_find(cx, &doc, doc.keys[i].id, uses[k], &key) == ERR_OK)
                assert(str_eq(did_of_url(key->id), doc.id) &&
                       !did__jwk_is_private(key->jwk));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct ctx cx;

    arena_init(&arena, 16u << 20);
    ctx_init(&cx, &arena, INT64_C(1767225600000));
    if (size != 0 && (data[0] & 1) != 0)
        as_text(&cx, (struct str){ (const char *)data + 1, size - 1 });
    else if (size != 0)
        as_document(&cx, (struct str){ (const char *)data + 1, size - 1 });
    arena_fini(&arena);
    return 0;
}

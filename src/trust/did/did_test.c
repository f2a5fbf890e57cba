/*
 * did_test.c - DIDs, documents and the methods that hold their key; what must be
 * refused first. Published vectors are in test/conformance. EUPL-1.2.
 */
#include "base/test.h"

#include <string.h>

#include "crypto/jose/jose.h"
#include "trust/did/did_int.h"

#define DID  "did:web:a.example"
#define EC_X "OPJ_grjNXX-HKZnZpU7PA_0kzkcbYitpDI2ogAxfi-w"
#define EC                                                                                 \
    "\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" EC_X                                       \
    "\",\"y\":\"LDMvd84zCaER2ATeg8v0oMYtQAciFT7qEkGai66_Www\""
#define KEY(id)   "{\"id\":\"" id "\",\"type\":\"JsonWebKey2020\",\"publicKeyJwk\":{" EC "}}"
#define DOC(more) "{\"id\":\"" DID "\"" more "}"

struct fix {
    struct test_ctx t;
};
#define CX (&((struct fix *)*state)->t.cx)

static int
setup(void **state)
{
    struct fix *f = calloc(1, sizeof(*f));

    test_ctx_init(&f->t);
    *state = f;
    return 0;
}

static int
teardown(void **state)
{
    struct fix *f = *state;

    test_ctx_fini(&f->t);
    free(f);
    return 0;
}

/* --- syntax ------------------------------------------------------------------------ */

static void
refuses_what_is_no_did(void **state)
{
    static const char *const none[] = {
        "",           "did",         "did:",          "did:web",       "did:web:",
        "did::x",     "did:Web:x",   "DID:web:x",     "urn:web:x",     " did:web:x",
        "did:web:x ", "did:web:x/y", "did:web:x?y=1", "did:web:x#y",   "did:web:x:",
        "did:web:%",  "did:web:%4",  "did:web:%4g",   "did:web:x\x7f", "did:web:\xc3\xa9",
        "did:we-b:x", "did:web:a b", "did:web:a\"b",  "did:web:x\ny",
    };
    struct did d;
    char big[DID_MAX + 2];

    for (size_t i = 0; i < COUNT(none); i++) {
        if (did_parse(CX, str_of(none[i]), &d) != ERR_DID_INVALID)
            fail_msg("taken: %s", none[i]);
        assert_null(d.text.p);
    }
    assert_int_equal(did_parse(CX, (struct str){ "did:web:a\0b", 11 }, &d),
                     ERR_DID_INVALID);
    memset(big, 'a', sizeof(big));
    memcpy(big, "did:web:", 8);
    assert_int_equal(did_parse(CX, (struct str){ big, DID_MAX + 1 }, &d), ERR_DID_INVALID);
    assert_int_equal(did_parse(CX, (struct str){ big, DID_MAX }, &d), ERR_OK);
}

static void
takes_dids_apart(void **state)
{
    struct did d;

    assert_int_equal(did_parse(CX, S("did:web:h%3A1:iam:a-b_c.d"), &d), ERR_OK);
    assert_true(str_is(d.method, "web"));
    assert_true(str_is(d.id, "h%3A1:iam:a-b_c.d"));
    assert_null(d.fragment.p);
    assert_int_equal(did_url_parse(CX, S("did:web:h#k-1"), &d), ERR_OK);
    assert_true(str_is(d.text, "did:web:h"));
    assert_true(str_is(d.fragment, "k-1"));
    assert_int_equal(did_url_parse(CX, S("did:web:h"), &d), ERR_OK);
    assert_null(d.fragment.p);
    assert_true(str_is(did_of_url(S("did:web:h#k")), "did:web:h"));
    assert_true(str_is(did_of_url(S("did:web:h")), "did:web:h"));
    assert_null(did_of_url(S("urn:x#k")).p);
}

static void
refuses_what_is_no_did_url(void **state)
{
    static const char *const none[] = { "did:web:h#",
                                        "did:web:h#a#b",
                                        "did:web:h/p#k",
                                        "did:web:h?q#k",
                                        "did:web:h#a b",
                                        "did:web:h#%zz",
                                        "#k",
                                        "urn:x#k",
                                        "did:web:h#\"" };
    struct did d;

    for (size_t i = 0; i < COUNT(none); i++)
        if (did_url_parse(CX, str_of(none[i]), &d) != ERR_DID_INVALID)
            fail_msg("taken: %s", none[i]);
    assert_int_equal(did_url_parse(CX, (struct str){ "did:web:h#a\0", 12 }, &d),
                     ERR_DID_INVALID);
}

/* --- did:web ------------------------------------------------------------------------ */

static void
fetches_did_web_where_it_stands(void **state)
{
    static const struct {
        const char *did, *url;
    } rows[] = {
        { "did:web:example.org", "https://example.org/.well-known/did.json" },
        { "did:web:example.org:iam:0f4c", "https://example.org/iam/0f4c/did.json" },
        { "did:web:example.org%3A8443", "https://example.org:8443/.well-known/did.json" },
        { "did:web:example.org%3a8443:x", "https://example.org:8443/x/did.json" },
        { "did:web:example.org:a%20b", "https://example.org/a%20b/did.json" },
        { "did:web:example.org:8443", "https://example.org/8443/did.json" },
        { "did:web:localhost", "https://localhost/.well-known/did.json" },
        { "did:web:xn--bcher-kva.example",
          "https://xn--bcher-kva.example/.well-known/did.json" },
    };
    struct did d;
    struct str url;

    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(did_parse(CX, str_of(rows[i].did), &d), ERR_OK);
        assert_int_equal(did_web_url(CX, &d, &url), ERR_OK);
        if (!str_is(url, rows[i].url))
            fail_msg("%s: %.*s", rows[i].did, STR(url));
    }
}

/* A stranger's DID decides whom we ask: nothing but a name, and no path tricks. */
static void
refuses_did_webs_that_lead_elsewhere(void **state)
{
    static const char *const bad[] = {
        "did:web:127.0.0.1",
        "did:web:1.2.3.4:x",
        "did:web:256.1",
        "did:web:a..b",
        "did:web:.a",
        "did:web:a.",
        "did:web:-a.example",
        "did:web:a-.example",
        "did:web:a_b.example",
        "did:web:a%2Eexample",
        "did:web:user%40a.example",
        "did:web:a%2Fb",
        "did:web:a%3A",
        "did:web:a%3A0",
        "did:web:a%3A65536",
        "did:web:a%3A08443",
        "did:web:a%3A99999999999",
        "did:web:a%3Aport",
        "did:web:a%2F8443",
        "did:web:a%408443",
        "did:web:a%3A84%343",
        "did:web:%5B%3A%3A1%5D",
        "did:web:a::b",
        "did:web:a:.:b",
        "did:web:a:..",
        "did:web:a:%2e%2e",
        "did:web:a:%2e",
        "did:web:a:b%2Fc",
        "did:web:a:b%5Cc",
        "did:web:a:b%00c",
        "did:web:a:b%0Ac",
        "did:web:a:b%7F",
        "did:web:a:%ff",
    };
    struct did d;
    struct str url;
    char label[80];

    for (size_t i = 0; i < COUNT(bad); i++)
        if (did_parse(CX, str_of(bad[i]), &d) == ERR_OK &&
            did_web_url(CX, &d, &url) != ERR_DID_INVALID)
            fail_msg("%s: %.*s", bad[i], STR(url));
    strcpy(label, "did:web:");
    memset(label + 8, 'a', 64);
    assert_int_equal(did_parse(CX, (struct str){ label, 72 }, &d), ERR_OK);
    assert_int_equal(did_web_url(CX, &d, &url), ERR_DID_INVALID);
    assert_int_equal(did_parse(CX, (struct str){ label, 71 }, &d), ERR_OK);
    assert_int_equal(did_web_url(CX, &d, &url), ERR_OK);
    assert_int_equal(did_parse(CX, S("did:key:z6Mk"), &d), ERR_OK);
    assert_int_equal(did_web_url(CX, &d, &url), ERR_DID_METHOD);
}

static void
makes_did_webs_of_urls(void **state)
{
    static const struct {
        const char *url, *did;
    } rows[] = {
        { "https://h.example", "did:web:h.example" },
        { "https://H.Example/", "did:web:h.example" },
        { "https://h.example:8443/nuts", "did:web:h.example%3A8443:nuts" },
        { "https://h.example/a/b/", "did:web:h.example:a:b" },
        { "http://h.example", "did:web:h.example" },
    };
    static const char *const bad[] = { "",
                                       "ftp://h.example",
                                       "h.example",
                                       "https://",
                                       "https://h.example?x",
                                       "https://h.example#x",
                                       "https://u@h.example",
                                       "https://1.2.3.4",
                                       "https://h.example:0",
                                       "https://h.example//a",
                                       "https://h.example/a?x",
                                       "https://h.example/a#x",
                                       "https://h.example/../a",
                                       "https://h.example/a%2Fb" };
    struct str did;

    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(did_web_of_url(CX, str_of(rows[i].url), &did), ERR_OK);
        if (!str_is(did, rows[i].did))
            fail_msg("%s: %.*s", rows[i].url, STR(did));
    }
    for (size_t i = 0; i < COUNT(bad); i++)
        if (did_web_of_url(CX, str_of(bad[i]), &did) == ERR_OK)
            fail_msg("%s: %.*s", bad[i], STR(did));
}

/* --- documents ---------------------------------------------------------------------- */

static err_t
read_doc(struct ctx *cx, const char *text, struct did_doc *doc)
{
    json *v;

    assert_int_equal(json_parse(cx, str_of(text), JSON_STRICT, &v), ERR_OK);
    refuse_clear(cx);
    return did_doc_parse(cx, S(DID), v, doc);
}

static void
refuses_documents_that_are_not_sound(void **state)
{
    static const char *const bad[] = {
        "[]",
        "\"x\"",
        "null",
        "{}",
        "{\"id\":1}",
        "{\"id\":\"did:web:b.example\"}",
        "{\"id\":\"did:web:A.example\"}",
        "{\"id\":\"" DID "#\"}",
        DOC(",\"verificationMethod\":{}"),
        DOC(",\"verificationMethod\":[1]"),
        DOC(",\"verificationMethod\":[{}]"),
        DOC(",\"verificationMethod\":[{\"id\":7}]"),
        DOC(",\"verificationMethod\":[" KEY("") "]"),
        DOC(",\"verificationMethod\":[" KEY("#") "]"),
        DOC(",\"verificationMethod\":[" KEY("k") "]"),
        DOC(",\"verificationMethod\":[" KEY(DID) "]"),
        DOC(",\"verificationMethod\":[" KEY(DID "#") "]"),
        DOC(",\"verificationMethod\":[" KEY("did:web:b.example#k") "]"),
        DOC(",\"verificationMethod\":[" KEY(DID "x#k") "]"),
        DOC(",\"verificationMethod\":[" KEY("#k") "," KEY("#k") "]"),
        DOC(",\"verificationMethod\":[" KEY("#k") "," KEY(DID "#k") "]"),
        DOC(",\"verificationMethod\":[" KEY("#k") "],\"authentication\":[" KEY("#k") "]"),
        DOC(",\"authentication\":{}"),
        DOC(",\"assertionMethod\":\"#k\""),
        DOC(",\"assertionMethod\":[\"#k\"]"),
        DOC(",\"verificationMethod\":[" KEY("#k") "],\"keyAgreement\":[\"#l\"]"),
        DOC(",\"capabilityInvocation\":[7]"),
        DOC(",\"capabilityDelegation\":[{}]"),
    };
    static const char *const private_members[] = { "d",  "p",  "q",   "dp",
                                                   "dq", "qi", "oth", "k" };
    struct did_doc doc;
    struct str text;

    for (size_t i = 0; i < COUNT(bad); i++) {
        if (read_doc(CX, bad[i], &doc) != ERR_DID_DOCUMENT)
            fail_msg("taken: %s", bad[i]);
        assert_null(doc.id.p);
    }
    for (size_t i = 0; i < COUNT(private_members); i++) {
        text = arena_printf(CX->arena,
                            DOC(",\"verificationMethod\":[{\"id\":\"#k\",\"publicKeyJwk\":"
                                "{" EC ",\"%s\":\"AAAA\"}}]"),
                            private_members[i]);
        assert_int_equal(read_doc(CX, text.p, &doc), ERR_DID_DOCUMENT);
    }
}

static void
refuses_documents_of_too_many_keys(void **state)
{
    struct did_doc doc;
    struct buf b;
    struct str text;

    buf_init(&b, CX->arena);
    buf_z(&b, "{\"id\":\"" DID "\",\"verificationMethod\":[");
    for (int i = 0; i < 257; i++)
        buf_printf(&b, "%s{\"id\":\"#%d\"}", i ? "," : "", i);
    buf_z(&b, "]}");
    assert_int_equal(buf_done(CX, &b, &text), ERR_OK);
    assert_int_equal(read_doc(CX, text.p, &doc), ERR_LIMIT);
}

static err_t
find(struct ctx *cx, const struct did_doc *doc, const char *kid, enum did_use use)
{
    const struct did_key *key;
    err_t e = did_key_find(cx, doc, str_of(kid), use, &key);

    assert_true((e == ERR_OK) == (key != NULL));
    return e;
}

/* A key speaks only under its own id, for its own DID, for the use it stands in. */
static void
finds_keys_by_id_and_use(void **state)
{
    static const char text[] = DOC(",\"verificationMethod\":[" KEY("#k") "," KEY(
        DID
        "#l") ","
              "{\"id\":\"#foreign\",\"controller\":\"did:web:b.example\",\"publicKeyJwk\":"
              "{" EC "}},{\"id\":\"#own\",\"controller\":\"" DID "\",\"publicKeyJwk\":{" EC
              "}},"
              "{\"id\":\"#odd\",\"controller\":[\"" DID "\"],\"publicKeyJwk\":{" EC "}},"
              "{\"id\":\"#multi\",\"publicKeyMultibase\":\"z6Mk\"},"
              "{\"id\":\"#text\",\"publicKeyJwk\":\"x\"}],"
              "\"assertionMethod\":[\"#k\",\"#foreign\",\"#own\",\"#odd\",\"#multi\",\"#"
              "text\","
              "\"did:web:b.example#k\"],\"authentication\":[\"" DID "#l\"," KEY("#in") "]");
    struct did_doc doc;

    assert_int_equal(read_doc(CX, text, &doc), ERR_OK);
    assert_int_equal(doc.key_count, 8);
    assert_int_equal(find(CX, &doc, DID "#k", DID_ASSERTION), ERR_OK);
    assert_int_equal(find(CX, &doc, DID "#k", DID_AUTHENTICATION), ERR_DID_KEY);
    assert_int_equal(find(CX, &doc, DID "#l", DID_AUTHENTICATION), ERR_OK);
    assert_int_equal(find(CX, &doc, DID "#l", DID_ASSERTION), ERR_DID_KEY);
    assert_int_equal(find(CX, &doc, DID "#in", DID_AUTHENTICATION), ERR_OK);
    assert_int_equal(find(CX, &doc, DID "#in", DID_ASSERTION), ERR_DID_KEY);
    assert_int_equal(find(CX, &doc, DID "#own", DID_ASSERTION), ERR_OK);
    assert_int_equal(find(CX, &doc, DID "#foreign", DID_ASSERTION), ERR_DID_KEY);
    assert_int_equal(find(CX, &doc, DID "#odd", DID_ASSERTION), ERR_DID_KEY);
    assert_int_equal(find(CX, &doc, DID "#multi", DID_ASSERTION), ERR_DID_KEY);
    assert_int_equal(find(CX, &doc, DID "#text", DID_ASSERTION), ERR_DID_KEY);
    assert_int_equal(find(CX, &doc, "did:web:b.example#k", DID_ASSERTION), ERR_DID_KEY);
    assert_int_equal(find(CX, &doc, "#k", DID_ASSERTION), ERR_DID_KEY);
    assert_int_equal(find(CX, &doc, DID, DID_ASSERTION), ERR_DID_KEY);
    assert_int_equal(find(CX, &doc, "", DID_ASSERTION), ERR_DID_KEY);
}

/* --- base58, uuid ------------------------------------------------------------------- */

static void
base58_is_bitcoins(void **state)
{
    static const struct {
        const char *hex, *text;
    } rows[] = { /* of the Bitcoin project's own tests */
                 { "", "" },
                 { "61", "2g" },
                 { "626262", "a3gV" },
                 { "00eb15231dfceb60925886b67d065299925915aeb172c06647",
                   "1NS17iag9jJgTHD1VXjvLCEnZuQ3rJDE9L" },
                 { "516b6fcd0f", "ABnLTmg" },
                 { "00000000000000000000", "1111111111" }
    };
    struct bytes raw, back;
    struct str text;
    uint8_t big[1025] = { 1 };
    char long_text[2050];

    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(hex_decode(CX, str_of(rows[i].hex), &raw), ERR_OK);
        assert_int_equal(base58(CX, raw, &text), ERR_OK);
        assert_true(str_is(text, rows[i].text));
        assert_int_equal(base58_decode(CX, text, &back), ERR_OK);
        assert_true(bytes_eq(back, raw));
    }
    assert_int_equal(base58_decode(CX, S("a0b"), &raw), ERR_BAD_REQUEST);
    assert_int_equal(base58_decode(CX, S("aOb"), &raw), ERR_BAD_REQUEST);
    assert_int_equal(base58_decode(CX, S("aIb"), &raw), ERR_BAD_REQUEST);
    assert_int_equal(base58_decode(CX, S("alb"), &raw), ERR_BAD_REQUEST);
    assert_int_equal(base58_decode(CX, (struct str){ "a\0b", 3 }, &raw), ERR_BAD_REQUEST);
    assert_int_equal(base58(CX, (struct bytes){ big, 1025 }, &text), ERR_LIMIT);
    assert_int_equal(base58(CX, (struct bytes){ big, 1024 }, &text), ERR_OK);
    memset(long_text, 'z', sizeof(long_text));
    assert_int_equal(base58_decode(CX, (struct str){ long_text, 2049 }, &raw), ERR_LIMIT);
}

static void
uuids_are_random(void **state)
{
    struct str a, b;

    assert_int_equal(uuid4(CX, &a), ERR_OK);
    assert_int_equal(uuid4(CX, &b), ERR_OK);
    assert_int_equal(a.n, 36);
    assert_int_equal(a.p[14], '4');
    assert_non_null(strchr("89ab", a.p[19]));
    assert_false(str_eq(a, b));
}

/* --- did:key, did:jwk --------------------------------------------------------------- */

static err_t
resolve(struct ctx *cx, struct str did, struct did_doc *doc)
{
    refuse_clear(cx);
    return did_resolve(cx, did, NULL, doc);
}

static struct str
did_key(struct ctx *cx, const char *hex_text)
{
    struct bytes raw;
    struct str text, did;

    assert_int_equal(hex_decode(cx, str_of(hex_text), &raw), ERR_OK);
    assert_int_equal(base58(cx, raw, &text), ERR_OK);
    did = arena_printf(cx->arena, "did:key:z%.*s", STR(text));
    assert_non_null(did.p);
    return did;
}

#define X25519_X "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"

static void
refuses_did_keys_that_are_none(void **state)
{
    static const char *const bad[] = {
        "",              /* no codec */
        "ed",            /* it does not end */
        "ed01",          /* no key */
        "ed00" X25519_X, /* not minimal */
        "ed81" X25519_X, /* three bytes */
        "ed01"
        "00",                 /* short */
        "ed01" X25519_X "00", /* long */
        "00" X25519_X,        /* another codec */
        "eb01" X25519_X,      /* BLS */
        "8024"
        "02"
        "00", /* a point of one byte */
        "8024"
        "02ffffffff00000001000000000000000000000000ffffffffffffffffffffffff",
        "8024"
        "05d0720dc691aa80096ba32fed1cb97c2b620690d06de0317b8618d5ce65eb728f",
        "8124"
        "02d0720dc691aa80096ba32fed1cb97c2b620690d06de0317b8618d5ce65eb728f",
        "8524"
        "3003020103", /* RSA: half a key */
        "8524"
        "3006020103020103", /* far too small */
        "8524"
        "300702010302010300", /* left-over bytes */
    };
    static const char *const texts[] = {
        "did:key:z", "did:key:6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK",
        "did:key:u7QEuLKLd", "did:key:z0OIl",
        "did:key:1.1:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK"
    };
    struct did_doc doc;

    for (size_t i = 0; i < COUNT(bad); i++)
        if (resolve(CX, did_key(CX, bad[i]), &doc) != ERR_DID_INVALID)
            fail_msg("taken: %s", bad[i]);
    for (size_t i = 0; i < COUNT(texts); i++)
        if (resolve(CX, str_of(texts[i]), &doc) != ERR_DID_INVALID)
            fail_msg("taken: %s", texts[i]);
}

/* RSAPublicKey, and nothing behind it (RFC 8017 A.1.1). */
static void
refuses_rsa_keys_with_something_behind_them(void **state)
{
    scoped(key_drop) struct key *key = NULL;
    uint8_t der[600] = { 0x85, 0x24 };
    struct key_parts p;
    struct did_doc doc;
    struct str text;
    size_t n = 2;

    assert_int_equal(key_generate(CX, KEY_RSA, &key), ERR_OK);
    assert_int_equal(key_export(CX, key, &p), ERR_OK);
    for (int extra = 0; extra < 3; extra++) { /* none; in the sequence; behind it */
        size_t inner = 5 + p.n.n + 2 + p.e.n + (extra == 1);

        n = 2;
        memcpy(der + n, (uint8_t[]){ 0x30, 0x82, (uint8_t)(inner >> 8), (uint8_t)inner },
               4);
        n += 4;
        memcpy(der + n,
               (uint8_t[]){ 2, 0x82, (uint8_t)((p.n.n + 1) >> 8), (uint8_t)(p.n.n + 1), 0 },
               5);
        memcpy(der + n + 5, p.n.p, p.n.n);
        n += 5 + p.n.n;
        memcpy(der + n, (uint8_t[]){ 2, (uint8_t)p.e.n }, 2);
        memcpy(der + n + 2, p.e.p, p.e.n);
        n += 2 + p.e.n;
        if (extra != 0)
            der[n++] = 0;
        assert_int_equal(base58(CX, (struct bytes){ der, n }, &text), ERR_OK);
        text = arena_printf(CX->arena, "did:key:z%.*s", STR(text));
        assert_int_equal(resolve(CX, text, &doc), extra ? ERR_DID_INVALID : ERR_OK);
    }
}

static void
resolves_did_keys(void **state)
{
    static const struct {
        const char *did;
        unsigned uses;
    } rows[] = {
        /* of the method's specification */
        { "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK",
          DID_AUTHENTICATION | DID_ASSERTION | DID_INVOCATION | DID_DELEGATION },
        { "did:key:z6LSbysY2xFMRpGMhb7tFTLMpeuPRaqaWM1yECx2AtzE3KCc", DID_KEY_AGREEMENT },
        { "did:key:zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2169",
          DID_AUTHENTICATION | DID_ASSERTION | DID_INVOCATION | DID_DELEGATION },
    };
    const struct did_key *key;
    struct did_doc doc;
    struct str kid;

    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(resolve(CX, str_of(rows[i].did), &doc), ERR_OK);
        assert_int_equal(doc.key_count, 1);
        assert_int_equal(doc.keys[0].uses, rows[i].uses);
        kid = arena_printf(CX->arena, "%s#%s", rows[i].did, rows[i].did + 8);
        assert_int_equal(
            did_key_find(CX, &doc, kid,
                         (rows[i].uses & DID_ASSERTION) ? DID_ASSERTION : DID_KEY_AGREEMENT,
                         &key),
            ERR_OK);
        assert_null(json_get(key->jwk, "d"));
    }
}

static struct str
did_jwk(struct ctx *cx, const char *jwk)
{
    struct str text, did;

    assert_int_equal(b64url(cx, bytes_of(str_of(jwk)), &text), ERR_OK);
    did = arena_printf(cx->arena, "did:jwk:%.*s", STR(text));
    assert_non_null(did.p);
    return did;
}

static void
refuses_did_jwks_that_are_none(void **state)
{
    static const char *const bad[] = {
        "",
        "{",
        "[]",
        "\"x\"",
        "{}",
        "{\"kty\":\"EC\"}",
        "{\"kty\":\"oct\",\"k\":\"AAECAwQFBgcICQoLDA0ODw\"}",
        "{" EC ",\"kty\":\"EC\"}",
        "{" EC ",\"d\":\"870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE\"}",
        "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" EC_X "\",\"y\":\"" EC_X "\"}",
    };
    struct did_doc doc;

    for (size_t i = 0; i < COUNT(bad); i++) {
        err_t e = bad[i][0] == '\0' ? resolve(CX, S("did:jwk:e30="), &doc)
                                    : resolve(CX, did_jwk(CX, bad[i]), &doc);

        if (e != ERR_DID_INVALID)
            fail_msg("taken: %s", bad[i]);
    }
}

static void
resolves_did_jwks(void **state)
{
    struct did_doc doc;
    struct str did = did_jwk(CX, "{" EC "}");

    assert_int_equal(resolve(CX, did, &doc), ERR_OK);
    assert_int_equal(doc.key_count, 1);
    assert_int_equal(doc.keys[0].uses, DID_AUTHENTICATION | DID_ASSERTION |
                                           DID_KEY_AGREEMENT | DID_INVOCATION |
                                           DID_DELEGATION);
    assert_true(str_ends(doc.keys[0].id, S("#0")));
    assert_int_equal(resolve(CX, did_jwk(CX, "{" EC ",\"use\":\"enc\"}"), &doc), ERR_OK);
    assert_int_equal(doc.keys[0].uses, DID_KEY_AGREEMENT);
    assert_int_equal(resolve(CX, did_jwk(CX, "{" EC ",\"use\":\"sig\"}"), &doc), ERR_OK);
    assert_int_equal(doc.keys[0].uses & DID_KEY_AGREEMENT, 0);
}

/* --- the world that is handed in ---------------------------------------------------- */

static err_t
document(struct ctx *cx, void *self, struct str did, struct str *text)
{
    (void)self;
    if (str_is(did, "did:example:1") || str_is(did, DID) || str_starts(did, S("did:key:")))
        *text = str_is(did, DID) ? S(DOC("")) : S("{\"id\":\"did:example:1\"}");
    else if (str_is(did, "did:web:broken.example"))
        *text = S("{\"id\":");
    else if (str_is(did, "did:web:twice.example"))
        *text = S("{\"id\":\"did:web:twice.example\",\"id\":\"did:web:twice.example\"}");
    else
        return refuse(cx, ERR_NOT_FOUND, "", "not here");
    return ERR_OK;
}

static void
believes_no_document_for_a_did_that_holds_its_key(void **state)
{
    struct did_source world = { NULL, document, NULL };
    struct did_options how = { .source = &world };
    struct did_doc doc;

    assert_int_equal(did_resolve(CX, S(DID), &how, &doc), ERR_OK);
    assert_int_equal(did_resolve(CX, S("did:example:1"), &how, &doc), ERR_OK);
    assert_int_equal(did_resolve(CX, S("did:example:2"), &how, &doc), ERR_DID_METHOD);
    assert_int_equal(did_resolve(CX, S("did:web:b.example"), &how, &doc),
                     ERR_DID_NOT_FOUND);
    assert_int_equal(did_resolve(CX, S("did:web:broken.example"), &how, &doc),
                     ERR_DID_DOCUMENT);
    assert_int_equal(did_resolve(CX, S("did:web:twice.example"), &how, &doc),
                     ERR_DID_DOCUMENT);
    /* did:key is computed, whatever is handed in under its name */
    assert_int_equal(
        did_resolve(CX, S("did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK"), &how,
                    &doc),
        ERR_OK);
    assert_int_equal(doc.key_count, 1);
    /* nothing handed in, and no services */
    assert_int_equal(resolve(CX, S(DID), &doc), ERR_DID_NOT_FOUND);
    assert_int_equal(resolve(CX, S("did:nosuch:1"), &doc), ERR_DID_METHOD);
    assert_int_equal(resolve(CX, S("urn:uuid:1"), &doc), ERR_DID_INVALID);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(refuses_what_is_no_did, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_what_is_no_did_url, setup, teardown),
        cmocka_unit_test_setup_teardown(takes_dids_apart, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_did_webs_that_lead_elsewhere, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(fetches_did_web_where_it_stands, setup, teardown),
        cmocka_unit_test_setup_teardown(makes_did_webs_of_urls, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_documents_that_are_not_sound, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(refuses_documents_of_too_many_keys, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(finds_keys_by_id_and_use, setup, teardown),
        cmocka_unit_test_setup_teardown(base58_is_bitcoins, setup, teardown),
        cmocka_unit_test_setup_teardown(uuids_are_random, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_did_keys_that_are_none, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_rsa_keys_with_something_behind_them, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(resolves_did_keys, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_did_jwks_that_are_none, setup, teardown),
        cmocka_unit_test_setup_teardown(resolves_did_jwks, setup, teardown),
        cmocka_unit_test_setup_teardown(believes_no_document_for_a_did_that_holds_its_key,
                                        setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

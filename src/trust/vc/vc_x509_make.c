/*
 * vc_x509_make.c - makes an X509Credential with the certificate's own key.
 *
 *      chain -> did:x509:0:sha256:<root>::san:otherName:…::subject:O:…:L:…
 *                 |
 *                 +- credentialSubject { id, san { otherName }, subject { O, L } }
 *
 * Rule    Nuts RFC023; nuts-node.md 3.11: kid <did>#0, x5c leaf to root, x5t and
 *         x5t#S256; exp no later than the leaf's notAfter.
 * Trust   What was made is verified as a stranger's would be, against its own root:
 *         a credential that nobody would take is not given. Revocation is left to
 *         whom it is shown to.
 * Source  Knoop. EUPL-1.2.
 */
#include "trust/vc/vc.h"
#include "trust/vc/vc_int.h"

#include "crypto/jose/jose.h"

enum { BACKDATE_MS = 60 * 1000 }; /* real nodes allow no skew (nuts-node.md 0.2) */

struct making {
    struct cert *at[VC_CHAIN_MAX];
    size_t n;
    struct str other_name, o, l; /* of the leaf; .n 0 where it has none */
    struct str did;
};

static void
making_fini(struct making *m)
{
    while (m->n != 0)
        cert_free(m->at[--m->n]);
}

static err_t
no(struct ctx *cx, const char *what)
{
    return refuse(cx, ERR_VC_X509, "Nuts RFC023 3", "%s", what);
}

static err_t
read_chain(struct ctx *cx, const struct vc_x509_template *t, struct making *m)
{
    err_t e;

    if (t->chain_count < 2 || t->chain_count > VC_CHAIN_MAX)
        return no(cx, "the chain needs the leaf, its CAs and the root, in this order");
    for (size_t i = 0; i < t->chain_count; i++) {
        if ((e = cert_parse(cx, t->chain[i], &m->at[i])) != ERR_OK)
            return e;
        m->n++;
    }
    if (cert_is_ca(m->at[0]))
        return no(cx, "the first certificate is a CA's: the chain begins with the leaf");
    if (!cert_is_self_issued(m->at[m->n - 1]))
        return no(cx, "the chain does not end with its root");
    return ERR_OK;
}

/* The certificate must be for this very key. */
static err_t
check_key(struct ctx *cx, const struct key *key, const struct cert *leaf)
{
    scoped(key_drop) struct key *of_leaf = NULL;
    struct bytes a, b;
    err_t e;

    if ((e = cert_key(cx, leaf, &of_leaf)) != ERR_OK ||
        (e = key_to_spki(cx, of_leaf, &a)) != ERR_OK ||
        (e = key_to_spki(cx, key, &b)) != ERR_OK)
        return e;
    return bytes_eq(a, b) ? ERR_OK : no(cx, "the key is not the certificate's");
}

static err_t
check_time(struct ctx *cx, const struct cert *leaf)
{
    int64_t from, to;

    cert_period(leaf, &from, &to);
    if (cx->now_ms < from || cx->now_ms > to)
        return refuse(cx, ERR_CERT_TIME, "RFC 5280 4.1.2.5", "the certificate is %s",
                      cx->now_ms > to ? "past" : "not yet valid");
    return ERR_OK;
}

/* --- the DID ------------------------------------------------------------------------ */

static err_t
read_names(struct ctx *cx, const struct cert *leaf, struct making *m)
{
    struct cert_attrs attrs;
    struct cert_sans sans;
    err_t e;

    if ((e = cert_subject(cx, leaf, &attrs)) != ERR_OK ||
        (e = cert_san(cx, leaf, &sans)) != ERR_OK)
        return e;
    for (size_t i = 0; i < attrs.count; i++) {
        if (str_is(attrs.at[i].name, "O"))
            m->o = attrs.at[i].value;
        if (str_is(attrs.at[i].name, "L"))
            m->l = attrs.at[i].value;
    }
    for (size_t i = 0; i < sans.count; i++)
        if (sans.at[i].type == CERT_SAN_OTHER_NAME && str_is(sans.at[i].oid, "2.5.5.5"))
            m->other_name = sans.at[i].value;
    if (m->other_name.n + m->o.n + m->l.n == 0)
        return no(cx, "the certificate has neither otherName nor O nor L");
    return ERR_OK;
}

/* did:x509 leaves unescaped what a DID may hold: '~' is not in it. */
static void
put_value(struct buf *b, const char *name, struct str value)
{
    buf_printf(b, ":%s:", name);
    for (bool more = true; more;) {
        size_t at = str_find(value, '~');

        buf_percent(b, str_sub(value, 0, at));
        if ((more = at < value.n))
            buf_z(b, "%7E");
        value = str_sub(value, at + 1, value.n);
    }
}

static err_t
make_did(struct ctx *cx, struct making *m)
{
    uint8_t print[HASH_MAX];
    struct buf b;
    err_t e = cert_fingerprint(cx, m->at[m->n - 1], HASH_SHA256, print);

    if (e != ERR_OK)
        return e;
    buf_init(&b, cx->arena);
    buf_z(&b, "did:x509:0:sha256:");
    buf_b64url(&b, (struct bytes){ print, hash_size(HASH_SHA256) });
    if (m->other_name.n != 0) {
        buf_z(&b, "::san");
        put_value(&b, "otherName", m->other_name);
    }
    if (m->o.n + m->l.n != 0)
        buf_z(&b, "::subject");
    if (m->o.n != 0)
        put_value(&b, "O", m->o);
    if (m->l.n != 0)
        put_value(&b, "L", m->l);
    return buf_done(cx, &b, &m->did);
}

/* --- claims and header -------------------------------------------------------------- */

static void
put_subject(struct json_out *js, const struct making *m, struct str id)
{
    json_key(js, "subject");
    json_object(js);
    json_member(js, "id", id);
    if (m->other_name.n != 0) {
        json_key(js, "san");
        json_object(js);
        json_member(js, "otherName", m->other_name);
        json_end(js);
    }
    if (m->o.n + m->l.n != 0) {
        json_key(js, "subject");
        json_object(js);
        if (m->o.n != 0)
            json_member(js, "O", m->o);
        if (m->l.n != 0)
            json_member(js, "L", m->l);
        json_end(js);
    }
    json_end(js);
}

static err_t
make_claims(struct ctx *cx, const struct vc_x509_template *t, const struct making *m,
            struct str *claims)
{
    struct vc_template of = { .issuer = m->did };
    struct json_out js;
    struct str text, id;
    json *parts;
    int64_t from, to;
    err_t e;

    json_out_init(&js, cx->arena);
    json_object(&js);
    json_member_z(&js, "context", "https://www.w3.org/2018/credentials/v1");
    json_member_z(&js, "type", "X509Credential");
    put_subject(&js, m, t->subject);
    json_end(&js);
    if ((e = json_out_done(cx, &js, &text)) != ERR_OK ||
        (e = json_parse(cx, text, JSON_STRICT, &parts)) != ERR_OK)
        return e;
    of.context = json_get(parts, "context");
    of.types = json_get(parts, "type");
    of.subject = json_get(parts, "subject");
    cert_period(m->at[0], &from, &to);
    of.from_ms = t->from_ms != 0 ? t->from_ms : cx->now_ms - BACKDATE_MS;
    if (t->from_ms == 0 && of.from_ms < from)
        of.from_ms = from;
    of.until_ms = t->until_ms != 0 ? t->until_ms : to;
    return vc_claims(cx, &of, claims, &id);
}

static err_t
put_print(struct ctx *cx, struct json_out *js, const char *name, const struct cert *leaf,
          enum hash hash)
{
    uint8_t print[HASH_MAX];
    struct str text;
    err_t e;

    if ((e = cert_fingerprint(cx, leaf, hash, print)) != ERR_OK ||
        (e = b64url(cx, (struct bytes){ print, hash_size(hash) }, &text)) != ERR_OK)
        return e;
    json_member(js, name, text);
    return ERR_OK;
}

static err_t
make_header(struct ctx *cx, const struct vc_x509_template *t, const struct making *m,
            struct str *header)
{
    struct json_out js;
    struct buf b;
    struct str text;
    err_t e;

    text = arena_printf(cx->arena, "%.*s#0", STR(m->did));
    if (text.p == NULL)
        return refuse_memory(cx);
    json_out_init(&js, cx->arena);
    json_object(&js);
    json_member(&js, "alg", sig_alg_name(sig_alg_for(t->key)));
    json_member_z(&js, "typ", "JWT");
    json_member(&js, "kid", text);
    json_key(&js, "x5c");
    json_array(&js);
    for (size_t i = 0; i < m->n; i++) {
        buf_init(&b, cx->arena);
        buf_b64(&b, cert_der(m->at[i]));
        if ((e = buf_done(cx, &b, &text)) != ERR_OK)
            return e;
        json_put_str(&js, text);
    }
    json_end(&js);
    if ((e = put_print(cx, &js, "x5t", m->at[0], HASH_SHA1)) != ERR_OK ||
        (e = put_print(cx, &js, "x5t#S256", m->at[0], HASH_SHA256)) != ERR_OK)
        return e;
    json_end(&js);
    return json_out_done(cx, &js, header);
}

/* As a stranger would, if he believed this root. */
static err_t
prove(struct ctx *cx, const struct making *m, struct str jwt)
{
    struct vc_x509_trust trust = { .roots = &m->at[m->n - 1],
                                   .roots_count = 1,
                                   .crls_waived = true };
    struct vc_options options = { .x509 = &trust };
    struct vc_raw raw;
    struct vc vc;
    err_t e = vc_parse(cx, jwt, &raw);

    return e != ERR_OK ? e : vc_verify(cx, &raw, &options, &vc);
}

err_t
vc_x509_issue(struct ctx *cx, const struct vc_x509_template *t, struct str *jwt)
{
    scoped(making_fini) struct making m = { .n = 0 };
    struct did subject;
    struct str claims, header, made;
    err_t e;

    *jwt = (struct str){ NULL, 0 };
    if ((e = did_parse(cx, t->subject, &subject)) != ERR_OK ||
        (e = read_chain(cx, t, &m)) != ERR_OK ||
        (e = check_key(cx, t->key, m.at[0])) != ERR_OK ||
        (e = check_time(cx, m.at[0])) != ERR_OK ||
        (e = read_names(cx, m.at[0], &m)) != ERR_OK || (e = make_did(cx, &m)) != ERR_OK ||
        (e = make_claims(cx, t, &m, &claims)) != ERR_OK ||
        (e = make_header(cx, t, &m, &header)) != ERR_OK ||
        (e = jws_sign(cx, t->key, header, bytes_of(claims), &made)) != ERR_OK ||
        (e = prove(cx, &m, made)) != ERR_OK)
        return e;
    *jwt = made;
    return ERR_OK;
}

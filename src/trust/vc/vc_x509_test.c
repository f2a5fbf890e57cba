/*
 * vc_x509_test.c - an organisation proven by its certificate: chain, roots, claims,
 * revocation lists; each refusal by its clause. EUPL-1.2.
 */
#include "trust/did/pki_kit.h"
#include "trust/vc/vc_int.h"
#include "trust/vc/vc_kit.h"

#define MINUTE INT64_C(60000)
#define HOUR   (60 * MINUTE)

struct fix {
    struct node *n;
    struct pki pki;
    char roots[128]; /* the PEM file */
};
#define FIX ((struct fix *)*state)
#define N   (FIX->n)
#define CX  (&N->t.cx)
#define P   (&FIX->pki)

static void
write_roots(struct fix *f, const struct cert *const *roots, size_t n)
{
    struct buf b;
    struct str text;
    FILE *out;

    buf_init(&b, &f->n->t.arena);
    for (size_t i = 0; i < n; i++)
        pem_put(&b, "CERTIFICATE", cert_der(roots[i]));
    assert_int_equal(buf_done(&f->n->t.cx, &b, &text), ERR_OK);
    snprintf(f->roots, sizeof(f->roots), "%s/roots.pem", f->n->dir);
    out = fopen(f->roots, "w");
    assert_non_null(out);
    assert_int_equal(fwrite(text.p, 1, text.n, out), text.n);
    assert_int_equal(fclose(out), 0);
    f->n->conf->vc_x509_roots = str_of(f->roots);
}

static err_t
reload(struct fix *f)
{
    return vc_room.reload(&f->n->t.cx, f->n->sys.state[ROOM_vc]);
}

static void
publish_crl(struct fix *f, bool of_root, const struct cert *revoked, int64_t from,
            int64_t to)
{
    struct ctx *cx = &f->n->t.cx;
    struct node_page *p = node_publish(f->n, of_root ? PKI_CRL_ROOT : PKI_CRL_CA, "");

    p->type = "application/pkix-crl";
    p->body = pki_crl(cx, &f->pki, of_root, revoked, cx->now_ms + from, cx->now_ms + to);
}

static int
setup(void **state)
{
    struct fix *f = calloc(1, sizeof(*f));
    const struct cert *roots[1];

    f->n = vc_node();
    *state = f;
    pki_new(&f->n->t.cx, &f->pki);
    roots[0] = f->pki.root;
    write_roots(f, roots, 1);
    assert_int_equal(reload(f), ERR_OK);
    publish_crl(f, false, NULL, -HOUR, 24 * HOUR);
    publish_crl(f, true, NULL, -HOUR, 24 * HOUR);
    return 0;
}

static int
teardown(void **state)
{
    pki_end(P);
    node_close(N);
    free(FIX);
    return 0;
}

/* --- making one, with something put differently ------------------------------------- */

struct made {
    const struct bytes *chain; /* zeros: the usual */
    size_t chain_count;
    const char *did;     /* of the issuer */
    const char *subject; /* JSON */
    const char *type;
    const char *header; /* more members: ",\"x5t\":…"; "-" leaves out x5c */
    int64_t from_ms, until_ms;
    bool no_exp, no_nbf;
};

#define CLAIMS "::san:otherName:" PKI_UZI "::subject:O:Huis%20%26%20Zn%20%2B%20Co:L:Oss"
#define ABOUT                                                                              \
    "{\"id\":\"" HOLDER "\",\"san\":{\"otherName\":\"" PKI_UZI                             \
    "\"},\"subject\":{\"O\":\"" PKI_NAME "\",\"L\":\"Oss\"}}"

/* The did:x509 that pins this certificate. */
static const char *
did_of(void **state, const char *hash, const struct cert *pinned, const char *claims)
{
    struct str did = arena_printf(CX->arena, "did:x509:0:%s:%.*s%s", hash,
                                  STR(pki_print(CX, pinned, HASH_SHA256)), claims);

    assert_non_null(did.p);
    return did.p;
}

static const char *
usual_did(void **state)
{
    return did_of(state, "sha256", P->root, CLAIMS);
}

static struct str
header_of(void **state, const struct made *m, const char *did)
{
    const struct bytes *chain = m->chain ? m->chain : P->chain;
    size_t count = m->chain ? m->chain_count : 3;
    const char *more = m->header ? m->header : "";
    struct buf b;
    struct str out;

    buf_init(&b, CX->arena);
    buf_printf(&b, "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"%s#0\"", did);
    for (size_t i = 0; more[0] != '-' && i < count; i++) {
        buf_z(&b, i == 0 ? ",\"x5c\":[\"" : ",\"");
        buf_b64(&b, chain[i]);
        buf_z(&b, i + 1 == count ? "\"]" : "\"");
    }
    buf_printf(&b, "%s}", more[0] == '-' ? more + 1 : more);
    assert_int_equal(buf_done(CX, &b, &out), ERR_OK);
    return out;
}

static struct str
make(void **state, const struct made *m)
{
    const char *did = m->did ? m->did : usual_did(state);
    int64_t from = m->from_ms ? m->from_ms : CX->now_ms - HOUR;
    int64_t until = m->until_ms ? m->until_ms : CX->now_ms + HOUR;
    struct str header = header_of(state, m, did), claims, jwt;
    char exp[64] = "", nbf[64] = "";

    if (!m->no_exp)
        snprintf(exp, sizeof(exp), ",\"exp\":%lld", (long long)(until / 1000));
    snprintf(nbf, sizeof(nbf), ",\"%s\":%lld", m->no_nbf ? "iat" : "nbf",
             (long long)(from / 1000));
    claims = arena_printf(CX->arena,
                          "{\"iss\":\"%s\",\"jti\":\"%s#1\"%s%s,\"vc\":{" CONTEXT
                          ",\"type\":[\"VerifiableCredential\",\"%s\"],"
                          "\"credentialSubject\":%s}}",
                          did, did, exp, nbf, m->type ? m->type : "X509Credential",
                          m->subject ? m->subject : ABOUT);
    assert_non_null(claims.p);
    assert_int_equal(jws_sign(CX, P->leaf_key, header, bytes_of(claims), &jwt), ERR_OK);
    return jwt;
}

static err_t
verify_at(void **state, struct str jwt, int64_t at_ms, struct vc *vc)
{
    struct vc_options how = { .at_ms = at_ms };
    struct vc_raw raw;
    err_t e;

    refuse_clear(CX);
    if ((e = vc_parse(CX, jwt, &raw)) == ERR_OK)
        e = vc_verify(CX, &raw, &how, vc);
    return e;
}

static err_t
verify(void **state, const struct made *m)
{
    struct vc vc;

    return verify_at(state, make(state, m), 0, &vc);
}

static void
wants(void **state, const struct made *m, err_t want, const char *what)
{
    err_t e = verify(state, m);

    if (e != want)
        fail_msg("%s: %s %.*s", what, err_row(e)->name, STR(CX->reason));
}

static const struct made usual = { .chain = NULL };

/* --- what proves an organisation ---------------------------------------------------- */

static void
proves_an_organisation(void **state)
{
    struct vc vc;

    assert_int_equal(verify_at(state, make(state, &usual), 0, &vc), ERR_OK);
    assert_int_equal(vc.uzi.type, UZI_SERVER);
    assert_true(str_is(vc.uzi.ura, PKI_URA));
    assert_true(str_is(vc.issuer, usual_did(state)));
    assert_int_equal(N->asked, 2); /* a list for each certificate below the root */
    assert_int_equal(N->last.trust, FETCH_CRL);
    assert_int_equal(N->last.body_max, N->conf->vc_crl_most);
    assert_int_equal(verify(state, &usual), ERR_OK);
    assert_int_equal(N->asked, 2);
}

/* --- the chain in the header -------------------------------------------------------- */

static void
refuses_chains(void **state)
{
    const struct bytes *c = P->chain;
    const struct bytes reversed[] = { c[2], c[1], c[0] }, no_root[] = { c[0], c[1] },
                       crossed[] = { c[0], c[2], c[1] },
                       extra[] = { c[0], c[1], c[2], c[2] }, no_leaf[] = { c[1], c[2] },
                       alone[] = { c[0] };
    struct bytes many[11], text = bytes_of(S("no certificate"));
    const struct bytes odd[] = { text, c[1], c[2] };

    for (size_t i = 0; i < COUNT(many); i++)
        many[i] = c[i < 2 ? i : 2];
#define CHAIN(a) &(struct made){ .chain = (a), .chain_count = COUNT(a) }
    wants(state, CHAIN(reversed), ERR_VC_X509, "reversed");
    wants(state, CHAIN(no_root), ERR_VC_X509, "without its root");
    wants(state, CHAIN(crossed), ERR_VC_X509, "crossed");
    wants(state, CHAIN(no_leaf), ERR_DID_CHAIN, "no leaf");
    wants(state, CHAIN(alone), ERR_VC_X509, "leaf alone");
    wants(state, CHAIN(odd), ERR_VC_X509, "no certificate");
    wants(state, CHAIN(many), ERR_VC_X509, "too many");
    assert_int_not_equal(verify(state, CHAIN(extra)), ERR_OK);
#undef CHAIN
    wants(state, &(struct made){ .header = "-" }, ERR_VC_X509, "no x5c");
    wants(state, &(struct made){ .header = "-,\"x5c\":\"AAAA\"" }, ERR_VC_X509, "x5c text");
    wants(state, &(struct made){ .header = "-,\"x5c\":[1,2]" }, ERR_VC_X509, "x5c numbers");
    wants(state, &(struct made){ .header = "-,\"x5c\":[\"__\",\"--\"]" }, ERR_VC_X509,
          "x5c base64url");
    assert_int_equal(verify(state, &usual), ERR_OK);
}

/* x5t and x5t#S256, where they stand, are of the leaf (RFC 7515 4.1.7, 4.1.8). */
static void
refuses_thumbprints_of_others(void **state)
{
    struct str good, bad;

    good = arena_printf(CX->arena, ",\"x5t\":\"%.*s\",\"x5t#S256\":\"%.*s\"",
                        STR(pki_print(CX, P->leaf, HASH_SHA1)),
                        STR(pki_print(CX, P->leaf, HASH_SHA256)));
    wants(state, &(struct made){ .header = good.p }, ERR_OK, "right thumbprints");
    bad =
        arena_printf(CX->arena, ",\"x5t\":\"%.*s\"", STR(pki_print(CX, P->ca, HASH_SHA1)));
    wants(state, &(struct made){ .header = bad.p }, ERR_VC_X509, "x5t");
    bad = arena_printf(CX->arena, ",\"x5t#S256\":\"%.*s\"",
                       STR(pki_print(CX, P->ca, HASH_SHA256)));
    wants(state, &(struct made){ .header = bad.p }, ERR_VC_X509, "x5t#S256");
    wants(state, &(struct made){ .header = ",\"x5t#S256\":7" }, ERR_VC_X509, "a number");
    wants(state, &(struct made){ .header = ",\"x5t\":null" }, ERR_VC_X509, "null");
}

static void
believes_configured_roots_alone(void **state)
{
    const struct cert *roots[1], *lots[65];
    struct pki other;
    struct bytes forged[3];

    /* another's whole chain, right in itself; nothing is fetched for strangers */
    pki_new(CX, &other);
    memcpy(forged, other.chain, sizeof(forged));
    {
        struct pki mine = *P;

        *P = other;
        wants(state, &usual, ERR_VC_X509, "another root");
        *P = mine;
    }
    assert_int_equal(N->asked, 0);
    /* a root of the same name is not the same root */
    forged[0] = P->chain[0];
    forged[1] = P->chain[1];
    wants(state, &(struct made){ .chain = forged, .chain_count = 3 }, ERR_VC_X509,
          "a root of the same name");
    assert_int_equal(N->asked, 0);
    /* none configured: none believed */
    N->conf->vc_x509_roots = S("");
    assert_int_equal(reload(FIX), ERR_OK);
    wants(state, &usual, ERR_VC_X509, "no roots");
    assert_true(str_has(CX->reason, "vc.x509.roots"));
    /* a reload brings them; one that fails leaves what was there */
    roots[0] = P->root;
    write_roots(FIX, roots, 1);
    assert_int_equal(reload(FIX), ERR_OK);
    wants(state, &usual, ERR_OK, "roots again");
    roots[0] = P->leaf;
    write_roots(FIX, roots, 1);
    assert_int_equal(reload(FIX), ERR_CONF); /* no CA */
    for (size_t i = 0; i < COUNT(lots); i++)
        lots[i] = P->root;
    write_roots(FIX, lots, 64);
    assert_int_equal(reload(FIX), ERR_OK);
    write_roots(FIX, lots, 65);
    assert_int_equal(reload(FIX), ERR_CONF); /* more than anybody has */
    write_roots(FIX, roots, 0);
    assert_int_equal(reload(FIX), ERR_CONF); /* an empty file */
    N->conf->vc_x509_roots = S("/nowhere/roots.pem");
    assert_int_not_equal(reload(FIX), ERR_OK);
    wants(state, &usual, ERR_OK, "the old roots");
    pki_end(&other);
}

static void
refuses_certificates_past_their_time(void **state)
{
    struct vc vc;
    struct str jwt;

    /* the organisation's outlives its CA and root */
    pki_swap_leaf(CX, P, &(struct pki_leaf){ .to_ms = CX->now_ms + 3000 * PKI_DAY });
    jwt = make(state, &(struct made){ .until_ms = CX->now_ms + 2500 * PKI_DAY });
    assert_int_equal(verify_at(state, jwt, 0, &vc), ERR_OK);
    assert_int_equal(verify_at(state, jwt, CX->now_ms + 2000 * PKI_DAY, &vc),
                     ERR_CERT_TIME);
    node_set_time(N, CX->now_ms + 2000 * PKI_DAY);
    assert_int_equal(verify_at(state, jwt, 0, &vc), ERR_CERT_TIME);
    /* good then, but revocation is asked of now */
    assert_int_not_equal(verify_at(state, jwt, CX->now_ms - 2000 * PKI_DAY, &vc), ERR_OK);
}

/* --- the issuer and what it says ---------------------------------------------------- */

static void
ties_the_did_to_the_certificate(void **state)
{
    static const struct {
        const char *head, *claims;
    } bad[] = {
        { "sha256", "::san:otherName:" PKI_UZI "::subject:O:Other" },
        { "sha256", "::san:otherName:2.16.528.1.1007.99.2110-1-900030787-S-90000381-00.000-"
                    "11223344" },
        { "sha1", CLAIMS },
        { "sha384", CLAIMS },
    };

    for (size_t i = 0; i < COUNT(bad); i++) {
        const char *did = did_of(state, bad[i].head, P->root, bad[i].claims);
        err_t e = verify(
            state, &(struct made){ .did = did, .subject = "{\"id\":\"" HOLDER "\"}" });

        if (e != ERR_DID_CHAIN && e != ERR_DID_INVALID)
            fail_msg("%s: %s", did, err_row(e)->name);
    }
    wants(state, &(struct made){ .did = did_of(state, "sha256", P->leaf, CLAIMS) },
          ERR_DID_CHAIN, "pinned to no CA of the chain");
    key_free(P->leaf_key); /* signed with another key than the certificate's */
    P->leaf_key = key_ref(P->ca_key);
    wants(state, &usual, ERR_VC_PROOF, "another key");
}

/* Nuts RFC023 4: a did:x509, and what its DID proves. A URA of one other digit is
 * another's (mission 47), and who claims it needs its certificate (mission 48). */
static void
refuses_what_the_did_does_not_prove(void **state)
{
    static const char *const bad[] = {
        "{\"san\":{\"otherName\":\"" PKI_UZI "\"}}", /* about whom? */
        "{\"id\":\"" HOLDER
        "\",\"san\":{\"otherName\":\"2.16.528.1.1007.99.2110-1-900030787-S-"
        "90000381-00.000-11223344\"}}",
        "{\"id\":\"" HOLDER "\",\"san\":{\"dns\":\"huis.example.org\"}}",
        "{\"id\":\"" HOLDER "\",\"san\":{\"otherName\":7}}",
        "{\"id\":\"" HOLDER "\",\"san\":{\"otherName\":[\"" PKI_UZI "\"]}}",
        "{\"id\":\"" HOLDER "\",\"san\":\"" PKI_UZI "\"}",
        "{\"id\":\"" HOLDER "\",\"subject\":{\"O\":\"Other\"}}",
        /* '+' is no space, nor is it left out (B16) */
        "{\"id\":\"" HOLDER "\",\"subject\":{\"O\":\"Huis & Zn   Co\"}}",
        "{\"id\":\"" HOLDER "\",\"subject\":{\"O\":\"Huis%20%26%20Zn%20%2B%20Co\"}}",
        "{\"id\":\"" HOLDER "\",\"subject\":{\"CN\":\"huis.example.org\"}}",
        "{\"id\":\"" HOLDER "\",\"role\":\"admin\"}",
        "{\"id\":\"" HOLDER "\",\"organization\":{\"name\":\"Huis\"}}",
        "[{\"id\":\"" HOLDER "\"},{\"id\":\"" HOLDER "\"}]",
    };

    for (size_t i = 0; i < COUNT(bad); i++)
        wants(state, &(struct made){ .subject = bad[i] }, ERR_VC_X509, bad[i]);
    wants(state, &(struct made){ .subject = "{\"id\":\"" HOLDER "\"}" }, ERR_OK, "less");
    wants(state, &(struct made){ .subject = "[" ABOUT "]" }, ERR_OK, "in a list");
}

static void
stays_within_its_certificate(void **state)
{
    int64_t to = CX->now_ms + 30 * PKI_DAY, from = CX->now_ms - PKI_DAY;

    wants(state, &(struct made){ .no_exp = true }, ERR_VC_X509, "no exp");
    wants(state, &(struct made){ .until_ms = to + 1000 }, ERR_VC_X509, "outlives");
    wants(state, &(struct made){ .until_ms = to }, ERR_OK, "as long as it");
    wants(state, &(struct made){ .from_ms = from - 1000 }, ERR_VC_X509, "before it");
    wants(state, &(struct made){ .from_ms = from }, ERR_OK, "from its beginning");
    wants(state, &(struct made){ .no_nbf = true }, ERR_VC_X509, "no nbf");
}

static void
is_by_a_did_x509_alone(void **state)
{
    struct peer issuer;

    peer_new(N, ISSUER, &issuer);
    {
        struct vc vc;
        struct str jwt = peer_sign(
            N, &issuer, NULL,
            vc_with(N, "vc",
                    "{" CONTEXT ",\"type\":[\"VerifiableCredential\",\"X509Credential\"],"
                    "\"credentialSubject\":" ABOUT "}")
                .p);

        assert_int_equal(verify_at(state, jwt, 0, &vc), ERR_VC_ISSUER);
    }
    peer_end(&issuer);
    /* any other credential by a did:x509 has its chain looked at all the same */
    wants(state, &(struct made){ .type = "OtherCredential" }, ERR_OK, "another type");
    N->conf->vc_x509_roots = S("");
    assert_int_equal(reload(FIX), ERR_OK);
    wants(state, &(struct made){ .type = "OtherCredential" }, ERR_VC_X509, "without root");
}

/* --- revocation: fails closed ------------------------------------------------------- */

static void
refuses_what_was_revoked(void **state)
{
    publish_crl(FIX, false, P->leaf, -HOUR, 24 * HOUR);
    wants(state, &usual, ERR_CERT_REVOKED, "the organisation's");
}

static void
refuses_a_revoked_ca(void **state)
{
    publish_crl(FIX, true, P->ca, -HOUR, 24 * HOUR);
    wants(state, &usual, ERR_CERT_REVOKED, "the CA's");
}

static void
refuses_when_revocation_is_not_known(void **state)
{
    struct node_page *page = node_publish(N, PKI_CRL_CA, "");
    struct pki other;

    publish_crl(FIX, false, NULL, -HOUR, 24 * HOUR);
    page->status = 404;
    wants(state, &usual, ERR_CERT_STATUS_UNKNOWN, "404, whatever it says");
    page->status = 200;
    page->body = (struct bytes){ NULL, 0 };
    wants(state, &usual, ERR_CERT_STATUS_UNKNOWN, "empty");
    page->fails = ERR_UPSTREAM;
    wants(state, &usual, ERR_CERT_STATUS_UNKNOWN, "unreachable");
    page->fails = ERR_FORBIDDEN;
    wants(state, &usual, ERR_CERT_STATUS_UNKNOWN, "a guarded address");
    node_publish(N, PKI_CRL_CA, "<html>");
    wants(state, &usual, ERR_CERT_STATUS_UNKNOWN, "no list");
    publish_crl(FIX, false, NULL, -48 * HOUR, -1000);
    wants(state, &usual, ERR_CERT_STATUS_UNKNOWN, "past its time");
    publish_crl(FIX, false, NULL, HOUR, 2 * HOUR);
    wants(state, &usual, ERR_CERT_STATUS_UNKNOWN, "not yet of this time");
    pki_new(CX, &other); /* a CA of the same name, with a key of its own */
    node_publish(N, PKI_CRL_CA, "")->body =
        pki_crl(CX, &other, false, NULL, CX->now_ms - HOUR, CX->now_ms + HOUR);
    wants(state, &usual, ERR_CERT_STATUS_UNKNOWN, "signed by another");
    node_publish(N, PKI_CRL_CA, "")->body =
        pki_crl(CX, P, true, NULL, CX->now_ms - HOUR, CX->now_ms + HOUR);
    wants(state, &usual, ERR_CERT_STATUS_UNKNOWN, "another CA's");
    pki_end(&other);
    publish_crl(FIX, true, NULL, -48 * HOUR, -1000);
    publish_crl(FIX, false, NULL, -HOUR, HOUR);
    wants(state, &usual, ERR_CERT_STATUS_UNKNOWN, "the root's list past its time");
    publish_crl(FIX, true, NULL, -HOUR, HOUR);
    wants(state, &usual, ERR_OK, "both");
    N->conf->vc_crl_most = 4096;
    assert_int_equal(verify(state, &usual), ERR_OK);
}

static void
refuses_certificates_that_name_no_list(void **state)
{
    pki_swap_leaf(CX, P, &(struct pki_leaf){ .crl_url = "" });
    wants(state, &usual, ERR_CERT_STATUS_UNKNOWN, "no distribution point");
    assert_true(str_has(CX->clause ? str_of(CX->clause) : S(""), "4.2.1.13"));
}

static void
caps_the_lists_that_it_fetches(void **state)
{
    N->conf->vc_crl_most = 64;
    wants(state, &usual, ERR_CERT_STATUS_UNKNOWN, "larger than vc.crl.size");
}

/* On the loop nothing waits: what is not held sends the request to the pool. */
static void
fetches_nothing_on_the_loop(void **state)
{
    CX->may_not_block = true;
    wants(state, &usual, ERR_WOULD_BLOCK, "on the loop");
    CX->may_not_block = false;
    wants(state, &usual, ERR_OK, "in the pool");
    CX->may_not_block = true;
    wants(state, &usual, ERR_OK, "held");
    CX->may_not_block = false;
}

static err_t
job(struct fix *f)
{
    refuse_clear(&f->n->t.cx);
    return vc__crls_refresh(&f->n->t.cx, f->n->sys.state[ROOM_vc]);
}

/* The job has a new list before the old one ends, so that no request waits. */
static void
has_lists_before_they_are_needed(void **state)
{
    int64_t start = CX->now_ms;

    N->conf->vc_crl_refresh = HOUR;
    wants(state, &usual, ERR_OK, "first use");
    assert_int_equal(N->asked, 2);
    node_set_time(N, start + HOUR - 1);
    assert_int_equal(job(FIX), ERR_OK);
    assert_int_equal(N->asked, 2); /* not due */
    node_set_time(N, start + HOUR);
    publish_crl(FIX, false, P->leaf, -MINUTE, 24 * HOUR);
    assert_int_equal(job(FIX), ERR_OK);
    assert_int_equal(N->asked, 4);
    wants(state, &usual, ERR_CERT_REVOKED, "seen by the job");
    assert_int_equal(N->asked, 4);
}

/* When renewing fails the old list serves until its own end, and not longer. */
static void
goes_on_with_an_old_list_until_its_end(void **state)
{
    int64_t start = CX->now_ms;
    struct vc vc;
    struct str jwt = make(state, &(struct made){ .until_ms = start + 20 * PKI_DAY });

    N->conf->vc_crl_refresh = HOUR;
    assert_int_equal(verify_at(state, jwt, 0, &vc), ERR_OK);
    for (size_t i = 0; i < N->pages; i++)
        N->page[i].fails = ERR_UPSTREAM;
    node_set_time(N, start + 2 * HOUR);
    assert_int_equal(job(FIX), ERR_UPSTREAM);
    assert_int_equal(N->asked, 4);
    assert_int_equal(job(FIX), ERR_OK); /* tried a moment ago */
    assert_int_equal(N->asked, 4);
    assert_int_equal(verify_at(state, jwt, 0, &vc), ERR_OK);
    node_set_time(N, start + 24 * HOUR - 1000);
    assert_int_equal(verify_at(state, jwt, 0, &vc), ERR_OK);
    node_set_time(N, start + 24 * HOUR);
    assert_int_equal(verify_at(state, jwt, 0, &vc), ERR_CERT_STATUS_UNKNOWN);
}

/* Over plain http anybody may answer: what the CA did not sign, or an older list, does not
 * push out what is held. */
static void
is_not_talked_out_of_a_good_list(void **state)
{
    int64_t start = CX->now_ms;
    struct pki other;

    N->conf->vc_crl_refresh = HOUR;
    publish_crl(FIX, false, P->leaf, -HOUR, 24 * HOUR);
    wants(state, &usual, ERR_CERT_REVOKED, "revoked");
    node_set_time(N, start + 2 * HOUR);
    pki_new(CX, &other);
    node_publish(N, PKI_CRL_CA, "")->body =
        pki_crl(CX, &other, false, NULL, CX->now_ms - 1000, CX->now_ms + HOUR);
    assert_int_equal(job(FIX), ERR_SIGNATURE);
    pki_end(&other);
    wants(state, &(struct made){ .until_ms = CX->now_ms + HOUR }, ERR_CERT_REVOKED,
          "behind a forged list");
    node_set_time(N, start + 3 * HOUR);
    publish_crl(FIX, false, NULL, -5 * HOUR, 24 * HOUR); /* true once, replayed */
    assert_int_equal(job(FIX), ERR_UPSTREAM);
    wants(state, &(struct made){ .until_ms = CX->now_ms + HOUR }, ERR_CERT_REVOKED,
          "behind an older list");
    node_set_time(N, start + 4 * HOUR);
    publish_crl(FIX, false, NULL, -1000, 24 * HOUR);
    assert_int_equal(job(FIX), ERR_OK);
    wants(state, &(struct made){ .until_ms = CX->now_ms + HOUR }, ERR_OK, "a newer list");
    node_set_time(N, start + 6 * HOUR);
    CX->arena->fail_at = CX->arena->taken + 1;
    assert_int_equal(job(FIX), ERR_NO_MEMORY); /* not: nothing was due */
}

/* The job runs in one worker: the others renew while a request waits. */
static void
renews_where_no_job_runs(void **state)
{
    int64_t start = CX->now_ms;
    struct made m = usual;

    N->conf->vc_crl_refresh = HOUR;
    wants(state, &usual, ERR_OK, "first use");
    node_set_time(N, start + HOUR + 3 * MINUTE);
    m.until_ms = CX->now_ms + HOUR;
    publish_crl(FIX, false, P->leaf, -1000, 24 * HOUR);
    N->page[0].fails = ERR_UPSTREAM;
    wants(state, &m, ERR_OK, "it failed: the old one serves");
    assert_int_equal(N->asked, 4);
    wants(state, &m, ERR_OK, "tried a moment ago");
    assert_int_equal(N->asked, 4);
    node_set_time(N, CX->now_ms + 2 * MINUTE);
    N->page[0].fails = ERR_OK;
    wants(state, &m, ERR_CERT_REVOKED, "renewed");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(refuses_chains),
        TEST(refuses_thumbprints_of_others),
        TEST(believes_configured_roots_alone),
        TEST(refuses_certificates_past_their_time),
        TEST(ties_the_did_to_the_certificate),
        TEST(refuses_what_the_did_does_not_prove),
        TEST(stays_within_its_certificate),
        TEST(is_by_a_did_x509_alone),
        TEST(refuses_what_was_revoked),
        TEST(refuses_a_revoked_ca),
        TEST(refuses_when_revocation_is_not_known),
        TEST(refuses_certificates_that_name_no_list),
        TEST(caps_the_lists_that_it_fetches),
        TEST(fetches_nothing_on_the_loop),
        TEST(has_lists_before_they_are_needed),
        TEST(goes_on_with_an_old_list_until_its_end),
        TEST(is_not_talked_out_of_a_good_list),
        TEST(renews_where_no_job_runs),
        TEST(proves_an_organisation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

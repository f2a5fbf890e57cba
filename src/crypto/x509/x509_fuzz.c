/* x509_fuzz.c - certificates and lists from strangers, and all that is asked of them.
 * EUPL-1.2. */
#include "crypto/x509/x509.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
ask(struct ctx *cx, const struct cert *c)
{
    scoped(key_drop) struct key *k = NULL;
    struct x509_chain chain;
    struct cert_attrs attrs;
    struct cert_sans sans;
    struct cert_texts texts;
    struct uzi uzi;
    struct cert *self[1];
    struct x509_name name = { CERT_SAN_DNS, S("a.example") };
    struct x509_want w = { .roots = self,
                           .roots_count = 1,
                           .purpose = X509_FOR_SERVER,
                           .clock = X509_WHENEVER,
                           .revocation = X509_CRLS_WAIVED,
                           .names = &name,
                           .names_count = 1 };

    self[0] = cert_ref((struct cert *)(uintptr_t)c);
    (void)!cert_subject(cx, c, &attrs);
    (void)!cert_issuer(cx, c, &attrs);
    (void)!cert_san(cx, c, &sans);
    (void)!cert_eku(cx, c, &texts);
    (void)!cert_crl_urls(cx, c, &texts);
    (void)!cert_uzi(cx, c, &uzi);
    (void)!cert_key(cx, c, &k);
    (void)!x509_verify(cx, c, &w, &chain);
    w.purpose = X509_FOR_ANY;
    w.names_count = 0;
    (void)!x509_verify(cx, c, &w, &chain);
    cert_free(self[0]);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a;
    struct ctx cx;
    struct cert *c = NULL;
    struct crl *l = NULL;

    arena_init(&a, 16u << 20);
    ctx_init(&cx, &a, INT64_C(1767225600000));
    if (cert_parse(&cx, (struct bytes){ data, size }, &c) == ERR_OK)
        ask(&cx, c);
    if (crl_parse(&cx, (struct bytes){ data, size }, &l) == ERR_OK && c != NULL)
        (void)!crl_signed_by(&cx, l, c);
    cert_free(c);
    crl_free(l);
    arena_fini(&a);
    return 0;
}

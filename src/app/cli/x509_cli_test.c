/* x509_cli_test.c - files that hold no chain, or no key. EUPL-1.2. */
#include "base/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/cli/credential.h"
#include "crypto/x509/x509.h"

struct fix {
    struct test_ctx t;
    char cert[64], key[64];
    struct str root_pem, key_pem; /* a root alone: a chain of one */
};

static struct str
pem(struct ctx *cx, const char *label, struct bytes der)
{
    struct buf b;
    struct str out;

    buf_init(&b, cx->arena);
    pem_put(&b, label, der);
    assert_int_equal(buf_done(cx, &b, &out), ERR_OK);
    return out;
}

static int
setup(void **state)
{
    static const struct cert_attr name[] = { { S_INIT("CN"), S_INIT("Root") } };
    scoped(secret_fini) struct secret der = { 0 };
    scoped(key_drop) struct key *key = NULL;
    struct fix *f = calloc(1, sizeof(*f));
    struct x509_make what = { .kind = X509_MAKE_ROOT, .subject = name, .subject_count = 1 };
    struct bytes cert;

    test_ctx_init(&f->t);
    what.from_ms = f->t.cx.now_ms;
    what.to_ms = f->t.cx.now_ms + 86400000;
    assert_int_equal(key_generate(&f->t.cx, KEY_P256, &key), ERR_OK);
    assert_int_equal(x509_make(&f->t.cx, &what, key, NULL, key, &cert), ERR_OK);
    assert_int_equal(key_to_pkcs8(&f->t.cx, key, &der), ERR_OK);
    f->root_pem = pem(&f->t.cx, "CERTIFICATE", cert);
    f->key_pem = pem(&f->t.cx, "PRIVATE KEY", secret_peek(&der));
    strcpy(f->cert, "/tmp/x509-cli-XXXXXX");
    strcpy(f->key, "/tmp/x509-cli-XXXXXX");
    close(mkstemp(f->cert));
    close(mkstemp(f->key));
    *state = f;
    return 0;
}

static int
teardown(void **state)
{
    struct fix *f = *state;

    unlink(f->cert);
    unlink(f->key);
    test_ctx_fini(&f->t);
    free(f);
    return 0;
}

static void
spit(const char *path, struct str text)
{
    int fd = open(path, O_WRONLY | O_TRUNC);

    assert_int_equal(write(fd, text.p, text.n), (ssize_t)text.n);
    close(fd);
}

static void
refused(struct fix *f, struct str cert, struct str key, err_t code)
{
    struct str jwt = S("left over");

    spit(f->cert, cert);
    spit(f->key, key);
    refuse_clear(&f->t.cx);
    assert_int_equal(credential_x509(&f->t.cx, f->cert, f->key, S("did:web:a.nl"), 0, &jwt),
                     code);
    assert_null(jwt.p);
}

static void
a_file_that_holds_no_chain_is_refused(void **state)
{
    struct fix *f = *state;
    struct str both =
        arena_printf(f->t.cx.arena, "%.*s%.*s", STR(f->root_pem), STR(f->key_pem));
    struct str jwt;

    refused(f, S(""), f->key_pem, ERR_CERT);
    refused(f, S("no PEM here"), f->key_pem, ERR_CERT);
    refused(f, f->key_pem, f->key_pem, ERR_CERT);
    refused(f, both, f->key_pem, ERR_CERT); /* a key among certificates: a mistake */
    refused(f, S("-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n"), f->key_pem,
            ERR_BAD_REQUEST);
    refused(f, f->root_pem, f->key_pem, ERR_VC_X509); /* a root alone */
    assert_int_equal(
        credential_x509(&f->t.cx, "/nonexistent", f->key, S("did:web:a.nl"), 0, &jwt),
        ERR_NOT_FOUND);
}

static void
a_file_that_holds_no_key_is_refused(void **state)
{
    struct fix *f = *state;
    struct str jwt;

    refused(f, f->root_pem, S(""), ERR_KEY);
    refused(f, f->root_pem, f->root_pem, ERR_KEY);
    refused(f, f->root_pem,
            S("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n"
              "-----END ENCRYPTED PRIVATE KEY-----\n"),
            ERR_KEY);
    assert_true(str_search(f->t.cx.reason, S("is encrypted")) < f->t.cx.reason.n);
    refused(f, f->root_pem,
            S("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"), ERR_KEY);
    spit(f->cert, f->root_pem);
    assert_int_equal(
        credential_x509(&f->t.cx, f->cert, "/nonexistent", S("did:web:a.nl"), 0, &jwt),
        ERR_NOT_FOUND);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_file_that_holds_no_chain_is_refused, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_file_that_holds_no_key_is_refused, setup,
                                        teardown),
    };

    return cmocka_run_group_tests_name("x509_cli", tests, NULL, NULL);
}

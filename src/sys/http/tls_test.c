/* tls_test.c - TLS on the doors, with a signer that holds the key. EUPL-1.2. */
#include "sys/http/served.h"

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <stdatomic.h>

static struct served s;
static char answer[64 * 1024];

/* --- a small authority --------------------------------------------------------- */

struct identity {
    EVP_PKEY *key;
    X509 *cert;
    char path[64];
};
static struct identity ca, other_ca, server_ec, server_384, server_rsa, client, stranger;

static void
add_extension(X509 *cert, int nid, const char *value)
{
    X509_EXTENSION *x = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

    X509_add_ext(cert, x, -1);
    X509_EXTENSION_free(x);
}

static void
make_identity(struct identity *who, const char *name, EVP_PKEY *key,
              const struct identity *issuer)
{
    static long serial;
    X509_NAME *subject;
    FILE *f;
    int fd;

    who->key = key;
    who->cert = X509_new();
    X509_set_version(who->cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(who->cert), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(who->cert), -3600);
    X509_gmtime_adj(X509_getm_notAfter(who->cert), 3600);
    X509_set_pubkey(who->cert, key);
    subject = X509_get_subject_name(who->cert);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1,
                               -1, 0);
    X509_set_issuer_name(who->cert, issuer ? X509_get_subject_name(issuer->cert) : subject);
    add_extension(who->cert, NID_basic_constraints,
                  issuer ? "CA:FALSE" : "critical,CA:TRUE");
    if (issuer != NULL)
        add_extension(who->cert, NID_subject_alt_name, "DNS:localhost");
    assert_true(X509_sign(who->cert, issuer ? issuer->key : key, EVP_sha256()) > 0);
    snprintf(who->path, sizeof(who->path), "/tmp/knoop-tls-XXXXXX");
    assert_true((fd = mkstemp(who->path)) >= 0);
    f = fdopen(fd, "w");
    PEM_write_X509(f, who->cert);
    fclose(f);
}

static void
drop_identity(struct identity *who)
{
    unlink(who->path);
    X509_free(who->cert);
    EVP_PKEY_free(who->key);
}

static int
make_identities(void **state)
{
    (void)state;
    make_identity(&ca, "authority", EVP_EC_gen("P-256"), NULL);
    make_identity(&other_ca, "other", EVP_EC_gen("P-256"), NULL);
    make_identity(&server_ec, "ec", EVP_EC_gen("P-256"), &ca);
    make_identity(&server_384, "ec384", EVP_EC_gen("P-384"), &ca);
    make_identity(&server_rsa, "rsa", EVP_RSA_gen(2048), &ca);
    make_identity(&client, "client", EVP_EC_gen("P-256"), &ca);
    make_identity(&stranger, "stranger", EVP_EC_gen("P-256"), &other_ca);
    return 0;
}

static int
drop_identities(void **state)
{
    struct identity *all[] = { &ca,         &other_ca, &server_ec, &server_384,
                               &server_rsa, &client,   &stranger };

    (void)state;
    for (size_t i = 0; i < COUNT(all); i++)
        drop_identity(all[i]);
    return 0;
}

/* --- the signer ---------------------------------------------------------------- */

enum { HELD_MS = 20000 }; /* at most: what waits for it fails before */
static atomic_int signatures, signing, sign_held, sign_ms, sign_refuses, last_alg;
static EVP_PKEY *signer_key;
static _Atomic uint64_t last_tbs_n;

static err_t
local_sign(void *arg, struct str key_id, enum tls_sig_alg alg, struct bytes tbs,
           uint8_t *sig, size_t *n)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *p;
    const EVP_MD *md = alg == TLS_ECDSA_P384_SHA384 || alg == TLS_RSA_PSS_SHA384
                           ? EVP_sha384()
                           : EVP_sha256();
    bool pss = alg >= TLS_RSA_PSS_SHA256 && alg <= TLS_RSA_PSS_SHA512, ok;

    (void)arg;
    assert_true(str_eq(key_id, S("door")));
    atomic_fetch_add(&signing, 1);
    for (int ms = 0; atomic_load(&sign_held) && ms < HELD_MS; ms++)
        usleep(1000);
    if (atomic_load(&sign_ms) > 0)
        usleep((useconds_t)atomic_load(&sign_ms) * 1000);
    atomic_fetch_add(&signatures, 1);
    atomic_store(&last_alg, (int)alg);
    atomic_store(&last_tbs_n, tbs.n);
    ok = !atomic_load(&sign_refuses) &&
         EVP_DigestSignInit(ctx, &p, md, NULL, signer_key) == 1 &&
         (!pss || (EVP_PKEY_CTX_set_rsa_padding(p, RSA_PKCS1_PSS_PADDING) == 1 &&
                   EVP_PKEY_CTX_set_rsa_pss_saltlen(p, RSA_PSS_SALTLEN_DIGEST) == 1)) &&
         EVP_DigestSign(ctx, sig, n, tbs.p, tbs.n) == 1;
    EVP_MD_CTX_free(ctx);
    return ok ? ERR_OK : ERR_FORBIDDEN;
}

static const struct tls_signer signer = { local_sign, NULL };

/* --- the server ---------------------------------------------------------------- */

static err_t
hello(struct req *rq)
{
    struct bytes cert = req_client_certificate(rq);
    struct json_out *js = reply_json(rq, 200);

    json_object(js);
    json_member_i64(js, "cert", (int64_t)cert.n);
    json_end(js);
    return reply_send(rq, js);
}

static err_t
big(struct req *rq)
{
    size_t n = 4u << 20;
    uint8_t *p = arena_alloc(rq->cx.arena, n);

    if (p == NULL)
        return refuse_memory(&rq->cx);
    memset(p, 'x', n);
    return reply_bytes(rq, 200, "application/octet-stream", (struct bytes){ p, n });
}

static const struct http_route rows[] = {
    { .op = "hello",
      .doc = "Tests.",
      .door = HTTP_DOOR_PUBLIC,
      .method = HTTP_GET,
      .path = "/hello",
      .auth = HTTP_AUTH_ANYONE,
      .run = HTTP_RUN_LOOP,
      .rate = RATE_READ,
      .errors = HTTP_ERRORS_PROBLEM,
      .audit = AUDIT_NOT_NEEDED,
      .fn = hello },
    { .op = "big",
      .doc = "Tests.",
      .door = HTTP_DOOR_PUBLIC,
      .method = HTTP_GET,
      .path = "/big",
      .auth = HTTP_AUTH_ANYONE,
      .run = HTTP_RUN_POOL,
      .rate = RATE_READ,
      .errors = HTTP_ERRORS_PROBLEM,
      .audit = AUDIT_NOT_NEEDED,
      .fn = big },
    { 0 },
};
static const struct http_route *const tables[] = { rows };

static void
prepare(const struct identity *who, const char *mode)
{
    served_init(&s, tables, NULL);
    s.setup.tls_signer = &signer;
    s.conf->http_public_tls = str_of(mode);
    s.conf->tls_certificate = str_of(who->path);
    s.conf->tls_key_id = S("door");
    s.conf->tls_trust = str_of(ca.path);
    signer_key = who->key;
    signatures = signing = sign_held = sign_ms = sign_refuses = last_alg = 0;
}

/* --- a client ------------------------------------------------------------------ */

struct caller {
    SSL_CTX *ctx;
    SSL *ssl;
    int fd;
};

static bool
call_with(struct caller *c, const struct identity *as, int most, const char *alpn)
{
    c->ctx = SSL_CTX_new(TLS_client_method());
    X509_STORE_add_cert(SSL_CTX_get_cert_store(c->ctx), ca.cert);
    SSL_CTX_set_verify(c->ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_security_level(c->ctx, 0);
    SSL_CTX_set_min_proto_version(c->ctx, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(c->ctx, most);
    if (as != NULL) {
        SSL_CTX_use_certificate(c->ctx, as->cert);
        SSL_CTX_use_PrivateKey(c->ctx, as->key);
    }
    if (alpn != NULL)
        SSL_CTX_set_alpn_protos(c->ctx, (const unsigned char *)alpn,
                                (unsigned)strlen(alpn));
    c->ssl = SSL_new(c->ctx);
    SSL_set1_host(c->ssl, "localhost");
    c->fd = dial(s.public_port);
    SSL_set_fd(c->ssl, c->fd);
    return SSL_connect(c->ssl) == 1;
}

static bool
call(struct caller *c)
{
    return call_with(c, NULL, TLS1_3_VERSION, NULL);
}

static void
hang_up(struct caller *c)
{
    SSL_free(c->ssl);
    SSL_CTX_free(c->ctx);
    close(c->fd);
}

static size_t
ask(struct caller *c, const char *text, size_t want)
{
    size_t n = 0;
    int r;

    if (SSL_write(c->ssl, text, (int)strlen(text)) <= 0)
        return 0;
    while (n < want && (r = SSL_read(c->ssl, answer, sizeof(answer) - 1)) > 0) {
        answer[r] = '\0';
        n += (size_t)r;
    }
    return n;
}

#define HELLO "GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n"

static bool
says_hello(struct caller *c)
{
    answer[0] = '\0';
    return ask(c, HELLO, 1) > 0 && strstr(answer, "HTTP/1.1 200") != NULL;
}

/* --- tests --------------------------------------------------------------------- */

static void
not_opened(err_t expected)
{
    assert_int_equal(http_open(&s.t.cx, &s.setup, &s.http), expected);
    loop_close(s.loop);
    conf_give(s.conf);
    test_ctx_fini(&s.t);
}

static void
doors_that_do_not_open(void **state)
{
    (void)state;
    prepare(&server_ec, "server");
    signer_key = client.key; /* not the certificate's */
    not_opened(ERR_CERT);
    prepare(&server_rsa, "server");
    signer_key = server_ec.key;
    not_opened(ERR_FORBIDDEN); /* it cannot even sign so */
    prepare(&server_ec, "server");
    sign_refuses = 1;
    not_opened(ERR_FORBIDDEN);
    prepare(&server_ec, "server");
    s.setup.tls_signer = NULL;
    not_opened(ERR_UNAVAILABLE);
    prepare(&server_ec, "server");
    s.conf->tls_certificate = S("/nowhere");
    not_opened(ERR_NOT_FOUND);
    prepare(&server_ec, "server");
    s.conf->tls_certificate = S("");
    not_opened(ERR_BAD_REQUEST);
    prepare(&server_ec, "server");
    s.conf->tls_certificate = S("/etc/passwd");
    not_opened(ERR_CERT);
    prepare(&server_ec, "mutual");
    s.conf->tls_trust = S("/etc/passwd");
    not_opened(ERR_CERT);
}

static void
each_kind_of_key_signs(void **state)
{
    static const struct {
        const struct identity *who;
        int version, alg;
        size_t tbs;
    } rows_[] = {
        { &server_ec, TLS1_3_VERSION, TLS_ECDSA_P256_SHA256, 64 + 34 + 48 },
        { &server_ec, TLS1_2_VERSION, TLS_ECDSA_P256_SHA256, 64 + 4 + 32 },
        { &server_384, TLS1_3_VERSION, TLS_ECDSA_P384_SHA384, 64 + 34 + 48 },
        { &server_rsa, TLS1_3_VERSION, TLS_RSA_PSS_SHA256, 64 + 34 + 48 },
        { &server_rsa, TLS1_2_VERSION, TLS_RSA_PSS_SHA256, 64 + 4 + 32 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows_); i++) {
        struct caller c;

        prepare(rows_[i].who, "server");
        served_start(&s);
        assert_true(call_with(&c, NULL, rows_[i].version, NULL));
        assert_int_equal(SSL_version(c.ssl), rows_[i].version);
        assert_true(says_hello(&c));
        assert_true(says_hello(&c));
        assert_int_equal(last_alg, rows_[i].alg);
        assert_int_equal(last_tbs_n, rows_[i].tbs);
        assert_int_equal(signatures, 2); /* one to prove itself at start */
        hang_up(&c);
        served_stop(&s);
    }
}

static void
old_versions_and_other_protocols_are_refused(void **state)
{
    struct caller c;

    (void)state;
    prepare(&server_ec, "server");
    served_start(&s);
    assert_false(call_with(&c, NULL, TLS1_1_VERSION, NULL));
    hang_up(&c);
    assert_false(call_with(&c, NULL, TLS1_3_VERSION, "\x02h2"));
    hang_up(&c);
    assert_true(call_with(&c, NULL, TLS1_3_VERSION, "\x02h2\x08http/1.1"));
    hang_up(&c);
    served_stop(&s);
    prepare(&server_ec, "server");
    s.conf->tls_least = S("1.3");
    served_start(&s);
    assert_false(call_with(&c, NULL, TLS1_2_VERSION, NULL));
    hang_up(&c);
    assert_int_equal(http_stats(s.http)->handshakes, 0);
    served_stop(&s);
}

static void
clear_text_is_no_tls(void **state)
{
    int fd;

    (void)state;
    prepare(&server_ec, "server");
    served_start(&s);
    fd = dial(s.public_port);
    say(fd, HELLO, sizeof(HELLO) - 1);
    hear(fd, answer, sizeof(answer), SIZE_MAX, 1000);
    assert_null(strstr(answer, "HTTP"));
    close(fd);
    served_stop(&s);
}

static void
client_certificates(void **state)
{
    struct caller c;

    (void)state;
    prepare(&server_ec, "mutual");
    served_start(&s);
    if (call(&c)) /* in 1.3 the refusal comes with the first answer */
        assert_false(says_hello(&c));
    hang_up(&c);
    if (call_with(&c, &stranger, TLS1_3_VERSION, NULL))
        assert_false(says_hello(&c));
    hang_up(&c);
    assert_false(call_with(&c, NULL, TLS1_2_VERSION, NULL));
    hang_up(&c);
    assert_true(call_with(&c, &client, TLS1_3_VERSION, NULL));
    assert_true(says_hello(&c));
    assert_null(strstr(answer, "\"cert\":0"));
    hang_up(&c);
    served_stop(&s);

    prepare(&server_ec, "asked");
    served_start(&s);
    assert_true(call(&c));
    assert_true(says_hello(&c));
    assert_non_null(strstr(answer, "\"cert\":0"));
    hang_up(&c);
    if (call_with(&c, &stranger, TLS1_3_VERSION, NULL))
        assert_false(says_hello(&c));
    hang_up(&c);
    served_stop(&s);
}

static void *
slow_caller(void *arg)
{
    struct caller *c = arg;

    return call(c) && ask(c, HELLO, 1) > 0 ? c : NULL;
}

/* The signer takes its time; the loop does not wait with it. */
static void
a_slow_signer_delays_nobody_else(void **state)
{
    struct caller quick, slow[4];
    pthread_t thread[4];
    int before;

    (void)state;
    prepare(&server_ec, "server");
    served_start(&s);
    assert_true(call(&quick));
    before = signatures;
    sign_held = 1;
    for (int i = 0; i < 4; i++)
        pthread_create(&thread[i], NULL, slow_caller, &slow[i]);
    for (int ms = 0; signing == before && ms < 10000; ms++)
        usleep(1000);
    assert_true(signing > before);
    for (int i = 0; i < 100; i++)
        assert_true(says_hello(&quick));
    assert_int_equal(signatures, before); /* all that time the signer was at work */
    sign_held = 0;
    for (int i = 0; i < 4; i++) {
        void *done;

        pthread_join(thread[i], &done);
        assert_non_null(done);
        hang_up(&slow[i]);
    }
    hang_up(&quick);
    served_stop(&s);
}

static void
a_signer_that_refuses_ends_one_handshake(void **state)
{
    struct caller c;

    (void)state;
    prepare(&server_ec, "server");
    served_start(&s);
    sign_refuses = 1;
    assert_false(call(&c));
    hang_up(&c);
    sign_refuses = 0;
    assert_true(call(&c));
    assert_true(says_hello(&c));
    hang_up(&c);
    assert_int_equal(http_stats(s.http)->handshakes_failed, 1);
    served_stop(&s);
}

/* Their signature comes back to nobody. */
static void
clients_that_go_while_the_signer_works(void **state)
{
    struct caller c;

    (void)state;
    prepare(&server_ec, "server");
    served_start(&s);
    sign_ms = 100;
    for (int i = 0; i < 8; i++) {
        SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
        SSL *ssl = SSL_new(ctx);
        int fd = dial(s.public_port);

        SSL_set_fd(ssl, fd);
        SSL_set_connect_state(ssl);
        os_nonblock(&s.t.cx, fd) == ERR_OK ? (void)SSL_do_handshake(ssl) : fail();
        usleep(20000);
        close(fd);
        SSL_free(ssl);
        SSL_CTX_free(ctx);
    }
    for (int i = 0; i < 200 && http_stats(s.http)->connections_now > 0; i++)
        usleep(10000);
    assert_int_equal(http_stats(s.http)->connections_now, 0);
    sign_ms = 0;
    assert_true(call(&c));
    hang_up(&c);
    served_stop(&s);
}

static void
a_handshake_has_an_absolute_deadline(void **state)
{
    int64_t from;
    int fd;

    (void)state;
    prepare(&server_ec, "server");
    s.conf->http_time_handshake = 200;
    served_start(&s);
    fd = dial(s.public_port);
    from = os_tick_ms();
    say(fd, "\x16\x03\x01\x02\x00", 5);
    while (os_tick_ms() - from < 400) {
        say(fd, "\x01", 1);
        usleep(20000);
    }
    assert_true(is_closed(fd, 100));
    assert_int_equal(http_stats(s.http)->timeouts, 1);
    close(fd);
    served_stop(&s);
}

static void
large_answers_and_pipelining(void **state)
{
    struct caller c;

    (void)state;
    prepare(&server_ec, "server");
    served_start(&s);
    assert_true(call(&c));
    assert_true(ask(&c, "GET /big HTTP/1.1\r\nHost: a\r\n\r\n", 4u << 20) > 4u << 20);
    assert_true(ask(&c,
                    HELLO HELLO HELLO
                    "GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
                    SIZE_MAX) > 4 * 100);
    hang_up(&c);
    served_stop(&s);
}

struct reload {
    struct loop_task task;
    struct conf *conf;
    atomic_int result;
};

static void
do_reload(struct loop_task *task)
{
    struct reload *r = container_of(task, struct reload, task);
    struct test_ctx t;

    test_ctx_init(&t);
    atomic_store(&r->result, (int)http_reload(&t.cx, s.http, r->conf));
    test_ctx_fini(&t);
}

static int
reload(struct conf *conf)
{
    struct reload r = { .task.fn = do_reload, .conf = conf, .result = -1 };

    loop_post(s.loop, &r.task);
    while (atomic_load(&r.result) == -1)
        usleep(1000);
    return atomic_load(&r.result);
}

/* RFC 9112 9.6, within TLS too. */
static void
who_still_sends_reads_the_refusal(void **state)
{
    static const char head[] =
        "GET /hello HTTP/1.1\r\nHost: localhost\r\nContent-Length: 300000\r\n\r\n";
    static const char x[3000];
    struct caller c;
    int n = 0;

    (void)state;
    prepare(&server_ec, "server");
    served_start(&s);
    assert_true(call(&c));
    assert_int_equal(SSL_write(c.ssl, head, sizeof(head) - 1), sizeof(head) - 1);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(SSL_write(c.ssl, x, sizeof(x)), sizeof(x));
        usleep(2000);
    }
    n = SSL_read(c.ssl, answer, sizeof(answer) - 1);
    assert_true(n > 0);
    answer[n] = '\0';
    assert_non_null(strstr(answer, "HTTP/1.1 413"));
    while ((n = SSL_read(c.ssl, answer, sizeof(answer))) > 0)
        ;
    assert_int_equal(SSL_get_error(c.ssl, n), SSL_ERROR_ZERO_RETURN); /* an end, said */
    hang_up(&c);
    served_stop(&s);
}

static void
a_new_certificate_without_a_restart(void **state)
{
    struct caller old, new;
    struct conf *conf;
    X509 *seen;

    (void)state;
    prepare(&server_ec, "server");
    served_start(&s);
    assert_true(call(&old));
    assert_int_equal(conf_default(&s.t.cx, &conf), ERR_OK);
    conf->http_public_tls = S("server");
    conf->tls_key_id = S("door");
    conf->tls_certificate = S("/nowhere"); /* a mistake: the old stays */
    assert_int_equal(reload(conf), ERR_NOT_FOUND);
    assert_true(says_hello(&old));
    conf->tls_certificate = str_of(server_rsa.path);
    signer_key = server_rsa.key;
    assert_int_equal(reload(conf), ERR_OK);
    conf_give(conf);
    assert_true(says_hello(&old));
    assert_true(call(&new));
    seen = SSL_get1_peer_certificate(new.ssl);
    assert_int_equal(X509_cmp(seen, server_rsa.cert), 0);
    X509_free(seen);
    hang_up(&old);
    hang_up(&new);
    served_stop(&s);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(doors_that_do_not_open),
        cmocka_unit_test(each_kind_of_key_signs),
        cmocka_unit_test(old_versions_and_other_protocols_are_refused),
        cmocka_unit_test(clear_text_is_no_tls),
        cmocka_unit_test(client_certificates),
        cmocka_unit_test(a_slow_signer_delays_nobody_else),
        cmocka_unit_test(a_signer_that_refuses_ends_one_handshake),
        cmocka_unit_test(clients_that_go_while_the_signer_works),
        cmocka_unit_test(a_handshake_has_an_absolute_deadline),
        cmocka_unit_test(large_answers_and_pipelining),
        cmocka_unit_test(who_still_sends_reads_the_refusal),
        cmocka_unit_test(a_new_certificate_without_a_restart),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, make_identities, drop_identities);
}

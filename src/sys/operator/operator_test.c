/*
 * operator_test.c - keys as ssh-keygen made them, and every rule of nuts-node.md 4.8.
 * EUPL-1.2.
 */
#include "base/test.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "crypto/jose/jose.h"
#include "sys/conf/conf.h"
#include "sys/operator/operator.h"

/* --- keys --------------------------------------------------------------------------- */

/* Made by ssh-keygen; the fingerprint is what ssh-keygen -l shows. */
static const struct {
    enum key_type type;
    const char *line, *print;
} made[] = {
    { KEY_ED25519,
      "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGVe/eIhzCUykm0CPsr60KbCID12AF7bCp"
      "bIAwEN3zez",
      "SHA256:8sODItMTEcWqI3evcKE1ynZcQfhXTjfo0tkMl/KIS1Q" },
    { KEY_P256,
      "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAA"
      "BBBPPo6xwd/Gp1MBeGXKSD+dGbjBpLUPmaRXDaV3TAjdAf3Re2kwBpGS42bBJvMVPFYGxs"
      "7ySNxrKQf3sckCyCXPY=",
      "SHA256:8InffTuw7pTMzgB+mP7V40uz5dVR63hT4U92JbPQK9A" },
    { KEY_P384,
      "ecdsa-sha2-nistp384 AAAAE2VjZHNhLXNoYTItbmlzdHAzODQAAAAIbmlzdHAzODQAAA"
      "BhBKMma0XWMg2rzYd5MUGska6WQBiapSEtJ/Fp54MQ4ukFhWlMmbqt/6u3+GC4yNgy6Tcm"
      "aRUe4as3G0FUMD+i1V8esMrwvqW4AMrFiP+BsKBobILEChDMM04NmrRRcKhJhA==",
      "SHA256:tVg/6Yz7vQ1w3g4+1LcV35I58rhcT6taGH0xfKccV78" },
    { KEY_P521,
      "ecdsa-sha2-nistp521 AAAAE2VjZHNhLXNoYTItbmlzdHA1MjEAAAAIbmlzdHA1MjEAAA"
      "CFBAAGte9NuNkHlMDW0otql6hoaJ2dOyc6lzE546BdIrNmOCevMXIhBiAU7Q+cOHVp6Kjz"
      "X/L4+A+IVTZ5j7NuXzzdJAHo6ghhM/fC+IdlTv8E65cXN5JjjwcxheQUnnBawsf7goGQhY"
      "0/JEgVkv8zXubi/7YlkK/APlqQCDTgSCQWbbXGRA==",
      "SHA256:4qPD+7+oFotINzdG2PfBGzY3izYbQipaUvB0WVsKiEk" },
    { KEY_RSA,
      "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQCkLmpZI2a/1d61dknyNwVwaC2ZzAU8Bz"
      "wAoU+FcQgHLlM8Td+6oTlYnZK6o1Y7TuW1jKWABnvYEVzmjPBMzOL0xf3BsurX2BfqOXPE"
      "h1M0eVG8Wk4SdEm40EJcUHevp8Zzs+0sMxDeyio37GEbzzLYEUiX7Ho+icp/rYEOc4sgzb"
      "rz4OhAs4MEa/0rsGJ/Krxj5nl31736Jd5pKnFZhIsUgglSFRpve0oDWzIp+JRO3h1Tf2Lu"
      "P0CTkuGBKLvadAylzjp0uGnvU5rp3PkhfA/4Ksyr+pmvAzXdcooUaU4CPrhtDpcRsSFdOA"
      "ptsU59TqGWLUi/MjfcZ5MTDwre2eDz",
      "SHA256:diPuiwAPXF0LbQ2dGSlKL3Og1YpduRwzhkVM37A202Y" },
};
static const char weak[] =
    "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQDUQG83lwqMlEHUtalgMSjekArDrKx1NE"
    "hIaBnrjbyePY+fheGX5+P+mtodGdECcUC4qQoF2opOde2HfoHpf2j9KKle33A1ZsWEk7GB"
    "WNV8wyXf4jTXzPQTzSx1t66jYJrQw/uiqhS0UPLhsVj3unxRdES9TGf3k/1cu4SlQ7dLWQ"
    "==";

static void
keys_are_read_as_ssh_keygen_writes_them(void **state)
{
    struct test_ctx t;

    (void)state;
    test_ctx_init(&t);
    for (size_t i = 0; i < COUNT(made); i++) {
        struct operator_keys keys;
        struct str text = arena_printf(
            &t.arena,
            "# a comment\n\n%s alice@hospital\r\n  restrict,command=\"a \\\"b c\" "
            "%s  bob of the clinic \n%s\n",
            made[i].line, made[i].line, made[i].line);

        if (operator_keys_parse(&t.cx, text, &keys) != ERR_OK)
            fail_msg("%zu: %.*s", i, STR(t.cx.reason));
        assert_int_equal(keys.count, 2); /* the third is nobody's */
        assert_true(str_is(keys.at[0].name, "alice@hospital"));
        assert_true(str_is(keys.at[1].name, "bob of the clinic"));
        assert_int_equal(key_type(keys.at[0].jwk.key), made[i].type);
        assert_true(str_is(keys.at[0].fingerprint, made[i].print));
        assert_int_equal(keys.at[0].jwk.thumbprint.n, 43);
        operator_keys_fini(&keys);
    }
    test_ctx_fini(&t);
}

static void
a_malformed_line_refuses_the_file(void **state)
{
    char shorter[512], other[512], longer[512], longer_rsa[512];
    const char *wrong[] = { "alice",
                            "ssh-dss AAAAB3NzaC1kc3M= alice",
                            "ssh-ed25519 !!!! alice",
                            "ssh-ed25519 AAAA alice",
                            weak,
                            shorter,
                            other,
                            longer,
                            "ssh-ed25519",
                            longer_rsa };
    struct operator_keys keys;
    struct test_ctx t;

    (void)state;
    test_ctx_init(&t);
    /* a field cut short; of another kind than the line says; and bytes behind the last */
    snprintf(shorter, sizeof(shorter), "%.*s", (int)strlen(made[0].line) - 4, made[0].line);
    snprintf(other, sizeof(other), "ssh-ed25519%s", strchr(made[1].line, ' '));
    snprintf(longer, sizeof(longer), "%sAAAA", made[0].line);
    snprintf(longer_rsa, sizeof(longer_rsa), "%sAAAA", made[4].line);
    for (size_t i = 0; i < COUNT(wrong); i++) {
        struct str text =
            arena_printf(&t.arena, "%s good\n%s alice\n", made[0].line, wrong[i]);

        if (operator_keys_parse(&t.cx, text, &keys) != ERR_CONF)
            fail_msg("'%s' was taken", wrong[i]);
        assert_int_equal(keys.count, 0);
        assert_true(str_starts(t.cx.reason, S("line 2: ")));
    }
    test_ctx_fini(&t);
}

static void
our_own_line_is_read_again(void **state)
{
    scoped(key_drop) struct key *key = NULL, *rsa = NULL;
    struct operator_keys keys;
    struct str line, print;
    struct test_ctx t;

    (void)state;
    test_ctx_init(&t);
    assert_int_equal(key_generate(&t.cx, KEY_P256, &key), ERR_OK);
    assert_int_equal(operator_key_line(&t.cx, key, S("alice"), &line), ERR_OK);
    assert_int_equal(operator_keys_parse(&t.cx, line, &keys), ERR_OK);
    assert_int_equal(jwk_thumbprint(&t.cx, key, &print), ERR_OK);
    assert_true(str_eq(keys.at[0].jwk.thumbprint, print));
    operator_keys_fini(&keys);
    assert_int_equal(key_generate(&t.cx, KEY_ED25519, &rsa), ERR_OK);
    assert_int_equal(operator_key_line(&t.cx, rsa, S("alice"), &line), ERR_KEY);
    test_ctx_fini(&t);
}

/* --- tokens ------------------------------------------------------------------------- */

struct fix {
    struct test_ctx t;
    struct key *key, *other;
    struct operator_keys keys;
    struct str line, kid;
};
#define CX (&f->t.cx)

static int
setup(void **state)
{
    struct fix *f = calloc(1, sizeof(*f));

    test_ctx_init(&f->t);
    assert_int_equal(key_generate(CX, KEY_P256, &f->key), ERR_OK);
    assert_int_equal(key_generate(CX, KEY_P256, &f->other), ERR_OK);
    assert_int_equal(operator_key_line(CX, f->key, S("ehr@load"), &f->line), ERR_OK);
    assert_int_equal(operator_keys_parse(CX, f->line, &f->keys), ERR_OK);
    f->kid = f->keys.at[0].jwk.thumbprint;
    *state = f;
    return 0;
}

static int
teardown(void **state)
{
    struct fix *f = *state;

    operator_keys_fini(&f->keys);
    key_free(f->key);
    key_free(f->other);
    test_ctx_fini(&f->t);
    free(f);
    return 0;
}

/* Now is 1767225600 (test_ctx_init). */
#define JTI  "\"jti\":\"d44f74fe-f48a-4d19-a5d8-626e102bddfd\""
#define WHO  "\"iss\":\"ehr@load\",\"sub\":\"alice\",\"aud\":\"knoop\"," JTI
#define TIME ",\"iat\":1767225600,\"nbf\":1767225600,\"exp\":1767229200"

/* `more`: members of the header behind alg and kid. */
static struct str
token(struct fix *f, const char *more, const char *claims)
{
    struct str header = arena_printf(&f->t.arena, "{\"alg\":\"ES256\",\"kid\":\"%.*s\"%s}",
                                     STR(f->kid), more);
    struct str text = arena_printf(&f->t.arena, "{%s}", claims), out;

    assert_int_equal(jws_sign(CX, f->key, header, bytes_of(text), &out), ERR_OK);
    return out;
}

static err_t
prove(struct fix *f, struct str jwt)
{
    struct str user = S("left over");
    err_t e = operator_prove(CX, &f->keys, S("knoop"), jwt, &user);

    assert_true(e == ERR_OK ? str_is(user, "alice") : user.p == NULL);
    return e;
}

static void
every_rule_refuses(void **state)
{
    static const char *const wrong[] = {
        "\"iss\":\"ehr@load\",\"sub\":\"alice\",\"aud\":\"x\"," JTI TIME,
        "\"iss\":\"ehr@load\",\"sub\":\"alice\"," JTI TIME,
        "\"iss\":\"ehr@load\",\"sub\":\"alice\",\"aud\":\"knoop\"" TIME,
        "\"iss\":\"ehr@load\",\"sub\":\"alice\",\"aud\":\"knoop\",\"jti\":\"x\"" TIME,
        "\"iss\":\"x\",\"sub\":\"alice\",\"aud\":\"knoop\"," JTI TIME,
        "\"sub\":\"alice\",\"aud\":\"knoop\"," JTI TIME,
        "\"iss\":\"ehr@load\",\"aud\":\"knoop\"," JTI TIME,
        "\"iss\":\"ehr@load\",\"sub\":\"\",\"aud\":\"knoop\"," JTI TIME,
        WHO,
        WHO ",\"nbf\":1767225600,\"exp\":1767229200",
        WHO ",\"iat\":1767225600,\"exp\":1767229200",
        WHO ",\"iat\":1767225600,\"nbf\":1767225600",
        WHO ",\"iat\":\"1767225600\",\"nbf\":1767225600,\"exp\":1767229200",
        WHO ",\"iat\":1767225600,\"nbf\":1767225600,\"exp\":1767315600", /* 25 h */
        WHO ",\"iat\":1767225000,\"nbf\":1767225600,\"exp\":1767313500", /* of iat */
        WHO ",\"iat\":1767225601,\"nbf\":1767225600,\"exp\":1767229200",
        WHO ",\"iat\":1767225600,\"nbf\":1767225603,\"exp\":1767229200",
        WHO ",\"iat\":1767225000,\"nbf\":1767225000,\"exp\":1767225600", /* at exp */
    };
    struct fix *f = *state;

    assert_int_equal(prove(f, token(f, "", WHO TIME)), ERR_OK);
    for (size_t i = 0; i < COUNT(wrong); i++)
        if (prove(f, token(f, "", wrong[i])) != ERR_UNAUTHORIZED)
            fail_msg("{%s} was taken", wrong[i]);
}

static void
the_key_is_one_of_the_file_and_no_other(void **state)
{
    static const char *const brought[] = { ",\"jwk\":{}", ",\"jku\":\"https://a.nl\"",
                                           ",\"x5c\":[]", ",\"x5u\":\"https://a.nl\"" };
    struct fix *f = *state;
    struct operator_keys nobody = { 0 };
    struct str jwt = token(f, "", WHO TIME), user, thumbprint = f->kid;
    struct key *mine = f->key;

    for (size_t i = 0; i < COUNT(brought); i++)
        assert_int_equal(prove(f, token(f, brought[i], WHO TIME)), ERR_UNAUTHORIZED);
    f->kid = S("x");
    assert_int_equal(prove(f, token(f, "", WHO TIME)), ERR_UNAUTHORIZED);
    f->kid = S("");
    assert_int_equal(prove(f, token(f, "", WHO TIME)), ERR_UNAUTHORIZED);
    f->kid = f->keys.at[0].fingerprint; /* the other name of the same key */
    assert_int_equal(prove(f, token(f, "", WHO TIME)), ERR_OK);
    f->kid = thumbprint;
    f->key = f->other; /* signed with another */
    assert_int_equal(prove(f, token(f, "", WHO TIME)), ERR_UNAUTHORIZED);
    f->key = mine;
    assert_int_equal(operator_prove(CX, &nobody, S("knoop"), jwt, &user), ERR_UNAUTHORIZED);
    assert_int_equal(operator_prove(CX, &f->keys, S(""), jwt, &user), ERR_UNAUTHORIZED);
}

static void
the_form_is_a_compact_jwt(void **state)
{
    struct fix *f = *state;
    struct str good = token(f, "", WHO TIME), long_one;
    char *more = arena_alloc(&f->t.arena, 5000);

    assert_non_null(more);
    memset(more, 'x', 4999);
    long_one = arena_printf(&f->t.arena, ",\"x\":\"%s\"", more);
    assert_int_equal(prove(f, token(f, long_one.p, WHO TIME)), ERR_UNAUTHORIZED);
    assert_int_equal(prove(f, S("")), ERR_UNAUTHORIZED);
    assert_int_equal(prove(f, S("a.b.c")), ERR_UNAUTHORIZED);
    assert_int_equal(prove(f, str_sub(good, 0, good.n - 2)), ERR_UNAUTHORIZED);
    assert_int_equal(prove(f, str_sub(good, 0, good.n - 87)), ERR_UNAUTHORIZED);
    assert_int_equal(prove(f, token(f, "", WHO TIME ",\"aud\":\"knoop\"")),
                     ERR_UNAUTHORIZED); /* a member twice */
}

static void
what_we_make_is_taken(void **state)
{
    struct fix *f = *state;
    struct str jwt;

    assert_int_equal(
        operator_token(CX, f->key, S("ehr@load"), S("alice"), S("knoop"), 3600000, &jwt),
        ERR_OK);
    assert_int_equal(prove(f, jwt), ERR_OK);
    CX->now_ms += 3600000 - 60000;
    assert_int_equal(prove(f, jwt), ERR_UNAUTHORIZED);
    assert_int_equal(operator_token(CX, f->key, S("a"), S("b"), S("c"), 88200001, &jwt),
                     ERR_BAD_REQUEST);
    assert_int_equal(operator_token(CX, f->key, S("a"), S("b"), S("c"), 60000, &jwt),
                     ERR_BAD_REQUEST);
}

/* --- the room ----------------------------------------------------------------------- */

static err_t
open_with(struct ctx *cx, const char *type, const char *path, void **state,
          struct conf **conf)
{
    char a[96], b[128], c[] = "http.internal.auth.audience=knoop";
    char *args[] = { a, b, c, NULL };

    snprintf(a, sizeof(a), "http.internal.auth.type=%s", type);
    snprintf(b, sizeof(b), "http.internal.auth.authorizedkeyspath=%s", path);
    assert_int_equal(conf_parse(cx, args, NULL, S(""), "t", conf), ERR_OK);
    cx->conf = *conf;
    return operator_room.open(cx, state);
}

static void
spit(const char *path, struct str text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_int_equal(fwrite(text.p, 1, text.n, file), text.n);
    assert_int_equal(fclose(file), 0);
}

/* The handler is the check itself: what it takes is answered, what not is refused. */
static err_t
answer(struct req *rq)
{
    err_t e = operator_check(rq);

    return e != ERR_OK ? e : reply_empty(rq, 204);
}

static const struct http_route routes[] = {
    {
        .op = "thing",
        .doc = "A thing.",
        .door = HTTP_DOOR_INTERNAL,
        .method = HTTP_GET,
        .path = "/internal/thing",
        .auth = HTTP_AUTH_OPERATOR,
        .run = HTTP_RUN_LOOP,
        .rate = RATE_READ,
        .errors = HTTP_ERRORS_PROBLEM,
        .audit = AUDIT_NOT_NEEDED,
        .fn = answer,
    },
    { 0 },
};

static int
status_of(struct ctx *cx, const char *scheme, struct str jwt, struct str *reply)
{
    static const struct http_route *tables[] = { routes };
    struct http_ask how = { .tables = tables,
                            .table_count = 1,
                            .door = HTTP_DOOR_INTERNAL };
    struct str text;

    text = arena_printf(cx->arena,
                        "GET /internal/thing HTTP/1.1\r\nHost: localhost\r\n"
                        "Authorization: %s%.*s\r\n\r\n",
                        scheme, STR(jwt));
    assert_int_equal(http_ask(cx, &how, text, reply), ERR_OK);
    return atoi(reply->p + 9);
}

static void
the_room_reads_its_file_and_reads_it_again(void **state)
{
    struct fix *f = *state;
    char path[] = "/tmp/operator-test-XXXXXX";
    struct sys sys = { 0 };
    struct conf *conf;
    struct str jwt = token(f, "", WHO TIME), reply;
    void *room;

    close(mkstemp(path));
    CX->sys = &sys;
    assert_int_equal(open_with(CX, "none", "", &room, &conf), ERR_OK);
    sys.state[ROOM_operator] = room; /* the door asks for no proof, so none is good */
    assert_int_equal(status_of(CX, "Bearer ", jwt, &reply), 401);
    operator_room.close(room);
    conf_give(conf);
    assert_int_equal(open_with(CX, "token_v2", "", &room, &conf), ERR_CONF);
    conf_give(conf);
    assert_int_equal(open_with(CX, "token_v2", "/nonexistent", &room, &conf),
                     ERR_NOT_FOUND);
    conf_give(conf);
    assert_int_equal(open_with(CX, "token_v2", path, &room, &conf), ERR_CONF); /* empty */
    conf_give(conf);

    spit(path, f->line);
    assert_int_equal(open_with(CX, "token_v2", path, &room, &conf), ERR_OK);
    sys.state[ROOM_operator] = room;
    assert_int_equal(status_of(CX, "Bearer ", jwt, &reply), 204);
    assert_int_equal(status_of(CX, "bearer ", jwt, &reply), 204);
    assert_int_equal(status_of(CX, "Basic ", jwt, &reply), 401);
    assert_int_equal(status_of(CX, "", S(""), &reply), 401);
    assert_true(str_ends(reply, S("\r\n\r\nUnauthorized"))); /* nuts-node.md 2.0 */

    spit(path, S("nonsense"));
    assert_int_equal(operator_room.reload(CX, room), ERR_CONF); /* the old keys stay */
    assert_int_equal(status_of(CX, "Bearer ", jwt, &reply), 204);
    assert_int_equal(operator_key_line(CX, f->other, S("other"), &f->line), ERR_OK);
    spit(path, f->line);
    assert_int_equal(operator_room.reload(CX, room), ERR_OK);
    assert_int_equal(status_of(CX, "Bearer ", jwt, &reply), 401);
    operator_room.close(room);
    conf_give(conf);
    unlink(path);
}

int
main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_read_as_ssh_keygen_writes_them),
        cmocka_unit_test(a_malformed_line_refuses_the_file),
        cmocka_unit_test(our_own_line_is_read_again),
        T(every_rule_refuses),
        T(the_key_is_one_of_the_file_and_no_other),
        T(the_form_is_a_compact_jwt),
        T(what_we_make_is_taken),
        T(the_room_reads_its_file_and_reads_it_again),
    };

    return cmocka_run_group_tests_name("operator", tests, NULL, NULL);
}

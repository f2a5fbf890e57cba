/*
 * signer_token_test.c - keys in a token (SoftHSM2), in a narrowed signer.
 * Skipped aloud where SoftHSM2 is not installed. EUPL-1.2.
 */
#include "base/test.h"
#include "sys/keys/signer_int.h"
#include "sys/os/dl.h"
#include "sys/os/sandbox.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <p11-kit/pkcs11.h>

#define OWNER "did:web:node.example.org:iam:een"
#define KID   OWNER "#0"

static struct test_ctx t;
static char home[64];
static const char *module;
static struct conf *conf;

static const char *
at(const char *name)
{
    struct str path = arena_printf(&t.arena, "%s/%s", home, name);

    assert_non_null(path.p);
    return path.p;
}

static const char *
find_module(void)
{
    static const char *const places[] = {
        "/usr/lib/softhsm/libsofthsm2.so",
        "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
        "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so"
    };

    for (size_t i = 0; i < COUNT(places); i++)
        if (access(places[i], R_OK) == 0)
            return places[i];
    return NULL;
}

static void
put(const char *name, const char *text)
{
    assert_int_equal(os_write_new(&t.cx, at(name), bytes_of(str_of(text)), 0600), ERR_OK);
}

static bool
absent(void)
{
    if (module != NULL && system("command -v softhsm2-util >/dev/null") == 0)
        return false;
    fprintf(stderr, "SKIPPED: SoftHSM2 is not installed\n");
    return true;
}

static void
hand(const char *name, const char *file)
{
    assert_int_equal(os_hand(&t.cx, name, open(at(file), O_RDONLY | O_CLOEXEC)), ERR_OK);
}

static int
setup(void **state)
{
    (void)state;
    umask(077);
    test_ctx_init(&t);
    module = find_module();
    strcpy(home, "/tmp/knoop-token-XXXXXX");
    assert_non_null(mkdtemp(home));
    if (absent())
        return 0;
    assert_int_equal(mkdir(at("keys"), 0700), 0);
    assert_int_equal(mkdir(at("tokens"), 0700), 0);
    put("pin", "482913\n");
    put("wrong", "111111\n");
    put("softhsm.conf",
        arena_printf(&t.arena, "directories.tokendir = %s\nlog.level = ERROR\n",
                     at("tokens"))
            .p);
    setenv("SOFTHSM2_CONF", at("softhsm.conf"), 1);
    assert_int_equal(
        system("softhsm2-util --init-token --free --label knoop --so-pin 918273 "
               "--pin 482913 >/dev/null"),
        0);
    assert_int_equal(keys_root_make(&t.cx, at("root")), ERR_OK);
    assert_int_equal(conf_default(&t.cx, &conf), ERR_OK);
    conf->keys_pkcs11_module = str_of(module);
    conf->keys_pkcs11_label = S("knoop");
    hand("keys.pkcs11.pin_file", "pin");
    return 0;
}

static int
teardown(void **state)
{
    char command[128];

    (void)state;
    conf_give(conf);
    snprintf(command, sizeof(command), "rm -rf '%s'", home);
    test_ctx_fini(&t);
    return system(command);
}

/* Each in a process of its own: a module is initialised once in a process. */
static int
apart(int (*fn)(void))
{
    pid_t pid = fork();
    int status;

    assert_true(pid >= 0);
    if (pid == 0)
        _exit(fn());
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int64_t
now(void)
{
    return os_now_ms();
}

static err_t
open_signer(struct signer **s)
{
    struct signer_setup setup_of = { at("keys"), open(at("root"), O_RDONLY | O_CLOEXEC),
                                     conf, now };

    return signer_open(&t.cx, &setup_of, s);
}

/* Signs with KID, and holds the signature against the public half. */
static bool
signs(struct signer *s)
{
    scoped(key_drop) struct key *key = NULL;
    struct bytes x, y, sig, text = bytes_of(S("a text"));
    struct key_parts parts = { 0 };
    struct kept *k;
    json *jwk;

    if (signer__key(&t.cx, s, S(KID), &k) != ERR_OK || k->key != NULL ||
        json_parse(&t.cx, str_of(k->jwk), JSON_STRICT, &jwk) != ERR_OK ||
        b64url_decode(&t.cx, json_get_text(jwk, "x"), &x) != ERR_OK ||
        b64url_decode(&t.cx, json_get_text(jwk, "y"), &y) != ERR_OK)
        return false;
    parts.x = x;
    parts.y = y;
    return key_import(&t.cx, KEY_P256, &parts, &key) == ERR_OK &&
           signer__sign(&t.cx, s, k, SIG_ES256, SIG_RAW, text, &sig) == ERR_OK &&
           key_verify(&t.cx, key, SIG_ES256, SIG_RAW, text, sig) == ERR_OK;
}

static int
make_narrowed(void)
{
    const struct sandbox_path paths[] = { { at("keys"), SANDBOX_READ | SANDBOX_WRITE },
                                          { at("tokens"), SANDBOX_READ | SANDBOX_WRITE } };
    struct signer *s;
    struct kept *k;

    if (!prim_start() || open_signer(&s) != ERR_OK ||
        sandbox_first(&t.cx, SANDBOX_SIGNER) != ERR_OK ||
        sandbox_second(&t.cx, SANDBOX_SIGNER, paths, COUNT(paths), false) != ERR_OK)
        return 1;
    if (signer__make(&t.cx, s, KEY_SUBJECT, S(OWNER), S(KID), &k) != ERR_OK)
        return 2;
    if (signer__make(&t.cx, s, KEY_SUBJECT, S(OWNER), S(KID), &k) != ERR_CONFLICT)
        return 3;
    return signs(s) ? 0 : 4;
}

static int
use_again(void)
{
    struct signer *s;
    struct kept *audit;

    if (open_signer(&s) != ERR_OK)
        return 1;
    if (!signs(s))
        return 2;
    /* the node's own keys stay files: they also decrypt */
    return signer__key(&t.cx, s, S(KEYS_AUDIT_KID), &audit) == ERR_OK && audit->key != NULL
               ? 0
               : 3;
}

static int
without_token(void)
{
    struct signer *s;
    struct kept *k;

    conf->keys_pkcs11_module = (struct str){ NULL, 0 };
    if (open_signer(&s) != ERR_OK)
        return 1;
    return signer__key(&t.cx, s, S(KID), &k) == ERR_UNAVAILABLE ? 0 : 2;
}

static int delete (void)
{
    struct signer *s;
    struct kept *k;

    if (open_signer(&s) != ERR_OK || signer__delete(&t.cx, s, S(KID)) != ERR_OK)
        return 1;
    return signer__key(&t.cx, s, S(KID), &k) == ERR_NOT_FOUND ? 0 : 2;
}

static int
wrong_pin(void)
{
    struct token *token;

    hand("keys.pkcs11.pin_file", "wrong");
    return token_open(&t.cx, conf, &token) == ERR_CONF && token == NULL ? 0 : 1;
}

static int
wrong_label(void)
{
    struct token *token;

    conf->keys_pkcs11_label = S("knoo");
    return token_open(&t.cx, conf, &token) == ERR_CONF ? 0 : 1;
}

static int
no_module(void)
{
    struct token *token;

    conf->keys_pkcs11_module = S("/nowhere/module.so");
    return token_open(&t.cx, conf, &token) == ERR_UNAVAILABLE ? 0 : 1;
}

/* The private half does not come out, whoever asks. */
static int
extract(void)
{
    struct {
        CK_C_GetFunctionList C_GetFunctionList;
    } m;
    const struct dl_name names[] = { { "C_GetFunctionList", 0 } };
    CK_FUNCTION_LIST *f;
    CK_SLOT_ID slots[8];
    CK_ULONG n = 8, found = 0;
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE object;
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_ATTRIBUTE like = { CKA_CLASS, &class, sizeof(class) };
    CK_BYTE pin[] = "482913", value[128];
    CK_ATTRIBUTE get = { CKA_VALUE, value, sizeof(value) };

    if (dl_load(&t.cx, module, names, 1, &m) != ERR_OK ||
        m.C_GetFunctionList(&f) != CKR_OK || f->C_Initialize(NULL) != CKR_OK ||
        f->C_GetSlotList(CK_TRUE, slots, &n) != CKR_OK ||
        f->C_OpenSession(slots[0], CKF_SERIAL_SESSION, NULL, NULL, &session) != CKR_OK ||
        f->C_Login(session, CKU_USER, pin, 6) != CKR_OK ||
        f->C_FindObjectsInit(session, &like, 1) != CKR_OK ||
        f->C_FindObjects(session, &object, 1, &found) != CKR_OK || found != 1)
        return 1;
    return f->C_GetAttributeValue(session, object, &get, 1) == CKR_ATTRIBUTE_SENSITIVE ? 0
                                                                                       : 2;
}

static void
a_life_in_the_token(void **state)
{
    (void)state;
    if (absent())
        skip();
    assert_int_equal(apart(make_narrowed), 0);
    assert_int_equal(apart(use_again), 0);
    assert_int_equal(apart(extract), 0);
    assert_int_equal(apart(without_token), 0);
    assert_int_equal(apart(delete), 0);
}

static void
what_does_not_fit(void **state)
{
    (void)state;
    if (absent())
        skip();
    assert_int_equal(apart(wrong_pin), 0);
    assert_int_equal(apart(wrong_label), 0);
    assert_int_equal(apart(no_module), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_life_in_the_token),
        cmocka_unit_test(what_does_not_fit),
    };

    return cmocka_run_group_tests_name("token", tests, setup, teardown);
}

/*
 * trail_test.c - the log asked through the door, over a log that an auditor wrote.
 * Missions 5 and 87. EUPL-1.2.
 */
#include "base/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/prim/prim.h"
#include "sys/audit/audit_log.h"
#include "sys/audit/auditor.h"
#include "sys/audit/merkle.h"
#include "sys/conf/conf.h"
#include "sys/trail/trail_int.h"

#define NUMBER "999990019"

struct fix {
    struct test_ctx t;
    struct sys sys;
    struct conf *conf;
    struct auditor_setup setup;
    char dir[64];
    int folder;
};
#define CX  (&((struct fix *)*state)->t.cx)
#define FIX ((struct fix *)*state)

static int64_t clock_ms;
static bool signer_away;
static struct key *key;

static int64_t
now(void)
{
    return clock_ms;
}

static err_t
sign(struct ctx *cx, void *state, struct str note, struct str *kid, struct bytes *signature)
{
    (void)state;
    if (signer_away)
        return refuse(cx, ERR_UNAVAILABLE, "", "away");
    *kid = S("audit-1");
    return key_sign(cx, key, SIG_ES256, SIG_RAW, bytes_of(note), signature);
}

/* --- a signer as good as any here --------------------------------------------------- */

static err_t
seal(struct ctx *cx, struct str number, struct str *sealed, struct str *mac)
{
    (void)cx;
    *sealed = str_is(number, NUMBER) ? S("jwe-of-1") : S("jwe-of-2");
    *mac = str_is(number, NUMBER) ? S("mac-of-1") : S("mac-of-2");
    return ERR_OK;
}

static err_t
open_it(struct ctx *cx, struct str sealed, struct str *number)
{
    *number = S(NUMBER);
    return str_is(sealed, "jwe-of-1") ? ERR_OK
                                      : refuse(cx, ERR_DECRYPT, "", "not sealed here");
}

static err_t
public_key(struct ctx *cx, struct str kid, struct str *jwk)
{
    (void)cx;
    assert_true(str_is(kid, "audit-1"));
    *jwk = S("{\"kty\":\"EC\"}");
    return ERR_OK;
}

static struct trail_state fakes = { seal, open_it, public_key };

/* --- a log of 12 events: 9 of patient 1, 3 of patient 2 ----------------------------- */

static struct audit_record
a_read(int i)
{
    return (struct audit_record){
        .event = i % 2 ? AUDIT_RECORD_READ : AUDIT_RECORD_SEARCHED,
        .outcome = AUDIT_PERMITTED,
        .who = i % 3 ? S("did:web:b.example") : S("did:web:c.example"),
        .custodian = S("hospital"),
        .what = S("GET Observation"),
        .patient = i % 4 ? S("jwe-of-1") : S("jwe-of-2"),
        .patient_mac = i % 4 ? S("mac-of-1") : S("mac-of-2"),
        .policy = S("bgz"),
        .ground = S("consent:7"),
    };
}

static void
fill_log(struct fix *f)
{
    struct audit_setup s = {
        .bell = -1, .back = -1, .sync = AUDIT_SYNC_BATCHED, .patience_ms = 5000
    };
    struct auditor *auditor;
    size_t kept;

    assert_int_equal(audit_ring_make(&f->t.cx, f->folder, 0, 1 << 20, &s.ring), ERR_OK);
    assert_int_equal(audit_open(&f->t.cx, &s, &f->sys.audit), ERR_OK);
    assert_int_equal(auditor_open(&f->t.cx, &f->setup, &auditor), ERR_OK);
    assert_int_equal(auditor_turn(&f->t.cx, auditor, &kept), ERR_OK);
    for (int i = 0; i < 12; i++) {
        struct audit_record r = a_read(i);

        r.at_ms = f->t.cx.now_ms + i * 1000;
        assert_int_equal(audit_put(&f->t.cx, &r), ERR_OK);
    }
    assert_int_equal(auditor_turn(&f->t.cx, auditor, &kept), ERR_OK);
    auditor_close(&f->t.cx, auditor); /* signs a last checkpoint: line 13 */
}

static int
setup(void **state)
{
    struct fix *f = calloc(1, sizeof(*f));
    char option[96], path[96];
    char *args[] = { option, NULL };

    test_ctx_init(&f->t);
    clock_ms = f->t.cx.now_ms;
    if (key == NULL)
        assert_int_equal(key_generate(&f->t.cx, KEY_P256, &key), ERR_OK);
    strcpy(f->dir, "/tmp/trail-test-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    snprintf(option, sizeof(option), "datadir=%s", f->dir);
    assert_int_equal(
        conf_parse(&f->t.cx, args, NULL, S("url: https://a.example.nl"), "t", &f->conf),
        ERR_OK);
    snprintf(path, sizeof(path), "%s/audit", f->dir);
    assert_int_equal(mkdir(path, 0700), 0);
    f->folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    f->t.cx.conf = f->conf;
    f->t.cx.sys = &f->sys;
    f->sys.state[ROOM_trail] = &fakes;
    f->setup = (struct auditor_setup){ .folder = f->folder,
                                       .bell = -1,
                                       .stop = -1,
                                       .sync = AUDIT_SYNC_BATCHED,
                                       .segment_bytes = 1 << 20,
                                       .checkpoint_ms = 3600000,
                                       .origin = S("a.example.nl"),
                                       .now_ms = now,
                                       .sign = sign };
    signer_away = false;
    *state = f;
    return 0;
}

static int
teardown(void **state)
{
    struct fix *f = *state;
    char command[128];

    audit_close(f->sys.audit);
    close(f->folder);
    conf_give(f->conf);
    test_ctx_fini(&f->t);
    snprintf(command, sizeof(command), "rm -rf '%s'", f->dir);
    assert_int_equal(system(command), 0);
    free(f);
    return 0;
}

/* --- asking ------------------------------------------------------------------------- */

/* The last event, its texts copied: a record borrows them. */
static struct audit_record seen;
static char seen_text[5][256];

static err_t
keep_audit(struct ctx *cx, const struct audit_record *record)
{
    struct str *const texts[] = { &seen.what, &seen.entity, &seen.person, &seen.patient,
                                  &seen.patient_mac };

    (void)cx;
    seen = *record;
    for (size_t i = 0; i < COUNT(texts); i++) {
        snprintf(seen_text[i], sizeof(seen_text[i]), "%.*s", STR(*texts[i]));
        *texts[i] = str_of(seen_text[i]);
    }
    return ERR_OK;
}

static struct str
ask(void **state, const char *method, const char *path, const char *body)
{
    static const struct http_route *tables[] = { trail_routes };
    struct http_ask how = { .tables = tables,
                            .table_count = 1,
                            .door = HTTP_DOOR_INTERNAL,
                            .conf = FIX->conf,
                            .audit_put = keep_audit };
    struct str request, reply;

    memset(&seen, 0, sizeof(seen));
    request =
        arena_printf(CX->arena,
                     "%s /internal/knoop/v1/audit/%s HTTP/1.1\r\nHost: localhost\r\n"
                     "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                     method, path, strlen(body), body);
    assert_int_equal(http_ask(CX, &how, request, &reply), ERR_OK);
    return reply;
}

static bool
is(struct str reply, int status)
{
    return str_to_u64(str_sub(reply, 9, 12), &(uint64_t){ 0 }) &&
           atoi(reply.p + 9) == status;
}

static json *
body_of(void **state, struct str reply)
{
    size_t at = str_search(reply, S("\r\n\r\n"));
    json *v;

    assert_int_equal(json_parse(CX, str_sub(reply, at + 4, reply.n), JSON_STRICT, &v),
                     ERR_OK);
    return v;
}

static size_t
hits(void **state, const char *path, const char *body)
{
    struct str reply = ask(state, "POST", path, body);

    assert_true(is(reply, 200));
    return json_size(json_get(body_of(state, reply), "entry"));
}

/* --- searching ---------------------------------------------------------------------- */

static void
what_is_asked_wrong_is_refused(void **state)
{
    static const char *const wrong[] = {
        "[]",
        "{",
        "{\"bsn\":\"" NUMBER "\"}",
        "{\"patient\":\"999990018\"}", /* fails the eleven-test */
        "{\"patient\":\"99999001\"}",
        "{\"patient\":999990019}",
        "{\"patient\":null}",
        "{\"event\":\"RECORD\"}",
        "{\"event\":\"\"}",
        "{\"outcome\":\"good\"}",
        "{\"organisation\":\"\"}",
        "{\"from\":\"yesterday\"}",
        "{\"until\":\"\"}",
        "{\"count\":0}",
        "{\"count\":1001}",
        "{\"count\":\"5\"}",
    };

    fill_log(*state);
    for (size_t i = 0; i < COUNT(wrong); i++) {
        struct str reply = ask(state, "POST", "search", wrong[i]);

        if (!is(reply, 400))
            fail_msg("%s: %.*s", wrong[i], STR(reply));
        assert_true(str_search(reply, S(NUMBER)) == reply.n);
        assert_int_equal(seen.outcome, AUDIT_DENIED);
    }
    assert_true(is(ask(state, "POST", "search?after=x", "{}"), 400));
    assert_true(is(ask(state, "GET", "search", ""), 405)); /* no number in a URL */
}

static void
events_are_found_and_the_search_is_one_too(void **state)
{
    struct str reply;
    json *v;

    fill_log(*state);
    assert_int_equal(hits(state, "search", "{}"), 12);
    assert_int_equal(seen.event, AUDIT_LOG_READ);
    assert_int_equal(seen.outcome, AUDIT_PERMITTED);
    assert_int_equal(seen.patient.n, 0);
    assert_int_equal(hits(state, "search", "{\"patient\":\"" NUMBER "\"}"), 9);
    assert_true(str_is(seen.patient_mac, "mac-of-1")); /* who was asked for, sealed */
    assert_true(str_is(seen.patient, "jwe-of-1"));
    assert_int_equal(hits(state, "search", "{\"event\":\"RECORD_READ\"}"), 6);
    assert_int_equal(hits(state, "search", "{\"event\":\"TOKEN_ISSUED\"}"), 0);
    assert_int_equal(hits(state, "search", "{\"outcome\":\"denied\"}"), 0);
    assert_int_equal(hits(state, "search", "{\"organisation\":\"did:web:c.example\"}"), 4);
    assert_int_equal(hits(state, "search",
                          "{\"from\":\"2026-01-01T00:00:03Z\","
                          "\"until\":\"2026-01-01T00:00:05Z\"}"),
                     2);
    reply = ask(state, "POST", "search", "{\"count\":5}");
    assert_true(str_search(reply, S("application/fhir+json")) < reply.n);
    v = body_of(state, reply);
    assert_true(json_is(json_path(json_at(json_get(v, "link"), 0), "url", NULL),
                        "/internal/knoop/v1/audit/search?after=5"));
    assert_true(json_is(
        json_path(json_at(json_get(v, "entry"), 0), "resource", "resourceType", NULL),
        "AuditEvent"));
    assert_int_equal(hits(state, "search?after=5", "{}"), 7);
}

static void
one_event_is_shown(void **state)
{
    struct str reply;

    fill_log(*state);
    reply = ask(state, "GET", "events/2", "");
    assert_true(is(reply, 200));
    assert_true(json_is(json_get(body_of(state, reply), "id"), "2"));
    assert_int_equal(seen.event, AUDIT_LOG_READ);
    assert_true(str_is(seen.entity, "AuditEvent/2"));
    assert_true(is(ask(state, "GET", "events/99", ""), 404));
    assert_true(is(ask(state, "GET", "events/0", ""), 404));
    assert_true(is(ask(state, "GET", "events/-1", ""), 404));
    assert_true(is(ask(state, "GET", "events/last", ""), 404));
}

/* --- the person --------------------------------------------------------------------- */

static void
a_number_is_not_opened_without_officer_and_ground(void **state)
{
    static const char *const wrong[] = {
        "{}",
        "{\"officer\":\"F. Officer\"}",
        "{\"why\":\"request 12\"}",
        "{\"officer\":\"\",\"why\":\"request 12\"}",
        "{\"officer\":\"F. Officer\",\"why\":\"\"}",
        "{\"officer\":\"F. Officer\",\"why\":\"request 12\",\"also\":1}",
    };

    fill_log(*state);
    for (size_t i = 0; i < COUNT(wrong); i++) {
        struct str reply = ask(state, "POST", "events/2/person", wrong[i]);

        assert_true(is(reply, 400));
        assert_true(str_search(reply, S(NUMBER)) == reply.n);
        assert_int_equal(seen.outcome, AUDIT_DENIED);
    }
#define WHO "{\"officer\":\"F. Officer\",\"why\":\"request 12\"}"
    assert_true(is(ask(state, "POST", "events/13/person", WHO), 404)); /* of nobody */
    assert_true(is(ask(state, "POST", "events/1/person", WHO), 400)); /* not to be opened */
    assert_true(is(ask(state, "GET", "events/2/person", ""), 405));
}

static err_t
no_audit(struct ctx *cx, const struct audit_record *record)
{
    (void)record;
    return refuse(cx, ERR_UNAVAILABLE, "", "down");
}

static void
a_number_is_opened_and_that_is_an_event(void **state)
{
    static const struct http_route *tables[] = { trail_routes };
    struct http_ask how = { .tables = tables,
                            .table_count = 1,
                            .door = HTTP_DOOR_INTERNAL,
                            .conf = FIX->conf,
                            .audit_put = no_audit };
    struct str reply, request;

    fill_log(*state);
    reply = ask(state, "POST", "events/2/person", WHO);
    assert_true(is(reply, 200));
    assert_true(json_is(json_get(body_of(state, reply), "value"), NUMBER));
    assert_int_equal(seen.event, AUDIT_PERSON_OPENED);
    assert_int_equal(seen.outcome, AUDIT_PERMITTED);
    assert_true(str_is(seen.person, "F. Officer"));
    assert_true(str_is(seen.what, "open the number: request 12"));
    assert_true(str_is(seen.entity, "AuditEvent/2"));
    assert_true(str_is(seen.patient_mac, "mac-of-1"));
    /* what cannot be audited does not leave */
    request = arena_printf(CX->arena,
                           "POST /internal/knoop/v1/audit/events/2/person HTTP/1.1\r\n"
                           "Host: localhost\r\nContent-Length: %zu\r\n"
                           "Content-Type: application/json\r\n\r\n" WHO,
                           strlen(WHO));
    assert_int_equal(http_ask(CX, &how, request, &reply), ERR_OK);
    assert_true(is(reply, 503));
    assert_true(str_search(reply, S(NUMBER)) == reply.n);
}

/* --- proofs ------------------------------------------------------------------------- */

static void
read_path(const json *v, struct merkle_path *p)
{
    *p = (struct merkle_path){ 0 };
    for (json_each(it, json_get(v, "path"))) {
        struct str hex;

        assert_true(json_str(it.value, &hex) && merkle_unhex(hex, &p->hash[p->n++]));
    }
}

static void
the_checkpoint_and_proofs_lead_to_each_other(void **state)
{
    struct merkle_hash root, old, leaf;
    struct merkle_path path;
    struct bytes signature;
    json *cp, *v;

    fill_log(*state);
    cp = body_of(state, ask(state, "GET", "checkpoint", ""));
    assert_int_equal(b64url_decode(CX, json_get_text(cp, "signature"), &signature), ERR_OK);
    assert_int_equal(key_verify(CX, key, SIG_ES256, SIG_RAW,
                                bytes_of(json_get_text(cp, "note")), signature),
                     ERR_OK);
    assert_true(merkle_unhex(json_get_text(cp, "root"), &root));
    assert_int_equal(json_type(json_get(cp, "key")), JSON_OBJECT);

    v = body_of(state, ask(state, "GET", "events/4/proof", "")); /* of the checkpoint */
    read_path(v, &path);
    assert_true(merkle_unhex(json_get_text(v, "leaf"), &leaf));
    assert_int_equal(merkle_inclusion_verify(CX, &path, &leaf, 3, 12, &root), ERR_OK);
    v = body_of(state, ask(state, "GET", "events/4/proof?size=8", ""));
    assert_true(merkle_unhex(json_get_text(v, "root"), &old));
    v = body_of(state, ask(state, "GET", "growth?old=8", ""));
    read_path(v, &path);
    assert_int_equal(merkle_consistency_verify(CX, &path, 8, &old, 12, &root), ERR_OK);
    assert_true(is(ask(state, "GET", "events/13/proof", ""), 404)); /* not covered yet */
    assert_true(is(ask(state, "GET", "events/4/proof?size=99", ""), 404));
    assert_true(is(ask(state, "GET", "events/4/proof?size=0", ""), 400));
    assert_true(is(ask(state, "GET", "growth?old=13", ""), 404));
    assert_true(is(ask(state, "GET", "growth", ""), 400));
}

static void
without_a_log_or_signature_there_is_no_checkpoint(void **state)
{
    assert_true(is(ask(state, "GET", "checkpoint", ""), 404));
    assert_true(is(ask(state, "GET", "events/1", ""), 404));
    assert_true(is(ask(state, "POST", "search", "{}"), 404));
    signer_away = true;
    fill_log(*state);
    assert_true(is(ask(state, "GET", "checkpoint", ""), 404));
}

int
main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(what_is_asked_wrong_is_refused),
        T(events_are_found_and_the_search_is_one_too),
        T(one_event_is_shown),
        T(a_number_is_not_opened_without_officer_and_ground),
        T(a_number_is_opened_and_that_is_an_event),
        T(the_checkpoint_and_proofs_lead_to_each_other),
        T(without_a_log_or_signature_there_is_no_checkpoint),
    };

    return cmocka_run_group_tests_name("trail", tests, NULL, NULL);
}

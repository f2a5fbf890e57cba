/*
 * consent_test.c - grounds: recorded, found, ended, over a real store. EUPL-1.2.
 */
#include "base/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "care/consent/consent_int.h"
#include "sys/conf/conf.h"
#include "sys/room.h"
#include "sys/store/store.h"

enum { DAY = 86400 * 1000 };

struct fix {
    struct test_ctx t;
    struct sys sys;
    struct conf *conf;
    char dir[64];
};
#define CX  (&((struct fix *)*state)->t.cx)
#define FIX ((struct fix *)*state)

/* A keyed hash as good as any here; and the number is nowhere in it. */
static err_t
seal(struct ctx *cx, struct str number, struct str *sealed, struct str *mac)
{
    unsigned v = 7;

    for (size_t i = 0; i < number.n; i++)
        v = v * 31 + (unsigned char)number.p[i];
    *mac = arena_printf(cx->arena, "mac-%08x", v);
    *sealed = arena_printf(cx->arena, "jwe-%08x", v);
    return mac->p && sealed->p ? ERR_OK : refuse_memory(cx);
}

static err_t
known(struct ctx *cx, struct str tenant)
{
    return str_is(tenant, "hospital") ? ERR_OK
                                      : refuse(cx, ERR_NOT_FOUND, "", "no such subject");
}

static struct consent_state fakes = { seal, known };

static int
setup(void **state)
{
    struct fix *f = calloc(1, sizeof(*f));
    char url[128];

    test_ctx_init(&f->t);
    strcpy(f->dir, "/tmp/consent-test-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    assert_int_equal(conf_default(&f->t.cx, &f->conf), ERR_OK);
    f->t.cx.conf = f->conf;
    f->t.cx.sys = &f->sys;
    f->sys.state[ROOM_consent] = &fakes;
    snprintf(url, sizeof(url), "sqlite://%s/k.db", f->dir);
    assert_int_equal(store_open(&f->t.cx, str_of(url), &f->sys.store), ERR_OK);
    *state = f;
    return 0;
}

static int
teardown(void **state)
{
    struct fix *f = *state;
    char command[128];

    store_close(f->sys.store);
    conf_give(f->conf);
    test_ctx_fini(&f->t);
    snprintf(command, sizeof(command), "rm -rf '%s'", f->dir);
    assert_int_equal(system(command), 0);
    free(f);
    return 0;
}

static struct ground
sample(struct ctx *cx)
{
    return (struct ground){ .tenant = S("hospital"),
                            .patient_mac = S("mac-1"),
                            .patient_sealed = S("jwe-1"),
                            .organisation = S("ura:1"),
                            .scope = S("bgz"),
                            .kind = GROUND_TREATMENT,
                            .from_ms = cx->now_ms,
                            .until_ms = cx->now_ms + DAY,
                            .evidence = S("referral letter 12"),
                            .recorded_by = S("operator") };
}

static struct str asker[] = { S_INIT("ura:00000001"), S_INIT("did:web:b.example") };

static struct ground_question
question(void)
{
    return (struct ground_question){
        S("hospital"), S("mac-1"), S("bgz"), asker, 2, GROUND_CONSENT | GROUND_TREATMENT
    };
}

static void
refuses_a_ground_that_says_too_little(void **state)
{
    struct ground g, out;

#define WRONG(change)                                                                      \
    do {                                                                                   \
        g = sample(CX);                                                                    \
        change;                                                                            \
        assert_int_not_equal(ground_record(CX, &g, &out), ERR_OK);                         \
        assert_int_equal(out.id.n, 0);                                                     \
    } while (0)
    WRONG(g.tenant = S(""));
    WRONG(g.scope = S(""));
    WRONG(g.scope = S("bgz other"));
    WRONG(g.evidence = S(""));
    WRONG(g.evidence = S("line\nline"));
    WRONG(g.recorded_by = S(""));
    WRONG(g.patient_mac = S(""));
    WRONG(g.patient_sealed = S(""));
    WRONG(g.kind = GROUND_KIND_NONE);
    WRONG(g.kind = (enum ground_kind)(GROUND_CONSENT | GROUND_LAW));
    WRONG(g.organisation = S("everybody"));
    WRONG(g.organisation = S("ura:0"));
    WRONG(g.organisation = S("123456789"));
    WRONG(g.organisation = S("did:web:a b"));
    WRONG(g.until_ms = g.from_ms);
    WRONG((g.from_ms -= 2 * DAY, g.until_ms = CX->now_ms));
    WRONG(g.until_ms = g.from_ms + INT64_C(40) * 366 * DAY);
#undef WRONG
}

static void
is_live_from_and_not_until(void **state)
{
    struct ground g = sample(CX), out;
    struct ground_question q = question();
    int64_t start = CX->now_ms;

    g.from_ms = start + DAY;
    g.until_ms = start + 2 * (int64_t)DAY;
    assert_int_equal(ground_record(CX, &g, &out), ERR_OK);
    assert_true(str_is(out.organisation, "ura:00000001"));
    CX->now_ms = g.from_ms - 1;
    assert_int_equal(ground_find(CX, &q, &out), ERR_GROUND);
    CX->now_ms = g.from_ms;
    assert_int_equal(ground_find(CX, &q, &out), ERR_OK);
    CX->now_ms = g.until_ms - 1;
    assert_int_equal(ground_find(CX, &q, &out), ERR_OK);
    assert_true(str_is(out.evidence, "referral letter 12"));
    CX->now_ms = g.until_ms; /* spec 2d.9 (12): periods count */
    assert_int_equal(ground_find(CX, &q, &out), ERR_GROUND);
    assert_int_equal(out.id.n, 0);
    CX->now_ms = start;
}

static void
answers_its_own_question_alone(void **state)
{
    struct ground g = sample(CX), out;
    struct ground_question q;
    struct str other[] = { S_INIT("ura:00000002"), S_INIT("") };

    assert_int_equal(ground_record(CX, &g, &out), ERR_OK);
    q = question();
    assert_int_equal(ground_find(CX, &q, &out), ERR_OK);
    q.tenant = S("pharmacy");
    assert_int_equal(ground_find(CX, &q, &out), ERR_GROUND);
    q = question();
    q.patient_mac = S("mac-2");
    assert_int_equal(ground_find(CX, &q, &out), ERR_GROUND);
    q.patient_mac = S("");
    assert_int_equal(ground_find(CX, &q, &out), ERR_GROUND);
    q = question();
    q.scope = S("medication");
    assert_int_equal(ground_find(CX, &q, &out), ERR_GROUND);
    q = question();
    q.kinds = GROUND_CONSENT | GROUND_LAW;
    assert_int_equal(ground_find(CX, &q, &out), ERR_GROUND);
    q.kinds = 0;
    assert_int_equal(ground_find(CX, &q, &out), ERR_GROUND);
    q = question();
    q.organisation = other;
    assert_int_equal(ground_find(CX, &q, &out), ERR_GROUND);
    q.organisation_n = 0;
    assert_int_equal(ground_find(CX, &q, &out), ERR_GROUND);
}

static void
ends_for_good_and_stays_on_record(void **state)
{
    struct ground g = sample(CX), out;
    struct ground_question q = question();
    struct str id;

    assert_int_equal(ground_record(CX, &g, &out), ERR_OK);
    id = out.id;
    assert_int_equal(ground_end(CX, S("nothing"), S("o"), S("w"), &out), ERR_NOT_FOUND);
    assert_int_equal(ground_end(CX, id, S("operator"), S("revoked"), &out), ERR_OK);
    assert_int_equal(ground_find(CX, &q, &out), ERR_GROUND); /* mission 3 */
    assert_int_equal(ground_end(CX, id, S("operator"), S("again"), &out), ERR_CONFLICT);
    assert_int_equal(ground_get(CX, id, &out), ERR_OK);
    assert_true(str_is(out.ended_why, "revoked"));
    assert_false(ground_is_live(&out, CX->now_ms));
}

/* --- the routes ------------------------------------------------------------------- */

static struct audit_record seen;

static err_t
keep_audit(struct ctx *cx, const struct audit_record *record)
{
    (void)cx;
    seen = *record;
    return ERR_OK;
}

static struct str
ask(void **state, const char *method, const char *path, const char *body)
{
    static const struct http_route *tables[] = { consent_routes };
    struct http_ask how = { .tables = tables,
                            .table_count = 1,
                            .door = HTTP_DOOR_INTERNAL,
                            .conf = FIX->conf,
                            .audit_put = keep_audit };
    struct str request, reply;

    memset(&seen, 0, sizeof(seen));
    request = arena_printf(
        CX->arena,
        "%s %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        "Content-Length: %zu\r\n\r\n%s",
        method, path, strlen(body), body);
    assert_int_equal(http_ask(CX, &how, request, &reply), ERR_OK);
    return reply;
}

static bool
has(struct str s, const char *part)
{
    return str_search(s, str_of(part)) < s.n;
}

#define GOOD                                                                               \
    "{\"tenant\":\"hospital\",\"patient\":\"999990019\",\"organisation\":\"ura:1\","       \
    "\"scope\":\"bgz\",\"kind\":\"consent\",\"until\":\"2026-06-01T00:00:00Z\","           \
    "\"evidence\":\"form 3\"}"

static void
routes_refuse_and_name_no_person(void **state)
{
    static const struct {
        const char *body, *status;
    } rows[] = {
        { "{}", "422" },
        { "[]", "422" },
        { "{\"tennant\":\"hospital\"}", "422" },
        { "{\"tenant\":\"nobody\",\"until\":\"2026-06-01T00:00:00Z\"}", "404" },
        { "{\"tenant\":\"hospital\",\"patient\":\"999990018\",\"until\":\"2026-06-01T00:00:"
          "00Z\"}",
          "422" },
        { "{\"tenant\":\"hospital\",\"patient\":\"999990019\",\"until\":\"june\"}", "422" },
    };
    struct str reply;

    for (size_t i = 0; i < COUNT(rows); i++) {
        reply = ask(state, "POST", "/internal/knoop/v1/grounds", rows[i].body);
        if (!has(str_sub(reply, 0, 20), rows[i].status))
            fail_msg("row %zu: %.*s", i, STR(reply));
        assert_false(has(reply, "99999001"));
        assert_int_equal(seen.outcome, AUDIT_DENIED);
    }
}

static void
routes_record_find_and_end(void **state)
{
    struct str reply, id, path;
    size_t at;

    reply = ask(state, "POST", "/internal/knoop/v1/grounds", GOOD);
    assert_true(has(reply, "HTTP/1.1 201"));
    assert_false(has(reply, "999990019"));
    assert_int_equal(seen.event, AUDIT_GROUND_CHANGED);
    assert_int_equal(seen.outcome, AUDIT_PERMITTED);
    at = str_search(reply, S("\"id\":\"")) + 6;
    id = str_sub(reply, at, at + 24);
    reply = ask(state, "POST", "/internal/knoop/v1/grounds/search",
                "{\"tenant\":\"hospital\",\"patient\":\"999990019\",\"live\":true}");
    assert_true(has(reply, "HTTP/1.1 200"));
    assert_true(has(reply, "\"organisation\":\"ura:00000001\""));
    assert_false(has(reply, "999990019"));
    assert_int_equal(seen.event, AUDIT_GROUND_READ);
    path = arena_printf(CX->arena, "/internal/knoop/v1/grounds/%.*s", STR(id));
    reply = ask(state, "GET", path.p, "");
    assert_true(has(reply, "\"live\":true"));
    path = arena_printf(CX->arena, "/internal/knoop/v1/grounds/%.*s?why=revoked", STR(id));
    reply = ask(state, "DELETE", path.p, "");
    assert_true(has(reply, "\"ended_why\":\"revoked\""));
    assert_int_equal(seen.event, AUDIT_GROUND_CHANGED);
    reply = ask(state, "DELETE", path.p, "");
    assert_true(has(reply, "HTTP/1.1 409"));
    reply = ask(state, "POST", "/internal/knoop/v1/grounds/search",
                "{\"tenant\":\"hospital\",\"live\":true}");
    assert_true(has(reply, "[]"));
}

/* house.md: every handler with the n-th allocation, and the n-th database call, failing. */
static void
routes_survive_faults(void **state)
{
    static const struct http_route *tables[] = { consent_routes };
    struct str request = arena_printf(
        CX->arena,
        "POST /internal/knoop/v1/grounds HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
        "application/json\r\nContent-Length: %zu\r\n\r\n%s",
        strlen(GOOD), GOOD);

    for (long n = 1; n < 200; n++) {
        struct http_ask how = { .tables = tables,
                                .table_count = 1,
                                .door = HTTP_DOOR_INTERNAL,
                                .conf = FIX->conf,
                                .audit_put = keep_audit,
                                .fail_at = n };
        struct str reply;

        if (http_ask(CX, &how, request, &reply) == ERR_OK && has(reply, "HTTP/1.1 201"))
            return;
        assert_true(reply.n == 0 || has(reply, "HTTP/1.1 5") || has(reply, "HTTP/1.1 413"));
    }
    fail_msg("it never goes well");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(refuses_a_ground_that_says_too_little, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(is_live_from_and_not_until, setup, teardown),
        cmocka_unit_test_setup_teardown(answers_its_own_question_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(ends_for_good_and_stays_on_record, setup, teardown),
        cmocka_unit_test_setup_teardown(routes_refuse_and_name_no_person, setup, teardown),
        cmocka_unit_test_setup_teardown(routes_record_find_and_end, setup, teardown),
        cmocka_unit_test_setup_teardown(routes_survive_faults, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

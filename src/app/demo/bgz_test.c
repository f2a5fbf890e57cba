/*
 * bgz_test.c - the made-up records answer every question of the BgZ, by the store
 * that the demo puts them in; and no question of the policy is left out. EUPL-1.2.
 */
#include "base/test.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/demo/bgz.h"
#include "app/demo/data.h"
#include "care/source/source.h"
#include "sys/os/os.h"

enum { PATIENTS = 25 };

struct fixture {
    struct test_ctx t;
    struct arena scratch;
    struct source *source;
    FILE *file;
    char folder[64], lines[96];
};

static err_t
keep(struct ctx *cx, void *arg, enum data_org org, struct str type, struct str line)
{
    struct fixture *f = arg;

    (void)cx, (void)type;
    if (org == DATA_HOSPITAL)
        fprintf(f->file, "%.*s\n", STR(line));
    return ERR_OK;
}

static void
load(struct fixture *f)
{
    struct ctx cx;
    uint64_t n;

    arena_init(&f->scratch, 1u << 20);
    ctx_init(&cx, &f->scratch, f->t.cx.now_ms);
    assert_non_null(f->file = fopen(f->lines, "w"));
    assert_int_equal(data_write_common(&cx, keep, f), ERR_OK);
    for (uint64_t i = 0; i < PATIENTS; i++)
        assert_int_equal(data_write_patient(&cx, 1, i, keep, f), ERR_OK);
    fclose(f->file);
    arena_fini(&f->scratch);
    assert_int_equal(source_load(&f->t.cx, f->source, f->lines, &n), ERR_OK);
    assert_true(n > 25 * PATIENTS);
}

static int
setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct str path;

    strcpy(f->folder, "/tmp/knoop-bgz-XXXXXX");
    if (mkdtemp(f->folder) == NULL)
        return -1;
    snprintf(f->lines, sizeof(f->lines), "%s/hospital.ndjson", f->folder);
    test_ctx_init(&f->t);
    f->t.arena.fail_at = 0;
    path = arena_printf(&f->t.arena, "%s/fhir.db", f->folder);
    if (source_open(&f->t.cx, path, S("http://x/fhir"), &f->source) != ERR_OK)
        return -1;
    load(f);
    *state = f;
    return 0;
}

static int
teardown(void **state)
{
    static const char *const files[] = { "fhir.db", "fhir.db-wal", "fhir.db-shm",
                                         "hospital.ndjson" };
    struct fixture *f = *state;
    char path[128];

    source_close(f->source);
    test_ctx_fini(&f->t);
    for (size_t i = 0; i < COUNT(files); i++) {
        snprintf(path, sizeof(path), "%s/%s", f->folder, files[i]);
        unlink(path);
    }
    rmdir(f->folder);
    free(f);
    return 0;
}

static json *
ask(struct fixture *f, struct str path)
{
    static const struct http_route *const tables[] = { source_routes };
    struct http_ask how = {
        .tables = tables, .table_count = 1, .door = HTTP_DOOR_PUBLIC, .state = f->source
    };
    struct str request = arena_printf(
                   &f->t.arena, "GET /fhir/%.*s HTTP/1.1\r\nHost: x\r\n\r\n", STR(path)),
               reply;
    json *v;

    assert_int_equal(http_ask(&f->t.cx, &how, request, &reply), ERR_OK);
    if (!str_starts(reply, S("HTTP/1.1 200")))
        fail_msg("%.*s: %.*s", STR(path), STR(reply));
    reply = str_sub(reply, str_search(reply, S("\r\n\r\n")) + 4, reply.n);
    assert_int_equal(json_parse(&f->t.cx, reply, JSON_RAW_NUMBERS, &v), ERR_OK);
    return v;
}

static size_t
entries(const json *bundle, const char *mode)
{
    size_t n = 0;

    for (json_each(it, json_get(bundle, "entry")))
        n += json_is(json_path(it.value, "search", "mode", NULL), mode);
    return n;
}

/* Femke Mulder, whom home care visits, has something of each. */
static void
each_question_is_answered(void **state)
{
    struct fixture *f = *state;

    for (const struct bgz_query *q = bgz_queries; q->rule != NULL; q++) {
        json *v = ask(f, bgz_path(&f->t.cx, q, S("p00004")));

        if (json_is(json_get(v, "resourceType"), "Patient"))
            continue;
        if (entries(v, "match") == 0)
            fail_msg("%s (%s) finds nothing", q->title, q->rule);
        if (strstr(q->path, "_include") != NULL && entries(v, "include") == 0)
            fail_msg("%s (%s): nothing comes along", q->title, q->rule);
    }
}

/* Both kinds of payor are somewhere. */
static void
all_includes_are_met(void **state)
{
    struct fixture *f = *state;
    bool organisation = false, patient = false;

    for (unsigned i = 1; i <= PATIENTS; i++) {
        const struct bgz_query q = { "payor", "",
                                     "Coverage?patient=Patient/#"
                                     "&_include=Coverage:payor:Patient"
                                     "&_include=Coverage:payor:Organization" };
        char id[16];
        json *v;

        snprintf(id, sizeof(id), "p%05u", i);
        v = ask(f, bgz_path(&f->t.cx, &q, str_of(id)));
        for (json_each(it, json_get(v, "entry"))) {
            const json *type = json_path(it.value, "resource", "resourceType", NULL);

            organisation = organisation || json_is(type, "Organization");
            patient = patient || json_is(type, "Patient");
        }
    }
    assert_true(organisation && patient);
}

static bool
asked(struct str rule)
{
    for (const struct bgz_query *q = bgz_queries; q->rule != NULL; q++)
        if (str_is(rule, q->rule))
            return true;
    return str_is(rule, "patient-by-number") || str_is(rule, "document");
}

static void
no_rule_of_the_policy_is_left_out(void **state)
{
    struct fixture *f = *state;
    struct bytes file;
    json *v;
    size_t n = 0;

    assert_int_equal(os_read_file(&f->t.cx, "policies/bgz/policy.json", 1 << 20, &file),
                     ERR_OK);
    assert_int_equal(json_parse(&f->t.cx, str_of_bytes(file), JSON_STRICT, &v), ERR_OK);
    for (json_each(it, json_get(v, "rules"))) {
        if (!asked(json_get_text(it.value, "id")))
            fail_msg("rule %.*s has no question", STR(json_get_text(it.value, "id")));
        n++;
    }
    assert_true(n > 25);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_question_is_answered),
        cmocka_unit_test(all_includes_are_met),
        cmocka_unit_test(no_rule_of_the_policy_is_left_out),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

/* source_lastn_test.c - the newest of each kind, by steps and by looking at all. EUPL-1.2.
 */
#include "base/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "care/source/source_int.h"

struct fixture {
    struct test_ctx t;
    struct source *source;
    struct source_db *db;
    char folder[64];
};

static int
setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    snprintf(f->folder, sizeof(f->folder), "/tmp/knoop-lastn-XXXXXX");
    if (mkdtemp(f->folder) == NULL)
        return -1;
    test_ctx_init(&f->t);
    f->t.arena.fail_at = 0;
    *state = f;
    if (source_open(&f->t.cx, arena_printf(&f->t.arena, "%s/fhir.db", f->folder),
                    S("http://x/fhir"), &f->source) != ERR_OK)
        return -1;
    return source__take(&f->t.cx, f->source, &f->db) == ERR_OK ? 0 : -1;
}

static int
teardown(void **state)
{
    struct fixture *f = *state;
    char command[160];

    snprintf(command, sizeof(command), "rm -rf %s", f->folder);
    source__give(&f->db);
    source_close(f->source);
    test_ctx_fini(&f->t);
    (void)!system(command);
    free(f);
    return 0;
}

/* `codes` is JSON: the codings; `more` further members. */
static void
put(struct fixture *f, const char *id, const char *patient, const char *codes,
    const char *date, const char *more)
{
    struct str text = arena_printf(
        &f->t.arena,
        "{\"resourceType\":\"Observation\",\"id\":\"%s\",\"status\":\"final\",\"subject\":"
        "{\"reference\":\"Patient/%s\"},\"code\":{\"coding\":[%s]},%s"
        "\"effectiveDateTime\":\"%s\"}",
        id, patient, codes, more, date);
    struct source_row row;
    json *v;

    assert_int_equal(json_parse(&f->t.cx, text, JSON_RAW_NUMBERS, &v), ERR_OK);
    assert_int_equal(source__put(&f->t.cx, f->db, v, str_of(id), "PUT", &row), ERR_OK);
}

#define CODE(system, code) "{\"system\":\"" system "\",\"code\":\"" code "\"}"
#define LAB                "\"category\":[{\"coding\":[" CODE("k", "lab") "]}],"

/* The ids found, in order, a space behind each. */
static struct str
last(struct fixture *f, const char *query)
{
    struct json_out js;
    struct str text;
    struct buf ids;
    json *v;

    json_out_init(&js, &f->t.arena);
    assert_int_equal(source__lastn(&f->t.cx, f->db, str_of(query), false, &js), ERR_OK);
    assert_int_equal(json_out_done(&f->t.cx, &js, &text), ERR_OK);
    assert_int_equal(json_parse(&f->t.cx, text, JSON_RAW_NUMBERS, &v), ERR_OK);
    buf_init(&ids, &f->t.arena);
    for (json_each(it, json_get(v, "entry"))) {
        buf_str(&ids, json_get_text(json_get(it.value, "resource"), "id"));
        buf_c(&ids, ' ');
    }
    assert_int_equal(buf_done(&f->t.cx, &ids, &text), ERR_OK);
    return text;
}

#define LAST(query, want) assert_true(str_is(last(f, query), want))

static void
what_is_asked_narrows(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(source__begin(&f->t.cx, f->db), ERR_OK);
    put(f, "o1", "a", CODE("l", "x"), "2020", LAB);
    put(f, "o2", "a", CODE("l", "x"), "2023", "");
    put(f, "o3", "a", CODE("l", "y"), "2021", LAB);
    put(f, "o4", "a", CODE("m", "x"), "2019", "");
    put(f, "o5", "b", CODE("l", "x"), "2024", LAB);
    LAST("patient=Patient/a", "o2 o3 o4 ");
    LAST("patient=Patient/a&max=2", "o2 o3 o1 o4 ");
    LAST("subject=Patient/a&code=l|x", "o2 ");
    LAST("patient=Patient/a&code=l|X,m|x", "o2 o4 ");
    LAST("patient=Patient/a&code=x", "o2 o4 ");
    LAST("patient=Patient/a&category=k|lab", "o3 o1 ");
    LAST("patient=Patient/a&category=k|lab&code=l|x", "o1 ");
    LAST("patient=Patient/a&date=lt2022", "o3 o1 o4 ");
    LAST("patient=Patient/a&code=l|z", "");
    LAST("patient=Patient/A", "");
    LAST("patient=Patient/b", "o5 ");
}

static void
the_index_follows_what_is_written(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(source__begin(&f->t.cx, f->db), ERR_OK);
    put(f, "o1", "a", CODE("l", "x"), "2020", "");
    put(f, "o2", "a", CODE("l", "x"), "2023", "");
    put(f, "o2", "a", CODE("l", "x"), "2019", "");
    LAST("patient=Patient/a", "o1 ");
    put(f, "o1", "b", CODE("l", "x"), "2020", "");
    LAST("patient=Patient/a", "o2 ");
    put(f, "o3", "a", CODE("l", "x"), "2024", "");
    assert_int_equal(source__delete(&f->t.cx, f->db, S("Observation"), S("o3")), ERR_OK);
    LAST("patient=Patient/a", "o2 ");
    put(f, "o2", "a", CODE("l", "y"), "2019", "");
    LAST("patient=Patient/a&code=l|x", "");
}

/* Hundreds of one kind: the loop answers, since the newest alone is read. */
static void
the_loop_steps_over_what_is_older(void **state)
{
    struct fixture *f = *state;
    struct json_out js;
    char id[16], date[16];

    assert_int_equal(source__begin(&f->t.cx, f->db), ERR_OK);
    for (int i = 0; i < 1200; i++) {
        snprintf(id, sizeof(id), "o%04d", i);
        snprintf(date, sizeof(date), "%04d", 1900 + i % 3 * 400 + i / 3);
        put(f, id, "a", i % 3 ? CODE("l", "x") : CODE("l", "y"), date, "");
    }
    assert_int_equal(source__commit(&f->t.cx, f->db), ERR_OK);
    source__give(&f->db);
    f->t.cx.may_not_block = true;
    assert_int_equal(source__take(&f->t.cx, f->source, &f->db), ERR_OK);
    LAST("patient=Patient/a", "o1199 o1197 ");
    LAST("patient=Patient/a&code=l|x&max=2", "o1199 o1196 ");
    json_out_init(&js, &f->t.arena);
    assert_int_equal(source__lastn(&f->t.cx, f->db, S("patient:Patient=a"), false, &js),
                     ERR_WOULD_BLOCK);
    /* none of the newer matches: the loop does not look at all of them */
    for (int n = 0; n < 2; n++) {
        f->t.cx.may_not_block = n == 0;
        json_out_init(&js, &f->t.arena);
        assert_int_equal(
            source__lastn(&f->t.cx, f->db, S("patient=Patient/a&date=lt1901"), false, &js),
            n == 0 ? ERR_WOULD_BLOCK : ERR_OK);
        json_out_init(&js, &f->t.arena);
        assert_int_equal(source__search(&f->t.cx, f->db, S("Observation"),
                                        S("patient=Patient/a&code=l|z"), false, &js),
                         n == 0 ? ERR_WOULD_BLOCK : ERR_OK);
    }
}

static void
without_codes_the_text_is_the_kind(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(source__begin(&f->t.cx, f->db), ERR_OK);
    put(f, "o1", "a", "", "2020", "\"note\":[],");
    put(f, "o2", "a", "", "2021", "");
    put(f, "o3", "a", CODE("l", "x"), "2020", "");
    LAST("patient=Patient/a", "o2 o3 ");
}

/* Observations of several codes: what the steps find is what all would give. */
static void
steps_and_all_agree(void **state)
{
    static const char *const codes[] = {
        CODE("l", "x"),
        CODE("l", "y"),
        CODE("m", "x"),
        CODE("l", "x") "," CODE("l", "y"),
        CODE("l", "y") "," CODE("m", "x"),
        CODE("m", "z") "," CODE("l", "x"),
        "",
    };
    static const char *const more[] = { "",
                                        "&max=2",
                                        "&max=3",
                                        "&max=0",
                                        "&category=k|lab",
                                        "&code=l|x,l|y",
                                        "&code=l|y&max=2",
                                        "&date=gt2005" };
    struct fixture *f = *state;
    unsigned seed = 7;
    char id[16], date[16], by_steps[64], by_all[64];

    assert_int_equal(source__begin(&f->t.cx, f->db), ERR_OK);
    for (unsigned round = 0; round < 40; round++) {
        snprintf(id, sizeof(id), "o%u", round % 25); /* some are written again */
        seed = seed * 1103515245u + 12345u;
        snprintf(date, sizeof(date), "%u", 2000 + (seed >> 16) % 12);
        put(f, id, "a", codes[(seed >> 8) % COUNT(codes)], date,
            (seed >> 24) & 1 ? LAB : "");
        for (size_t i = 0; i < COUNT(more); i++) {
            snprintf(by_steps, sizeof(by_steps), "patient=Patient/a%s", more[i]);
            snprintf(by_all, sizeof(by_all), "patient:Patient=a%s", more[i]);
            assert_true(str_eq(last(f, by_steps), last(f, by_all)));
        }
    }
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(what_is_asked_narrows),
        CASE(the_index_follows_what_is_written),
        CASE(the_loop_steps_over_what_is_older),
        CASE(without_codes_the_text_is_the_kind),
        CASE(steps_and_all_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

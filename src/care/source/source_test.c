/* source_test.c - the FHIR store: what goes in comes out, and nothing else. EUPL-1.2. */
#include "base/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "care/source/source_int.h"

struct fixture {
    struct test_ctx t;
    struct source *source;
    struct source_db *db;
    char folder[64];
};

static void
remove_folder(const char *folder)
{
    char command[160];

    snprintf(command, sizeof(command), "rm -rf %s", folder);
    if (system(command) != 0)
        fprintf(stderr, "%s failed\n", command);
}

static int
setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct str path;

    strcpy(f->folder, "/tmp/knoop-source-XXXXXX");
    if (mkdtemp(f->folder) == NULL)
        return -1;
    test_ctx_init(&f->t);
    f->t.arena.fail_at = 0;
    path = arena_printf(&f->t.arena, "%s/fhir.db", f->folder);
    if (source_open(&f->t.cx, path, S("http://x/fhir"), &f->source) != ERR_OK ||
        source__take(&f->t.cx, f->source, &f->db) != ERR_OK)
        return -1;
    *state = f;
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *f = *state;

    source__give(&f->db);
    source_close(f->source);
    test_ctx_fini(&f->t);
    remove_folder(f->folder);
    free(f);
    return 0;
}

static json *
parse(struct fixture *f, const char *text)
{
    json *v;

    assert_int_equal(json_parse(&f->t.cx, str_of(text), JSON_RAW_NUMBERS, &v), ERR_OK);
    return v;
}

static void
store_one(struct fixture *f, const char *text)
{
    json *v = parse(f, text);
    struct source_row row;

    assert_int_equal(source__begin(&f->t.cx, f->db), ERR_OK);
    assert_int_equal(source__put(&f->t.cx, f->db, v, json_get_text(v, "id"), "PUT", &row),
                     ERR_OK);
    assert_int_equal(source__commit(&f->t.cx, f->db), ERR_OK);
}

static json *
search(struct fixture *f, const char *type, const char *query)
{
    struct json_out js;
    struct str text;

    json_out_init(&js, &f->t.arena);
    assert_int_equal(
        source__search(&f->t.cx, f->db, str_of(type), str_of(query), false, &js), ERR_OK);
    assert_int_equal(json_out_done(&f->t.cx, &js, &text), ERR_OK);
    return parse(f, text.p);
}

static err_t
search_refused(struct fixture *f, const char *type, const char *query)
{
    struct json_out js;

    json_out_init(&js, &f->t.arena);
    return source__search(&f->t.cx, f->db, str_of(type), str_of(query), false, &js);
}

static size_t
hits(const json *bundle)
{
    return json_size(json_get(bundle, "entry"));
}

static bool
total_is(struct fixture *f, const json *bundle, const char *want)
{
    struct str text;

    return json_number_text(json_get(bundle, "total"), &f->t.cx, &text) &&
           str_is(text, want);
}

static const char *const people[] = {
    "{\"resourceType\":\"Patient\",\"id\":\"a\",\"identifier\":[{\"system\":\"urn:x\","
    "\"value\":\"1\"}]}",
    "{\"resourceType\":\"Patient\",\"id\":\"A\",\"identifier\":[{\"system\":\"urn:x\","
    "\"value\":\"2\"}]}",
    "{\"resourceType\":\"Condition\",\"id\":\"c1\",\"subject\":{\"reference\":\"Patient/"
    "a\"},"
    "\"onsetDateTime\":\"2020-01-01\"}",
    "{\"resourceType\":\"Condition\",\"id\":\"c2\",\"subject\":{\"reference\":\"Patient/"
    "a\"},"
    "\"onsetDateTime\":\"2022-01-01\"}",
    "{\"resourceType\":\"Condition\",\"id\":\"c3\",\"subject\":{\"reference\":\"Patient/"
    "A\"},"
    "\"onsetDateTime\":\"2021-01-01\"}",
};

static void
fill(struct fixture *f)
{
    for (size_t i = 0; i < COUNT(people); i++)
        store_one(f, people[i]);
}

static void
versions_are_kept(void **state)
{
    struct fixture *f = *state;
    struct source_row row;

    store_one(f, people[0]);
    store_one(f, people[0]);
    assert_int_equal(source__get(&f->t.cx, f->db, S("Patient"), S("a"), &row), ERR_OK);
    assert_int_equal(row.version, 2);
    assert_int_equal(source__get_version(&f->t.cx, f->db, S("Patient"), S("a"), 1, &row),
                     ERR_OK);
    assert_int_equal(source__begin(&f->t.cx, f->db), ERR_OK);
    assert_int_equal(source__delete(&f->t.cx, f->db, S("Patient"), S("a")), ERR_OK);
    assert_int_equal(source__commit(&f->t.cx, f->db), ERR_OK);
    assert_int_equal(source__get(&f->t.cx, f->db, S("Patient"), S("a"), &row), ERR_GONE);
    assert_int_equal(source__get_version(&f->t.cx, f->db, S("Patient"), S("a"), 2, &row),
                     ERR_OK);
    assert_int_equal(source__get(&f->t.cx, f->db, S("Patient"), S("zz"), &row),
                     ERR_NOT_FOUND);
    assert_int_equal(hits(search(f, "Patient", "identifier=urn:x|1")), 0);
}

static void
what_is_not_committed_is_gone(void **state)
{
    struct fixture *f = *state;
    struct source_row row;
    json *v = parse(f, people[0]);

    assert_int_equal(source__begin(&f->t.cx, f->db), ERR_OK);
    assert_int_equal(source__put(&f->t.cx, f->db, v, S("a"), "PUT", &row), ERR_OK);
    source__give(&f->db);
    assert_int_equal(source__take(&f->t.cx, f->source, &f->db), ERR_OK);
    assert_int_equal(source__get(&f->t.cx, f->db, S("Patient"), S("a"), &row),
                     ERR_NOT_FOUND);
}

/* Ids differ by case; the index does not, so the matcher must. */
static void
search_decides_by_the_matcher(void **state)
{
    struct fixture *f = *state;
    json *b;

    fill(f);
    assert_int_equal(hits(search(f, "Condition", "subject=Patient/a")), 2);
    assert_int_equal(hits(search(f, "Condition", "subject=Patient/A")), 1);
    assert_int_equal(hits(search(f, "Condition", "patient=a&onset-date=gt2021-06-01")), 1);
    assert_int_equal(hits(search(f, "Patient", "_id=A")), 1);
    b = search(f, "Patient", "_id=a&_revinclude=Condition:subject");
    assert_int_equal(hits(b), 3);
    b = search(f, "Condition", "_id=c3&_include=Condition:subject");
    assert_int_equal(hits(b), 2);
    assert_true(json_is(json_path(json_at(json_get(b, "entry"), 1), "search", "mode", NULL),
                        "include"));
}

static void
unknown_parameters_are_refused(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(search_refused(f, "Condition", "colour=red"), ERR_BAD_REQUEST);
    assert_int_equal(search_refused(f, "Condition", "_include=Condition:nothing"),
                     ERR_BAD_REQUEST);
    assert_int_equal(search_refused(f, "Condition", "_count=100000"), ERR_BAD_REQUEST);
    assert_int_equal(search_refused(f, "Condition", "_sort=colour"), ERR_UNSUPPORTED);
    assert_int_equal(search_refused(f, "Condition", "_summary=text"), ERR_BAD_REQUEST);
}

static struct str
next_query(const json *bundle)
{
    for (json_each(it, json_get(bundle, "link")))
        if (json_is(json_get(it.value, "relation"), "next")) {
            struct str url = json_get_text(it.value, "url");

            str_cut(&url, '?');
            return url;
        }
    return (struct str){ NULL, 0 };
}

static void
totals_are_counted_when_asked(void **state)
{
    struct fixture *f = *state;
    json *b;

    fill(f);
    b = search(f, "Condition", "_count=1");
    assert_int_equal(hits(b), 1);
    assert_true(total_is(f, b, "3"));
    assert_null(json_get(search(f, "Condition", "_count=1&_total=none"), "total"));
    b = search(f, "Condition", "_summary=count");
    assert_true(hits(b) == 0 && total_is(f, b, "3"));
    assert_null(next_query(b).p);
    b = search(f, "Condition", "_count=0&subject=Patient/a");
    assert_true(hits(b) == 0 && total_is(f, b, "2"));
}

/* A reference to another server's Patient/a is not to ours; an absolute one to us is. */
static void
absolute_references_are_followed_home_alone(void **state)
{
    static const char *const seen[] = {
        "{\"resourceType\":\"Condition\",\"id\":\"other\",\"subject\":{\"reference\":"
        "\"https://elsewhere/fhir/Patient/a\"}}",
        "{\"resourceType\":\"Condition\",\"id\":\"namesake\",\"subject\":{\"reference\":"
        "\"http://x/fhir2/Patient/a\"}}",
        "{\"resourceType\":\"Condition\",\"id\":\"home\",\"subject\":{\"reference\":"
        "\"http://x/fhir/Patient/a\"}}",
    };
    struct fixture *f = *state;

    store_one(f, people[0]);
    for (size_t i = 0; i < COUNT(seen); i++)
        store_one(f, seen[i]);
    assert_int_equal(hits(search(f, "Condition", "_id=other&_include=Condition:subject")),
                     1);
    assert_int_equal(
        hits(search(f, "Condition", "_id=namesake&_include=Condition:subject")), 1);
    assert_int_equal(hits(search(f, "Condition", "_id=home&_include=Condition:subject")),
                     2);
    assert_int_equal(hits(search(f, "Condition", "subject=Patient/a")), 0);
    assert_int_equal(hits(search(f, "Patient", "_id=a&_revinclude=Condition:subject")), 2);
}

static void
includes_of_a_type_bring_that_type(void **state)
{
    struct fixture *f = *state;

    fill(f);
    assert_int_equal(
        hits(search(f, "Condition", "_id=c1&_include=Condition:subject:Patient")), 2);
    assert_int_equal(
        hits(search(f, "Condition", "_id=c1&_include=Condition:subject:Group")), 1);
    assert_int_equal(
        hits(search(f, "Patient", "_id=a&_revinclude=Condition:subject:Group")), 1);
}

static void
walk_pages(struct fixture *f, const char *query, const char *const *order, size_t n)
{
    struct str q = str_of(query);
    size_t seen = 0;

    while (q.p != NULL) {
        json *b = search(f, "Condition", arena_z(&f->t.arena, q));

        for (json_each(it, json_get(b, "entry"))) {
            assert_true(seen < n);
            assert_true(json_is(json_path(it.value, "resource", "id", NULL), order[seen]));
            seen++;
        }
        q = next_query(b);
    }
    assert_int_equal(seen, n);
}

static void
pages_neither_repeat_nor_skip(void **state)
{
    static const char *const plain[] = { "c1", "c2", "c3" };
    static const char *const newest[] = { "c2", "c3", "c1" };
    struct fixture *f = *state;

    fill(f);
    walk_pages(f, "_count=1", plain, 3);
    walk_pages(f, "_count=2&_sort=-onset-date", newest, 3);
}

/* Others write between two pages of a sorted search. */
static void
sorted_pages_hold_while_others_write(void **state)
{
    struct fixture *f = *state;
    json *b;
    struct str q;

    fill(f);
    b = search(f, "Condition", "_count=1&_sort=-onset-date");
    assert_true(
        json_is(json_path(json_at(json_get(b, "entry"), 0), "resource", "id", NULL), "c2"));
    q = next_query(b);
    store_one(f,
              "{\"resourceType\":\"Condition\",\"id\":\"c9\",\"onsetDateTime\":\"2025\"}");
    b = search(f, "Condition", arena_z(&f->t.arena, q));
    assert_true(
        json_is(json_path(json_at(json_get(b, "entry"), 0), "resource", "id", NULL), "c3"));
    q = next_query(b);
    /* without a date: last, both ways */
    store_one(f, "{\"resourceType\":\"Condition\",\"id\":\"c0\"}");
    walk_pages(f, "_count=1&_sort=onset-date",
               (const char *const[]){ "c1", "c3", "c2", "c9", "c0" }, 5);
    walk_pages(f, "_count=1&_sort=-onset-date",
               (const char *const[]){ "c9", "c2", "c3", "c1", "c0" }, 5);
}

static void
elements_are_marked_as_part(void **state)
{
    struct fixture *f = *state;
    json *b, *r;

    fill(f);
    b = search(f, "Condition", "_id=c1&_elements=subject");
    r = json_get(json_at(json_get(b, "entry"), 0), "resource");
    assert_non_null(json_get(r, "subject"));
    assert_null(json_get(r, "onsetDateTime"));
    assert_true(json_is(json_get(json_at(json_path(r, "meta", "tag", NULL), 0), "code"),
                        "SUBSETTED"));
}

static err_t
transact(struct fixture *f, const char *text, json **out)
{
    struct json_out js;
    struct str reply;
    err_t e;

    json_out_init(&js, &f->t.arena);
    *out = NULL;
    if ((e = source__bundle(&f->t.cx, f->db, parse(f, text), &js)) != ERR_OK) {
        source__rollback(f->db);
        return e;
    }
    assert_int_equal(json_out_done(&f->t.cx, &js, &reply), ERR_OK);
    *out = parse(f, reply.p);
    return ERR_OK;
}

static void
transactions_rewrite_references(void **state)
{
    static const char text[] =
        "{\"resourceType\":\"Bundle\",\"type\":\"transaction\",\"entry\":["
        "{\"fullUrl\":\"urn:uuid:1\",\"resource\":{\"resourceType\":\"Patient\","
        "\"identifier\":"
        "[{\"system\":\"urn:x\",\"value\":\"9\"}]},\"request\":{\"method\":\"POST\","
        "\"url\":\"Patient\","
        "\"ifNoneExist\":\"identifier=urn:x|9\"}},"
        "{\"resource\":{\"resourceType\":\"Condition\",\"id\":\"t\",\"subject\":{"
        "\"reference\":"
        "\"urn:uuid:1\"}},\"request\":{\"method\":\"PUT\",\"url\":\"Condition/t\"}}]}";
    struct fixture *f = *state;
    struct source_row row;
    json *first, *second;

    assert_int_equal(transact(f, text, &first), ERR_OK);
    assert_int_equal(source__get(&f->t.cx, f->db, S("Condition"), S("t"), &row), ERR_OK);
    assert_true(str_search(row.body, S("\"reference\":\"Patient/")) < row.body.n);
    assert_int_equal(transact(f, text, &second), ERR_OK); /* conditional: not made again */
    assert_int_equal(hits(search(f, "Patient", "identifier=urn:x|9")), 1);
}

static void
a_transaction_is_all_or_nothing(void **state)
{
    static const char text[] =
        "{\"resourceType\":\"Bundle\",\"type\":\"transaction\",\"entry\":["
        "{\"resource\":{\"resourceType\":\"Patient\",\"id\":\"one\"},"
        "\"request\":{\"method\":\"PUT\",\"url\":\"Patient/one\"}},"
        "{\"resource\":{\"resourceType\":\"Patient\",\"id\":\"!\"},"
        "\"request\":{\"method\":\"PUT\",\"url\":\"Patient/!\"}}]}";
    struct fixture *f = *state;
    struct source_row row;
    json *reply;

    assert_int_equal(transact(f, text, &reply), ERR_BAD_REQUEST);
    assert_int_equal(source__get(&f->t.cx, f->db, S("Patient"), S("one"), &row),
                     ERR_NOT_FOUND);
}

#define ONE(method, url, resource, more)                                                   \
    "{\"resource\":" resource ",\"request\":{\"method\":\"" method "\",\"url\":\"" url     \
    "\"" more "}}"
#define PATIENT(id) "{\"resourceType\":\"Patient\",\"id\":\"" id "\"}"
#define BUNDLE(type, entries)                                                              \
    "{\"resourceType\":\"Bundle\",\"type\":\"" type "\",\"entry\":[" entries "]}"
#define GOOD ONE("PUT", "Patient/good", PATIENT("good"), "")

static void
what_a_transaction_refuses(void **state)
{
    static const struct {
        const char *text;
        err_t code;
    } refused[] = {
        { BUNDLE("transaction", GOOD "," ONE("DELETE", "Patient", "null", "")),
          ERR_BAD_REQUEST },
        { BUNDLE("transaction", GOOD "," ONE("DELETE", "Patient?active=true", "null", "")),
          ERR_UNSUPPORTED },
        { BUNDLE("transaction",
                 GOOD "," ONE("PUT", "Patient?active=true", PATIENT("x"), "")),
          ERR_UNSUPPORTED },
        { BUNDLE("transaction", GOOD "," ONE("PUT", "Patient", PATIENT("x"), "")),
          ERR_BAD_REQUEST },
        { BUNDLE("transaction", GOOD "," ONE("PUT", "Patient/y", PATIENT("x"), "")),
          ERR_BAD_REQUEST },
        { BUNDLE("transaction", GOOD "," ONE("POST", "Patient/x", PATIENT("x"), "")),
          ERR_BAD_REQUEST },
        { BUNDLE("transaction", GOOD "," ONE("POST", "Condition", PATIENT("x"), "")),
          ERR_BAD_REQUEST },
        { BUNDLE("transaction", GOOD "," ONE("PATCH", "Patient/x", PATIENT("x"), "")),
          ERR_UNSUPPORTED },
        { BUNDLE("transaction", GOOD "," GOOD), ERR_BAD_REQUEST },
        { BUNDLE("transaction", GOOD "," ONE("DELETE", "Patient/good", "null", "")),
          ERR_BAD_REQUEST },
        { BUNDLE("transaction", GOOD
                 "," ONE("PUT", "Patient/x", PATIENT("x"), ",\"ifMatch\":\"W/\\\"1\\\"\"")),
          ERR_PRECONDITION },
        { BUNDLE("transaction", GOOD
                 "," ONE("GET", "Patient/x", "null", ",\"ifNoneMatch\":\"W/\\\"1\\\"\"")),
          ERR_UNSUPPORTED },
        { BUNDLE("transaction", GOOD "," ONE("GET", "Patient/none", "null", "")),
          ERR_NOT_FOUND },
        { BUNDLE("transaction", GOOD "," ONE("GET", "Patient?colour=red", "null", "")),
          ERR_BAD_REQUEST },
        { BUNDLE("transaction",
                 GOOD "," ONE("PUT", "Condition/c",
                              "{\"resourceType\":\"Condition\",\"id\":\"c\",\"subject\":{"
                              "\"reference\":\"Patient?identifier=1\"}}",
                              "")),
          ERR_UNSUPPORTED },
        { BUNDLE("collection", GOOD), ERR_BAD_REQUEST },
    };
    struct fixture *f = *state;
    struct source_row row;
    json *reply;

    for (size_t i = 0; i < COUNT(refused); i++) {
        err_t e = transact(f, refused[i].text, &reply);

        if (e != refused[i].code)
            fail_msg("%s: %s", refused[i].text, err_row(e)->name);
        assert_int_equal(source__get(&f->t.cx, f->db, S("Patient"), S("good"), &row),
                         ERR_NOT_FOUND);
    }
}

static void
a_transaction_answers_reads_last(void **state)
{
    struct fixture *f = *state;
    json *reply, *found;

    assert_int_equal(
        transact(f,
                 BUNDLE("transaction", ONE("GET", "Patient?_id=good", "null", "") "," GOOD),
                 &reply),
        ERR_OK);
    found = json_get(json_at(json_get(reply, "entry"), 0), "resource");
    assert_true(json_is(json_get(found, "type"), "searchset"));
    assert_int_equal(hits(found), 1);
}

static void
entries_of_a_batch_stand_alone(void **state)
{
    static const char *const status[] = { "201", "400", "404", "201", "204" };
    struct fixture *f = *state;
    json *reply;
    size_t i = 0;

    assert_int_equal(
        transact(f,
                 BUNDLE("batch",
                        GOOD "," ONE("PUT", "Patient/y", PATIENT("x"), "") "," ONE(
                            "GET", "Patient/none", "null",
                            "") "," ONE("POST", "Patient", PATIENT("x"),
                                        "") "," ONE("DELETE", "Patient/good", "null", "")),
                 &reply),
        ERR_OK);
    for (json_each(it, json_get(reply, "entry"))) {
        assert_true(json_is(json_path(it.value, "response", "status", NULL), status[i]));
        i++;
    }
    assert_int_equal(i, COUNT(status));
}

static void
lastn_gives_the_newest_of_each_kind(void **state)
{
    static const char *const seen[] = {
        "{\"resourceType\":\"Observation\",\"id\":\"o1\",\"status\":\"final\",\"subject\":{"
        "\"reference\":"
        "\"Patient/"
        "a\"},\"code\":{\"coding\":[{\"system\":\"l\",\"code\":\"x\"}]},"
        "\"effectiveDateTime\":\"2020\"}",
        "{\"resourceType\":\"Observation\",\"id\":\"o2\",\"status\":\"final\",\"subject\":{"
        "\"reference\":"
        "\"Patient/"
        "a\"},\"code\":{\"coding\":[{\"system\":\"l\",\"code\":\"x\"}]},"
        "\"effectiveDateTime\":\"2023\"}",
        "{\"resourceType\":\"Observation\",\"id\":\"o3\",\"status\":\"final\",\"subject\":{"
        "\"reference\":"
        "\"Patient/"
        "a\"},\"code\":{\"coding\":[{\"system\":\"l\",\"code\":\"y\"}]},"
        "\"effectiveDateTime\":\"2021\"}",
    };
    struct fixture *f = *state;
    struct json_out js;
    struct str text;
    json *b;

    for (size_t i = 0; i < COUNT(seen); i++)
        store_one(f, seen[i]);
    json_out_init(&js, &f->t.arena);
    assert_int_equal(source__lastn(&f->t.cx, f->db, S("patient=Patient/a"), false, &js),
                     ERR_OK);
    assert_int_equal(json_out_done(&f->t.cx, &js, &text), ERR_OK);
    b = parse(f, text.p);
    assert_int_equal(hits(b), 2);
    assert_true(
        json_is(json_path(json_at(json_get(b, "entry"), 0), "resource", "id", NULL), "o2"));
}

/* 130 MB, without a pause: what is in the log goes into the database meanwhile. */
static void
the_log_does_not_grow_without_end(void **state)
{
    struct fixture *f = *state;
    struct arena own, *kept = f->t.cx.arena;
    struct source_row row;
    struct stat log;
    char path[128], *room = malloc(4 << 20);
    json *v;

    memset(room, 'x', 4 << 20);
    arena_init(&own, 128u << 20);
    f->t.cx.arena = &own;
    for (int i = 0; i < 32; i++) {
        struct str text = arena_printf(
            &own, "{\"resourceType\":\"Basic\",\"id\":\"b%d\",\"language\":\"%.*s\"}",
            i % 7, 4 << 20, room);

        assert_int_equal(json_parse(&f->t.cx, text, JSON_RAW_NUMBERS, &v), ERR_OK);
        assert_int_equal(source__begin(&f->t.cx, f->db), ERR_OK);
        assert_int_equal(
            source__put(&f->t.cx, f->db, v, json_get_text(v, "id"), "PUT", &row), ERR_OK);
        assert_int_equal(source__commit(&f->t.cx, f->db), ERR_OK);
        arena_reset(&own);
    }
    f->t.cx.arena = kept;
    arena_fini(&own);
    free(room);
    snprintf(path, sizeof(path), "%s/fhir.db-wal", f->folder);
    assert_int_equal(stat(path, &log), 0);
    assert_in_range(log.st_size, 1, 80 << 20);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(versions_are_kept),
        CASE(what_is_not_committed_is_gone),
        CASE(search_decides_by_the_matcher),
        CASE(unknown_parameters_are_refused),
        CASE(pages_neither_repeat_nor_skip),
        CASE(totals_are_counted_when_asked),
        CASE(absolute_references_are_followed_home_alone),
        CASE(includes_of_a_type_bring_that_type),
        CASE(sorted_pages_hold_while_others_write),
        CASE(what_a_transaction_refuses),
        CASE(a_transaction_answers_reads_last),
        CASE(entries_of_a_batch_stand_alone),
        CASE(elements_are_marked_as_part),
        CASE(transactions_rewrite_references),
        CASE(a_transaction_is_all_or_nothing),
        CASE(lastn_gives_the_newest_of_each_kind),
        CASE(the_log_does_not_grow_without_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

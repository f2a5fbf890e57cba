/*
 * source_http_test.c - the FHIR store by its doors: headers, refusals as
 * OperationOutcome, forms, history. EUPL-1.2.
 */
#include "base/test.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "care/source/source_int.h"

struct fixture {
    struct test_ctx t;
    struct source *source;
    char folder[64];
};

#define PATIENT(id)                                                                        \
    "{\"resourceType\":\"Patient\",\"id\":\"" id                                           \
    "\",\"identifier\":[{\"system\":\"urn:x\",\"value\":\"1\"}]}"
#define P1 PATIENT("p1")
#define P2 PATIENT("p2")

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
    if (source_open(&f->t.cx, path, S("http://x/fhir"), &f->source) != ERR_OK)
        return -1;
    *state = f;
    return 0;
}

static int
teardown(void **state)
{
    static const char *const files[] = { "fhir.db", "fhir.db-wal", "fhir.db-shm" };
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

/* "200 …" in *reply, and the body parsed. */
static json *
ask(struct fixture *f, const char *line, const char *more, const char *body,
    struct str *reply)
{
    static const struct http_route *const tables[] = { source_routes };
    struct http_ask how = {
        .tables = tables, .table_count = 1, .door = HTTP_DOOR_PUBLIC, .state = f->source
    };
    struct str request = arena_printf(
        &f->t.arena, "%s HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n%s\r\n%s", line,
        strlen(body), more, body);
    struct str text;
    size_t at;
    json *v = NULL;

    assert_int_equal(http_ask(&f->t.cx, &how, request, reply), ERR_OK);
    at = str_search(*reply, S("\r\n\r\n"));
    text = str_sub(*reply, at + 4, reply->n);
    *reply = str_sub(*reply, 9, at + 2);
    if (text.n > 0)
        assert_int_equal(json_parse(&f->t.cx, text, JSON_RAW_NUMBERS, &v), ERR_OK);
    return v;
}

#define FHIR "Content-Type: application/fhir+json\r\n"
#define FORM "Content-Type: application/x-www-form-urlencoded\r\n"

static bool
says(struct str text, const char *part)
{
    return str_search(text, str_of(part)) < text.n;
}

static void
wants(struct fixture *f, const char *line, const char *more, const char *body,
      const char *status)
{
    struct str reply;
    json *v = ask(f, line, more, body, &reply);

    if (!str_starts(reply, str_of(status)))
        fail_msg("%s: %.*s, not %s", line, STR(reply), status);
    if (status[0] > '3' && !json_is(json_get(v, "resourceType"), "OperationOutcome"))
        fail_msg("%s: the refusal is no OperationOutcome", line);
}

static void
put(struct fixture *f, const char *line, const char *body)
{
    struct str reply;

    ask(f, line, FHIR, body, &reply);
    assert_true(str_starts(reply, S("20")));
}

static void
a_version_has_its_headers(void **state)
{
    struct fixture *f = *state;
    struct str reply;
    json *v;

    v = ask(f, "PUT /fhir/Patient/p1", FHIR, P1, &reply);
    assert_true(str_starts(reply, S("201")));
    assert_true(says(reply, "ETag: W/\"1\"\r\n"));
    assert_true(says(reply, "Last-Modified: Thu, 01 Jan 2026 00:00:00 GMT\r\n"));
    assert_true(says(reply, "Location: http://x/fhir/Patient/p1/_history/1\r\n"));
    assert_true(json_is(json_path(v, "meta", "versionId", NULL), "1"));
    ask(f, "GET /fhir/Patient/p1", "", "", &reply);
    assert_true(says(reply, "200") && says(reply, "ETag: W/\"1\""));
    assert_false(says(reply, "Location:"));
    ask(f, "GET /fhir/Patient/p1/_history/1", "", "", &reply);
    assert_true(says(reply, "ETag: W/\"1\""));
}

static void
each_refusal_is_an_outcome(void **state)
{
    static const struct {
        const char *line, *more, *body, *status;
    } refused[] = {
        { "GET /fhir/Patient/none", "", "", "404" },
        { "GET /fhir/Colour/p1", "", "", "404" },
        { "GET /fhir/Patient/p1/_history/9", "", "", "404" },
        { "GET /fhir/Patient/p1/_history/x", "", "", "404" },
        { "GET /fhir/Patient?colour=red", "", "", "400" },
        { "GET /fhir/Patient?_format=xml", "", "", "400" },
        { "GET /fhir/Patient?_page=~AAAA", "", "", "400" },
        { "GET /fhir/Patient?_page=x", "", "", "400" },
        { "GET /fhir/Patient/none/_history", "", "", "404" },
        { "GET /fhir/Patient/p1/_history?_at=2020", "", "", "400" },
        { "GET /fhir/Patient/p1/_history?_count=0", "", "", "400" },
        { "GET /fhir/Observation/$lastn?_count=1", "", "", "400" },
        { "POST /fhir/Patient/_search", "Content-Type: text/plain\r\n", "_id=p1", "415" },
        { "POST /fhir/Patient", "Content-Type: text/plain\r\n", P1, "415" },
        { "POST /fhir/Patient", FHIR, "{", "400" },
        { "POST /fhir/Condition", FHIR, P1, "400" },
        { "PUT /fhir/Patient/p2", FHIR, P1, "400" },
        { "PUT /fhir/Patient/p1", FHIR "If-Match: W/\"7\"\r\n", P1, "412" },
        { "PUT /fhir/Patient/p2", FHIR "If-Match: W/\"1\"\r\n", P2, "412" },
        { "DELETE /fhir/Patient/p1", "If-Match: W/\"7\"\r\n", "", "412" },
        { "POST /fhir/Patient", FHIR "If-None-Exist: \r\n", P1, "400" },
        { "POST /fhir/Patient", FHIR "If-None-Exist: _count=1\r\n", P1, "400" },
        { "POST /fhir", FHIR, P1, "400" },
    };
    struct fixture *f = *state;

    put(f, "PUT /fhir/Patient/p1", P1);
    for (size_t i = 0; i < COUNT(refused); i++)
        wants(f, refused[i].line, refused[i].more, refused[i].body, refused[i].status);
    wants(f, "GET /fhir/Patient/p1", "", "", "200"); /* and it is as it was */
}

static void
a_condition_makes_one_alone(void **state)
{
    struct fixture *f = *state;
    struct str reply;

    ask(f, "POST /fhir/Patient", FHIR "If-None-Exist: identifier=urn:x%7C1\r\n", P1,
        &reply);
    assert_true(str_starts(reply, S("201")));
    ask(f, "POST /fhir/Patient", FHIR "If-None-Exist: identifier=urn:x%7C1\r\n", P1,
        &reply);
    assert_true(str_starts(reply, S("200")) && says(reply, "Location: http://x/fhir/"));
    put(f, "PUT /fhir/Patient/p2", P2);
    wants(f, "POST /fhir/Patient", FHIR "If-None-Exist: identifier=urn:x%7C1\r\n", P1,
          "412");
}

/* What was posted has an id of its own, or none: found by the one that it got. */
static void
what_was_created_is_found_by_its_id(void **state)
{
    struct fixture *f = *state;
    struct str reply, id;
    json *v = ask(f, "POST /fhir/Patient", FHIR, P1, &reply);
    char line[128];

    id = json_get_text(v, "id");
    assert_int_equal(id.n, 32);
    snprintf(line, sizeof(line), "GET /fhir/Patient?_id=%.*s", STR(id));
    v = ask(f, line, "", "", &reply);
    assert_int_equal(json_size(json_get(v, "entry")), 1);
    v = ask(f, "GET /fhir/Patient?_id=p1", "", "", &reply);
    assert_int_equal(json_size(json_get(v, "entry")), 0);
}

static struct str
link_of(const json *v, const char *relation)
{
    for (json_each(it, json_get(v, "link")))
        if (json_is(json_get(it.value, "relation"), relation))
            return json_get_text(it.value, "url");
    return (struct str){ NULL, 0 };
}

/* A number in a form stands in no link; the pages go on all the same. */
static void
what_came_in_a_form_stands_in_no_link(void **state)
{
    struct fixture *f = *state;
    struct str reply, next, self;
    char line[512];
    json *v;

    put(f, "PUT /fhir/Patient/p1", P1);
    put(f, "PUT /fhir/Patient/p2", P2);
    v = ask(f, "POST /fhir/Patient/_search", FORM, "identifier=urn:x%7C1&_count=1", &reply);
    self = link_of(v, "self");
    next = link_of(v, "next");
    assert_true(str_is(self, "http://x/fhir/Patient/_search"));
    assert_true(str_starts(next, S("http://x/fhir/Patient?_page=~")));
    assert_false(says(next, "urn") || says(next, "identifier"));
    snprintf(line, sizeof(line), "GET %.*s", STR(str_sub(next, 8, next.n)));
    v = ask(f, line, "", "", &reply);
    assert_int_equal(json_size(json_get(v, "entry")), 1);
    assert_true(
        json_is(json_path(json_at(json_get(v, "entry"), 0), "resource", "id", NULL), "p2"));
    assert_null(link_of(v, "next").p);
    line[strlen(line) - 1] ^= 1; /* not made here */
    wants(f, line, "", "", "400");
    /* in the URL, it stands there */
    v = ask(f, "GET /fhir/Patient?identifier=urn:x%7C1&_count=1", "", "", &reply);
    assert_true(str_is(link_of(v, "next"),
                       "http://x/fhir/Patient?identifier=urn:x%7C1&_count=1&_page=1"));
}

static void
lastn_by_url_and_form(void **state)
{
    struct fixture *f = *state;
    struct str reply;
    json *v;

    put(f, "PUT /fhir/Observation/o1",
        "{\"resourceType\":\"Observation\",\"id\":\"o1\",\"subject\":{\"reference\":"
        "\"Patient/p1\"},\"code\":{\"text\":\"a\"}}");
    put(f, "PUT /fhir/Observation/o2",
        "{\"resourceType\":\"Observation\",\"id\":\"o2\",\"subject\":{\"reference\":"
        "\"Patient/p1\"},\"code\":{\"text\":\"b\"}}");
    v = ask(f, "GET /fhir/Observation/$lastn?patient=Patient/p1", "", "", &reply);
    assert_int_equal(json_size(json_get(v, "entry")), 2);
    assert_true(
        str_is(link_of(v, "self"), "http://x/fhir/Observation/$lastn?patient=Patient/p1"));
    v = ask(f, "POST /fhir/Observation/$lastn", FORM, "patient=Patient/p2", &reply);
    assert_int_equal(json_size(json_get(v, "entry")), 0);
    assert_true(str_is(link_of(v, "self"), "http://x/fhir/Observation/$lastn"));
    v = ask(f, "POST /fhir/Observation/$lastn?patient=Patient/p1", "", "", &reply);
    assert_int_equal(json_size(json_get(v, "entry")), 2);
}

static void
history_goes_back_page_by_page(void **state)
{
    static const char *const versions[] = { "4", "3", "2", "1" };
    struct fixture *f = *state;
    struct str reply;
    char line[256] = "GET /fhir/Patient/p1/_history?_count=3";
    size_t seen = 0;

    put(f, "PUT /fhir/Patient/p1", P1);
    put(f, "PUT /fhir/Patient/p1", P1);
    put(f, "DELETE /fhir/Patient/p1", "");
    put(f, "PUT /fhir/Patient/p2", P2);
    put(f, "PUT /fhir/Patient/p1", P1);
    for (;;) {
        json *v = ask(f, line, "", "", &reply);
        struct str next = link_of(v, "next");

        for (json_each(it, json_get(v, "entry"))) {
            struct str etag = json_get_text(json_get(it.value, "response"), "etag");

            assert_true(seen < 4 && says(etag, versions[seen]));
            assert_true(str_is(S("3"), versions[seen]) !=
                        (json_get(it.value, "resource") != NULL));
            seen++;
        }
        if (next.p == NULL)
            break;
        snprintf(line, sizeof(line), "GET %.*s", STR(str_sub(next, 8, next.n)));
    }
    assert_int_equal(seen, 4);
    assert_int_equal(
        json_size(json_get(ask(f, "GET /fhir/_history", "", "", &reply), "entry")), 5);
    assert_int_equal(
        json_size(json_get(ask(f, "GET /fhir/Patient/_history?_since=2027-01-01T00:00:00Z",
                               "", "", &reply),
                           "entry")),
        0);
    wants(f, "GET /fhir/Patient/p1/_history/3", "", "", "410");
}

static void
metadata_names_parameters(void **state)
{
    struct fixture *f = *state;
    struct str reply;
    json *v = ask(f, "GET /fhir/metadata", "", "", &reply);
    size_t seen = 0;

    assert_true(json_is(json_get(v, "fhirVersion"), "4.0.1"));
    v = json_get(json_at(json_get(v, "rest"), 0), "resource");
    for (json_each(it, v))
        for (json_each(p, json_get(it.value, "searchParam")))
            seen += json_is(json_get(it.value, "type"), "Condition") &&
                    json_is(json_get(p.value, "name"), "onset-date");
    assert_int_equal(seen, 1);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_version_has_its_headers),
        CASE(each_refusal_is_an_outcome),
        CASE(a_condition_makes_one_alone),
        CASE(what_was_created_is_found_by_its_id),
        CASE(what_came_in_a_form_stands_in_no_link),
        CASE(lastn_by_url_and_form),
        CASE(history_goes_back_page_by_page),
        CASE(metadata_names_parameters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

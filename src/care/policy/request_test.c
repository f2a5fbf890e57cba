/* request_test.c - one request, one meaning. EUPL-1.2. */
#include "base/test.h"

#include <string.h>

#include "care/policy/policy.h"

#define FORM "application/x-www-form-urlencoded"

static err_t
parse(struct test_ctx *t, enum http_method method, const char *path, const char *query,
      const char *type, const char *body, struct fhir_request *r)
{
    return fhir_request_parse(&t->cx, method, str_of(path), str_of(query), str_of(type),
                              bytes_of(str_of(body)), r);
}

static void
refuses_what_has_more_than_one_meaning(void **state)
{
    static const struct {
        enum http_method method;
        const char *path, *query, *type, *body;
        err_t want;
    } rows[] = {
        /* spec 2d.9 (2): paths that others normalise */
        { HTTP_GET, "/Patient/..", "", "", "", ERR_FHIR_REQUEST },
        { HTTP_GET, "/Patient/%2e%2e", "", "", "", ERR_FHIR_REQUEST },
        { HTTP_GET, "/./Patient/1", "", "", "", ERR_FHIR_REQUEST },
        { HTTP_GET, "/Patient//1", "", "", "", ERR_FHIR_REQUEST },
        { HTTP_GET, "//Patient/1", "", "", "", ERR_FHIR_REQUEST },
        { HTTP_GET, "/Patient/", "", "", "", ERR_FHIR_REQUEST },
        { HTTP_GET, "/Patient%2F1", "", "", "", ERR_FHIR_REQUEST },
        { HTTP_GET, "/Patient%5c1", "", "", "", ERR_FHIR_REQUEST },
        { HTTP_GET, "/Patient/%252e%252e", "", "", "", ERR_FHIR_REQUEST },
        { HTTP_GET, "/Patient/1%00", "", "", "", ERR_FHIR_REQUEST },
        { HTTP_GET, "/Patient/1;v=2", "", "", "", ERR_FHIR_REQUEST },
        { HTTP_GET, "/Patient/%zz", "", "", "", ERR_FHIR_REQUEST },
        { HTTP_GET, "/patient/1", "", "", "", ERR_FHIR_REQUEST },
        { HTTP_GET, "/Resource/1", "", "", "", ERR_FHIR_REQUEST },
        { HTTP_GET, "/Patient/1/_history/2/3", "", "", "", ERR_FHIR_REQUEST },
        { HTTP_GET, "/Patient/1/Observation", "", "", "", ERR_FHIR_REQUEST },
        { HTTP_GET, "/Patient/1/*", "", "", "", ERR_FHIR_REQUEST },
        { HTTP_POST, "/Patient/1/_search", "", "", "", ERR_FHIR_REQUEST },
        { HTTP_GET, "/Observation/$LastN", "", "", "", ERR_FHIR_REQUEST },
        { HTTP_GET, "/$", "", "", "", ERR_FHIR_REQUEST },
        /* methods */
        { HTTP_GET, "/Patient/_search", "", "", "", ERR_METHOD },
        { HTTP_OPTIONS, "/Patient/1", "", "", "", ERR_METHOD },
        { HTTP_POST, "/Patient/1", "", "", "", ERR_METHOD },
        { HTTP_HEAD, "/Patient/_search", "", "", "", ERR_METHOD },
        { HTTP_PUT, "/metadata", "", "", "", ERR_METHOD },
        /* parameters: spec 2d.9 (1) */
        { HTTP_POST, "/Patient/_search", "a=1", FORM, "a=1", ERR_FHIR_REQUEST },
        { HTTP_POST, "/Patient/_search", "a=1", FORM, "a=2", ERR_FHIR_REQUEST },
        { HTTP_POST, "/Patient/_search", "%61=1", FORM, "a=2", ERR_FHIR_REQUEST },
        { HTTP_GET, "/Patient", "a", "", "", ERR_FHIR_REQUEST },
        { HTTP_GET, "/Patient", "a=", "", "", ERR_FHIR_REQUEST },
        { HTTP_GET, "/Patient", "=1", "", "", ERR_FHIR_REQUEST },
        { HTTP_GET, "/Patient", "a=1&&b=2", "", "", ERR_FHIR_REQUEST },
        { HTTP_GET, "/Patient", "a=1&", "", "", ERR_FHIR_REQUEST },
        { HTTP_GET, "/Patient", "a=%4", "", "", ERR_FHIR_REQUEST },
        { HTTP_GET, "/Patient", "a=%2541", "", "", ERR_FHIR_REQUEST },
        { HTTP_GET, "/Patient", "a=%00", "", "", ERR_FHIR_REQUEST },
        { HTTP_GET, "/Patient", "a=%0a", "", "", ERR_FHIR_REQUEST },
        { HTTP_GET, "/Patient", "a=%ff", "", "", ERR_FHIR_REQUEST },
        { HTTP_GET, "/Patient", "a=1,,2", "", "", ERR_FHIR_REQUEST },
        { HTTP_GET, "/Patient", "a=1,", "", "", ERR_FHIR_REQUEST },
        { HTTP_GET, "/Patient", "a=1\\", "", "", ERR_FHIR_REQUEST },
        { HTTP_GET, "/Patient", "a%20b=1", "", "", ERR_FHIR_REQUEST },
        { HTTP_GET, "/Patient", "9=1", "", "", ERR_FHIR_REQUEST },
        /* bodies */
        { HTTP_GET, "/Patient", "", FORM, "a=1", ERR_FHIR_REQUEST },
        { HTTP_DELETE, "/Patient/1", "", FORM, "a=1", ERR_FHIR_REQUEST },
        { HTTP_POST, "/Patient/_search", "", "application/json", "{}", ERR_MEDIA_TYPE },
        { HTTP_POST, "/Patient/_search", "", "", "a=1", ERR_MEDIA_TYPE },
        { HTTP_POST, "/Observation/$lastn", "", "application/fhir+json", "{}",
          ERR_MEDIA_TYPE },
        { HTTP_POST, "/Patient", "", FORM, "a=1", ERR_MEDIA_TYPE },
        { HTTP_POST, "/Patient", "", "application/fhir+xml", "<a/>", ERR_MEDIA_TYPE },
        { HTTP_POST, "/Patient", "", "application/fhir+json", "{\"resourceType\":\"Task\"}",
          ERR_FHIR_REQUEST },
        { HTTP_PUT, "/Patient/1", "", "application/fhir+json",
          "{\"resourceType\":\"Patient\",\"id\":\"2\"}", ERR_FHIR_REQUEST },
        { HTTP_PATCH, "/Patient/1", "", "application/json-patch+json", "{}",
          ERR_FHIR_REQUEST },
        { HTTP_PATCH, "/Patient/1", "", "application/fhir+json", "{}", ERR_MEDIA_TYPE },
        { HTTP_POST, "/", "", "application/fhir+json", "{\"resourceType\":\"Patient\"}",
          ERR_FHIR_REQUEST },
        { HTTP_DELETE, "/Patient", "", "", "", ERR_FHIR_REQUEST },
        /* a person's number only where it can be carried out of sight */
        { HTTP_GET, "/Observation/$lastn", "patient.identifier=1", "", "",
          ERR_FHIR_REQUEST },
    };
    struct test_ctx t;
    struct fhir_request r;

    (void)state;
    test_ctx_init(&t);
    for (size_t i = 0; i < COUNT(rows); i++) {
        err_t e = parse(&t, rows[i].method, rows[i].path, rows[i].query, rows[i].type,
                        rows[i].body, &r);

        if (e != rows[i].want)
            fail_msg("row %zu: %s?%s gave %s", i, rows[i].path, rows[i].query,
                     err_row(e)->name);
    }
    test_ctx_fini(&t);
}

static void
refuses_duplicate_members_in_a_body(void **state)
{
    struct test_ctx t;
    struct fhir_request r;

    (void)state;
    test_ctx_init(&t);
    assert_int_not_equal(parse(&t, HTTP_POST, "/Patient", "", "application/fhir+json",
                               "{\"resourceType\":\"Patient\",\"resourceType\":\"Task\"}",
                               &r),
                         ERR_OK);
    test_ctx_fini(&t);
}

static void
refuses_more_than_the_limits(void **state)
{
    struct test_ctx t;
    struct fhir_request r;
    struct buf b;

    (void)state;
    test_ctx_init(&t);
    buf_init(&b, &t.arena);
    for (int i = 0; i <= FHIR_ARGS_MAX; i++)
        buf_printf(&b, "%sa%c=1", i ? "&" : "", 'a' + i % 26);
    buf_c(&b, 0);
    assert_int_equal(parse(&t, HTTP_GET, "Patient", b.p, "", "", &r), ERR_FHIR_REQUEST);
    buf_init(&b, &t.arena);
    buf_z(&b, "a=1");
    for (int i = 0; i < FHIR_ARG_VALUES_MAX; i++)
        buf_z(&b, ",1");
    buf_c(&b, 0);
    assert_int_equal(parse(&t, HTTP_GET, "Patient", b.p, "", "", &r), ERR_FHIR_REQUEST);
    buf_init(&b, &t.arena);
    for (int i = 0; i < FHIR_QUERY_MAX; i++)
        buf_z(&b, "x");
    buf_z(&b, "=1");
    assert_int_equal(parse(&t, HTTP_GET, "Patient", b.p, "", "", &r), ERR_FHIR_REQUEST);
    test_ctx_fini(&t);
}

static void
knows_every_interaction(void **state)
{
    static const struct {
        enum http_method method;
        const char *path;
        enum fhir_interaction want;
    } rows[] = {
        { HTTP_GET, "/Patient/1", FHIR_READ },
        { HTTP_HEAD, "Patient/1", FHIR_READ },
        { HTTP_GET, "/Patient/a.b-c/_history/2", FHIR_VREAD },
        { HTTP_GET, "/Patient", FHIR_SEARCH_TYPE },
        { HTTP_POST, "/Patient/_search", FHIR_SEARCH_TYPE },
        { HTTP_GET, "", FHIR_SEARCH_SYSTEM },
        { HTTP_GET, "/", FHIR_SEARCH_SYSTEM },
        { HTTP_POST, "/_search", FHIR_SEARCH_SYSTEM },
        { HTTP_GET, "/Patient/1/_history", FHIR_HISTORY_INSTANCE },
        { HTTP_GET, "/Patient/_history", FHIR_HISTORY_TYPE },
        { HTTP_GET, "/_history", FHIR_HISTORY_SYSTEM },
        { HTTP_GET, "/metadata", FHIR_CAPABILITIES },
        { HTTP_GET, "/Observation/$lastn", FHIR_OPERATION },
        { HTTP_POST, "/Observation/$lastn", FHIR_OPERATION },
        { HTTP_GET, "/Composition/1/$document", FHIR_OPERATION },
        { HTTP_GET, "/$graphql", FHIR_OPERATION },
        { HTTP_DELETE, "/Patient/1", FHIR_DELETE },
        { HTTP_GET, "/%50atient/1", FHIR_READ },
    };
    struct test_ctx t;
    struct fhir_request r;

    (void)state;
    test_ctx_init(&t);
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(parse(&t, rows[i].method, rows[i].path, "", "", "", &r), ERR_OK);
        assert_string_equal(fhir_interaction_name(r.interaction),
                            fhir_interaction_name(rows[i].want));
        assert_true(fhir_interaction_of(str_of(fhir_interaction_name(r.interaction))) ==
                    r.interaction);
    }
    assert_int_equal(parse(&t, HTTP_PUT, "/Patient/1", "", "application/fhir+json",
                           "{\"resourceType\":\"Patient\",\"id\":\"1\"}", &r),
                     ERR_OK);
    assert_int_equal(r.interaction, FHIR_UPDATE);
    assert_int_equal(parse(&t, HTTP_POST, "", "", "application/fhir+json",
                           "{\"resourceType\":\"Bundle\"}", &r),
                     ERR_OK);
    assert_int_equal(r.interaction, FHIR_TRANSACTION);
    test_ctx_fini(&t);
}

static void
assert_wire(const struct fhir_request *r, enum http_method method, const char *path,
            const char *query, const char *body)
{
    assert_int_equal(r->wire_method, method);
    assert_true(str_is(r->wire_path, path));
    assert_true(str_is(r->wire_query, query));
    assert_true(str_is(str_of_bytes(r->wire_body), body));
}

static void
writes_what_it_judged(void **state)
{
    struct test_ctx t;
    struct fhir_request r;

    (void)state;
    test_ctx_init(&t);
    assert_int_equal(parse(&t, HTTP_GET, "/%50atient/1", "_format=json", "", "", &r),
                     ERR_OK);
    assert_wire(&r, HTTP_GET, "Patient/1", "_format=json", "");
    assert_int_equal(
        parse(&t, HTTP_GET, "Observation", "b=x+y&a=%7c,%C3%A9&a=1", "", "", &r), ERR_OK);
    assert_wire(&r, HTTP_GET, "Observation", "a=1&a=%7C%2C%C3%A9&b=x%20y", "");
    /* URL and form become one form */
    assert_int_equal(parse(&t, HTTP_POST, "Observation/_search", "b=2", FORM, "a=1", &r),
                     ERR_OK);
    assert_wire(&r, HTTP_POST, "Observation/_search", "", "a=1&b=2");
    test_ctx_fini(&t);
}

static void
carries_a_number_out_of_sight(void **state)
{
    static const char *const queries[] = {
        "identifier=x%7C1",
        "identifier:of-type=x%7C1",
        "_has:Observation:patient:identifier=1",
        "general-practitioner=http://fhir.nl/fhir/NamingSystem/bsn%7C1",
        "x=urn:oid:2.16.840.1.113883.2.4.6.3%7C1",
    };
    struct test_ctx t;
    struct fhir_request r;

    (void)state;
    test_ctx_init(&t);
    for (size_t i = 0; i < COUNT(queries); i++) {
        assert_int_equal(parse(&t, HTTP_GET, "Patient", queries[i], "", "", &r), ERR_OK);
        assert_true(r.names_person);
        assert_int_equal(r.wire_method, HTTP_POST);
        assert_true(str_is(r.wire_path, "Patient/_search"));
        assert_int_equal(r.wire_query.n, 0);
        assert_true(r.wire_body.n > 0);
    }
    test_ctx_fini(&t);
}

static void
cuts_values_at_bare_commas(void **state)
{
    struct test_ctx t;
    struct fhir_request r;
    const struct fhir_arg *p;

    (void)state;
    test_ctx_init(&t);
    assert_int_equal(parse(&t, HTTP_GET, "Patient", "a=1,2\\,3,4\\\\,5", "", "", &r),
                     ERR_OK);
    p = fhir_request_single(&r, S("a"));
    assert_non_null(p);
    assert_int_equal(p->any_n, 4);
    assert_true(str_is(p->any[1], "2\\,3"));
    assert_true(str_is(p->any[2], "4\\\\"));
    assert_int_equal(parse(&t, HTTP_GET, "Patient", "a=1&a=2", "", "", &r), ERR_OK);
    assert_null(fhir_request_single(&r, S("a")));
    assert_int_equal(fhir_request_count(&r, S("a")), 2);
    test_ctx_fini(&t);
}

static void
survives_every_failing_allocation(void **state)
{
    struct test_ctx t;
    struct fhir_request r;

    (void)state;
    for (long n = 1;; n++) {
        err_t e;

        test_ctx_init(&t);
        t.arena.fail_at = n;
        e = parse(&t, HTTP_POST, "Observation/_search", "b=2", FORM, "a=1,2,3", &r);
        test_ctx_fini(&t);
        if (e == ERR_OK)
            break;
        assert_true(n < 100);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_what_has_more_than_one_meaning),
        cmocka_unit_test(refuses_duplicate_members_in_a_body),
        cmocka_unit_test(refuses_more_than_the_limits),
        cmocka_unit_test(knows_every_interaction),
        cmocka_unit_test(writes_what_it_judged),
        cmocka_unit_test(carries_a_number_out_of_sight),
        cmocka_unit_test(cuts_values_at_bare_commas),
        cmocka_unit_test(survives_every_failing_allocation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

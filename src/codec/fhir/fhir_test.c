/*
 * fhir_test.c - search: what is refused, what matches, where the edges lie.
 * Published resources are run by test/conformance. EUPL-1.2.
 */
#include "base/test.h"
#include "codec/fhir/fhir.h"

#include <stdio.h>

static const char patient[] =
    "{\"resourceType\":\"Patient\",\"id\":\"p1\",\"meta\":{\"lastUpdated\":\"2024-05-01T10:"
    "00:00+02:00\","
    "\"tag\":[{\"system\":\"urn:t\",\"code\":\"A\"}],\"profile\":[\"http://x/"
    "p|1\"]},\"active\":true,"
    "\"identifier\":[{\"system\":\"http://fhir.nl/fhir/NamingSystem/"
    "bsn\",\"value\":\"999990019\"},"
    "{\"system\":\"urn:mrn\",\"value\":\"aB,1\"}],"
    "\"name\":[{\"family\":\"de  "
    "Bo\\u00ebr-J\\u00e4ger\",\"given\":[\"\\u00c9lise\",\"Jo\"]}],"
    "\"telecom\":[{\"system\":\"phone\",\"value\":\"020-555\"},{\"system\":\"email\","
    "\"value\":\"a@b.nl\"}],"
    "\"gender\":\"female\",\"birthDate\":\"1980-02\",\"deceasedBoolean\":false,"
    "\"address\":[{\"city\":\"Utrecht\",\"line\":[\"Straat 1\"]}],"
    "\"communication\":[{\"language\":{\"coding\":[{\"system\":\"urn:ietf:bcp:47\","
    "\"code\":\"nl\","
    "\"display\":\"Dutch\"}],\"text\":\"Nederlands\"}}],"
    "\"generalPractitioner\":[{\"reference\":\"Practitioner/g1/_history/3\"},"
    "{\"reference\":\"https://other.example/fhir/Organization/o1\"},"
    "{\"identifier\":{\"system\":\"urn:agb\",\"value\":\"01000001\"}}]}";

static const char observation[] =
    "{\"resourceType\":\"Observation\",\"status\":\"final\",\"subject\":{\"reference\":"
    "\"Patient/p1\"},"
    "\"code\":{\"coding\":[{\"system\":\"http://"
    "loinc.org\",\"code\":\"29463-7\",\"display\":\"Body weight\"}]},"
    "\"effectivePeriod\":{\"start\":\"2024-03-01\",\"end\":\"2024-03-05\"},"
    "\"valueQuantity\":{\"value\":5.4,\"unit\":\"kg\",\"system\":\"http://"
    "unitsofmeasure.org\",\"code\":\"kg\"},"
    "\"component\":[{\"valueQuantity\":{\"value\":10,\"comparator\":\"<\",\"code\":\"mg\"}}"
    ","
    "{\"valueQuantity\":{\"value\":-3}}]}";

struct row {
    const char *query;
    int want; /* 1, 0; -1 refused */
};

static void
check(const char *resource, const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct test_ctx t;
        struct fhir_query query;
        json *v;
        bool holds;
        int got = -1;

        test_ctx_init(&t);
        assert_int_equal(json_parse(&t.cx, str_of(resource), JSON_RAW_NUMBERS, &v), ERR_OK);
        if (fhir_query_parse(&t.cx, json_get_text(v, "resourceType"), str_of(rows[i].query),
                             &query) == ERR_OK) {
            assert_int_equal(fhir_match(&t.cx, &query, v, &holds), ERR_OK);
            got = holds;
        } else {
            assert_int_equal(query.n, 0);
            assert_true(t.cx.reason.n != 0);
        }
        test_ctx_fini(&t);
        if (got != rows[i].want)
            fail_msg("%s: %d, not %d", rows[i].query, got, rows[i].want);
    }
}

static void
refused(void **state)
{
    static const struct row rows[] = {
        { "nosuch=1", -1 },
        { "=1", -1 },
        { "name", -1 },
        { "name=", -1 },
        { "name=a,", -1 },
        { "name=,a", -1 },
        { "name:nosuch=1", -1 },
        { "name:not=a", -1 },
        { "gender:exact=a", -1 },
        { "gender:in=x", -1 },
        { "identifier:of-type=a|b|c", -1 },
        { "gender:missing=1", -1 },
        { "birthdate=tomorrow", -1 },
        { "birthdate=2024-13", -1 },
        { "birthdate=2023-02-29", -1 },
        { "birthdate=xx2024", -1 },
        { "birthdate=ge", -1 },
        { "birthdate=2024-1", -1 },
        { "birthdate=2024-01-01T10", -1 },
        { "birthdate=2024-01-01T25:00", -1 },
        { "birthdate=2024-01-01T10:00:00%2015:00", -1 },
        { "birthdate=0000", -1 },
        { "general-practitioner.name=x", -1 },
        { "_has:Observation:patient:code=1", -1 },
        { "general-practitioner:Nosuch=1", -1 },
        { "general-practitioner:Practitioner=Organization/1", -1 },
        { "name=a\\b", -1 },
        { "name=%2", -1 },
        { "name=%FF", -1 },
        { "name=a%00", -1 },
        { "identifier=|", -1 },
        { "identifier=a|b|c", -1 },
        { "name=%20", -1 },
        { "name:contains=%CC%81", -1 },
        { "_count=5", -1 },
        { "name=a&&gender=male", -1 },
        { "NAME=a", -1 },
        { "_sort=name", -1 },
        { "name:exact:missing=true", -1 },
        { "birthdate:missing=", -1 },
        { "near=1|2", -1 },
    };

    (void)state;
    check(patient, rows, COUNT(rows));
}

static void
tokens(void **state)
{
    static const struct row rows[] = {
        { "", 1 },
        { "_id=p1", 1 },
        { "_id=P1", 0 },
        { "_id=p2,p1", 1 },
        { "active=true", 1 },
        { "active=false", 0 },
        { "gender=female", 1 },
        { "gender=FEMALE", 1 },
        { "gender:not=male", 1 },
        { "gender:not=female", 0 },
        { "gender:not=male,female", 0 },
        { "gender=|female", 1 },
        { "identifier=999990019", 1 },
        { "identifier=http://fhir.nl/fhir/NamingSystem/bsn|999990019", 1 },
        { "identifier=urn:mrn|999990019", 0 },
        { "identifier=|999990019", 0 },
        { "identifier=urn:mrn|", 1 },
        { "identifier=urn:mrn|aB\\,1", 1 },
        { "identifier=urn:mrn|ab\\,1", 0 },
        { "identifier=aB,1", 0 },
        { "identifier=99999001", 0 },
        { "_tag=urn:t|a", 1 },
        { "_tag=A&_tag=B", 0 },
        { "_tag=A,B", 1 },
        { "_profile=http://x/p|1", 1 },
        { "_profile=http://x/p", 0 },
        { "deceased=false", 1 },
        { "deceased=true", 0 },
        { "language=nl", 1 },
        { "language:text=neder", 1 },
        { "language:text=dut", 1 },
        { "language:text=nl", 0 },
        { "phone=020-555", 1 },
        { "phone=a@b.nl", 0 },
        { "email=a@b.nl", 1 },
        { "telecom=phone|020-555", 1 },
        { "gender:missing=false", 1 },
        { "gender:missing=true", 0 },
        { "death-date:missing=true", 1 },
        { "link:missing=true", 1 },
        { "identifier=urn%3Amrn%7CaB%5C,1", 1 },
    };

    (void)state;
    check(patient, rows, COUNT(rows));
}

static void
strings(void **state)
{
    static const struct row rows[] = {
        { "name=de+boer", 1 },
        { "name=DE%20BO%C3%8BR", 1 },
        { "name=boer", 0 },
        { "name:contains=boer", 1 },
        { "name=elise", 1 },
        { "given=%C3%A9lise", 1 },
        { "given=jo", 1 },
        { "family=elise", 0 },
        { "given:exact=Jo", 1 },
        { "given:exact=jo", 0 },
        { "given:exact=J", 0 },
        { "given=jager,jo", 1 },
        { "family=de%20boer-jager", 1 },
        { "address=utr", 1 },
        { "address=straat", 1 },
        { "address-city=utrecht", 1 },
        { "address-city=straat", 0 },
        { "name:contains=xyz", 0 },
        { "name=e%CC%81lise", 1 },
    };

    (void)state;
    check(patient, rows, COUNT(rows));
}

static void
dates(void **state)
{
    static const struct row month[] = {
        /* of birth: 1980-02 */
        { "birthdate=1980", 1 },
        { "birthdate=1980-02", 1 },
        { "birthdate=1980-02-05", 0 },
        { "birthdate=ne1980-02-05", 1 },
        { "birthdate=gt1980-02-05", 1 },
        { "birthdate=lt1980-02-05", 1 },
        { "birthdate=gt1980-02", 0 },
        { "birthdate=ge1980-02", 1 },
        { "birthdate=le1980-02", 1 },
        { "birthdate=sa1980-01", 1 },
        { "birthdate=sa1980-02-05", 0 },
        { "birthdate=eb1980-03", 1 },
        { "birthdate=ge1981", 0 },
        { "birthdate=ap1980", 1 },
        { "birthdate=ap1982", 1 },
        { "birthdate=ap1990", 0 },
        { "birthdate=ge1980&birthdate=lt1981", 1 },
        { "birthdate=1979,1980", 1 },
        { "_lastUpdated=2024-05-01T08:00:00Z", 1 },
        { "_lastUpdated=2024-05-01T10:00:00%2B02:00", 1 },
        { "_lastUpdated=2024-05-01T08:00", 1 },
        { "_lastUpdated=2024-05-01T08:00:00.500Z", 0 },
        { "_lastUpdated=gt2024-05-01T07:59:59Z", 1 },
        { "death-date=ne2000", 0 },
    };
    static const struct row period[] = {
        /* 2024-03-01 to 2024-03-05 */
        { "date=2024-03", 1 },      { "date=2024-03-01", 0 },   { "date=ge2024-03-03", 1 },
        { "date=le2024-03-03", 1 }, { "date=sa2024-02-29", 1 }, { "date=sa2024-03-01", 0 },
        { "date=eb2024-03-06", 1 }, { "date=eb2024-03-05", 0 }, { "date=gt2024-03-05", 0 },
        { "date=gt2024-03-04", 1 }, { "date=ap2024-03-03", 1 },
    };
    static const char open[] =
        "{\"resourceType\":\"Encounter\",\"period\":{\"start\":\"2024-03-01\"}}";
    static const struct row open_rows[] = {
        { "date=ge2030", 1 },    { "date=2024", 0 },   { "date=lt2024-03-01", 0 },
        { "date=sa2024-02", 1 }, { "date=eb2999", 0 },
    };
    static const char broken[] =
        "{\"resourceType\":\"Encounter\",\"period\":{\"start\":\"x\",\"end\":\"2024\"}}";
    static const struct row broken_rows[] = { { "date=le2030", 0 }, { "date=ne2030", 0 } };

    (void)state;
    check(patient, month, COUNT(month));
    check(observation, period, COUNT(period));
    check(open, open_rows, COUNT(open_rows));
    check(broken, broken_rows, COUNT(broken_rows));
}

static void
references(void **state)
{
    static const struct row rows[] = {
        { "general-practitioner=Practitioner/g1", 1 },
        { "general-practitioner=g1", 1 },
        { "general-practitioner=Practitioner/g1/_history/3", 1 },
        { "general-practitioner=Practitioner/g1/_history/4", 0 },
        { "general-practitioner=Organization/g1", 0 },
        { "general-practitioner:Practitioner=g1", 1 },
        { "general-practitioner:Organization=g1", 0 },
        { "general-practitioner=o1", 0 },
        { "general-practitioner=Organization/o1", 0 },
        { "general-practitioner=https://other.example/fhir/Organization/o1", 1 },
        { "general-practitioner=https://evil.example/fhir/Organization/o1", 0 },
        { "general-practitioner:identifier=urn:agb|01000001", 1 },
        { "general-practitioner:identifier=01000002", 0 },
    };
    static const struct row of_patient[] = {
        { "patient=p1", 1 },
        { "patient=Patient/p1", 1 },
        { "patient=Group/p1", 0 },
        { "subject=Patient/p1", 1 },
        { "subject:Patient=p1", 1 },
        { "patient:Group=p1", -1 },
        { "patient=p1,p2", 1 },
        { "patient=p2", 0 },
        { "patient=https://x/Patient/p1", 0 },
    };
    static const char group[] =
        "{\"resourceType\":\"Observation\",\"subject\":{\"reference\":\"Group/p1\"}}";
    static const struct row of_group[] = { { "patient=p1", 0 },
                                           { "patient:missing=true", 1 },
                                           { "subject=p1", 1 } };

    (void)state;
    check(patient, rows, COUNT(rows));
    check(observation, of_patient, COUNT(of_patient));
    check(group, of_group, COUNT(of_group));
}

static void
quantities(void **state)
{
    static const struct row rows[] = {
        { "value-quantity=5.4", 1 },
        { "value-quantity=5", 1 },
        { "value-quantity=5.40", 1 },
        { "value-quantity=5.3", 0 },
        { "value-quantity=5.4|http://unitsofmeasure.org|kg", 1 },
        { "value-quantity=5.4||kg", 1 },
        { "value-quantity=5.4|http://unitsofmeasure.org|g", 0 },
        { "value-quantity=5.4|urn:x|kg", 0 },
        { "value-quantity=gt5.4", 0 },
        { "value-quantity=ge5.4", 1 },
        { "value-quantity=lt5.41", 1 },
        { "value-quantity=ne5.4", 0 },
        { "value-quantity=sa5.3", 1 },
        { "value-quantity=eb5.4", 0 },
        { "value-quantity=ap5", 1 },
        { "value-quantity=ap4.9", 0 },
        { "value-quantity=54e-1", 1 },
        { "value-quantity=5.4|x", -1 },
        { "value-quantity=5.4||", -1 },
        { "value-quantity=abc", -1 },
        { "value-quantity=5.", -1 },
        { "value-quantity=123456789012345678", -1 },
        { "value-quantity=+5", -1 },
        { "component-value-quantity=10||mg", 0 },
        { "component-value-quantity=lt1||mg", 1 },
        { "component-value-quantity=ge10||mg", 1 },
        { "component-value-quantity=gt10||mg", 0 },
        { "component-value-quantity=ap-3", 1 },
        { "component-value-quantity=-3", 1 },
        { "component-value-quantity=gt-4", 1 },
        { "combo-value-quantity=5.4", 1 },
        { "code=29463-7&value-quantity=gt5", 1 },
        { "value-quantity:missing=false", 1 },
    };

    (void)state;
    check(observation, rows, COUNT(rows));
}

static void
decimals_are_exact(void **state)
{
    struct fhir_decimal a = { 0 }, b = { 0 };

    (void)state;
    assert_true(fhir_decimal_parse(S("0.1"), &a) && fhir_decimal_parse(S("1e-1"), &b));
    assert_int_equal(fhir_decimal_cmp(a, b), 0);
    assert_true(fhir_decimal_parse(S("-1e300"), &a) && fhir_decimal_parse(S("1e-300"), &b));
    assert_int_equal(fhir_decimal_cmp(a, b), -1);
    assert_int_equal(fhir_decimal_cmp(b, a), 1);
    assert_true(fhir_decimal_parse(S("0"), &a));
    assert_int_equal(fhir_decimal_cmp(a, b), -1);
    assert_true(fhir_decimal_parse(S("99999999999999999"), &a) &&
                fhir_decimal_parse(S("1e17"), &b));
    assert_int_equal(fhir_decimal_cmp(a, b), -1);
    assert_false(fhir_decimal_parse(S("1e99999"), &a) || fhir_decimal_parse(S(""), &a) ||
                 fhir_decimal_parse(S("-"), &a) || fhir_decimal_parse(S("1.2.3"), &a));
}

/* Every parameter of every type parses its kind of value, and every row is well made. */
static void
the_table_is_sound(void **state)
{
    struct test_ctx t;
    size_t params = 0;

    (void)state;
    test_ctx_init(&t);
    for (size_t i = 0;; i++) {
        const struct fhir_param *p = fhir_param_at(S("Observation"), i);

        if (p == NULL)
            break;
        params++;
        assert_ptr_equal(fhir_param_find(S("Observation"), str_of(p->name)), p);
        assert_true(fhir_kind_name(p->kind)[0] != '\0');
    }
    assert_true(params > 30);
    assert_non_null(fhir_param_find(S("AllergyIntolerance"),
                                    S("criticality"))); /* first and last of the table */
    assert_non_null(fhir_param_find(S("Task"), S("owner")));
    assert_non_null(fhir_param_find(S("Device"), S("udi-di")));
    assert_non_null(fhir_param_find(S("DeviceRequest"), S("insurance")));
    assert_null(fhir_param_find(S("Task"), S("criticality")));
    assert_null(fhir_param_find(S("Nosuch"), S("_id")));
    assert_non_null(fhir_param_find(S("Basic"), S("_id")));
    assert_null(fhir_param_at(S("Nosuch"), 0));
    assert_true(fhir_type_known(S("Account")) && fhir_type_known(S("VisionPrescription")));
    assert_false(fhir_type_known(S("patient")) || fhir_type_known(S("")) ||
                 fhir_type_known(S("Patien")));
    test_ctx_fini(&t);
}

static void
index_of_a_resource(void **state)
{
    struct test_ctx t;
    struct fhir_index x;
    json *v;
    size_t identifiers = 0;

    (void)state;
    test_ctx_init(&t);
    assert_int_equal(json_parse(&t.cx, str_of(patient), JSON_RAW_NUMBERS, &v), ERR_OK);
    assert_int_equal(fhir_index(&t.cx, v, &x), ERR_OK);
    for (size_t i = 0; i < x.n; i++)
        identifiers += str_is(str_of(x.entries[i].param->name), "identifier");
    assert_int_equal(identifiers, 2);
    assert_int_equal(json_parse(&t.cx, S("{\"resourceType\":\"Nosuch\"}"), JSON_STRICT, &v),
                     ERR_OK);
    assert_int_equal(fhir_index(&t.cx, v, &x), ERR_BAD_REQUEST);
    assert_int_equal(
        json_parse(
            &t.cx,
            S("{\"resourceType\":\"Patient\",\"name\":7,\"identifier\":[null,[],\"x\"],"
              "\"birthDate\":{},\"telecom\":{\"system\":1}}"),
            JSON_STRICT, &v),
        ERR_OK);
    assert_int_equal(fhir_index(&t.cx, v, &x),
                     ERR_OK); /* shapes that are wrong give no values */
    test_ctx_fini(&t);
}

static void
each_allocation_may_fail(void **state)
{
    (void)state;
    for (long n = 1;; n++) {
        struct test_ctx t;
        struct fhir_query query;
        json *v;
        bool holds;
        err_t e;

        test_ctx_init(&t);
        assert_int_equal(json_parse(&t.cx, str_of(patient), JSON_STRICT, &v), ERR_OK);
        t.arena.taken = 0;
        t.arena.fail_at = n;
        e = fhir_query_parse(&t.cx, S("Patient"),
                             S("name=de+boer&birthdate=ge1980&identifier=a|b,999990019"),
                             &query);
        if (e == ERR_OK)
            e = fhir_match(&t.cx, &query, v, &holds);
        assert_true(e != ERR_OK || holds);
        test_ctx_fini(&t);
        if (e == ERR_OK)
            break;
        assert_int_equal(e, ERR_NO_MEMORY);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refused),
        cmocka_unit_test(tokens),
        cmocka_unit_test(strings),
        cmocka_unit_test(dates),
        cmocka_unit_test(references),
        cmocka_unit_test(quantities),
        cmocka_unit_test(decimals_are_exact),
        cmocka_unit_test(the_table_is_sound),
        cmocka_unit_test(index_of_a_resource),
        cmocka_unit_test(each_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

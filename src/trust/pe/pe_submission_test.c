/*
 * pe_submission_test.c - the submission we send, and the one that is believed only
 * when it says what we would choose (nuts-node.md 0.7, 3.5 step 10). EUPL-1.2.
 */
#include "base/test.h"

#include <string.h>

#include "trust/pe/pe.h"

static struct test_ctx t;
#define CX (&t.cx)

static struct pe_definition *d;
static struct pe_credential c[3]; /* as they stand in the presentation */
static struct pe_match m;

#define TYPED(id, type, more)                                                              \
    "{\"id\":\"" id "\"," more "\"constraints\":{\"fields\":[{\"path\":[\"$.type\"],"      \
    "\"filter\":{\"type\":\"string\",\"const\":\"" type "\"}}]}}"

static json *
parse(const char *text)
{
    json *v = NULL;

    if (json_parse(CX, str_of(text), JSON_STRICT, &v) != ERR_OK)
        fail_msg("no JSON: %s", text);
    return v;
}

static int
setup(void **state)
{
    static const char *const views[] = { "{\"type\":[\"Org\"]}", "{\"type\":[\"Role\"]}",
                                         "{\"type\":[\"Org\",\"Role\"]}" };
    static const char *const raws[] = { "org.jwt.1", "role.jwt.2", "both.jwt.3" };

    (void)state;
    test_ctx_init(&t);
    for (size_t i = 0; i < COUNT(c); i++)
        c[i] = (struct pe_credential){ .format = PE_JWT_VC,
                                       .proof = S("ES256"),
                                       .view = parse(views[i]),
                                       .raw = str_of(raws[i]) };
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    test_ctx_fini(&t);
    return 0;
}

static void
define(const char *text)
{
    assert_int_equal(pe_definition_parse(CX, parse(text), &d), ERR_OK);
}

#define TWO                                                                                \
    "{\"id\":\"pd\",\"input_descriptors\":[" TYPED("org", "Org",                           \
                                                   "") "," TYPED("role", "Role", "") "]}"
#define ONE "{\"id\":\"pd\",\"input_descriptors\":[" TYPED("org", "Org", "") "]}"

/* 0.5: one credential stands alone, more in an array. */
static void
says_where_each_stands(void **state)
{
    struct str text;

    (void)state;
    define(TWO);
    assert_int_equal(pe_match(CX, d, c, 2, &m), ERR_OK);
    assert_int_equal(pe_submission(CX, d, &m, c, S("s-1"), &text), ERR_OK);
    assert_true(str_is(text, "{\"id\":\"s-1\",\"definition_id\":\"pd\",\"descriptor_map\":["
                             "{\"id\":\"org\",\"format\":\"jwt_vc\",\"path\":"
                             "\"$.verifiableCredential[0]\"},{\"id\":\"role\",\"format\":"
                             "\"jwt_vc\",\"path\":\"$.verifiableCredential[1]\"}]}"));
    assert_int_equal(pe_match(CX, d, &c[2], 1, &m), ERR_OK);
    assert_int_equal(pe_submission(CX, d, &m, &c[2], S("s-1"), &text), ERR_OK);
    assert_true(str_is(text, "{\"id\":\"s-1\",\"definition_id\":\"pd\",\"descriptor_map\":["
                             "{\"id\":\"org\",\"format\":\"jwt_vc\",\"path\":"
                             "\"$.verifiableCredential\"},{\"id\":\"role\",\"format\":"
                             "\"jwt_vc\",\"path\":\"$.verifiableCredential\"}]}"));
    c[2].format = PE_LDP_VC;
    define("{\"id\":\"pd\",\"input_descriptors\":[{\"id\":\"x\",\"constraints\":{}}]}");
    assert_int_equal(pe_match(CX, d, &c[2], 1, &m), ERR_OK);
    assert_int_equal(pe_submission(CX, d, &m, &c[2], S("s-1"), &text), ERR_OK);
    assert_true(str_search(text, S("\"format\":\"ldp_vc\"")) < text.n);
}

static void
refuses_what_is_no_submission(void **state)
{
    static const char *const bad[] = {
        "",
        "nope",
        "[]",
        "{}",
        "{\"id\":\"\",\"definition_id\":\"pd\",\"descriptor_map\":[]}",
        "{\"id\":7,\"definition_id\":\"pd\",\"descriptor_map\":[]}",
        "{\"id\":\"s\",\"descriptor_map\":[]}",
        "{\"id\":\"s\",\"definition_id\":7,\"descriptor_map\":[]}",
        "{\"id\":\"s\",\"definition_id\":\"pd\"}",
        "{\"id\":\"s\",\"definition_id\":\"pd\",\"descriptor_map\":{}}",
        "{\"id\":\"s\",\"definition_id\":\"pd\",\"descriptor_map\":[7]}",
        "{\"id\":\"s\",\"definition_id\":\"pd\",\"descriptor_map\":[{\"id\":\"a\","
        "\"format\":"
        "\"jwt_vc\"}]}",
        "{\"id\":\"s\",\"definition_id\":\"pd\",\"descriptor_map\":[{\"id\":\"a\",\"path\":"
        "\"$\"}]}",
        "{\"id\":\"s\",\"definition_id\":\"pd\",\"descriptor_map\":[{\"format\":\"jwt_vc\","
        "\"path\":\"$\"}]}",
        "{\"id\":\"s\",\"id\":\"s\",\"definition_id\":\"pd\",\"descriptor_map\":[]}",
    };
    struct pe_submission_in in;
    struct buf b;
    struct str text;

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        if (pe_submission_parse(CX, str_of(bad[i]), &in) != ERR_PE_SUBMISSION)
            fail_msg("taken: %s", bad[i]);
        assert_null(in.map);
    }
    buf_init(&b, CX->arena);
    buf_z(&b, "{\"id\":\"s\",\"definition_id\":\"pd\",\"descriptor_map\":[");
    for (int i = 0; i < 65; i++)
        buf_printf(&b, "%s{\"id\":\"d%d\",\"format\":\"jwt_vc\",\"path\":\"$\"}",
                   i ? "," : "", i);
    buf_z(&b, "]}");
    assert_int_equal(buf_done(CX, &b, &text), ERR_OK);
    assert_int_equal(pe_submission_parse(CX, text, &in), ERR_PE_SUBMISSION);
}

#define E(id, format, path)                                                                \
    "{\"id\":\"" id "\",\"format\":\"" format "\",\"path\":\"" path "\"}"
#define AT "$.verifiableCredential"

/* `entries` against what the definition takes from the first `n`, presented as `vp`. */
static err_t
check(const char *id, const char *entries, const char *vp)
{
    struct pe_submission_in in;
    struct str text = arena_printf(
        CX->arena, "{\"id\":\"s\",\"definition_id\":\"%s\",\"descriptor_map\":[%s]}", id,
        entries);

    assert_non_null(text.p);
    assert_int_equal(pe_submission_parse(CX, text, &in), ERR_OK);
    refuse_clear(CX);
    return pe_submission_check(CX, &in, d, &m, c, parse(vp));
}

#define BOTH "{\"verifiableCredential\":[\"org.jwt.1\",\"role.jwt.2\"]}"

static void
believes_what_it_would_choose_itself(void **state)
{
    static const struct {
        const char *id, *entries, *vp;
        err_t want;
    } rows[] = {
        { "pd", E("org", "jwt_vc", AT "[0]") "," E("role", "jwt_vc", AT "[1]"), BOTH,
          ERR_OK },
        { "pd", E("role", "jwt_vc", AT "[1]") "," E("org", "jwt_vc", AT "[0]"), BOTH,
          ERR_OK },
        { "pd", E("org", "jwt_vc_json", AT "[0]") "," E("role", "jwt_vc", AT "[1]"), BOTH,
          ERR_OK },
        { "pd2", E("org", "jwt_vc", AT "[0]") "," E("role", "jwt_vc", AT "[1]"), BOTH,
          ERR_PE_CONFORM },
        /* missing, twice, unknown, more than asked */
        { "pd", "", BOTH, ERR_PE_CONFORM },
        { "pd", E("org", "jwt_vc", AT "[0]"), BOTH, ERR_PE_CONFORM },
        { "pd",
          E("org", "jwt_vc", AT "[0]") "," E("org", "jwt_vc",
                                             AT "[0]") "," E("role", "jwt_vc", AT "[1]"),
          BOTH, ERR_PE_CONFORM },
        { "pd",
          E("org", "jwt_vc", AT "[0]") "," E("role", "jwt_vc",
                                             AT "[1]") "," E("x", "jwt_vc", AT "[1]"),
          BOTH, ERR_PE_CONFORM },
        { "pd", E("org", "jwt_vc", AT "[0]") "," E("x", "jwt_vc", AT "[1]"), BOTH,
          ERR_PE_CONFORM },
        /* another credential than the definition takes */
        { "pd", E("org", "jwt_vc", AT "[1]") "," E("role", "jwt_vc", AT "[0]"), BOTH,
          ERR_PE_CONFORM },
        { "pd", E("org", "jwt_vc", AT "[0]") "," E("role", "jwt_vc", AT "[0]"), BOTH,
          ERR_PE_CONFORM },
        { "pd", E("org", "jwt_vc", AT "[0]") "," E("role", "jwt_vc", AT "[1]"),
          "{\"verifiableCredential\":[\"org.jwt.9\",\"role.jwt.2\"]}", ERR_PE_CONFORM },
        { "pd", E("org", "jwt_vc", AT "[0]") "," E("role", "jwt_vc", AT "[1]"),
          "{\"verifiableCredential\":[{\"x\":1},\"role.jwt.2\"]}", ERR_PE_CONFORM },
        /* another format */
        { "pd", E("org", "ldp_vc", AT "[0]") "," E("role", "jwt_vc", AT "[1]"), BOTH,
          ERR_PE_CONFORM },
        { "pd", E("org", "jwt_vp", AT "[0]") "," E("role", "jwt_vc", AT "[1]"), BOTH,
          ERR_PE_CONFORM },
        /* paths of other forms, or to nothing */
        { "pd", E("org", "jwt_vc", AT) "," E("role", "jwt_vc", AT "[1]"), BOTH,
          ERR_PE_CONFORM },
        { "pd", E("org", "jwt_vc", AT "[2]") "," E("role", "jwt_vc", AT "[1]"), BOTH,
          ERR_PE_CONFORM },
        { "pd", E("org", "jwt_vc", AT "[-2]") "," E("role", "jwt_vc", AT "[1]"), BOTH,
          ERR_PE_CONFORM },
        { "pd", E("org", "jwt_vc", AT "[*]") "," E("role", "jwt_vc", AT "[1]"), BOTH,
          ERR_PE_CONFORM },
        { "pd", E("org", "jwt_vc", AT "[]") "," E("role", "jwt_vc", AT "[1]"), BOTH,
          ERR_PE_CONFORM },
        { "pd", E("org", "jwt_vc", AT "[0].x") "," E("role", "jwt_vc", AT "[1]"), BOTH,
          ERR_PE_CONFORM },
        { "pd", E("org", "jwt_vc", "$..x") "," E("role", "jwt_vc", AT "[1]"), BOTH,
          ERR_PE_CONFORM },
        { "pd",
          E("org", "jwt_vc", AT "[99999999999999999999]") "," E("role", "jwt_vc", AT "[1]"),
          BOTH, ERR_PE_CONFORM },
        { "pd", E("org", "jwt_vc", AT "[0]") "," E("role", "jwt_vc", AT "[1]"), "{}",
          ERR_PE_CONFORM },
        { "pd",
          "{\"id\":\"org\",\"format\":\"jwt_vc\",\"path\":\"" AT
          "[0]\",\"path_nested\":{}}," E("role", "jwt_vc", AT "[1]"),
          BOTH, ERR_PE_CONFORM },
    };

    (void)state;
    define(TWO);
    assert_int_equal(pe_match(CX, d, c, 2, &m), ERR_OK);
    for (size_t i = 0; i < COUNT(rows); i++) {
        err_t e = check(rows[i].id, rows[i].entries, rows[i].vp);

        if (e != rows[i].want)
            fail_msg("row %zu: %s: %s %.*s", i, rows[i].entries, err_row(e)->name,
                     STR(CX->reason));
    }
}

/* One credential: alone, or in an array of one (0.5). */
static void
takes_one_in_both_forms(void **state)
{
    static const char alone[] = "{\"verifiableCredential\":\"org.jwt.1\"}";
    static const char listed[] = "{\"verifiableCredential\":[\"org.jwt.1\"]}";

    (void)state;
    define(ONE);
    assert_int_equal(pe_match(CX, d, c, 1, &m), ERR_OK);
    assert_int_equal(check("pd", E("org", "jwt_vc", AT), alone), ERR_OK);
    assert_int_equal(check("pd", E("org", "jwt_vc", AT "[0]"), listed), ERR_OK);
    assert_int_equal(check("pd", E("org", "jwt_vc", AT), listed), ERR_PE_CONFORM);
    assert_int_equal(check("pd", E("org", "jwt_vc", AT "[0]"), alone), ERR_PE_CONFORM);
    /* an unsigned one is an object, compared as it was sent */
    c[0].format = PE_LDP_VC;
    c[0].raw = S("{\"type\":[\"Org\"]}");
    assert_int_equal(pe_match(CX, d, c, 1, &m), ERR_OK);
    assert_int_equal(check("pd", E("org", "ldp_vc", AT),
                           "{\"verifiableCredential\":{\"type\":[\"Org\"]}}"),
                     ERR_OK);
    assert_int_equal(check("pd", E("org", "ldp_vc", AT),
                           "{\"verifiableCredential\":{\"type\":[\"Org\",\"x\"]}}"),
                     ERR_PE_CONFORM);
}

/* nuts-node maps a credential once when there are requirements; none may be left out. */
static void
follows_requirements(void **state)
{
    static const char rules[] =
        "{\"id\":\"pd\",\"submission_requirements\":[{\"rule\":\"all\",\"from\":\"A\"}],"
        "\"input_descriptors\":[" TYPED("org", "Org", "\"group\":[\"A\"],") "," TYPED(
            "role", "Role", "\"group\":[\"A\"],") "]}";
    static const char one[] = "{\"verifiableCredential\":\"both.jwt.3\"}";
    struct pe_credential first = c[0];

    (void)state;
    define(rules);
    c[0] = c[2]; /* one that answers both */
    assert_int_equal(pe_match(CX, d, c, 1, &m), ERR_OK);
    assert_int_equal(m.map_count, 2);
    assert_int_equal(check("pd", E("org", "jwt_vc", AT), one), ERR_OK);
    assert_int_equal(check("pd", E("org", "jwt_vc", AT) "," E("role", "jwt_vc", AT), one),
                     ERR_OK);
    assert_int_equal(check("pd", "", one), ERR_PE_CONFORM);
    assert_int_equal(check("pd", E("org", "jwt_vc", AT) "," E("org", "jwt_vc", AT), one),
                     ERR_PE_CONFORM);
    c[0] = first; /* two, and each must be named */
    assert_int_equal(pe_match(CX, d, c, 2, &m), ERR_OK);
    assert_int_equal(check("pd", E("org", "jwt_vc", AT "[0]"), BOTH), ERR_PE_CONFORM);
    assert_int_equal(
        check("pd", E("org", "jwt_vc", AT "[0]") "," E("role", "jwt_vc", AT "[1]"), BOTH),
        ERR_OK);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(refuses_what_is_no_submission, setup, teardown),
        cmocka_unit_test_setup_teardown(believes_what_it_would_choose_itself, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(takes_one_in_both_forms, setup, teardown),
        cmocka_unit_test_setup_teardown(follows_requirements, setup, teardown),
        cmocka_unit_test_setup_teardown(says_where_each_stands, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * pe_test.c - definitions that are none, and which credential answers which
 * descriptor (nuts-node.md 3.4). EUPL-1.2.
 */
#include "base/test.h"

#include <string.h>
#include <time.h>

#include "trust/pe/pe_int.h"

static struct test_ctx t;
#define CX (&t.cx)

static int
setup(void **state)
{
    (void)state;
    test_ctx_init(&t);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    test_ctx_fini(&t);
    return 0;
}

static json *
parse(const char *text)
{
    json *v = NULL;

    if (json_parse(CX, str_of(text), JSON_STRICT, &v) != ERR_OK)
        fail_msg("no JSON: %s", text);
    return v;
}

/* --- definitions -------------------------------------------------------------------- */

#define PD(descriptors) "{\"id\":\"pd\",\"input_descriptors\":[" descriptors "]}"
#define D(more)         "{\"id\":\"d\",\"constraints\":{" more "}}"
#define FIELDS(fields)  D("\"fields\":[" fields "]")
#define FIELD(more)     PD(FIELDS("{\"path\":[\"$.a\"]" more "}"))
#define RULES(rules)                                                                       \
    "{\"id\":\"pd\",\"submission_requirements\":" rules                                    \
    ",\"input_descriptors\":[{\"id\":\"d\",\"group\":[\"A\"],\"constraints\":{}}]}"

static err_t
define(const char *text, struct pe_definition **d)
{
    refuse_clear(CX);
    return pe_definition_parse(CX, parse(text), d);
}

static void
refuses_definitions(void **state)
{
    static const char *const bad[] = {
        "[]",
        "\"x\"",
        "null",
        "{}",
        "{\"id\":\"pd\"}",
        "{\"input_descriptors\":[" D("") "]}",
        "{\"id\":\"\",\"input_descriptors\":[" D("") "]}",
        "{\"id\":7,\"input_descriptors\":[" D("") "]}",
        "{\"id\":\"pd\",\"input_descriptors\":{}}",
        "{\"id\":\"pd\",\"input_descriptors\":[" D("") "],\"extra\":1}",
        PD(""),
        PD("7"),
        PD("{}"),
        PD("{\"id\":\"d\"}"),
        PD("{\"id\":\"\",\"constraints\":{}}"),
        PD("{\"id\":7,\"constraints\":{}}"),
        PD("{\"id\":\"d\",\"constraints\":[]}"),
        PD("{\"id\":\"d\",\"constraints\":{},\"extra\":1}"),
        PD("{\"id\":\"d\",\"constraints\":{},\"group\":\"A\"}"),
        PD("{\"id\":\"d\",\"constraints\":{},\"group\":[7]}"),
        PD(D("") "," D("")),
        PD(D("\"extra\":1")),
        PD(D("\"fields\":{}")),
        PD(FIELDS("7")),
        PD(FIELDS("{}")),
        PD(FIELDS("{\"path\":[]}")),
        PD(FIELDS("{\"path\":\"$.a\"}")),
        PD(FIELDS("{\"path\":[7]}")),
        PD(FIELDS("{\"path\":[\"a\"]}")),
        PD(FIELDS("{\"path\":[\"$.[\"]}")),
        PD(FIELDS("{\"path\":[\"$.a\",\"$[?@.x==]\"]}")),
        FIELD(",\"extra\":1"),
        FIELD(",\"id\":7"),
        FIELD(",\"optional\":\"yes\""),
        FIELD(",\"filter\":7"),
        FIELD(",\"filter\":true"),
        FIELD(",\"filter\":{\"type\":\"text\"}"),
        FIELD(",\"filter\":{\"minLength\":-1}"),
        FIELD(",\"filter\":{\"enum\":7}"),
        FIELD(",\"filter\":{\"pattern\":\"(\"}"),
        FIELD(",\"filter\":{\"pattern\":\"(a)(b)\"}"),
        FIELD(",\"filter\":{\"$ref\":\"https://else.example/schema\"}"),
        "{\"id\":\"pd\",\"format\":7,\"input_descriptors\":[" D("") "]}",
        "{\"id\":\"pd\",\"format\":{\"jwt_vc\":7},\"input_descriptors\":[" D("") "]}",
        "{\"id\":\"pd\",\"format\":{\"jwt_vc\":{}},\"input_descriptors\":[" D("") "]}",
        "{\"id\":\"pd\",\"format\":{\"jwt_vc\":{\"alg\":[]}},\"input_descriptors\":[" D(
            "") "]}",
        "{\"id\":\"pd\",\"format\":{\"jwt_vc\":{\"alg\":[7]}},\"input_descriptors\":[" D(
            "") "]}",
        "{\"id\":\"pd\",\"format\":{\"jwt_vc\":{\"proof_type\":[\"x\"]}},\"input_"
        "descriptors\":[" D("") "]}",
        "{\"id\":\"pd\",\"format\":{\"ldp_vc\":{\"alg\":[\"x\"]}},\"input_descriptors\":"
        "[" D("") "]}",
        PD("{\"id\":\"d\",\"constraints\":{},\"format\":{\"jwt_vc\":{}}}"),
        RULES("{}"),
        RULES("[]"),
        RULES("[7]"),
        RULES("[{}]"),
        RULES("[{\"rule\":\"some\",\"from\":\"A\"}]"),
        RULES("[{\"rule\":7,\"from\":\"A\"}]"),
        RULES("[{\"rule\":\"all\"}]"),
        RULES("[{\"rule\":\"all\",\"from\":7}]"),
        RULES("[{\"rule\":\"all\",\"from\":\"B\"}]"),
        RULES("[{\"rule\":\"all\",\"from\":\"A\",\"extra\":1}]"),
        RULES(
            "[{\"rule\":\"all\",\"from\":\"A\",\"from_nested\":[{\"rule\":\"all\",\"from\":"
            "\"A\"}]}]"),
        RULES("[{\"rule\":\"all\",\"from_nested\":[]}]"),
        RULES("[{\"rule\":\"all\",\"from_nested\":[{\"rule\":\"all\",\"from\":\"B\"}]}]"),
        RULES("[{\"rule\":\"pick\",\"count\":0,\"from\":\"A\"}]"),
        RULES("[{\"rule\":\"pick\",\"count\":-1,\"from\":\"A\"}]"),
        RULES("[{\"rule\":\"pick\",\"count\":1.5,\"from\":\"A\"}]"),
        RULES("[{\"rule\":\"pick\",\"count\":\"1\",\"from\":\"A\"}]"),
        RULES("[{\"rule\":\"pick\",\"min\":-1,\"from\":\"A\"}]"),
        RULES("[{\"rule\":\"pick\",\"max\":true,\"from\":\"A\"}]"),
        RULES("[{\"rule\":\"pick\",\"min\":2,\"max\":1,\"from\":\"A\"}]"),
    };
    struct pe_definition *d;

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        err_t e = define(bad[i], &d);

        if (e != ERR_PE_DEFINITION)
            fail_msg("%s: %s", bad[i], err_row(e)->name);
        assert_null(d);
    }
}

/* `n` times what stands around a number, between commas. */
static struct str
many(const char *open, const char *before, const char *behind, int n, const char *close)
{
    struct buf b;
    struct str text;

    buf_init(&b, CX->arena);
    buf_z(&b, open);
    for (int i = 0; i < n; i++)
        buf_printf(&b, "%s%s%d%s", i ? "," : "", before, i, behind);
    buf_z(&b, close);
    assert_int_equal(buf_done(CX, &b, &text), ERR_OK);
    return text;
}

/* A definition may be a remote authorization server's. */
static void
bounds_definitions(void **state)
{
    static const struct {
        const char *open, *before, *behind, *close;
        int most;
    } rows[] = {
        { "{\"id\":\"pd\",\"input_descriptors\":[", "{\"id\":\"d", "\",\"constraints\":{}}",
          "]}", PE_DESCRIPTORS_MAX },
        { "{\"id\":\"pd\",\"input_descriptors\":[{\"id\":\"d\",\"constraints\":{\"fields\":"
          "[",
          "{\"path\":[\"$.a", "\"]}", "]}}]}", PE_FIELDS_MAX },
        { "{\"id\":\"pd\",\"input_descriptors\":[{\"id\":\"d\",\"constraints\":{\"fields\":"
          "[{"
          "\"path\":[",
          "\"$.a", "\"", "]}]}}]}", PE_PATHS_MAX },
        { "{\"id\":\"pd\",\"input_descriptors\":[{\"id\":\"d\",\"group\":[\"A\"],"
          "\"constraints\":{}}],\"submission_requirements\":[",
          "{\"rule\":\"all\",\"from\":\"A\",\"name\":\"", "\"}", "]}",
          PE_REQUIREMENTS_MAX },
    };
    struct pe_definition *d;
    struct str text;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        text =
            many(rows[i].open, rows[i].before, rows[i].behind, rows[i].most, rows[i].close);
        assert_int_equal(define(text.p, &d), ERR_OK);
        text = many(rows[i].open, rows[i].before, rows[i].behind, rows[i].most + 1,
                    rows[i].close);
        assert_int_equal(define(text.p, &d), ERR_PE_DEFINITION);
    }
    for (int depth = PE_NESTING_MAX; depth <= PE_NESTING_MAX + 1; depth++) {
        struct buf b;

        buf_init(&b, CX->arena);
        buf_z(&b, "{\"id\":\"pd\",\"input_descriptors\":[{\"id\":\"d\",\"group\":[\"A\"],"
                  "\"constraints\":{}}],\"submission_requirements\":[");
        for (int i = 0; i < depth; i++)
            buf_z(&b, "{\"rule\":\"all\",\"from_nested\":[");
        buf_z(&b, "{\"rule\":\"all\",\"from\":\"A\"}");
        for (int i = 0; i < depth; i++)
            buf_z(&b, "]}");
        buf_z(&b, "]}");
        assert_int_equal(buf_done(CX, &b, &text), ERR_OK);
        assert_int_equal(define(text.p, &d),
                         depth <= PE_NESTING_MAX ? ERR_OK : ERR_PE_DEFINITION);
    }
}

static void
tells_about_itself(void **state)
{
    struct pe_definition *d;
    struct str id;

    (void)state;
    assert_int_equal(
        define(
            "{\"id\":\"pd\",\"name\":\"n\",\"purpose\":\"p\",\"frame\":{},"
            "\"input_descriptors\":[{\"id\":\"a\",\"name\":\"n\",\"purpose\":\"p\","
            "\"constraints\":{\"limit_disclosure\":\"required\",\"fields\":[{\"id\":\"x\","
            "\"path\":[\"$.a\"],\"intent_to_retain\":true},{\"path\":[\"$.b\"]}]}},{\"id\":"
            "\"b\",\"format\":{\"jwt_vc\":{\"alg\":[\"ES256\"]}},\"constraints\":{"
            "\"fields\":"
            "[{\"id\":\"y\",\"path\":[\"$.c\"]}]}}]}",
            &d),
        ERR_OK);
    assert_true(str_is(pe_definition_id(d), "pd"));
    assert_true(pe_definition_field(d, 0, &id) && str_is(id, "x"));
    assert_true(pe_definition_field(d, 1, &id) && str_is(id, "y"));
    assert_false(pe_definition_field(d, 2, &id));
    assert_true(pe_definition_takes_jwt(d));
    assert_true(json_is(json_get(pe_definition_json(d), "id"), "pd"));
    assert_int_equal(
        define(PD("{\"id\":\"d\",\"format\":{\"ldp_vc\":{\"proof_type\":[\"x\"]}},"
                  "\"constraints\":{}}"),
               &d),
        ERR_OK);
    assert_false(pe_definition_takes_jwt(d));
}

/* --- matching ----------------------------------------------------------------------- */

static struct pe_credential
jwt(const char *alg, const char *view)
{
    return (struct pe_credential){
        .format = PE_JWT_VC, .proof = str_of(alg), .view = parse(view), .raw = str_of(view)
    };
}

static struct pe_credential
ldp(const char *proof, const char *view)
{
    return (struct pe_credential){ .format = PE_LDP_VC,
                                   .proof = str_of(proof),
                                   .view = parse(view),
                                   .raw = str_of(view) };
}

static err_t
match(const char *definition, const struct pe_credential *c, size_t n, struct pe_match *m)
{
    struct pe_definition *d;

    if (define(definition, &d) != ERR_OK)
        fail_msg("%s: %.*s", definition, STR(CX->reason));
    return pe_match(CX, d, c, n, m);
}

/* One credential against one field: the field's value as JSON, or the refusal's name. */
static const char *
value(const char *field, const char *view)
{
    struct pe_credential c = jwt("ES256", view);
    struct pe_match m;
    struct json_out js;
    struct str text;
    err_t e;

    text = arena_printf(CX->arena, PD(FIELDS("{\"id\":\"f\",%s}")), field);
    assert_non_null(text.p);
    if ((e = match(text.p, &c, 1, &m)) != ERR_OK) {
        assert_int_equal(m.map_count, 0);
        return err_row(e)->name;
    }
    assert_int_equal(m.field_count, 1);
    json_out_init(&js, CX->arena);
    json_object(&js);
    pe_value_put(&js, &m.fields[0]);
    json_end(&js);
    assert_int_equal(json_out_done(CX, &js, &text), ERR_OK);
    text = str_sub(text, 5, text.n - 1); /* {"f":…} */
    return arena_str(CX->arena, text).p;
}

#define NO "PE_NO_MATCH"
#define A  "\"path\":[\"$.a\"]"

static void
reads_fields_as_nuts_does(void **state)
{
    static const struct {
        const char *field, *view, *want;
    } rows[] = {
        /* paths in order; the first whose value passes */
        { A, "{\"a\":1}", "1" },
        { A, "{\"b\":1}", NO },
        { A, "{\"a\":null}", "null" },
        { "\"path\":[\"$.b\",\"$.a\"]", "{\"a\":1}", "1" },
        { "\"path\":[\"$.b\",\"$.a\"]", "{\"a\":1,\"b\":2}", "2" },
        { "\"path\":[\"$.b\",\"$.a\"],\"filter\":{\"type\":\"number\"}",
          "{\"a\":1,\"b\":\"x\"}", "1" },
        { "\"path\":[\"$.b\",\"$.a\"],\"filter\":{\"type\":\"number\"}",
          "{\"a\":\"y\",\"b\":\"x\"}", NO },
        { "\"path\":[\"$.a[*].n\"]", "{\"a\":[{\"n\":1},{\"n\":2}]}", "[1,2]" },
        { "\"path\":[\"$.a[*].n\"]", "{\"a\":[{\"n\":1}]}", "1" },
        { "\"path\":[\"$.a[*].n\"]", "{\"a\":[]}", NO },
        { "\"path\":[\"$['a']['b c'][1]\"]", "{\"a\":{\"b c\":[7,8]}}", "8" },
        /* scalars */
        { A ",\"filter\":{\"type\":\"string\"}", "{\"a\":\"x\"}", "\"x\"" },
        { A ",\"filter\":{\"type\":\"string\"}", "{\"a\":1}", NO },
        { A ",\"filter\":{\"type\":\"string\"}", "{\"a\":null}", NO },
        { A ",\"filter\":{\"type\":\"number\"}", "{\"a\":true}", NO },
        { A ",\"filter\":{\"type\":\"boolean\"}", "{\"a\":false}", "false" },
        { A ",\"filter\":{\"type\":\"integer\"}", "{\"a\":1.5}", NO },
        { A ",\"filter\":{\"const\":3.0}", "{\"a\":3}", "3" },
        { A ",\"filter\":{\"const\":\"3\"}", "{\"a\":3}", NO },
        { A ",\"filter\":{\"type\":\"string\",\"enum\":[\"x\",\"y\"]}", "{\"a\":\"y\"}",
          "\"y\"" },
        { A ",\"filter\":{\"type\":\"string\",\"enum\":[\"x\",\"y\"]}", "{\"a\":\"z\"}",
          NO },
        /* arrays: an element that passes, or no match (B21) */
        { A ",\"filter\":{\"type\":\"string\"}", "{\"a\":[\"x\",1]}", "[\"x\",1]" },
        { A ",\"filter\":{\"type\":\"string\"}", "{\"a\":[]}", NO },
        { A ",\"filter\":{\"type\":\"string\"}", "{\"a\":[1]}", NO },
        { A ",\"filter\":{\"type\":\"string\",\"const\":\"z\"}", "{\"a\":[\"x\"]}", NO },
        { A ",\"filter\":{\"type\":\"string\",\"pattern\":\".\"}", "{\"a\":[]}", NO },
        { A ",\"filter\":{\"type\":\"string\",\"pattern\":\".\"}", "{\"a\":[1]}", NO },
        { A ",\"filter\":{\"type\":\"string\",\"pattern\":\"^x(.)$\"}",
          "{\"a\":[\"y\",\"x1\"]}", "[\"y\",\"x1\"]" },
        { A ",\"filter\":{\"type\":\"string\"}", "{\"a\":[[\"x\"]]}", NO },
        { A ",\"filter\":{\"const\":\"x\"}", "{\"a\":[\"x\"]}", NO },
        { A ",\"filter\":{\"type\":[\"string\"]}", "{\"a\":[\"x\"]}", NO },
        { A ",\"filter\":{\"type\":\"array\",\"contains\":{\"const\":\"x\"}}",
          "{\"a\":[\"x\"]}", "[\"x\"]" },
        { A ",\"filter\":{\"type\":\"object\",\"required\":[\"n\"]}", "{\"a\":{\"n\":1}}",
          "{\"n\":1}" },
        /* patterns: a search; what matched, or its one group, is the value */
        { A ",\"filter\":{\"type\":\"string\",\"pattern\":\"lan\"}", "{\"a\":\"Plantage\"}",
          "\"lan\"" },
        { A ",\"filter\":{\"type\":\"string\",\"pattern\":\"^lan\"}",
          "{\"a\":\"Plantage\"}", NO },
        { A ",\"filter\":{\"type\":\"string\",\"pattern\":\"^[0-9.]+-\\\\d+-\\\\d+-S-("
            "\\\\d+)-00"
            "\\\\.000-\\\\d+$\"}",
          "{\"a\":\"2.16.528.1.1007.99.2110-1-900030787-S-90000380-00.000-11223344\"}",
          "\"90000380\"" },
        { A ",\"filter\":{\"type\":\"string\",\"pattern\":\"(x)?y\"}", "{\"a\":\"y\"}",
          "\"\"" },
        { A ",\"filter\":{\"type\":\"string\",\"pattern\":\"(?:x)(y)\"}", "{\"a\":\"xy\"}",
          "\"y\"" },
        { A ",\"filter\":{\"pattern\":\"x\"}", "{\"a\":7}", "7" },
        { A ",\"filter\":{\"type\":\"string\",\"pattern\":\"^did:web:b\\\\.example$\"}",
          "{\"a\":\"did:web:bxexample\"}", NO },
        { A ",\"filter\":{\"type\":\"string\",\"pattern\":\"^x$\"}", "{\"a\":\"x\\n\"}",
          NO },
        /* optional: absent is null; there and failing is no match */
        { A ",\"optional\":true", "{\"b\":1}", "null" },
        { A ",\"optional\":true", "{\"a\":1}", "1" },
        { A ",\"optional\":true,\"filter\":{\"type\":\"string\"}", "{\"a\":1}", NO },
        { A ",\"optional\":true,\"filter\":{\"type\":\"string\"}", "{\"a\":[]}", NO },
        { "\"path\":[\"$.b\",\"$.a\"],\"optional\":true,\"filter\":{\"type\":\"string\"}",
          "{\"a\":1}", NO },
        { A ",\"optional\":false", "{\"b\":1}", NO },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const char *got = value(rows[i].field, rows[i].view);

        assert_non_null(got);
        if (strcmp(got, rows[i].want) != 0)
            fail_msg("%s of %s: %s, not %s", rows[i].field, rows[i].view, got,
                     rows[i].want);
    }
}

/* Both the definition and the descriptor name the format, with the proof type or alg. */
static void
asks_both_formats(void **state)
{
    static const struct {
        const char *outer, *inner;
        bool jwt, linked, own;
    } rows[] = {
        { "{}", "{}", true, true, true },
        { "{\"jwt_vc\":{\"alg\":[\"PS256\",\"ES256\"]}}", "{}", true, false, false },
        { "{\"jwt_vc\":{\"alg\":[\"PS256\"]}}", "{}", false, false, false },
        { "{\"jwt_vc_json\":{\"alg\":[\"ES256\"]}}", "{}", true, false, false },
        { "{}", "{\"jwt_vc\":{\"alg\":[\"ES256\"]}}", true, false, false },
        { "{\"jwt_vc\":{\"alg\":[\"ES256\"]}}", "{\"jwt_vc\":{\"alg\":[\"PS256\"]}}", false,
          false, false },
        { "{\"jwt_vc\":{\"alg\":[\"ES256\"]}}",
          "{\"ldp_vc\":{\"proof_type\":[\"JsonWebSignature2020\"]}}", false, false, false },
        { "{\"ldp_vc\":{\"proof_type\":[\"JsonWebSignature2020\"]}}", "{}", false, true,
          true },
        { "{\"ldp_vc\":{\"proof_type\":[\"Ed25519Signature2018\"]}}", "{}", false, false,
          true },
        { "{\"jwt_vp\":{\"alg\":[\"ES256\"]}}", "{}", false, false, false },
        { "{\"jwt\":{\"alg\":[\"ES256\"]}}", "{}", false, false, false },
    };
    struct pe_credential c;
    struct pe_match m;
    struct str text;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        text = arena_printf(CX->arena,
                            "{\"id\":\"pd\",\"format\":%s,\"input_descriptors\":[{\"id\":"
                            "\"d\",\"format\":%s,\"constraints\":{}}]}",
                            rows[i].outer, rows[i].inner);
        c = jwt("ES256", "{}");
        assert_int_equal(match(text.p, &c, 1, &m) == ERR_OK, rows[i].jwt);
        c = ldp("JsonWebSignature2020", "{}");
        assert_int_equal(match(text.p, &c, 1, &m) == ERR_OK, rows[i].linked);
        c = ldp("", "{}");
        assert_int_equal(match(text.p, &c, 1, &m) == ERR_OK,
                         str_is(str_of(rows[i].outer), "{}") &&
                             str_is(str_of(rows[i].inner), "{}"));
        c.self_attested = true; /* nuts-node: passes where ldp_vc is named */
        assert_int_equal(match(text.p, &c, 1, &m) == ERR_OK, rows[i].own);
    }
}

#define ORG  "{\"type\":[\"VerifiableCredential\",\"Org\"],\"n\":1}"
#define ROLE "{\"type\":[\"VerifiableCredential\",\"Role\"],\"n\":2}"
#define TYPED(id, type)                                                                    \
    "{\"id\":\"" id "\",\"constraints\":{\"fields\":[{\"path\":[\"$.type\"],\"filter\":{"  \
    "\"type\":\"string\",\"const\":\"" type "\"}}]}}"

static void
takes_the_first_that_fits(void **state)
{
    struct pe_credential c[] = { jwt("ES256", ROLE), jwt("ES256", ORG), jwt("ES256", ORG),
                                 jwt("ES256", ROLE) };
    struct pe_match m;

    (void)state;
    assert_int_equal(match(PD(TYPED("org", "Org") "," TYPED("role", "Role")), c, 4, &m),
                     ERR_OK);
    assert_int_equal(m.map_count, 2);
    assert_true(str_is(m.map[0].descriptor, "org"));
    assert_int_equal(m.map[0].credential, 1);
    assert_int_equal(m.map[1].credential, 0);
    assert_int_equal(m.selected_count, 2);
    assert_int_equal(m.selected[0], 1); /* in the order of the definition */
    assert_int_equal(m.selected[1], 0);
    /* one for two descriptors stands once */
    assert_int_equal(
        match(PD(TYPED("a", "Org") "," TYPED("b", "VerifiableCredential")), &c[1], 1, &m),
        ERR_OK);
    assert_int_equal(m.map_count, 2);
    assert_int_equal(m.selected_count, 1);
    /* every descriptor, or none at all; the one that is not met is named */
    assert_int_equal(match(PD(TYPED("org", "Org") "," TYPED("other", "Other")), c, 4, &m),
                     ERR_PE_NO_MATCH);
    assert_true(str_search(CX->reason, S("'other'")) < CX->reason.n);
    assert_int_equal(match(PD(TYPED("org", "Org")), c, 0, &m), ERR_PE_NO_MATCH);
    assert_int_equal(match(PD(D("")), c, 1, &m), ERR_OK); /* asks nothing of it */
    {
        struct pe_definition *d;
        struct pe_credential *lots =
            arena_array(CX->arena, PE_CREDENTIALS_MAX + 1, sizeof(*lots));

        assert_non_null(lots);
        for (size_t i = 0; i <= PE_CREDENTIALS_MAX; i++)
            lots[i] = c[0];
        assert_int_equal(define(PD(D("")), &d), ERR_OK);
        assert_int_equal(pe_match(CX, d, lots, PE_CREDENTIALS_MAX + 1, &m), ERR_LIMIT);
        assert_int_equal(pe_match(CX, d, lots, PE_CREDENTIALS_MAX, &m), ERR_OK);
    }
}

static void
honours_subject_is_issuer(void **state)
{
    static const char pd[] = PD(D("\"subject_is_issuer\":\"required\""));
    static const struct {
        const char *view;
        bool fits;
    } rows[] = {
        { "{\"issuer\":\"did:a\",\"credentialSubject\":[{\"id\":\"did:a\"}]}", true },
        { "{\"issuer\":{\"id\":\"did:a\"},\"credentialSubject\":{\"id\":\"did:a\"}}",
          true },
        { "{\"issuer\":\"did:a\",\"credentialSubject\":[{\"id\":\"did:b\"}]}", false },
        { "{\"issuer\":\"did:a\",\"credentialSubject\":[{\"id\":\"did:a\"},{}]}", false },
        { "{\"issuer\":\"did:a\",\"credentialSubject\":[]}", false },
        { "{\"issuer\":\"did:a\"}", false },
        { "{\"credentialSubject\":[{\"id\":\"\"}]}", false },
    };
    struct pe_match m;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct pe_credential c = jwt("ES256", rows[i].view);

        if ((match(pd, &c, 1, &m) == ERR_OK) != rows[i].fits)
            fail_msg("%s", rows[i].view);
    }
}

/* Step 14 of 3.5: a field's id has one value. */
static void
refuses_two_values_for_one_id(void **state)
{
    static const char pd[] = PD(
        "{\"id\":\"a\",\"constraints\":{\"fields\":[{\"id\":\"x\",\"path\":[\"$.n\"]}]}},"
        "{\"id\":\"b\",\"constraints\":{\"fields\":[{\"id\":\"x\",\"path\":[\"$.m\"]}]}}");
    static const char patterns[] = PD(
        "{\"id\":\"a\",\"constraints\":{\"fields\":[{\"id\":\"x\",\"path\":[\"$.n\"]}]}},"
        "{\"id\":\"b\",\"constraints\":{\"fields\":[{\"id\":\"x\",\"path\":[\"$.m\"],"
        "\"filter\":{\"type\":\"string\",\"pattern\":\"^.\"}}]}}");
    static const struct {
        const char *pd, *view;
        err_t want;
    } rows[] = {
        { pd, "{\"n\":1,\"m\":1.0}", ERR_OK },
        { pd, "{\"n\":1,\"m\":2}", ERR_PE_DEFINITION },
        { pd, "{\"n\":1,\"m\":\"1\"}", ERR_PE_DEFINITION },
        { pd, "{\"n\":{\"a\":[1]},\"m\":{\"a\":[1]}}", ERR_OK },
        { patterns, "{\"n\":\"x\",\"m\":\"xyz\"}", ERR_OK },
        { patterns, "{\"n\":\"xyz\",\"m\":\"xyz\"}", ERR_PE_DEFINITION },
    };
    struct pe_match m;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct pe_credential c = jwt("ES256", rows[i].view);

        if (match(rows[i].pd, &c, 1, &m) != rows[i].want)
            fail_msg("%s", rows[i].view);
        if (rows[i].want == ERR_OK)
            assert_int_equal(m.field_count, 1);
    }
}

/* --- requirements ------------------------------------------------------------------- */

/* Descriptors a, b (in A), c (in A and B), d (in B), e (in none): met by $.a … $.e. */
#define GROUPED(rules)                                                                     \
    "{\"id\":\"pd\",\"submission_requirements\":" rules ",\"input_descriptors\":["         \
    "{\"id\":\"a\",\"group\":[\"A\"],\"constraints\":{\"fields\":[{\"path\":[\"$.a\"]}]}}" \
    ","                                                                                    \
    "{\"id\":\"b\",\"group\":[\"A\"],\"constraints\":{\"fields\":[{\"path\":[\"$.b\"]}]}}" \
    ","                                                                                    \
    "{\"id\":\"c\",\"group\":[\"A\",\"B\"],\"constraints\":{\"fields\":[{\"path\":[\"$."   \
    "c\"]"                                                                                 \
    "}]}},"                                                                                \
    "{\"id\":\"d\",\"group\":[\"B\"],\"constraints\":{\"fields\":[{\"path\":[\"$.d\"]}]}}" \
    ","                                                                                    \
    "{\"id\":\"e\",\"constraints\":{\"fields\":[{\"path\":[\"$.e\"]}]}}]}"

static void
follows_requirements(void **state)
{
    static const struct {
        const char *rules, *view, *want; /* descriptors taken; NULL: no match */
    } rows[] = {
        { "[{\"rule\":\"all\",\"from\":\"A\"}]", "{\"a\":1,\"b\":1,\"c\":1}", "abc" },
        { "[{\"rule\":\"all\",\"from\":\"A\"}]", "{\"a\":1,\"b\":1}", NULL },
        { "[{\"rule\":\"pick\",\"from\":\"A\"}]", "{\"b\":1}", "b" },
        { "[{\"rule\":\"pick\",\"count\":1,\"from_nested\":[{\"rule\":\"pick\",\"from\":"
          "\"A\"},{\"rule\":\"pick\",\"count\":1,\"from\":\"B\"}]}]",
          "{\"d\":1}", "d" },
        { "[{\"rule\":\"pick\",\"min\":0,\"from\":\"A\"},{\"rule\":\"pick\",\"count\":1,"
          "\"from\":\"B\"}]",
          "{\"d\":1}", "d" },
        { "[{\"rule\":\"pick\",\"min\":0,\"from\":\"A\"}]", "{\"d\":1}", NULL },
        { "[{\"rule\":\"pick\",\"count\":1,\"from\":\"A\"}]", "{\"b\":1,\"c\":1}", "b" },
        { "[{\"rule\":\"pick\",\"count\":2,\"from\":\"A\"}]", "{\"b\":1}", NULL },
        { "[{\"rule\":\"pick\",\"count\":2,\"from\":\"A\"}]", "{\"a\":1,\"b\":1,\"c\":1}",
          "ab" },
        { "[{\"rule\":\"pick\",\"min\":2,\"from\":\"A\"}]", "{\"a\":1}", NULL },
        { "[{\"rule\":\"pick\",\"min\":2,\"from\":\"A\"}]", "{\"a\":1,\"b\":1,\"c\":1}",
          "abc" },
        { "[{\"rule\":\"pick\",\"min\":1,\"max\":2,\"from\":\"A\"}]",
          "{\"a\":1,\"b\":1,\"c\":1}", "ab" },
        { "[{\"rule\":\"pick\",\"max\":1,\"from\":\"A\"}]", "{\"b\":1,\"c\":1}", "b" },
        { "[{\"rule\":\"all\",\"from\":\"A\"},{\"rule\":\"all\",\"from\":\"B\"}]",
          "{\"a\":1,\"b\":1,\"c\":1,\"d\":1}", "abcd" },
        { "[{\"rule\":\"all\",\"from\":\"A\"},{\"rule\":\"all\",\"from\":\"B\"}]",
          "{\"a\":1,\"b\":1,\"c\":1}", NULL },
        { "[{\"rule\":\"pick\",\"count\":1,\"from_nested\":[{\"rule\":\"all\",\"from\":"
          "\"A\"},"
          "{\"rule\":\"all\",\"from\":\"B\"}]}]",
          "{\"c\":1,\"d\":1}", "cd" },
        { "[{\"rule\":\"pick\",\"count\":1,\"from_nested\":[{\"rule\":\"all\",\"from\":"
          "\"A\"},"
          "{\"rule\":\"all\",\"from\":\"B\"}]}]",
          "{\"a\":1,\"b\":1,\"c\":1,\"d\":1}", "abc" },
        { "[{\"rule\":\"all\",\"from_nested\":[{\"rule\":\"pick\",\"count\":1,\"from\":"
          "\"A\"},"
          "{\"rule\":\"pick\",\"count\":1,\"from\":\"B\"}]}]",
          "{\"a\":1}", NULL },
        { "[{\"rule\":\"all\",\"from_nested\":[{\"rule\":\"pick\",\"count\":1,\"from\":"
          "\"A\"},"
          "{\"rule\":\"pick\",\"count\":1,\"from\":\"B\"}]}]",
          "{\"a\":1,\"d\":1}", "ad" },
        { "[{\"rule\":\"pick\",\"min\":2,\"from_nested\":[{\"rule\":\"all\",\"from\":\"A\"}"
          ","
          "{\"rule\":\"all\",\"from\":\"B\"}]}]",
          "{\"a\":1,\"b\":1,\"c\":1}", NULL },
    };
    struct pe_match m;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct pe_credential c = jwt("ES256", rows[i].view);
        struct str text = arena_printf(CX->arena, GROUPED("%s"), rows[i].rules);
        char got[8] = "";
        err_t e = match(text.p, &c, 1, &m);

        for (size_t k = 0; k < m.map_count; k++)
            strncat(got, m.map[k].descriptor.p, 1);
        if ((e == ERR_OK) != (rows[i].want != NULL) ||
            (e == ERR_OK && strcmp(got, rows[i].want) != 0))
            fail_msg("%s of %s: %s", rows[i].rules, rows[i].view, got);
        if (e != ERR_OK)
            assert_int_equal(e, ERR_PE_NO_MATCH);
    }
}

/* --- what it may cost --------------------------------------------------------------- */

static double
seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* However many fields, elements and credentials: one budget, under 2 s (conformance). */
static void
costs_what_it_may(void **state)
{
    static const char *const patterns[] = { "^(a+)+$", "^(a|a)*$", "^(a|aa)+$",
                                            "(.*a){25}$", "(x+x+)+y" };
    struct pe_credential c[64];
    struct pe_match m;
    struct str text, view;
    double start;

    (void)state;
    view = many("{\"v\":[", "\"xxxxxxxxxxxxxxxxaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "!\"",
                200, "]}");
    for (size_t i = 0; i < COUNT(c); i++)
        c[i] = jwt("ES256", view.p);
    for (size_t i = 0; i < COUNT(patterns); i++) {
        text = arena_printf(CX->arena,
                            PD(FIELDS("{\"path\":[\"$.v\",\"$.v\",\"$.v\"],\"filter\":{"
                                      "\"type\":\"string\",\"pattern\":\"%s\"}}")),
                            patterns[i]);
        start = seconds();
        if (match(text.p, c, COUNT(c), &m) == ERR_OK)
            fail_msg("%s", patterns[i]);
        if (seconds() - start > 2)
            fail_msg("%s: %.1f s", patterns[i], seconds() - start);
    }
    /* paths that visit everything, over and over */
    text =
        arena_printf(CX->arena, PD(FIELDS("{\"path\":[\"$..*..*..*\"],\"filter\":{\"type\":"
                                          "\"object\"}}")));
    start = seconds();
    assert_int_not_equal(match(text.p, c, COUNT(c), &m), ERR_OK);
    assert_true(seconds() - start < 2);
    /* comparisons of large values */
    text = arena_printf(
        CX->arena, PD(FIELDS("{\"path\":[\"$\"],\"filter\":{\"not\":{\"const\":%s}}}")),
        view.p);
    start = seconds();
    assert_int_equal(match(text.p, c, COUNT(c), &m), ERR_PE_NO_MATCH);
    assert_true(seconds() - start < 2);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(refuses_definitions, setup, teardown),
        cmocka_unit_test_setup_teardown(bounds_definitions, setup, teardown),
        cmocka_unit_test_setup_teardown(tells_about_itself, setup, teardown),
        cmocka_unit_test_setup_teardown(reads_fields_as_nuts_does, setup, teardown),
        cmocka_unit_test_setup_teardown(asks_both_formats, setup, teardown),
        cmocka_unit_test_setup_teardown(takes_the_first_that_fits, setup, teardown),
        cmocka_unit_test_setup_teardown(honours_subject_is_issuer, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_two_values_for_one_id, setup, teardown),
        cmocka_unit_test_setup_teardown(follows_requirements, setup, teardown),
        cmocka_unit_test_setup_teardown(costs_what_it_may, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

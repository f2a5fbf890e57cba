/*
 * definitions_test.c - files of scopes: what is refused, and then what stays; which
 * scope a text asks; definitions used again. EUPL-1.2.
 */
#include "trust/oauth/oauth_kit.h"

#define W  ((struct world *)*state)
#define CX (&W->n->t.cx)

static int
setup(void **state)
{
    *state = world_open();
    return 0;
}

static int
teardown(void **state)
{
    world_close(W);
    return 0;
}

/* Named, and the old ones stay in force. */
static void
refuses(struct world *w, const char *reason)
{
    struct ctx *cx = &w->n->t.cx;
    struct oauth__scopes *before = oauth__scopes_now(cx), *after;

    assert_int_equal(world_reload(w), ERR_CONF);
    if (!str_has(cx->reason, reason))
        fail_msg("wanted %s, got %.*s", reason, STR(cx->reason));
    after = oauth__scopes_now(cx);
    assert_ptr_equal(before, after);
    oauth__scopes_drop(&before);
    oauth__scopes_drop(&after);
    expect(world_ask(w, &(struct words){ .name = NULL }), 200, NULL);
}

static void
unsound_files(void **state)
{
    static const struct {
        const char *text, *reason;
    } rows[] = {
        { "{", "policies/new/definitions.json is not JSON" },
        { "[]", "is no object of scopes" },
        { "{\"a\":5}", "scope 'a': it is no object" },
        { "{\"a\":{}}", "scope 'a': it asks for no presentation" },
        { "{\"a\":{\"organization\":5}}", "scope 'a', organization: the definition" },
        { "{\"a\":{\"organization\":{\"id\":\"x\"}}}", "scope 'a', organization:" },
        { "{\"a\":{\"user\":{\"id\":\"x\",\"input_descriptors\":[]}}}",
          "scope 'a', user:" },
        { "{\"a\":{\"organization\":" PD("p", "{\"path\":[\"$.\"]}") "}}",
          "organization:" },
        { "{\"a\":{\"organization\":" PD_ORG ",\"service_provider\":" PD_USER "}}",
          "service_provider" },
        { "{\"a\":{\"organization\":" PD_ORG ",\"scope_policy\":\"passthrough\"}}",
          "scope_policy" },
        { "{\"a\":{\"organization\":" PD_ORG ",\"user\":" PD_ORG "}}",
          "same definition id" },
        { "{\"a\":{\"organization\":" PD_ORG
          ",\"user\":" PD("p", FIELD("organization_name", "x", "")) "}}",
          "a field of one id" },
        { "{\"a\":{\"organization\":" PD("p", FIELD("client_id", "x", "")) "}}",
          "introspection uses itself" },
        { "{\"a\":{\"organization\":" PD("p", FIELD("active", "x", "")) "}}",
          "introspection uses itself" },
        { "{\"a\":{\"user\":" PD("p", FIELD("cnf", "x", "")) "}}", "introspection uses" },
        { "{\"a\":{\"user\":" PD("p", FIELD("", "x", "")) "}}", "introspection uses" },
        { "{\"\":{\"organization\":" PD_ORG "}}", "this is no scope" },
        { "{\" a\":{\"organization\":" PD_ORG "}}", "this is no scope" },
        { "{\"a\\\"\":{\"organization\":" PD_ORG "}}", "this is no scope" },
        { "{\"a\\n\":{\"organization\":" PD_ORG "}}", "this is no scope" },
        { "{\"test\":{\"organization\":" PD_ORG "}}", "scope 'test' stands in " },
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        world_file(W, "policies/new/definitions.json", rows[i].text);
        refuses(W, rows[i].reason);
    }
    world_file(W, "policies/new/definitions.json", "{\"a\":{\"organization\":" PD_ORG "}}");
    world_file(W, "policies/new/policy.json", "{\"user\":\"required\"}");
    refuses(W, "its policy demands a user");
    world_file(W, "policies/new/policy.json", "{");
    refuses(W, "policies/new/policy.json is not JSON");
    world_file(W, "policies/new/policy.json", "{\"user\":\"optional\"}");
    assert_int_equal(world_reload(W), ERR_OK);
}

/* At the start one fault refuses the start. */
static void
the_start_is_refused(void **state)
{
    void *fresh = &fresh;

    world_file(W, "policies/new/definitions.json", "{\"a\":{}}");
    assert_int_equal(oauth_room.open(CX, &fresh), ERR_CONF);
    assert_null(fresh);
}

static void
a_flat_folder(void **state)
{
    struct oauth__scopes *s;
    struct str detail;

    W->n->conf->policy_directory = arena_printf(&W->n->signer_arena, "%s/flat", W->n->dir);
    assert_int_equal(world_reload(W), ERR_OK); /* no folder is said aloud, and fine */
    world_file(W, "flat/one.json",
               "{\"one\":{\"organization\":" PD_ORG ",\"scope_policy\":\"profile-only\"}}");
    world_file(W, "flat/README.txt", "not read");
    assert_int_equal(world_reload(W), ERR_OK);
    s = oauth__scopes_now(CX);
    assert_int_equal(oauth__scopes_count(s), 7);
    oauth__scopes_drop(&s);
    assert_int_equal(oauth_room.health(CX, NULL, &detail), ERR_OK);
    assert_true(str_is(detail, "7 scopes"));
    expect(world_ask(W, &(struct words){ .scope = "one" }), 200, NULL);
    world_file(W, "flat/two.json", "{\"test\":{\"organization\":" PD_ORG "}}");
    refuses(W, "scope 'test' stands in ");
}

static void
without_files_no_token(void **state)
{
    W->n->conf->policies_folder = S("/nowhere");
    assert_int_equal(world_reload(W), ERR_OK);
    expect(world_ask(W, &(struct words){ .name = NULL }), 400, "invalid_scope");
}

/* What ships is read, and asks what the guides ask. */
static void
shipped(void **state)
{
    scoped(oauth__scopes_drop) struct oauth__scopes *s = NULL;
    const struct oauth__scope *scope;
    struct str granted;

    W->n->conf->policies_folder = S("policies");
    assert_int_equal(world_reload(W), ERR_OK);
    s = oauth__scopes_now(CX);
    assert_int_equal(oauth__scope_find(CX, s, S("bgz"), &scope, &granted), ERR_OK);
    assert_non_null(scope->user);
    assert_false(scope->user_required);
    assert_int_equal(oauth__scope_find(CX, s,
                                       S("medicatieoverdracht-gf medicatieoverdracht_gf"),
                                       &scope, &granted),
                     ERR_OK);
    assert_int_equal(
        oauth__scope_find(CX, s, S("bgz medicatieoverdracht-gf"), &scope, &granted),
        ERR_OAUTH_SCOPE);
}

/* A definition made ready is used again, unless a JSONPath of it keeps memory. */
static void
ready(void **state)
{
    scoped(oauth__scopes_drop) struct oauth__scopes *s = oauth__scopes_now(CX);
    const struct oauth__scope *scope;
    struct oauth__ready *one, *two, *was;
    struct str granted;

    assert_int_equal(oauth__scope_find(CX, s, S("test"), &scope, &granted), ERR_OK);
    assert_int_equal(oauth__ready_take(CX, s, scope, &one), ERR_OK);
    assert_int_equal(oauth__ready_take(CX, s, scope, &two), ERR_OK);
    assert_ptr_not_equal(one, two);
    was = one;
    oauth__ready_give(&one);
    assert_int_equal(oauth__ready_take(CX, s, scope, &one), ERR_OK);
    assert_ptr_equal(one, was);
    oauth__ready_give(&one);
    oauth__scopes_drop(&s); /* the set outlives who holds a part of it */
    world_file(W, "policies/new/definitions.json",
               "{\"filter\":{\"organization\":" PD(
                   "f", BY_ISSUER ",{\"path\":[\"$.credentialSubject[?match(@.id,"
                                  "'did.*')]\"]}") "}}");
    assert_int_equal(world_reload(W), ERR_OK);
    oauth__ready_give(&two);
    s = oauth__scopes_now(CX);
    assert_int_equal(oauth__scope_find(CX, s, S("filter"), &scope, &granted), ERR_OK);
    assert_true(scope->once);
    for (int i = 0; i < 3; i++)
        expect(world_ask(W, &(struct words){ .scope = "filter", .definition = "f" }), 200,
               NULL);
}

/* A reload while requests are under way: each ends with what it began with. */
static void
reloads(void **state)
{
    for (int i = 0; i < 20; i++) {
        assert_int_equal(world_reload(W), ERR_OK);
        expect(world_ask(W, &(struct words){ .name = NULL }), 200, NULL);
    }
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        T(unsound_files), T(the_start_is_refused),
        T(a_flat_folder), T(without_files_no_token),
        T(shipped),       T(ready),
        T(reloads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * definitions.c - which presentation a scope asks for.
 *
 *      policies/<name>/definitions.json ─┐
 *      policy.directory/<name>.json ─────┴─► scope ─► { organization, user }
 *
 * Rule      nuts-node.md 3.3. Read whole or not at all: a scope that stands twice, or a
 *           definition that is not sound, refuses the start, and on SIGHUP the old ones
 *           stay. A `user` definition is demanded where the policy beside it says so.
 * Trust     Files are the operator's. A definition is the whole of nuts-node's trust
 *           (3.3): one that anchors it nowhere is warned about.
 * Lifetime  A set never changes and lives until its last user drops it. Definitions
 *           made ready keep memory of their patterns, so each serves one request at a time.
 * Source    Knoop. EUPL-1.2.
 */
#include "trust/oauth/oauth_int.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "sys/conf/conf.h"
#include "sys/os/os.h"

enum {
    FILE_MAX = 1024 * 1024,
    SCOPES_MAX = 1024,
    SET_MAX = 64 * 1024 * 1024,
    READY_MAX = 16 * 1024 * 1024, /* one definition with the memory of its patterns */
    IDLE_MAX = 64,                /* kept ready, of all scopes */
};

struct oauth__scopes {
    struct arena arena;
    atomic_long uses;
    struct oauth__scope *at;
    size_t n;
    pthread_mutex_t lock; /* of idle */
    struct oauth__ready *idle;
    size_t idle_n;
};

bool
oauth__is_reserved(struct str field)
{
    static const struct str names[] = {
        S_INIT("iss"),        S_INIT("sub"),       S_INIT("aud"),   S_INIT("exp"),
        S_INIT("iat"),        S_INIT("nbf"),       S_INIT("jti"),   S_INIT("active"),
        S_INIT("cnf"),        S_INIT("client_id"), S_INIT("scope"), S_INIT("vps"),
        S_INIT("token_type"), S_INIT("username"),
    };

    for (size_t i = 0; i < COUNT(names); i++)
        if (str_eq(field, names[i]))
            return true;
    return str_starts(field, S("presentation_"));
}

/* --- is it sound, and does it anchor trust? ------------------------------------- */

struct reading {
    struct ctx *cx; /* of the set: its arena stays */
    struct oauth__scopes *set;
    struct str file;
};

static err_t
bad(const struct reading *r, struct str scope, const char *what)
{
    return refuse(r->cx, ERR_CONF, "nuts-node 3.3", "%.*s: scope '%.*s': %s", STR(r->file),
                  (int)(scope.n < 64 ? scope.n : 64), scope.n ? scope.p : "", what);
}

static bool
is_field(const json *field, const char *path)
{
    return json_has(json_get(field, "path"), str_of(path));
}

/* A filter that names what it takes: const, enum or pattern. */
static bool
names_it(const json *filter)
{
    return json_get(filter, "const") != NULL || json_get(filter, "enum") != NULL ||
           json_get(filter, "pattern") != NULL;
}

/* The issuer is named, or a certificate of a configured root vouches. */
static bool
is_anchored(const json *definition)
{
    for (json_each(d, json_get(definition, "input_descriptors")))
        for (json_each(f, json_path(d.value, "constraints", "fields", NULL))) {
            const json *filter = json_get(f.value, "filter");

            if (is_field(f.value, "$.issuer") && names_it(filter))
                return true;
            if (is_field(f.value, "$.type") &&
                json_is(json_get(filter, "const"), "X509Credential"))
                return true;
        }
    return false;
}

/* The field ids of `d` are free, and none of them is one of `other`. */
static err_t
check_fields(const struct reading *r, struct str scope, const struct pe_definition *d,
             const struct pe_definition *other)
{
    struct str id, taken;

    for (size_t i = 0; pe_definition_field(d, i, &id); i++) {
        if (id.n == 0 || oauth__is_reserved(id))
            return bad(r, scope, "a field has an id that introspection uses itself");
        for (size_t k = 0; other != NULL && pe_definition_field(other, k, &taken); k++)
            if (str_eq(id, taken))
                return bad(r, scope, "organization and user both define a field of one id");
    }
    return ERR_OK;
}

static err_t
check_definition(const struct reading *r, struct ctx *scratch, struct str scope,
                 const char *owner, const json *v, struct pe_definition **out)
{
    *out = NULL;
    if (v == NULL)
        return ERR_OK;
    if (pe_definition_parse(scratch, v, out) != ERR_OK)
        return refuse(r->cx, ERR_CONF, "PE 2.0 5", "%.*s: scope '%.*s', %s: %.*s",
                      STR(r->file), STR(scope), owner, STR(scratch->reason));
    if (!pe_definition_takes_jwt(*out))
        log_warn(r->cx,
                 "%.*s: scope '%.*s', %s: it takes no jwt_vc, and nothing else is"
                 " offered yet: nobody can meet it",
                 STR(r->file), STR(scope), owner);
    if (strcmp(owner, "organization") == 0 && !is_anchored(v))
        log_warn(r->cx,
                 "%.*s: scope '%.*s', %s: it names no issuer and asks for no"
                 " X509Credential: whoever vouches for himself meets it",
                 STR(r->file), STR(scope), owner);
    return ERR_OK;
}

static err_t
check_both(const struct reading *r, const struct oauth__scope *s)
{
    struct arena arena;
    struct ctx scratch;
    struct pe_definition *org, *user;
    err_t e;

    arena_init(&arena, READY_MAX);
    ctx_init(&scratch, &arena, r->cx->now_ms);
    if ((e = check_definition(r, &scratch, s->name, "organization", s->organization,
                              &org)) == ERR_OK &&
        (e = check_definition(r, &scratch, s->name, "user", s->user, &user)) == ERR_OK) {
        if (org != NULL && user != NULL &&
            str_eq(pe_definition_id(org), pe_definition_id(user)))
            e = bad(r, s->name, "organization and user have the same definition id");
        if (e == ERR_OK && org != NULL)
            e = check_fields(r, s->name, org, user);
        if (e == ERR_OK && user != NULL)
            e = check_fields(r, s->name, user, NULL);
    }
    arena_fini(&arena);
    return e;
}

/* --- reading ---------------------------------------------------------------------- */

static err_t
check_members(const struct reading *r, struct str scope, const json *v)
{
    if (json_type(v) != JSON_OBJECT)
        return bad(r, scope, "it is no object");
    for (json_each(it, v)) {
        if (str_is(it.name, "organization") || str_is(it.name, "user"))
            continue;
        if (str_is(it.name, "scope_policy") && json_is(it.value, "profile-only"))
            continue;
        return bad(r, scope,
                   "beside organization and user nothing is offered yet"
                   " (service_provider, scope_policy other than profile-only)");
    }
    return ERR_OK;
}

/* RFC 6749 3.3: printable ASCII without blank, '"' and '\'; blanks for nuts-node's keys. */
static bool
is_scope_text(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < 0x20 || s.p[i] > 0x7e || s.p[i] == '"' || s.p[i] == '\\')
            return false;
    return s.n > 0 && s.n <= OAUTH_SCOPE_MAX && s.p[0] != ' ' && s.p[s.n - 1] != ' ';
}

static const struct oauth__scope *
find(const struct oauth__scopes *s, struct str name)
{
    for (size_t i = 0; i < s->n; i++)
        if (str_eq(s->at[i].name, name))
            return &s->at[i];
    return NULL;
}

/* Does a JSONPath of it call match() or search()? */
static err_t
has_calls(struct ctx *cx, const json *v, bool *out)
{
    struct str text;
    err_t e = json_text(cx, v, &text);

    *out = e != ERR_OK || str_search(text, S("match(")) < text.n ||
           str_search(text, S("search(")) < text.n;
    return e;
}

static err_t
read_scope(const struct reading *r, struct str name, const json *v, bool user_required)
{
    struct oauth__scopes *set = r->set;
    const struct oauth__scope *twin = find(set, name);
    struct oauth__scope *s;
    err_t e;

    if (!is_scope_text(name))
        return bad(r, name, "this is no scope (RFC 6749 3.3)");
    if (twin != NULL)
        return refuse(r->cx, ERR_CONF, "nuts-node 3.3",
                      "scope '%.*s' stands in %.*s and in %.*s", STR(name), STR(twin->file),
                      STR(r->file));
    if (set->n == SCOPES_MAX)
        return bad(r, name, "there are too many scopes");
    if ((e = check_members(r, name, v)) != ERR_OK)
        return e;
    s = &set->at[set->n];
    *s = (struct oauth__scope){ .name = name,
                                .file = r->file,
                                .organization = json_get(v, "organization"),
                                .user = json_get(v, "user"),
                                .user_required = user_required };
    if (s->organization == NULL && s->user == NULL)
        return bad(r, name, "it asks for no presentation");
    if (user_required && s->user == NULL)
        return bad(r, name, "its policy demands a user, and there is no user definition");
    if ((e = check_both(r, s)) != ERR_OK || (e = has_calls(r->cx, v, &s->once)) != ERR_OK)
        return e;
    set->n++;
    return ERR_OK;
}

/* A missing file is fine: *there says so. */
static err_t
read_file(const struct reading *r, json **out, bool *there)
{
    struct bytes data;
    err_t e = os_read_file(r->cx, r->file.p, FILE_MAX, &data);

    *out = NULL;
    *there = e == ERR_OK;
    if (e == ERR_NOT_FOUND) {
        refuse_clear(r->cx);
        return ERR_OK;
    }
    if (e != ERR_OK)
        return e;
    if ((e = json_parse(r->cx, str_of_bytes(data), JSON_STRICT, out)) != ERR_OK)
        return refuse(r->cx, ERR_CONF, "nuts-node 3.3", "%.*s is not JSON", STR(r->file));
    return ERR_OK;
}

static err_t
read_definitions(const struct reading *r, bool user_required, bool *there)
{
    json *all;
    err_t e = read_file(r, &all, there);

    if (e != ERR_OK || !*there)
        return e;
    if (json_type(all) != JSON_OBJECT)
        return refuse(r->cx, ERR_CONF, "nuts-node 3.3", "%.*s is no object of scopes",
                      STR(r->file));
    for (json_each(it, all))
        if ((e = read_scope(r, it.name, it.value, user_required)) != ERR_OK)
            return e;
    return ERR_OK;
}

static err_t
name_file(struct reading *r, struct str folder, struct str name, const char *file)
{
    r->file = arena_printf(r->cx->arena, "%.*s/%.*s%s", STR(folder), STR(name), file);
    return r->file.p == NULL ? refuse_memory(r->cx) : ERR_OK;
}

/* What the policy beside it says of the user (care/policy reads the rest). */
static err_t
read_policy(struct reading *r, struct str folder, struct str name, bool *user_required)
{
    json *policy;
    bool there;
    err_t e;

    *user_required = false;
    if ((e = name_file(r, folder, name, "/policy.json")) != ERR_OK ||
        (e = read_file(r, &policy, &there)) != ERR_OK)
        return e;
    *user_required = json_is(json_get(policy, "user"), "required");
    return ERR_OK;
}

static err_t
list_folder(struct ctx *cx, struct str folder, struct str **names, size_t *n)
{
    char *path = arena_z(cx->arena, folder);
    err_t e;

    *n = 0;
    if (path == NULL)
        return refuse_memory(cx);
    if ((e = os_folder_list(cx, path, names, n)) != ERR_NOT_FOUND)
        return e;
    refuse_clear(cx);
    log_warn(cx, "there is no folder '%.*s': no scope is defined there", STR(folder));
    return ERR_OK;
}

static err_t
read_policies(struct reading *r, struct str folder)
{
    struct str *names;
    size_t n;
    bool required, there;
    err_t e = list_folder(r->cx, folder, &names, &n);

    for (size_t i = 0; i < n && e == ERR_OK; i++)
        if ((e = read_policy(r, folder, names[i], &required)) == ERR_OK &&
            (e = name_file(r, folder, names[i], "/definitions.json")) == ERR_OK)
            e = read_definitions(r, required, &there);
    return e;
}

static err_t
read_directory(struct reading *r, struct str folder)
{
    struct str *names;
    size_t n = 0;
    bool there;
    err_t e = folder.n != 0 ? list_folder(r->cx, folder, &names, &n) : ERR_OK;

    for (size_t i = 0; i < n && e == ERR_OK; i++)
        if (str_ends(names[i], S(".json")) &&
            (e = name_file(r, folder, names[i], "")) == ERR_OK)
            e = read_definitions(r, false, &there);
    return e;
}

/* --- a set -------------------------------------------------------------------------- */

static void
ready_free(struct oauth__ready *r)
{
    arena_fini(&r->arena);
    free(r);
}

void
oauth__scopes_drop(struct oauth__scopes **set)
{
    struct oauth__scopes *s = *set;
    struct oauth__ready *next;

    *set = NULL;
    if (s == NULL || atomic_fetch_sub(&s->uses, 1) != 1)
        return;
    for (struct oauth__ready *r = s->idle; r != NULL; r = next) {
        next = r->next;
        ready_free(r);
    }
    pthread_mutex_destroy(&s->lock);
    arena_fini(&s->arena);
    free(s);
}

err_t
oauth__scopes_load(struct ctx *cx, struct oauth__scopes **out)
{
    scoped(oauth__scopes_drop) struct oauth__scopes *set = calloc(1, sizeof(*set));
    struct ctx own;
    struct reading r = { &own, set, { NULL, 0 } };
    err_t e;

    *out = NULL;
    if (set == NULL)
        return refuse(cx, ERR_NO_MEMORY, "", "an allocation failed");
    arena_init(&set->arena, SET_MAX);
    atomic_init(&set->uses, 1);
    pthread_mutex_init(&set->lock, NULL);
    ctx_init(&own, &set->arena, cx->now_ms);
    set->at = arena_array(&set->arena, SCOPES_MAX, sizeof(*set->at));
    if (set->at == NULL)
        return refuse_memory(cx);
    if ((e = read_policies(&r, cx->conf->policies_folder)) != ERR_OK ||
        (e = read_directory(&r, cx->conf->policy_directory)) != ERR_OK)
        return refuse(cx, e, own.clause ? own.clause : "", "%.*s", STR(own.reason));
    if (set->n == 0)
        log_warn(cx, "no scope has a presentation definition: no access token is given");
    *out = set;
    set = NULL;
    return ERR_OK;
}

size_t
oauth__scopes_count(const struct oauth__scopes *s)
{
    return s != NULL ? s->n : 0;
}

struct oauth__scopes *
oauth__scopes_take(struct oauth__scopes *s)
{
    if (s != NULL)
        atomic_fetch_add(&s->uses, 1);
    return s;
}

/* --- which scope -------------------------------------------------------------------- */

static err_t
unknown(struct ctx *cx)
{
    return refuse(cx, ERR_OAUTH_SCOPE, "nuts-node 3.3",
                  "a scope has no presentation definition here");
}

static bool
same_definitions(const struct oauth__scope *a, const struct oauth__scope *b)
{
    return a->user_required == b->user_required &&
           json_equal(a->organization, b->organization) && json_equal(a->user, b->user);
}

/* nuts-node 0.3: v6.2 knows the whole text alone. Beyond that: each part by itself. */
err_t
oauth__scope_find(struct ctx *cx, const struct oauth__scopes *s, struct str text,
                  const struct oauth__scope **out, struct str *granted)
{
    const struct oauth__scope *one;
    struct str rest = text;
    struct buf b;

    *out = NULL;
    *granted = (struct str){ NULL, 0 };
    if (s == NULL || text.n > OAUTH_SCOPE_MAX || text.n == 0 || text.p[text.n - 1] == ' ')
        return unknown(cx);
    if ((one = find(s, text)) != NULL) {
        *out = one;
        *granted = arena_str(cx->arena, text);
        return granted->p == NULL ? refuse_memory(cx) : ERR_OK;
    }
    buf_init(&b, cx->arena);
    while (rest.n != 0) {
        if ((one = find(s, str_cut(&rest, ' '))) == NULL)
            return unknown(cx);
        if (*out != NULL && !same_definitions(*out, one))
            return refuse(cx, ERR_OAUTH_SCOPE, "nuts-node 3.3",
                          "scopes with different presentation definitions in one request");
        if (*out == NULL)
            *out = one;
        if (b.n != 0)
            buf_c(&b, ' ');
        buf_str(&b, one->name);
    }
    return buf_done(cx, &b, granted);
}

/* --- ready to match ----------------------------------------------------------------- */

static struct oauth__ready *
idle_take(struct oauth__scopes *s, const struct oauth__scope *scope)
{
    struct oauth__ready *r = NULL;

    pthread_mutex_lock(&s->lock);
    for (struct oauth__ready **at = &s->idle; *at != NULL; at = &(*at)->next)
        if ((*at)->scope == scope) {
            r = *at;
            *at = r->next;
            s->idle_n--;
            break;
        }
    pthread_mutex_unlock(&s->lock);
    return r;
}

static err_t
ready_new(struct ctx *cx, struct oauth__scopes *s, const struct oauth__scope *scope,
          struct oauth__ready **out)
{
    struct oauth__ready *r = calloc(1, sizeof(*r));
    struct ctx own;
    err_t e = ERR_OK;

    *out = NULL;
    if (r == NULL)
        return refuse(cx, ERR_NO_MEMORY, "", "an allocation failed");
    arena_init(&r->arena, READY_MAX);
    ctx_init(&own, &r->arena, cx->now_ms);
    r->scope = scope;
    r->set = s;
    if (scope->organization != NULL)
        e = pe_definition_parse(&own, scope->organization, &r->organization);
    if (e == ERR_OK && scope->user != NULL)
        e = pe_definition_parse(&own, scope->user, &r->user);
    if (e != ERR_OK) {
        ready_free(r);
        return refuse(cx, ERR_NO_MEMORY, "", "a definition could not be made ready");
    }
    *out = r;
    return ERR_OK;
}

err_t
oauth__ready_take(struct ctx *cx, struct oauth__scopes *s, const struct oauth__scope *scope,
                  struct oauth__ready **out)
{
    err_t e = ERR_OK;

    if ((*out = idle_take(s, scope)) == NULL)
        e = ready_new(cx, s, scope, out);
    if (e == ERR_OK)
        atomic_fetch_add(&s->uses, 1);
    return e;
}

/* JSONPath's match() and search() keep a pattern in the memory of who asked last. */
static bool
may_be_kept(const struct oauth__ready *r)
{
    return !r->arena.failed && !r->scope->once;
}

void
oauth__ready_give(struct oauth__ready **ready)
{
    struct oauth__ready *r = *ready;
    struct oauth__scopes *s;
    bool kept = false;

    *ready = NULL;
    if (r == NULL)
        return;
    s = r->set;
    pthread_mutex_lock(&s->lock);
    if (may_be_kept(r) && s->idle_n < IDLE_MAX) {
        r->next = s->idle;
        s->idle = r;
        s->idle_n++;
        kept = true;
    }
    pthread_mutex_unlock(&s->lock);
    if (!kept)
        ready_free(r);
    oauth__scopes_drop(&s);
}

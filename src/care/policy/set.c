/*
 * set.c - the policies in force: checked, kept together, replaced as a whole.
 *
 * Rule      What is refused is named in the log, and the old one stays.
 * Lifetime  A set never changes. It owns its texts, and lives until its last
 *           user gives it back; users may be in several threads.
 * Source    Knoop. EUPL-1.2.
 */
#include "care/policy/policy_int.h"

#include "base/log.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { SET_ARENA_MAX = 32 * 1024 * 1024, CHECK_ARENA_MAX = 32 * 1024 * 1024 };

struct policy_set {
    struct arena arena;
    atomic_long uses;
    struct policy *at;
    struct policy_source *source;
    size_t n;
};

static err_t
prove_source(struct ctx *cx, const struct policy_source *s, struct policy *p, size_t *ran)
{
    size_t count;
    err_t e;

    if ((e = policy__read(cx, s->name, s->policy, p)) != ERR_OK)
        return e;
    if (!policy_in_force(p, cx->now_ms))
        return refuse(cx, ERR_POLICY_INVALID, "mission 101", "it is outside its validity");
    e = policy__prove(cx, p, s->tests, &count);
    if (ran != NULL)
        *ran = count;
    return e;
}

err_t
policy_check(struct ctx *cx, const struct policy_source *source, size_t *ran)
{
    struct policy p;

    if (ran != NULL)
        *ran = 0;
    return prove_source(cx, source, &p, ran);
}

/* In an arena of its own, so that a bad policy leaves nothing in the set. */
static err_t
try_source(struct ctx *cx, const struct policy_source *s)
{
    struct arena arena;
    struct ctx own;
    err_t e;

    arena_init(&arena, CHECK_ARENA_MAX);
    ctx_init(&own, &arena, cx->now_ms);
    e = policy_check(&own, s, NULL);
    if (e != ERR_OK)
        e = refuse(cx, e, own.clause ? own.clause : "", "%.*s", STR(own.reason));
    arena_fini(&arena);
    return e;
}

static const struct policy_source *
source_of(const struct policy_set *s, struct str name)
{
    for (size_t i = 0; s != NULL && i < s->n; i++)
        if (str_eq(s->source[i].name, name))
            return &s->source[i];
    return NULL;
}

static err_t
keep(struct ctx *own, struct policy_set *set, const struct policy_source *s)
{
    struct policy_source *to = &set->source[set->n];
    err_t e;

    to->name = arena_str(own->arena, s->name);
    to->policy = arena_str(own->arena, s->policy);
    to->tests = arena_str(own->arena, s->tests);
    if (to->name.p == NULL || to->policy.p == NULL || to->tests.p == NULL)
        return refuse_memory(own);
    if ((e = policy__read(own, to->name, to->policy, &set->at[set->n])) != ERR_OK)
        return e;
    set->n++;
    return ERR_OK;
}

/* The new one when it holds, else the old one of that name, else none. */
static const struct policy_source *
choose(struct ctx *cx, const struct policy_source *s, struct policy_set *old,
       size_t *refused)
{
    const struct policy_source *before = source_of(old, s->name);

    if (try_source(cx, s) == ERR_OK)
        return s;
    (*refused)++;
    log_error(cx, "policy '%.*s' is not loaded: %.*s%s", STR(s->name), STR(cx->reason),
              before ? "; the one before stays" : "");
    refuse_clear(cx);
    return before;
}

err_t
policy_set_new(struct ctx *cx, const struct policy_source *source, size_t n,
               struct policy_set *old, struct policy_set **out, size_t *refused)
{
    struct policy_set *set = calloc(1, sizeof(*set));
    struct ctx own;
    err_t e = ERR_OK;

    *out = NULL;
    *refused = 0;
    if (set == NULL)
        return refuse(cx, ERR_NO_MEMORY, "", "an allocation failed");
    arena_init(&set->arena, SET_ARENA_MAX);
    atomic_init(&set->uses, 1);
    ctx_init(&own, &set->arena, cx->now_ms);
    set->at = arena_array(&set->arena, n + 1, sizeof(*set->at));
    set->source = arena_array(&set->arena, n + 1, sizeof(*set->source));
    if (set->at == NULL || set->source == NULL)
        e = refuse_memory(cx);
    for (size_t i = 0; i < n && e == ERR_OK; i++) {
        const struct policy_source *s = choose(cx, &source[i], old, refused);

        if (s != NULL && (e = keep(&own, set, s)) != ERR_OK)
            e = refuse(cx, e, "", "%.*s", STR(own.reason));
    }
    if (e != ERR_OK) {
        policy_set_give(set);
        return e;
    }
    *out = set;
    return ERR_OK;
}

struct policy_set *
policy_set_take(struct policy_set *s)
{
    if (s != NULL)
        atomic_fetch_add(&s->uses, 1);
    return s;
}

void
policy_set_give(struct policy_set *s)
{
    if (s == NULL || atomic_fetch_sub(&s->uses, 1) != 1)
        return;
    arena_fini(&s->arena);
    free(s);
}

size_t
policy_count(const struct policy_set *s)
{
    return s != NULL ? s->n : 0;
}

const struct policy *
policy_at(const struct policy_set *s, size_t i)
{
    return &s->at[i];
}

const struct policy *
policy_find(const struct policy_set *s, struct str name)
{
    for (size_t i = 0; i < policy_count(s); i++)
        if (str_eq(s->at[i].name, name))
            return &s->at[i];
    return NULL;
}

/*
 * steps_trail.c - what the hospital's log says of the patient, asked as an officer
 * does. EUPL-1.2.
 */
#include "app/demo/steps.h"

#include <string.h>

#include "sys/os/os.h"

enum { KINDS = 16, WORDS = 64, LOG_PATIENCE_MS = 2000 };

/* Events that say the same are told together. */
struct kind {
    struct str subtype, outcome, why, first, last;
    unsigned times;
};

static bool
is_code(const json *concept, const char *code)
{
    for (json_each(it, json_get(concept, "coding")))
        if (json_is(json_get(it.value, "code"), code))
            return true;
    return false;
}

/* The agent of this type: who, and in what role. */
static const json *
agent(const json *event, const char *type)
{
    for (json_each(it, json_get(event, "agent")))
        if (is_code(json_get(it.value, "type"), type))
            return it.value;
    return NULL;
}

/* "2026-11-28T10:11:12.345Z" to "10:11:12". */
static struct str
clock_of(const json *event)
{
    return str_sub(json_get_text(event, "recorded"), 11, 19);
}

static struct str
subtype_of(const json *event)
{
    const json *list = json_get(event, "subtype");

    return json_get_text(json_at(list, json_size(list) - 1), "code");
}

static bool
add(struct kind *kinds, size_t *n, const json *event)
{
    struct str subtype = subtype_of(event), outcome = json_get_text(event, "outcome"),
               why = json_get_text(event, "outcomeDesc");
    size_t i = 0;

    why = str_sub(why, 0, WORDS);
    while (i < *n && !(str_eq(kinds[i].subtype, subtype) &&
                       str_eq(kinds[i].outcome, outcome) && str_eq(kinds[i].why, why)))
        i++;
    if (i == KINDS)
        return false;
    if (i == *n)
        kinds[(*n)++] = (struct kind){ subtype, outcome, why, clock_of(event), S(""), 0 };
    kinds[i].last = clock_of(event);
    kinds[i].times++;
    return true;
}

static void
tell_kind(struct play *p, const struct kind *k)
{
    bool good = str_is(k->outcome, "0");

    tell(p, "", "%.*s to %.*s  %3u x %-13.*s %s%s%.*s", STR(k->first), STR(k->last),
         k->times, STR(k->subtype), good ? "permitted" : "refused", k->why.n ? ": " : "",
         STR(k->why));
}

/* Who read is named, with the organisation and the policy; the number is not. */
static err_t
check_read(struct play *p, const json *event)
{
    const json *person = agent(event, "IRCP"), *provider = agent(event, "PROV");
    struct str number =
                   json_get_text(json_path(person, "who", "identifier", NULL), "value"),
               name = json_get_text(json_get(provider, "who"), "display"),
               role = json_get_text(json_at(json_get(person, "role"), 0), "text"), policy;

    if (!str_is(number, p->nurse->uzi) || !str_is(name, p->homecare->who->name))
        return refuse(p->cx, ERR_UPSTREAM, "NEN 7513", "a read does not name who read");
    json_str(json_at(json_get(person, "policy"), 0), &policy);
    tell(p, "proved", "%.*s (%.*s) of %.*s read, under policy %.*s", STR(number), STR(role),
         STR(name), STR(policy));
    return ERR_OK;
}

static err_t
search(struct play *p, struct world_reply *reply)
{
    err_t e = post(p, p->hospital, S("/internal/knoop/v1/audit/search"), 200, reply,
                   "{\"patient\":\"%s\",\"count\":500}", p->number);

    if (e != ERR_OK)
        return e;
    if (str_search(reply->body, str_of(p->number)) < reply->body.n)
        return refuse(p->cx, ERR_UPSTREAM, "", "the number stands in the log");
    return ERR_OK;
}

/* The last event of this subtype and outcome, or NULL. */
static const json *
last_of(const json *bundle, const char *subtype, const char *outcome)
{
    const json *found = NULL;

    for (json_each(it, json_get(bundle, "entry"))) {
        const json *event = json_get(it.value, "resource");

        if (str_is(subtype_of(event), subtype) &&
            json_is(json_get(event, "outcome"), outcome))
            found = event;
    }
    return found;
}

/* An event is safe at once, and in the log's file within 10 ms: so look again. */
static err_t
search_until(struct play *p, const char *subtype, const char *outcome,
             struct world_reply *reply, const json **found)
{
    int64_t until = os_tick_ms() + LOG_PATIENCE_MS;
    err_t e;

    while ((e = search(p, reply)) == ERR_OK &&
           (*found = last_of(reply->v, subtype, outcome)) == NULL && os_tick_ms() < until)
        loop_turn(p->w->loop, 10);
    if (e == ERR_OK && *found == NULL)
        e = refuse(p->cx, ERR_UPSTREAM, "NEN 7513", "no event '%s' is in the log", subtype);
    return e;
}

err_t
step_trail(struct play *p)
{
    struct kind kinds[KINDS];
    struct world_reply reply;
    const json *read, *refusal;
    size_t n = 0;
    err_t e = search_until(p, "refused", "8", &reply, &refusal);

    if (e != ERR_OK)
        return e;
    if ((read = last_of(reply.v, "read", "0")) == NULL)
        return refuse(p->cx, ERR_UPSTREAM, "NEN 7513", "no read of the patient is logged");
    for (json_each(it, json_get(reply.v, "entry"))) {
        const json *event = json_get(it.value, "resource");

        if (!add(kinds, &n, event))
            return refuse(p->cx, ERR_LIMIT, "", "more kinds of event than the demo tells");
    }
    p->event = json_get_text(read, "id");
    if ((e = check_read(p, read)) != ERR_OK)
        return e;
    for (size_t i = 0; i < n; i++)
        tell_kind(p, &kinds[i]);
    tell(p, "vouched", "by the hospital's own log, found by a keyed hash of the number");
    return ERR_OK;
}

err_t
step_officer(struct play *p)
{
    struct str path = arena_printf(
        p->cx->arena, "/internal/knoop/v1/audit/events/%.*s/person", STR(p->event));
    struct world_reply reply;
    const json *opened;
    err_t e;

    if (path.p == NULL)
        return refuse_memory(p->cx);
    if ((e = post(p, p->hospital, path, 200, &reply,
                  "{\"officer\":\"privacy officer of the demo\",\"why\":\"the patient asks "
                  "who saw the record\"}")) != ERR_OK)
        return e;
    if (!str_is(json_get_text(reply.v, "value"), p->number))
        return refuse(p->cx, ERR_UPSTREAM, "", "another number came out");
    if ((e = search_until(p, "person", "0", &reply, &opened)) != ERR_OK)
        return e;
    tell(p, "proved", "event %.*s was about this patient: the signer opened it",
         STR(p->event));
    tell(p, "", "and the log says who had it opened, and why");
    return ERR_OK;
}

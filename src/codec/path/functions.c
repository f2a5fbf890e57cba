/*
 * functions.c - the functions of RFC 9535 2.4.4 to 2.4.8. To add one: write it,
 * and give it a row at the end.
 * Source    Knoop. EUPL-1.2.
 */
#include "codec/path/path_int.h"

static err_t
length(struct path_eval *ev, struct path_call *call, const json *at, struct path_value *out)
{
    struct path_value v;
    struct str s;
    err_t e = path__value(ev, &call->args[0], at, &v);
    enum json_type type = json_type(v.node);

    *out = (struct path_value){ 0 };
    if (e != ERR_OK)
        return e;
    out->is_count = type == JSON_STRING || type == JSON_ARRAY || type == JSON_OBJECT;
    out->count = json_size(v.node);
    if (!json_str(v.node, &s))
        return ERR_OK;
    for (size_t i = 0; i < s.n; i++)
        out->count += (s.p[i] & 0xC0) != 0x80; /* characters, not bytes */
    return path__spend(ev, s.n / 16);
}

static err_t
count(struct path_eval *ev, struct path_call *call, const json *at, struct path_value *out)
{
    struct path_nodes nodes;
    err_t e = path__nodes(ev, call->args[0].query, at, &nodes);

    *out = (struct path_value){ .is_count = true, .count = nodes.n };
    return e;
}

static err_t
value(struct path_eval *ev, struct path_call *call, const json *at, struct path_value *out)
{
    struct path_nodes nodes;
    err_t e = path__nodes(ev, call->args[0].query, at, &nodes);

    *out = (struct path_value){ .node = e == ERR_OK && nodes.n == 1 ? nodes.v[0] : NULL };
    return e;
}

/* The pattern compiled, once while it stays the same; a text that is none gives no regex.
 */
static err_t
compiled(struct path_eval *ev, struct path_call *call, struct str pattern)
{
    err_t e;

    if (call->compiled && str_eq(call->pattern, pattern))
        return ERR_OK;
    if ((e = path__spend(ev, 100 + pattern.n)) != ERR_OK)
        return e;
    call->compiled = false;
    e = regex_compile(ev->cx, REGEX_I, pattern, &call->regex);
    if (e != ERR_OK && e != ERR_BAD_REQUEST && e != ERR_UNSUPPORTED)
        return e;
    refuse_clear(ev->cx); /* 2.4.6: no I-Regexp is no match, and no error */
    call->compiled = true;
    call->pattern = pattern;
    return ERR_OK;
}

static err_t
pattern(struct path_eval *ev, struct path_call *call, const json *at, enum regex_mode mode,
        bool *out)
{
    struct path_value subject, text;
    struct regex_match m = { .found = false };
    struct str s, p;
    err_t e = path__value(ev, &call->args[0], at, &subject);

    *out = false;
    if (e != ERR_OK || (e = path__value(ev, &call->args[1], at, &text)) != ERR_OK)
        return e;
    if (!json_str(subject.node, &s) || !json_str(text.node, &p))
        return ERR_OK;
    if ((e = compiled(ev, call, p)) != ERR_OK || call->regex == NULL)
        return e;
    e = regex_run(ev->cx, call->regex, mode, s, &ev->regex_left, &m);
    *out = m.found;
    return e;
}

static err_t
match(struct path_eval *ev, struct path_call *call, const json *at, bool *out)
{
    return pattern(ev, call, at, REGEX_WHOLE, out);
}

static err_t
search(struct path_eval *ev, struct path_call *call, const json *at, bool *out)
{
    return pattern(ev, call, at, REGEX_SEARCH, out);
}

const struct path_function path__functions[] = {
    { "length", TYPE_VALUE, 1, { TYPE_VALUE }, length, NULL },
    { "count", TYPE_VALUE, 1, { TYPE_NODES }, count, NULL },
    { "value", TYPE_VALUE, 1, { TYPE_NODES }, value, NULL },
    { "match", TYPE_LOGICAL, 2, { TYPE_VALUE, TYPE_VALUE }, NULL, match },
    { "search", TYPE_LOGICAL, 2, { TYPE_VALUE, TYPE_VALUE }, NULL, search },
    { NULL, 0, 0, { 0 }, NULL, NULL },
};

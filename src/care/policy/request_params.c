/*
 * request_params.c - parameters: from URL and form into one sorted list, and
 * out again in one spelling.
 *
 * Rule      FHIR R4 3.1.1 (search), WHATWG URL 5.1 (form decoding: '+' is a
 *           space in URL and form alike, as FHIR servers read both). A name in
 *           both places is refused: servers differ in which of the two they
 *           take. An empty value is refused: servers drop it, and with it the
 *           narrowing that we judged.
 * Trust     All input is a stranger's.
 * Source    Knoop. EUPL-1.2.
 */
#include "care/policy/policy_int.h"

#include <stdlib.h>
#include <string.h>

#define SEARCH_RULE "FHIR R4 3.1.1"

struct list {
    struct fhir_arg *at;
    size_t n;
};

static bool
is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* "%41" that is left after one decoding: somebody behind us may decode again. */
static bool
encoded_twice(struct str s)
{
    for (size_t i = 0; i + 2 < s.n; i++)
        if (s.p[i] == '%' && is_hex(s.p[i + 1]) && is_hex(s.p[i + 2]))
            return true;
    return false;
}

static bool
name_valid(struct str s)
{
    if (s.n == 0 || s.n > 128 || (s.p[0] >= '0' && s.p[0] <= '9'))
        return false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];

        if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
              c == '-' || c == '_' || c == '.' || c == ':'))
            return false;
    }
    return true;
}

static err_t
check_value(struct ctx *cx, struct str name, struct str v)
{
    if (v.n == 0)
        return refuse(cx, ERR_FHIR_REQUEST, SEARCH_RULE, "parameter '%.*s' has no value",
                      STR(name));
    if (!str_is_utf8(v))
        return refuse(cx, ERR_FHIR_REQUEST, "RFC 3629 3", "parameter '%.*s' is not UTF-8",
                      STR(name));
    for (size_t i = 0; i < v.n; i++)
        if ((unsigned char)v.p[i] < 0x20 || v.p[i] == 0x7f)
            return refuse(cx, ERR_FHIR_REQUEST, SEARCH_RULE,
                          "a control character in parameter '%.*s'", STR(name));
    if (encoded_twice(v))
        return refuse(cx, ERR_FHIR_REQUEST, "RFC 3986 2.4",
                      "parameter '%.*s' is percent-encoded twice", STR(name));
    return ERR_OK;
}

/* Cuts at commas that no backslash guards. Backslashes stay: "a\|b" is no token. */
static err_t
cut_value(struct ctx *cx, struct fhir_arg *p)
{
    struct str *any;
    size_t n = 1, start = 0;

    for (size_t i = 0; i < p->value.n; i++) {
        if (p->value.p[i] == ',')
            n++;
        if (p->value.p[i] == '\\' && ++i == p->value.n)
            return refuse(cx, ERR_FHIR_REQUEST, "FHIR R4 3.1.1.4.0.1",
                          "parameter '%.*s' ends in a bare backslash", STR(p->name));
    }
    if (n > FHIR_ARG_VALUES_MAX)
        return refuse(cx, ERR_FHIR_REQUEST, SEARCH_RULE, "parameter '%.*s' has %zu values",
                      STR(p->name), n);
    if ((any = arena_array(cx->arena, n, sizeof(*any))) == NULL)
        return refuse_memory(cx);
    p->any = any;
    for (size_t i = 0; i <= p->value.n; i++) {
        if (i < p->value.n && p->value.p[i] == '\\') {
            i++;
            continue;
        }
        if (i < p->value.n && p->value.p[i] != ',')
            continue;
        if (i == start)
            return refuse(cx, ERR_FHIR_REQUEST, SEARCH_RULE, "an empty value in '%.*s'",
                          STR(p->name));
        any[p->any_n++] = str_sub(p->value, start, i);
        start = i + 1;
    }
    return ERR_OK;
}

static err_t
read_pair(struct ctx *cx, struct str pair, bool in_form, struct fhir_arg *p)
{
    size_t equals = str_find(pair, '=');
    err_t e;

    *p = (struct fhir_arg){ .in_form = in_form };
    if (percent_decode(cx, str_sub(pair, 0, equals), true, &p->name) != ERR_OK ||
        percent_decode(cx, str_sub(pair, equals + 1, pair.n), true, &p->value) != ERR_OK)
        return refuse(cx, ERR_FHIR_REQUEST, "RFC 3986 2.1",
                      "a broken percent-encoding in a parameter");
    if (!name_valid(p->name))
        return refuse(cx, ERR_FHIR_REQUEST, SEARCH_RULE,
                      "a name that no parameter can have");
    if ((e = check_value(cx, p->name, p->value)) != ERR_OK)
        return e;
    return cut_value(cx, p);
}

static err_t
read_pairs(struct ctx *cx, struct str text, bool in_form, struct list *list)
{
    if (text.n > FHIR_QUERY_MAX)
        return refuse(cx, ERR_FHIR_REQUEST, SEARCH_RULE, "parameters of %zu bytes", text.n);
    for (bool more = text.n > 0; more;) {
        size_t amp = str_find(text, '&');
        err_t e;

        if (list->n == FHIR_ARGS_MAX)
            return refuse(cx, ERR_FHIR_REQUEST, SEARCH_RULE, "more than %d parameters",
                          FHIR_ARGS_MAX);
        e = read_pair(cx, str_sub(text, 0, amp), in_form, &list->at[list->n]);
        if (e != ERR_OK)
            return e;
        list->n++;
        more = amp < text.n;
        text = str_sub(text, amp + 1, text.n);
    }
    return ERR_OK;
}

static int
by_name_and_value(const void *a, const void *b)
{
    const struct fhir_arg *x = a, *y = b;
    int c = str_cmp(x->name, y->name);

    return c != 0 ? c : str_cmp(x->value, y->value);
}

/* Sorted, so names that are alike stand together. */
static err_t
check_places(struct ctx *cx, const struct list *list)
{
    for (size_t i = 1; i < list->n; i++) {
        const struct fhir_arg *a = &list->at[i - 1], *b = &list->at[i];

        if (str_eq(a->name, b->name) && a->in_form != b->in_form)
            return refuse(cx, ERR_FHIR_REQUEST, SEARCH_RULE,
                          "parameter '%.*s' stands in the URL and in the form",
                          STR(a->name));
    }
    return ERR_OK;
}

static bool
names_person(const struct fhir_arg *p)
{
    return str_search(p->name, S("identifier")) < p->name.n ||
           str_search(p->value, S(BSN_SYSTEM)) < p->value.n ||
           str_search(p->value, S("2.16.840.1.113883.2.4.6.3")) < p->value.n;
}

/* No fewer than read_pairs will find. */
static size_t
pairs_of(struct str text)
{
    size_t n = text.n > 0;

    for (size_t i = 0; i < text.n; i++)
        n += text.p[i] == '&';
    return n;
}

err_t
policy__read_params(struct ctx *cx, struct str query, struct str form,
                    struct fhir_request *r)
{
    struct list list = { NULL, 0 };
    size_t room = pairs_of(query) + pairs_of(form);
    err_t e;

    if (query.n == 0 && form.n == 0)
        return ERR_OK;
    if (room > FHIR_ARGS_MAX)
        room = FHIR_ARGS_MAX;
    list.at = arena_array(cx->arena, room, sizeof(*list.at));
    if (list.at == NULL)
        return refuse_memory(cx);
    if ((e = read_pairs(cx, query, false, &list)) != ERR_OK ||
        (e = read_pairs(cx, form, true, &list)) != ERR_OK)
        return e;
    qsort(list.at, list.n, sizeof(*list.at), by_name_and_value);
    if ((e = check_places(cx, &list)) != ERR_OK)
        return e;
    r->param = list.at;
    r->param_n = list.n;
    for (size_t i = 0; i < list.n; i++)
        r->names_person |= names_person(&list.at[i]);
    return ERR_OK;
}

void
policy__write_params(struct buf *b, const struct fhir_request *r)
{
    for (size_t i = 0; i < r->param_n; i++) {
        if (i > 0)
            buf_c(b, '&');
        buf_percent(b, r->param[i].name);
        buf_c(b, '=');
        buf_percent(b, r->param[i].value);
    }
}

size_t
fhir_request_count(const struct fhir_request *r, struct str name)
{
    size_t n = 0;

    for (size_t i = 0; i < r->param_n; i++)
        n += str_eq(r->param[i].name, name);
    return n;
}

const struct fhir_arg *
fhir_request_single(const struct fhir_request *r, struct str name)
{
    const struct fhir_arg *found = NULL;

    for (size_t i = 0; i < r->param_n; i++) {
        if (!str_eq(r->param[i].name, name))
            continue;
        if (found != NULL)
            return NULL;
        found = &r->param[i];
    }
    return found;
}

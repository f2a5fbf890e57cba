/*
 * compare.c - does a filter hold for a node? RFC 9535 2.3.5.2 and 2.4.
 * Source    Knoop. EUPL-1.2.
 */
#include "codec/path/path_int.h"

/* A singular query is walked without a list: the common case of filters. */
static err_t
single(struct path_eval *ev, const struct path *q, const json *at, const json **out)
{
    const json *v = q->relative ? at : ev->root;
    err_t e = ERR_OK;

    for (const struct path_segment *s = q->segments; s != NULL && v != NULL; s = s->next) {
        const struct path_selector *one = s->selectors;
        int64_t i = one->start >= 0 ? one->start : (int64_t)json_size(v) + one->start;

        if ((e = path__spend(ev, 1 + json_size(v) / 8)) != ERR_OK)
            return e;
        if (one->kind == SELECT_NAME)
            v = json_get_str(v, one->name);
        else
            v = json_type(v) == JSON_ARRAY && i >= 0 ? json_at(v, (size_t)i) : NULL;
    }
    *out = v;
    return e;
}

err_t
path__value(struct path_eval *ev, struct path_operand *o, const json *at,
            struct path_value *out)
{
    *out = (struct path_value){ 0 };
    switch (o->kind) {
    case OPERAND_LITERAL: out->node = o->literal; return ERR_OK;
    case OPERAND_QUERY: return single(ev, o->query, at, &out->node);
    case OPERAND_CALL: return o->call->function->value(ev, o->call, at, out);
    }
    return ERR_OK;
}

static bool
nothing(const struct path_value *v)
{
    return v->node == NULL && !v->is_count;
}

static bool
number(const struct path_value *v, double *out)
{
    *out = (double)v->count;
    return v->is_count || json_double(v->node, out);
}

static err_t
equal(struct path_eval *ev, const struct path_value *a, const struct path_value *b,
      bool *out)
{
    double i, j;

    if (nothing(a) || nothing(b))
        *out = nothing(a) && nothing(b);
    else if (a->is_count || b->is_count)
        *out = number(a, &i) && number(b, &j) && !(i < j) && !(i > j);
    else
        *out = json_equal_within(a->node, b->node, &ev->left);
    return path__spend(ev, 1);
}

static err_t
less(struct path_eval *ev, const struct path_value *a, const struct path_value *b,
     bool *out)
{
    struct str s, t;
    double x, y;

    *out = false;
    if (a->is_count || b->is_count)
        *out = number(a, &x) && number(b, &y) && x < y;
    else if (json_type(a->node) == JSON_NUMBER && json_type(b->node) == JSON_NUMBER)
        *out = json_number_cmp(a->node, b->node) < 0;
    else if (json_str(a->node, &s) && json_str(b->node, &t)) {
        *out =
            str_cmp(s, t) < 0; /* by Unicode scalar values, which is the order of UTF-8 */
        return path__spend(ev, 1 + (s.n < t.n ? s.n : t.n) / 64);
    }
    return ERR_OK;
}

/* a < b, a > b, and with equality as well: each is made of "less" and "equal". */
static err_t
compare(struct path_eval *ev, struct path_expr *x, const json *at, bool *out)
{
    struct path_value a, b;
    bool same = false;
    err_t e = path__value(ev, &x->left, at, &a);

    if (e != ERR_OK || (e = path__value(ev, &x->right, at, &b)) != ERR_OK)
        return e;
    if (x->compare != COMPARE_LT && x->compare != COMPARE_GT &&
        (e = equal(ev, &a, &b, &same)) != ERR_OK)
        return e;
    *out = x->compare == COMPARE_NE ? !same : same;
    if (!same && (x->compare == COMPARE_LE || x->compare == COMPARE_LT))
        return less(ev, &a, &b, out);
    if (!same && (x->compare == COMPARE_GE || x->compare == COMPARE_GT))
        return less(ev, &b, &a, out);
    return ERR_OK;
}

static err_t
test(struct path_eval *ev, struct path_operand *o, const json *at, bool *out)
{
    struct path_nodes nodes;
    const json *v = NULL;
    err_t e;

    if (o->kind == OPERAND_CALL)
        return o->call->function->logical(ev, o->call, at, out);
    if (o->query->singular) {
        e = single(ev, o->query, at, &v);
        *out = v != NULL;
        return e;
    }
    e = path__nodes(ev, o->query, at, &nodes);
    *out = nodes.n != 0;
    return e;
}

err_t
path__holds(struct path_eval *ev, struct path_expr *x, const json *at, bool *out)
{
    err_t e;

    *out = false;
    switch (x->kind) {
    case EXPR_OR:
        e = path__holds(ev, x->a, at, out);
        return e != ERR_OK || *out ? e : path__holds(ev, x->b, at, out);
    case EXPR_AND:
        e = path__holds(ev, x->a, at, out);
        return e != ERR_OK || !*out ? e : path__holds(ev, x->b, at, out);
    case EXPR_NOT:
        e = path__holds(ev, x->a, at, out);
        *out = e == ERR_OK && !*out;
        return e;
    case EXPR_TEST: return test(ev, &x->left, at, out);
    case EXPR_COMPARE: return compare(ev, x, at, out);
    }
    return ERR_OK;
}

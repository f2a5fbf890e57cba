/*
 * filter.c - filters read: RFC 9535 2.3.5, and well-typedness, 2.4.3.
 * Source    Knoop. EUPL-1.2.
 */
#include "codec/path/path_int.h"

#include <string.h>

static err_t logical_or(struct path_reader *r, struct path_expr **out);
static err_t call(struct path_reader *r, struct path_operand *out);

static err_t
deeper(struct path_reader *r)
{
    if (++r->depth > PATH_DEPTH_MAX)
        return refuse(r->cx, ERR_LIMIT, "RFC 9535 4", "JSONPath: deeper than %d",
                      PATH_DEPTH_MAX);
    return ERR_OK;
}

static bool
lower(int c)
{
    return c >= 'a' && c <= 'z';
}

static bool
call_here(const struct path_reader *r)
{
    size_t i = r->at;

    if (!lower(path__peek(r)))
        return false;
    while (i < r->in.n && (lower(r->in.p[i]) || r->in.p[i] == '_' ||
                           (r->in.p[i] >= '0' && r->in.p[i] <= '9')))
        i++;
    return i < r->in.n && r->in.p[i] == '(';
}

/* A number as JSON has it; json_parse decides. */
static err_t
number(struct path_reader *r, json **out)
{
    size_t from = r->at;
    err_t e;

    while (path__peek(r) > 0 && strchr("0123456789+-.eE", path__peek(r)) != NULL)
        r->at++;
    e = json_parse(r->cx, str_sub(r->in, from, r->at), JSON_STRICT, out);
    return e == ERR_BAD_REQUEST ? path__bad(r, "no literal") : e;
}

static err_t
literal(struct path_reader *r, json **out)
{
    static const char *const words[] = { "true", "false", "null" };
    struct json_out js;
    struct str text;
    err_t e;

    *out = NULL;
    for (size_t i = 0; i < COUNT(words); i++)
        if (path__eat(r, words[i]))
            return json_parse(r->cx, str_of(words[i]), JSON_STRICT, out);
    if (!path__string_here(r))
        return number(r, out);
    if ((e = path__string(r, &text)) != ERR_OK)
        return e;
    json_out_init(&js, r->cx->arena);
    json_put_str(&js, text);
    if ((e = json_out_done(r->cx, &js, &text)) != ERR_OK)
        return e;
    return json_parse(r->cx, text, JSON_STRICT, out);
}

static err_t
operand(struct path_reader *r, struct path_operand *out)
{
    err_t e;

    memset(out, 0, sizeof(*out));
    if (path__peek(r) == '@' || path__peek(r) == '$') {
        out->kind = OPERAND_QUERY;
        return path__query(r, &out->query);
    }
    if (call_here(r)) {
        if ((e = deeper(r)) == ERR_OK && (e = call(r, out)) == ERR_OK)
            r->depth--;
        return e;
    }
    out->kind = OPERAND_LITERAL;
    return literal(r, &out->literal);
}

/* 2.4.3: may this operand be given where `type` is declared? */
static bool
well_typed(const struct path_operand *o, enum path_type type)
{
    switch (o->kind) {
    case OPERAND_LITERAL: return type == TYPE_VALUE;
    case OPERAND_QUERY:
        return type == TYPE_NODES || type == TYPE_LOGICAL || o->query->singular;
    case OPERAND_CALL:
        return o->call->function->result == type ||
               (type == TYPE_LOGICAL && o->call->function->result == TYPE_NODES);
    }
    return false;
}

static err_t
call_args(struct path_reader *r, struct path_call *c)
{
    size_t n = 0;
    err_t e;

    path__space(r);
    for (; n < c->function->arity; n++) {
        if (n != 0 && !path__eat(r, ","))
            return path__bad(r, "too few arguments");
        path__space(r);
        if ((e = operand(r, &c->args[n])) != ERR_OK)
            return e;
        if (!well_typed(&c->args[n], c->function->params[n]))
            return path__bad(r, "an argument of another type");
        path__space(r);
    }
    return path__eat(r, ")") ? ERR_OK
                             : path__bad(r, "too many arguments, or no end of them");
}

static err_t
call(struct path_reader *r, struct path_operand *out)
{
    struct path_call *c = arena_new(r->cx->arena, struct path_call);
    size_t from = r->at;
    struct str name;

    if (c == NULL)
        return refuse_memory(r->cx);
    while (path__peek(r) != '(')
        r->at++;
    name = str_sub(r->in, from, r->at++);
    for (const struct path_function *f = path__functions; f->name != NULL; f++)
        if (str_is(name, f->name))
            c->function = f;
    if (c->function == NULL)
        return path__bad(r, "no such function");
    out->kind = OPERAND_CALL;
    out->call = c;
    return call_args(r, c);
}

static enum path_compare
comparison(struct path_reader *r)
{
    static const struct {
        const char *sign;
        enum path_compare compare;
    } rows[] = {
        { "==", COMPARE_EQ }, { "!=", COMPARE_NE }, { "<=", COMPARE_LE },
        { ">=", COMPARE_GE }, { "<", COMPARE_LT },  { ">", COMPARE_GT },
    };

    for (size_t i = 0; i < COUNT(rows); i++)
        if (path__eat(r, rows[i].sign))
            return rows[i].compare;
    return 0;
}

/* comparison-expr or test-expr; `negated`: an exclamation mark stood before it. */
static err_t
test_or_compare(struct path_reader *r, bool negated, struct path_expr *x)
{
    size_t end;
    err_t e = operand(r, &x->left);

    if (e != ERR_OK)
        return e;
    end = r->at;
    path__space(r);
    x->kind = EXPR_TEST;
    if (negated || (x->compare = comparison(r)) == 0) {
        r->at = end;
        return well_typed(&x->left, TYPE_LOGICAL) ? ERR_OK
                                                  : path__bad(r, "a value is no test");
    }
    x->kind = EXPR_COMPARE;
    path__space(r);
    if ((e = operand(r, &x->right)) != ERR_OK)
        return e;
    if (!well_typed(&x->left, TYPE_VALUE) || !well_typed(&x->right, TYPE_VALUE))
        return path__bad(r, "what is compared is no single value");
    return ERR_OK;
}

static err_t
parenthesised(struct path_reader *r, struct path_expr **out)
{
    err_t e = deeper(r);

    path__space(r);
    if (e != ERR_OK || (e = logical_or(r, out)) != ERR_OK)
        return e;
    path__space(r);
    r->depth--;
    return path__eat(r, ")") ? ERR_OK : path__bad(r, "a parenthesis does not end");
}

static err_t
basic(struct path_reader *r, struct path_expr **out)
{
    struct path_expr *x = arena_new(r->cx->arena, struct path_expr);
    bool negated = path__eat(r, "!");
    err_t e;

    if (x == NULL)
        return refuse_memory(r->cx);
    path__space(r);
    e = path__eat(r, "(") ? parenthesised(r, &x) : test_or_compare(r, negated, x);
    *out = x;
    if (e != ERR_OK || !negated)
        return e;
    if ((*out = arena_new(r->cx->arena, struct path_expr)) == NULL)
        return refuse_memory(r->cx);
    **out = (struct path_expr){ .kind = EXPR_NOT, .a = x };
    return ERR_OK;
}

/* A chain of `next` with `sign` between: one node per sign, leaning left. */
static err_t
chain(struct path_reader *r, const char *sign, enum path_expr_kind kind,
      err_t (*next)(struct path_reader *, struct path_expr **), struct path_expr **out)
{
    err_t e = next(r, out);

    while (e == ERR_OK) {
        size_t end = r->at;
        struct path_expr *x;

        path__space(r);
        if (!path__eat(r, sign)) {
            r->at = end;
            return ERR_OK;
        }
        path__space(r);
        if (++r->terms > PATH_TERMS_MAX)
            return refuse(r->cx, ERR_LIMIT, "RFC 9535 4", "JSONPath: more than %d terms",
                          PATH_TERMS_MAX);
        if ((x = arena_new(r->cx->arena, struct path_expr)) == NULL)
            return refuse_memory(r->cx);
        *x = (struct path_expr){ .kind = kind, .a = *out };
        e = next(r, &x->b);
        *out = x;
    }
    return e;
}

static err_t
logical_and(struct path_reader *r, struct path_expr **out)
{
    return chain(r, "&&", EXPR_AND, basic, out);
}

static err_t
logical_or(struct path_reader *r, struct path_expr **out)
{
    return chain(r, "||", EXPR_OR, logical_and, out);
}

err_t
path__filter(struct path_reader *r, struct path_expr **out)
{
    err_t e = deeper(r);

    *out = NULL;
    if (e != ERR_OK)
        return e;
    if ((e = logical_or(r, out)) == ERR_OK)
        r->depth--;
    return e;
}

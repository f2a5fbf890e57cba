/*
 * path_int.h - the room's private door: a query as it was read.
 *
 *   query ── segments ── selectors ── filter ── or/and/not/test/compare
 *                                                 └─ operand: value, query, call
 *
 * Source    Knoop. EUPL-1.2.
 */
#ifndef KNOOP_CODEC_PATH_INT_H
#define KNOOP_CODEC_PATH_INT_H

#include "codec/path/path.h"
#include "codec/regex/regex.h"

struct path_expr;
struct path_call;

enum path_selector_kind {
    SELECT_NAME = 1,
    SELECT_WILDCARD,
    SELECT_INDEX,
    SELECT_SLICE,
    SELECT_FILTER
};

struct path_selector {
    struct path_selector *next;
    enum path_selector_kind kind;
    struct str name;
    int64_t start, end, step; /* start is the index too */
    bool has_start, has_end;
    struct path_expr *filter;
};

struct path_segment {
    struct path_segment *next;
    struct path_selector *selectors;
    bool descendant;
};

struct path {
    struct path_segment *segments;
    bool relative; /* begins at @ */
    bool singular; /* at most one node, RFC 9535 2.3.5.1 */
};

enum path_operand_kind { OPERAND_LITERAL = 1, OPERAND_QUERY, OPERAND_CALL };

struct path_operand {
    enum path_operand_kind kind;
    json *literal;
    struct path *query;
    struct path_call *call;
};

enum path_expr_kind { EXPR_OR = 1, EXPR_AND, EXPR_NOT, EXPR_TEST, EXPR_COMPARE };
enum path_compare {
    COMPARE_EQ = 1,
    COMPARE_NE,
    COMPARE_LE,
    COMPARE_GE,
    COMPARE_LT,
    COMPARE_GT
};

struct path_expr {
    enum path_expr_kind kind;
    struct path_expr *a, *b;         /* or, and; not has `a` alone */
    struct path_operand left, right; /* compare; test has `left` alone */
    enum path_compare compare;
};

/* RFC 9535 2.4.1. 0 is no type. */
enum path_type { TYPE_VALUE = 1, TYPE_LOGICAL, TYPE_NODES };

/* What an expression of ValueType gives: a value of the document or query, a number,
 * nothing. */
struct path_value {
    const json *node;
    bool is_count;
    size_t count;
};

struct path_eval;

struct path_function {
    const char *name;
    enum path_type result;
    size_t arity;
    enum path_type params[2];
    /* one of these, by the result */
    err_t (*value)(struct path_eval *ev, struct path_call *call, const json *at,
                   struct path_value *out);
    err_t (*logical)(struct path_eval *ev, struct path_call *call, const json *at,
                     bool *out);
};

struct path_call {
    const struct path_function *function;
    struct path_operand args[2];
    /* match and search: the pattern compiled last, and its text; no regex when it is none
     */
    bool compiled;
    struct str pattern;
    struct regex *regex;
};

struct path_eval {
    struct ctx *cx;
    const json *root;
    uint64_t left, regex_left; /* work */
};

extern const struct path_function path__functions[];

/* --- reading: parse.c and filter.c share a reader ------------------------- */

struct path_reader {
    struct ctx *cx;
    struct str in;
    size_t at;
    unsigned depth, terms; /* of filters */
};

err_t path__bad(struct path_reader *r, const char *what) NODISCARD;
int path__peek(const struct path_reader *r); /* a byte; -1 at the end */
bool path__eat(struct path_reader *r, const char *z);
void path__space(struct path_reader *r);
bool path__string_here(const struct path_reader *r);
err_t path__string(struct path_reader *r, struct str *out) NODISCARD;
err_t path__query(struct path_reader *r, struct path **out) NODISCARD; /* at $ or @ */
err_t path__filter(struct path_reader *r, struct path_expr **out) NODISCARD;

/* --- evaluation: select.c and compare.c ------------------------------------ */

err_t path__spend(struct path_eval *ev, uint64_t work) NODISCARD;
err_t path__nodes(struct path_eval *ev, const struct path *q, const json *at,
                  struct path_nodes *out) NODISCARD;
err_t path__value(struct path_eval *ev, struct path_operand *operand, const json *at,
                  struct path_value *out) NODISCARD;
err_t path__holds(struct path_eval *ev, struct path_expr *expr, const json *at,
                  bool *out) NODISCARD;

#endif

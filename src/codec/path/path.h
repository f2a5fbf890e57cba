/*
 * path.h - JSONPath: a query over a value gives nodes.
 *
 * Rule      RFC 9535, whole: selectors, slices, filters, the five functions,
 *           well-typedness checked when the query is read.
 * Trust     Query and value may both be a stranger's. The query's depth and
 *           size, the nodes visited and the work of patterns have limits.
 * Lifetime  A query lives in the arena of the context that read it, and serves
 *           one thread at a time (it keeps the pattern compiled last). Nodes are
 *           borrowed from the value.
 * Source    Knoop. EUPL-1.2.
 */
#ifndef KNOOP_CODEC_PATH_H
#define KNOOP_CODEC_PATH_H

#include "codec/json/json.h"

enum {
    PATH_TEXT_MAX = 16 * 1024, /* bytes of a query */
    PATH_DEPTH_MAX = 32,       /* filters, parentheses and calls within each other */
    PATH_TERMS_MAX = 500,      /* && and || in all its filters */
    PATH_WORK = 4000000,       /* values visited, compared or counted */
};

struct path;

struct path_nodes {
    const json **v; /* in the order of RFC 9535 2.1.2; one node may stand twice */
    size_t n, room_;
};

/* ERR_BAD_REQUEST for what is not well-formed or not well-typed; ERR_LIMIT. */
err_t path_parse(struct ctx *cx, struct str text, struct path **out) NODISCARD;

/* ERR_LIMIT when it costs more than PATH_WORK or REGEX_WORK. */
err_t path_select(struct ctx *cx, struct path *path, const json *root,
                  struct path_nodes *out) NODISCARD;

/* The same, out of budgets that several selections share; both are lessened. */
err_t path_select_within(struct ctx *cx, struct path *path, const json *root,
                         uint64_t *work, uint64_t *regex_work,
                         struct path_nodes *out) NODISCARD;

/* Both at once. */
err_t path_query(struct ctx *cx, struct str text, const json *root,
                 struct path_nodes *out) NODISCARD;

#endif

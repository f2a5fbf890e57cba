/*
 * schema.h - JSON Schema, draft-07: is this value as described?
 *
 * Rule      draft-handrews-json-schema-validation-01 and its core: all
 *           assertions; `format` and the content keywords assert nothing;
 *           unknown keywords are passed over; $ref stands alone.
 * Trust     Schema and value may both be a stranger's. A schema with a keyword
 *           of the wrong shape, a pattern that is none, or a $ref that leaves
 *           it is refused, wherever it stands. Nothing is fetched.
 * Lifetime  A schema lives in the arena of the context that read it, borrows the
 *           JSON that it was read from, and serves one thread at a time.
 * Source    Knoop. EUPL-1.2.
 */
#ifndef KNOOP_CODEC_SCHEMA_H
#define KNOOP_CODEC_SCHEMA_H

#include "codec/json/json.h"

enum {
    SCHEMA_WORK = 2000000,  /* keywords applied, values compared */
    SCHEMA_DEPTH_MAX = 512, /* schemas within each other while a value is checked */
    SCHEMA_IDS_MAX = 1000,  /* $id within one schema */
};

struct schema;

/* ERR_BAD_REQUEST: no draft-07 schema, or one that leans on another document. */
err_t schema_parse(struct ctx *cx, const json *text, struct schema **out) NODISCARD;

/*
 * `*valid` is the answer when ERR_OK comes back. ERR_LIMIT: it costs more than
 * SCHEMA_WORK or REGEX_WORK, or a $ref never ends.
 */
err_t schema_check(struct ctx *cx, struct schema *schema, const json *value,
                   bool *valid) NODISCARD;
/* The same, out of budgets that several checks share; both are lessened. */
err_t schema_check_within(struct ctx *cx, struct schema *schema, const json *value,
                          uint64_t *work, uint64_t *regex_work, bool *valid) NODISCARD;

#endif

/*
 * source_search.h - one search in the making: what was asked, parted in what
 * filters and what shapes the answer. Private to the room. EUPL-1.2.
 */
#ifndef KNOOP_CARE_SOURCE_SEARCH_H
#define KNOOP_CARE_SOURCE_SEARCH_H

#include "care/source/source_int.h"

enum { SOURCE_INCLUDES_MAX = 16 };

/* "MedicationRequest:medication" or "…:medication:Medication". */
struct source_include {
    struct str type, param, target;
    bool reverse; /* _revinclude */
};

struct source_query {
    struct str type;
    struct str filter;          /* the filters alone, as in a URL */
    struct fhir_query *filters; /* parsed */
    struct str param, value;    /* equality that the index can narrow by, or empty */
    struct source_include include[SOURCE_INCLUDES_MAX];
    size_t includes;
    struct str elements, sort, summary;
    uint64_t count;
    int64_t after; /* page: key of the last one before */
    uint64_t most; /* $lastn: max per code */
    bool total_none;
};

/* Refuses every parameter that is not known, naming it. */
err_t source__query_parse(struct ctx *cx, struct str type, struct str query, bool lastn,
                          struct source_query *out) NODISCARD;
err_t source__query_match(struct ctx *cx, const struct source_query *q,
                          const json *resource, bool *out) NODISCARD;
/* The values of a resource under a reference parameter: "Type/id", up to `room`. */
err_t source__references(struct ctx *cx, const json *resource, struct str param,
                         struct str *out, size_t room, size_t *n) NODISCARD;
/* As values stand in the index: ASCII lower case. .p is NULL without memory. */
struct str source__folded(struct ctx *cx, struct str s);
/* The first date of the resource under `param`, for _sort and $lastn; false: none. */
bool source__date_of(struct ctx *cx, const json *resource, struct str param, int64_t *ms);

#endif

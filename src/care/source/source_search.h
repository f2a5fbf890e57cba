/*
 * source_search.h - one search in the making: what was asked, parted in what
 * filters and what shapes the answer. Private to the room. EUPL-1.2.
 */
#ifndef KNOOP_CARE_SOURCE_SEARCH_H
#define KNOOP_CARE_SOURCE_SEARCH_H

#include "care/source/source_int.h"

enum { SOURCE_INCLUDES_MAX = 16, SOURCE_ALSO_MAX = 4 };

/* "MedicationRequest:medication" or "…:medication:Medication". */
struct source_include {
    struct str type, target;
    const struct fhir_param *param; /* a reference of `type` */
    bool reverse;                   /* _revinclude */
};

/* Where a page ends: the last match's key and, where sorted, its date. */
struct source_mark {
    bool there;
    int64_t key, ms;
};

struct source_query {
    struct str type;
    struct str asked;                 /* whole, as in a URL */
    bool hidden;                      /* it came in a form */
    struct str filter;                /* the filters alone, as in a URL */
    struct fhir_query *filters;       /* parsed */
    int64_t term;                     /* what the index narrows by */
    const struct fhir_param *term_of; /* NULL: by the type alone */
    struct source_also also[SOURCE_ALSO_MAX];
    size_t alsos;
    struct str id; /* of _id, which narrows to one; or empty */
    struct source_include include[SOURCE_INCLUDES_MAX];
    size_t includes;
    struct str elements, sort;
    const struct fhir_param *sort_by; /* a date; NULL: not sorted */
    bool sort_down;
    uint64_t count;
    struct source_mark after; /* a page */
    uint64_t most;            /* $lastn: max per code */
    bool count_only, total_none, lastn;
};

/* Refuses every parameter that is not known, naming it. */
err_t source__query_parse(struct ctx *cx, struct str type, struct str query, bool lastn,
                          struct source_query *out) NODISCARD;
/* `mark` as it stands in a link. */
err_t source__mark_text(struct ctx *cx, const struct source_query *q,
                        const struct source_mark *mark, struct str *out) NODISCARD;
err_t source__query_match(struct ctx *cx, const struct source_query *q,
                          const json *resource, bool *out) NODISCARD;
/*
 * The values of a resource under a reference parameter of its type, of resources here:
 * "Type/id", up to `room`. `base` is our own, which absolute ones begin with.
 */
err_t source__references(struct ctx *cx, struct str base, const json *resource,
                         const struct fhir_param *param, struct str *out, size_t room,
                         size_t *n) NODISCARD;
/* Its first date under a parameter of its type, for _sort and $lastn; false: none. */
bool source__date_of(struct ctx *cx, const json *resource, const struct fhir_param *param,
                     int64_t *ms);

/* --- what was found --------------------------------------------------------- */

struct source_hit {
    int64_t key;
    struct str type, id, body;
    const json *value;
    int64_t sort_ms;
};
struct source_hits {
    struct source_hit *hit;
    size_t n, room;
};
/* A row, copied; parsed already, or not to be looked into (NULL). */
err_t source__hit_of(struct ctx *cx, const struct source_row *row, const json *value,
                     struct source_hit *out) NODISCARD;
err_t source__hit_add(struct ctx *cx, struct source_hits *h,
                      const struct source_hit *hit) NODISCARD;

struct source_matching {
    const struct source_query *query;
    struct source_db *db;
    struct source_hits hits;
    uint64_t wanted; /* matches to keep */
    uint64_t matched, looked;
    bool all;   /* whatever there is, before the first is known */
    bool total; /* how many there are is asked too */
};
/* Looks at one row (a source_visit; `arg` is a source_matching); at all that the index
 * offers. */
err_t source__match(struct ctx *cx, void *arg, const struct source_row *row,
                    bool *stop) NODISCARD;
err_t source__match_all(struct ctx *cx, struct source_matching *m) NODISCARD;
/* By a date, `down`: the newest first; who has none comes last. */
void source__sort(struct ctx *cx, const struct fhir_param *date, bool down,
                  struct source_hits *h);

/* Adds to `extra` what the includes of the query bring (source_include.c). */
err_t source__include(struct ctx *cx, struct source_db *db, const struct source_query *q,
                      const struct source_hits *hits, struct source_hits *extra) NODISCARD;

struct source_answer {
    const struct source_query *query;
    struct source_hits match, included;
    bool total_known;
    uint64_t total;
    struct source_mark next; /* there: a page follows */
};
/* The Bundle (source_answer.c). */
err_t source__put_answer(struct ctx *cx, struct source_db *db,
                         const struct source_answer *a, struct json_out *js) NODISCARD;

#endif

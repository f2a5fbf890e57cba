/*
 * source_int.h - the private door of the FHIR store. EUPL-1.2.
 */
#ifndef KNOOP_CARE_SOURCE_INT_H
#define KNOOP_CARE_SOURCE_INT_H

#include "care/source/source.h"
#include "codec/json/json.h"

enum {
    SOURCE_COUNT_DEFAULT = 50, /* resources on a page */
    SOURCE_COUNT_MAX = 500,
    SOURCE_TOTAL_MAX = 10000,  /* beyond, Bundle.total is left out */
    SOURCE_SCAN_MAX = 200000,  /* candidates that one search may look at */
    SOURCE_BUNDLE_MAX = 10000, /* entries of a transaction */
    SOURCE_PAGE_KEY = 32,
};

struct source_db; /* one connection with its statements */

/* A connection until scoped(source__give) gives it back, rolling back what was open. */
err_t source__take(struct ctx *cx, struct source *s, struct source_db **out) NODISCARD;
void source__give(struct source_db **db);
struct str source__base(const struct source_db *db); /* "http://127.0.0.1:9090/fhir" */
struct bytes source__page_key(const struct source_db *db);

err_t source__begin(struct ctx *cx, struct source_db *db) NODISCARD;    /* to write */
err_t source__snapshot(struct ctx *cx, struct source_db *db) NODISCARD; /* to read */
err_t source__commit(struct ctx *cx, struct source_db *db) NODISCARD;
void source__rollback(struct source_db *db); /* what is open, if anything */

struct source_row {
    int64_t key; /* of the current version; the order of searches */
    struct str type, id;
    int64_t version, updated_ms;
    struct str method; /* POST, PUT, DELETE: how this version came */
    struct str body;   /* JSON; empty when deleted */
};

/* NOT_FOUND when never there, GONE when deleted. Copies into the arena. */
err_t source__get(struct ctx *cx, struct source_db *db, struct str type, struct str id,
                  struct source_row *out) NODISCARD;
err_t source__get_version(struct ctx *cx, struct source_db *db, struct str type,
                          struct str id, int64_t version, struct source_row *out) NODISCARD;
/*
 * Stores a resource as its next version, with meta.versionId and
 * meta.lastUpdated, and indexes it. Within a transaction of the caller.
 */
err_t source__put(struct ctx *cx, struct source_db *db, const json *resource, struct str id,
                  const char *method, struct source_row *out) NODISCARD;
/* PRECONDITION unless `etag` (W/"3") is the present version. */
err_t source__check_version(struct ctx *cx, struct source_db *db, struct str type,
                            struct str id, struct str etag) NODISCARD;
err_t source__delete(struct ctx *cx, struct source_db *db, struct str type,
                     struct str id) NODISCARD;

/* The row is borrowed for the call. *stop ends a walk. */
typedef err_t source_visit(struct ctx *cx, void *arg, const struct source_row *row,
                           bool *stop);

/* Under one of these terms, too. */
struct source_also {
    int64_t *terms;
    size_t n;
};

/*
 * Walks current resources that the index has under `term` and under each `also`, with
 * key > after, in key order. There may be others among them.
 */
struct source_walk {
    int64_t term, after;
    const struct source_also *also;
    size_t alsos;
    source_visit *visit;
    void *arg;
};
err_t source__walk(struct ctx *cx, struct source_db *db,
                   const struct source_walk *walk) NODISCARD;

/*
 * Steps through Observations of a subject kind by kind, the newest of each first; of the
 * kinds given, or of all. `visit` goes on to the next kind with *full.
 */
struct source_steps {
    int64_t subject;
    const int64_t *kind;
    size_t kinds;
    const struct source_also *also;
    size_t alsos;
    err_t (*visit)(struct ctx *cx, void *arg, int64_t kind, int64_t key, bool *full);
    void *arg;
};
err_t source__step_through(struct ctx *cx, struct source_db *db,
                           const struct source_steps *steps) NODISCARD;
err_t source__visit_key(struct ctx *cx, struct source_db *db, int64_t key,
                        source_visit *visit, void *arg, bool *stop) NODISCARD;

/* Versions, the newest first. row->key is the place in the history, not of the resource. */
struct source_past {
    struct str type, id;      /* may be empty */
    int64_t since_ms, before; /* only places before this one; 0: from the newest */
    int64_t most;
    source_visit *visit;
    void *arg;
};
err_t source__history(struct ctx *cx, struct source_db *db,
                      const struct source_past *past) NODISCARD;

/* --- the index (source_index.c) ---------------------------------------------- */
/*
 * (type, parameter, value) as a number, without regard to case: equal ones have equal
 * terms, others mostly not. All resources of a type are under (type, NULL, "").
 */
struct fhir_param;
int64_t source__term(struct str type, const struct fhir_param *param, struct str value);
int64_t source__term_refers(struct str type, const struct fhir_param *param, struct str to,
                            struct str id);
/* A type as a number, each its own. */
int64_t source__type_number(struct str type);
/* An Observation under one of its kinds; without a date, INT64_MIN. */
struct source_kind {
    int64_t subject, kind, date;
};
/* Those that a resource is found under, in order, each once. In the arena. */
struct source_terms {
    int64_t *at;
    size_t n, room;
    struct source_kind *kind;
    size_t kinds;
};
err_t source__terms(struct ctx *cx, const json *resource, const struct source_row *row,
                    struct source_terms *out) NODISCARD;
/* The kinds of an Observation, of which `index` has the references (source_lastn.c). */
struct fhir_index;
err_t source__kinds(struct ctx *cx, const json *resource, const struct fhir_index *index,
                    struct source_terms *out) NODISCARD;
/* Another number when terms are made of other parameters or in another way. Not 0. */
int source__index_version(void);

/* --- search (source_search.c) ------------------------------------------- */
/*
 * Runs a search and writes the Bundle. `query` is as in a URL, decoded not. One
 * that came in a form (`hidden`) does not stand in links: they may be logged,
 * and it may name a person.
 */
err_t source__search(struct ctx *cx, struct source_db *db, struct str type,
                     struct str query, bool hidden, struct json_out *js) NODISCARD;
/* The ids of up to two matches, for conditional create. */
err_t source__find_two(struct ctx *cx, struct source_db *db, struct str type,
                       struct str query, struct str id[2], size_t *found) NODISCARD;
err_t source__lastn(struct ctx *cx, struct source_db *db, struct str query, bool hidden,
                    struct json_out *js) NODISCARD;
/* A resource with only these top-level elements, marked SUBSETTED; all when empty. */
err_t source__put_elements(struct ctx *cx, struct json_out *js, struct str body,
                           struct str elements) NODISCARD;
void source__put_link(struct json_out *js, const char *relation, struct str url);

/* --- pages (source_page.c) ------------------------------------------------- */
/* A query that goes on behind `mark`, as it may stand in a link. */
err_t source__page_link(struct ctx *cx, struct source_db *db, struct str query,
                        struct str mark, bool hidden, struct str *out) NODISCARD;
/* The query behind one that was sealed, and so hidden; others stay as they are. */
err_t source__page_open(struct ctx *cx, struct source_db *db, struct str *query,
                        bool *hidden) NODISCARD;

/* --- transactions (source_bundle.c) --------------------------------------- */
err_t source__bundle(struct ctx *cx, struct source_db *db, const json *bundle,
                     struct json_out *js) NODISCARD;

/* --- routes of their own files ---------------------------------------------- */
struct source *source__of(struct req *rq);
err_t source__type_of(struct req *rq, struct str *type) NODISCARD;
err_t source__history_all(struct req *rq) NODISCARD;
err_t source__history_type(struct req *rq) NODISCARD;
err_t source__history_one(struct req *rq) NODISCARD;
err_t source__metadata(struct req *rq) NODISCARD;

/* A fresh random id of 32 hex digits. */
err_t source__new_id(struct ctx *cx, struct str *out) NODISCARD;

#endif

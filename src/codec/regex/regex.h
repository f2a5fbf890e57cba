/*
 * regex.h - regular expressions of strangers, over PCRE2, with a bounded cost.
 *
 * Rule      Two dialects: ECMA-262 (JSON Schema draft-07 6.3.3, presentation
 *           exchange) and I-Regexp (RFC 9485, JSONPath). Each is read by our own
 *           grammar and written anew for PCRE2, so that what the dialect does
 *           not have (recursion, verbs, inline options, code) is refused.
 * Trust     Pattern and subject may both be a stranger's. Before each item of
 *           the pattern PCRE2 calls us back; we count these calls and the
 *           characters passed over, and stop at the end of a budget. The count
 *           depends on nothing but pattern and subject: what is refused here is
 *           refused everywhere.
 * Lifetime  A compiled pattern lives in the arena of the context that compiled
 *           it, and serves one thread at a time.
 * Source    Knoop; the matcher is PCRE2 (BSD). EUPL-1.2.
 */
#ifndef KNOOP_CODEC_REGEX_H
#define KNOOP_CODEC_REGEX_H

#include "base/err.h"

enum {
    REGEX_PATTERN_MAX = 16 * 1024, /* bytes of a pattern */
    REGEX_GROUPS_MAX = 100,        /* groups, and their depth */
    REGEX_WORK = 8 * 1000 * 1000, /* the usual budget of one request: under half a second */
};

enum regex_dialect {
    REGEX_ECMA = 1, /* ECMA-262 11 22.2.1, without flags; Annex B's lone braces are taken */
    REGEX_I, /* RFC 9485 3; `^` and `$` at the ends are anchors, as its 5.3 maps them */
};

enum regex_mode {
    REGEX_SEARCH = 1, /* anywhere in the subject */
    REGEX_WHOLE,      /* all of the subject */
};

struct regex;

/*
 * ERR_BAD_REQUEST: no pattern of the dialect; ERR_UNSUPPORTED: one that PCRE2
 * does not match (a lookbehind of any length); ERR_LIMIT: too large.
 */
err_t regex_compile(struct ctx *cx, enum regex_dialect dialect, struct str pattern,
                    struct regex **out) NODISCARD;

/* The number of capturing groups. */
unsigned regex_groups(const struct regex *re);

/* Parts of the subject; .p is NULL where a part took no part in the match. */
struct regex_match {
    bool found;
    struct str whole;
    struct str first; /* the first capturing group */
};

/*
 * `subject` is UTF-8. `*budget` is what work is left, and is lessened by what
 * was done; at its end ERR_LIMIT. Memory for the match is taken once per
 * pattern, at most a few MiB.
 */
err_t regex_run(struct ctx *cx, struct regex *re, enum regex_mode mode, struct str subject,
                uint64_t *budget, struct regex_match *out) NODISCARD;

#endif

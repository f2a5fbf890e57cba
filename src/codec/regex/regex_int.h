/*
 * regex_int.h - the room's private door: reading a dialect, writing PCRE2.
 * Source    Knoop. EUPL-1.2.
 */
#ifndef KNOOP_CODEC_REGEX_INT_H
#define KNOOP_CODEC_REGEX_INT_H

#include "base/buf.h"
#include "codec/regex/regex.h"

struct regex_reader {
    struct ctx *cx;
    struct str in;
    size_t at;
    struct buf out;
    size_t repeat; /* the largest number of times that an item must be repeated */
    bool refers;   /* holds a back reference */
    err_t e;       /* the first fault */
};

#define REGEX_END 0xFFFFFFFFu /* regex__peek at the end */

/* The character at `at`, not taken; and taken. REGEX_END at the end. */
uint32_t regex__peek(const struct regex_reader *r);
uint32_t regex__take(struct regex_reader *r);
bool regex__eat(struct regex_reader *r, char c);
bool regex__eat_z(struct regex_reader *r, const char *z);

/* Records the first fault. */
void regex__bad(struct regex_reader *r, const char *what);

/* One character, literal wherever it stands. */
void regex__put(struct regex_reader *r, uint32_t c);

/* A quantifier's {n}, {n,} or {n,m}: false, with nothing taken, for other text. */
bool regex__braces(struct regex_reader *r);

/* \p{…}: true for one of the 37 general categories in short form (Lu, L, …). */
bool regex__category(struct str name);

void regex__read_ecma(struct regex_reader *r);
void regex__read_i(struct regex_reader *r);

#endif

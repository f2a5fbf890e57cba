/*
 * str.h - text and bytes as values: a pointer and a length.
 *
 * Rule      A `struct str` is UTF-8 or ASCII text, not NUL-terminated unless
 *           its maker says so; `struct bytes` is anything else.
 * Lifetime  Neither owns memory. They are good as long as what they point to.
 * Source    Knoop. EUPL-1.2.
 */
#ifndef KNOOP_BASE_STR_H
#define KNOOP_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct str {
    const char *p;
    size_t n;
};

struct bytes {
    const uint8_t *p;
    size_t n;
};

/* For "%.*s": printf("%.*s", STR(name)). */
#define STR(s) (int)(s).n, (s).n ? (s).p : ""

/* A literal as a str, usable in static initialisers too: S("web"). */
#define S(literal) ((struct str){ "" literal, sizeof("" literal) - 1 })
#define S_INIT(literal)                                                                    \
    {                                                                                      \
        "" literal, sizeof("" literal) - 1                                                 \
    }

#define NODISCARD         __attribute__((warn_unused_result))
#define PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define UNUSED            __attribute__((unused))

/* The number of elements of an array (not of a pointer). */
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Runs `close(&variable)` when the variable's scope is left. */
#define scoped(close) __attribute__((cleanup(close)))

/* Here, so that the length of a literal is known when it is compiled. */
static inline struct str
str_of(const char *z) /* NULL gives the empty str */
{
    return (struct str){ z, z ? strlen(z) : 0 };
}

/* By the second's length: where that is a literal's, comparing takes no call. */
static inline bool
str_eq(struct str a, struct str b)
{
    return a.n == b.n && (b.n == 0 || memcmp(a.p, b.p, b.n) == 0);
}

static inline bool
str_is(struct str a, const char *z) /* str_eq with a C string */
{
    return str_eq(a, str_of(z));
}

static inline struct str
str_of_bytes(struct bytes b) /* the same memory as text */
{
    return (struct str){ (const char *)b.p, b.n };
}

static inline struct bytes
bytes_of(struct str s) /* the same memory as bytes */
{
    return (struct bytes){ (const uint8_t *)s.p, s.n };
}

/* From index `from` up to, not including, `to`; both are clamped to s.n. */
static inline struct str
str_sub(struct str s, size_t from, size_t to)
{
    if (to > s.n)
        to = s.n;
    if (from > to)
        from = to;
    return (struct str){ s.n ? s.p + from : s.p, to - from };
}

static inline bool
str_starts(struct str s, struct str prefix)
{
    return s.n >= prefix.n && str_eq(str_sub(s, 0, prefix.n), prefix);
}

bool str_eq_case_n(const char *a, const char *b, size_t n); /* of one length */
static inline bool
str_eq_case(struct str a, struct str b) /* ASCII case folded */
{
    return a.n == b.n && str_eq_case_n(a.p, b.p, a.n);
}
bool str_ends(struct str s, struct str suffix);
int str_cmp(struct str a, struct str b);       /* by bytes, as memcmp */
bool bytes_eq(struct bytes a, struct bytes b); /* not for secrets: see prim.h */

/* The index of the first `c`, or s.n when there is none. */
size_t str_find(struct str s, char c);
/* The index of the first `needle`, or haystack.n when there is none. */
size_t str_search(struct str haystack, struct str needle);
struct str str_trim(struct str s); /* space and tab, both ends */

/*
 * Cuts `*rest` at the first `sep`: returns what stood before it and leaves
 * what stood behind it. Without `sep` returns all and leaves the empty str.
 */
struct str str_cut(struct str *rest, char sep);

/* Decimal digits only, no sign, no space, no overflow; false otherwise. */
bool str_to_u64(struct str s, uint64_t *out) NODISCARD;
/* As str_to_u64, with one optional leading '-'. */
bool str_to_i64(struct str s, int64_t *out) NODISCARD;

/*
 * 64 bits that each of the bytes changes, as quick as they are read; and one step of it.
 * For slots and against accidents: who knows how can make two that are alike.
 */
uint64_t str_hash(struct str s);
uint64_t str_mix(uint64_t h, uint64_t word);

/* True when the bytes are well-formed UTF-8 (RFC 3629: no surrogates). */
bool str_is_utf8(struct str s);

#endif

/*
 * arena.h - memory that a request takes and never gives back piece by piece.
 *
 * Rule      An arena has a ceiling. A request that would pass it gets NULL and
 *           the arena remembers that it failed; the request ends in 413 or 503.
 * Lifetime  Everything taken is good until arena_reset or arena_fini.
 * Threads   An arena belongs to one thread at a time.
 * Source    Knoop, after Varnish's workspaces and h2o's pools. EUPL-1.2.
 */
#ifndef KNOOP_BASE_ARENA_H
#define KNOOP_BASE_ARENA_H

#include "base/str.h"

struct arena_block;

struct arena {
    struct arena_block *block; /* the newest; older ones hang behind it */
    char *at, *end;            /* what is free in the newest */
    size_t used, ceiling;      /* in bytes, over all blocks */
    bool failed;               /* something was refused since the last reset */
    long fail_at;              /* tests: the n-th allocation fails; 0 never */
    long taken;                /* allocations since init, for tests */
};

void arena_init(struct arena *a, size_t ceiling);
void arena_reset(struct arena *a); /* forgets all, keeps one block */
void arena_fini(struct arena *a);  /* gives all back; init may follow */

/* Zeroed, aligned for any type; NULL beyond the ceiling or out of memory. */
void *arena_alloc(struct arena *a, size_t size) NODISCARD;
/* As arena_alloc for count * size, with the product checked. */
void *arena_array(struct arena *a, size_t count, size_t size) NODISCARD;
/* Grows the most recent allocation in place where it can, else copies. */
void *arena_grow(struct arena *a, void *old, size_t old_size, size_t size) NODISCARD;

/*
 * The same, not zeroed, for who writes all of it before it is read: copies, parsers'
 * rooms, text that grows.
 */
void *arena_take(struct arena *a, size_t size) NODISCARD;
void *arena_stretch(struct arena *a, void *old, size_t old_size, size_t size) NODISCARD;

#define arena_new(a, type) ((type *)arena_alloc((a), sizeof(type)))

/* Copies; .p is NULL on failure. A copied str is NUL-terminated. */
struct str arena_str(struct arena *a, struct str s) NODISCARD;
struct bytes arena_bytes(struct arena *a, struct bytes b) NODISCARD;
/* A NUL-terminated copy; NULL on failure. */
char *arena_z(struct arena *a, struct str s) NODISCARD;
/* One behind the other: arena_join(a, S("ura:"), number). As arena_str. */
struct str arena_join_all(struct arena *a, const struct str *parts, size_t n) NODISCARD;
#define arena_join(a, ...)                                                                 \
    arena_join_all((a), (const struct str[]){ __VA_ARGS__ },                               \
                   COUNT(((const struct str[]){ __VA_ARGS__ })))
/* printf into the arena; .p is NULL on failure. NUL-terminated. */
struct str arena_printf(struct arena *a, const char *format, ...) PRINTF(2, 3) NODISCARD;

#endif

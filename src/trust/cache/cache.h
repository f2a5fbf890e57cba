/*
 * cache.h - a bounded memory of bytes by bytes, for the rooms of this floor.
 *
 * Rule      Never more than its bytes; what was used longest ago goes first;
 *           what is past its time is not there. A cache is never the only
 *           place where something is true.
 * Trust     Keys may be chosen by strangers: the hash is seeded per cache.
 * Lifetime  A cache belongs to one worker's room. Values are copied in, and
 *           copied out into the context's arena.
 * Threads   Any; a lock is held for the length of one copy.
 * Source    Knoop. EUPL-1.2.
 */
#ifndef KNOOP_TRUST_CACHE_H
#define KNOOP_TRUST_CACHE_H

#include "base/err.h"

struct cache;

/* `bytes_max` counts keys, values and their keeping. NULL without memory. */
struct cache *cache_new(size_t bytes_max) NODISCARD;
void cache_free(struct cache *c); /* NULL is fine */

/* False when absent, past its time, or when there is no memory for the copy. */
bool cache_get(struct ctx *cx, struct cache *c, struct bytes key, struct bytes *value);
/* Replaces. What does not fit, or is already past, is not kept. */
void cache_put(struct cache *c, int64_t now_ms, struct bytes key, struct bytes value,
               int64_t until_ms);
void cache_drop(struct cache *c, struct bytes key);
void cache_clear(struct cache *c);
size_t cache_bytes(struct cache *c); /* in use now */

#endif

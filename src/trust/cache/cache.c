/*
 * cache.c - chained hash table and a list by last use.
 *
 *      table[] -> entry -> entry          (by hash)
 *      newest <-> entry <-> entry <-> oldest
 *
 * Source  Knoop. EUPL-1.2.
 */
#include "trust/cache/cache.h"

#include "crypto/prim/prim.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { TABLE_MIN = 64 };

struct entry {
    struct entry *next;          /* same slot */
    struct entry *newer, *older; /* by last use */
    uint64_t hash;
    int64_t until_ms;
    uint32_t key_n, value_n;
    uint8_t bytes[]; /* key, then value */
};

struct cache {
    pthread_mutex_t lock;
    uint64_t seed[2];
    struct entry **table;
    size_t size, count; /* slots (a power of two), entries */
    size_t bytes, bytes_max;
    struct entry *newest, *oldest;
};

/* Multiply and fold, seeded: who does not know the seed cannot aim at a slot. */
static uint64_t
hash(const struct cache *c, struct bytes key)
{
    uint64_t h = c->seed[0] ^ key.n, word;
    size_t i, n;

    for (i = 0; i < key.n; i += n) {
        n = key.n - i < 8 ? key.n - i : 8;
        word = 0;
        memcpy(&word, key.p + i, n);
        h = (h ^ word) * (c->seed[1] | 1);
        h ^= h >> 29;
    }
    h *= UINT64_C(0x9e3779b97f4a7c15);
    return h ^ h >> 32;
}

struct cache *
cache_new(size_t bytes_max)
{
    struct cache *c = calloc(1, sizeof(*c));

    if (c == NULL)
        return NULL;
    c->size = TABLE_MIN;
    c->bytes_max = bytes_max;
    c->table = calloc(c->size, sizeof(*c->table));
    if (c->table == NULL || pthread_mutex_init(&c->lock, NULL) != 0) {
        free(c->table);
        free(c);
        return NULL;
    }
    random_bytes(c->seed, sizeof(c->seed));
    return c;
}

static size_t
weight(const struct entry *e)
{
    return sizeof(*e) + e->key_n + e->value_n + sizeof(void *);
}

static void
use(struct cache *c, struct entry *e)
{
    e->older = c->newest;
    e->newer = NULL;
    if (c->newest != NULL)
        c->newest->newer = e;
    else
        c->oldest = e;
    c->newest = e;
}

static void
unuse(struct cache *c, struct entry *e)
{
    *(e->newer != NULL ? &e->newer->older : &c->newest) = e->older;
    *(e->older != NULL ? &e->older->newer : &c->oldest) = e->newer;
}

static struct entry **
slot(struct cache *c, uint64_t h, struct bytes key)
{
    struct entry **at = &c->table[h & (c->size - 1)];

    while (*at != NULL && !((*at)->hash == h && (*at)->key_n == key.n &&
                            memcmp((*at)->bytes, key.p, key.n) == 0))
        at = &(*at)->next;
    return at;
}

static void
take_out(struct cache *c, struct entry **at)
{
    struct entry *e = *at;

    *at = e->next;
    unuse(c, e);
    c->bytes -= weight(e);
    c->count--;
    wipe(e->bytes, e->key_n + e->value_n);
    free(e);
}

static void
drop_oldest(struct cache *c)
{
    struct entry *e = c->oldest;

    take_out(c, slot(c, e->hash, (struct bytes){ e->bytes, e->key_n }));
}

/* Doubles the table; without memory the chains just grow longer. */
static void
widen(struct cache *c)
{
    struct entry **wide = calloc(c->size * 2, sizeof(*wide)), *e, *next;
    size_t i;

    if (wide == NULL)
        return;
    for (i = 0; i < c->size; i++)
        for (e = c->table[i]; e != NULL; e = next) {
            next = e->next;
            e->next = wide[e->hash & (c->size * 2 - 1)];
            wide[e->hash & (c->size * 2 - 1)] = e;
        }
    free(c->table);
    c->table = wide;
    c->size *= 2;
}

bool
cache_get(struct ctx *cx, struct cache *c, struct bytes key, struct bytes *value)
{
    struct entry **at;
    bool found = false;

    *value = (struct bytes){ NULL, 0 };
    pthread_mutex_lock(&c->lock);
    at = slot(c, hash(c, key), key);
    if (*at != NULL && (*at)->until_ms <= cx->now_ms)
        take_out(c, at);
    else if (*at != NULL) {
        struct entry *e = *at;

        unuse(c, e);
        use(c, e);
        *value = arena_bytes(cx->arena, (struct bytes){ e->bytes + e->key_n, e->value_n });
        found = value->p != NULL;
    }
    pthread_mutex_unlock(&c->lock);
    return found;
}

void
cache_put(struct cache *c, int64_t now_ms, struct bytes key, struct bytes value,
          int64_t until_ms)
{
    struct entry *e;
    struct entry **at;

    cache_drop(c, key);
    if (until_ms <= now_ms || key.n > UINT32_MAX || value.n > UINT32_MAX ||
        sizeof(*e) + key.n + value.n + sizeof(void *) > c->bytes_max)
        return;
    e = malloc(sizeof(*e) + key.n + value.n);
    if (e == NULL)
        return;
    *e = (struct entry){ .hash = hash(c, key),
                         .until_ms = until_ms,
                         .key_n = (uint32_t)key.n,
                         .value_n = (uint32_t)value.n };
    if (key.n != 0)
        memcpy(e->bytes, key.p, key.n);
    if (value.n != 0)
        memcpy(e->bytes + key.n, value.p, value.n);
    pthread_mutex_lock(&c->lock);
    at = slot(c, e->hash, key);
    if (*at != NULL) /* another put it meanwhile */
        take_out(c, at);
    while (c->oldest != NULL && c->bytes + weight(e) > c->bytes_max)
        drop_oldest(c);
    if (c->count >= c->size)
        widen(c);
    e->next = c->table[e->hash & (c->size - 1)];
    c->table[e->hash & (c->size - 1)] = e;
    use(c, e);
    c->count++;
    c->bytes += weight(e);
    pthread_mutex_unlock(&c->lock);
}

void
cache_drop(struct cache *c, struct bytes key)
{
    struct entry **at;

    pthread_mutex_lock(&c->lock);
    at = slot(c, hash(c, key), key);
    if (*at != NULL)
        take_out(c, at);
    pthread_mutex_unlock(&c->lock);
}

void
cache_clear(struct cache *c)
{
    pthread_mutex_lock(&c->lock);
    while (c->oldest != NULL)
        drop_oldest(c);
    pthread_mutex_unlock(&c->lock);
}

size_t
cache_bytes(struct cache *c)
{
    size_t n;

    pthread_mutex_lock(&c->lock);
    n = c->bytes;
    pthread_mutex_unlock(&c->lock);
    return n;
}

void
cache_free(struct cache *c)
{
    if (c == NULL)
        return;
    cache_clear(c);
    pthread_mutex_destroy(&c->lock);
    free(c->table);
    free(c);
}

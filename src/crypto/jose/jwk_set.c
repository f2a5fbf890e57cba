/* jwk_set.c - sets of keys, and the cache of imported ones. EUPL-1.2. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/jose/jose_int.h"

/* --- sets --- */

static err_t
check_set(struct ctx *cx, const struct jwk_set *s, bool oct, bool others)
{
    if (oct && others)
        return refuse(cx, ERR_KEY, "RFC 7517 5", "a shared secret beside public keys");
    for (size_t i = 0; i < s->count; i++)
        for (size_t j = 0; j < i && s->at[i].kid.n != 0; j++)
            if (str_eq(s->at[i].kid, s->at[j].kid))
                return refuse(cx, ERR_KEY, "RFC 7517 4.5", "kid '%.*s' is there twice",
                              STR(s->at[i].kid));
    return ERR_OK;
}

static err_t
parse_all(struct ctx *cx, const json *list, struct jwk_cache *cache, struct jwk_set *out)
{
    bool oct = false, others = false;

    for (json_each(it, list)) {
        struct jwk *k = &out->at[out->count++];
        err_t e;

        if (json_is(json_get(it.value, "kty"), "oct"))
            oct = true;
        else
            others = true;
        e = jwk_parse(cx, it.value, cache, k);
        if (e == ERR_NO_MEMORY || e == ERR_TOO_LARGE)
            return e;
        if (e != ERR_OK) /* keeps its place and name, without a key */
            k->kid = json_get_text(it.value, "kid");
    }
    return check_set(cx, out, oct, others);
}

err_t
jwk_set_parse(struct ctx *cx, const json *v, struct jwk_cache *cache, struct jwk_set *out)
{
    const json *list = json_get(v, "keys");
    size_t n = json_size(list);
    err_t e;

    *out = (struct jwk_set){ NULL, 0 };
    if (json_type(list) != JSON_ARRAY || n > JWK_SET_MAX)
        return refuse(cx, ERR_KEY, "RFC 7517 5.1", "keys is no list, or has %zu keys", n);
    if ((out->at = arena_array(cx->arena, n + 1, sizeof(*out->at))) == NULL)
        return refuse_memory(cx);
    if ((e = parse_all(cx, list, cache, out)) != ERR_OK) {
        jwk_set_fini(out);
        return e;
    }
    refuse_clear(cx);
    return ERR_OK;
}

void
jwk_set_fini(struct jwk_set *s)
{
    for (size_t i = 0; i < s->count; i++)
        jwk_fini(&s->at[i]);
    *s = (struct jwk_set){ NULL, 0 };
}

err_t
jwk_set_pick(struct ctx *cx, const struct jwk_set *s, struct str kid,
             const struct jwk **out)
{
    *out = NULL;
    for (size_t i = 0; i < s->count; i++)
        if (kid.n == 0 ? s->count == 1 : str_eq(s->at[i].kid, kid))
            *out = &s->at[i];
    if (*out == NULL)
        return refuse(cx, ERR_KEY, "RFC 7515 4.1.4",
                      kid.n == 0 ? "no kid, and not one key alone"
                                 : "no key with this kid");
    if ((*out)->key == NULL) {
        *out = NULL;
        return refuse(cx, ERR_KEY, "RFC 7517 5",
                      "the key that was picked is not usable here");
    }
    return ERR_OK;
}

/* --- the cache: four places for each hash, the oldest makes room --- */

enum { WAYS = 4 };

struct slot {
    uint8_t id[32];
    struct key *key;
    uint64_t used;
};

struct jwk_cache {
    pthread_mutex_t lock;
    uint64_t clock;
    size_t sets;
    struct slot slots[];
};

struct jwk_cache *
jwk_cache_new(size_t entries)
{
    size_t sets = 1;
    struct jwk_cache *c;

    while (sets * WAYS < entries && sets < (1u << 20))
        sets *= 2;
    if ((c = calloc(1, sizeof(*c) + sets * WAYS * sizeof(struct slot))) == NULL)
        return NULL;
    c->sets = sets;
    if (pthread_mutex_init(&c->lock, NULL) != 0) {
        free(c);
        return NULL;
    }
    return c;
}

void
jwk_cache_free(struct jwk_cache *c)
{
    if (c == NULL)
        return;
    for (size_t i = 0; i < c->sets * WAYS; i++)
        key_free(c->slots[i].key);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

static struct slot *
set_of(struct jwk_cache *c, const uint8_t id[32])
{
    size_t h = (size_t)id[0] | (size_t)id[1] << 8 | (size_t)id[2] << 16;

    return &c->slots[(h & (c->sets - 1)) * WAYS];
}

struct key *
jwk__cache_get(struct jwk_cache *c, const uint8_t id[32])
{
    struct slot *s = set_of(c, id);
    struct key *found = NULL;

    pthread_mutex_lock(&c->lock);
    for (size_t i = 0; i < WAYS && found == NULL; i++)
        if (s[i].key != NULL && memcmp(s[i].id, id, 32) == 0) {
            s[i].used = ++c->clock;
            found = key_ref(s[i].key);
        }
    pthread_mutex_unlock(&c->lock);
    return found;
}

void
jwk__cache_put(struct jwk_cache *c, const uint8_t id[32], struct key *key)
{
    struct slot *s = set_of(c, id), *oldest = s;
    struct key *out;

    pthread_mutex_lock(&c->lock);
    for (size_t i = 1; i < WAYS; i++)
        if (s[i].used < oldest->used)
            oldest = &s[i];
    out = oldest->key;
    memcpy(oldest->id, id, 32);
    oldest->key = key_ref(key);
    oldest->used = ++c->clock;
    pthread_mutex_unlock(&c->lock);
    key_free(out);
}

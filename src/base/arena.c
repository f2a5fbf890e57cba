/* arena.c - request memory with a ceiling. EUPL-1.2. */
#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGN = _Alignof(max_align_t), BLOCK_MIN = 16 * 1024 };

struct arena_block {
    struct arena_block *older;
    size_t size;
    _Alignas(max_align_t) char data[];
};

void
arena_init(struct arena *a, size_t ceiling)
{
    *a = (struct arena){ .ceiling = ceiling };
}

static void
open_block(struct arena *a, struct arena_block *b)
{
    a->block = b;
    a->at = b->data;
    a->end = b->data + b->size;
}

void
arena_reset(struct arena *a)
{
    struct arena_block *keep = a->block;

    if (keep != NULL) {
        while (keep->older != NULL) {
            struct arena_block *older = keep->older;

            keep->older = older->older;
            free(older);
        }
        open_block(a, keep);
    }
    a->used = 0;
    a->failed = false;
}

void
arena_fini(struct arena *a)
{
    while (a->block != NULL) {
        struct arena_block *older = a->block->older;

        free(a->block);
        a->block = older;
    }
    *a = (struct arena){ .ceiling = a->ceiling };
}

static bool
more(struct arena *a, size_t size)
{
    size_t want = size > BLOCK_MIN ? size : BLOCK_MIN;
    struct arena_block *b;

    if (a->block != NULL && want < 2 * a->block->size && 2 * a->block->size <= 1024 * 1024)
        want = 2 * a->block->size;
    b = malloc(sizeof(*b) + want);
    if (b == NULL)
        return false;
    b->older = a->block;
    b->size = want;
    open_block(a, b);
    return true;
}

static size_t
rounded(size_t size)
{
    return (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
}

void *
arena_take(struct arena *a, size_t size)
{
    size_t round = rounded(size);
    void *p;

    a->taken++;
    if (size > a->ceiling || round > a->ceiling - a->used || a->taken == a->fail_at) {
        a->failed = true;
        return NULL;
    }
    if (round > (size_t)(a->end - a->at) && !more(a, round)) {
        a->failed = true;
        return NULL;
    }
    p = a->at;
    a->at += round;
    a->used += round;
    return p;
}

void *
arena_alloc(struct arena *a, size_t size)
{
    void *p = arena_take(a, size);

    return p == NULL ? NULL : memset(p, 0, rounded(size));
}

void *
arena_array(struct arena *a, size_t count, size_t size)
{
    if (size != 0 && count > SIZE_MAX / size) {
        a->failed = true;
        return NULL;
    }
    return arena_alloc(a, count * size);
}

void *
arena_stretch(struct arena *a, void *old, size_t old_size, size_t size)
{
    size_t old_round = rounded(old_size);
    void *p;

    if (size <= old_round && old != NULL)
        return old;
    if (old != NULL && (char *)old + old_round == a->at) {
        size_t extra = rounded(size) - old_round;

        if (extra <= (size_t)(a->end - a->at) && extra <= a->ceiling - a->used) {
            a->at += extra;
            a->used += extra;
            return old;
        }
    }
    p = arena_take(a, size);
    if (p != NULL && old_size != 0)
        memcpy(p, old, old_size);
    return p;
}

void *
arena_grow(struct arena *a, void *old, size_t old_size, size_t size)
{
    char *p = arena_stretch(a, old, old_size, size);

    if (p != NULL && size > old_size)
        memset(p + old_size, 0, rounded(size) - old_size);
    return p;
}

struct bytes
arena_bytes(struct arena *a, struct bytes b)
{
    char *p = arena_take(a, b.n + 1);

    if (p == NULL)
        return (struct bytes){ NULL, 0 };
    if (b.n != 0)
        memcpy(p, b.p, b.n);
    p[b.n] = '\0';
    return (struct bytes){ (uint8_t *)p, b.n };
}

struct str
arena_str(struct arena *a, struct str s)
{
    return str_of_bytes(arena_bytes(a, bytes_of(s)));
}

char *
arena_z(struct arena *a, struct str s)
{
    return (char *)(uintptr_t)arena_bytes(a, bytes_of(s)).p;
}

struct str
arena_join_all(struct arena *a, const struct str *parts, size_t n)
{
    size_t all = 0, at = 0;
    char *p;

    for (size_t i = 0; i < n; i++)
        all += parts[i].n;
    if ((p = arena_take(a, all + 1)) == NULL)
        return (struct str){ NULL, 0 };
    for (size_t i = 0; i < n; i++) {
        if (parts[i].n > 0)
            memcpy(p + at, parts[i].p, parts[i].n);
        at += parts[i].n;
    }
    p[at] = '\0';
    return (struct str){ p, at };
}

struct str
arena_printf(struct arena *a, const char *format, ...)
{
    va_list args, again;
    int n;
    char *p;

    va_start(args, format);
    va_copy(again, args);
    n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    p = n < 0 ? NULL : arena_take(a, (size_t)n + 1);
    if (p != NULL)
        vsnprintf(p, (size_t)n + 1, format, again);
    va_end(again);
    return p == NULL ? (struct str){ NULL, 0 } : (struct str){ p, (size_t)n };
}

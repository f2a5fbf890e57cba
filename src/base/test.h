/*
 * test.h - what every x_test.c starts with: cmocka, and a context.
 * Included by tests alone. EUPL-1.2.
 */
#ifndef KNOOP_BASE_TEST_H
#define KNOOP_BASE_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/buf.h"

struct test_ctx {
    struct arena arena;
    struct ctx cx;
};

/* 2026-01-01T00:00:00Z, and 64 MiB. */
static inline void
test_ctx_init(struct test_ctx *t)
{
    arena_init(&t->arena, 64u << 20);
    ctx_init(&t->cx, &t->arena, INT64_C(1767225600000));
}

static inline void
test_ctx_fini(struct test_ctx *t)
{
    arena_fini(&t->arena);
}

#endif

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
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/buf.h"

struct test_ctx {
    struct arena arena;
    struct ctx cx;
    long calls; /* of the database, before this one's first */
};

/* KNOOP_TEST=name: the one test of this name, alone. */
__attribute__((constructor)) static void
test_choose(void)
{
    cmocka_set_test_filter(getenv("KNOOP_TEST"));
}

/* sys/store: the n-th database call fails. Absent where no store is linked. */
long store_fail_at(long n) __attribute__((weak));

static inline long
test_store_fail_at(long n)
{
    return store_fail_at != NULL ? store_fail_at(n) : 0;
}

static inline long
test_fault(const char *name)
{
    const char *n = getenv(name);

    return n != NULL ? strtol(n, NULL, 10) : 0;
}

/*
 * 2026-01-01T00:00:00Z, and 64 MiB. tools/faults runs a test again and again
 * with the n-th allocation or database call failing: it may then fail, but not
 * crash, leak or hang.
 */
static inline void
test_ctx_init(struct test_ctx *t)
{
    arena_init(&t->arena, 64u << 20);
    t->arena.fail_at = test_fault("KNOOP_FAULT_ALLOC");
    t->calls = test_store_fail_at(test_fault("KNOOP_FAULT_STORE"));
    ctx_init(&t->cx, &t->arena, INT64_C(1767225600000));
}

/* KNOOP_FAULT_COUNT: tools/faults asks how many there are to fail. */
static inline void
test_ctx_fini(struct test_ctx *t)
{
    long calls = test_store_fail_at(0) - t->calls;

    if (getenv("KNOOP_FAULT_COUNT") != NULL)
        fprintf(stderr, "faults: %ld allocations, %ld calls\n", t->arena.taken, calls);
    arena_fini(&t->arena);
}

#endif

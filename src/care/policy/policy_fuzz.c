/* policy_fuzz.c - bytes as policy.json and tests.json, cut at a NUL. EUPL-1.2. */
#include "care/policy/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct ctx cx;
    struct policy_source s = { .name = S("bgz") };
    struct str rest = { (const char *)data, size };

    arena_init(&arena, 16u << 20);
    ctx_init(&cx, &arena, INT64_C(1767225600000));
    s.policy = str_cut(&rest, '\0');
    s.tests = rest;
    (void)!policy_check(&cx, &s, NULL);
    arena_fini(&arena);
    return 0;
}

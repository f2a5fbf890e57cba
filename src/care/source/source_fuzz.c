/*
 * source_fuzz.c - queries and pages as strangers may write them. The first byte
 * chooses the type and whether it is $lastn. EUPL-1.2.
 */
#include "care/source/source_search.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const types[] = { "Patient", "Condition", "Observation",
                                         "MedicationRequest" };
    struct arena arena;
    struct source_query q;
    struct ctx cx;
    struct str mark;

    if (size == 0)
        return 0;
    arena_init(&arena, 8u << 20);
    ctx_init(&cx, &arena, 0);
    if (source__query_parse(&cx, str_of(types[data[0] & 3]),
                            (struct str){ (const char *)data + 1, size - 1 },
                            (data[0] & 4) != 0, &q) == ERR_OK &&
        q.after.there && source__mark_text(&cx, &q, &q.after, &mark) != ERR_OK)
        __builtin_trap();
    arena_fini(&arena);
    return 0;
}

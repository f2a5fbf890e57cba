/* keys_fuzz.c - packets as either end may find them. EUPL-1.2. */
#include "sys/keys/keys_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct ctx cx;
    struct bytes rest = { data, size };
    struct keys_frame f;
    struct str fields[KEYS_FIELDS_MAX];

    arena_init(&arena, 1 << 20);
    ctx_init(&cx, &arena, 0);
    while (rest.n > 0 && keys__frame(&cx, &rest, &f) == ERR_OK)
        for (size_t n = 0; n <= KEYS_FIELDS_MAX; n++)
            if (keys__fields(&cx, f.fields, fields, n) == ERR_OK)
                for (size_t i = 0; i < n; i++)
                    if (fields[i].n > size)
                        __builtin_trap();
    arena_fini(&arena);
    return 0;
}

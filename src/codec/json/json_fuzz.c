/* json_fuzz.c - what is read is written, read again, and equal. EUPL-1.2. */
#include "codec/json/json.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct arena a;
    struct ctx cx;
    struct str out;
    json *v, *again;
    enum json_flags flags = n > 0 && (data[n - 1] & 1) ? JSON_RAW_NUMBERS : JSON_STRICT;

    arena_init(&a, 16u << 20);
    ctx_init(&cx, &a, 0);
    if (json_parse(&cx, (struct str){ (const char *)data, n }, flags, &v) == ERR_OK &&
        json_text(&cx, v, &out) == ERR_OK)
        if (json_parse(&cx, out, flags, &again) != ERR_OK || !json_equal(v, again))
            abort();
    arena_fini(&a);
    return 0;
}

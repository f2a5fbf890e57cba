/* canon_fuzz.c - canonical text reads back equal, and is its own canonical text. EUPL-1.2.
 */
#include "crypto/canon/canon.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct arena a;
    struct ctx cx;
    struct str once, twice;
    json *v, *again;

    arena_init(&a, 16u << 20);
    ctx_init(&cx, &a, 0);
    if (json_parse(&cx, (struct str){ (const char *)data, n }, JSON_STRICT, &v) == ERR_OK &&
        canon_jcs(&cx, v, &once) == ERR_OK &&
        (json_parse(&cx, once, JSON_STRICT, &again) != ERR_OK ||
         canon_jcs(&cx, again, &twice) != ERR_OK || !str_eq(once, twice)))
        __builtin_trap();
    arena_fini(&a);
    return 0;
}

/* operator_fuzz.c - authorized_keys, and tokens against keys that we know. EUPL-1.2. */
#include "sys/operator/operator.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = { (const char *)data, size }, user, token = text;
    struct operator_keys keys;
    struct arena arena;
    struct ctx cx;

    arena_init(&arena, 16u << 20);
    ctx_init(&cx, &arena, INT64_C(1767225600000));
    if (operator_keys_parse(&cx, text, &keys) == ERR_OK) {
        while (token.n > 0 && str_cut(&token, '\n').n > 0)
            ; /* a token may stand behind an empty line */
        (void)!operator_prove(&cx, &keys, S("knoop"), token, &user);
        operator_keys_fini(&keys);
    }
    arena_fini(&arena);
    return 0;
}

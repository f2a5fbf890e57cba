/* conf_fuzz.c - a file of options, and a packed conf. EUPL-1.2. */
#include "sys/conf/conf_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct arena arena;
    struct ctx cx;
    struct str text = { (const char *)data, size }, packed;
    struct conf *c, *d;

    if (arena.ceiling == 0)
        arena_init(&arena, 64u << 20);
    arena_reset(&arena);
    ctx_init(&cx, &arena, 0);
    if (conf_parse(&cx, NULL, NULL, text, "f", &c) == ERR_OK) {
        if (conf_pack(&cx, c, &packed) != ERR_OK || conf_unpack(&cx, packed, &d) != ERR_OK)
            __builtin_trap(); /* what was taken once is taken again */
        conf_give(d);
        conf_give(c);
    }
    if (conf_unpack(&cx, text, &c) == ERR_OK)
        conf_give(c);
    return 0;
}

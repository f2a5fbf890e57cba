/* schema_fuzz.c - any schema on any value ends. First line the schema. EUPL-1.2. */
#include "codec/schema/schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str value = { (const char *)data, n }, text = str_cut(&value, '\n');
    struct arena a;
    struct ctx cx;
    struct schema *schema;
    json *s, *v;
    bool valid;

    arena_init(&a, 32u << 20);
    ctx_init(&cx, &a, 0);
    if (json_parse(&cx, text, JSON_STRICT, &s) == ERR_OK &&
        schema_parse(&cx, s, &schema) == ERR_OK &&
        (json_parse(&cx, value, JSON_STRICT, &v) == ERR_OK || (v = s) != NULL) &&
        schema_check(&cx, schema, v, &valid) != ERR_OK && valid)
        __builtin_trap(); /* an error is never "valid" */
    arena_fini(&a);
    return 0;
}

/* path_fuzz.c - any query over any value ends. First line the query. EUPL-1.2. */
#include "codec/path/path.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str text = { (const char *)data, n }, path = str_cut(&text, '\n');
    struct arena a;
    struct ctx cx;
    struct path_nodes nodes;
    struct path *parsed;
    json *v;

    arena_init(&a, 16u << 20);
    ctx_init(&cx, &a, 0);
    if (path_parse(&cx, path, &parsed) == ERR_OK) {
        if (json_parse(&cx, text, JSON_STRICT, &v) != ERR_OK &&
            json_parse(&cx, S("{\"a\":[1,\"b\",{\"c\":[null,true]},2.5],\"b\":\"ab\"}"),
                       JSON_STRICT, &v) != ERR_OK)
            v = NULL;
        if (v != NULL && path_select(&cx, parsed, v, &nodes) == ERR_OK)
            for (size_t i = 0; i < nodes.n; i++)
                if (json_index(v, nodes.v[i]) >= json_extent(v))
                    __builtin_trap(); /* a node that is not the value's */
    }
    arena_fini(&a);
    return 0;
}

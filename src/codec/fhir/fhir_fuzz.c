/* fhir_fuzz.c - any query on any resource ends. First line the query. EUPL-1.2. */
#include "codec/fhir/fhir.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str text = { (const char *)data, n }, asked = str_cut(&text, '\n');
    struct arena a;
    struct ctx cx;
    struct fhir_query query;
    struct fhir_index index;
    json *v;
    bool holds;

    arena_init(&a, 16u << 20);
    ctx_init(&cx, &a, 0);
    if (json_parse(&cx, text, JSON_RAW_NUMBERS, &v) == ERR_OK) {
        struct str type = json_get_text(v, "resourceType");

        if (fhir_query_parse(&cx, type, asked, &query) == ERR_OK &&
            fhir_match(&cx, &query, v, &holds) == ERR_OK &&
            fhir_index(&cx, v, &index) == ERR_OK) {
            bool all = true; /* the whole index says what the match said */

            for (size_t i = 0; i < query.n; i++)
                all = all && fhir_term_holds(&cx, &query.terms[i], &index);
            if (all != holds)
                __builtin_trap();
        }
    } else if (fhir_query_parse(&cx, S("Observation"),
                                (struct str){ (const char *)data, n }, &query) != ERR_OK &&
               query.n != 0) {
        __builtin_trap();
    }
    arena_fini(&a);
    return 0;
}

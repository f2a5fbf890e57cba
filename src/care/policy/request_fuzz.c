/*
 * request_fuzz.c - bytes as method, path, query and form, cut at newlines.
 * What is written out must be read again as the same. EUPL-1.2.
 */
#include <assert.h>

#include "care/policy/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct ctx cx;
    struct fhir_request a, b;
    struct str rest = { (const char *)data, size }, path, query;
    enum http_method method = HTTP_GET;

    if (size > 0) {
        method = (enum http_method)(HTTP_GET + data[0] % 7);
        rest = str_sub(rest, 1, rest.n);
    }
    arena_init(&arena, 4u << 20);
    ctx_init(&cx, &arena, 0);
    path = str_cut(&rest, '\n');
    query = str_cut(&rest, '\n');
    if (fhir_request_parse(&cx, method, path, query,
                           method == HTTP_PUT ? S("application/fhir+json")
                                              : S("application/x-www-form-urlencoded"),
                           bytes_of(rest), &a) == ERR_OK) {
        assert(fhir_request_parse(&cx, a.wire_method, a.wire_path, a.wire_query,
                                  a.wire_type, a.wire_body, &b) == ERR_OK);
        assert(a.interaction == b.interaction && a.param_n == b.param_n);
        assert(str_eq(a.wire_path, b.wire_path) && str_eq(a.wire_query, b.wire_query));
        assert(bytes_eq(a.wire_body, b.wire_body));
    }
    arena_fini(&arena);
    return 0;
}

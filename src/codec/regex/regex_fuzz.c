/* regex_fuzz.c - any pattern on any subject ends, in both dialects. EUPL-1.2. */
#include "codec/regex/regex.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str subject = { (const char *)data, n }, pattern = str_cut(&subject, '\n');
    struct arena a;
    struct ctx cx;
    struct regex *re;
    struct regex_match m;
    err_t ignored;

    for (enum regex_dialect d = REGEX_ECMA; d <= REGEX_I; d++) {
        uint64_t budget = 100000;

        arena_init(&a, 32u << 20);
        ctx_init(&cx, &a, 0);
        if (regex_compile(&cx, d, pattern, &re) == ERR_OK) {
            ignored = regex_run(&cx, re, REGEX_SEARCH, subject, &budget, &m);
            ignored = regex_run(&cx, re, REGEX_WHOLE, subject, &budget, &m);
            (void)ignored;
        }
        arena_fini(&a);
    }
    return 0;
}

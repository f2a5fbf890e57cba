/* target_fuzz.c - targets, forms, hosts, media types, addresses of strangers. EUPL-1.2. */
#include "sys/http/addr.h"
#include "sys/http/direct.h"
#include "sys/http/target.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* What was taken as a path has one reading: nothing in it decodes to a separator. */
static void
check_path(struct ctx *cx, struct str path)
{
    struct str rest = path, decoded;

    if (str_eq(path, S("*")))
        return;
    assert(path.p[0] == '/');
    assert(str_search(path, S("//")) == path.n && memchr(path.p, '#', path.n) == NULL);
    str_cut(&rest, '/');
    while (rest.n > 0) {
        struct str segment = str_cut(&rest, '/');

        if (percent_decode(cx, segment, false, &decoded) != ERR_OK)
            return; /* the arena's ceiling */
        assert(!str_eq(decoded, S(".")) && !str_eq(decoded, S("..")));
        assert(memchr(decoded.p, '/', decoded.n) == NULL || decoded.n == 0);
        assert(memchr(decoded.p, '\\', decoded.n) == NULL || decoded.n == 0);
        assert(memchr(decoded.p, '\0', decoded.n) == NULL || decoded.n == 0);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct arena arena;
    struct ctx cx;
    struct str text = { (const char *)data, n }, out;
    struct target target;
    struct addr a;
    struct addr_range range;
    struct direct_url url;
    unsigned count;

    if (n == 0)
        return 0;
    arena_init(&arena, 1 << 20);
    ctx_init(&cx, &arena, 0);
    if (target_parse(&cx, text, &target) == ERR_OK)
        check_path(&cx, target.path);
    if (form_find(&cx, text, S("scope"), &out, &count) == ERR_OK && count > 0)
        assert(str_is_utf8(out));
    (void)!media_type(&cx, text, &out);
    (void)host_is_well_formed(text);
    if (addr_parse(text, &a)) {
        char room[ADDR_TEXT];
        struct addr again;

        assert(addr_parse(addr_text(room, &a), &again) &&
               memcmp(&a, &again, sizeof(a)) == 0);
        (void)addr_is_guarded(&a);
    }
    (void)!addr_range_parse(text, &range);
    if (direct_url_parse(text, &url)) /* stands in a request line as it is */
        assert(memchr(text.p, '\r', n) == NULL && memchr(text.p, ' ', n) == NULL);
    arena_fini(&arena);
    return 0;
}

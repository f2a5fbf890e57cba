/*
 * parse.c - from bytes to values: yyjson does the grammar, we do the limits.
 *
 * Rule      RFC 8259 with the refusals of RFC 7493 (I-JSON) 2.1 to 2.3.
 * Trust     yyjson parses without recursion, so that depth costs memory of the
 *           arena only; depth and names are checked before a value is handed
 *           out (shape.c).
 * Source    Knoop. EUPL-1.2.
 */
#include "codec/json/json_int.h"

#include <assert.h>

static void *
take(void *arena, size_t size)
{
    return arena_take(arena, size);
}

static void *
grow(void *arena, void *old, size_t old_size, size_t size)
{
    return arena_stretch(arena, old, old_size, size);
}

static void
give_back(void *arena, void *p)
{
    (void)arena;
    (void)p;
}

struct yyjson_alc
json__allocator(struct arena *a)
{
    return (struct yyjson_alc){ take, grow, give_back, a };
}

static err_t
parse(struct ctx *cx, struct str text, enum json_flags flags, struct str prefix,
      struct json_placed *out)
{
    struct json__walk w = { .cx = cx, .prefix = prefix };
    struct yyjson_alc alc = json__allocator(cx->arena);
    struct yyjson_read_err fault = { 0 };
    struct yyjson_doc *doc;
    err_t e;

    *out = (struct json_placed){ 0 };
    if (text.n > JSON_SIZE_MAX)
        return refuse(cx, ERR_TOO_LARGE, "RFC 8259 9", "JSON: %zu bytes", text.n);
    doc = yyjson_read_opts((char *)(uintptr_t)text.p, text.n,
                           flags & JSON_RAW_NUMBERS ? YYJSON_READ_NUMBER_AS_RAW : 0, &alc,
                           &fault);
    if (doc == NULL && fault.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION)
        return refuse_memory(cx);
    if (doc == NULL)
        return refuse(cx, ERR_BAD_REQUEST, "RFC 8259 2", "JSON: %s at byte %zu",
                      fault.msg ? fault.msg : "?", fault.pos);
    if ((e = json__walk(&w, doc->root)) != ERR_OK)
        return e;
    /* not in place: the text's copy, whole */
    *out = (struct json_placed){ doc->root, doc->str_pool, w.marks };
    return ERR_OK;
}

err_t
json_parse(struct ctx *cx, struct str text, enum json_flags flags, json **out)
{
    struct json_placed whole;
    err_t e = parse(cx, text, flags, (struct str){ NULL, SIZE_MAX }, &whole);

    *out = whole.root;
    return e;
}

err_t
json_parse_placed(struct ctx *cx, struct str text, enum json_flags flags, struct str prefix,
                  struct json_placed *out)
{
    assert(prefix.n > 0);
    return parse(cx, text, flags, prefix, out);
}

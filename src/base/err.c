/* err.c - refusals. EUPL-1.2. */
#include "base/err.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct err_row rows[ERR_COUNT] = {
    [ERR_OK] = { "OK", 200, "", "", "" },
#define X(code, status, oauth, clause, text)                                               \
    [ERR_##code] = { #code, status, oauth, clause, text },
#include "lists/errors.def"
#undef X
};

const struct err_row *
err_row(err_t code)
{
    assert(code >= 0 && code < ERR_COUNT);
    return &rows[code];
}

void
ctx_init(struct ctx *cx, struct arena *arena, int64_t now_ms)
{
    memset(cx, 0, sizeof(*cx));
    cx->arena = cx->scratch = arena;
    cx->now_ms = now_ms;
}

err_t
refuse(struct ctx *cx, err_t code, const char *clause, const char *format, ...)
{
    va_list args;
    int n;

    assert(code != ERR_OK);
    va_start(args, format);
    n = vsnprintf(cx->reason_room, sizeof(cx->reason_room), format, args);
    va_end(args);
    if (n < 0)
        n = 0;
    if ((size_t)n >= sizeof(cx->reason_room)) /* cut, which a log can bear */
        n = sizeof(cx->reason_room) - 1;
    cx->refused = code;
    cx->clause = clause;
    cx->reason = (struct str){ cx->reason_room, (size_t)n };
    return code;
}

err_t
refuse_memory(struct ctx *cx)
{
    if (cx->arena->used >= cx->arena->ceiling / 2)
        return refuse(cx, ERR_TOO_LARGE, "", "the arena's ceiling of %zu bytes was met",
                      cx->arena->ceiling);
    return refuse(cx, ERR_NO_MEMORY, "", "an allocation failed");
}

void
refuse_clear(struct ctx *cx)
{
    cx->refused = ERR_OK;
    cx->clause = NULL;
    cx->reason = (struct str){ NULL, 0 };
}

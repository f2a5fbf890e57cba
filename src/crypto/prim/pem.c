/* pem.c - PEM as files have it (RFC 7468). EUPL-1.2. */
#include <string.h>

#include "crypto/prim/prim.h"

/* The base64 between the lines, with line ends and blanks taken out. */
static err_t
decode_body(struct ctx *cx, struct str body, struct bytes *der)
{
    char *p = arena_alloc(cx->arena, body.n + 1);
    size_t n = 0;

    if (p == NULL)
        return refuse_memory(cx);
    for (size_t i = 0; i < body.n; i++)
        if (strchr(" \t\r\n", body.p[i]) == NULL || body.p[i] == '\0')
            p[n++] = body.p[i];
    return b64_decode(cx, (struct str){ p, n }, der);
}

err_t
pem_next(struct ctx *cx, struct str *rest, struct str *label, struct bytes *der)
{
    struct str begin = S("-----BEGIN "), dashes = S("-----");
    struct str at, end;
    size_t i;

    *label = (struct str){ NULL, 0 };
    *der = (struct bytes){ NULL, 0 };
    i = str_search(*rest, begin);
    if (i == rest->n)
        return refuse(cx, ERR_NOT_FOUND, "RFC 7468 2", "no further PEM block");
    at = str_sub(*rest, i + begin.n, rest->n);
    i = str_search(at, dashes);
    if (i == at.n || i > 64)
        return refuse(cx, ERR_BAD_REQUEST, "RFC 7468 3", "a BEGIN line without an end");
    *label = str_sub(at, 0, i);
    at = str_sub(at, i + dashes.n, at.n);
    end = arena_printf(cx->arena, "-----END %.*s-----", STR(*label));
    if (end.p == NULL)
        return refuse_memory(cx);
    i = str_search(at, end);
    if (i == at.n)
        return refuse(cx, ERR_BAD_REQUEST, "RFC 7468 3", "no END line for '%.*s'",
                      STR(*label));
    *rest = str_sub(at, i + end.n, at.n);
    return decode_body(cx, str_sub(at, 0, i), der);
}

void
pem_put(struct buf *b, const char *label, struct bytes der)
{
    buf_printf(b, "-----BEGIN %s-----\n", label);
    for (size_t i = 0; i < der.n; i += 48) {
        buf_b64(b, (struct bytes){ der.p + i, der.n - i < 48 ? der.n - i : 48 });
        buf_c(b, '\n');
    }
    buf_printf(b, "-----END %s-----\n", label);
}

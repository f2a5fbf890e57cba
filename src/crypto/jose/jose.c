/* jose.c - headers, which JWS and JWE share. EUPL-1.2. */
#include "crypto/jose/jose.h"

#include "crypto/jose/jose_int.h"

err_t
jose__header(struct ctx *cx, struct str b64, const json **out)
{
    struct bytes text;
    json *v;
    err_t e;

    *out = NULL;
    if ((e = b64url_decode(cx, b64, &text)) != ERR_OK)
        return e;
    if ((e = json_parse(cx, str_of_bytes(text), JSON_STRICT, &v)) != ERR_OK)
        return e;
    if (json_type(v) != JSON_OBJECT)
        return refuse(cx, ERR_JOSE, "RFC 7515 4", "a header is no object");
    *out = v;
    return ERR_OK;
}

err_t
jose__disjoint(struct ctx *cx, const json *const *headers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (json_each(it, headers[i]))
            for (size_t j = 0; j < i; j++)
                if (json_get_str(headers[j], it.name) != NULL)
                    return refuse(cx, ERR_JOSE, "RFC 7515 4", "two headers share a name");
    return ERR_OK;
}

const json *
jose__find(const json *const *headers, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        const json *v = json_get(headers[i], name);

        if (v != NULL)
            return v;
    }
    return NULL;
}

err_t
jose__text(struct ctx *cx, const json *const *headers, size_t count, const char *name,
           struct str *out)
{
    const json *v = jose__find(headers, count, name);

    *out = S("");
    if (v != NULL && !json_str(v, out))
        return refuse(cx, ERR_JOSE, "RFC 7515 4.1", "header '%s' is no text", name);
    return ERR_OK;
}

err_t
jose__bytes(struct ctx *cx, const json *const *headers, size_t count, const char *name,
            struct bytes *out)
{
    const json *v = jose__find(headers, count, name);
    struct str text;

    *out = (struct bytes){ NULL, 0 };
    if (!json_str(v, &text))
        return refuse(cx, ERR_JOSE, "RFC 7518 4", "header '%s' is missing or no text",
                      name);
    return b64url_decode(cx, text, out);
}

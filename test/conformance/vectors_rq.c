/* vectors_rq.c - members of a request, and answers. EUPL-1.2. */
#include "vectors.h"

static err_t
bad(struct rq *rq, const char *name, const char *what)
{
    return refuse(rq->cx, ERR_BAD_REQUEST, "", "member %s: %s", name, what);
}

err_t
rq_value(struct rq *rq, const char *name, const json **out)
{
    *out = json_get(rq->in, name);
    return *out != NULL ? ERR_OK : bad(rq, name, "is missing");
}

err_t
rq_str_opt(struct rq *rq, const char *name, bool *present, struct str *out)
{
    const json *v = json_get(rq->in, name);

    *out = S("");
    *present = v != NULL;
    return v == NULL || json_str(v, out) ? ERR_OK : bad(rq, name, "is no string");
}

err_t
rq_str(struct rq *rq, const char *name, struct str *out)
{
    bool present;
    err_t e = rq_str_opt(rq, name, &present, out);

    return e == ERR_OK && !present ? bad(rq, name, "is missing") : e;
}

err_t
rq_bytes_opt(struct rq *rq, const char *name, bool *present, struct bytes *out)
{
    struct str text;
    err_t e = rq_str_opt(rq, name, present, &text);

    *out = (struct bytes){ NULL, 0 };
    return e != ERR_OK || !*present ? e : b64url_decode(rq->cx, text, out);
}

err_t
rq_bytes(struct rq *rq, const char *name, struct bytes *out)
{
    bool present;
    err_t e = rq_bytes_opt(rq, name, &present, out);

    return e == ERR_OK && !present ? bad(rq, name, "is missing") : e;
}

err_t
rq_i64(struct rq *rq, const char *name, int64_t *out)
{
    return json_i64(json_get(rq->in, name), out) ? ERR_OK : bad(rq, name, "is no integer");
}

err_t
rq_bytes_list(struct rq *rq, const char *name, bool *present, struct bytes **out, size_t *n)
{
    const json *v = json_get(rq->in, name);
    err_t e;

    *n = 0;
    *out = NULL;
    *present = v != NULL;
    if (v != NULL && json_type(v) != JSON_ARRAY)
        return bad(rq, name, "is no array");
    if ((*out = arena_array(rq->cx->arena, json_size(v) + 1, sizeof(**out))) == NULL)
        return refuse_memory(rq->cx);
    for (json_each(it, v)) {
        struct str text;

        if (!json_str(it.value, &text))
            return bad(rq, name, "holds what is no string");
        if ((e = b64url_decode(rq->cx, text, &(*out)[(*n)++])) != ERR_OK)
            return e;
    }
    return ERR_OK;
}

err_t
rq_put_bytes(struct rq *rq, struct bytes b)
{
    struct str text;
    err_t e = b64url(rq->cx, b, &text);

    return e == ERR_OK ? rq_put_str(rq, text) : e;
}

err_t
rq_put_bool(struct rq *rq, bool v)
{
    json_put_bool(rq->out, v);
    return ERR_OK;
}

err_t
rq_put_str(struct rq *rq, struct str s)
{
    json_put_str(rq->out, s);
    return ERR_OK;
}

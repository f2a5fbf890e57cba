/* vectors_codec.c - operations of floor 1: see vectors.c for how to add one. EUPL-1.2. */
#include "vectors.h"

static err_t
json_parse_op(struct rq *rq)
{
    struct bytes text;
    json *v;
    err_t e = rq_bytes(rq, "text", &text);

    if (e != ERR_OK ||
        (e = json_parse(rq->cx, str_of_bytes(text), JSON_STRICT, &v)) != ERR_OK)
        return e;
    json_put(rq->out, v);
    return ERR_OK;
}

const struct op ops_codec[] = {
    { "json.parse", json_parse_op },
    { NULL, NULL },
};

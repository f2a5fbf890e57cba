/* vectors_codec.c - operations of floor 1: see vectors.c for how to add one. EUPL-1.2. */
#include "vectors.h"

#include "codec/path/path.h"

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

static err_t
jsonpath(struct rq *rq)
{
    struct path_nodes nodes;
    const json       *value;
    struct str        path;
    err_t             e = rq_str(rq, "path", &path);

    if (e != ERR_OK || (e = rq_value(rq, "value", &value)) != ERR_OK ||
        (e = path_query(rq->cx, path, value, &nodes)) != ERR_OK)
        return e;
    json_array(rq->out);
    for (size_t i = 0; i < nodes.n; i++)
        json_put(rq->out, nodes.v[i]);
    json_end(rq->out);
    return ERR_OK;
}

const struct op ops_codec[] = {
    { "json.parse", json_parse_op },
    { "jsonpath", jsonpath },
    { NULL, NULL },
};

/* vectors_codec.c - operations of floor 1: see vectors.c for how to add one. EUPL-1.2. */
#include "vectors.h"

#include "codec/fhir/fhir.h"
#include "codec/path/path.h"
#include "codec/schema/schema.h"

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
    const json *value;
    struct str path;
    err_t e = rq_str(rq, "path", &path);

    if (e != ERR_OK || (e = rq_value(rq, "value", &value)) != ERR_OK ||
        (e = path_query(rq->cx, path, value, &nodes)) != ERR_OK)
        return e;
    json_array(rq->out);
    for (size_t i = 0; i < nodes.n; i++)
        json_put(rq->out, nodes.v[i]);
    json_end(rq->out);
    return ERR_OK;
}

static err_t
jsonschema(struct rq *rq)
{
    const json *text, *value;
    struct schema *schema;
    bool valid;
    err_t e = rq_value(rq, "schema", &text);

    if (e != ERR_OK || (e = rq_value(rq, "value", &value)) != ERR_OK ||
        (e = schema_parse(rq->cx, text, &schema)) != ERR_OK ||
        (e = schema_check(rq->cx, schema, value, &valid)) != ERR_OK)
        return e;
    return rq_put_bool(rq, valid);
}

static err_t
fhir_match_op(struct rq *rq)
{
    struct fhir_query query;
    const json *resource;
    struct str text;
    bool holds;
    err_t e = rq_value(rq, "resource", &resource);

    if (e != ERR_OK || (e = rq_str(rq, "query", &text)) != ERR_OK ||
        (e = fhir_query_parse(rq->cx, json_get_text(resource, "resourceType"), text,
                              &query)) != ERR_OK ||
        (e = fhir_match(rq->cx, &query, resource, &holds)) != ERR_OK)
        return e;
    return rq_put_bool(rq, holds);
}

const struct op ops_codec[] = {
    { "json.parse", json_parse_op }, { "jsonpath", jsonpath }, { "jsonschema", jsonschema },
    { "fhir.match", fhir_match_op }, { NULL, NULL },
};

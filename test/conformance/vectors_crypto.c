/* vectors_crypto.c - operations of the floor crypto: see vectors.c for how to add one.
 * EUPL-1.2. */
#include "vectors.h"

#include "crypto/canon/canon.h"

static err_t
jcs(struct rq *rq)
{
    const json *v;
    struct str text;
    err_t e = rq_value(rq, "value", &v);

    if (e != ERR_OK || (e = canon_jcs(rq->cx, v, &text)) != ERR_OK)
        return e;
    return rq_put_bytes(rq, bytes_of(text));
}

const struct op ops_crypto[] = {
    { "jcs", jcs },
    { NULL, NULL },
};

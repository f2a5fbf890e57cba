/* vectors_base.c - operations of the floor base: see vectors.c for how to add one.
 * EUPL-1.2. */
#include "vectors.h"

#include "base/bsn.h"

static err_t
bsn_check(struct rq *rq)
{
    struct str text;
    struct bsn bsn;
    err_t e = rq_str(rq, "value", &text);

    return e != ERR_OK ? e : rq_put_bool(rq, bsn_parse(text, &bsn));
}

const struct op ops_base[] = {
    { "bsn.check", bsn_check },
    { NULL, NULL },
};

/* vectors_sys.c - operations of the floor sys: see vectors.c for how to add one. EUPL-1.2.
 */
#include "vectors.h"

#include <string.h>

#include "sys/audit/audit_log.h"

/* Signatures need the signer's key, which is not in the folder: not looked at here. */
static err_t
log_verify(struct rq *rq)
{
    struct audit_report report;
    struct str folder;
    char *path;
    err_t e = rq_str(rq, "log", &folder);

    if (e != ERR_OK)
        return e;
    if (folder.n == 0 || memchr(folder.p, 0, folder.n) != NULL)
        return refuse(rq->cx, ERR_BAD_REQUEST, "", "'log' is no path");
    if ((path = arena_z(rq->cx->arena, folder)) == NULL)
        return refuse_memory(rq->cx);
    if ((e = audit_verify(rq->cx, path, NULL, &report)) != ERR_OK)
        return e;
    json_object(rq->out);
    json_member_i64(rq->out, "events", (int64_t)report.events);
    json_member(rq->out, "root", report.root);
    json_end(rq->out);
    return ERR_OK;
}

const struct op ops_sys[] = {
    { "audit.verify", log_verify },
    { NULL, NULL },
};

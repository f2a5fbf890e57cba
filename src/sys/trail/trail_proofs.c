/*
 * trail_proofs.c - what the signer signed of the log, and proofs that lead to it.
 *
 * Rule      RFC 6962 2.1.1, 2.1.2. These hold hashes alone: no event, no person.
 * Source    Knoop. EUPL-1.2.
 */
#include "sys/trail/trail_int.h"

#include "sys/audit/audit_log.h"

/* A number in the query, or the size of the last checkpoint. */
static err_t
size_of(struct req *rq, const char *name, const char *folder, uint64_t *out)
{
    struct str text = req_query(rq, name);
    struct audit_checkpoint cp;
    err_t e;

    if (text.p != NULL)
        return str_to_u64(text, out) && *out != 0 && *out <= INT64_MAX
                   ? ERR_OK
                   : refuse(&rq->cx, ERR_BAD_REQUEST, "RFC 6962 2.1",
                            "'%s' is a number of lines", name);
    if ((e = audit_last_checkpoint(&rq->cx, folder, &cp)) != ERR_OK)
        return e;
    *out = cp.size;
    return ERR_OK;
}

err_t
trail__proof(struct req *rq)
{
    struct json_out *js;
    const char *folder;
    uint64_t seq, size = 0;
    err_t e;

    if ((e = trail__number(rq, &seq)) != ERR_OK ||
        (e = trail__folder(rq, &folder)) != ERR_OK ||
        (e = size_of(rq, "size", folder, &size)) != ERR_OK)
        return e;
    js = reply_json(rq, 200);
    if ((e = audit_prove_event(&rq->cx, folder, seq, size, js)) != ERR_OK)
        return e;
    return reply_send(rq, js);
}

err_t
trail__growth(struct req *rq)
{
    struct json_out *js;
    const char *folder;
    uint64_t old = 0, size = 0;
    err_t e;

    if (req_query(rq, "old").p == NULL)
        return refuse(&rq->cx, ERR_BAD_REQUEST, "RFC 6962 2.1.2", "'old' is needed");
    if ((e = trail__folder(rq, &folder)) != ERR_OK ||
        (e = size_of(rq, "old", folder, &old)) != ERR_OK ||
        (e = size_of(rq, "size", folder, &size)) != ERR_OK)
        return e;
    js = reply_json(rq, 200);
    if ((e = audit_prove_growth(&rq->cx, folder, old, size, js)) != ERR_OK)
        return e;
    return reply_send(rq, js);
}

err_t
trail__checkpoint(struct req *rq)
{
    struct audit_checkpoint cp;
    struct json_out *js;
    struct str key, signature;
    const char *folder;
    err_t e;

    if ((e = trail__folder(rq, &folder)) != ERR_OK ||
        (e = audit_last_checkpoint(&rq->cx, folder, &cp)) != ERR_OK)
        return e;
    if (cp.kid.n == 0)
        return refuse(&rq->cx, ERR_UNAVAILABLE, "NEN 7513",
                      "the last checkpoint is not signed: the signer was away");
    if ((e = trail__state(rq)->public_key(&rq->cx, cp.kid, &key)) != ERR_OK ||
        (e = b64url(&rq->cx, cp.signature, &signature)) != ERR_OK)
        return e;
    js = reply_json(rq, 200);
    json_object(js);
    json_member_i64(js, "size", (int64_t)cp.size);
    json_member(js, "root", cp.root);
    json_member(js, "note", cp.note);
    json_member(js, "kid", cp.kid);
    json_member(js, "signature", signature);
    json_key(js, "key");
    json_put_raw(js, key);
    json_end(js);
    return reply_send(rq, js);
}

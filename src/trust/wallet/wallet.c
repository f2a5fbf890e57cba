/*
 * wallet.c - see wallet.h.
 * Source  Knoop. EUPL-1.2.
 */
#include "trust/wallet/wallet.h"

#include "sys/store/store.h"

#include <string.h>

err_t
wallet_version(struct ctx *cx, struct str subject, int64_t *version)
{
    scoped(store_rows_close) struct store_rows rows = { 0 };
    err_t e = store_query(cx, SQL_wallet_version, &rows, SQL_ARGS(sql_text(subject)));

    *version = 0;
    if (e != ERR_OK)
        return e;
    if (store_next(&rows))
        *version = store_int(&rows, 0);
    return store_done(&rows);
}

/* Inside the caller's transaction. */
static err_t
changed(struct ctx *cx, struct str subject)
{
    int64_t n;
    err_t e = store_exec(cx, SQL_wallet_version_up, &n, SQL_ARGS(sql_text(subject)));

    if (e != ERR_OK || n == 1)
        return e;
    return store_exec(cx, SQL_wallet_version_add, NULL, SQL_ARGS(sql_text(subject)));
}

/* --- listing ------------------------------------------------------------------- */

static err_t
read_rows(struct ctx *cx, struct str subject, struct str *bodies, size_t *count)
{
    scoped(store_rows_close) struct store_rows rows = { 0 };
    err_t e = store_query(cx, SQL_wallet_list, &rows, SQL_ARGS(sql_text(subject)));

    *count = 0;
    if (e != ERR_OK)
        return e;
    while (store_next(&rows) && *count < WALLET_MAX) {
        bodies[*count] = arena_str(cx->arena, store_text(&rows, 1));
        if (bodies[*count].p == NULL)
            return refuse_memory(cx);
        ++*count;
    }
    return store_done(&rows);
}

static err_t
read_item(struct ctx *cx, struct str body, bool verify, struct wallet_item *item)
{
    struct vc vc;
    err_t e = vc_parse(cx, body, &item->raw);

    if (e != ERR_OK)
        return e;
    item->id = item->raw.id;
    if (!verify)
        return ERR_OK;
    e = vc_verify(cx, &item->raw, NULL, &vc);
    item->good = e == ERR_OK;
    if (e != ERR_OK && !vc_is_verdict(e))
        return e;
    refuse_clear(cx);
    return ERR_OK;
}

err_t
wallet_list(struct ctx *cx, struct str subject, bool verify, struct wallet_item **out,
            size_t *count)
{
    struct str *bodies = arena_array(cx->arena, WALLET_MAX, sizeof(*bodies));
    size_t i, n;
    err_t e;

    *out = NULL;
    *count = 0;
    if (bodies == NULL)
        return refuse_memory(cx);
    if ((e = read_rows(cx, subject, bodies, &n)) != ERR_OK)
        return e;
    *out = arena_array(cx->arena, n + 1, sizeof(**out));
    if (*out == NULL)
        return refuse_memory(cx);
    for (i = 0; i < n; i++)
        if ((e = read_item(cx, bodies[i], verify, &(*out)[i])) != ERR_OK)
            return e;
    *count = n;
    return ERR_OK;
}

/* --- loading --------------------------------------------------------------------- */

static err_t
check_owner(struct ctx *cx, struct str subject, const struct vc_raw *raw)
{
    struct did_subject owner;
    err_t e = did_subject_find(cx, subject, &owner);

    if (e != ERR_OK)
        return e;
    if (!owner.active)
        return refuse(cx, ERR_DID_DEACTIVATED, "DID Core 8.2", "the subject was ended");
    if (raw->subject.p == NULL || !str_eq(raw->subject, owner.did))
        return refuse(cx, ERR_WALLET_OWNER, "nuts-node 2.2",
                      "subject does not own DID specified by credentialSubject.ID");
    return ERR_OK;
}

/* Already there: fine when it is the same, a conflict when it is another. */
static err_t
find_same(struct ctx *cx, struct str subject, const struct vc_raw *raw, bool *there)
{
    scoped(store_rows_close) struct store_rows rows = { 0 };
    bool same = false;
    err_t e = store_query(cx, SQL_wallet_find, &rows,
                          SQL_ARGS(sql_text(subject), sql_text(raw->id)));

    *there = false;
    if (e != ERR_OK)
        return e;
    if (store_next(&rows)) {
        *there = true;
        same = str_eq(store_text(&rows, 0), raw->text);
    }
    if ((e = store_done(&rows)) != ERR_OK)
        return e;
    return *there && !same ? refuse(cx, ERR_CONFLICT, "nuts-node 4.4",
                                    "a credential with this id and other contents is there")
                           : ERR_OK;
}

static err_t
next_place(struct ctx *cx, struct str subject, int64_t *place)
{
    scoped(store_rows_close) struct store_rows rows = { 0 };
    size_t n = 0;
    err_t e = store_query(cx, SQL_wallet_list, &rows, SQL_ARGS(sql_text(subject)));

    *place = 1;
    if (e != ERR_OK)
        return e;
    while (store_next(&rows)) {
        *place = store_int(&rows, 2) + 1;
        n++;
    }
    if ((e = store_done(&rows)) != ERR_OK)
        return e;
    return n < WALLET_MAX ? ERR_OK
                          : refuse(cx, ERR_LIMIT, "",
                                   "a wallet holds at most %d credentials", WALLET_MAX);
}

static err_t
store_it(struct ctx *cx, struct str subject, const struct vc_raw *raw)
{
    scoped(store_rollback) struct store_tx tx = { 0 };
    struct str type = vc_type(raw);
    int64_t place;
    bool there;
    err_t e;

    if ((e = store_begin(cx, &tx)) != ERR_OK ||
        (e = find_same(cx, subject, raw, &there)) != ERR_OK)
        return e;
    if (there)
        return ERR_OK;
    if ((e = next_place(cx, subject, &place)) != ERR_OK)
        return e;
    e = store_exec(cx, SQL_wallet_add, NULL,
                   SQL_ARGS(sql_text(subject), sql_text(raw->id), sql_text(raw->issuer),
                            sql_text(type.p != NULL ? type : S("")), sql_text(raw->text),
                            sql_int(place), sql_int(cx->now_ms)));
    if (e != ERR_OK || (e = changed(cx, subject)) != ERR_OK)
        return e;
    return store_commit(&tx);
}

/* Here 404 speaks of the wallet's owner, and 409 of its contents: not of an issuer. */
static err_t
verify(struct ctx *cx, const struct vc_raw *raw)
{
    struct vc vc;
    err_t e = vc_verify(cx, raw, NULL, &vc);

    if (e == ERR_DID_NOT_FOUND || e == ERR_DID_DEACTIVATED)
        return refuse(cx, ERR_VC_ISSUER, "nuts-node 2.2",
                      "the document of its issuer is not there, or was ended");
    return e;
}

err_t
wallet_load(struct ctx *cx, struct str subject, const json *credential)
{
    struct did_subject owner;
    struct vc_raw raw;
    err_t e;

    if ((e = did_subject_find(cx, subject, &owner)) != ERR_OK ||
        (e = vc_parse_json(cx, credential, &raw)) != ERR_OK)
        return e;
    if (raw.id.p == NULL || raw.id.n == 0)
        return refuse(cx, ERR_VC_FORMAT, "nuts-node 3.9",
                      "a credential in a wallet needs an id");
    if ((e = check_owner(cx, subject, &raw)) != ERR_OK || (e = verify(cx, &raw)) != ERR_OK)
        return e;
    return store_it(cx, subject, &raw);
}

err_t
wallet_delete(struct ctx *cx, struct str subject, struct str id)
{
    scoped(store_rollback) struct store_tx tx = { 0 };
    int64_t n;
    err_t e;

    if ((e = store_begin(cx, &tx)) != ERR_OK ||
        (e = store_exec(cx, SQL_wallet_drop, &n,
                        SQL_ARGS(sql_text(subject), sql_text(id)))) != ERR_OK)
        return e;
    if (n == 0)
        return refuse(cx, ERR_NOT_FOUND, "nuts-node 2.2", "credential not found");
    if ((e = changed(cx, subject)) != ERR_OK)
        return e;
    return store_commit(&tx);
}

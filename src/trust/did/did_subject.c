/*
 * did_subject.c - the organisations of this node: their did:web and keys.
 *
 * Rule      nuts-node.md 2.1, 3.1. One key stands in authentication,
 *           assertionMethod, capabilityInvocation and capabilityDelegation;
 *           the oldest key signs. A document is written whole with each change,
 *           so that serving it reads one row.
 * Trust     The operator's door. Private keys stay in the signer.
 * Source    Knoop. EUPL-1.2.
 */
#include "trust/did/did.h"
#include "trust/did/did_int.h"

#include "crypto/prim/prim.h"
#include "sys/conf/conf.h"
#include "sys/keys/keys.h"
#include "sys/store/store.h"

#include <string.h>

enum { SUBJECT_MAX = 255, KEYS_PER_SUBJECT = 32 };

/* --- names ----------------------------------------------------------------- */

/* ^[a-zA-Z0-9._-]+$, and no dot segment, since it stands in URLs. */
static bool
is_subject(struct str s)
{
    size_t i;

    for (i = 0; i < s.n; i++)
        if (!((s.p[i] >= 'a' && s.p[i] <= 'z') || (s.p[i] >= 'A' && s.p[i] <= 'Z') ||
              (s.p[i] >= '0' && s.p[i] <= '9') || strchr("._-", s.p[i]) != NULL) ||
            s.p[i] == '\0')
            return false;
    return s.n != 0 && s.n <= SUBJECT_MAX && !str_is(s, ".") && !str_is(s, "..");
}

err_t
uuid4(struct ctx *cx, struct str *out)
{
    uint8_t b[16];

    random_bytes(b, sizeof(b));
    b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
    b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
    *out = arena_printf(
        cx->arena, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
        b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12],
        b[13], b[14], b[15]);
    return out->p == NULL ? refuse_memory(cx) : ERR_OK;
}

struct str
did_base_url(const struct ctx *cx)
{
    struct str url = cx->conf->url;

    while (url.n != 0 && url.p[url.n - 1] == '/')
        url.n--;
    return url;
}

err_t
did_oauth_url(struct ctx *cx, struct str subject, struct str *url)
{
    *url = arena_printf(cx->arena, "%.*s/oauth2/%.*s", STR(did_base_url(cx)), STR(subject));
    return url->p == NULL ? refuse_memory(cx) : ERR_OK;
}

/* --- rows ------------------------------------------------------------------- */

static err_t
copy(struct ctx *cx, struct str s, struct str *out)
{
    *out = (struct str){ NULL, 0 };
    if (s.p == NULL)
        return ERR_OK;
    *out = arena_str(cx->arena, s);
    return out->p == NULL ? refuse_memory(cx) : ERR_OK;
}

static err_t
row_by(struct ctx *cx, enum sql_id id, struct str value, struct did__row *out)
{
    scoped(store_rows_close) struct store_rows rows = { 0 };
    struct did__row r = { 0 };
    err_t e;

    memset(out, 0, sizeof(*out));
    if ((e = store_query(cx, id, &rows, SQL_ARGS(sql_text(value)))) != ERR_OK)
        return e;
    if (!store_next(&rows)) {
        if ((e = store_done(&rows)) != ERR_OK)
            return e;
        return refuse(cx, ERR_SUBJECT_UNKNOWN, "Nuts VDR v2",
                      "no such subject on this node");
    }
    if ((e = copy(cx, store_text(&rows, 0), &r.of.subject)) != ERR_OK ||
        (e = copy(cx, store_text(&rows, 1), &r.of.did)) != ERR_OK ||
        (e = copy(cx, store_text(&rows, 2), &r.of.kid)) != ERR_OK ||
        (e = copy(cx, store_text(&rows, 3), &r.document)) != ERR_OK)
        return e;
    r.created_ms = store_int(&rows, 4);
    r.updated_ms = store_int(&rows, 5);
    r.version = store_int(&rows, 6);
    r.of.active = store_int(&rows, 7) == 1;
    if ((e = store_done(&rows)) != ERR_OK)
        return e;
    *out = r;
    return ERR_OK;
}

err_t
did__row_by_subject(struct ctx *cx, struct str subject, struct did__row *out)
{
    return row_by(cx, SQL_did_by_subject, subject, out);
}

err_t
did__row_by_did(struct ctx *cx, struct str did, struct did__row *out)
{
    return row_by(cx, SQL_did_by_did, did, out);
}

err_t
did_subject_find(struct ctx *cx, struct str subject, struct did_subject *out)
{
    struct did__row row;
    err_t e = did__row_by_subject(cx, subject, &row);

    *out = row.of;
    return e;
}

err_t
did_subject_of(struct ctx *cx, struct str did, struct did_subject *out)
{
    struct did__row row;
    err_t e = did__row_by_did(cx, did, &row);

    *out = row.of;
    return e;
}

err_t
did__active_row(struct ctx *cx, struct str subject, struct did__row *out)
{
    err_t e = did__row_by_subject(cx, subject, out);

    if (e == ERR_OK && !out->of.active)
        e = refuse(cx, ERR_DID_DEACTIVATED, "DID Core 8.2", "the subject was ended");
    return e;
}

/* --- the document ------------------------------------------------------------ */

static void
put_method(struct json_out *js, struct str did, struct str kid, struct str jwk)
{
    json_object(js);
    json_member(js, "id", kid);
    json_member_z(js, "type", "JsonWebKey2020");
    json_member(js, "controller", did);
    json_key(js, "publicKeyJwk");
    json_put_raw(js, jwk);
    json_end(js);
}

struct method {
    struct str kid, jwk;
};

static err_t
read_methods(struct ctx *cx, struct str did, struct method *out, size_t *count,
             int64_t *last)
{
    scoped(store_rows_close) struct store_rows rows = { 0 };
    err_t e;

    *count = 0;
    *last = 0;
    if ((e = store_query(cx, SQL_did_methods, &rows, SQL_ARGS(sql_text(did)))) != ERR_OK)
        return e;
    while (store_next(&rows)) {
        if (*count == KEYS_PER_SUBJECT)
            return refuse(cx, ERR_LIMIT, "", "a subject has at most %d keys",
                          KEYS_PER_SUBJECT);
        if ((e = copy(cx, store_text(&rows, 0), &out[*count].kid)) != ERR_OK ||
            (e = copy(cx, store_text(&rows, 1), &out[*count].jwk)) != ERR_OK)
            return e;
        *last = store_int(&rows, 2);
        ++*count;
    }
    return store_done(&rows);
}

static void
put_relation(struct json_out *js, const char *name, const struct method *m, size_t n)
{
    size_t i;

    json_key(js, name);
    json_array(js);
    for (i = 0; i < n; i++)
        json_put_str(js, m[i].kid);
    json_end(js);
}

static err_t
put_services(struct ctx *cx, struct json_out *js, struct str did)
{
    scoped(store_rows_close) struct store_rows rows = { 0 };
    bool any = false;
    err_t e;

    if ((e = store_query(cx, SQL_did_services, &rows, SQL_ARGS(sql_text(did)))) != ERR_OK)
        return e;
    while (store_next(&rows)) {
        if (!any) {
            json_key(js, "service");
            json_array(js);
        }
        any = true;
        json_put_raw(js, store_text(&rows, 2));
    }
    if (any)
        json_end(js);
    return store_done(&rows);
}

/* The document as the tables have it now, inside the caller's transaction. */
static err_t
build(struct ctx *cx, struct str did, struct str *kid, struct str *document)
{
    static const char *const relations[] = { "authentication", "assertionMethod",
                                             "capabilityInvocation",
                                             "capabilityDelegation" };
    struct method m[KEYS_PER_SUBJECT];
    struct json_out js;
    size_t n, i;
    int64_t last;
    err_t e;

    if ((e = read_methods(cx, did, m, &n, &last)) != ERR_OK)
        return e;
    *kid = n != 0 ? m[0].kid : (struct str){ NULL, 0 };
    json_out_init(&js, cx->arena);
    json_object(&js);
    json_key(&js, "@context");
    json_array(&js);
    json_put_z(&js, "https://www.w3.org/ns/did/v1");
    json_put_z(&js, "https://w3c-ccg.github.io/lds-jws2020/contexts/lds-jws2020-v1.json");
    json_end(&js);
    json_member(&js, "id", did);
    if (n != 0) {
        json_key(&js, "verificationMethod");
        json_array(&js);
        for (i = 0; i < n; i++)
            put_method(&js, did, m[i].kid, m[i].jwk);
        json_end(&js);
        for (i = 0; i < COUNT(relations); i++)
            put_relation(&js, relations[i], m, n);
    }
    if ((e = put_services(cx, &js, did)) != ERR_OK)
        return e;
    json_end(&js);
    return json_out_done(cx, &js, document);
}

err_t
did__rewrite(struct ctx *cx, const struct did__row *row)
{
    struct str kid, document;
    int64_t changed;
    err_t e;

    if ((e = build(cx, row->of.did, &kid, &document)) != ERR_OK)
        return e;
    e = store_exec(cx, SQL_did_change, &changed,
                   SQL_ARGS(kid.p != NULL ? sql_text(kid) : sql_null(), sql_text(document),
                            sql_int(cx->now_ms), sql_text(row->of.did),
                            sql_int(row->version)));
    if (e == ERR_OK && changed != 1)
        e = refuse(cx, ERR_CONFLICT, "",
                   "the subject was changed by another at the same time");
    return e;
}

/* --- subjects ---------------------------------------------------------------- */

/* Makes a key in the signer and the row of its method. */
static err_t
new_key(struct ctx *cx, struct str did, int64_t place, struct method *out)
{
    struct str id;
    err_t e;

    if ((e = uuid4(cx, &id)) != ERR_OK)
        return e;
    out->kid = arena_printf(cx->arena, "%.*s#%.*s", STR(did), STR(id));
    if (out->kid.p == NULL)
        return refuse_memory(cx);
    if ((e = keys_new(cx, KEY_SUBJECT, did, out->kid, &out->jwk)) != ERR_OK)
        return e;
    return store_exec(
        cx, SQL_did_method_add, NULL,
        SQL_ARGS(sql_text(out->kid), sql_text(did), sql_int(place), sql_text(out->jwk)));
}

/* A key without a row is of no use to anybody: take it away again. */
static void
forget_key(struct ctx *cx, struct str kid)
{
    struct ctx quiet = *cx; /* the refusal that brought us here stays the one told */

    if (kid.p != NULL && keys_delete(&quiet, kid) != ERR_OK)
        return; /* an orphan in the signer: harmless, since no document names it */
}

static err_t
insert_subject(struct ctx *cx, struct str subject, struct str did, bool no_key,
               struct method *key)
{
    scoped(store_rollback) struct store_tx tx = { 0 };
    struct did__row row = { 0 };
    err_t e;

    if ((e = store_begin(cx, &tx)) != ERR_OK)
        return e;
    e = store_exec(cx, SQL_did_add, NULL,
                   SQL_ARGS(sql_text(subject), sql_text(did), sql_null(), sql_null(),
                            sql_int(cx->now_ms), sql_int(cx->now_ms)));
    if (e == ERR_CONFLICT)
        return refuse(cx, ERR_SUBJECT_EXISTS, "Nuts VDR v2",
                      "this subject is already there");
    if (e != ERR_OK || (!no_key && (e = new_key(cx, did, 1, key)) != ERR_OK))
        return e;
    row.of.did = did;
    row.version = 1;
    if ((e = did__rewrite(cx, &row)) != ERR_OK)
        return e;
    return store_commit(&tx);
}

err_t
did__subject_new(struct ctx *cx, const struct did__new *in, struct did__row *out)
{
    struct method key = { { NULL, 0 }, { NULL, 0 } };
    struct str subject = in->subject, id, base, did;
    err_t e;

    memset(out, 0, sizeof(*out));
    if (subject.n == 0 && (e = uuid4(cx, &subject)) != ERR_OK)
        return e;
    if (!is_subject(subject))
        return refuse(cx, ERR_SUBJECT_INVALID, "Nuts VDR v2",
                      "invalid subject (must follow pattern: ^[a-zA-Z0-9._-]+$)");
    if ((e = uuid4(cx, &id)) != ERR_OK ||
        (e = did_web_of_url(cx, did_base_url(cx), &base)) != ERR_OK)
        return e;
    did = arena_printf(cx->arena, "%.*s:iam:%.*s", STR(base), STR(id));
    if (did.p == NULL)
        return refuse_memory(cx);
    if ((e = insert_subject(cx, subject, did, in->no_key, &key)) != ERR_OK) {
        forget_key(cx, key.kid);
        return e;
    }
    return did__row_by_subject(cx, subject, out);
}

err_t
did__subject_end(struct ctx *cx, struct str subject)
{
    scoped(store_rollback) struct store_tx tx = { 0 };
    struct method m[KEYS_PER_SUBJECT];
    struct did__row row;
    size_t n, i;
    int64_t changed, last;
    err_t e;

    if ((e = store_begin(cx, &tx)) != ERR_OK ||
        (e = did__active_row(cx, subject, &row)) != ERR_OK ||
        (e = read_methods(cx, row.of.did, m, &n, &last)) != ERR_OK)
        return e;
    e = store_exec(cx, SQL_did_end, &changed,
                   SQL_ARGS(sql_int(cx->now_ms), sql_text(row.of.did)));
    if (e == ERR_OK && changed != 1)
        e = refuse(cx, ERR_CONFLICT, "",
                   "the subject was changed by another at the same time");
    if (e != ERR_OK)
        return e;
    if ((e = store_exec(cx, SQL_did_methods_drop, NULL, SQL_ARGS(sql_text(row.of.did)))) !=
            ERR_OK ||
        (e = store_exec(cx, SQL_did_services_drop, NULL, SQL_ARGS(sql_text(row.of.did)))) !=
            ERR_OK ||
        (e = store_commit(&tx)) != ERR_OK)
        return e;
    for (i = 0; i < n; i++)
        forget_key(cx, m[i].kid);
    return ERR_OK;
}

static err_t
insert_key(struct ctx *cx, struct str subject, struct method *key, struct did__row *row)
{
    scoped(store_rollback) struct store_tx tx = { 0 };
    struct method m[KEYS_PER_SUBJECT];
    size_t n;
    int64_t last;
    err_t e;

    if ((e = store_begin(cx, &tx)) != ERR_OK ||
        (e = did__active_row(cx, subject, row)) != ERR_OK ||
        (e = read_methods(cx, row->of.did, m, &n, &last)) != ERR_OK)
        return e;
    if (n == KEYS_PER_SUBJECT)
        return refuse(cx, ERR_LIMIT, "", "a subject has at most %d keys", KEYS_PER_SUBJECT);
    if ((e = new_key(cx, row->of.did, last + 1, key)) != ERR_OK ||
        (e = did__rewrite(cx, row)) != ERR_OK)
        return e;
    return store_commit(&tx);
}

err_t
did__key_add(struct ctx *cx, struct str subject, struct str *method)
{
    struct method key = { { NULL, 0 }, { NULL, 0 } };
    struct did__row row;
    struct json_out js;
    err_t e;

    *method = (struct str){ NULL, 0 };
    if ((e = insert_key(cx, subject, &key, &row)) != ERR_OK) {
        forget_key(cx, key.kid);
        return e;
    }
    json_out_init(&js, cx->arena);
    put_method(&js, row.of.did, key.kid, key.jwk);
    return json_out_done(cx, &js, method);
}

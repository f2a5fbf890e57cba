/*
 * gateway_room.c - the room's table, and the ports to the real rooms.
 *
 * Rule      Field ids of presentation definitions become what policies ask about:
 *           spec generic-functions.md 2c. A requester's number is proven by his
 *           credential or it is not there.
 * Source    Knoop. EUPL-1.2.
 */
#include "care/gateway/gateway_int.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "crypto/prim/prim.h"
#include "sys/conf/conf.h"
#include "sys/keys/keys.h"
#include "sys/room.h"
#include "sys/store/store.h"
#include "trust/cache/cache.h"
#include "trust/oauth/oauth.h"

enum {
    PATIENTS_CACHE = 4 << 20,
    PROOFS = 32, /* checked together */
};

/* The first of two field ids that is there: each guide has its own. */
static struct str
claim_of(const struct oauth_token *t, const char *one, const char *other)
{
    struct str v = oauth_token_claim(t, one);

    return v.n > 0 ? v : oauth_token_claim(t, other);
}

static err_t
token_find(struct ctx *cx, struct str text, struct gateway_token *out)
{
    struct oauth_token t;
    struct str ura;
    err_t e;

    *out = (struct gateway_token){ 0 };
    if ((e = oauth_token_find(cx, text, &t)) != ERR_OK)
        return e;
    *out = (struct gateway_token){
        .tenant = t.subject,
        .client_id = t.client_id,
        .did = t.holder,
        .name = oauth_token_claim(&t, "organization_name"),
        .scope = t.scope,
        .user_id = claim_of(&t, "user_id", "employee_identifier"),
        .user_role = claim_of(&t, "user_role", "employee_role"),
        .enrolled = oauth_token_claim(&t, "patient_enrollment_identifier"),
        .jkt = t.jkt,
    };
    if ((ura = oauth_token_claim(&t, "organization_ura")).n == 0)
        return ERR_OK;
    if ((ura = arena_join(cx->arena, S("ura:"), ura)).p == NULL)
        return refuse_memory(cx);
    return ground_organisation(cx, ura, &out->organisation);
}

static void
dpop_check(struct gateway_proof *const *list, size_t n)
{
    struct oauth_dpop_one one[PROOFS];

    for (size_t at = 0; at < n; at += PROOFS) {
        size_t some = n - at < PROOFS ? n - at : PROOFS;

        for (size_t i = 0; i < some; i++) {
            const struct gateway_proof *p = list[at + i];

            one[i] = (struct oauth_dpop_one){
                .cx = p->cx,
                .in = { p->proof, str_of(http_method_name(p->method)), p->url, p->token,
                        p->jkt },
                .e = ERR_INTERNAL,
            };
        }
        oauth_dpop_check_all(one, some);
        for (size_t i = 0; i < some; i++)
            list[at + i]->e = one[i].e;
    }
}

/* --- the secret that seals pages: one for all workers ------------------------- */

static err_t
secret_get(struct ctx *cx, uint8_t key[PAGE_KEY], bool *found)
{
    scoped(store_rows_close) struct store_rows rows = { 0 };
    struct bytes raw;
    err_t e = store_query(cx, SQL_gateway_secret_get, &rows, SQL_NO_ARGS);

    *found = false;
    if (e != ERR_OK)
        return e;
    if (store_next(&rows)) {
        if ((e = b64url_decode(cx, store_text(&rows, 0), &raw)) != ERR_OK)
            return e;
        if (raw.n != PAGE_KEY)
            return refuse(cx, ERR_STORE, "", "the gateway's secret is of another size");
        memcpy(key, raw.p, PAGE_KEY);
        *found = true;
    }
    return store_done(&rows);
}

static err_t
page_secret(struct ctx *cx, uint8_t key[PAGE_KEY])
{
    uint8_t fresh[PAGE_KEY];
    struct str text;
    bool found;
    err_t e;

    /* Two workers that start together: the first insert counts for both. */
    if ((e = secret_get(cx, key, &found)) != ERR_OK || found)
        return e;
    random_bytes(fresh, sizeof(fresh));
    if ((e = b64url(cx, (struct bytes){ fresh, sizeof(fresh) }, &text)) != ERR_OK ||
        (e = store_exec(cx, SQL_gateway_secret_add, NULL, SQL_ARGS(sql_text(text)))) !=
            ERR_OK ||
        (e = secret_get(cx, key, &found)) != ERR_OK)
        return e;
    return found ? ERR_OK : refuse(cx, ERR_STORE, "", "the gateway's secret is not kept");
}

/* --- the room ------------------------------------------------------------------- */

static void
room_close(void *state)
{
    struct gateway *gw = state;

    if (gw == NULL)
        return;
    cache_free(gw->patients);
    free(gw);
}

static err_t
room_open(struct ctx *cx, void **state)
{
    struct gateway *gw = calloc(1, sizeof(*gw));
    err_t e;

    *state = NULL;
    if (gw == NULL || (gw->patients = cache_new(PATIENTS_CACHE)) == NULL) {
        room_close(gw);
        return refuse(cx, ERR_NO_MEMORY, "", "an allocation failed");
    }
    gw->ports = (struct gateway_ports){ token_find,       dpop_check,  fetch,
                                        keys_seal_person, ground_find, policy_now };
    if ((e = gateway__prove_options(cx)) != ERR_OK ||
        (e = page_secret(cx, gw->page_key)) != ERR_OK) {
        room_close(gw);
        return e;
    }
    *state = gw;
    return ERR_OK;
}

static err_t
room_reload(struct ctx *cx, void *state)
{
    (void)state;
    return gateway__prove_options(cx);
}

const struct room gateway_room = {
    .routes = gateway_routes,
    .open = room_open,
    .reload = room_reload,
    .close = room_close,
};

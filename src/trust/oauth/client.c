/*
 * client.c - asking another authorization server for a token.
 *
 *      cache? ─► metadata ─► definition ─► credentials: the caller's, then the wallet's
 *         ─► presentation (signer) ─► DPoP proof (signer) ─► POST token ─► cache
 *
 * Rule      Nuts RFC021 4; nuts-node.md 2.3, 3.2, 3.4, 3.5. A presentation is valid for
 *           five seconds around now, since real nodes allow no skew (0.2). A token is
 *           kept until 30 s before its end, for the same request with the same wallet.
 * Trust     The caller is the operator; the server, its definitions and its patterns
 *           are a stranger's, and have budgets.
 * Source    Knoop. EUPL-1.2.
 */
#include "trust/oauth/oauth_int.h"

#include <string.h>

#include "base/time.h"
#include "sys/os/os.h"
#include "sys/room.h"
#include "trust/cache/cache.h"
#include "trust/wallet/wallet.h"

enum { NONCE_BYTES = 32, EARLY_MS = 30 * 1000, GIVEN_MAX = 32 };

struct asking {
    struct ctx *cx;
    const struct oauth__want *want;
    struct did_subject self;
    struct oauth__server server;
    struct pe_definition *organization, *user; /* user: NULL when not asked or not there */
    struct vc_raw *raw;                        /* candidates: given, then the wallet's */
    struct pe_credential *seen;
    size_t count;
    struct str *show; /* what is presented, in order */
    size_t show_count;
    struct str submission;
    int64_t tick_ms; /* monotonic, at cx->now_ms */
};

/* The clock goes on while others answer: what is signed is of now. */
static void
look_at_the_clock(struct asking *a)
{
    int64_t tick = os_tick_ms();

    a->cx->now_ms += tick - a->tick_ms;
    a->tick_ms = tick;
}

/* --- tokens that we have ------------------------------------------------------------ */

/* A token is for this request, this wallet and this key: the hash of all. */
static err_t
cache_key(struct asking *a, uint8_t key[HASH_MAX])
{
    struct json_out js;
    struct str text;
    int64_t version;
    err_t e = wallet_version(a->cx, a->self.subject, &version);

    if (e != ERR_OK)
        return e;
    json_out_init(&js, a->cx->arena);
    json_array(&js);
    json_put_str(&js, a->self.subject);
    json_put_str(&js, a->self.kid);
    json_put_i64(&js, version);
    json_put_str(&js, a->want->server);
    json_put_str(&js, a->want->scope);
    json_put_bool(&js, a->want->bearer);
    if (a->want->credentials != NULL)
        json_put(&js, a->want->credentials);
    json_end(&js);
    if ((e = json_out_done(a->cx, &js, &text)) != ERR_OK)
        return e;
    return hash_bytes(a->cx, HASH_SHA256, bytes_of(text), key);
}

/* "<end> <type> <scope> <kid> <token>", the scope percent-encoded: no blank within one. */
static bool
recall(struct asking *a, const uint8_t key[HASH_MAX], struct oauth__got *out)
{
    struct oauth__state *s = ROOM_STATE(a->cx, oauth);
    struct bytes kept;
    struct str rest;

    if (a->want->fresh || !cache_get(a->cx, s->tokens, (struct bytes){ key, 32 }, &kept))
        return false;
    rest = str_of_bytes(kept);
    if (!str_to_i64(str_cut(&rest, ' '), &out->expires_ms))
        return false;
    out->type = str_cut(&rest, ' ');
    if (percent_decode(a->cx, str_cut(&rest, ' '), false, &out->scope) != ERR_OK)
        return false;
    out->kid = str_cut(&rest, ' ');
    out->token = rest;
    return true;
}

/* Not kept is no fault. */
static void
remember(struct asking *a, const uint8_t key[HASH_MAX], const struct oauth__got *g)
{
    struct oauth__state *s = ROOM_STATE(a->cx, oauth);
    struct str text;
    struct buf b;

    buf_init(&b, a->cx->arena);
    buf_printf(&b, "%lld %.*s ", (long long)g->expires_ms, STR(g->type));
    buf_percent(&b, g->scope);
    buf_printf(&b, " %.*s %.*s", STR(g->kid), STR(g->token));
    if (buf_done(a->cx, &b, &text) == ERR_OK)
        cache_put(s->tokens, a->cx->now_ms, (struct bytes){ key, 32 }, bytes_of(text),
                  g->expires_ms - EARLY_MS);
}

/* --- credentials -------------------------------------------------------------------- */

/* One subject object without id; anything else is the caller's mistake. */
static err_t
check_given(struct ctx *cx, const json *c)
{
    const json *subject = json_get(c, "credentialSubject");

    if (json_type(c) != JSON_OBJECT)
        return refuse(cx, ERR_BAD_REQUEST, "nuts-node 2.3",
                      "credentials holds what is no object");
    if (json_get(c, "issuer") != NULL)
        return refuse(cx, ERR_BAD_REQUEST, "nuts-node 2.3",
                      "self-asserted credentials MUST NOT contain an 'issuer'");
    if (json_get(c, "proof") != NULL || json_get(c, "credentialStatus") != NULL)
        return refuse(cx, ERR_BAD_REQUEST, "nuts-node 2.3",
                      "self-asserted credentials have no proof and no status");
    if (json_type(subject) == JSON_ARRAY && json_size(subject) == 1)
        subject = json_at(subject, 0);
    if (json_type(subject) != JSON_OBJECT)
        return refuse(
            cx, ERR_BAD_REQUEST, "nuts-node 2.3",
            "self-asserted credentials MUST contain exactly 1 'credentialSubject'");
    if (json_get(subject, "id") != NULL)
        return refuse(
            cx, ERR_BAD_REQUEST, "nuts-node 2.3",
            "self-asserted credentials MUST NOT contain a 'credentialSubject.id'");
    return ERR_OK;
}

/* nuts-node 2.3: issuer and subject are the holder; context, id, date if missing. */
static err_t
complete(struct asking *a, const json *c, struct vc_raw *out)
{
    const json *subject = json_get(c, "credentialSubject");
    char room[TIME_TEXT];
    struct json_out js;
    struct str id, text;
    json *v;
    err_t e;

    if ((e = check_given(a->cx, c)) != ERR_OK || (e = uuid4(a->cx, &id)) != ERR_OK)
        return e;
    if (json_type(subject) == JSON_ARRAY)
        subject = json_at(subject, 0);
    json_out_init(&js, a->cx->arena);
    json_object(&js);
    if (json_get(c, "@context") == NULL) {
        json_key(&js, "@context");
        json_put_raw(&js, S("[\"https://www.w3.org/2018/credentials/v1\","
                            "\"https://nuts.nl/credentials/v1\"]"));
    }
    for (json_each(it, c))
        if (!str_is(it.name, "credentialSubject")) {
            json_key_str(&js, it.name);
            json_put(&js, it.value);
        }
    if (json_get(c, "id") == NULL)
        json_member(&js, "id", id);
    json_member(&js, "issuer", a->self.did);
    if (json_get(c, "issuanceDate") == NULL)
        json_member(&js, "issuanceDate", time_text(room, a->cx->now_ms));
    json_key(&js, "credentialSubject");
    json_object(&js);
    json_member(&js, "id", a->self.did);
    for (json_each(it, subject)) {
        json_key_str(&js, it.name);
        json_put(&js, it.value);
    }
    json_end(&js);
    json_end(&js);
    if ((e = json_out_done(a->cx, &js, &text)) != ERR_OK ||
        (e = json_parse(a->cx, text, JSON_STRICT, &v)) != ERR_OK)
        return e;
    return vc_parse_json(a->cx, v, out);
}

/* Issued by a method that the server takes (nuts-node 3.2); ours are all did:web. */
static bool
is_taken(const struct wallet_item *item)
{
    return item->good && (str_starts(item->raw.issuer, S("did:web:")) ||
                          str_starts(item->raw.issuer, S("did:x509:")) ||
                          str_starts(item->raw.issuer, S("did:key:")) ||
                          str_starts(item->raw.issuer, S("did:jwk:")));
}

static err_t
gather(struct asking *a)
{
    const json *given = a->want->credentials;
    struct wallet_item *items;
    size_t n, most = json_size(given);
    err_t e;

    if ((given != NULL && json_type(given) != JSON_ARRAY) || most > GIVEN_MAX)
        return refuse(a->cx, ERR_BAD_REQUEST, "nuts-node 2.3",
                      "credentials is no list, or one of more than %d", GIVEN_MAX);
    if ((e = wallet_list(a->cx, a->self.subject, true, &items, &n)) != ERR_OK)
        return e;
    a->raw = arena_array(a->cx->arena, most + n + 1, sizeof(*a->raw));
    a->seen = arena_array(a->cx->arena, most + n + 1, sizeof(*a->seen));
    if (a->raw == NULL || a->seen == NULL)
        return refuse_memory(a->cx);
    for (json_each(it, given))
        if ((e = complete(a, it.value, &a->raw[a->count++])) != ERR_OK)
            return e;
    for (size_t i = 0; i < n; i++)
        if (is_taken(&items[i]))
            a->raw[a->count++] = items[i].raw;
    for (size_t i = 0; i < a->count; i++)
        if ((e = oauth__pe_view(a->cx, &a->raw[i], &a->seen[i])) != ERR_OK)
            return e;
    return ERR_OK;
}

/* --- what is asked, and what answers it --------------------------------------------- */

/* A `user` definition is looked for when the caller names somebody. */
static err_t
ask_server(struct asking *a)
{
    err_t e;

    if ((e = oauth__server_get(a->cx, a->want->server, &a->server)) != ERR_OK)
        return e;
    if (!a->server.takes_web || !a->server.takes_jwt)
        return refuse(a->cx, ERR_OAUTH_METHODS, "nuts-node 3.2",
                      "the authorization server does not take %s",
                      a->server.takes_web ? "JWT presentations" : "DIDs of method web");
    e = oauth__definition_get(a->cx, &a->server, a->want->scope, NULL, &a->organization);
    if (e != ERR_OK)
        return e;
    if (json_size(a->want->credentials) == 0)
        return ERR_OK;
    e = oauth__definition_get(a->cx, &a->server, a->want->scope, "user", &a->user);
    if (e != ERR_NOT_FOUND)
        return e;
    refuse_clear(a->cx);
    return ERR_OK;
}

/* Adds those that `m` selected of `from` and that are not there yet. */
static void
add_selected(const struct pe_match *m, const struct pe_credential *from,
             struct pe_credential *list, size_t *n)
{
    for (size_t i = 0; i < m->selected_count; i++) {
        const struct pe_credential *c = &from[m->selected[i]];
        size_t k = 0;

        while (k < *n && list[k].view != c->view)
            k++;
        if (k == *n)
            list[(*n)++] = *c;
    }
}

/* Keeps what either match uses, in order: what is first stays first. */
static void
drop_unused(struct pe_credential *list, size_t *n, const struct pe_match *one,
            const struct pe_match *other)
{
    const struct pe_match *both[] = { one, other };
    size_t kept = 0;

    for (size_t i = 0; i < *n; i++) {
        bool is_used = false;

        for (size_t m = 0; m < COUNT(both); m++)
            for (size_t k = 0; k < both[m]->selected_count; k++)
                is_used = is_used || both[m]->selected[k] == i;
        if (is_used)
            list[kept++] = list[i];
    }
    *n = kept;
}

/* What fails for another reason than our credentials is the definition's fault. */
static err_t
match(struct asking *a, struct pe_definition *d, const struct pe_credential *list, size_t n,
      struct pe_match *out)
{
    err_t e = pe_match(a->cx, d, list, n, out);

    return e == ERR_PE_DEFINITION || e == ERR_LIMIT
               ? oauth__refuse_as(a->cx, ERR_OAUTH_REMOTE_BROKEN, "nuts-node 3.4", e)
               : e;
}

static err_t
match_user(struct asking *a, const struct pe_credential *list, size_t n,
           struct pe_match *out)
{
    err_t e = ERR_OK;

    *out = (struct pe_match){ 0 };
    if (a->user == NULL || (e = match(a, a->user, list, n, out)) != ERR_PE_NO_MATCH)
        return e;
    refuse_clear(a->cx); /* whether it is demanded is the server's to say */
    *out = (struct pe_match){ 0 };
    return ERR_OK;
}

/*
 * The credentials to present, so that the server, who takes the first of the
 * presentation that fits (nuts-node 0.7), finds what our submission says.
 */
static err_t
choose(struct asking *a)
{
    struct pe_credential *list = arena_array(a->cx->arena, a->count + 1, sizeof(*list));
    struct pe_match m, user;
    size_t n = 0;
    struct str id;
    err_t e;

    a->show = arena_array(a->cx->arena, a->count + 1, sizeof(*a->show));
    if (list == NULL || a->show == NULL)
        return refuse_memory(a->cx);
    if ((e = match(a, a->organization, a->seen, a->count, &m)) != ERR_OK ||
        (e = match_user(a, a->seen, a->count, &user)) != ERR_OK)
        return e;
    add_selected(&m, a->seen, list, &n);
    add_selected(&user, a->seen, list, &n);
    if ((e = match(a, a->organization, list, n, &m)) != ERR_OK ||
        (e = match_user(a, list, n, &user)) != ERR_OK)
        return e;
    drop_unused(list, &n, &m, &user);
    if ((e = match(a, a->organization, list, n, &m)) != ERR_OK ||
        (e = uuid4(a->cx, &id)) != ERR_OK)
        return e;
    m.selected = arena_array(a->cx->arena, n + 1, sizeof(*m.selected));
    if (m.selected == NULL)
        return refuse_memory(a->cx);
    for (size_t i = 0; i < n; i++) {
        m.selected[i] = i; /* all of them stand in the presentation */
        a->show[i] = list[i].raw;
    }
    m.selected_count = a->show_count = n;
    return pe_submission(a->cx, a->organization, &m, list, id, &a->submission);
}

/* --- presenting --------------------------------------------------------------------- */

static err_t
present(struct asking *a, struct str *jwt)
{
    struct vp_template t = { .holder = a->self.did,
                             .kid = a->self.kid,
                             .audience = a->server.issuer,
                             .credentials = a->show,
                             .count = a->show_count };
    err_t e;

    look_at_the_clock(a);
    t.from_ms = a->cx->now_ms - 1000;
    t.until_ms = a->cx->now_ms + 4000;
    if ((e = random_text(a->cx, NONCE_BYTES, &t.nonce)) != ERR_OK)
        return e;
    return vp_issue(a->cx, &t, jwt);
}

static void
put_member(struct buf *b, const char *name, struct str value)
{
    buf_printf(b, "%s%s=", b->n != 0 ? "&" : "", name);
    buf_percent(b, value);
}

static err_t
write_form(struct asking *a, struct str *form)
{
    struct str jwt, client_id;
    struct buf b;
    err_t e;

    if ((e = did_oauth_url(a->cx, a->self.subject, &client_id)) != ERR_OK ||
        (e = present(a, &jwt)) != ERR_OK)
        return e;
    buf_init(&b, a->cx->arena);
    put_member(&b, "assertion", jwt);
    put_member(&b, "client_id", client_id);
    put_member(&b, "grant_type", S("vp_token-bearer"));
    put_member(&b, "presentation_submission", a->submission);
    put_member(&b, "scope", a->want->scope);
    return buf_done(a->cx, &b, form);
}

static err_t
ask_token(struct asking *a, struct oauth__got *out)
{
    struct str form, dpop = { NULL, 0 };
    err_t e = write_form(a, &form);

    if (e == ERR_OK && !a->want->bearer)
        e = oauth__dpop_make(a->cx, a->self.kid, S("POST"), a->server.token_endpoint,
                             (struct str){ NULL, 0 }, &dpop);
    if (e != ERR_OK)
        return e;
    if ((e = oauth__token_post(a->cx, &a->server, form, dpop, out)) != ERR_OK)
        return e;
    if (out->scope.n == 0)
        out->scope = a->want->scope; /* RFC 6749 5.1: the same as asked */
    out->kid = a->want->bearer ? S("") : a->self.kid;
    return ERR_OK;
}

/* nuts-node's own texts (transcript): "invalid_request - subject not found". */
static err_t
find_self(struct asking *a)
{
    err_t e = did_subject_find(a->cx, a->want->subject, &a->self);

    if (e == ERR_SUBJECT_UNKNOWN ||
        (e == ERR_OK && (!a->self.active || a->self.kid.n == 0)))
        return refuse(a->cx, ERR_BAD_REQUEST, "nuts-node 2.3",
                      "invalid_request - subject not found");
    return e;
}

err_t
oauth__request(struct ctx *cx, const struct oauth__want *want, struct oauth__got *out)
{
    struct asking a = { .cx = cx, .want = want, .tick_ms = os_tick_ms() };
    uint8_t key[HASH_MAX];
    err_t e;

    *out = (struct oauth__got){ 0 };
    if ((e = find_self(&a)) != ERR_OK || (e = cache_key(&a, key)) != ERR_OK)
        return e;
    if (recall(&a, key, out))
        return ERR_OK;
    if ((e = gather(&a)) != ERR_OK || (e = ask_server(&a)) != ERR_OK ||
        (e = choose(&a)) != ERR_OK || (e = ask_token(&a, out)) != ERR_OK)
        return e;
    remember(&a, key, out);
    return ERR_OK;
}

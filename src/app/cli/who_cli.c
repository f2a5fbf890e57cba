/*
 * who_cli.c - `knoop token who`: who is behind a token, vouched for by whom, and how
 * surely. Mission 86.
 *
 *      node ── introspect_extended ──► presentations ──► credentials, one by one
 *
 * Trust     The node verified them before it gave the token; here they are only told.
 * Source    Knoop. EUPL-1.2.
 */
#include "app/cli/node_cli.h"

#include <stdio.h>

#include "base/time.h"
#include "codec/json/json.h"
#include "trust/vc/vc.h"

static void
tell(const char *what, struct str text)
{
    if (text.n == 0)
        return;
    printf("  %-12s ", what);
    cli_put(stdout, text);
    putchar('\n');
}

/* --- a certificate's word ----------------------------------------------------------- */

static struct str
attr(const struct cert_attrs *a, const char *name)
{
    for (size_t i = 0; i < a->count; i++)
        if (str_is(a->at[i].name, name))
            return a->at[i].value;
    return S("");
}

static void
tell_authority(struct ctx *cx, const char *what, const struct cert *c)
{
    struct cert_attrs names;

    if (cert_subject(cx, c, &names) == ERR_OK)
        tell(what, attr(&names, "CN").n != 0 ? attr(&names, "CN") : attr(&names, "O"));
}

static void
tell_chain(struct ctx *cx, const json *header)
{
    const json *list = json_get(header, "x5c");
    struct str text;
    struct bytes der;

    for (json_each(it, list)) {
        scoped(cert_drop) struct cert *c = NULL;
        struct uzi uzi;

        if (!json_str(it.value, &text) || b64_decode(cx, text, &der) != ERR_OK ||
            cert_parse(cx, der, &c) != ERR_OK)
            return;
        if (it.index == 0 && cert_uzi(cx, c, &uzi) == ERR_OK) {
            tell("URA", uzi.ura);
            tell("AGB", uzi.agb);
        } else if (it.index + 1 == json_size(list))
            tell_authority(cx, "root", c);
        else if (it.index != 0)
            tell_authority(cx, "vouched by", c);
    }
}

/* --- a credential ------------------------------------------------------------------- */

/* Every text in it, its own id not: "O Huisartsen, L Dorp". */
static void
put_texts(struct buf *b, const json *of)
{
    struct str text;

    for (json_each(it, of)) {
        if (str_is(it.name, "id") || str_is(it.name, "type") || str_is(it.name, "@type"))
            continue;
        if (json_str(it.value, &text))
            buf_printf(b, "%s%.*s %.*s", b->n ? ", " : "", STR(it.name), STR(text));
        else if (json_type(it.value) == JSON_OBJECT)
            put_texts(b, it.value);
    }
}

static const json *
subject_of(const struct vc_raw *raw)
{
    const json *s = json_get(raw->body, "credentialSubject");

    return json_type(s) == JSON_ARRAY ? json_at(s, 0) : s;
}

static void
tell_credential(struct ctx *cx, const struct vc_raw *raw, struct str presenter)
{
    bool certificate = json_get(raw->jwt.header, "x5c") != NULL;
    bool own = raw->jwt.text.p == NULL || str_eq(raw->issuer, presenter);
    struct str says;
    struct buf b;

    cli_put(stdout, vc_type(raw));
    putchar('\n');
    buf_init(&b, cx->arena);
    put_texts(&b, subject_of(raw));
    if (buf_done(cx, &b, &says) == ERR_OK)
        tell("says", says);
    if (certificate)
        tell_chain(cx, raw->jwt.header);
    else
        tell("vouched by", own ? S("the presenter itself") : raw->issuer);
    tell("level", certificate ? S("the key of a certificate; chain and revocation checked")
                  : own       ? S("self-attested")
                              : S("a credential, signed by its issuer"));
}

static err_t
tell_presentation(struct ctx *cx, struct str jwt)
{
    struct vp_raw raw;
    err_t e = vp_parse(cx, jwt, &raw);

    if (e != ERR_OK)
        return e;
    puts("presenter");
    tell("is", raw.signer);
    for (size_t i = 0; i < raw.count; i++)
        tell_credential(cx, &raw.credentials[i], raw.signer);
    return ERR_OK;
}

/* --- the token ---------------------------------------------------------------------- */

static void
tell_token(const json *v)
{
    bool bound = json_path(v, "cnf", "jkt", NULL) != NULL;
    char until[TIME_TEXT];
    int64_t exp;

    puts("token");
    tell("of", json_get_text(v, "client_id"));
    tell("at", json_get_text(v, "iss"));
    tell("scope", json_get_text(v, "scope"));
    if (json_i64(json_get(v, "exp"), &exp))
        tell("until", time_text(until, exp * 1000));
    tell("bound", bound ? S("to a key (DPoP): who steals it cannot use it")
                        : S("to nothing: whoever has it may use it"));
}

int
cli__token_who(struct cli *c)
{
    struct str body, reply, jwt;
    bool active = false;
    json *v;
    err_t e = door_fill(c, "token=<1>", DOOR_FORM_WWW, &body);

    if (e != ERR_OK)
        return door_wrong(c, e);
    if (door_get(c, "POST", S("/internal/auth/v2/accesstoken/introspect_extended"),
                 S("application/x-www-form-urlencoded"), body, &reply) != ERR_OK ||
        json_parse(&c->cx, reply, JSON_STRICT, &v) != ERR_OK)
        return cli_refused(c, "token who");
    if (!json_bool(json_get(v, "active"), &active) || !active) {
        puts("this token is not good here, or no longer");
        return 1;
    }
    tell_token(v);
    for (json_each(it, json_get(v, "vps")))
        if (!json_str(it.value, &jwt) || tell_presentation(&c->cx, jwt) != ERR_OK)
            return cli_refused(c, "token who");
    return 0;
}

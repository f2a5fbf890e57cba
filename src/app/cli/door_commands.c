/* door_commands.c - the rows of door.def as commands. EUPL-1.2. */
#include "app/cli/door.h"

#include <stdio.h>
#include <string.h>

#include "codec/json/json.h"

#define OPTIONS(name, ...) static const struct cli_option name[] = { __VA_ARGS__, { 0 } }

OPTIONS(plain, DOOR_OPTIONS);
OPTIONS(services, { "type", "TYPE", "of this type" },
        { "kind", "KIND", "whose endpoint is a string, object or array" }, DOOR_OPTIONS);
OPTIONS(service, { "endpoint", "JSON", "an endpoint that is an object or array" },
        DOOR_OPTIONS);
OPTIONS(issue, { "issuer", "DID", "the organisation that issues (needed)" },
        { "expires", "TIME", "when it ends (RFC 3339)" }, DOOR_OPTIONS);
OPTIONS(issued, { "issuer", "DID", "the organisation that issued (needed)" },
        { "subject", "DID", "only those about this one" }, DOOR_OPTIONS);
OPTIONS(at, { "at", "TIME", "as of then (RFC 3339)" }, DOOR_OPTIONS);
OPTIONS(present, { "audience", "TEXT", "for whom it is: domain (needed)" },
        { "nonce", "TEXT", "what the verifier gave: challenge (needed)" },
        { "signer", "DID", "who presents (default: whom the credential is about)" },
        { "expires", "TIME", "when it ends (default: in 4 s)" }, DOOR_OPTIONS);
OPTIONS(wallet, { "all", NULL, "those past their time too" }, DOOR_OPTIONS);
OPTIONS(token,
        { "server", "URL", "the other's authorization server: URL/oauth2/NAME (needed)" },
        { "scope", "SCOPE", "what is asked for (needed)" },
        { "type", "TYPE", "DPoP or Bearer (default: DPoP)" },
        { "credentials", "JSON", "list of self-attested credentials: who the user is" },
        DOOR_OPTIONS);
OPTIONS(introspect, { "extended", NULL, "with presentations and definitions" },
        DOOR_OPTIONS);
OPTIONS(dpop, { "method", "METHOD", "of the request (needed)" },
        { "url", "URL", "of the request (needed)" },
        { "token", "TOKEN", "the access token (needed)" }, DOOR_OPTIONS);
OPTIONS(dpop_check, { "method", "METHOD", "of the request (needed)" },
        { "url", "URL", "of the request (needed)" },
        { "token", "TOKEN", "the access token (needed)" },
        { "thumbprint", "JKT", "cnf.jkt of the token (needed)" }, DOOR_OPTIONS);
OPTIONS(ground, { "patient", "BSN", "the patient's number, as @FILE or - (needed)" },
        { "organisation", "WHO", "who may ask: ura:NUMBER or a DID (needed)" },
        { "scope", "SCOPE", "for what (needed)" },
        { "kind", "KIND", "consent, treatment, referral or law (needed)" },
        { "from", "TIME", "from when (default: now)" },
        { "until", "TIME", "until when, RFC 3339 (needed)" },
        { "evidence", "TEXT", "where the ground can be found (needed)" },
        { "by", "WHO", "who records it (default: operator)" }, DOOR_OPTIONS);
OPTIONS(grounds, { "patient", "BSN", "of this patient: give it as @FILE or -" },
        { "live", NULL, "only those in force now" }, DOOR_OPTIONS);
OPTIONS(ground_end, { "why", "TEXT", "kept with it" }, DOOR_OPTIONS);
OPTIONS(audit, { "patient", "BSN", "about this patient: give it as @FILE or -" },
        { "event", "EVENT", "of this kind (docs/audit.md)" },
        { "outcome", "OUTCOME", "permitted, denied or failed" },
        { "organisation", "WHO", "asked by this organisation" },
        { "from", "TIME", "from then (RFC 3339)" },
        { "until", "TIME", "up to then, not including" },
        { "after", "NUMBER", "the next page: behind this event" },
        { "count", "N", "at most so many (default 100)" }, DOOR_OPTIONS);
OPTIONS(audit_open, { "officer", "WHO", "who opens it (needed)" },
        { "why", "TEXT", "on what ground: kept in the log (needed)" }, DOOR_OPTIONS);
OPTIONS(audit_proof,
        { "size", "N", "in the log of N lines (default: the last checkpoint)" },
        DOOR_OPTIONS);

static const struct door_call calls[] = {
#define DOOR(command, args, least, most, options, method, path, form, body, yes, help)     \
    { command, method, path, DOOR_FORM_##form, body, yes },
#include "app/cli/door.def"
#undef DOOR
};

static const struct door_call *
call_of(const struct cli *c)
{
    for (size_t i = 0; i < COUNT(calls); i++)
        if (strcmp(calls[i].command, c->command->name) == 0)
            return &calls[i];
    return NULL;
}

static err_t
make(struct cli *c, const struct door_call *call, struct str *path, struct str *type,
     struct str *body)
{
    err_t e;

    *type = *body = S("");
    if ((e = door_fill(c, call->path, DOOR_FORM_PATH, path)) != ERR_OK ||
        call->form == DOOR_FORM_NONE)
        return e;
    *type = call->form == DOOR_FORM_JSON ? S("application/json")
                                         : S("application/x-www-form-urlencoded");
    return door_fill(c, call->body, call->form, body);
}

static bool
says_yes(struct cli *c, const struct door_call *call, struct str reply)
{
    bool yes = false;
    json *v;

    if (call->yes == NULL)
        return true;
    if (json_parse(&c->cx, reply, JSON_STRICT, &v) != ERR_OK)
        return false;
    return json_bool(json_get(v, call->yes), &yes) && yes;
}

static int
run(struct cli *c)
{
    const struct door_call *call = call_of(c);
    struct str path, type, body, reply;
    err_t e = make(c, call, &path, &type, &body);

    if (e != ERR_OK)
        return door_wrong(c, e);
    if (door_get(c, call->method, path, type, body, &reply) != ERR_OK)
        return cli_refused(c, call->command);
    door_print(reply);
    return says_yes(c, call, reply) ? 0 : 1;
}

const struct cli_command door_commands[] = {
#define DOOR(command, args, least, most, options, method, path, form, body, yes, help)     \
    { command, args, help, options, least, most, run },
#include "app/cli/door.def"
#undef DOOR
    { 0 },
};

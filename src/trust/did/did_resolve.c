/*
 * did_resolve.c - from a DID to its document.
 *
 *      did -> method row -> text -> did_doc_parse -> document
 *                 |
 *                 +- web: handed in | did_world.c: own row, cache, network
 *                 +- key, jwk, x509: computed
 *
 * To add a method: a function that makes or fetches the document's text, and
 * a row in the table.
 *
 * Trust   See did.h. What is fetched is capped, and guarded by sys/http.
 * Source  Knoop. EUPL-1.2.
 */
#include "trust/did/did.h"
#include "trust/did/did_int.h"

#include "sys/room.h"

#include <string.h>

static const struct did_method methods[] = {
    { "web", did__document_web },
    { "key", did__document_key },
    { "jwk", did__document_jwk },
    { "x509", did__document_x509 },
};

static const struct did_method *
method_of(const struct did *did)
{
    size_t i;

    for (i = 0; i < COUNT(methods); i++)
        if (str_is(did->method, methods[i].name))
            return &methods[i];
    return NULL;
}

bool
did__jwk_is_private(const json *jwk)
{
    static const char *const members[] = { "d", "p", "q", "dp", "dq", "qi", "oth", "k" };
    size_t i;

    for (i = 0; i < COUNT(members); i++)
        if (json_get(jwk, members[i]) != NULL)
            return true;
    return false;
}

err_t
did__document_put(struct ctx *cx, struct str did, struct str kid, struct str jwk,
                  unsigned uses, struct str *text)
{
    static const struct {
        const char *name;
        enum did_use use;
    } relations[] = {
        { "authentication", DID_AUTHENTICATION },
        { "assertionMethod", DID_ASSERTION },
        { "keyAgreement", DID_KEY_AGREEMENT },
        { "capabilityInvocation", DID_INVOCATION },
        { "capabilityDelegation", DID_DELEGATION },
    };
    struct json_out js;
    size_t i;

    json_out_init(&js, cx->arena);
    json_object(&js);
    json_key(&js, "@context");
    json_array(&js);
    json_put_z(&js, "https://www.w3.org/ns/did/v1");
    json_put_z(&js, "https://w3c-ccg.github.io/lds-jws2020/contexts/lds-jws2020-v1.json");
    json_end(&js);
    json_member(&js, "id", did);
    json_key(&js, "verificationMethod");
    json_array(&js);
    json_object(&js);
    json_member(&js, "id", kid);
    json_member_z(&js, "type", "JsonWebKey2020");
    json_member(&js, "controller", did);
    json_key(&js, "publicKeyJwk");
    json_put_raw(&js, jwk);
    json_end(&js);
    json_end(&js);
    for (i = 0; i < COUNT(relations); i++)
        if (uses & (unsigned)relations[i].use) {
            json_key(&js, relations[i].name);
            json_array(&js);
            json_put_str(&js, kid);
            json_end(&js);
        }
    json_end(&js);
    return json_out_done(cx, &js, text);
}

/* --- did:web ------------------------------------------------------------------ */

/* What is handed in, or else the room's own world; NULL where there is none. */
static const struct did_source *
source_of(struct ctx *cx, const struct did_options *options)
{
    struct did__state *state;

    if (options->source != NULL)
        return options->source;
    state = cx->sys != NULL ? ROOM_STATE(cx, did) : NULL;
    return state != NULL ? &state->world : NULL;
}

err_t
did__document_web(struct ctx *cx, const struct did *did, const struct did_options *options,
                  struct str *text)
{
    const struct did_source *source = source_of(cx, options);
    struct str url;
    err_t e = did_web_url(cx, did, &url);

    if (e != ERR_OK)
        return e;
    if (source == NULL || source->get == NULL)
        return refuse(cx, ERR_DID_NOT_FOUND, "did:web 2.5.2",
                      "nothing may be fetched here");
    e = source->get(cx, source->self, did->text, url, text);
    return e == ERR_NOT_FOUND ? refuse(cx, ERR_DID_NOT_FOUND, "did:web 2.5.2",
                                       "nothing was found at its URL")
                              : e;
}

/* --- all ------------------------------------------------------------------------ */

/* Documents handed in by DID stand before those that would be fetched. */
static err_t
handed_in(struct ctx *cx, const struct did *did, const struct did_source *source,
          struct str *text)
{
    err_t e;

    *text = (struct str){ NULL, 0 };
    if (source == NULL || source->document == NULL)
        return ERR_OK;
    e = source->document(cx, source->self, did->text, text);
    if (e == ERR_NOT_FOUND) {
        refuse_clear(cx);
        return ERR_OK;
    }
    return e;
}

err_t
did_resolve(struct ctx *cx, struct str text, const struct did_options *options,
            struct did_doc *out)
{
    static const struct did_options plain = { 0 };
    const struct did_method *method;
    struct did did;
    struct str found = { NULL, 0 };
    json *document;
    err_t e;

    memset(out, 0, sizeof(*out));
    if (options == NULL)
        options = &plain;
    if ((e = did_parse(cx, text, &did)) != ERR_OK)
        return e;
    method = method_of(&did);
    if (method == NULL || method->document == did__document_web)
        e = handed_in(cx, &did, source_of(cx, options), &found);
    if (e != ERR_OK)
        return e;
    if (found.p == NULL && method == NULL)
        return refuse(cx, ERR_DID_METHOD, "DID Core 3.1",
                      "the method '%.*s' is not taken here",
                      (int)(did.method.n < 32 ? did.method.n : 32), did.method.p);
    if (found.p == NULL && (e = method->document(cx, &did, options, &found)) != ERR_OK)
        return e;
    if ((e = json_parse(cx, found, JSON_STRICT, &document)) != ERR_OK)
        return e == ERR_BAD_REQUEST ? refuse(cx, ERR_DID_DOCUMENT, "DID Core 6.2",
                                             "the document is not JSON")
                                    : e;
    return did_doc_parse(cx, did.text, document, out);
}

/*
 * did_doc.c - reading a DID document.
 *
 * Rule    DID Core 5: id, verificationMethod, the verification relationships
 *         (by reference or embedded). Keys are publicKeyJwk; a method of
 *         another form is left out, and so cannot verify anything.
 * Trust   The document is a stranger's. Its id must be the DID asked for; a
 *         method must stand under that DID; ids may not occur twice.
 * Source  Knoop. EUPL-1.2.
 */
#include "trust/did/did.h"
#include "trust/did/did_int.h"

#include <string.h>

enum { KEYS_MAX = 256 }; /* in one document */

static const struct {
    const char *name;
    enum did_use use;
} relations[] = {
    { "authentication", DID_AUTHENTICATION },   { "assertionMethod", DID_ASSERTION },
    { "keyAgreement", DID_KEY_AGREEMENT },      { "capabilityInvocation", DID_INVOCATION },
    { "capabilityDelegation", DID_DELEGATION },
};

/* "#k" to "<did>#k"; an id of another DID, or without fragment, is refused. */
static err_t
absolute(struct ctx *cx, struct str did, struct str id, struct str *out)
{
    if (id.n > 1 && id.p[0] == '#') {
        *out = arena_printf(cx->arena, "%.*s%.*s", STR(did), STR(id));
        return out->p == NULL ? refuse_memory(cx) : ERR_OK;
    }
    *out = id;
    if (!str_eq(did_of_url(id), did) || id.n < did.n + 2)
        return refuse(cx, ERR_DID_DOCUMENT, "DID Core 5.2",
                      "a verification method's id is not one of this DID");
    return ERR_OK;
}

static struct did_key *
find(const struct did_doc *doc, struct str id)
{
    size_t i;

    for (i = 0; i < doc->key_count; i++)
        if (str_eq(doc->keys[i].id, id))
            return &doc->keys[i];
    return NULL;
}

static err_t
add_method(struct ctx *cx, struct did_doc *doc, const json *method, struct did_key **out)
{
    struct str controller = json_get_text(method, "controller"), id;
    const json *jwk = json_get(method, "publicKeyJwk");
    err_t e;

    *out = NULL;
    if (json_type(method) != JSON_OBJECT || !json_str(json_get(method, "id"), &id))
        return refuse(cx, ERR_DID_DOCUMENT, "DID Core 5.2",
                      "a verification method has no id");
    if ((e = absolute(cx, doc->id, id, &id)) != ERR_OK)
        return e;
    if (find(doc, id) != NULL)
        return refuse(cx, ERR_DID_DOCUMENT, "DID Core 5.2", "a method's id occurs twice");
    if (json_get(method, "controller") != NULL && !str_eq(controller, doc->id))
        jwk = NULL; /* another controls it: it does not speak for this DID */
    if (did__jwk_is_private(jwk))
        return refuse(cx, ERR_DID_DOCUMENT, "DID Core 5.2.1",
                      "a private key is in the document");
    if (doc->key_count == KEYS_MAX)
        return refuse(cx, ERR_LIMIT, "", "more than %d keys in a document", KEYS_MAX);
    *out = &doc->keys[doc->key_count++];
    **out = (struct did_key){ .id = id, .jwk = json_type(jwk) == JSON_OBJECT ? jwk : NULL };
    return ERR_OK;
}

static err_t
add_relation(struct ctx *cx, struct did_doc *doc, const json *list, enum did_use use)
{
    struct did_key *key;
    struct str id;
    err_t e;

    if (list != NULL && json_type(list) != JSON_ARRAY)
        return refuse(cx, ERR_DID_DOCUMENT, "DID Core 5.3", "a relationship is no array");
    for (json_each(it, list)) {
        if (json_str(it.value, &id)) {
            /* A reference into another DID's document gives this one no key. */
            if (!(id.n > 1 && id.p[0] == '#') && !str_eq(did_of_url(id), doc->id))
                continue;
            if ((e = absolute(cx, doc->id, id, &id)) != ERR_OK)
                return e;
            if ((key = find(doc, id)) == NULL)
                return refuse(cx, ERR_DID_DOCUMENT, "DID Core 5.3",
                              "a relationship names a method that is not there");
        } else if ((e = add_method(cx, doc, it.value, &key)) != ERR_OK) {
            return e;
        }
        key->uses |= (unsigned)use;
    }
    return ERR_OK;
}

/* Room for every method, embedded ones too. */
static size_t
count_methods(const json *document)
{
    size_t n = json_size(json_get(document, "verificationMethod")), i;

    for (i = 0; i < COUNT(relations); i++)
        n += json_size(json_get(document, relations[i].name));
    return n < KEYS_MAX ? n : KEYS_MAX;
}

err_t
did_doc_parse(struct ctx *cx, struct str did, const json *document, struct did_doc *out)
{
    struct did_doc doc = { .json = document };
    const json *methods = json_get(document, "verificationMethod");
    struct did_key *key;
    size_t i;
    err_t e;

    memset(out, 0, sizeof(*out));
    if (json_type(document) != JSON_OBJECT || !json_str(json_get(document, "id"), &doc.id))
        return refuse(cx, ERR_DID_DOCUMENT, "DID Core 5.1.1", "the document has no id");
    if (!str_eq(doc.id, did))
        return refuse(cx, ERR_DID_DOCUMENT, "DID Core 5.1.1",
                      "the document is of another DID");
    if (methods != NULL && json_type(methods) != JSON_ARRAY)
        return refuse(cx, ERR_DID_DOCUMENT, "DID Core 5.2",
                      "verificationMethod is no array");
    doc.keys = arena_array(cx->arena, count_methods(document) + 1, sizeof(*doc.keys));
    if (doc.keys == NULL)
        return refuse_memory(cx);
    for (json_each(it, methods))
        if ((e = add_method(cx, &doc, it.value, &key)) != ERR_OK)
            return e;
    for (i = 0; i < COUNT(relations); i++) {
        e = add_relation(cx, &doc, json_get(document, relations[i].name), relations[i].use);
        if (e != ERR_OK)
            return e;
    }
    *out = doc;
    return ERR_OK;
}

err_t
did_key_find(struct ctx *cx, const struct did_doc *doc, struct str kid, enum did_use use,
             const struct did_key **out)
{
    const struct did_key *key = find(doc, kid);

    *out = NULL;
    if (key == NULL)
        return refuse(cx, ERR_DID_KEY, "DID Core 5.2",
                      "the document has no key of that id");
    if (key->jwk == NULL)
        return refuse(cx, ERR_DID_KEY, "DID Core 5.2.1",
                      "the key is not a JWK of this DID");
    if ((key->uses & (unsigned)use) == 0)
        return refuse(cx, ERR_DID_KEY, "DID Core 5.3", "the key is not for this use");
    *out = key;
    return ERR_OK;
}

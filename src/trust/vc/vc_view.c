/*
 * vc_view.c - what paths of a presentation definition see of a credential.
 *
 * Rule    nuts-node.md 0.6: type, credentialSubject and credentialStatus of a JWT
 *         are arrays; of an object, lists of one are their one.
 * Source  Knoop. EUPL-1.2.
 */
#include "trust/vc/vc.h"
#include "trust/vc/vc_int.h"

#include "base/time.h"

static void
put_list(struct json_out *js, const char *name, const json *v)
{
    if (v == NULL)
        return;
    json_key(js, name);
    if (json_type(v) == JSON_ARRAY) {
        json_put(js, v);
        return;
    }
    json_array(js);
    json_put(js, v);
    json_end(js);
}

/* credentialSubject, each with the subject's id. */
static void
put_subjects(struct json_out *js, const struct vc_raw *raw)
{
    const json *subject = json_get(raw->body, "credentialSubject");
    bool list = json_type(subject) == JSON_ARRAY;
    size_t i, n = list ? json_size(subject) : 1;

    json_key(js, "credentialSubject");
    json_array(js);
    for (i = 0; i < n; i++) {
        const json *one = list ? json_at(subject, i) : subject;

        json_object(js);
        if (json_get(one, "id") == NULL && raw->subject.p != NULL)
            json_member(js, "id", raw->subject);
        for (json_each(it, one)) {
            json_key_str(js, it.name);
            json_put(js, it.value);
        }
        json_end(js);
    }
    json_end(js);
}

static bool
is_joined(struct str name)
{
    static const char *const names[] = {
        "type", "credentialSubject", "credentialStatus", "issuer",
        "id",   "issuanceDate",      "expirationDate"
    };
    size_t i;

    for (i = 0; i < COUNT(names); i++)
        if (str_is(name, names[i]))
            return true;
    return false;
}

static err_t
reread(struct ctx *cx, struct json_out *js, const json **out)
{
    struct str text;
    json *view;
    err_t e;

    if ((e = json_out_done(cx, js, &text)) != ERR_OK ||
        (e = json_parse(cx, text, JSON_STRICT, &view)) != ERR_OK)
        return e;
    *out = view;
    return ERR_OK;
}

/* Arrays of one become their one, as JSON-LD compacts them. */
err_t
vc_view_object(struct ctx *cx, const json *credential, const json **out)
{
    static const char *const lists[] = { "type", "credentialSubject", "credentialStatus",
                                         "proof" };
    struct json_out js;
    size_t i;

    *out = credential;
    if (json_type(credential) != JSON_OBJECT)
        return ERR_OK;
    json_out_init(&js, cx->arena);
    json_object(&js);
    for (json_each(it, credential)) {
        for (i = 0; i < COUNT(lists) && !str_is(it.name, lists[i]); i++)
            ;
        json_key_str(&js, it.name);
        json_put(&js, i < COUNT(lists) && json_type(it.value) == JSON_ARRAY &&
                              json_size(it.value) == 1
                          ? json_at(it.value, 0)
                          : it.value);
    }
    json_end(&js);
    return reread(cx, &js, out);
}

err_t
vc_view(struct ctx *cx, const struct vc_raw *raw, const json **out)
{
    struct json_out js;
    char room[TIME_TEXT];

    if (raw->jwt.text.p == NULL)
        return vc_view_object(cx, raw->body, out);
    *out = raw->body;
    json_out_init(&js, cx->arena);
    json_object(&js);
    put_list(&js, "type", raw->types);
    put_subjects(&js, raw);
    put_list(&js, "credentialStatus", json_get(raw->body, "credentialStatus"));
    json_member(&js, "issuer", raw->issuer);
    if (raw->id.p != NULL)
        json_member(&js, "id", raw->id);
    if (raw->from.there)
        json_member(&js, "issuanceDate", time_text(room, raw->from.ms));
    if (raw->until.there)
        json_member(&js, "expirationDate", time_text(room, raw->until.ms));
    for (json_each(it, raw->body))
        if (!is_joined(it.name)) {
            json_key_str(&js, it.name);
            json_put(&js, it.value);
        }
    json_end(&js);
    return reread(cx, &js, out);
}

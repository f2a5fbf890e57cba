/*
 * vc_kit.h - sound claims, with one of them put differently: for the tests of
 * credentials and presentations. Included by tests alone. Source: Knoop. EUPL-1.2.
 */
#ifndef KNOOP_TRUST_VC_KIT_H
#define KNOOP_TRUST_VC_KIT_H

#include "trust/did/did_kit.h"
#include "trust/vc/vc.h"

#define V1       "https://www.w3.org/2018/credentials/v1"
#define V2       "https://www.w3.org/ns/credentials/v2"
#define ISSUER   "did:web:issuer.example.net"
#define OTHER    "did:web:other.example.net"
#define HOLDER   "did:web:holder.example.net"
#define AUDIENCE "https://verifier.example.net/oauth2/x"
#define SUBJECT  "\"credentialSubject\":[{\"id\":\"" HOLDER "\"}]"
#define TYPES    "\"type\":[\"VerifiableCredential\",\"NutsUraCredential\"]"
#define CONTEXT  "\"@context\":[\"" V1 "\"]"
#define VC(more) "{" CONTEXT "," TYPES "," SUBJECT more "}"

struct claim {
    const char *name, *value; /* JSON; NULL leaves it out */
};

/* An object of `usual`, with `one` (may be NULL) in place of its namesake, or added. */
static inline struct str
claims_with(struct node *n, const struct claim *usual, size_t count,
            const struct claim *one)
{
    bool put = one == NULL || one->name == NULL;
    struct str out;
    struct buf b;

    buf_init(&b, &n->t.arena);
    for (size_t i = 0; i < count; i++) {
        const char *value = usual[i].value;

        if (one != NULL && one->name != NULL && strcmp(one->name, usual[i].name) == 0) {
            value = one->value;
            put = true;
        }
        if (value != NULL)
            buf_printf(&b, "%s\"%s\":%s", b.n ? "," : "{", usual[i].name, value);
    }
    if (!put && one->value != NULL)
        buf_printf(&b, ",\"%s\":%s", one->name, one->value);
    buf_c(&b, '}');
    assert_int_equal(buf_done(&n->t.cx, &b, &out), ERR_OK);
    return out;
}

/* Seconds from now, as JSON. */
static inline const char *
from_now(struct node *n, double seconds)
{
    struct str s =
        arena_printf(&n->t.arena, "%.3f", (double)n->t.cx.now_ms / 1000.0 + seconds);

    assert_non_null(s.p);
    return s.p;
}

/* The claims of a credential by ISSUER about HOLDER. */
static inline struct str
vc_with(struct node *n, const char *name, const char *value)
{
    const struct claim usual[] = {
        { "iss", "\"" ISSUER "\"" },   { "sub", "\"" HOLDER "\"" },
        { "jti", "\"" ISSUER "#1\"" }, { "nbf", from_now(n, -3600) },
        { "exp", from_now(n, 3600) },  { "vc", VC("") }
    };

    return claims_with(n, usual, COUNT(usual), &(struct claim){ name, value });
}

/* The claims of a presentation by HOLDER of `credentials` (JSON). */
static inline struct str
vp_with(struct node *n, const char *credentials, const char *name, const char *value)
{
    struct str vp = arena_printf(&n->t.arena,
                                 "{" CONTEXT ",\"type\":\"VerifiablePresentation\","
                                 "\"holder\":\"" HOLDER "\",\"verifiableCredential\":%s}",
                                 credentials);
    const struct claim usual[] = {
        { "iss", "\"" HOLDER "\"" },     { "sub", "\"" HOLDER "\"" },
        { "aud", "[\"" AUDIENCE "\"]" }, { "nonce", "\"n-1\"" },
        { "jti", "\"" HOLDER "#2\"" },   { "nbf", from_now(n, -1) },
        { "exp", from_now(n, 4) },       { "vp", vp.p }
    };

    assert_non_null(vp.p);
    return claims_with(n, usual, COUNT(usual), &(struct claim){ name, value });
}

static inline struct node *
vc_node(void)
{
    const struct room *rooms[ROOM_COUNT] = { [ROOM_did] = &did_room, [ROOM_vc] = &vc_room };

    return node_open(rooms);
}

#endif

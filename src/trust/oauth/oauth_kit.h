/*
 * oauth_kit.h - a node that gives tokens, somebody who asks, and who vouches for him:
 * for tests and benchmarks. Included by them alone. Source: Knoop. EUPL-1.2.
 */
#ifndef KNOOP_TRUST_OAUTH_KIT_H
#define KNOOP_TRUST_OAUTH_KIT_H

#include "trust/oauth/oauth_int.h"
#include "trust/did/did_kit.h"

#define AS        NODE_URL "/oauth2/hospital"
#define CLIENT    "did:web:client.example.net:iam:1"
#define CLIENT_ID "https://client.example.net/oauth2/care"
#define ISSUER    "did:web:issuer.example.net"

#define FIELD(id, path, filter)                                                            \
    "{\"id\":\"" id "\",\"path\":[\"$.credentialSubject." path                             \
    "\",\"$.credentialSubject[0]." path "\"]" filter "}"
#define TYPE(t)                                                                            \
    "{\"path\":[\"$.type\"],\"filter\":{\"type\":\"string\",\"const\":\"" t "\"}}"
#define TEXT ",\"filter\":{\"type\":\"string\"}"
#define BY_ISSUER                                                                          \
    "{\"path\":[\"$.issuer\"],\"filter\":{\"type\":\"string\",\"pattern\":"                \
    "\"^did:web:issuer\\\\.example\\\\.net$\"}}"
#define PD(id, fields)                                                                     \
    "{\"id\":\"" id                                                                        \
    "\",\"input_descriptors\":[{\"id\":\"d\",\"constraints\":{\"fields\":[" fields "]}}]}"
#define PD_ORG                                                                             \
    PD("pd_org", TYPE("NutsOrganizationCredential") "," BY_ISSUER "," FIELD(               \
                     "organization_name", "organization.name",                             \
                     TEXT) "," FIELD("organization_city", "organization.city", TEXT))
#define PD_USER                                                                            \
    PD("pd_user",                                                                          \
       TYPE("NutsEmployeeCredential") "," FIELD(                                           \
           "employee_identifier", "identifier",                                            \
           TEXT) "," FIELD("employee_phone", "phone", ",\"optional\":true" TEXT))
/* Two descriptors say what field `x` is. */
#define PD_CLASH                                                                           \
    "{\"id\":\"pd_clash\",\"input_descriptors\":[{\"id\":\"a\",\"constraints\":{"          \
    "\"fields\":[" BY_ISSUER                                                               \
    "," FIELD("x", "organization.name", "") "]}},{\"id\":\"b\","                           \
                                            "\"constraints\":{\"fields\":[" FIELD(         \
                                                "x", "organization.city", "") "]}}]}"

#define USUAL                                                                              \
    "{\"test\":{\"organization\":" PD_ORG ",\"user\":" PD_USER "},"                        \
    "\"twin\":{\"organization\":" PD_ORG ",\"user\":" PD_USER "},"                         \
    "\"clash\":{\"organization\":" PD_CLASH "},"                                           \
    "\"own words\":{\"organization\":" PD_ORG "},"                                         \
    "\"person\":{\"user\":" PD_USER "}}"
#define STRICT "{\"strict\":{\"organization\":" PD_ORG ",\"user\":" PD_USER "}}"

#define EMPLOYEE                                                                           \
    "{\"@context\":[\"https://www.w3.org/2018/credentials/v1\"],\"id\":\"e-1\","           \
    "\"type\":[\"VerifiableCredential\",\"NutsEmployeeCredential\"],\"issuer\":\"" CLIENT  \
    "\",\"issuanceDate\":\"2026-01-01T00:00:00Z\",\"credentialSubject\":{\"id\":\"" CLIENT \
    "\",\"identifier\":\"u-17\"}}"

struct world {
    struct node *n;
    struct peer issuer, client;
    struct key *holder; /* of DPoP proofs */
    struct str vc;      /* the client's NutsOrganizationCredential */
    int count;          /* a nonce, a jti: each once */
};

static inline void
world_file(struct world *w, const char *name, const char *text)
{
    char path[256], *slash;

    snprintf(path, sizeof(path), "%s/%s", w->n->dir, name);
    for (slash = path + strlen(w->n->dir) + 1; (slash = strchr(slash, '/')) != NULL;
         slash++) {
        *slash = '\0';
        (void)mkdir(path, 0700);
        *slash = '/';
    }
    (void)unlink(path);
    assert_int_equal(os_write_new(&w->n->signer_cx, path, bytes_of(str_of(text)), 0600),
                     ERR_OK);
}

static inline err_t
world_reload(struct world *w)
{
    return oauth_room.reload(&w->n->t.cx, w->n->sys.state[ROOM_oauth]);
}

static inline struct str world_text(struct world *w, const char *format, ...) PRINTF(2, 3);
static inline struct str
world_text(struct world *w, const char *format, ...)
{
    char room[16384];
    va_list args;
    struct str s;

    va_start(args, format);
    vsnprintf(room, sizeof(room), format, args);
    va_end(args);
    s = arena_str(&w->n->t.arena, str_of(room));
    assert_non_null(s.p);
    return s;
}

/* Who vouches, for whom, in what words; NULL: the usual. */
static inline struct str
world_vc(struct world *w, const char *subject, const char *more)
{
    long long now = w->n->t.cx.now_ms / 1000;
    struct str claims = world_text(
        w,
        "{\"iss\":\"" ISSUER "\",\"sub\":\"%s\",\"jti\":\"" ISSUER "#1\",\"nbf\":%lld,"
        "\"exp\":%lld,\"vc\":{\"@context\":[\"https://www.w3.org/2018/credentials/v1\","
        "\"https://nuts.nl/credentials/v1\"],\"type\":[\"NutsOrganizationCredential\","
        "\"VerifiableCredential\"]%s,\"credentialSubject\":[{\"id\":\"%s\","
        "\"organization\":{\"name\":\"Care\",\"city\":\"Town\"}}]}}",
        subject, now - 3600, now + 3600, more ? more : "", subject);

    return peer_sign(w->n, &w->issuer, NULL, claims.p);
}

static inline struct world *
world_open(void)
{
    const struct room *rooms[ROOM_COUNT] = { [ROOM_did] = &did_room,
                                             [ROOM_vc] = &vc_room,
                                             [ROOM_wallet] = &wallet_room,
                                             [ROOM_oauth] = &oauth_room };
    struct world *w = calloc(1, sizeof(*w));
    struct node *n;

    assert_non_null(w);
    n = w->n = node_open(rooms);
    n->conf->policies_folder = arena_printf(&n->signer_arena, "%s/policies", n->dir);
    world_file(w, "policies/usual/definitions.json", USUAL);
    world_file(w, "policies/strict/definitions.json", STRICT);
    world_file(w, "policies/strict/policy.json", "{\"user\":\"required\"}");
    assert_int_equal(world_reload(w), ERR_OK);
    peer_new(n, ISSUER, &w->issuer);
    peer_new(n, CLIENT, &w->client);
    assert_int_equal(key_generate(&n->t.cx, KEY_P256, &w->holder), ERR_OK);
    w->vc = world_vc(w, CLIENT, NULL);
    expect(node_ask(n, "POST", "/internal/vdr/v2/subject", "{\"subject\":\"hospital\"}"),
           200, NULL);
    return w;
}

static inline void
world_close(struct world *w)
{
    peer_end(&w->issuer);
    peer_end(&w->client);
    key_drop(&w->holder);
    node_close(w->n);
    free(w);
}

/* --- a token request ---------------------------------------------------------------- */

struct words {
    const char *name, *value; /* a claim of the presentation; value NULL leaves it out */
    const char *credentials;  /* JSON; NULL: the usual one */
    const char *vp;           /* members of vp; NULL: the usual */
    const struct peer *signer;
    const char *header; /* of the presentation's JWT */
    const char *scope, *client_id, *definition, *submission, *assertion, *grant, *subject;
    const char *without; /* a member of the form that is left out */
    const char *dpop;    /* the header; "" makes a good one, NULL none */
    const char *nonce;   /* NULL: a fresh one */
    const char *more;    /* of the form */
};

static inline struct str
words_vp(struct world *w, const struct words *q)
{
    const struct peer *signer = q->signer ? q->signer : &w->client;
    double now = (double)w->n->t.cx.now_ms / 1000.0;
    struct str creds =
        q->credentials ? str_of(q->credentials) : world_text(w, "\"%.*s\"", STR(w->vc));
    struct {
        const char *name;
        struct str value;
    } usual[] = {
        { "iss", world_text(w, "\"%.*s\"", STR(signer->did)) },
        { "sub", world_text(w, "\"%.*s\"", STR(signer->did)) },
        { "aud", S("[\"" AS "\"]") },
        { "nonce", q->nonce ? world_text(w, "\"%s\"", q->nonce)
                            : world_text(w, "\"nonce-%d\"", ++w->count) },
        { "nbf", world_text(w, "%.3f", now - 1) },
        { "exp", world_text(w, "%.3f", now + 4) },
        { "vp",
          q->vp ? str_of(q->vp)
                : world_text(w,
                             "{\"@context\":[\"https://www.w3.org/2018/credentials/v1\""
                             "],\"type\":\"VerifiablePresentation\",\"holder\":\"%.*s\","
                             "\"verifiableCredential\":%.*s}",
                             STR(signer->did), STR(creds)) },
    };
    bool put = q->name == NULL;
    struct buf b;
    struct str claims;

    buf_init(&b, &w->n->t.arena);
    for (size_t i = 0; i < COUNT(usual); i++) {
        bool is = q->name != NULL && strcmp(q->name, usual[i].name) == 0;

        put = put || is;
        if (is && q->value == NULL)
            continue;
        buf_printf(&b, "%s\"%s\":", b.n ? "," : "{", usual[i].name);
        buf_str(&b, is ? str_of(q->value) : usual[i].value);
    }
    if (!put)
        buf_printf(&b, ",\"%s\":%s", q->name, q->value);
    buf_c(&b, '}');
    assert_int_equal(buf_done(&w->n->t.cx, &b, &claims), ERR_OK);
    return peer_sign(w->n, signer, q->header, claims.p);
}

/* Claims NULL: a good one for the token endpoint. */
static inline struct str
world_proof(struct world *w, const char *header, const char *claims)
{
    struct str jwk, head, text, jwt;

    assert_int_equal(jwk_text(&w->n->t.cx, w->holder, S(""), &jwk), ERR_OK);
    head = header != NULL ? str_of(header)
                          : world_text(w,
                                       "{\"alg\":\"ES256\",\"typ\":\"dpop+jwt\",\"jwk\":"
                                       "%.*s}",
                                       STR(jwk));
    text = claims != NULL
               ? str_of(claims)
               : world_text(w,
                            "{\"htm\":\"POST\",\"htu\":\"" AS "/token\",\"iat\":%lld,"
                            "\"jti\":\"j-%d\"}",
                            (long long)w->n->t.cx.now_ms / 1000, ++w->count);
    assert_int_equal(jws_sign(&w->n->t.cx, w->holder, head, bytes_of(text), &jwt), ERR_OK);
    return jwt;
}

static inline void
words_put(struct buf *b, const struct words *q, const char *name, struct str value)
{
    if (q->without != NULL && strcmp(q->without, name) == 0)
        return;
    buf_printf(b, "%s%s=", b->n != 0 ? "&" : "", name);
    buf_percent(b, value);
}

static inline struct str
words_form(struct world *w, const struct words *q)
{
    struct str submission = world_text(
        w,
        "{\"id\":\"s\",\"definition_id\":\"%s\",\"descriptor_map\":[{\"id\":\"d\","
        "\"format\":\"jwt_vc\",\"path\":\"$.verifiableCredential\"}]}",
        q->definition ? q->definition : "pd_org");
    struct str out;
    struct buf b;

    buf_init(&b, &w->n->t.arena);
    words_put(&b, q, "grant_type", str_of(q->grant ? q->grant : "vp_token-bearer"));
    words_put(&b, q, "client_id", str_of(q->client_id ? q->client_id : CLIENT_ID));
    words_put(&b, q, "scope", str_of(q->scope ? q->scope : "test"));
    words_put(&b, q, "assertion", q->assertion ? str_of(q->assertion) : words_vp(w, q));
    words_put(&b, q, "presentation_submission",
              q->submission ? str_of(q->submission) : submission);
    if (q->more != NULL)
        buf_z(&b, q->more);
    assert_int_equal(buf_done(&w->n->t.cx, &b, &out), ERR_OK);
    return out;
}

static inline struct str
words_request(struct world *w, const struct words *q)
{
    struct str form = words_form(w, q), out;
    struct buf b;

    buf_init(&b, &w->n->t.arena);
    buf_printf(&b,
               "POST /oauth2/%s/token HTTP/1.1\r\nHost: node.example.org\r\n"
               "Content-Type: application/x-www-form-urlencoded; charset=utf-8\r\n"
               "Content-Length: %zu\r\n",
               q->subject ? q->subject : "hospital", form.n);
    if (q->dpop != NULL) {
        struct str proof = q->dpop[0] ? str_of(q->dpop) : world_proof(w, NULL, NULL);

        buf_printf(&b, "DPoP: %.*s\r\n", STR(proof));
    }
    buf_z(&b, "\r\n");
    buf_str(&b, form);
    assert_int_equal(buf_done(&w->n->t.cx, &b, &out), ERR_OK);
    return out;
}

static inline struct str
world_ask(struct world *w, const struct words *q)
{
    return node_send(w->n, HTTP_DOOR_PUBLIC, words_request(w, q));
}

/* Posts a form to a route of the internal door. */
static inline struct str
world_form(struct world *w, const char *path, struct str form)
{
    struct str text = world_text(w,
                                 "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
                                 "application/x-www-form-urlencoded\r\nContent-Length: %zu"
                                 "\r\n\r\n%.*s",
                                 path, form.n, STR(form));

    return node_send(w->n, HTTP_DOOR_INTERNAL, text);
}
#define INTROSPECT "/internal/auth/v2/accesstoken/introspect"

static inline struct str
world_introspect(struct world *w, const char *path, struct str token)
{
    return world_form(w, path, world_text(w, "token=%.*s", STR(token)));
}

/* Tokens in the store, live or not yet swept. */
static inline int64_t
world_kept(struct world *w)
{
    scoped(store_rows_close) struct store_rows rows = { 0 };
    int64_t n;

    assert_int_equal(store_query(&w->n->t.cx, SQL_oauth_token_count, &rows, SQL_NO_ARGS),
                     ERR_OK);
    assert_true(store_next(&rows));
    n = store_int(&rows, 0);
    assert_int_equal(store_done(&rows), ERR_OK);
    return n;
}

/* The token that this answer gives. */
static inline struct str
world_token(struct world *w, struct str reply)
{
    const json *v = expect_json(w->n, reply, 200);
    struct str token = json_get_text(v, "access_token");

    assert_int_equal(token.n, 43);
    return token;
}

#endif

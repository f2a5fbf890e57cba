/*
 * oauth_fuzz.c - what strangers send: the first byte of the input says as what.
 *
 *   h i   a request as it stands: line, header lines, and behind an empty one the body;
 *         at the public door, at the internal one
 *   p     a token request whose signatures are good: lines of claims of a presentation,
 *         of a credential (~c in the first), submission, scope, client_id, claims of a
 *         DPoP proof (empty: none). ~n is a number never used before.
 *   d     a DPoP proof: header (~k: the key) and claims, signed
 *   s     another server's metadata: its issuer, and the answer
 *   t     its answer to a token request
 *   a     its answer to who asks for a definition: the status, and the answer
 *   f     a definitions.json
 *   u     a URL
 *
 * A token is given at most once for a nonce, and only for what was said. EUPL-1.2.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys/conf/conf.h"
#include "sys/os/os.h"
#include "sys/room.h"
#include "sys/store/store.h"
#include "trust/did/did.h"
#include "trust/oauth/oauth_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW           INT64_C(1767225600000)
#define AS            "https://node.example.org/oauth2/hospital"
#define CLIENT        "did:web:client.example.net:iam:1"
#define ISSUER        "did:web:issuer.example.net"
#define HEADER(did)   "{\"alg\":\"ES256\",\"kid\":\"" did "#k\",\"typ\":\"JWT\"}"
#define FIELD(id, at) "{" id "\"path\":[\"$." at "\"],\"filter\":{\"type\":\"string\"}}"
#define DEFINITION                                                                         \
    "{\"test\":{\"organization\":{\"id\":\"pd\",\"input_descriptors\":[{\"id\":\"d\","     \
    "\"constraints\":{\"fields\":[" FIELD(                                                 \
        "", "type") ",{\"path\":[\"$.issuer\"],"                                           \
                    "\"filter\":{\"type\":\"string\",\"const\":\"" ISSUER                  \
                    "\"}}," FIELD("\"id\":\"organization_name\",",                         \
                                  "credentialSubject[0].organization.name") "]}}]}}}"

static struct world {
    struct arena arena;
    struct ctx cx;
    struct sys sys;
    struct conf *conf;
    struct key *key;
    struct str jwk;
    struct fetch_reply answer; /* of another server */
    char dir[64];
    int count;
} w;

/* --- a node ------------------------------------------------------------------------ */

static err_t
page(struct ctx *cx, void *arg, const struct fetch_request *in, struct fetch_reply *out)
{
    const char *did = str_ends(in->url, S("/iam/1/did.json")) ? CLIENT : ISSUER;
    struct str text =
        arena_printf(cx->arena,
                     "{\"id\":\"%s\",\"verificationMethod\":[{\"id\":\"%s#k\",\"type\":"
                     "\"JsonWebKey2020\",\"controller\":\"%s\",\"publicKeyJwk\":%.*s}],"
                     "\"authentication\":[\"%s#k\"],\"assertionMethod\":[\"%s#k\"]}",
                     did, did, did, STR(w.jwk), did, did);

    (void)arg;
    if (str_starts(in->url, S("https://other.example/"))) {
        *out = w.answer;
        return ERR_OK;
    }
    *out = (struct fetch_reply){ 200, S("application/json"), bytes_of(text), -1 };
    return text.p != NULL ? ERR_OK : refuse_memory(cx);
}

static err_t
told(struct ctx *cx, const struct audit_record *record)
{
    (void)cx;
    (void)record;
    return ERR_OK;
}

static err_t
ask(struct ctx *cx, enum http_door door, struct str request, struct str *reply)
{
    static const struct http_route *tables[2];
    const struct http_ask how = {
        .tables = tables, .table_count = 2, .door = door, .audit_put = told
    };

    tables[0] = oauth_room.routes;
    tables[1] = did_room.routes;
    return http_ask(cx, &how, request, reply);
}

/* Every policy of this node, or what a definitions.json says. */
static void
put_policy(struct ctx *cx, struct str text)
{
    struct str at = arena_printf(cx->arena, "%s/p/a/definitions.json", w.dir);

    assert(at.p != NULL);
    (void)unlink(at.p);
    assert(os_write_new(cx, at.p, bytes_of(text), 0600) == ERR_OK);
}

static void
clean(void)
{
    char command[128];

    snprintf(command, sizeof(command), "rm -rf '%s'", w.dir);
    (void)!system(command);
}

static void
prepare(void)
{
    struct ctx *cx = &w.cx;
    struct str at, reply;

    arena_init(&w.arena, 64u << 20);
    ctx_init(cx, &w.arena, NOW);
    assert(conf_default(cx, &w.conf) == ERR_OK);
    snprintf(w.dir, sizeof(w.dir), "/tmp/knoop-fuzz-XXXXXX");
    umask(077);
    assert(mkdtemp(w.dir) != NULL);
    (void)atexit(clean);
    at = arena_printf(&w.arena, "%s/p/a", w.dir);
    assert(mkdir(arena_printf(&w.arena, "%s/p", w.dir).p, 0700) == 0);
    assert(mkdir(at.p, 0700) == 0);
    put_policy(cx, S(DEFINITION));
    w.conf->url = S("https://node.example.org");
    w.conf->policies_folder = arena_printf(&w.arena, "%s/p", w.dir);
    cx->conf = w.conf;
    cx->sys = &w.sys;
    at = arena_printf(&w.arena, "sqlite://%s/store/k.db", w.dir);
    assert(store_open(cx, at, &w.sys.store) == ERR_OK);
    w.sys.fetch = fetch_pretend(page, NULL);
    assert(key_generate(cx, KEY_P256, &w.key) == ERR_OK);
    assert(jwk_text(cx, w.key, S(""), &w.jwk) == ERR_OK);
    assert(did_room.open(cx, &w.sys.state[ROOM_did]) == ERR_OK);
    assert(vc_room.open(cx, &w.sys.state[ROOM_vc]) == ERR_OK);
    assert(oauth_room.open(cx, &w.sys.state[ROOM_oauth]) == ERR_OK);
    assert(ask(cx, HTTP_DOOR_INTERNAL,
               S("POST /internal/vdr/v2/subject HTTP/1.1\r\nHost: localhost\r\n"
                 "Content-Type: application/json\r\nContent-Length: 52\r\n\r\n"
                 "{\"subject\":\"hospital\",\"keys\":{\"assertionKey\":false}}"),
               &reply) == ERR_OK);
    assert(str_starts(reply, S("HTTP/1.1 200")));
}

/* --- input -------------------------------------------------------------------------- */

/* The next line, with ~n, ~c and ~k filled in. */
static struct str
line(struct ctx *cx, struct str *rest, struct str credential)
{
    struct str in = str_cut(rest, '\n'), out;
    struct buf b;

    buf_init(&b, cx->arena);
    for (size_t i = 0; i < in.n; i++) {
        char next = i + 1 < in.n ? in.p[i + 1] : '\0';

        if (in.p[i] != '~' || (next != 'n' && next != 'c' && next != 'k')) {
            buf_c(&b, in.p[i]);
            continue;
        }
        if (next == 'n')
            buf_printf(&b, "%d", w.count);
        else
            buf_str(&b, next == 'c' ? credential : w.jwk);
        i++;
    }
    return buf_done(cx, &b, &out) == ERR_OK ? out : S("");
}

/* Whose did:web presents; the case of a host says nothing (RFC 3986 6.2.2.1). */
#define PRESENTER "https://client.example.net"

static struct str
sign(struct ctx *cx, struct str header, struct str claims)
{
    struct str jwt;

    if (claims.n == 0 || jws_sign(cx, w.key, header, bytes_of(claims), &jwt) != ERR_OK)
        return S("");
    return jwt;
}

/* --- a token request ---------------------------------------------------------------- */

static bool
is_in(const struct ctx *cx, struct str token)
{
    struct ctx aside = *cx;
    struct oauth_token found;

    return oauth_token_find(&aside, token, &found) == ERR_OK;
}

static void
present(struct ctx *cx, struct str rest)
{
    struct str lines = rest, credential, proof;
    struct oauth__asked in = { .subject = S("hospital"),
                               .grant_type = S("vp_token-bearer") };
    struct audit_record audit = { 0 };
    struct oauth__given given;
    struct arena *kept = cx->arena;

    (void)str_cut(&lines, '\n');
    credential = sign(cx, S(HEADER(ISSUER)), line(cx, &lines, S("")));
    in.assertion = sign(cx, S(HEADER(CLIENT)), line(cx, &rest, credential));
    in.submission = line(cx, &lines, credential);
    in.scope = line(cx, &lines, credential);
    in.client_id = line(cx, &lines, credential);
    if ((proof = line(cx, &lines, credential)).n != 0)
        in.dpop =
            sign(cx,
                 arena_printf(kept, "{\"alg\":\"ES256\",\"typ\":\"dpop+jwt\",\"jwk\":%.*s}",
                              STR(w.jwk)),
                 proof);
    if (oauth__grant(cx, &in, &audit, &given) != ERR_OK) {
        assert(given.token.p == NULL);
        return;
    }
    assert(str_is(in.scope, "test") && str_is(given.scope, "test"));
    assert(str_eq_case(str_sub(in.client_id, 0, sizeof(PRESENTER) - 1), S(PRESENTER)));
    assert(str_is(audit.who, CLIENT) && str_is(audit.custodian, "hospital"));
    assert(str_is(given.type, in.dpop.p != NULL ? "DPoP" : "Bearer"));
    assert(is_in(cx, given.token));
    assert(oauth__grant(cx, &in, &audit, &given) == ERR_VP_NONCE_USED);
}

static void
prove(struct ctx *cx, struct str rest)
{
    struct str header = line(cx, &rest, S("")), claims = line(cx, &rest, S(""));
    struct oauth_dpop in = { .method = S("GET"), .url = S("https://a.example/b") };
    struct oauth__proof out;

    in.proof = sign(cx, header, claims);
    if (in.proof.n == 0)
        return;
    in.token = S("t");
    if (oauth__dpop_read(cx, &in, rest.n % 2 == 0, &out) != ERR_OK)
        return;
    assert(str_search(header, S("dpop+jwt")) < header.n && out.jkt.n == 43);
    assert(str_search(claims, S("GET")) < claims.n && out.until_ms > cx->now_ms);
}

/* --- requests, answers, files, URLs ------------------------------------------------- */

static void
request(struct ctx *cx, enum http_door door, struct str text)
{
    size_t end = str_search(text, S("\n\n"));
    struct str head = str_sub(text, 0, end), body = str_sub(text, end + 2, text.n), reply,
               all;
    struct buf b;

    buf_init(&b, cx->arena);
    while (head.n != 0)
        buf_printf(&b, "%.*s\r\n", STR(str_cut(&head, '\n')));
    buf_printf(&b, "Content-Length: %zu\r\n\r\n", body.n);
    buf_str(&b, body);
    if (buf_done(cx, &b, &all) != ERR_OK || ask(cx, door, all, &reply) != ERR_OK)
        return;
    assert(str_search(reply, S("access_token")) == reply.n); /* nothing of it is signed */
}

static void
server(struct ctx *cx, struct str rest)
{
    struct str issuer = str_cut(&rest, '\n');
    struct oauth__server out;

    if (oauth__server_parse(cx, issuer, rest, &out) == ERR_OK)
        assert(str_eq(out.issuer, issuer) &&
               str_starts(out.token_endpoint, S("https://")) &&
               str_starts(out.definition_endpoint, S("https://")));
}

/* A token is taken from a 200 alone, of the type that was asked. */
static void
token(struct ctx *cx, struct str text)
{
    static const int statuses[] = { 200, 400, 503 };
    struct oauth__got got;

    for (size_t i = 0; i < 2 * COUNT(statuses); i++) {
        bool dpop = i % 2 == 0;

        if (oauth__token_parse(cx, statuses[i / 2], text, dpop, &got) != ERR_OK)
            continue;
        assert(i / 2 == 0 && got.token.n != 0);
        assert(str_eq(got.type, dpop ? S("DPoP") : S("Bearer")));
    }
}

/* Not kept: no max-age. */
static void
definition(struct ctx *cx, struct str rest)
{
    const struct oauth__server s = { .definition_endpoint = S("https://other.example/d") };
    struct pe_definition *out;
    uint64_t status;

    if (!str_to_u64(str_cut(&rest, '\n'), &status) || status > 599)
        return;
    w.answer =
        (struct fetch_reply){ (int)status, S("application/json"), bytes_of(rest), -1 };
    if (oauth__definition_get(cx, &s, S("test"), "organization", &out) == ERR_OK)
        assert(status == 200 && out != NULL);
    else
        assert(out == NULL);
}

static void
define(struct ctx *cx, struct str text)
{
    scoped(oauth__scopes_drop) struct oauth__scopes *set = NULL;

    put_policy(cx, text);
    if (oauth__scopes_load(cx, &set) != ERR_OK)
        return;
    for (const char *const *name = (const char *const[]){ "test", "a", "", NULL }; *name;
         name++) {
        const struct oauth__scope *scope;
        struct oauth__ready *ready;
        struct str granted;

        if (oauth__scope_find(cx, set, str_of(*name), &scope, &granted) != ERR_OK)
            continue;
        assert(scope->organization != NULL || scope->user != NULL);
        assert(oauth__ready_take(cx, set, scope, &ready) == ERR_OK);
        oauth__ready_give(&ready);
    }
}

static void
urls(struct ctx *cx, struct str text)
{
    struct str once, twice;

    for (int loose = 0; loose < 2; loose++) {
        if (!oauth__url(cx, text, loose, &once))
            continue;
        assert(str_starts(once, S("http")));
        assert(oauth__url(cx, once, loose, &twice) && str_eq(once, twice));
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str rest = { (const char *)data + 1, size - 1 };
    struct arena arena;
    struct ctx cx;

    if (w.key == NULL)
        prepare();
    if (size == 0)
        return 0;
    arena_init(&arena, 64u << 20);
    ctx_init(&cx, &arena, NOW);
    cx.conf = w.conf;
    cx.sys = &w.sys;
    w.count++;
    switch (data[0]) {
    case 'h': request(&cx, HTTP_DOOR_PUBLIC, rest); break;
    case 'i': request(&cx, HTTP_DOOR_INTERNAL, rest); break;
    case 'p': present(&cx, rest); break;
    case 'd': prove(&cx, rest); break;
    case 's': server(&cx, rest); break;
    case 't': token(&cx, rest); break;
    case 'a': definition(&cx, rest); break;
    case 'f': define(&cx, rest); break;
    case 'u': urls(&cx, rest); break;
    default: break;
    }
    arena_fini(&arena);
    return 0;
}

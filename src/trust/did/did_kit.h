/*
 * did_kit.h - what the tests of this floor stand on: a node in one process.
 *
 *   node   store (SQLite in a folder of its own), signer (a thread), options,
 *          the rooms named, a pretended web; asked without a socket
 *   peer   somebody else: a key, a did:web, and its document on that web
 *
 * Included by tests and benchmarks alone. Source: Knoop. EUPL-1.2.
 */
#ifndef KNOOP_TRUST_DID_KIT_H
#define KNOOP_TRUST_DID_KIT_H

#include "base/test.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/jose/jose.h"
#include "sys/conf/conf.h"
#include "sys/http/fetch.h"
#include "sys/keys/signer.h"
#include "sys/os/os.h"
#include "sys/room.h"
#include "sys/store/store.h"
#include "trust/did/did.h"

#define NODE_URL  "https://node.example.org"
#define NODE_BASE "did:web:node.example.org"

struct node_page {
    char url[512];
    int status;
    const char *type;
    int64_t max_age_ms; /* -1: not said */
    struct bytes body;
    err_t fails; /* instead of an answer */
};

struct node {
    struct test_ctx t;
    struct sys sys;
    struct conf *conf;
    const struct room *rooms[ROOM_COUNT];
    const struct http_route *tables[ROOM_COUNT];
    size_t table_count;
    char dir[64];

    struct node_page page[32]; /* the web */
    size_t pages;
    int asked; /* how often */
    struct fetch_request last;
    char last_url[512];

    struct audit_record told; /* the last event; who, what, whose and why are copied */
    int told_count;
    long fail_at; /* of each request's allocations */

    pthread_t thread; /* the signer's */
    struct arena signer_arena;
    struct ctx signer_cx;
    struct signer *signer;
    int host_end, host_other, root_fd;
};

/* One node at a time: the signer's clock is the test's. */
static int64_t node_clock_ms;

static inline int64_t
node_now_ms(void)
{
    return __atomic_load_n(&node_clock_ms, __ATOMIC_RELAXED);
}

/* Later, or earlier, for node and signer alike. */
static inline void
node_set_time(struct node *n, int64_t ms)
{
    n->t.cx.now_ms = ms;
    __atomic_store_n(&node_clock_ms, ms, __ATOMIC_RELAXED);
}

/* --- the web ---------------------------------------------------------------------- */

static inline struct node_page *
node_publish(struct node *n, const char *url, const char *body)
{
    struct node_page *p = NULL;

    for (size_t i = 0; i < n->pages; i++)
        if (strcmp(n->page[i].url, url) == 0)
            p = &n->page[i];
    if (p == NULL) {
        assert_true(n->pages < COUNT(n->page));
        p = &n->page[n->pages++];
    }
    *p = (struct node_page){
        .status = 200, .type = "application/json", .max_age_ms = -1, .body = { NULL, 0 }
    };
    snprintf(p->url, sizeof(p->url), "%s", url);
    p->body = arena_bytes(&n->t.arena, bytes_of(str_of(body)));
    return p;
}

static inline err_t
node_answer(struct ctx *cx, void *arg, const struct fetch_request *in,
            struct fetch_reply *out)
{
    struct node *n = arg;

    n->asked++;
    n->last = *in;
    snprintf(n->last_url, sizeof(n->last_url), "%.*s", STR(in->url));
    for (size_t i = 0; i < n->pages; i++) {
        const struct node_page *p = &n->page[i];

        if (!str_is(in->url, p->url))
            continue;
        if (p->fails != ERR_OK)
            return refuse(cx, p->fails, "", "pretended");
        if (in->body_max != 0 && p->body.n > in->body_max)
            return refuse(cx, ERR_UPSTREAM, "", "the answer passes %zu bytes",
                          in->body_max);
        *out = (struct fetch_reply){ p->status, str_of(p->type),
                                     arena_bytes(cx->arena, p->body), p->max_age_ms };
        return out->body.p == NULL ? refuse_memory(cx) : ERR_OK;
    }
    return refuse(cx, ERR_UPSTREAM, "", "nobody is there");
}

/* --- the signer --------------------------------------------------------------------- */

static inline bool
node_signer_ends(struct ctx *cx, struct signer *s, void *arg)
{
    (void)cx;
    (void)s;
    (void)arg;
    return false;
}

static inline void *
node_signer_runs(void *arg)
{
    struct node *n = arg;
    struct signer_host host = { n->host_other, node_signer_ends, NULL };

    signer_run(n->signer, &host);
    return NULL;
}

static inline const char *
node_path(struct node *n, const char *name)
{
    return arena_printf(&n->signer_arena, "%s/%s", n->dir, name).p;
}

static inline void
node_start_signer(struct node *n)
{
    struct signer_setup setup = { .now_ms = node_now_ms };
    struct ctx *cx = &n->signer_cx;
    struct conf *conf;
    int here, there;

    setup.folder = node_path(n, "keys");
    assert_int_equal(mkdir(setup.folder, 0700), 0);
    assert_int_equal(keys_root_make(cx, node_path(n, "root")), ERR_OK);
    n->root_fd = setup.root = open(node_path(n, "root"), O_RDONLY | O_CLOEXEC);
    assert_int_equal(conf_default(cx, &conf), ERR_OK);
    setup.conf = conf;
    assert_int_equal(signer_open(cx, &setup, &n->signer), ERR_OK);
    conf_give(conf); /* the signer has its own hold */
    assert_int_equal(os_pair(cx, &here, &there), ERR_OK);
    assert_int_equal(signer_peer(cx, n->signer, there, SIGNER_FROM_WORKER, 0), ERR_OK);
    assert_int_equal(os_pair(cx, &n->host_end, &n->host_other), ERR_OK);
    assert_int_equal(keys_open(cx, &n->sys.keys), ERR_OK);
    keys_reconnect(n->sys.keys, here);
    assert_int_equal(pthread_create(&n->thread, NULL, node_signer_runs, n), 0);
}

static inline void
node_stop_signer(struct node *n)
{
    os_close(&n->host_end);
    pthread_join(n->thread, NULL);
    keys_close(n->sys.keys);
    n->sys.keys = NULL;
    signer_close(n->signer);
    os_close(&n->host_other);
    os_close(&n->root_fd);
}

/* --- the node ----------------------------------------------------------------------- */

static inline void
node_close(struct node *n)
{
    char command[128];

    store_fail_at(0);
    for (size_t i = ROOM_COUNT; i-- > 0;)
        if (n->rooms[i] != NULL && n->rooms[i]->close != NULL)
            n->rooms[i]->close(n->sys.state[i]);
    node_stop_signer(n);
    fetch_close(n->sys.fetch);
    store_close(n->sys.store);
    conf_give(n->conf);
    test_ctx_fini(&n->t);
    arena_fini(&n->signer_arena);
    snprintf(command, sizeof(command), "rm -rf '%s'", n->dir);
    assert_int_equal(system(command), 0);
    free(n);
}

/* In a room's place in `rooms`: rooms[ROOM_did] = &did_room. */
static inline struct node *
node_open(const struct room *const rooms[ROOM_COUNT])
{
    struct node *n = calloc(1, sizeof(*n));
    struct ctx *cx;
    char url[128];
    err_t e = ERR_OK;

    assert_non_null(n);
    umask(077);
    arena_init(&n->signer_arena, 16u << 20);
    ctx_init(&n->signer_cx, &n->signer_arena, INT64_C(1767225600000));
    snprintf(n->dir, sizeof(n->dir), "%s/knoop-node-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"); /* nobody syncs there */
    assert_non_null(mkdtemp(n->dir));
    snprintf(url, sizeof(url), "sqlite://%s/k.db", n->dir);
    assert_int_equal(conf_default(&n->signer_cx, &n->conf), ERR_OK);
    n->conf->url = S(NODE_URL);
    n->conf->store_once = 4096; /* a test that is cut off leaves little behind */
    n->signer_cx.conf = n->conf;
    assert_int_equal(store_open(&n->signer_cx, str_of(url), &n->sys.store), ERR_OK);
    n->sys.fetch = fetch_pretend(node_answer, n);
    node_start_signer(n);
    test_ctx_init(&n->t); /* from here on faults may be made */
    cx = &n->t.cx;
    cx->conf = n->conf;
    cx->sys = &n->sys;
    node_set_time(n, cx->now_ms);
    for (size_t i = 0; i < ROOM_COUNT; i++) {
        n->rooms[i] = rooms[i];
        if (rooms[i] == NULL)
            continue;
        if (rooms[i]->routes != NULL)
            n->tables[n->table_count++] = rooms[i]->routes;
        if (e == ERR_OK && rooms[i]->open != NULL)
            e = rooms[i]->open(cx, &n->sys.state[i]);
    }
    if (e != ERR_OK) { /* with faults made, no room is a crash of its test */
        node_close(n);
        fail_msg("a room does not open: %s", err_row(e)->name);
    }
    return n;
}

/* --- asking ------------------------------------------------------------------------- */

static struct node *node_told; /* whose audit events these are */

static inline err_t
node_keep_audit(struct ctx *cx, const struct audit_record *record)
{
    struct str *texts[] = { &node_told->told.who,    &node_told->told.custodian,
                            &node_told->told.what,   &node_told->told.entity,
                            &node_told->told.reason, &node_told->told.code };

    (void)cx;
    node_told->told = *record;
    node_told->told_count++;
    for (size_t i = 0; i < COUNT(texts); i++) /* the record is good for this call alone */
        *texts[i] = arena_str(&node_told->t.arena, *texts[i]);
    return ERR_OK;
}

static inline struct str
node_send(struct node *n, enum http_door door, struct str request)
{
    struct http_ask how = { .tables = n->tables,
                            .table_count = n->table_count,
                            .door = door,
                            .conf = n->conf,
                            .audit_put = node_keep_audit,
                            .fail_at = n->fail_at };
    struct str reply;

    node_told = n;
    n->told_count = 0;
    if (http_ask(&n->t.cx, &how, request, &reply) != ERR_OK)
        return S("");
    return reply;
}

/* `body` NULL: none. The answer's text, head and all. */
static inline struct str
node_ask(struct node *n, const char *method, const char *target, const char *body)
{
    enum http_door door;
    struct str text;

    assert_non_null(target);
    door = strncmp(target, "/internal", 9) == 0 ? HTTP_DOOR_INTERNAL : HTTP_DOOR_PUBLIC;
    text = body == NULL
               ? arena_printf(&n->t.arena, "%s %s HTTP/1.1\r\nHost: localhost\r\n\r\n",
                              method, target)
               : arena_printf(&n->t.arena,
                              "%s %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
                              "application/json\r\nContent-Length: %zu\r\n\r\n%s",
                              method, target, strlen(body), body);

    return text.p == NULL ? text : node_send(n, door, text);
}

static inline int
reply_status(struct str reply)
{
    uint64_t status = 0;

    if (!str_starts(reply, S("HTTP/1.1 ")) || !str_to_u64(str_sub(reply, 9, 12), &status))
        return 0;
    return (int)status;
}

static inline struct str
reply_body(struct str reply)
{
    return str_sub(reply, str_search(reply, S("\r\n\r\n")) + 4, reply.n);
}

static inline bool
str_has(struct str s, const char *part)
{
    return str_search(s, str_of(part)) < s.n;
}

/* Fails the test with what was said instead. Gives the body. */
static inline struct str
expect(struct str reply, int status, const char *part)
{
    if (reply_status(reply) != status || (part != NULL && !str_has(reply, part)))
        fail_msg("wanted %d %s, got: %.*s", status, part ? part : "",
                 (int)(reply.n < 2000 ? reply.n : 2000), reply.p);
    return reply_body(reply);
}

static inline const json *
expect_json(struct node *n, struct str reply, int status)
{
    json *v = NULL;

    assert_int_equal(json_parse(&n->t.cx, expect(reply, status, NULL), JSON_STRICT, &v),
                     ERR_OK);
    return v;
}

/*
 * The same request with the n-th allocation, then the n-th database call, failing,
 * until nothing fails any more. An answer is a refusal (5xx) or what it always is.
 */
static inline void
node_survives(struct node *n, const char *method, const char *target, const char *body,
              int status)
{
    struct str reply;
    int same = 0, got = 0;

    for (n->fail_at = 1; n->fail_at < 400 && same < 3; n->fail_at++) {
        reply = node_ask(n, method, target, body);
        got = reply_status(reply);
        if (got != 503 && got != 500 && got != status && got != 0)
            fail_msg("%s %s: allocation %ld: %.*s", method, target, n->fail_at, STR(reply));
        same = got == status ? same + 1 : 0;
    }
    n->fail_at = 0;
    same = 0;
    for (long i = 1; i < 100 && same < 3; i++) {
        store_fail_at(i);
        reply = node_ask(n, method, target, body);
        got = reply_status(reply);
        if (got != 503 && got != 500 && got != status)
            fail_msg("%s %s: database call %ld: %.*s", method, target, i, STR(reply));
        same = got == status ? same + 1 : 0;
    }
    store_fail_at(0);
    assert_int_equal(same, 3);
}

/* --- others ------------------------------------------------------------------------- */

struct peer {
    struct key *key;
    struct str did, kid, url, jwk; /* where its document is */
};

/* A did:web with one P-256 key, in `uses` (JSON members), published. */
static inline void
peer_publish(struct node *n, const struct peer *p, const char *relations)
{
    struct str doc =
        arena_printf(&n->t.arena,
                     "{\"@context\":[\"https://www.w3.org/ns/did/v1\"],\"id\":\"%.*s\","
                     "\"verificationMethod\":[{\"id\":\"%.*s\",\"type\":\"JsonWebKey2020\","
                     "\"controller\":\"%.*s\",\"publicKeyJwk\":%.*s}]%s}",
                     STR(p->did), STR(p->kid), STR(p->did), STR(p->jwk), relations);

    assert_non_null(doc.p);
    node_publish(n, p->url.p, doc.p);
}

static inline void
peer_new(struct node *n, const char *did, struct peer *p)
{
    struct did parsed;
    struct str relations;

    memset(p, 0, sizeof(*p));
    p->did = str_of(did);
    assert_int_equal(key_generate(&n->t.cx, KEY_P256, &p->key), ERR_OK);
    assert_int_equal(did_parse(&n->t.cx, p->did, &parsed), ERR_OK);
    assert_int_equal(did_web_url(&n->t.cx, &parsed, &p->url), ERR_OK);
    assert_int_equal(jwk_text(&n->t.cx, p->key, S(""), &p->jwk), ERR_OK);
    p->kid = arena_printf(&n->t.arena, "%s#k", did);
    relations = arena_printf(
        &n->t.arena, ",\"assertionMethod\":[\"%s#k\"],\"authentication\":[\"%s#k\"]", did,
        did);
    assert_non_null(p->kid.p);
    assert_non_null(relations.p);
    peer_publish(n, p, relations.p);
}

static inline void
peer_end(struct peer *p)
{
    key_drop(&p->key);
}

/* A JWT with this header, or with alg, kid and typ of this peer when NULL. */
static inline struct str
peer_sign(struct node *n, const struct peer *p, const char *header, const char *claims)
{
    struct str head = header != NULL
                          ? str_of(header)
                          : arena_printf(&n->t.arena,
                                         "{\"alg\":\"ES256\",\"kid\":\"%.*s\",\"typ\":"
                                         "\"JWT\"}",
                                         STR(p->kid));
    struct str jwt;

    assert_int_equal(jws_sign(&n->t.cx, p->key, head, bytes_of(str_of(claims)), &jwt),
                     ERR_OK);
    return jwt;
}

#endif

/*
 * world.h - a country on this machine: four organisations, each with a node and a
 * FHIR store of its own, and a certification authority.
 *
 *   <folder>/ca/                 the authority's files     http://crl.knoop-demo.nl
 *   <folder>/shared/             policies, root certificates: what all may read
 *   <folder>/hospital/           root.key  data/  knoop.yaml  log     (the node)
 *   <folder>/hospital/source/    records.ndjson  fhir.db  log         (its records)
 *   <folder>/gp/ homecare/ pharmacy/
 *
 * Rule      Nodes run as anywhere: strict mode, TLS, keys in a signer. Loosened by
 *           named options alone: fetch.hosts (names lead to this machine),
 *           fetch.allowed_ranges (loopback may be called), and the test
 *           authority as root. All else goes over their doors.
 * Lifetime  From world_open to world_close; nothing is left behind but what was
 *           asked for.
 * Threads   One, which turns the loop.
 * Source    Knoop. EUPL-1.2.
 */
#ifndef KNOOP_APP_DEMO_WORLD_H
#define KNOOP_APP_DEMO_WORLD_H

#include "app/cli/cli.h"
#include "app/demo/ca_serve.h"
#include "app/demo/data.h"
#include "app/demo/process.h"

#define WORLD_DOMAIN "knoop-demo.nl"

struct world_node {
    enum data_org org;
    const struct data_org_row *who;
    struct str host;   /* "hospital.knoop-demo.nl" */
    struct str issuer; /* "https://<host>/oauth2/<id>" */
    struct str folder;
    struct process node, source;
    int public_port, internal_port, source_port;
    struct str did, kid; /* once it has an identity */
};

struct world {
    struct ctx *cx;     /* the command's */
    const char *folder; /* all is below it */
    char *program;
    const char *policies; /* where they were found */
    struct world_node node[DATA_ORGS];
    struct loop *loop;
    struct conf *conf;
    struct sys sys; /* fetch: the way to the doors */
    struct ca_serve ca;
    struct loop_io signals;
    bool stop;                 /* Ctrl-C, or SIGTERM */
    struct world_maker *maker; /* of certificates, while nodes start */
};

/* `w` has cx, folder (made, empty) and policies set. All nodes serve. */
err_t world_open(struct world *w) NODISCARD;
/* Ends every process; the first that did not end well is the reason. */
err_t world_close(struct world *w) NODISCARD;
/* Until Ctrl-C. */
void world_stay(struct world *w);

/*
 * Where the policies are: beside the program's own folder (build/knoop), or in
 * ../share/knoop (installed). NOT_FOUND.
 */
err_t world_policies(struct ctx *cx, const char *program, const char **out) NODISCARD;

/*
 * The server certificates of all organisations are in <folder>/ca/<id>.pem and .key
 * when this returns; they were begun while the nodes started.
 */
err_t world_certificates(struct world *w) NODISCARD;
/* Another one for the same organisation and key, under another name. */
err_t world_certificate(struct world *w, const struct world_node *n, struct str name,
                        int64_t until_ms) NODISCARD;

/* --- asking ------------------------------------------------------------------------ */

enum world_door { WORLD_PUBLIC, WORLD_INTERNAL };

struct world_call {
    const struct world_node *to;
    enum world_door door;
    enum http_method method;
    struct str path;  /* and query */
    const char *type; /* of the body; NULL: application/json */
    struct str body;
    struct str authorization, dpop; /* may be empty */
};
struct world_reply {
    int status;
    struct str body;
    const json *v; /* the body, when it is JSON; else NULL */
    int64_t ns;    /* how long it took */
};
/* Any status is ERR_OK; GONE when the demo was told to stop. */
err_t world_ask(struct world *w, const struct world_call *call,
                struct world_reply *out) NODISCARD;
/* The same, where only this status will do; the reason tells what came instead. */
err_t world_want(struct world *w, const struct world_call *call, int status,
                 struct world_reply *out) NODISCARD;
/* The words in which an answer refused: of a problem, an OAuth error, an outcome. */
struct str world_words(const struct world_reply *r);

#endif

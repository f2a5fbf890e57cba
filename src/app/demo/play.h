/*
 * play.h - the demo as a play: a table of steps, each over the doors of running
 * nodes; what it proved, who vouched for it, how long it took.
 *
 * Rule      issue 2.9. A step that is to be refused passes when it was refused, with
 *           the right status and for the right reason: the reason comes from the
 *           refusing node's own log or audit.
 * Lifetime  Texts live in the command's arena.
 * Source    Knoop. EUPL-1.2.
 */
#ifndef KNOOP_APP_DEMO_PLAY_H
#define KNOOP_APP_DEMO_PLAY_H

#include "app/demo/world.h"

enum { PLAY_LINES = 40 };

struct play {
    struct world *w;
    struct ctx *cx;
    struct world_node *hospital, *gp, *homecare, *pharmacy;
    const struct data_staff *nurse; /* who asks */
    struct str patient, other;      /* ids at the hospital */
    char number[10], other_number[10];

    /* what earlier steps found */
    struct str credential;       /* home care's X509Credential */
    struct str expired, revoked; /* the pharmacy's, of certificates that were good once */
    int64_t expired_ms;
    struct str ground;       /* its id */
    struct str token, kid;   /* home care's, for the hospital */
    struct str proof;        /* a DPoP proof that was used */
    struct str presentation; /* a token request that was granted */
    const json *definition;  /* what the hospital asks to be presented */
    size_t resources, questions;
    struct str event; /* in the hospital's log: a read of the patient */

    /* of the step at hand */
    int64_t ns; /* in the hands of nodes */
    struct str line[PLAY_LINES];
    size_t lines;
    unsigned passed, failed;
};

struct step {
    const char *part;    /* a heading, where a new part begins */
    const char *title;   /* one line */
    const char *mission; /* rows that it shows: "3, 50" */
    err_t (*run)(struct play *p);
};
extern const struct step play_steps[]; /* ended by { 0 } */

/* The second part's first step: a ground for home care, for the patient. */
err_t play_ground(struct play *p) NODISCARD;
/* All of them; false when one failed or Ctrl-C came. */
bool play_all(struct play *p);

/* --- for steps ------------------------------------------------------------------- */

/* A line below the step: "proved", "vouched", "because". */
void tell(struct play *p, const char *what, const char *format, ...) PRINTF(3, 4);

/* world_want and world_ask, timed. */
err_t want(struct play *p, const struct world_call *call, int status,
           struct world_reply *out) NODISCARD;
/* POST of JSON to an internal door; the body is printf's. */
err_t post(struct play *p, const struct world_node *to, struct str path, int status,
           struct world_reply *out, const char *format, ...) PRINTF(6, 7) NODISCARD;

/*
 * A call that must be refused: with this status, and by a reason that holds `why`
 * in the refusing node's log. Tells both.
 */
err_t refused(struct play *p, const struct world_call *call, int status,
              const char *why) NODISCARD;

/* Percent-encoded, for a part of a path. */
struct str part_of_path(struct ctx *cx, struct str s);

/* A proof for GET or POST of this path at the hospital, with home care's token. */
err_t make_proof(struct play *p, const struct world_node *by, struct str kid,
                 const char *method, struct str path, struct str *proof) NODISCARD;
/* A question to the hospital as home care asks it: token and fresh proof. */
err_t ask_hospital(struct play *p, struct str path, struct world_call *call) NODISCARD;

/* A presentation of `credential` by its subject, for `audience`. */
err_t present(struct play *p, const struct world_node *by, struct str credential,
              struct str audience, struct str *vp) NODISCARD;
/* The token request that carries it, to the hospital. */
err_t token_form(struct play *p, const struct world_node *by, const char *scope,
                 struct str vp, struct str *form) NODISCARD;
struct world_call token_call(struct play *p, struct str form);

#endif

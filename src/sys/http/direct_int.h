/*
 * direct_int.h - what direct's files share. Private to them.
 *
 *      direct.c          a transfer from its start to its end    the room's door (direct.h)
 *      direct_conn.c     a connection: dialled, sent to, kept, closed
 *      direct_request.c  the URL, and the bytes of the request
 *      direct_answer.c   llhttp's callbacks: the answer's bytes to the owner
 *
 * Lifetime  A connection is on the heap, with a transfer or among the idle ones; buried,
 *           it is gone at once, or by its task where that is queued.
 * Source    Knoop. EUPL-1.2.
 */
#ifndef KNOOP_SYS_HTTP_DIRECT_INT_H
#define KNOOP_SYS_HTTP_DIRECT_INT_H

#include "sys/http/direct.h"
#include "sys/http/parser.h"

enum {
    DIRECT_PIECE = 64 * 1024, /* one read, and so the most that is put aside for a pause */
};

struct direct_conn {
    struct loop_io io;
    struct loop_timer timer; /* the transfer's end, or the idle one's */
    struct loop_task task;   /* what must not happen within direct_go_on */
    struct direct *of;
    struct direct_conn *next; /* idle ones */
    struct direct_to to;
    struct transfer *t; /* NULL: idle */
    int64_t end_ms;
    struct bytes out[2]; /* head and body of the request */
    size_t out_at;
    llhttp_t parser;
    struct buf line; /* of the answer's head */
    uint8_t *aside;  /* came while the owner did not want it */
    size_t aside_n;
    err_t verdict; /* for the task */
    bool watched, connecting, reused, answered, head_done, whole, keep, paused;
    bool unasked; /* the request goes at the end of the turn */
    bool queued, dead;
};

struct direct {
    struct loop *loop;
    void (*done)(struct transfer *t, err_t e);
    struct direct_conn *idle;
    size_t idle_n;
    llhttp_settings_t settings;
    char scratch[DIRECT_PIECE];
};

/* --- direct_conn.c ------------------------------------------------------------------ */
/* False: nothing is watched; for one that has a transfer. */
bool direct_conn_watch(struct direct_conn *c, uint32_t events) NODISCARD;
void direct_conn_unwatch(struct direct_conn *c);
/* A socket that connects: `c` is ready to write once it has. */
bool direct_conn_dial(struct direct_conn *c) NODISCARD;
/* What can be sent now, of out[]; false when the connection broke. */
bool direct_conn_send(struct direct_conn *c) NODISCARD;
bool direct_conn_unsent(const struct direct_conn *c) NODISCARD;
void direct_conn_hang_up(struct direct_conn *c); /* closes the socket alone */
void direct_conn_bury(struct direct_conn *c);
/* Keeps it for the next transfer, or buries it. */
void direct_conn_retire(struct direct_conn *c);
struct direct_conn *direct_conn_kept(struct direct *d, const struct direct_to *to);
void direct_conn_drop_kept(struct direct_conn *c); /* takes it from the idle, buries it */

/* --- direct_request.c --------------------------------------------------------------- */
/* The head of the request, in the transfer's arena; its body goes as it is. */
err_t direct_request(struct transfer *t, const struct direct_url *url,
                     struct str *out) NODISCARD;

/* --- direct_answer.c ---------------------------------------------------------------- */
void direct_answer_settings(llhttp_settings_t *out);
void direct_answer_begin(struct direct_conn *c);

#endif

/*
 * conn_int.h - what conn's files share. Private to them; the rest of the room has
 * http_int.h.
 *
 *      conn.c          a connection's life: opened, shaken hands with, waited for, ended
 *      conn_read.c     its bytes in, to the parser
 *      conn_answer.c   a whole request is run, and its answer written
 *
 * Source    Knoop. EUPL-1.2.
 */
#ifndef KNOOP_SYS_HTTP_CONN_INT_H
#define KNOOP_SYS_HTTP_CONN_INT_H

#include "sys/http/http_int.h"

/* --- conn.c ------------------------------------------------------------------------- */
/* Goes on at the end of the turn, with what is to be written or what was put aside. */
void conn__later(struct http_conn *c);
/* These may close it: look at the state behind them. */
void conn__deadline(struct http_conn *c, int64_t ms);
void conn__idle(struct http_conn *c);
void conn__linger(struct http_conn *c);

/* --- conn_read.c -------------------------------------------------------------------- */
void conn__read(struct http_conn *c);
void conn__go_on(struct http_conn *c);   /* with what was put aside */
void conn__refused(struct http_conn *c); /* says what rq.cx.refused is, and hears no more */
void conn__swallow(struct http_conn *c); /* what nobody reads */

/* --- conn_answer.c ------------------------------------------------------------------ */
void conn__dispatch(struct http_conn *c); /* the request is whole */
void conn__flush(struct http_conn *c);    /* what can be sent now, of the answer */

#endif

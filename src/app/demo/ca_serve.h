/*
 * ca_serve.h - revocation lists over plain http, as a certification authority
 * publishes them (RFC 5280 4.2.1.13).
 *
 * Trust     Anyone may read them; nothing else of the folder is served.
 * Lifetime  Until ca_serve_close. Files are read at each request.
 * Threads   The loop's.
 * Source    Knoop. EUPL-1.2.
 */
#ifndef KNOOP_APP_DEMO_CA_SERVE_H
#define KNOOP_APP_DEMO_CA_SERVE_H

#include "app/cli/cli.h"
#include "sys/conf/conf.h"
#include "sys/http/http.h"
#include "sys/loop/loop.h"
#include "sys/sys.h"

struct ca_serve {
    const char *folder; /* borrowed */
    int port;
    struct http *http;
    struct sys sys;
};

/* Listens on `address`; port 0: any, which *s then names. Takes a use of `conf`. */
err_t ca_serve_open(struct ctx *cx, struct loop *loop, struct conf *conf,
                    struct str address, const char *folder, struct ca_serve *s) NODISCARD;
void ca_serve_close(struct ca_serve *s); /* twice is fine */

int demo__ca_serve(struct cli *c);

#endif

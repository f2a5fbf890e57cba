/*
 * sys.h - the services of floor 3, as a worker holds them. A context carries
 * a pointer to it; floors 4 and 5 reach every service through that.
 *
 * Source    Knoop. EUPL-1.2.
 */
#ifndef KNOOP_SYS_SYS_H
#define KNOOP_SYS_SYS_H

#include "base/err.h"

enum room_id {
#define ROOM(name, folder) ROOM_##name,
#include "lists/rooms.def"
#undef ROOM
    ROOM_COUNT
};

struct sys {
    struct store *store;     /* sys/store/store.h */
    struct keys *keys;       /* sys/keys/keys.h: the way to the signer */
    struct audit *audit;     /* sys/audit/audit.h: the ring to the auditor */
    struct fetch *fetch;     /* sys/http/fetch.h: outbound HTTP */
    struct http *http;       /* sys/http/http.h: the doors */
    struct loop *loop;       /* sys/loop/loop.h */
    void *state[ROOM_COUNT]; /* what a room above keeps per worker */
};

#endif

/*
 * room.h - what a room of floor 4 or 5 hands to the program: upward calls go
 * through these tables alone. `<name>_room` is named in lists/rooms.def.
 *
 * Source    Knoop. EUPL-1.2.
 */
#ifndef KNOOP_SYS_ROOM_H
#define KNOOP_SYS_ROOM_H

#include "sys/http/http.h"
#include "sys/sys.h"

struct room_job {
    const char *name;
    int64_t every_ms; /* jobs run one after the other, in one worker */
    err_t (*fn)(struct ctx *cx, void *state);
};

struct room {
    const struct http_route *routes; /* ended by { 0 }; may be NULL */
    const struct room_job *jobs;     /* ended by { 0 }; may be NULL */
    /* In each worker, before the doors open; `*state` becomes sys->state[]. */
    err_t (*open)(struct ctx *cx, void **state);
    /* With new options in cx->conf; on refusal the old state stays in force. */
    err_t (*reload)(struct ctx *cx, void *state);
    /* One word or sentence for /health; ERR_OK is UP. May be NULL. */
    err_t (*health)(struct ctx *cx, void *state, struct str *detail);
    void (*close)(void *state);
};

#define ROOM(name, folder) extern const struct room name##_room;
#include "lists/rooms.def"
#undef ROOM

/* The state that a room keeps in this worker, by its name in rooms.def. */
#define ROOM_STATE(cx, name) ((cx)->sys->state[ROOM_##name])

#endif

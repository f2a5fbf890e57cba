/*
 * main_rooms.c - the rooms put together: this file and worker.c alone know
 * them all.
 *
 * Source    Knoop. EUPL-1.2.
 */
#include "app/main/main_rooms.h"

#include "sys/room.h"

const struct http_route *const *
main_routes(size_t *n)
{
    static const struct http_route *tables[ROOM_COUNT + 1];
    size_t at = 0;

#define ROOM(name, folder)                                                                 \
    if (name##_room.routes != NULL)                                                        \
        tables[at++] = name##_room.routes;
#include "lists/rooms.def"
#undef ROOM
    *n = at;
    return tables;
}

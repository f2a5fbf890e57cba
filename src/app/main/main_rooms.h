/*
 * main_rooms.h - every route of the program, in one list.
 *
 * Source    Knoop. EUPL-1.2.
 */
#ifndef KNOOP_APP_MAIN_ROOMS_H
#define KNOOP_APP_MAIN_ROOMS_H

#include "sys/http/http.h"

/* `*n` tables, each ended by { 0 }; some may be NULL. */
const struct http_route *const *main_routes(size_t *n);

#endif

/*
 * pe_room.c - presentation exchange keeps nothing and answers nobody itself: its
 * callers are trust/oauth and, later, trust/discovery. EUPL-1.2.
 */
#include "sys/room.h"

const struct room pe_room = { .routes = NULL };

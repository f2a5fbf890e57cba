/*
 * gateway.h - a reverse proxy before any FHIR server, which asks of every
 * request: who, what, about whom, and on what ground.
 *
 *   GET  /fhir/{tenant}/metadata      what may be asked, by the policies in force
 *   ANY  /fhir/{tenant}/…             judged (judge.c), then relayed (release.c)
 *
 * Rule      spec 9.2, issue 2.6; spec 2d.9 lists the holes of others that its
 *           tests keep shut.
 * Trust     Callers are strangers until their token is proven. The upstream is
 *           the operator's, and its answers are checked before they leave.
 * Lifetime  The room has no functions for others: its routes stand in
 *           gateway_room (lists/rooms.def).
 * Source    Knoop. EUPL-1.2.
 */
#ifndef KNOOP_CARE_GATEWAY_H
#define KNOOP_CARE_GATEWAY_H

#include "sys/room.h"

#endif

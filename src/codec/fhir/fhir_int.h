/*
 * fhir_int.h - the room's private door.
 * Source    Knoop. EUPL-1.2.
 */
#ifndef KNOOP_CODEC_FHIR_INT_H
#define KNOOP_CODEC_FHIR_INT_H

#include "codec/fhir/fhir.h"

/* Is `word` one of those in `list`, which are separated by spaces? */
bool fhir__listed(const char *list, struct str word);

/* The parameters of a type, and those of every type; closed by a NULL name. */
const struct fhir_param *fhir__params(struct str type);
const struct fhir_param *fhir__common(void);

/* The values that a term is compared with, folded only where it looks at words. */
err_t fhir__index_term(struct ctx *cx, const json *resource, const struct fhir_term *term,
                       struct fhir_index *out) NODISCARD;

#endif

/* steps.h - the functions behind the rows of steps.c. EUPL-1.2. */
#ifndef KNOOP_APP_DEMO_STEPS_H
#define KNOOP_APP_DEMO_STEPS_H

#include "app/demo/play.h"

/* steps_world.c */
err_t step_identities(struct play *p) NODISCARD;
err_t step_credentials(struct play *p) NODISCARD;
err_t step_resolve(struct play *p) NODISCARD;
/* steps_fetch.c */
err_t step_metadata(struct play *p) NODISCARD;
err_t step_token(struct play *p) NODISCARD;
err_t step_introspect(struct play *p) NODISCARD;
err_t step_patient(struct play *p) NODISCARD;
err_t step_by_number(struct play *p) NODISCARD;
err_t step_bgz(struct play *p) NODISCARD;
/* steps_refused.c: of who asks */
err_t step_no_token(struct play *p) NODISCARD;
err_t step_foreign_audience(struct play *p) NODISCARD;
err_t step_replayed_presentation(struct play *p) NODISCARD;
err_t step_replayed_proof(struct play *p) NODISCARD;
err_t step_other_question(struct play *p) NODISCARD;
err_t step_wrong_key(struct play *p) NODISCARD;
err_t step_bearer(struct play *p) NODISCARD;
err_t step_expired(struct play *p) NODISCARD;
err_t step_revoked(struct play *p) NODISCARD;
err_t step_changed_digit(struct play *p) NODISCARD;
err_t step_somebody_elses(struct play *p) NODISCARD;
/* steps_outside.c: of what is asked */
err_t step_unknown_scope(struct play *p) NODISCARD;
err_t step_outside_scope(struct play *p) NODISCARD;
err_t step_two_patients(struct play *p) NODISCARD;
err_t step_path(struct play *p) NODISCARD;
err_t step_other_patient(struct play *p) NODISCARD;
err_t step_no_ground(struct play *p) NODISCARD;
/* steps_trail.c, steps_whole.c */
err_t step_trail(struct play *p) NODISCARD;
err_t step_officer(struct play *p) NODISCARD;
err_t step_whole(struct play *p) NODISCARD;
err_t step_altered(struct play *p) NODISCARD;
err_t step_nothing_stays(struct play *p) NODISCARD;

#endif

/*
 * request_types.c - the words of FHIR R4 for interactions.
 *
 * Rule      hl7.org/fhir/R4/http.html 3.1.0.
 * Source    Knoop. EUPL-1.2.
 */
#include "care/policy/policy_int.h"

static const char *const interactions[FHIR_INTERACTION_COUNT] = {
    [FHIR_INTERACTION_NONE] = "none",
    [FHIR_READ] = "read",
    [FHIR_VREAD] = "vread",
    [FHIR_SEARCH_TYPE] = "search-type",
    [FHIR_SEARCH_SYSTEM] = "search-system",
    [FHIR_HISTORY_INSTANCE] = "history-instance",
    [FHIR_HISTORY_TYPE] = "history-type",
    [FHIR_HISTORY_SYSTEM] = "history-system",
    [FHIR_CAPABILITIES] = "capabilities",
    [FHIR_OPERATION] = "operation",
    [FHIR_CREATE] = "create",
    [FHIR_UPDATE] = "update",
    [FHIR_UPDATE_CONDITIONAL] = "update-conditional",
    [FHIR_PATCH] = "patch",
    [FHIR_PATCH_CONDITIONAL] = "patch-conditional",
    [FHIR_DELETE] = "delete",
    [FHIR_DELETE_CONDITIONAL] = "delete-conditional",
    [FHIR_TRANSACTION] = "transaction",
};

const char *
fhir_interaction_name(enum fhir_interaction i)
{
    return interactions[i];
}

enum fhir_interaction
fhir_interaction_of(struct str name)
{
    for (size_t i = 1; i < COUNT(interactions); i++)
        if (str_is(name, interactions[i]))
            return (enum fhir_interaction)i;
    return FHIR_INTERACTION_NONE;
}

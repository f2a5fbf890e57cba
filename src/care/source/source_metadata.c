/*
 * source_metadata.c - what this store offers, as a CapabilityStatement
 * (FHIR R4 3.1.0.12). EUPL-1.2.
 */
#include "care/source/source_int.h"

#include "base/time.h"
#include "codec/fhir/fhir.h"

static void
put_codes(struct json_out *js, const char *name, const char *const *codes, size_t n)
{
    json_key(js, name);
    json_array(js);
    for (size_t i = 0; i < n; i++) {
        json_object(js);
        json_member_z(js, "code", codes[i]);
        json_end(js);
    }
    json_end(js);
}

static void
put_params(struct json_out *js, struct str type)
{
    const struct fhir_param *p;

    json_key(js, "searchParam");
    json_array(js);
    for (size_t i = 0; (p = fhir_param_at(type, i)) != NULL; i++) {
        json_object(js);
        json_member_z(js, "name", p->name);
        json_member_z(js, "type", fhir_kind_name(p->kind));
        json_end(js);
    }
    json_end(js);
}

static void
put_lastn(struct json_out *js)
{
    json_key(js, "operation");
    json_array(js);
    json_object(js);
    json_member_z(js, "name", "lastn");
    json_member_z(js, "definition",
                  "http://hl7.org/fhir/OperationDefinition/Observation-lastn");
    json_end(js);
    json_end(js);
}

static void
put_type(struct json_out *js, struct str type)
{
    static const char *const interactions[] = { "read",         "vread",
                                                "create",       "update",
                                                "delete",       "history-instance",
                                                "history-type", "search-type" };

    json_object(js);
    json_member(js, "type", type);
    put_codes(js, "interaction", interactions, COUNT(interactions));
    json_member_z(js, "versioning", "versioned-update");
    json_member_bool(js, "readHistory", true);
    json_member_bool(js, "updateCreate", true);
    json_member_bool(js, "conditionalCreate", true);
    put_params(js, type);
    if (str_is(type, "Observation"))
        put_lastn(js);
    json_end(js);
}

err_t
source__metadata(struct req *rq)
{
    static const char *const system[] = { "transaction", "batch", "history-system" };
    struct json_out *js = reply_json_as(rq, 200, "application/fhir+json");
    struct str type;
    char when[TIME_TEXT];

    json_object(js);
    json_member_z(js, "resourceType", "CapabilityStatement");
    json_member_z(js, "status", "active");
    json_member(js, "date", time_text(when, rq->cx.now_ms));
    json_member_z(js, "kind", "instance");
    json_member_z(js, "fhirVersion", "4.0.1");
    json_key(js, "format");
    json_array(js);
    json_put_z(js, "application/fhir+json");
    json_end(js);
    json_key(js, "rest");
    json_array(js);
    json_object(js);
    json_member_z(js, "mode", "server");
    json_key(js, "resource");
    json_array(js);
    for (size_t i = 0; (type = fhir_type_at(i)).p != NULL; i++)
        put_type(js, type);
    json_end(js);
    put_codes(js, "interaction", system, COUNT(system));
    json_end(js);
    json_end(js);
    json_end(js);
    return reply_send(rq, js);
}

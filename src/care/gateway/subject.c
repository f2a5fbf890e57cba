/*
 * subject.c - whose a resource is.
 *
 * Rule      FHIR R4, compartment Patient: the element by which a type names
 *           its patient. A resource that names two patients is nobody's.
 * Trust     The upstream is the operator's, but what is in it need not be
 *           right: what cannot be read as the patient's is not released.
 * Source    Knoop. EUPL-1.2.
 */
#include "care/gateway/gateway_int.h"

/* Types whose element is not `subject` or `patient`. */
static const struct {
    struct str type, element;
} elements[] = {
    { S_INIT("Coverage"), S_INIT("beneficiary") },
    { S_INIT("Task"), S_INIT("for") },
    { S_INIT("ResearchSubject"), S_INIT("individual") },
    { S_INIT("EnrollmentRequest"), S_INIT("candidate") },
};

/* Deep in a list: Appointment.participant[].actor. */
static bool
by_participant(struct str type)
{
    return str_is(type, "Appointment") || str_is(type, "AppointmentResponse");
}

/* "Patient/1", or the same at the upstream, with or without a version. */
static bool
patient_reference(const json *reference, struct str upstream, struct str *id)
{
    struct str s;

    (void)json_str(json_get_str(reference, S("reference")), &s);
    if (str_starts(s, upstream) && s.n > upstream.n && s.p[upstream.n] == '/')
        s = str_sub(s, upstream.n + 1, s.n);
    if (!str_starts(s, S("Patient/")))
        return false;
    s = str_sub(s, 8, s.n);
    *id = str_sub(s, 0, str_search(s, S("/_history/")));
    return fhir_id_valid(*id);
}

struct names {
    struct str upstream;
    struct str id;   /* the first patient */
    size_t patients; /* different ones */
    bool others;     /* a subject that is no patient */
};

static void
add_name(struct names *n, const json *reference)
{
    struct str id;

    if (reference == NULL)
        return;
    if (!patient_reference(reference, n->upstream, &id)) {
        n->others = true;
        return;
    }
    if (n->patients == 0)
        n->id = id;
    if (n->patients == 0 || !str_eq(n->id, id))
        n->patients++;
}

static void
add_element(struct names *n, const json *v)
{
    if (json_type(v) == JSON_ARRAY) {
        for (json_each(it, v))
            add_name(n, it.value);
        return;
    }
    add_name(n, v);
}

static void
add_participants(struct names *n, const json *resource)
{
    for (json_each(it, json_get(resource, "participant")))
        add_element(n, json_get(it.value, "actor"));
    add_element(n, json_get(resource, "actor")); /* AppointmentResponse */
    n->others = false;                           /* practitioners and rooms take part too */
}

static void
find_names(const struct gateway_resource *r, struct str upstream, struct names *n)
{
    *n = (struct names){ .upstream = upstream };
    if (by_participant(r->type)) {
        add_participants(n, r->value);
        return;
    }
    add_element(n, r->subject);
    add_element(n, r->patient);
    for (size_t i = 0; i < COUNT(elements); i++)
        if (str_eq(r->type, elements[i].type))
            add_element(n, json_get_str(r->value, elements[i].element));
}

struct gateway_resource
gateway__resource(const json *value)
{
    static const struct str names[] = { S_INIT("resourceType"), S_INIT("id"),
                                        S_INIT("subject"), S_INIT("patient") };
    struct gateway_resource r = { .value = value };
    json *found[COUNT(names)];

    json_members(value, names, COUNT(names), found);
    (void)json_str(found[0], &r.type);
    (void)json_str(found[1], &r.id);
    r.subject = found[2];
    r.patient = found[3];
    return r;
}

err_t
gateway__subject(struct ctx *cx, const json *resource, struct str upstream, struct str *id)
{
    struct gateway_resource r = gateway__resource(resource);
    struct names n;

    *id = (struct str){ NULL, 0 };
    find_names(&r, upstream, &n);
    if (n.patients != 1 || n.others)
        return refuse(cx, ERR_NOT_FOUND, "spec 9.2", "the resource names %s",
                      n.patients > 1 ? "two patients" : "no patient alone");
    *id = n.id;
    return ERR_OK;
}

bool
gateway__names_subject(const struct gateway_resource *r)
{
    struct names n;

    find_names(r, S("-"), &n);
    return n.patients > 0 || n.others || str_is(r->type, "Patient");
}

static bool
is_number_system(const json *system)
{
    return json_is(system, BSN_SYSTEM) ||
           json_is(system, "urn:oid:2.16.840.1.113883.2.4.6.3");
}

bool
gateway__number_of(const json *patient, struct str *number)
{
    size_t found = 0;

    *number = (struct str){ NULL, 0 };
    for (json_each(it, json_get(patient, "identifier"))) {
        struct str value = json_get_text(it.value, "value");

        if (!is_number_system(json_get(it.value, "system")) || value.n == 0)
            continue;
        if (found == 0 || !str_eq(*number, value))
            found++;
        *number = value;
    }
    return found == 1;
}

bool
gateway__has_number(const json *patient, struct str number)
{
    struct str own;

    return number.n != 0 && gateway__number_of(patient, &own) && str_eq(own, number);
}

bool
gateway__belongs(const struct gateway_resource *r, const struct gateway_judged *j)
{
    struct names n;

    if (str_is(r->type, "Patient"))
        return j->patient.id.n != 0 ? str_eq(r->id, j->patient.id)
                                    : gateway__has_number(r->value, j->match.patient_bsn);
    find_names(r, j->upstream, &n);
    return n.patients == 1 && !n.others && j->patient.id.n != 0 &&
           str_eq(n.id, j->patient.id);
}

/* bgz.c - the questions of the BgZ (bgz.h). EUPL-1.2. */
#include "app/demo/bgz.h"

#include "base/buf.h"

#define SCT     "http%3A%2F%2Fsnomed.info%2Fsct%7C"
#define LOINC   "http%3A%2F%2Floinc.org%7C"
#define ACT     "http%3A%2F%2Fterminology.hl7.org%2FCodeSystem%2Fv3-ActCode%7C"
#define USE     "urn%3Aoid%3A2.16.840.1.113883.2.4.3.11.60.20.77.5.3%7C6"
#define PATIENT "?patient=Patient/#"
#define LASTN   "Observation/$lastn" PATIENT

const struct bgz_query bgz_queries[] = {
    { "patient-read", "the patient", "Patient/#" },
    { "patient", "general practitioner",
      "Patient?_id=#&_include=Patient:general-practitioner" },
    { "payor", "who pays",
      "Coverage" PATIENT
      "&_include=Coverage:payor:Patient&_include=Coverage:payor:Organization" },
    { "directives", "treatment directives",
      "Consent" PATIENT "&category=" SCT "11291000146105" },
    { "directives", "living wills", "Consent" PATIENT "&category=" SCT "11341000146107" },
    { "functional-status", "functional and mental status",
      LASTN "&category=" SCT "118228005," SCT "384821006" },
    { "living-situation", "living situation", LASTN "&code=" SCT "365508006" },
    { "use-of-substances", "drug use", "Observation" PATIENT "&code=" SCT "228366006" },
    { "use-of-substances", "alcohol use", "Observation" PATIENT "&code=" SCT "228273003" },
    { "use-of-substances", "tobacco use", "Observation" PATIENT "&code=" SCT "365980008" },
    { "blood-pressure", "blood pressure", LASTN "&code=" LOINC "85354-9" },
    { "body-height", "body height",
      LASTN "&code=" LOINC "8302-2," LOINC "8306-3," LOINC "8308-9" },
    { "body-weight", "body weight", LASTN "&code=" LOINC "29463-7" },
    { "laboratory", "laboratory",
      LASTN "&category=" SCT
            "275711006&_include=Observation:has-member&_include=Observation:specimen" },
    { "problems", "problems", "Condition" PATIENT },
    { "diets", "diets", "NutritionOrder" PATIENT },
    { "alerts", "alerts", "Flag" PATIENT },
    { "allergies", "allergies", "AllergyIntolerance" PATIENT },
    { "medication-use", "medication in use",
      "MedicationStatement" PATIENT "&category=" USE
      "&_include=MedicationStatement:medication" },
    { "medication-agreements", "medication agreed",
      "MedicationRequest" PATIENT "&category=" SCT
      "16076005&_include=MedicationRequest:medication" },
    { "administration-agreements", "medication handed over",
      "MedicationDispense" PATIENT "&category=" SCT
      "422037009&_include=MedicationDispense:medication" },
    { "devices", "medical aids",
      "DeviceUseStatement" PATIENT "&_include=DeviceUseStatement:device" },
    { "vaccinations", "vaccinations", "Immunization" PATIENT "&status=completed" },
    { "vaccination-recommendations", "vaccinations due",
      "ImmunizationRecommendation" PATIENT },
    { "procedures", "operations", "Procedure" PATIENT "&category=" SCT "387713003" },
    { "encounters", "stays",
      "Encounter" PATIENT "&class=" ACT "IMP," ACT "ACUTE," ACT "NONAC" },
    { "planned-procedures", "planned procedures",
      "ServiceRequest" PATIENT "&status=active" },
    { "planned-devices", "planned aids",
      "DeviceRequest" PATIENT "&status=active&_include=DeviceRequest:device" },
    { "appointments", "appointments",
      "Appointment" PATIENT "&status=booked,pending,proposed" },
    { "documents", "documents", "DocumentReference" PATIENT "&status=current" },
    { 0 },
};

struct str
bgz_path(struct ctx *cx, const struct bgz_query *q, struct str patient)
{
    struct str rest = str_of(q->path), before = str_cut(&rest, '#');

    return arena_printf(cx->arena, "%.*s%.*s%.*s", STR(before), STR(patient), STR(rest));
}

/*
 * request_types.c - the words of FHIR R4: resource types and interactions.
 *
 * Rule      hl7.org/fhir/R4/resourcelist.html; http.html 3.1.0. Abstract types
 *           (Resource, DomainResource) are not listed: nobody may ask for them.
 * Source    Knoop. EUPL-1.2.
 */
#include "care/policy/policy_int.h"

#include <stdlib.h>
#include <string.h>

static const char *const types[] = {
    /* sorted by bytes */
    "Account",
    "ActivityDefinition",
    "AdverseEvent",
    "AllergyIntolerance",
    "Appointment",
    "AppointmentResponse",
    "AuditEvent",
    "Basic",
    "Binary",
    "BiologicallyDerivedProduct",
    "BodyStructure",
    "Bundle",
    "CapabilityStatement",
    "CarePlan",
    "CareTeam",
    "CatalogEntry",
    "ChargeItem",
    "ChargeItemDefinition",
    "Claim",
    "ClaimResponse",
    "ClinicalImpression",
    "CodeSystem",
    "Communication",
    "CommunicationRequest",
    "CompartmentDefinition",
    "Composition",
    "ConceptMap",
    "Condition",
    "Consent",
    "Contract",
    "Coverage",
    "CoverageEligibilityRequest",
    "CoverageEligibilityResponse",
    "DetectedIssue",
    "Device",
    "DeviceDefinition",
    "DeviceMetric",
    "DeviceRequest",
    "DeviceUseStatement",
    "DiagnosticReport",
    "DocumentManifest",
    "DocumentReference",
    "EffectEvidenceSynthesis",
    "Encounter",
    "Endpoint",
    "EnrollmentRequest",
    "EnrollmentResponse",
    "EpisodeOfCare",
    "EventDefinition",
    "Evidence",
    "EvidenceVariable",
    "ExampleScenario",
    "ExplanationOfBenefit",
    "FamilyMemberHistory",
    "Flag",
    "Goal",
    "GraphDefinition",
    "Group",
    "GuidanceResponse",
    "HealthcareService",
    "ImagingStudy",
    "Immunization",
    "ImmunizationEvaluation",
    "ImmunizationRecommendation",
    "ImplementationGuide",
    "InsurancePlan",
    "Invoice",
    "Library",
    "Linkage",
    "List",
    "Location",
    "Measure",
    "MeasureReport",
    "Media",
    "Medication",
    "MedicationAdministration",
    "MedicationDispense",
    "MedicationKnowledge",
    "MedicationRequest",
    "MedicationStatement",
    "MedicinalProduct",
    "MedicinalProductAuthorization",
    "MedicinalProductContraindication",
    "MedicinalProductIndication",
    "MedicinalProductIngredient",
    "MedicinalProductInteraction",
    "MedicinalProductManufactured",
    "MedicinalProductPackaged",
    "MedicinalProductPharmaceutical",
    "MedicinalProductUndesirableEffect",
    "MessageDefinition",
    "MessageHeader",
    "MolecularSequence",
    "NamingSystem",
    "NutritionOrder",
    "Observation",
    "ObservationDefinition",
    "OperationDefinition",
    "OperationOutcome",
    "Organization",
    "OrganizationAffiliation",
    "Parameters",
    "Patient",
    "PaymentNotice",
    "PaymentReconciliation",
    "Person",
    "PlanDefinition",
    "Practitioner",
    "PractitionerRole",
    "Procedure",
    "Provenance",
    "Questionnaire",
    "QuestionnaireResponse",
    "RelatedPerson",
    "RequestGroup",
    "ResearchDefinition",
    "ResearchElementDefinition",
    "ResearchStudy",
    "ResearchSubject",
    "RiskAssessment",
    "RiskEvidenceSynthesis",
    "Schedule",
    "SearchParameter",
    "ServiceRequest",
    "Slot",
    "Specimen",
    "SpecimenDefinition",
    "StructureDefinition",
    "StructureMap",
    "Subscription",
    "Substance",
    "SubstanceNucleicAcid",
    "SubstancePolymer",
    "SubstanceProtein",
    "SubstanceReferenceInformation",
    "SubstanceSourceMaterial",
    "SubstanceSpecification",
    "SupplyDelivery",
    "SupplyRequest",
    "Task",
    "TerminologyCapabilities",
    "TestReport",
    "TestScript",
    "ValueSet",
    "VerificationResult",
    "VisionPrescription",
};

static int
by_name(const void *key, const void *entry)
{
    const struct str *name = key;

    return str_cmp(*name, str_of(*(const char *const *)entry));
}

bool
fhir_type_known(struct str name)
{
    return bsearch(&name, types, COUNT(types), sizeof(types[0]), by_name) != NULL;
}

bool
fhir_id_valid(struct str id)
{
    if (id.n == 0 || id.n > 64 || str_is(id, ".") || str_is(id, ".."))
        return false;
    for (size_t i = 0; i < id.n; i++) {
        char c = id.p[i];

        if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
              c == '-' || c == '.'))
            return false;
    }
    return true;
}

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

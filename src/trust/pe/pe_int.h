/* pe_int.h - inside trust/pe. EUPL-1.2. */
#ifndef KNOOP_TRUST_PE_INT_H
#define KNOOP_TRUST_PE_INT_H

#include "codec/path/path.h"
#include "codec/regex/regex.h"
#include "codec/schema/schema.h"
#include "trust/pe/pe.h"

enum {
    PE_DESCRIPTORS_MAX = 64,
    PE_FIELDS_MAX = 64,       /* per descriptor */
    PE_PATHS_MAX = 16,        /* per field */
    PE_REQUIREMENTS_MAX = 64, /* in all */
    PE_NESTING_MAX = 8,
    PE_CREDENTIALS_MAX = 256,
};

struct pe__field {
    struct str id; /* .p NULL: has none */
    struct path **paths;
    size_t path_count;
    const json *filter;    /* NULL: any value */
    struct schema *schema; /* of the filter */
    struct regex *pattern; /* of the filter, for the value; NULL when none */
    bool scalar;           /* the filter's type is a scalar: arrays by element */
    bool optional;
};

struct pe__descriptor {
    struct str id;
    const json *format, *group;
    struct pe__field *fields;
    size_t field_count;
    bool subject_is_issuer;
};

enum pe__rule { PE_RULE_NONE, PE_RULE_ALL, PE_RULE_PICK };

struct pe__requirement {
    enum pe__rule rule;
    int64_t count, min, max; /* -1: not said */
    struct str from;         /* .p NULL: nested */
    struct pe__requirement *nested;
    size_t nested_count;
};

struct pe_definition {
    struct str id;
    const json *json, *format;
    struct pe__descriptor *descriptors;
    size_t descriptor_count;
    struct pe__requirement *requirements;
    size_t requirement_count; /* 0: every descriptor */
};

bool pe__in_group(const struct pe__descriptor *d, struct str group);
/* A format object of definition or descriptor; NULL or empty takes all. */
bool pe__format_fits(const json *format, const struct pe_credential *c);
/* "jwt_vc" or "ldp_vc". */
const char *pe__format_name(enum pe_format f);

#endif

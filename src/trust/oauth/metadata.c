/*
 * metadata.c - what this node says of itself as authorization server and client.
 *
 * Rule      RFC 8414 2; nuts-node.md 3.2: the members and their order are v6.2's, but
 *           JWT formats alone and no authorization code, which are not offered yet.
 * Source    Knoop. EUPL-1.2.
 */
#include "trust/oauth/oauth_int.h"

static void
put_list(struct json_out *js, const char *name, const char *const *list)
{
    json_key(js, name);
    json_array(js);
    for (; *list != NULL; list++)
        json_put_z(js, *list);
    json_end(js);
}
#define LIST(js, name, ...)                                                                \
    put_list((js), (name), (const char *const[]){ __VA_ARGS__, NULL })

static void
put_below(struct json_out *js, const char *name, struct str issuer, const char *path)
{
    struct str url = arena_printf(js->buf.arena, "%.*s/%s", STR(issuer), path);

    if (url.p == NULL)
        js->buf.failed = true;
    json_member(js, name, url);
}

/* What vc_verify takes (trust/vc/vc_jwt.c). */
static void
put_formats(struct json_out *js, const char *name)
{
    json_key(js, name);
    json_object(js);
    json_key(js, "jwt_vc_json");
    json_object(js);
    LIST(js, "alg_values_supported", "ES256", "EdDSA", "ES384", "ES512", "PS256", "RS256");
    json_end(js);
    json_key(js, "jwt_vp_json");
    json_object(js);
    LIST(js, "alg_values_supported", "ES256", "EdDSA", "ES384", "ES512", "PS256");
    json_end(js);
    json_end(js);
}

void
oauth__metadata_put(struct json_out *js, struct str issuer)
{
    json_object(js);
    json_member(js, "issuer", issuer);
    LIST(js, "response_types_supported", "code", "vp_token");
    LIST(js, "response_modes_supported", "query", "direct_post");
    put_below(js, "token_endpoint", issuer, "token");
    LIST(js, "grant_types_supported", "vp_token-bearer");
    json_member_bool(js, "pre-authorized_grant_anonymous_access_supported", true);
    put_below(js, "presentation_definition_endpoint", issuer, "presentation_definition");
    json_member_bool(js, "presentation_definition_uri_supported", true);
    put_formats(js, "vp_formats_supported");
    put_formats(js, "vp_formats");
    LIST(js, "client_id_schemes_supported", "entity_id");
    LIST(js, "did_methods_supported", "jwk", "key", "x509", "web");
    LIST(js, "dpop_signing_alg_values_supported", "ES256", "EdDSA", "ES384", "ES512",
         "PS256", "PS384", "PS512");
    json_member_bool(js, "require_signed_request_object", true);
    LIST(js, "request_object_signing_alg_values_supported", "ES256", "EdDSA", "ES384",
         "ES512", "PS256", "PS384", "PS512");
    json_end(js);
}

void
oauth__client_metadata_put(struct json_out *js)
{
    json_object(js);
    json_member_z(js, "token_endpoint_auth_method", "none");
    LIST(js, "grant_types", "vp_token-bearer");
    LIST(js, "response_types", "code", "vp_token");
    json_member_z(js, "software_id", "knoop");
    json_member_z(js, "software_version", KNOOP_VERSION);
    put_formats(js, "vp_formats");
    json_member_z(js, "client_id_scheme", "entity_id");
    json_end(js);
}

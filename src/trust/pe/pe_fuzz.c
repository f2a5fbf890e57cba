/*
 * pe_fuzz.c - definition, credentials and submission, a line each. What we would
 * submit ourselves conforms; what is received is only ever judged. EUPL-1.2.
 */
#include <assert.h>

#include "trust/pe/pe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CREDENTIALS = 8 };

static size_t
read_credentials(struct ctx *cx, struct str text, struct pe_credential *out)
{
    size_t n = 0;
    json *v;

    if (json_parse(cx, text, JSON_STRICT, &v) != ERR_OK || json_type(v) != JSON_ARRAY)
        return 0;
    for (json_each(it, v)) {
        if (n == CREDENTIALS)
            break;
        out[n] = (struct pe_credential){ .format = n % 2 ? PE_LDP_VC : PE_JWT_VC,
                                         .proof = S("ES256"),
                                         .self_attested = n % 4 == 3,
                                         .view = it.value };
        if (json_text(cx, it.value, &out[n].raw) != ERR_OK)
            return n;
        n++;
    }
    return n;
}

/* The presentation that a match asks for, as it would be sent. */
static json *
present(struct ctx *cx, const struct pe_match *m, const struct pe_credential *c)
{
    struct json_out js;
    struct str text;
    json *v;

    json_out_init(&js, cx->arena);
    json_object(&js);
    json_key(&js, "verifiableCredential");
    if (m->selected_count != 1)
        json_array(&js);
    for (size_t i = 0; i < m->selected_count; i++)
        json_put_raw(&js, c[m->selected[i]].raw);
    if (m->selected_count != 1)
        json_end(&js);
    json_end(&js);
    if (json_out_done(cx, &js, &text) != ERR_OK ||
        json_parse(cx, text, JSON_STRICT, &v) != ERR_OK)
        return NULL;
    return v;
}

static void
run(struct ctx *cx, struct pe_definition *d, const struct pe_credential *c, size_t n,
    struct str received)
{
    struct pe_submission_in in;
    struct pe_match m;
    struct str text;
    const json *vp, *all;

    if (pe_match(cx, d, c, n, &m) != ERR_OK || (vp = present(cx, &m, c)) == NULL)
        return;
    if (pe_submission_parse(cx, received, &in) == ERR_OK)
        (void)!pe_submission_check(cx, &in, d, &m, c, vp);
    all = json_get(vp, "verifiableCredential");
    if (m.selected_count == 1 && json_type(all) == JSON_ARRAY)
        return; /* a credential that is an array is none, and has no path */
    if (pe_submission(cx, d, &m, c, S("s"), &text) == ERR_OK &&
        pe_submission_parse(cx, text, &in) == ERR_OK)
        assert(pe_submission_check(cx, &in, d, &m, c, vp) == ERR_OK ||
               cx->refused == ERR_NO_MEMORY || cx->refused == ERR_TOO_LARGE);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str rest = { (const char *)data, size }, definition, credentials;
    struct pe_credential c[CREDENTIALS];
    struct pe_definition *d;
    struct arena arena;
    struct ctx cx;
    struct str id;
    json *v;

    arena_init(&arena, 32u << 20);
    ctx_init(&cx, &arena, INT64_C(1767225600000));
    definition = str_cut(&rest, '\n');
    credentials = str_cut(&rest, '\n');
    if (json_parse(&cx, definition, JSON_STRICT, &v) == ERR_OK &&
        pe_definition_parse(&cx, v, &d) == ERR_OK) {
        for (size_t i = 0; pe_definition_field(d, i, &id); i++)
            assert(id.p != NULL);
        (void)pe_definition_takes_jwt(d);
        run(&cx, d, c, read_credentials(&cx, credentials, c), rest);
    }
    arena_fini(&arena);
    return 0;
}

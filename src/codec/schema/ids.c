/*
 * ids.c - what $id names, and what $ref finds: core 8.2 and 8.3.
 *
 * Rule      A name counts only where a schema can stand, so that an $id within
 *           an enum names nothing. Nothing outside the text is ever found.
 * Source    Knoop. EUPL-1.2.
 */
#include "codec/schema/schema_int.h"

static err_t walk(struct schema *s, const json *text, struct str base);

err_t
schema__base(struct schema *s, const json *text, struct str base, struct str *out)
{
    struct str id;
    err_t e;

    *out = base;
    if (json_get(text, "$ref") != NULL || !json_str(json_get(text, "$id"), &id))
        return ERR_OK;
    if ((e = schema__uri(s->cx, base, id, out)) != ERR_OK)
        return e;
    *out = str_sub(*out, 0, str_find(*out, '#'));
    return ERR_OK;
}

static err_t
add(struct schema *s, struct str uri, const json *text, struct str base)
{
    if (s->n_ids == SCHEMA_IDS_MAX)
        return refuse(s->cx, ERR_LIMIT, "draft-07 core 8.2", "schema: more than %d $id",
                      SCHEMA_IDS_MAX);
    for (size_t i = 0; i < s->n_ids; i++)
        if (str_eq(s->ids[i].uri, uri))
            return refuse(s->cx, ERR_BAD_REQUEST, "draft-07 core 8.2",
                          "schema: an $id occurs twice");
    s->ids[s->n_ids++] = (struct schema_id){ uri, text, base };
    return ERR_OK;
}

static err_t
walk_each(struct schema *s, const json *list, struct str base)
{
    err_t e = ERR_OK;

    for (json_each(it, list))
        if ((e = walk(s, it.value, base)) != ERR_OK)
            break;
    return e;
}

static err_t
walk_keyword(struct schema *s, const struct schema_keyword *keyword, const json *v,
             struct str base)
{
    switch (keyword->shape) {
    case SHAPE_SCHEMA: return walk(s, v, base);
    case SHAPE_SCHEMAS:
    case SHAPE_MAP:
    case SHAPE_PATTERNS:
    case SHAPE_DEPENDS: return walk_each(s, v, base);
    case SHAPE_ITEMS:
        return json_type(v) == JSON_ARRAY ? walk_each(s, v, base) : walk(s, v, base);
    default: return ERR_OK;
    }
}

static err_t
walk(struct schema *s, const json *text, struct str base)
{
    bool ref = json_get(text, "$ref") != NULL;
    struct str id, uri, within = base;
    err_t e = ERR_OK;

    if (json_type(text) != JSON_OBJECT)
        return ERR_OK;
    if (!ref && json_str(json_get(text, "$id"), &id)) {
        if ((e = schema__uri(s->cx, base, id, &uri)) != ERR_OK ||
            (e = schema__base(s, text, base, &within)) != ERR_OK)
            return e;
        if (uri.n != 0 && !(text == s->text && str_eq(uri, base)))
            e = add(s, uri, text, within);
    }
    for (json_each(it, text)) {
        const struct schema_keyword *keyword = schema__keyword(it.name);

        if (e != ERR_OK)
            break;
        if (keyword != NULL && (!ref || str_is(it.name, "definitions")))
            e = walk_keyword(s, keyword, it.value, within);
    }
    return e;
}

err_t
schema__ids(struct schema *s)
{
    err_t e;

    if ((s->ids = arena_array(s->cx->arena, SCHEMA_IDS_MAX, sizeof(*s->ids))) == NULL)
        return refuse_memory(s->cx);
    if ((e = add(s, S(""), s->text, S(""))) != ERR_OK)
        return e;
    return walk(s, s->text, S(""));
}

static err_t
not_found(struct schema *s, struct str ref)
{
    return refuse(s->cx, ERR_BAD_REQUEST, "draft-07 core 8.3",
                  "schema: $ref %.*s is not within the schema", STR(ref));
}

/* One token of a JSON Pointer (RFC 6901 4): ~1 is a slash, ~0 a tilde. */
static err_t
token(struct schema *s, struct str raw, struct str *out)
{
    struct buf b;

    buf_init(&b, s->cx->arena);
    for (size_t i = 0; i < raw.n; i++) {
        if (raw.p[i] != '~') {
            buf_c(&b, raw.p[i]);
            continue;
        }
        if (++i == raw.n || (raw.p[i] != '0' && raw.p[i] != '1'))
            return refuse(s->cx, ERR_BAD_REQUEST, "RFC 6901 3",
                          "schema: a lone ~ in a $ref");
        buf_c(&b, raw.p[i] == '0' ? '~' : '/');
    }
    return buf_done(s->cx, &b, out);
}

static const json *
step(const json *v, struct str name)
{
    uint64_t i;

    if (json_type(v) != JSON_ARRAY)
        return json_get_str(v, name);
    if ((name.n > 1 && name.p[0] == '0') || !str_to_u64(name, &i))
        return NULL;
    return json_at(v, (size_t)i);
}

/* A pointer from `*text`; an $id on the way changes the base. */
static err_t
follow(struct schema *s, struct str pointer, const json **text, struct str *base)
{
    struct str name;
    err_t e;

    while (pointer.n != 0) {
        pointer = str_sub(pointer, 1, pointer.n);
        if ((e = token(s, str_sub(pointer, 0, str_find(pointer, '/')), &name)) != ERR_OK)
            return e;
        pointer = str_sub(pointer, str_find(pointer, '/'), pointer.n);
        *text = step(*text, name);
        /* the target's own $id is taken when the target is read */
        if (pointer.n != 0 && (e = schema__base(s, *text, *base, base)) != ERR_OK)
            return e;
    }
    return ERR_OK;
}

static const struct schema_id *
id_find(const struct schema *s, struct str uri)
{
    for (size_t i = 0; i < s->n_ids; i++)
        if (str_eq(s->ids[i].uri, uri))
            return &s->ids[i];
    return NULL;
}

err_t
schema__find(struct schema *s, struct str base, struct str ref, const json **text,
             struct str *new_base)
{
    const struct schema_id *id;
    struct str uri, fragment;
    err_t e = schema__uri(s->cx, base, ref, &uri);

    *text = NULL;
    *new_base = S("");
    if (e != ERR_OK)
        return e;
    if ((id = id_find(s, uri)) != NULL) { /* whole, or by a plain name */
        *text = id->text;
        *new_base = id->base;
        return ERR_OK;
    }
    fragment = uri;
    id = id_find(s, str_cut(&fragment, '#'));
    if ((e = percent_decode(s->cx, fragment, false, &fragment)) != ERR_OK)
        return e;
    if (id == NULL || (fragment.n != 0 && fragment.p[0] != '/'))
        return not_found(s, ref);
    *text = id->text;
    *new_base = id->base;
    if ((e = follow(s, fragment, text, new_base)) != ERR_OK)
        return e;
    return *text != NULL ? ERR_OK : not_found(s, ref);
}

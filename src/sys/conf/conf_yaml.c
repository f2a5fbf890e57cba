/*
 * conf_yaml.c - a YAML file as dotted keys.
 *
 * Rule      Maps, lists of plain values, and plain values; one document.
 *           Anchors, aliases, tags, directives and a key that stands twice are
 *           refused: each makes a file mean something else than it shows.
 * Trust     The operator's file; its shape is bounded all the same.
 * Source    Knoop, over libyaml's event parser. EUPL-1.2.
 */
#include "sys/conf/conf_int.h"

#include <string.h>
#include <yaml.h>

struct walk {
    struct ctx *cx;
    const char *name;
    yaml_parser_t parser;
    yaml_event_t event;
    size_t line;
    conf_leaf put;
    void *to;
    struct str *seen; /* every dotted key so far */
    size_t seen_n;
    struct str *items; /* of the list at hand */
};

static err_t
wrong(struct walk *w, const char *what, const char *todo)
{
    return refuse(w->cx, ERR_CONF, "YAML 1.1", "%s:%zu: %s; %s", w->name, w->line, what,
                  todo);
}

static err_t
syntax(struct walk *w)
{
    w->line = w->parser.problem_mark.line + 1;
    if (w->parser.error == YAML_MEMORY_ERROR)
        return refuse_memory(w->cx);
    return wrong(w, w->parser.problem ? w->parser.problem : "not YAML",
                 "correct the file; indent with spaces");
}

/* Moves on to the next event, which w->event then holds. */
static err_t
next(struct walk *w)
{
    yaml_event_delete(&w->event);
    if (!yaml_parser_parse(&w->parser, &w->event))
        return syntax(w);
    w->line = w->event.start_mark.line + 1;
    return ERR_OK;
}

/* What stands before a value: no anchor, no tag. */
static err_t
unadorned(struct walk *w)
{
    const yaml_event_t *ev = &w->event;
    const yaml_char_t *anchor = NULL, *tag = NULL;

    switch (ev->type) {
    case YAML_ALIAS_EVENT:
        return wrong(w, "an alias (*) is not taken", "write the value out");
    case YAML_SCALAR_EVENT:
        anchor = ev->data.scalar.anchor;
        tag = ev->data.scalar.tag;
        break;
    case YAML_MAPPING_START_EVENT:
        anchor = ev->data.mapping_start.anchor;
        tag = ev->data.mapping_start.tag;
        break;
    case YAML_SEQUENCE_START_EVENT:
        anchor = ev->data.sequence_start.anchor;
        tag = ev->data.sequence_start.tag;
        break;
    default: break;
    }
    if (anchor != NULL)
        return wrong(w, "an anchor (&) is not taken",
                     "write the value out where it is needed");
    if (tag != NULL)
        return wrong(w, "a tag (!) is not taken",
                     "leave it out; the option knows its type");
    return ERR_OK;
}

static struct str
scalar(const yaml_event_t *ev)
{
    return (struct str){ (const char *)ev->data.scalar.value, ev->data.scalar.length };
}

static bool
is_null(const yaml_event_t *ev)
{
    struct str t = scalar(ev);

    return ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
           (t.n == 0 || str_is(t, "~") || str_eq_case(t, S("null")));
}

/* "http" and "public" give "http.public"; a key that stands twice is refused. */
static err_t
full_key(struct walk *w, struct str prefix, struct str *out)
{
    struct str part = scalar(&w->event);

    if (part.n == 0 || part.n + prefix.n + 1 > CONF_KEY_MAX ||
        memchr(part.p, 0, part.n) != NULL)
        return wrong(w, "a key is empty or too long", "see docs/options.md for the keys");
    *out = prefix.n == 0 ? arena_str(w->cx->arena, part)
                         : arena_printf(w->cx->arena, "%.*s.%.*s", STR(prefix), STR(part));
    if (out->p == NULL)
        return refuse_memory(w->cx);
    for (size_t i = 0; i < w->seen_n; i++)
        if (str_eq(w->seen[i], *out))
            return refuse(w->cx, ERR_CONF, "YAML 1.1 3.2.1.3",
                          "%s:%zu: %.*s stands twice; take one out", w->name, w->line,
                          STR(*out));
    if (w->seen_n == CONF_NODES_MAX)
        return wrong(w, "there are too many keys", "a file holds at most 2048");
    w->seen[w->seen_n++] = *out;
    return ERR_OK;
}

static err_t
sequence(struct walk *w, struct str key)
{
    struct conf_said said = { w->items, 0, true };
    size_t line = w->line;
    err_t e;

    while ((e = next(w)) == ERR_OK && w->event.type != YAML_SEQUENCE_END_EVENT) {
        if ((e = unadorned(w)) != ERR_OK)
            return e;
        if (w->event.type != YAML_SCALAR_EVENT)
            return wrong(w, "a list holds something else than plain values",
                         "write one value per line, after a dash");
        if (said.n == CONF_ITEMS_MAX)
            return wrong(w, "the list is too long", "at most 1024 items");
        w->items[said.n] = arena_str(w->cx->arena, scalar(&w->event));
        if (w->items[said.n++].p == NULL)
            return refuse_memory(w->cx);
    }
    return e != ERR_OK ? e : w->put(w->cx, w->to, key, &said, false, line);
}

static err_t mapping(struct walk *w, struct str prefix, int depth);

/* The value of `key`; w->event is its first event. */
static err_t
value(struct walk *w, struct str key, int depth)
{
    struct str text;
    err_t e;

    if ((e = unadorned(w)) != ERR_OK)
        return e;
    if (w->event.type == YAML_MAPPING_START_EVENT)
        return mapping(w, key, depth + 1);
    if (w->event.type == YAML_SEQUENCE_START_EVENT)
        return sequence(w, key);
    if (w->event.type != YAML_SCALAR_EVENT)
        return wrong(w, "a value is missing", "write one after the colon");
    text = is_null(&w->event) ? S("") : scalar(&w->event);
    return w->put(w->cx, w->to, key, &(struct conf_said){ &text, 1, false },
                  is_null(&w->event), w->line);
}

static err_t
mapping(struct walk *w, struct str prefix, int depth)
{
    struct str key;
    err_t e;

    if (depth > CONF_DEPTH_MAX)
        return wrong(w, "the maps are nested too deep", "no option lies that deep");
    while ((e = next(w)) == ERR_OK && w->event.type != YAML_MAPPING_END_EVENT) {
        if ((e = unadorned(w)) != ERR_OK)
            return e;
        if (w->event.type != YAML_SCALAR_EVENT)
            return wrong(w, "a key is no plain word", "see docs/options.md for the keys");
        if ((e = full_key(w, prefix, &key)) != ERR_OK || (e = next(w)) != ERR_OK ||
            (e = value(w, key, depth)) != ERR_OK)
            return e;
    }
    return e;
}

static err_t
no_directives(struct walk *w)
{
    if (w->event.data.document_start.version_directive != NULL ||
        w->event.data.document_start.tag_directives.start !=
            w->event.data.document_start.tag_directives.end)
        return wrong(w, "a directive (%) is not taken", "leave it out");
    return ERR_OK;
}

static err_t
document(struct walk *w)
{
    err_t e;

    if ((e = next(w)) != ERR_OK || (e = next(w)) != ERR_OK) /* the stream, then its first */
        return e;
    if (w->event.type == YAML_STREAM_END_EVENT)
        return ERR_OK; /* nothing but comments */
    if ((e = no_directives(w)) != ERR_OK || (e = next(w)) != ERR_OK ||
        (e = unadorned(w)) != ERR_OK)
        return e;
    if (w->event.type == YAML_MAPPING_START_EVENT)
        e = mapping(w, S(""), 1);
    else if (w->event.type != YAML_SCALAR_EVENT || !is_null(&w->event))
        e = wrong(w, "the file is no map", "write options as key: value");
    if (e != ERR_OK || (e = next(w)) != ERR_OK || (e = next(w)) != ERR_OK)
        return e;
    if (w->event.type != YAML_STREAM_END_EVENT)
        return wrong(w, "a second document (---) follows", "keep one document in the file");
    return ERR_OK;
}

err_t
conf__yaml(struct ctx *cx, struct str text, const char *name, conf_leaf put, void *to)
{
    struct walk w = { .cx = cx, .name = name, .put = put, .to = to, .line = 1 };
    err_t e;

    if (text.n > CONF_FILE_MAX)
        return refuse(cx, ERR_CONF, "", "%s: larger than %d bytes", name, CONF_FILE_MAX);
    if (!str_is_utf8(text))
        return refuse(cx, ERR_CONF, "YAML 1.1 5.2", "%s: not UTF-8; save it as UTF-8",
                      name);
    w.seen = arena_array(cx->arena, CONF_NODES_MAX, sizeof(*w.seen));
    w.items = arena_array(cx->arena, CONF_ITEMS_MAX, sizeof(*w.items));
    if (w.seen == NULL || w.items == NULL || !yaml_parser_initialize(&w.parser))
        return refuse_memory(cx);
    yaml_parser_set_encoding(&w.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&w.parser, (const unsigned char *)(text.n ? text.p : ""),
                                 text.n);
    e = document(&w);
    yaml_event_delete(&w.event);
    yaml_parser_delete(&w.parser);
    return e;
}

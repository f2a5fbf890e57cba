/*
 * json_int.h - the room's private door: yyjson and how we call it.
 * Source    Knoop. EUPL-1.2.
 */
#ifndef KNOOP_CODEC_JSON_INT_H
#define KNOOP_CODEC_JSON_INT_H

#include <yyjson.h>

#include "codec/json/json.h"

/* yyjson takes values without const, and changes none of them. */
static inline json *
json__open(const json *v)
{
    return (json *)(uintptr_t)v;
}

static inline struct str
json__text(const json *v)
{
    return (struct str){ v->uni.str, (size_t)(v->tag >> YYJSON_TAG_BIT) };
}

/* An allocator for yyjson that takes from the arena and never gives back. */
struct yyjson_alc json__allocator(struct arena *a);

/* The walk over a value, and what it finds. */
struct json__walk {
    struct ctx *cx;
    struct str prefix; /* SIZE_MAX long: none */
    struct json_marks marks;
    size_t room; /* of the marks */
};
/*
 * `root` and all in it: LIMIT when it is too deep, BAD_REQUEST when a name occurs twice
 * in an object. Values lie one behind the other, a container before its content.
 */
err_t json__walk(struct json__walk *w, const json *root) NODISCARD;

#endif

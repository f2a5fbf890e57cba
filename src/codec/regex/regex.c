/*
 * regex.c - PCRE2, its limits, and the count of work.
 *
 *   callout before each item:  16 units, and 1 for each character passed since
 *   the last one; an item that must repeat, or refers back, may pass over many
 *   characters unseen, so that they are charged beforehand.
 *
 * Source    Knoop. EUPL-1.2.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "codec/regex/regex_int.h"

enum {
    HEAP_KIB = 8 * 1024,    /* for backtracking */
    MATCH_STEPS = 10000000, /* per place of start: the budget comes first */
    UNITS_PER_ITEM = 16,
    OUT_OF_BUDGET = -100000, /* ours, beyond PCRE2's own error numbers */
};

struct regex {
    pcre2_code *code;
    pcre2_match_data *data;
    pcre2_match_context *limits;
    unsigned groups;
    size_t hidden; /* characters that an item may pass over unseen */
};

struct work {
    uint64_t left;
    size_t hidden;
    size_t last;
};

static void *
take(size_t n, void *arena)
{
    return arena_alloc(arena, n);
}

static void
give_back(void *p, void *arena)
{
    (void)p;
    (void)arena;
}

static int
count(pcre2_callout_block *block, void *data)
{
    struct work *work = data;
    size_t at = block->current_position, ahead = block->subject_length - at;
    uint64_t cost = UNITS_PER_ITEM + (at > work->last ? at - work->last : 0) +
                    (ahead < work->hidden ? ahead : work->hidden);

    work->last = at;
    if (cost > work->left) {
        work->left = 0;
        return OUT_OF_BUDGET;
    }
    work->left -= cost;
    return 0;
}

static err_t
translate(struct ctx *cx, enum regex_dialect dialect, struct str pattern,
          struct regex_reader *r, struct str *out)
{
    *r = (struct regex_reader){ .cx = cx, .in = pattern };
    buf_init(&r->out, cx->arena);
    if (pattern.n > REGEX_PATTERN_MAX)
        return refuse(cx, ERR_LIMIT, "", "pattern: %zu bytes", pattern.n);
    if (!str_is_utf8(pattern))
        return refuse(cx, ERR_BAD_REQUEST, "RFC 3629 3", "pattern: not UTF-8");
    if (dialect == REGEX_I)
        regex__read_i(r);
    else
        regex__read_ecma(r);
    return r->e != ERR_OK ? r->e : buf_done(cx, &r->out, out);
}

static err_t
compile_fault(struct ctx *cx, int fault, size_t at)
{
    char text[120];

    if (fault == PCRE2_ERROR_NOMEMORY || fault == PCRE2_ERROR_HEAP_FAILED)
        return refuse_memory(cx);
    (void)pcre2_get_error_message(fault, (PCRE2_UCHAR *)text, sizeof(text));
    if (fault == PCRE2_ERROR_PATTERN_TOO_LARGE ||
        fault == PCRE2_ERROR_PATTERN_TOO_COMPLICATED ||
        fault == PCRE2_ERROR_PARENTHESES_NEST_TOO_DEEP)
        return refuse(cx, ERR_LIMIT, "", "pattern: %s", text);
    return refuse(cx, ERR_UNSUPPORTED, "", "pattern: %s (near byte %zu as translated)",
                  text, at);
}

err_t
regex_compile(struct ctx *cx, enum regex_dialect dialect, struct str pattern,
              struct regex **out)
{
    pcre2_general_context *memory;
    pcre2_compile_context *compiling;
    struct regex_reader r;
    struct regex *re;
    struct str text;
    uint32_t groups = 0;
    size_t at = 0;
    int fault = 0;
    err_t e;

    *out = NULL;
    if ((e = translate(cx, dialect, pattern, &r, &text)) != ERR_OK)
        return e;
    if ((re = arena_new(cx->arena, struct regex)) == NULL ||
        (memory = pcre2_general_context_create(take, give_back, cx->arena)) == NULL ||
        (compiling = pcre2_compile_context_create(memory)) == NULL ||
        (re->limits = pcre2_match_context_create(memory)) == NULL)
        return refuse_memory(cx);
    re->code = pcre2_compile((PCRE2_SPTR)text.p, text.n,
                             PCRE2_UTF | PCRE2_AUTO_CALLOUT | PCRE2_DOLLAR_ENDONLY |
                                 PCRE2_MATCH_UNSET_BACKREF | PCRE2_NEVER_BACKSLASH_C |
                                 PCRE2_NEVER_UCP,
                             &fault, &at, compiling);
    if (re->code == NULL)
        return compile_fault(cx, fault, at);
    if ((re->data = pcre2_match_data_create_from_pattern(re->code, memory)) == NULL)
        return refuse_memory(cx);
    (void)pcre2_pattern_info(re->code, PCRE2_INFO_CAPTURECOUNT, &groups);
    pcre2_set_heap_limit(re->limits, HEAP_KIB);
    pcre2_set_match_limit(re->limits, MATCH_STEPS);
    re->groups = groups;
    re->hidden = r.refers ? SIZE_MAX : r.repeat > 64 ? r.repeat : 0;
    *out = re;
    return ERR_OK;
}

unsigned
regex_groups(const struct regex *re)
{
    return re->groups;
}

static struct str
part(const struct regex *re, struct str subject, unsigned i)
{
    const PCRE2_SIZE *ends = pcre2_get_ovector_pointer(re->data);

    if (i >= pcre2_get_ovector_count(re->data) || ends[2 * i] == PCRE2_UNSET ||
        ends[2 * i + 1] < ends[2 * i])
        return (struct str){ NULL, 0 };
    return (struct str){ (subject.p ? subject.p : "") + ends[2 * i],
                         ends[2 * i + 1] - ends[2 * i] };
}

static err_t
match_fault(struct ctx *cx, int fault)
{
    if (fault == PCRE2_ERROR_NOMEMORY)
        return refuse_memory(cx);
    if (fault == OUT_OF_BUDGET || fault == PCRE2_ERROR_MATCHLIMIT ||
        fault == PCRE2_ERROR_DEPTHLIMIT || fault == PCRE2_ERROR_HEAPLIMIT)
        return refuse(cx, ERR_LIMIT, "", "pattern: costs more than is allowed");
    return refuse(cx, ERR_BAD_REQUEST, "", "pattern: the matcher says %d", fault);
}

err_t
regex_run(struct ctx *cx, struct regex *re, enum regex_mode mode, struct str subject,
          uint64_t *budget, struct regex_match *out)
{
    struct work work = { .left = *budget, .hidden = re->hidden };
    uint32_t options = mode == REGEX_WHOLE ? PCRE2_ANCHORED | PCRE2_ENDANCHORED : 0;
    int rc;

    *out = (struct regex_match){ .found = false };
    if (subject.n / UNITS_PER_ITEM >= work.left)
        return match_fault(cx, OUT_OF_BUDGET);
    work.left -=
        subject.n / UNITS_PER_ITEM + 1; /* the check of UTF-8, and the search for a start */
    pcre2_set_callout(re->limits, count, &work);
    rc = pcre2_match(re->code, (PCRE2_SPTR)(subject.p ? subject.p : ""), subject.n, 0,
                     options, re->data, re->limits);
    *budget = work.left;
    if (rc == PCRE2_ERROR_NOMATCH)
        return ERR_OK;
    if (rc < 0)
        return match_fault(cx, rc);
    *out = (struct regex_match){ true, part(re, subject, 0), part(re, subject, 1) };
    return ERR_OK;
}

/*
 * steps_whole.c - the log cannot be changed unseen, and nothing of the record stays.
 * EUPL-1.2.
 */
#include "app/demo/steps.h"

#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "crypto/jose/jose.h"
#include "sys/audit/audit_log.h"
#include "sys/os/os.h"

enum { FILE_MOST = 256 << 20, CHECKPOINT_MS = 5000 };

/* --- is it whole? ------------------------------------------------------------------- */

static err_t
check_signature(struct ctx *cx, void *state, struct str note, struct str kid,
                struct bytes signature)
{
    const struct jwk *key = state;

    (void)kid;
    return key_verify(cx, key->key, SIG_ES256, SIG_RAW, bytes_of(note), signature);
}

/* The signer signs the log each second of the demo (audit.checkpoint): so wait for one. */
static err_t
last_checkpoint(struct play *p, struct world_reply *reply)
{
    const struct world_call call = { .to = p->hospital,
                                     .door = WORLD_INTERNAL,
                                     .method = HTTP_GET,
                                     .path = S("/internal/knoop/v1/audit/checkpoint") };
    int64_t until = os_tick_ms() + CHECKPOINT_MS;
    err_t e;

    while ((e = world_ask(p->w, &call, reply)) == ERR_OK && reply->status == 404 &&
           os_tick_ms() < until)
        loop_turn(p->w->loop, 50);
    return e != ERR_OK ? e : want(p, &call, 200, reply);
}

/* As `knoop audit verify` does, under the key that the signer gives out. */
static err_t
verify(struct play *p, struct str folder, struct audit_report *report)
{
    scoped(jwk_fini) struct jwk key = { 0 };
    const struct audit_verify_setup setup = { .check = check_signature, .state = &key };
    struct world_reply reply;
    err_t e;

    *report = (struct audit_report){ 0 };
    if ((e = last_checkpoint(p, &reply)) != ERR_OK ||
        (e = jwk_parse_public(p->cx, json_get(reply.v, "key"), NULL, &key)) != ERR_OK)
        return e;
    return audit_verify(p->cx, folder.p, &setup, report);
}

static err_t
log_folder(struct play *p, const char *name, struct str *out)
{
    *out = arena_printf(p->cx->arena, "%s/%s", p->w->folder, name);
    return out->p != NULL ? ERR_OK : refuse_memory(p->cx);
}

err_t
step_whole(struct play *p)
{
    struct audit_report report;
    struct str folder;
    err_t e;

    if ((e = log_folder(p, "hospital/data/audit", &folder)) != ERR_OK ||
        (e = verify(p, folder, &report)) != ERR_OK)
        return e;
    tell(p, "proved",
         "%llu events follow each other; %llu checkpoints, %llu signatures good",
         (unsigned long long)report.events, (unsigned long long)report.checkpoints,
         (unsigned long long)report.signatures);
    tell(p, "vouched", "by a key that the hospital's signer keeps; the root is %.*s…",
         STR(str_sub(report.root, 0, 16)));
    return ERR_OK;
}

/* In the first event that names the nurse, one letter of her role. */
static err_t
alter(struct play *p, struct str folder)
{
    struct str path = arena_printf(p->cx->arena, "%.*s/log.000001.jsonl", STR(folder)),
               text;
    struct bytes file;
    char *copy;
    size_t at;
    err_t e;

    if (path.p == NULL)
        return refuse_memory(p->cx);
    if ((e = os_read_file(p->cx, path.p, FILE_MOST, &file)) != ERR_OK)
        return e;
    text = str_of_bytes(file);
    if ((copy = arena_z(p->cx->arena, text)) == NULL)
        return refuse_memory(p->cx);
    at = str_search(text, str_of(p->nurse->role_text));
    if (at == text.n)
        return refuse(p->cx, ERR_NOT_FOUND, "", "there is no event of the nurse");
    copy[at] ^= 1;
    return os_write_file(p->cx, path.p, (struct bytes){ (uint8_t *)copy, text.n }, 0600);
}

err_t
step_altered(struct play *p)
{
    struct audit_report report;
    struct str folder, from;
    err_t e;

    if ((e = log_folder(p, "altered", &folder)) != ERR_OK ||
        (e = log_folder(p, "hospital/data/audit", &from)) != ERR_OK ||
        (e = os_copy_tree(p->cx, from.p, folder.p)) != ERR_OK ||
        (e = alter(p, folder)) != ERR_OK)
        return e;
    e = verify(p, folder, &report);
    if (e != ERR_LOG_ALTERED)
        return refuse(p->cx, ERR_UPSTREAM, "NEN 7513", "the altered byte was not found: %s",
                      err_row(e)->name);
    tell(p, "refused", "%s: event %llu is the first", err_row(e)->text,
         (unsigned long long)report.bad_seq);
    tell(p, "because", "%.*s", STR(p->cx->reason));
    return ERR_OK;
}

/* --- what stays --------------------------------------------------------------------- */

static struct {
    struct play *p;
    unsigned files;
    size_t bytes;
    char found[512];
} scan;

static void
look(const char *path, struct str text, const char *word, const char *say)
{
    if (scan.found[0] == '\0' && str_search(text, str_of(word)) < text.n)
        snprintf(scan.found, sizeof(scan.found), "%s stands in %s", say, path);
}

static int
scan_file(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    static const char *const words[] = { "Penicilline", "Atriumfibrilleren", "Femke" };
    const char *token = scan.p->token.p; /* NUL-terminated, as all JSON text */
    struct bytes data;

    (void)at;
    if (kind != FTW_F || !S_ISREG(st->st_mode) || strstr(path, "/source/") != NULL)
        return 0; /* the FHIR store is where the record belongs */
    if (os_read_file(scan.p->cx, path, FILE_MOST, &data) != ERR_OK)
        return 1;
    scan.files++;
    scan.bytes += data.n;
    for (size_t i = 0; i < COUNT(words); i++)
        look(path, str_of_bytes(data), words[i], words[i]);
    look(path, str_of_bytes(data), scan.p->number, "the number");
    look(path, str_of_bytes(data), scan.p->other_number, "another's number");
    if (scan.p->token.n > 0)
        look(path, str_of_bytes(data), token, "a token");
    return 0;
}

/* Of all nodes: database, audit log, rings, options, log. */
err_t
step_nothing_stays(struct play *p)
{
    scan.p = p;
    scan.files = 0;
    scan.bytes = 0;
    scan.found[0] = '\0';
    for (enum data_org org = 0; org < DATA_ORGS; org++)
        if (nftw(p->w->node[org].folder.p, scan_file, 16, FTW_PHYS) != 0)
            return refuse(p->cx, ERR_INTERNAL, "", "a node's files cannot be read");
    if (scan.found[0] != '\0')
        return refuse(p->cx, ERR_UPSTREAM, "mission 6", "%s", scan.found);
    tell(p, "proved",
         "%u files of four nodes, %.1f MB: no word of the record, no number, "
         "no token",
         scan.files, (double)scan.bytes / 1e6);
    return ERR_OK;
}

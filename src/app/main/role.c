/*
 * role.c - how a role begins: narrowed, then handed what it needs.
 *
 * Source    Knoop. EUPL-1.2.
 */
#include "app/main/role.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ROLE_ARENA = 64 << 20, CONF_MAX = 4 << 20 };

/* --- packets ------------------------------------------------------------------ */

err_t
role_tell(struct ctx *cx, int control, enum role_say say, unsigned arg, const char *text,
          const int *fds, size_t n)
{
    uint8_t room[8 + ROLE_TEXT_MAX];
    uint32_t head[2] = { say, arg };
    size_t length = text ? strlen(text) : 0;

    if (length > ROLE_TEXT_MAX)
        length = ROLE_TEXT_MAX;
    memcpy(room, head, sizeof(head));
    if (length > 0)
        memcpy(room + sizeof(head), text, length);
    return os_send(cx, control, (struct bytes){ room, sizeof(head) + length }, fds, n);
}

err_t
role_hear(struct ctx *cx, int control, struct role_message *m)
{
    uint8_t room[8 + ROLE_TEXT_MAX];
    uint32_t head[2];
    size_t n;
    err_t e = os_recv(cx, control, room, sizeof(room), &n, m->fds);

    m->say = ROLE_SAY_NOTHING;
    m->text_n = 0;
    m->text[0] = '\0';
    if (e != ERR_OK)
        return e;
    if (n < sizeof(head)) {
        role_message_close(m);
        return refuse(cx, ERR_BAD_REQUEST, "", "a packet of %zu bytes", n);
    }
    memcpy(head, room, sizeof(head));
    m->say = head[0];
    m->arg = head[1];
    m->text_n = n - sizeof(head);
    if (m->text_n == ROLE_TEXT_MAX)
        m->text_n--;
    memcpy(m->text, room + sizeof(head), m->text_n);
    m->text[m->text_n] = '\0';
    return ERR_OK;
}

void
role_message_close(struct role_message *m)
{
    for (size_t i = 0; i < OS_FDS_MAX; i++)
        os_close(&m->fds[i]);
}

static int
take(int *fd)
{
    int mine = *fd;

    *fd = -1;
    return mine;
}

err_t
role_take_conf(struct ctx *cx, struct role_message *m, struct conf **out)
{
    struct stat st;
    size_t n;
    char *room;
    err_t e;

    *out = NULL;
    if (fstat(m->fds[0], &st) < 0 || st.st_size <= 0 || st.st_size > CONF_MAX)
        return refuse(cx, ERR_INTERNAL, "", "no packed options were handed");
    if ((room = arena_alloc(cx->arena, (size_t)st.st_size)) == NULL)
        return refuse_memory(cx);
    if ((e = os_read_into(cx, m->fds[0], room, (size_t)st.st_size, &n)) != ERR_OK)
        return e;
    return conf_unpack(cx, (struct str){ room, n }, out);
}

err_t
role_take_file(struct ctx *cx, struct role_message *m)
{
    return os_hand(cx, m->text, take(&m->fds[0]));
}

/* --- names -------------------------------------------------------------------- */

static const struct {
    const char *name;
    enum role_kind kind;
    enum sandbox_role sandbox;
    err_t (*run)(struct ctx *cx, struct role *r);
} roles[] = {
    { "signer", ROLE_SIGNER, SANDBOX_SIGNER, role_signer },
    { "auditor", ROLE_AUDITOR, SANDBOX_AUDITOR, role_auditor },
    { "worker", ROLE_WORKER, SANDBOX_WORKER, role_worker },
};

err_t
role_folder(struct ctx *cx, const struct conf *c, const char *part, const char **out)
{
    *out = arena_printf(cx->arena, "%.*s/%s", STR(c->datadir), part).p;
    return *out == NULL ? refuse_memory(cx) : ERR_OK;
}

bool
role_is_secret_file(const struct conf_row *row)
{
    static const struct str ends[] = { S_INIT("keyfile"),  S_INIT("root_file"),
                                       S_INIT("pin_file"), S_INIT("key"),
                                       S_INIT("secret"),   S_INIT("password") };

    for (size_t i = 0; i < COUNT(ends); i++)
        if (str_ends(str_of(row->key), ends[i]))
            return true;
    return conf_is_secret(row);
}

/* --- the first words ---------------------------------------------------------- */

static err_t
take_door(struct ctx *cx, struct role *r, struct role_message *m)
{
    if (r->door_n == ROLE_DOORS_MAX)
        return refuse(cx, ERR_LIMIT, "", "too many doors");
    r->doors[r->door_n].which = (int)m->arg;
    r->doors[r->door_n++].fd = take(&m->fds[0]);
    return ERR_OK;
}

static err_t
take_ring(struct ctx *cx, struct role *r, struct role_message *m)
{
    if (m->arg >= ROLE_WORKERS_MAX)
        return refuse(cx, ERR_LIMIT, "", "too many workers");
    r->rings[m->arg] =
        (struct role_ring){ take(&m->fds[0]), take(&m->fds[1]), take(&m->fds[2]) };
    if (m->arg >= r->ring_n)
        r->ring_n = m->arg + 1;
    return ERR_OK;
}

static err_t
take_peer(struct ctx *cx, struct role *r, struct role_message *m)
{
    if (r->peer_n == COUNT(r->peers))
        return refuse(cx, ERR_LIMIT, "", "too many peers");
    r->peers[r->peer_n].who = m->arg;
    r->peers[r->peer_n++].fd = take(&m->fds[0]);
    return ERR_OK;
}

static err_t
first_word(struct ctx *cx, struct role *r, struct role_message *m)
{
    switch ((enum role_say)m->say) {
    case ROLE_CONF: return role_take_conf(cx, m, &r->conf);
    case ROLE_FILE: return role_take_file(cx, m);
    case ROLE_DOOR: return take_door(cx, r, m);
    case ROLE_COUNTERS: r->counters = take(&m->fds[0]); return ERR_OK;
    case ROLE_RING: return take_ring(cx, r, m);
    case ROLE_PEER: return take_peer(cx, r, m);
    case ROLE_LOCK: r->lock = take(&m->fds[0]); return ERR_OK;
    case ROLE_RUN:
    case ROLE_PING: return ERR_OK;
    case ROLE_SAY_NOTHING:
    case ROLE_DRAIN:
    case ROLE_READY:
    case ROLE_RELOADED:
    case ROLE_PONG:
    case ROLE_SAY_COUNT: break;
    }
    return refuse(cx, ERR_INTERNAL, "", "the supervisor said %u first", m->say);
}

static err_t
hear_first_words(struct ctx *cx, struct role *r)
{
    struct role_message m = { 0 };
    err_t e;

    do {
        if ((e = role_hear(cx, r->control, &m)) != ERR_OK)
            return e;
        e = first_word(cx, r, &m);
        role_message_close(&m);
        if (e != ERR_OK)
            return e;
    } while (m.say != ROLE_RUN);
    if (r->conf == NULL)
        return refuse(cx, ERR_INTERNAL, "", "no options were handed");
    cx->conf = r->conf;
    return ERR_OK;
}

/* --- the process -------------------------------------------------------------- */

static enum log_level
level_of(struct str verbosity)
{
    return str_is(verbosity, "error")  ? LOG_ERROR
           : str_is(verbosity, "warn") ? LOG_WARN
           : str_is(verbosity, "info") ? LOG_INFO
                                       : LOG_DEBUG;
}

void
role_log_open(const struct conf *c)
{
    os_log_open(str_is(c->loggerformat, "json") ? LOG_JSON : LOG_TEXT,
                level_of(c->verbosity));
}

static err_t
run(struct ctx *cx, size_t which, unsigned number)
{
    static struct role r;
    err_t e;

    r = (struct role){ .kind = roles[which].kind,
                       .number = number,
                       .control = ROLE_CONTROL_FD,
                       .counters = -1,
                       .lock = -1 };
    for (size_t i = 0; i < COUNT(r.rings); i++)
        r.rings[i] = (struct role_ring){ -1, -1, -1 };
    /* Ctrl-C and systemd signal the whole group; a role ends when the supervisor says. */
    (void)signal(SIGTERM, SIG_IGN);
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN);
    /* Narrowed before options are read ... */
    if ((e = os_harden(cx)) != ERR_OK ||
        (e = sandbox_first(cx, roles[which].sandbox)) != ERR_OK)
        return e;
    if (r.kind != ROLE_AUDITOR) /* which drains its rings when it sees the end */
        os_die_with_parent();
    if ((e = hear_first_words(cx, &r)) != ERR_OK)
        return e;
    role_log_open(r.conf);
    return roles[which].run(cx, &r); /* ... and again there, when all is open */
}

/* Is descriptor 3 what the supervisor gives? A person who types this is told. */
static bool
has_control(void)
{
    int type = 0;
    socklen_t n = sizeof(type);

    return getsockopt(ROLE_CONTROL_FD, SOL_SOCKET, SO_TYPE, &type, &n) == 0 &&
           type == SOCK_SEQPACKET;
}

int
role_main(int argc, char **argv)
{
    static struct arena arena;
    static struct ctx cx;
    uint64_t number;
    char name[32];

    os_log_open(LOG_TEXT, LOG_INFO);
    if (argc != 2 || !str_to_u64(str_of(argv[1]), &number) || number >= ROLE_WORKERS_MAX ||
        !has_control()) {
        fputs("knoop role: only the supervisor starts roles; run knoop server\n", stderr);
        return 2;
    }
    arena_init(&arena, ROLE_ARENA);
    ctx_init(&cx, &arena, os_now_ms());
    for (size_t i = 0; i < COUNT(roles); i++) {
        if (strcmp(argv[0], roles[i].name) != 0)
            continue;
        snprintf(name, sizeof(name), "knoop-%s", roles[i].name);
        os_process_name(name);
        if (run(&cx, i, (unsigned)number) == ERR_OK)
            _exit(0); /* nothing is left to do; no exit handler is wanted */
        log_error(&cx, "%s: %.*s", roles[i].name, STR(cx.reason));
        _exit(1);
    }
    fprintf(stderr, "knoop role: there is no role '%s'\n", argv[0]);
    return 2;
}

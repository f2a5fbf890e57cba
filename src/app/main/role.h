/*
 * role.h - the processes, and how the supervisor speaks with them.
 *
 *   supervisor ──exec──> knoop role signer 0     each has the control pair at
 *              ──exec──> knoop role auditor 0    descriptor 3, and nothing else
 *              ──exec──> knoop role worker N     until it is handed
 *
 *        CONF, FILE…, DOOR…, COUNTERS, RING…,   ──>
 *        PEER…, RUN
 *                                               <──  READY
 *        PEER (another role was replaced)       ──>
 *        FILE…, CONF (SIGHUP)                   ──>
 *                                               <──  RELOADED
 *        PING                                   ──>
 *                                               <──  PONG
 *        DRAIN                                  ──>
 *                                               <──  end of file
 *
 * Rule      A role opens nothing that the supervisor can hand it. A message is
 *           one packet: struct role_message, a text, and descriptors.
 * Trust     Roles believe the supervisor. It reads from them only these few
 *           words, and believes none that matters.
 * Lifetime  A struct role lives as long as its process.
 * Source    Knoop, after OpenSSH's privilege separation. EUPL-1.2.
 */
#ifndef KNOOP_APP_MAIN_ROLE_H
#define KNOOP_APP_MAIN_ROLE_H

#include "sys/conf/conf.h"
#include "sys/os/os.h"
#include "sys/os/sandbox.h"

enum role_kind { ROLE_NONE, ROLE_SUPERVISOR, ROLE_SIGNER, ROLE_AUDITOR, ROLE_WORKER };

enum role_say {
    ROLE_SAY_NOTHING,
    /* to a role */
    ROLE_CONF,     /* arg: 0 first, 1 again;      descriptor: the packed options */
    ROLE_FILE,     /* text: its name;             descriptor: open for reading */
    ROLE_DOOR,     /* arg: ROLE_DOOR_…;           descriptor: listens */
    ROLE_COUNTERS, /* descriptor: the memory in which all workers count */
    ROLE_RING,     /* arg: worker;                descriptors: ring, bell, back */
    ROLE_PEER,     /* arg: worker or ROLE_PEER_…; descriptor: this end of a pair */
    ROLE_LOCK,     /* descriptor: the data folder's lock, to be held till the end */
    ROLE_RUN,      /* that was all */
    ROLE_PING,
    ROLE_DRAIN, /* finish what is under way, then end */
    /* from a role */
    ROLE_READY,
    ROLE_RELOADED, /* text: why not, or nothing */
    ROLE_PONG,
    ROLE_SAY_COUNT
};

enum { ROLE_CONTROL_FD = 3, ROLE_TEXT_MAX = 4096 };
enum { ROLE_DOOR_PUBLIC = 1, ROLE_DOOR_INTERNAL = 2, ROLE_DOORS_MAX = 4 };
enum { ROLE_WORKERS_MAX = 64 };
/* PEER's arg: in the signer the worker's number, or the auditor; elsewhere the signer. */
enum { ROLE_PEER_AUDITOR = 1000, ROLE_PEER_SIGNER = 1001 };

struct role_message {
    uint32_t say, arg;
    size_t text_n; /* not sent: what is left of the packet */
    char text[ROLE_TEXT_MAX];
    int fds[OS_FDS_MAX];
};

struct role_ring {
    int ring, bell, back;
};

struct role {
    enum role_kind kind;
    unsigned number; /* of a worker */
    int control;
    struct conf *conf;
    struct {
        int fd, which;
    } doors[ROLE_DOORS_MAX];
    size_t door_n;
    struct role_ring rings[ROLE_WORKERS_MAX]; /* the worker's own is at its number */
    size_t ring_n;                            /* one past the highest */
    struct {
        int fd;
        unsigned who;
    } peers[ROLE_WORKERS_MAX + 1];
    size_t peer_n;
    int counters, lock;
};

/* One packet. `text` may be NULL. */
err_t role_tell(struct ctx *cx, int control, enum role_say say, unsigned arg,
                const char *text, const int *fds, size_t n) NODISCARD;
/* One packet; GONE at the end. Descriptors are the caller's. */
err_t role_hear(struct ctx *cx, int control, struct role_message *m) NODISCARD;
void role_message_close(struct role_message *m); /* what was not taken */

/* What a narrowed role was given beyond the first words. */
err_t role_take_conf(struct ctx *cx, struct role_message *m, struct conf **out) NODISCARD;
err_t role_take_file(struct ctx *cx, struct role_message *m) NODISCARD;

/* Where lines go, as these options say. */
void role_log_open(const struct conf *c);

/* `knoop server …`: args are key=value. Returns main's exit code. */
int supervisor_main(char *const *args);
/* `knoop role …`: for the supervisor alone. */
int role_main(int argc, char **argv);

/* Each runs until it is drained or the supervisor is gone. */
err_t role_signer(struct ctx *cx, struct role *r) NODISCARD;
err_t role_auditor(struct ctx *cx, struct role *r) NODISCARD;
err_t role_worker(struct ctx *cx, struct role *r) NODISCARD;

/* The data folder's parts. */
#define ROLE_FOLDER_STORE "store"
#define ROLE_FOLDER_AUDIT "audit"
#define ROLE_FOLDER_KEYS  "keys"
/* In the first, where store.url names no other. */
#define ROLE_DATABASE "knoop.db"
/* <datadir>/<part> in cx's arena, NUL-terminated. */
err_t role_folder(struct ctx *cx, const struct conf *c, const char *part,
                  const char **out) NODISCARD;
/* The names by which the signer's secrets are handed: the options' keys. */
bool role_is_secret_file(const struct conf_row *row);

#endif

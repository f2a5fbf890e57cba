/*
 * load.h - programs started on a core of their own, and a load of requests on them
 * from another: keep-alive connections, each with one request under way.
 *
 *     core 0           the program that is measured, all its processes
 *     last core        the generator, and what stands behind the program (upstreams)
 *
 * Rule      Requests are made before the run. What counts as an answer is whole and
 *           has the status that was expected; a run with another answer ends the
 *           benchmark, since it measured something else.
 * Source    Knoop. EUPL-1.2.
 */
#ifndef KNOOP_TEST_LOAD_H
#define KNOOP_TEST_LOAD_H

#include "base/bench.h"
#include "base/buf.h"

enum { LOAD_PIDS = 32, LOAD_CONNECTIONS = 512 };

/* --- programs ------------------------------------------------------------------ */

/* A loopback port that was free a moment ago. */
int load_port(void);
/* Starts it pinned to `core`; what it says goes to the file `log`. Ends with us. */
pid_t load_start(const char *const *argv, unsigned core, const char *log);
/* Waits until the port is served; false when the program ended or 10 s went by. */
bool load_serves(pid_t pid, int port);
void load_stop(pid_t pid); /* SIGTERM, waited for; then SIGKILL */

/* A program and what it started, as they are now. */
size_t load_tree(pid_t root, pid_t pids[LOAD_PIDS]);
int64_t load_cpu_ns(pid_t root);    /* of the tree */
int64_t load_memory_kb(pid_t root); /* proportional set size of the tree */

/* A folder that is removed when the program ends. */
const char *load_folder(void);

/* --- requests ------------------------------------------------------------------- */

/* One request and its answer, for set-up and for looking before measuring. */
struct load_answer {
    int status;
    struct str head, body;
};
struct load_answer load_ask(struct ctx *cx, int port, struct str request);
/* "METHOD path HTTP/1.1", Host, the headers (each "Name: value\r\n"), a body. */
struct str load_request(struct ctx *cx, const char *method, const char *path,
                        const char *headers, struct str body);

/* --- runs ----------------------------------------------------------------------- */

struct load {
    int port;
    pid_t server;              /* whose tree's CPU is counted */
    const struct str *request; /* taken in turn, from the first again at the end */
    size_t requests;
    size_t connections;
    uint64_t most; /* ends after so many answers; 0: after `seconds` */
    double seconds;
    double rate; /* a second, on their own clock; 0: each when the last is answered */
    int status;  /* expected; 0: any of 2xx */
};

struct load_result {
    uint64_t answers, bytes;
    double per_second;
    double cpu_us, own_us;          /* an answer: the server's tree, the generator */
    double p50_us, p99_us, most_us; /* from when it was due to its last byte */
};

struct load_result load_run(const struct load *load);

#endif

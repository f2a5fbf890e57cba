/*
 * source_bench.c - `knoop source`, loaded over HTTP: transactions of 100, reads, and
 * each search that the policies shipped use, as their rules say it.
 *
 * Bounds    15,000 resources stored a second; 10,000 reads or searches a second of one
 *           core; p99 under 5 ms at 8 connections (issue 3.5).
 * Source    Knoop. EUPL-1.2.
 */
#include "app/demo/data.h"
#include "load.h"

#include <dirent.h>
#include <fcntl.h>

enum { WANTED = 20000, PER_TRANSACTION = 100, PATIENTS_MAX = 2000, ASKED_PATIENTS = 100 };
enum { CONNECTIONS = 8, RULES_MAX = 64 };
static const double STORED_WANTED = 15000, ASKED_WANTED = 10000, P99_US = 5000;

static struct arena arena;
static struct ctx cx;
static int port;
static pid_t server;

/* --- transactions ----------------------------------------------------------------- */

struct made {
    struct str request[WANTED / PER_TRANSACTION + 2];
    size_t requests, resources, patients;
    struct buf bundle;
    size_t in_bundle;
};

static void
bundle_ends(struct made *m)
{
    struct str body;

    if (m->in_bundle == 0)
        return;
    buf_z(&m->bundle, "]}");
    bench_must(&cx, buf_done(&cx, &m->bundle, &body), "bundle");
    m->request[m->requests++] =
        load_request(&cx, "POST", "/fhir", "Content-Type: application/fhir+json\r\n", body);
    m->in_bundle = 0;
}

static err_t
into_bundle(struct ctx *of, void *arg, enum data_org org, struct str type, struct str line)
{
    struct made *m = arg;
    struct str id = str_sub(line, str_search(line, S("\"id\":\"")) + 6, line.n);

    (void)of;
    if (org != DATA_HOSPITAL || m->resources == WANTED)
        return ERR_OK;
    if (m->in_bundle == 0) {
        buf_init(&m->bundle, &arena);
        buf_z(&m->bundle,
              "{\"resourceType\":\"Bundle\",\"type\":\"transaction\",\"entry\":[");
    }
    id = str_sub(id, 0, str_find(id, '"'));
    buf_printf(&m->bundle,
               "%s{\"request\":{\"method\":\"PUT\",\"url\":\"%.*s/%.*s\"},\"resource\":",
               m->in_bundle ? "," : "", STR(type), STR(id));
    buf_str(&m->bundle, line);
    buf_c(&m->bundle, '}');
    m->resources++;
    if (++m->in_bundle == PER_TRANSACTION)
        bundle_ends(m);
    return ERR_OK;
}

static void
make_all(struct made *m)
{
    struct arena scratch;
    struct ctx own;

    arena_init(&scratch, 4u << 20);
    ctx_init(&own, &scratch, 0);
    bench_must(&own, data_write_common(&own, into_bundle, m), "data");
    while (m->resources < WANTED && m->patients < PATIENTS_MAX)
        bench_must(&own, data_write_patient(&own, 1, m->patients++, into_bundle, m),
                   "data");
    bundle_ends(m);
    arena_fini(&scratch);
}

static void
store_all(const struct made *m)
{
    struct load load = {
        .port = port,
        .server = server,
        .request = m->request,
        .requests = m->requests,
        .connections = 1,
        .most = m->requests,
        .status = 200,
    };
    struct load_result r = load_run(&load);
    double each = (double)m->resources / (double)m->requests;

    bench_rate("source.transaction", r.per_second * each, "resources/s", STORED_WANTED,
               "resources/s, wanted");
    bench_cost("source.transaction.cpu", r.cpu_us / each, "us", 1e6 / STORED_WANTED,
               "us a resource, one core at that rate");
    bench_cost("source.transaction.p99", r.p99_us, "us",
               PER_TRANSACTION * 1e6 / STORED_WANTED, "us, 100 resources at that rate");
}

/* --- reads and searches ------------------------------------------------------------- */

struct sum {
    double cpu_us, p99_us;
    size_t n;
};

/* Asks each once before, and says how many resources came on average; -1: not offered. */
static double
look(const struct str *request, size_t n, bool search)
{
    double entries = 0;

    for (size_t i = 0; i < n; i++) {
        struct load_answer a = load_ask(&cx, port, request[i]);
        json *v;

        if (a.status == 400)
            return -1;
        if (a.status != 200) {
            fprintf(stderr, "%d for %.*s%.*s\n", a.status, STR(request[i]), STR(a.body));
            exit(1);
        }
        bench_must(&cx, json_parse(&cx, a.body, JSON_STRICT, &v), "an answer");
        entries += search ? (double)json_size(json_get(v, "entry")) : 1;
    }
    return entries / (double)n;
}

static void
ask_all(const char *name, const struct str *request, size_t n, bool search, struct sum *sum)
{
    struct load load = {
        .port = port,
        .server = server,
        .request = request,
        .requests = n,
        .connections = CONNECTIONS,
        .seconds = 0.5,
        .status = 200,
    };
    double entries = look(request, n, search);
    struct load_result r;
    char unit[48];

    if (entries < 0) {
        bench_skip(name, "the store does not offer this search");
        return;
    }
    r = load_run(&load);

    snprintf(unit, sizeof(unit), "1/s-of-CPU(%.1f-resources)", entries);
    bench_rate(name, 1e6 / r.cpu_us, unit, ASKED_WANTED, "1/s of one core, wanted");
    sum->cpu_us = r.cpu_us > sum->cpu_us ? r.cpu_us : sum->cpu_us;
    sum->p99_us = r.p99_us > sum->p99_us ? r.p99_us : sum->p99_us;
    sum->n++;
}

static void
read_all(size_t patients, struct sum *sum)
{
    struct str request[ASKED_PATIENTS];
    size_t n = 0;
    char path[64];

    for (; n < ASKED_PATIENTS && n < patients; n++) {
        snprintf(path, sizeof(path), "/fhir/Patient/p%05zu", n + 1);
        request[n] = load_request(&cx, "GET", path, "", S(""));
    }
    ask_all("source.read", request, n, false, sum);
}

static void
put_param(struct buf *b, const char *name, struct str value)
{
    buf_printf(b, "%c%s=", b->n > 0 ? '&' : '?', name);
    buf_percent(b, value);
}

/* {"exact": "a|b"}, {"one_of": […]}, {"set": […]}: what a client would ask. */
static struct str
required(const json *rule)
{
    struct str text = json_get_text(rule, "exact");
    struct buf b;

    if (text.n > 0)
        return text;
    if (json_get(rule, "one_of") != NULL) {
        if (!json_str(json_at(json_get(rule, "one_of"), 0), &text))
            exit(1);
        return text;
    }
    buf_init(&b, &arena);
    for (json_each(it, json_get(rule, "set"))) {
        struct str one;

        if (b.n > 0)
            buf_c(&b, ',');
        if (json_str(it.value, &one))
            buf_str(&b, one);
    }
    bench_must(&cx, buf_done(&cx, &b, &text), "set");
    return text;
}

static void
put_patient(struct buf *b, const json *rule, size_t patient)
{
    char room[64], number[10];
    const json *by = json_get(rule, "patient");

    if (json_has(by, S("identifier:identifier"))) {
        snprintf(room, sizeof(room), "http://fhir.nl/fhir/NamingSystem/bsn|%.9s",
                 data_bsn(patient, number).p);
        put_param(b, "identifier", str_of(room));
        return;
    }
    snprintf(room, sizeof(room), "%sp%05zu", json_has(by, S("param:_id")) ? "" : "Patient/",
             patient + 1);
    put_param(b, json_has(by, S("param:_id")) ? "_id" : "patient", str_of(room));
}

static struct str
search_of(const json *rule, size_t patient)
{
    struct buf query;
    struct str text, type = json_get_text(rule, "type");
    char *path, name[64];

    buf_init(&query, &arena);
    put_patient(&query, rule, patient);
    for (json_each(it, json_get(rule, "require"))) {
        snprintf(name, sizeof(name), "%.*s", STR(it.name));
        put_param(&query, name, required(it.value));
    }
    for (json_each(kind, json_get(rule, "include")))
        for (json_each(it, kind.value)) {
            snprintf(name, sizeof(name), "%.*s", STR(kind.name));
            put_param(&query, name, it.name);
        }
    bench_must(&cx, buf_done(&cx, &query, &text), "query");
    path = arena_z(&arena,
                   arena_printf(&arena, "/fhir/%.*s%s%.*s", STR(type),
                                json_get(rule, "operation") ? "/$lastn" : "", STR(text)));
    return load_request(&cx, "GET", path, "", S(""));
}

static void
search_rule(struct str policy, const json *rule, size_t patients, struct sum *sum)
{
    struct str request[ASKED_PATIENTS], id = json_get_text(rule, "id");
    char name[128];
    size_t n = 0;

    if (json_is(json_get(rule, "interaction"), "read"))
        return;
    for (; n < ASKED_PATIENTS && n < patients; n++)
        request[n] = search_of(rule, n);
    snprintf(name, sizeof(name), "source.search.%.*s.%.*s", STR(policy), STR(id));
    ask_all(name, request, n, true, sum);
}

static struct str
read_file(const char *path)
{
    FILE *f = fopen(path, "r");
    char *room = arena_alloc(&arena, 65536);
    size_t n = f != NULL && room != NULL ? fread(room, 1, 65536, f) : 0;

    if (f != NULL)
        fclose(f);
    return (struct str){ room, n };
}

static void
search_all(size_t patients, struct sum *sum)
{
    DIR *folder = opendir("policies");
    struct dirent *d;

    while (folder != NULL && (d = readdir(folder)) != NULL) {
        char path[300];
        struct str text;
        json *policy;

        snprintf(path, sizeof(path), "policies/%s/policy.json", d->d_name);
        if (d->d_name[0] == '.' || (text = read_file(path)).n == 0)
            continue;
        bench_must(&cx, json_parse(&cx, text, JSON_STRICT, &policy), path);
        for (json_each(it, json_get(policy, "rules")))
            search_rule(str_of(d->d_name), it.value, patients, sum);
    }
    if (folder != NULL)
        closedir(folder);
}

static void
start(void)
{
    static char address[32], data[64], log[64];
    const char *argv[] = { "build/knoop", "source", "--address", address,
                           "--data",      data,     NULL };
    const char *program = getenv("KNOOP");

    argv[0] = program != NULL ? program : argv[0];
    port = load_port();
    snprintf(address, sizeof(address), "127.0.0.1:%d", port);
    snprintf(data, sizeof(data), "%s/data", load_folder());
    snprintf(log, sizeof(log), "%s/log", load_folder());
    server = load_start(argv, 0, log);
    if (!load_serves(server, port)) {
        fprintf(stderr, "knoop source does not serve; see %s\n", log);
        exit(1);
    }
}

int
main(int argc, char **argv)
{
    static struct made made;
    struct sum sum = { 0 };

    bench_start(argc, argv);
    arena_init(&arena, 1u << 30);
    ctx_init(&cx, &arena, 0);
    make_all(&made);
    start();
    bench_pin(bench_last_core());
    store_all(&made);
    read_all(made.patients, &sum);
    search_all(made.patients, &sum);
    bench_rate("source.slowest", 1e6 / sum.cpu_us, "1/s-of-CPU", ASKED_WANTED,
               "1/s of one core, wanted of each");
    bench_cost("source.p99", sum.p99_us, "us", P99_US,
               "us, wanted of each at 8 connections");
    bench_cost("source.memory", (double)load_memory_kb(server) / 1024, "MB", 128,
               "MB, two connections' page caches");
    load_stop(server);
    arena_fini(&arena);
    return 0;
}

/* conf_test.c - options: refusals first, then what is taken. EUPL-1.2. */
#include "base/test.h"
#include "base/log.h"
#include "sys/conf/conf_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char last_log[1024];

static void
sink(const struct log_line *line)
{
    snprintf(last_log, sizeof(last_log), "%.*s", STR(line->text));
}

static int
setup(void **state)
{
    struct test_ctx *t = calloc(1, sizeof(*t));

    test_ctx_init(t);
    log_open(sink, LOG_WARN);
    last_log[0] = '\0';
    *state = t;
    return 0;
}

static int
teardown(void **state)
{
    struct test_ctx *t = *state;

    test_ctx_fini(t);
    free(t);
    return 0;
}

static void
reason_has(struct ctx *cx, const char *part)
{
    if (str_search(cx->reason, str_of(part)) == cx->reason.n)
        fail_msg("reason '%.*s' lacks '%s'", STR(cx->reason), part);
}

static void
refused(struct ctx *cx, char *const *args, char *const *env, const char *yaml,
        const char *part)
{
    struct conf *c = (struct conf *)1;

    refuse_clear(cx);
    arena_reset(cx->arena);
    if (conf_parse(cx, args, env, str_of(yaml), "k.yaml", &c) != ERR_CONF)
        fail_msg("taken, but lacks '%s': %s", part, yaml);
    assert_null(c);
    reason_has(cx, part);
}

static struct conf *
taken(struct ctx *cx, char *const *args, char *const *env, const char *yaml)
{
    struct conf *c;

    if (conf_parse(cx, args, env, str_of(yaml), "k.yaml", &c) != ERR_OK)
        fail_msg("refused: %.*s", STR(cx->reason));
    return c;
}

/* What main and environ hand over is not const; literals are. */
#define TEXTS(...) ((char *const *)(uintptr_t)(const char *const[]){ __VA_ARGS__, NULL })

#define CX (&((struct test_ctx *)*state)->cx)

static void
every_row_is_sound(void **state)
{
    size_t n;
    const struct conf_row *rows = conf_rows(&n);
    struct conf *c;

    assert_int_equal(conf_default(CX, &c), ERR_OK); /* each default is within its bounds */
    conf_give(c);
    for (size_t i = 0; i < n; i++) {
        assert_true(strspn(rows[i].key, "abcdefghijklmnopqrstuvwxyz0123456789._") ==
                    strlen(rows[i].key));
        assert_true(strlen(rows[i].key) < CONF_KEY_MAX);
        assert_true(strlen(rows[i].help) > 10);
        assert_true(rows[i].kind != CONF_CHOICE || rows[i].least[0] != '\0');
        for (size_t j = 0; j < n; j++) {
            char env[CONF_KEY_MAX + 1] = "";

            if (j == i)
                continue;
            assert_string_not_equal(rows[i].key, rows[j].key);
            assert_true(rows[i].nuts[0] == '\0' || strcmp(rows[i].nuts, rows[j].nuts) != 0);
            /* "a.b" and "a_b" would be one environment variable */
            for (size_t k = 0; rows[j].key[k] != '\0'; k++)
                env[k] = rows[j].key[k] == '.' ? '_'
                         : rows[j].key[k] >= 'a' && rows[j].key[k] <= 'z'
                             ? (char)(rows[j].key[k] - 32)
                             : rows[j].key[k];
            assert_false(conf__env_is(str_of(env), rows[i].key));
        }
    }
}

static void
yaml_is_refused(void **state)
{
    static const struct {
        const char *yaml, *part;
    } rows[] = {
        { "verbosity: &a info\n", "anchor" },
        { "verbosity: *a\n", "alias" },
        { "&a verbosity: info\n", "anchor" },
        { "verbosity: !!str info\n", "tag" },
        { "http: !x { public: {} }\n", "tag" },
        { "%YAML 1.1\n---\nverbosity: info\n", "directive" },
        { "verbosity: info\n---\nverbosity: info\n", "second document" },
        { "verbosity: info\nverbosity: info\n", "k.yaml:2: verbosity stands twice" },
        { "http:\n  public:\n    address: :1\nhttp:\n  internal:\n    address: :1\n",
          "k.yaml:4: http stands twice" },
        { "http.public.address: :1\nhttp:\n  public:\n    address: :2\n", "stands twice" },
        { "store.url: a\nstorage.sql.connection: b\n", "already set at k.yaml:1" },
        { "- a\n", "no map" },
        { "just text\n", "no map" },
        { "verbosity: [info\n", "k.yaml" },
        { "\tverbosity: info\n", "k.yaml:1" },
        { "verbosity: [info]\n", "takes one value, not a list" },
        { "verbosity: {a: b}\n", "no option 'verbosity.a'" },
        { "verbosity:\n", "must be one of" },
        { "verbosity: loud\n", "must be one of trace|debug|info|warn|error" },
        { "strictmode: yes\n", "must be true or false" },
        { "verbosty: info\n", "is 'verbosity' meant?" },
        { "htp:\n  public:\n    adress: x\n", "is 'http.public.address' meant?" },
        { "address: x\n",
          "k.yaml:1: there is no option 'address'; is 'http.public.address'" },
        { "qqqqqqqqqqqqqqqqqqqqqqq: x\n", "see knoop print options" },
        { "ab: x\n", "see knoop print options" },
        { "store:\n  connections: 0\n", "from 1 up to 256" },
        { "store:\n  connections: 257\n", "k.yaml:2: store.connections is '257'" },
        { "store:\n  connections: 1.5\n", "must be a whole number" },
        { "store:\n  timeout: 5\n", "must be a duration with its unit" },
        { "store:\n  timeout: 6m\n", "from 100ms up to 5m" },
        { "store:\n  timeout: 5s3\n", "must be a duration" },
        { "store:\n  timeout: -5s\n", "must be a duration" },
        { "store:\n  timeout: 99999999999999999h\n", "must be a duration" },
        { "datadir: ''\n", "must have 1 up to" },
        { "datadir: \"a\\0b\"\n", "control character" },
        { "datadir: \"a\\x07b\"\n", "control character" },
        { "datadir: \xff\n", "not UTF-8" },
        { "? [a]\n: b\n", "no plain word" },
        { "configfile: x\n", "cannot stand in the file itself" },
        { "network.certfile: x\n", "replaced by tls.certfile" },
        { "storage:\n  sql:\n    rdsiam:\n      enabled: true\n", "not offered" },
        { "pki:\n  softfail: true\n", "is refused, always" },
        { "a: {b: {c: {d: {e: {f: {g: {h: {i: 1}}}}}}}}\n", "nested too deep" },
        { "url: http://x.nl\n", "must begin with https:// in strict" },
    };

    for (size_t i = 0; i < COUNT(rows); i++)
        refused(CX, NULL, NULL, rows[i].yaml, rows[i].part);
}

static void
a_file_is_bounded(void **state)
{
    char *text = malloc(CONF_FILE_MAX + 2);
    size_t n = 0;

    memset(text, '#', CONF_FILE_MAX + 1);
    text[CONF_FILE_MAX + 1] = '\0';
    refused(CX, NULL, NULL, text, "larger than");
    for (int i = 0; i <= CONF_NODES_MAX; i++)
        n += (size_t)sprintf(text + n, "network.k%d: 1\n", i);
    refused(CX, NULL, NULL, text, "too many keys");
    n = (size_t)sprintf(text, "verbosity:\n");
    for (int i = 0; i <= CONF_ITEMS_MAX; i++)
        n += (size_t)sprintf(text + n, "- a\n");
    refused(CX, NULL, NULL, text, "list is too long");
    free(text);
}

static void
arguments_are_refused(void **state)
{
    refused(CX, TEXTS("verbosity"), NULL, "", "has no value");
    refused(CX, TEXTS("verbosity=info", "--verbosity=warn"), NULL, "", "already set");
    refused(CX, TEXTS("verbosit=info"), NULL, "", "is 'verbosity' meant?");
    refused(CX, TEXTS("store.url=postgres://u:hunter2@h/d"), NULL, "", "is a secret");
    assert_true(str_search(CX->reason, S("hunter2")) == CX->reason.n);
    refused(CX, TEXTS("crypto.vault.token=hunter2"), NULL, "", "Vault");
    assert_true(str_search(CX->reason, S("hunter2")) == CX->reason.n);
}

static void
the_environment_is_refused(void **state)
{
    refused(CX, NULL, TEXTS("KNOOP_VERBOSTY=info"), "", "is 'verbosity' meant?");
    refused(CX, NULL, TEXTS("KNOOP_VERBOSITY=loud"), "", "KNOOP_VERBOSITY: verbosity");
    refused(CX, NULL, TEXTS("KNOOP_VECTORS_X=/v"), "", "KNOOP_VECTORS_X");
    conf_give(taken(CX, NULL, TEXTS("KNOOP_VECTORS=/v", "KNOOP_HAPI=/h"), ""));
    refused(CX, NULL, TEXTS("NUTS_NETWORK_CERTFILE=x"), "", "tls.certfile");
    refused(CX, NULL, TEXTS("NUTS_PKI_SOFTFAIL=true"), "", "refused, always");
    /* one that loses is judged all the same */
    refused(CX, TEXTS("verbosity=info"), TEXTS("KNOOP_VERBOSITY=loud"), "",
            "KNOOP_VERBOSITY");
}

static void
what_is_nuts_node_s_is_named(void **state)
{
    struct conf *c =
        taken(CX, NULL,
              TEXTS("NUTS_NETWORK_GRPCADDR=:5555", "NUTS_STRICTMODE=false",
                    "KNOOP_PORT_8080_TCP_ADDR=10.0.0.1", "KNOOP_SERVICE_HOST=10.0.0.1"),
              "");

    assert_non_null(strstr(last_log, "NUTS_NETWORK_GRPCADDR"));
    assert_false(c->strictmode);
    conf_give(c);
    conf_give(taken(CX, NULL, NULL, "events:\n  nats:\n    port: 4222\n"));
    assert_non_null(strstr(last_log, "k.yaml:3: events.nats.port does nothing"));
    conf_give(taken(CX, NULL, TEXTS("NUTS_WHATEVER=1"), ""));
    assert_non_null(strstr(last_log, "NUTS_WHATEVER is no option"));
}

static void
sources_win_in_order(void **state)
{
    char *const *args = TEXTS("--verbosity=error");
    char *const *env =
        TEXTS("KNOOP_DATADIR=/e", "NUTS_DATADIR=/n", "NUTS_LOGGERFORMAT=json", "X=y",
              "NUTS_STORAGE_SQL_CONNECTION=sqlite:file:/x.db");
    struct conf *c = taken(CX, args, env,
                           "verbosity: debug\ndatadir: /f\nloggerformat: text\n"
                           "store:\n  connections: 7\n  url: sqlite:///f\n");

    assert_true(str_is(c->verbosity, "error"));
    assert_true(str_is(c->datadir, "/e"));
    assert_true(str_is(c->loggerformat, "json"));
    assert_true(str_is(c->store_url, "sqlite:file:/x.db"));
    assert_int_equal(c->store_connections, 7);
    assert_int_equal(c->store_timeout, 5000);
    assert_true(c->strictmode);
    conf_give(c);
}

static err_t
read_as(struct ctx *cx, enum conf_kind kind, const char *text, union conf_cell *out)
{
    struct conf_row row = { "k", "", kind, "", "", "", CONF_NOW, "", 0 };
    struct str s = str_of(text);
    struct conf_said said = { &s, 1, false };

    return conf__read(cx, cx->arena, &row, &said, S("here"), out);
}

static void
values_are_read(void **state)
{
    static const struct {
        enum conf_kind kind;
        const char *text;
        int64_t value;
    } rows[] = {
        { CONF_INT, "-5", -5 },
        { CONF_SIZE, "64k", 65536 },
        { CONF_SIZE, "10M", 10485760 },
        { CONF_SIZE, "12", 12 },
        { CONF_DURATION, "10m0s", 600000 },
        { CONF_DURATION, "1.5h", 5400000 },
        { CONF_DURATION, "1h30m", 5400000 },
        { CONF_DURATION, "100ms", 100 },
        { CONF_DURATION, "2d", 172800000 },
        { CONF_DURATION, "0", 0 },
        { CONF_DURATION, "0s", 0 },
        { CONF_DURATION, "1500us", 1 },
    };
    static const char *const bad_sizes[] = { "",    "k",           "-1",  "1kb",
                                             "1 k", "9999999999g", "0x10" };
    static const char *const bad_durations[] = { "",   "s",    "1",    "1.s.",
                                                 "1x", "1e3s", " 1s",  "10us",
                                                 ".s", "1s ",  "1..5s" };
    union conf_cell cell;

    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(read_as(CX, rows[i].kind, rows[i].text, &cell), ERR_OK);
        assert_int_equal(cell.i, rows[i].value);
    }
    for (size_t i = 0; i < COUNT(bad_sizes); i++)
        assert_int_equal(read_as(CX, CONF_SIZE, bad_sizes[i], &cell), ERR_CONF);
    for (size_t i = 0; i < COUNT(bad_durations); i++)
        assert_int_equal(read_as(CX, CONF_DURATION, bad_durations[i], &cell), ERR_CONF);
}

static void
lists_are_split(void **state)
{
    union conf_cell cell;

    assert_int_equal(read_as(CX, CONF_LIST, " a, b\\,c ,, d", &cell), ERR_OK);
    assert_int_equal(cell.l.n, 3);
    assert_true(str_is(cell.l.item[0], "a"));
    assert_true(str_is(cell.l.item[1], "b,c"));
    assert_true(str_is(cell.l.item[2], "d"));
    assert_int_equal(read_as(CX, CONF_LIST, "", &cell), ERR_OK);
    assert_int_equal(cell.l.n, 0);
}

static void
urls_are_judged(void **state)
{
    static const char *const strict_no[] = {
        "https://127.0.0.1",
        "https://[::1]",
        "https://node",
        "https://node.local",
        "https://a.test",
        "https://example.com",
        "https://a.example.org",
        "http://node.nl",
        "https://10.1",
        "https://node.nl?a",
        "https://node.nl#a",
        "https://u:p@node.nl",
        "https://node.nl:0",
        "https://node.nl:66000",
        "https://node.nl:",
        "https://",
        "https:///x",
        "https://a..nl",
        "https://-a.nl",
        "https://a_b.nl",
        "https://node.nl /",
        "ftp://node.nl",
        "https://node.nl.",
        ("https://n\xc3\xb6"
         "de.nl"),
        "https://0x7f.0x1",
        "https://a.LOCALHOST",
    };
    static const char *const both[] = { "https://node.nl",
                                        "https://node.example.nl:8443/nuts/",
                                        "https://xn--nde-sna.nl/x" };
    static const char *const loose[] = { "http://node", "http://127.0.0.1:8080",
                                         "http://[::1]:80/x" };

    for (size_t i = 0; i < COUNT(strict_no); i++)
        if (conf_url_check(CX, str_of(strict_no[i]), true) != ERR_CONF)
            fail_msg("taken: %s", strict_no[i]);
    for (size_t i = 0; i < COUNT(both); i++)
        assert_int_equal(conf_url_check(CX, str_of(both[i]), true), ERR_OK);
    for (size_t i = 0; i < COUNT(loose); i++) {
        assert_int_equal(conf_url_check(CX, str_of(loose[i]), false), ERR_OK);
        assert_int_equal(conf_url_check(CX, str_of(loose[i]), true), ERR_CONF);
    }
}

static void
a_server_needs_its_url(void **state)
{
    struct conf *c = taken(CX, NULL, NULL, "");

    assert_int_equal(conf_prove(CX, c), ERR_CONF);
    reason_has(CX, "url is not set");
    conf_give(c);
    c = taken(CX, NULL, NULL, "url: https://node.nl\n");
    assert_int_equal(conf_prove(CX, c), ERR_OK);
    conf_give(c);
}

static void
it_travels(void **state)
{
    struct conf *c = taken(CX, NULL, TEXTS("KNOOP_STORE_CONNECTIONS=9"),
                           "url: https://node.nl\nverbosity: debug\n"),
                *d;
    struct str packed;

    assert_int_equal(conf_pack(CX, c, &packed), ERR_OK);
    assert_int_equal(conf_unpack(CX, packed, &d), ERR_OK);
    assert_true(str_is(d->url, "https://node.nl"));
    assert_true(str_is(d->verbosity, "debug"));
    assert_int_equal(d->store_connections, 9);
    assert_true(str_is(d->file_, "k.yaml"));
    conf_give(d);
    for (size_t n = 0; n < packed.n; n++) { /* cut anywhere: refused, or a shorter whole */
        if (conf_unpack(CX, str_sub(packed, 0, n), &d) == ERR_OK)
            conf_give(d);
        else
            assert_null(d);
    }
    assert_int_equal(conf_unpack(CX, S(""), &d), ERR_CONF);
    assert_int_equal(conf_unpack(CX,
                                 S("f\0verbosity\0"
                                   "1V\0"
                                   "1\0loud\0"),
                                 &d),
                     ERR_CONF);
    conf_give(c);
}

static char *
write_file(const char *text)
{
    static char name[64];
    int fd;

    snprintf(name, sizeof(name), "/tmp/knoop-conf-XXXXXX");
    fd = mkstemp(name);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    return name;
}

static void
rewrite(const char *name, const char *text)
{
    FILE *f = fopen(name, "w");

    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void
a_reload_keeps_what_needs_a_restart(void **state)
{
    char *name = write_file("verbosity: info\ndatadir: /a\n");
    struct conf *c, *d;

    assert_int_equal(conf_load(CX, NULL, NULL, name, &c), ERR_OK);
    rewrite(name, "verbosity: debug\ndatadir: /b\n");
    assert_int_equal(conf_reload(CX, c, NULL, NULL, NULL, &d), ERR_OK);
    assert_true(str_is(d->verbosity, "debug"));
    assert_true(str_is(d->datadir, "/a"));
    assert_non_null(strstr(last_log, "datadir takes a restart"));
    conf_give(d);
    rewrite(name, "verbosity: loud\n");
    assert_int_equal(conf_reload(CX, c, NULL, NULL, NULL, &d), ERR_CONF);
    assert_null(d);
    reason_has(CX, "verbosity is 'loud'");
    assert_true(str_is(c->verbosity, "info"));
    unlink(name);
    assert_int_equal(conf_reload(CX, c, NULL, NULL, NULL, &d), ERR_CONF);
    reason_has(CX, "is not there");
    conf_give(c);
}

static void
files_are_refused(void **state)
{
    char *name = write_file("verbosity: info\n"), env[100];
    struct conf *c;

    assert_int_equal(chmod(name, 0666), 0);
    assert_int_equal(conf_load(CX, NULL, NULL, name, &c), ERR_CONF);
    reason_has(CX, "every user may write it");
    assert_int_equal(chmod(name, 0600), 0);
    snprintf(env, sizeof(env), "KNOOP_CONFIGFILE=%s", name);
    assert_int_equal(conf_load(CX, NULL, TEXTS(env), NULL, &c), ERR_OK);
    assert_true(str_is(c->file_, name));
    conf_give(c);
    unlink(name);
    assert_int_equal(conf_load(CX, NULL, TEXTS(env), NULL, &c), ERR_CONF);
    reason_has(CX, "is not there");
    assert_int_equal(conf_load(CX, NULL, NULL, "/tmp", &c), ERR_CONF);
    reason_has(CX, "is no file");
    assert_int_equal(conf_load(CX, NULL, NULL, NULL, &c),
                     ERR_OK); /* no usual place holds one */
    conf_give(c);
}

static void
secrets_are_masked(void **state)
{
    static const char *const with[] = {
        "postgres://user:hunter2@host/db", "postgres://u:hunter2@h:5432/d?sslmode=require",
        "postgres://u:hun/ter2@h/d",       "postgres://h/d?user=u&password=hunter2&x=y",
        "postgres://u:hun@ter2@h/d",       "host=h password=hunter2 user=u",
    };
    struct str out;

    for (size_t i = 0; i < COUNT(with); i++) {
        assert_true(conf__has_url_password(str_of(with[i])));
        assert_int_equal(conf__mask(CX, str_of(with[i]), &out), ERR_OK);
        assert_true(str_search(out, S("ter2")) == out.n);
    }
    assert_false(conf__has_url_password(S("https://node.nl:8443/ab")));
    assert_false(conf__has_url_password(S("postgres://user@host/db")));
}

static void
has(struct str text, const char *part, bool wanted)
{
    if ((str_search(text, str_of(part)) < text.n) != wanted)
        fail_msg("'%s' is %sin:\n%.*s", part, wanted ? "not " : "", STR(text));
}

/* Without a secret in it, and as YAML it can be read again. */
static void
it_is_printed(void **state)
{
    struct conf *c = taken(CX, TEXTS("verbosity=debug"),
                           TEXTS("KNOOP_STORE_URL=postgres://u:hunter2@localhost/d"),
                           "url: https://node.nl\nstrictmode: false\n"),
                *d;
    struct json_out js;
    struct str text;
    json *v;

    json_out_init(&js, CX->arena);
    assert_int_equal(conf_print(CX, c, &js), ERR_OK);
    assert_int_equal(json_out_done(CX, &js, &text), ERR_OK);
    assert_int_equal(json_parse(CX, text, JSON_STRICT, &v), ERR_OK);
    has(text, "hunter2", false);
    has(text,
        "{\"key\":\"url\",\"type\":\"text\",\"value\":\"https://node.nl\","
        "\"source\":\"file\",\"where\":\"k.yaml:1\",",
        true);
    has(text, "\"value\":\"postgres://u:***@localhost/d\",\"source\":\"environment\"",
        true);
    has(text, "\"key\":\"strictmode\",\"type\":\"bool\",\"value\":false", true);
    has(text, "\"value\":\"debug\",\"source\":\"command line\"", true);
    assert_int_equal(conf_print_yaml(CX, c, &text), ERR_OK);
    has(text, "hunter2", false);
    has(text, "url: \"https://node.nl\" # k.yaml:1\n", true);
    assert_int_equal(conf_parse(CX, NULL, NULL, text, "again", &d), ERR_OK);
    assert_true(str_is(d->verbosity, "debug"));
    assert_int_equal(d->store_timeout, c->store_timeout);
    conf_give(d);
    conf_give(c);
    assert_int_equal(conf_print_doc(CX, &text), ERR_OK);
    has(text, "| `verbosity` | choice | `info` | `trace`, `debug`,", true);
    has(text, "(nuts-node: `storage.sql.connection`.)", true);
}

static void
every_allocation_may_fail(void **state)
{
    static const char yaml[] =
        "url: https://node.nl\nstore:\n  connections: 3\nverbosity: warn\n";
    struct conf *c;

    for (long n = 1; n < 200; n++) {
        arena_reset(CX->arena);
        CX->arena->taken = 0;
        CX->arena->fail_at = n;
        if (conf_parse(CX, NULL, NULL, str_of(yaml), "k", &c) == ERR_OK) {
            conf_give(c);
            CX->arena->fail_at = 0;
            return;
        }
        assert_null(c);
        assert_true(CX->refused == ERR_NO_MEMORY || CX->refused == ERR_TOO_LARGE);
    }
    fail_msg("it never came through");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_row_is_sound, setup, teardown),
        cmocka_unit_test_setup_teardown(yaml_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_is_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(arguments_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(the_environment_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_nuts_node_s_is_named, setup, teardown),
        cmocka_unit_test_setup_teardown(sources_win_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(values_are_read, setup, teardown),
        cmocka_unit_test_setup_teardown(lists_are_split, setup, teardown),
        cmocka_unit_test_setup_teardown(urls_are_judged, setup, teardown),
        cmocka_unit_test_setup_teardown(a_server_needs_its_url, setup, teardown),
        cmocka_unit_test_setup_teardown(it_travels, setup, teardown),
        cmocka_unit_test_setup_teardown(a_reload_keeps_what_needs_a_restart, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(files_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(secrets_are_masked, setup, teardown),
        cmocka_unit_test_setup_teardown(it_is_printed, setup, teardown),
        cmocka_unit_test_setup_teardown(every_allocation_may_fail, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

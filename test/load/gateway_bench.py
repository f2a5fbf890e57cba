#!/usr/bin/env python3
"""gateway_bench - a whole node as gateway beside nginx as plain pass-through.

Both stand on core 0 before the same upstream (nginx with files, on the last core, where
the generator is too). Runs alternate, so that a busy machine bends both; a ratio is the
median of ratios of neighbours. CPU is that of all processes of a node.

    read    GET Patient/p1, streamed         search   GET Condition?patient=…, held, checked

Skipped aloud without nginx; the comparison with njs without its module.
"""
import json, os, shutil, statistics, subprocess, sys, time, urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tools"))
sys.dont_write_bytecode = True
import importlib.machinery, importlib.util
argv, sys.argv = sys.argv, sys.argv[:1]
loader = importlib.machinery.SourceFileLoader("scenario", os.path.join(ROOT, "tools", "scenario"))
scenario = importlib.util.module_from_spec(importlib.util.spec_from_loader("scenario", loader))
loader.exec_module(scenario)
from node import free_port

KNOOP = os.path.abspath(os.environ.get("KNOOP", os.path.join(ROOT, "build", "knoop")))
DRIVE = os.path.join(os.path.dirname(KNOOP), "bench", "test", "load", "drive")
AS_JSON = "--json" in argv
LAST = max(os.sched_getaffinity(0))
ROUNDS, SECONDS, PROOFS, CONNECTIONS = 5, 0.6, 2500, 32
NJS = "/usr/lib/nginx/modules/ngx_http_js_module.so"


def say(name, value, unit, ratio, bound, of):
    if AS_JSON:
        print(json.dumps({"bench": name, "value": round(value, 3), "unit": unit, "ratio": round(ratio, 3),
                          "bound": round(bound, 3), "of": of}), flush=True)
    else:
        print(f"bench {name} {value:.2f} {unit} ratio {ratio:.2f} of {bound:.2f} {of}", flush=True)


def rate(name, value, bound, of):
    say(name, value, "1/s", value / bound, bound, of)


def cost(name, value, bound, of):
    say(name, value, "us", bound / value if value else 0, bound, of)


def skip(name, why):
    print(json.dumps({"bench": name, "skipped": why}) if AS_JSON else f"skipped {name}: {why}", flush=True)


def pinned(core, start):
    """What `start` starts keeps to one core."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        return start()
    finally:
        os.sched_setaffinity(0, before)


# --- what stands around the node -----------------------------------------------------

def condition(i, base):
    return {"fullUrl": f"{base}/Condition/c{i}", "resource": {
        "resourceType": "Condition", "id": f"c{i}", "meta": {"versionId": "1", "lastUpdated": "2026-11-28T10:01:17.788Z"},
        "clinicalStatus": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]},
        "code": {"coding": [{"system": "http://snomed.info/sct", "code": "38341003", "display": "Hypertensie"}]},
        "subject": {"reference": "Patient/p1", "display": "Jansen"}, "onsetDateTime": "2020-01-01"},
        "search": {"mode": "match"}}


def text(value):
    return json.dumps(value, separators=(",", ":")).encode()


def bundle(size, base):
    entries = []
    while len(text(entries)) < size:
        entries += [condition(len(entries) + k, base) for k in range(max(1, size // 20000))]
    return text({"resourceType": "Bundle", "type": "searchset", "total": len(entries), "entry": entries})


def patient(size):
    p = {"resourceType": "Patient", "id": "p1",
         "identifier": [{"system": "http://fhir.nl/fhir/NamingSystem/bsn", "value": "999990019"}], "text": {"status": "generated", "div": ""}}
    p["text"]["div"] = "x" * max(0, size - len(text(p)))
    return text(p)


def nginx(folder, name, port, body, core, modules=""):
    temp = "".join(f"{t}_temp_path {folder}/{name}-{t};" for t in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    conf = os.path.join(folder, name + ".conf")
    with open(conf, "w") as f:
        f.write(f"{modules}\nworker_processes 1; daemon off; pid {folder}/{name}.pid; error_log {folder}/{name}.err;\n"
                f"events {{ worker_connections 1024; }}\nhttp {{ access_log off; keepalive_requests 100000000; sendfile on;\n"
                f"{temp}\ndefault_type application/fhir+json;\n{body}\n}}\n".replace("PORT", str(port)))
    p = pinned(core, lambda: subprocess.Popen(["nginx", "-c", conf], stderr=subprocess.DEVNULL))
    for _ in range(200):
        try:
            scenario.socket.create_connection(("127.0.0.1", port), 1).close()
            return p
        except OSError:
            if p.poll() is not None:
                break
            time.sleep(0.02)
    raise SystemExit(f"nginx ({name}) did not start: {open(os.path.join(folder, name + '.err')).read()}")


def upstream(folder, port):
    """Files by size: n stands in the query, which a policy lets through as _count."""
    base = f"http://127.0.0.1:{port}/fhir"
    for n, size in ((10, 10000), (200, 200000)):
        open(os.path.join(folder, f"b{n}"), "wb").write(bundle(size, base))
        open(os.path.join(folder, f"p{n}"), "wb").write(patient(size))
    return nginx(folder, "upstream", port, f"""open_file_cache max=100;
server {{ listen 127.0.0.1:PORT; root {folder};
  location = /constant {{ return 200 '{{"active":true}}'; }}
  location = /fhir/Patient/p1 {{ try_files /p10 =404; }}
  location = /fhir/Condition {{ if ($arg__count = 200) {{ rewrite ^ /b200 break; }} rewrite ^ /b10 break; }} }}""", LAST)


PASS = """upstream u { server 127.0.0.1:%d; keepalive 64; keepalive_requests 100000000; }
server { listen 127.0.0.1:PORT; location / { proxy_pass http://u; proxy_http_version 1.1; proxy_set_header Connection ""; } }"""
# What the field runs: each question is put to another server. INSIDE leaves even that out.
THREE = """js_path "%s"; js_import three from three.js;
upstream u { server 127.0.0.1:%d; keepalive 64; keepalive_requests 100000000; }
server { listen 127.0.0.1:PORT;
  location /one { internal; ONE }
  location / { js_content three.go; }
  location @up { proxy_pass http://u; proxy_http_version 1.1; proxy_set_header Connection ""; } }"""
PROXIED = """proxy_pass http://u/constant; proxy_http_version 1.1; proxy_set_header Connection "";
    proxy_pass_request_body off; proxy_set_header Content-Length "";"""
INSIDE = """return 200 '{"active":true}';"""
THREE_JS = """async function go(r) {
    for (let i = 0; i < 3; i++) {
        const a = await r.subrequest('/one');
        if (!JSON.parse(a.responseText).active) { r.return(403); return; }
    }
    r.internalRedirect('@up');
}
export default { go };
"""


# --- runs -------------------------------------------------------------------------------

def drive(port, pid, requests, folder, seconds=SECONDS, most=0, rate=0, connections=CONNECTIONS):
    path = os.path.join(folder, "requests")
    with open(path, "wb") as f:
        for r in requests:
            f.write(b"%d\n%s" % (len(r), r))
    out = subprocess.run([DRIVE, str(port), str(pid), str(connections), str(seconds), str(most), str(rate), path],
                         capture_output=True, text=True)
    if out.returncode != 0:
        raise SystemExit(f"the generator failed: {out.stderr[:600]}")
    return json.loads(out.stdout)


def request(path, *headers):
    return ("GET " + path + " HTTP/1.1\r\nHost: hospital.knoop-demo.nl\r\n" + "".join(h + "\r\n" for h in headers) + "\r\n").encode()


class Bench:
    def __init__(self):
        self.world = scenario.World(KNOOP)
        self.folder = os.path.join(self.world.folder, "bench")
        os.makedirs(self.folder)
        self.children = []

    def two_nodes(self, hospital, homecare):
        w = self.world
        w.setup_ca()
        for name, more in (("hospital", hospital), ("homecare", homecare)):
            w.nodes[name] = scenario.Place(w, name, more)
            w.vars[name] = f"https://{w.nodes[name].host}"
        for node in w.nodes.values():
            node.start()
        w.organisation("hospital", "hospital", "90000101")
        w.organisation("homecare", "homecare", "90000103")

    def prepare(self):
        w = self.world
        self.up = free_port()
        self.children.append(upstream(self.folder, self.up))
        self.two_nodes({"gateway.upstreams": f"hospital=http://127.0.0.1:{self.up}/fhir", "gateway.patients": "10m",
                        "oauth.dpop_window": "5m", "http.connections.per_peer": "1000"}, {})
        w.asks(201, "hospital", "internal", "POST", "/internal/knoop/v1/grounds", json.dumps({
            "tenant": "hospital", "patient": "999990019", "organisation": "ura:90000103", "scope": "bgz", "kind": "treatment",
            "until": "2030-01-01T00:00:00Z", "evidence": "bench"}))
        self.bearer = w.asks(200, "homecare", "internal", "POST", "/internal/auth/v2/homecare/request-service-access-token", json.dumps({
            "authorization_server": w.vars["hospital.issuer"], "scope": "bgz", "token_type": "Bearer", "credentials": []}))["access_token"]
        w.token("homecare", "homecare", "hospital", "bgz")
        hospital = w.nodes["hospital"]
        hospital.stop()
        hospital.given["http.public.tls"] = "off"
        pinned(0, hospital.start)
        self.node = hospital

    def proofs(self, path, n):
        """Made ahead of time; each has an id of its own, and is used once."""
        w, out = self.world, []
        kid = urllib.parse.quote(w.vars["kid"], safe="")
        w.lasting = {}
        for _ in range(n):
            out.append(w.asks(200, "homecare", "internal", "POST", f"/internal/auth/v2/dpop/{kid}", json.dumps({
                "htm": "GET", "htu": w.vars["hospital"] + path.partition("?")[0], "token": w.vars["token"]}))["dpop"])
        w.lasting = None
        return out

    def by_bearer(self, path, **how):
        return drive(self.node.public, self.node.process.pid, [request("/fhir/hospital" + path, "Authorization: Bearer " + self.bearer)],
                     self.folder, **how)

    def by_dpop(self, path, n):
        whole = "/fhir/hospital" + path
        requests = [request(whole, "Authorization: DPoP " + self.world.vars["token"], "DPoP: " + p) for p in self.proofs(whole, n)]
        return drive(self.node.public, self.node.process.pid, requests, self.folder, most=n)

    def by_nginx(self, port, process, path, **how):
        return drive(port, process.pid, [request("/fhir" + path)], self.folder, **how)

    def end(self):
        for p in self.children:
            p.terminate()
        for n in self.world.nodes.values():
            n.end()
        self.world.end_lists()
        shutil.rmtree(self.world.folder, ignore_errors=True)


def middle(runs, member):
    return statistics.median(r[member] for r in runs)


def compare(b, name, path, port, process):
    """Bearer and plain nginx in turn."""
    ours, theirs = [], []
    b.by_bearer(path, most=1, connections=1)  # from here on it is known whose the id is
    for _ in range(ROUNDS):
        theirs.append(b.by_nginx(port, process, path))
        ours.append(b.by_bearer(path))
    share = statistics.median(o["per_second"] / t["per_second"] for o, t in zip(ours, theirs))
    work = statistics.median(t["cpu_us"] / o["cpu_us"] for o, t in zip(ours, theirs))
    n = middle(theirs, "per_second")
    say(f"gateway.{name}.bearer", middle(ours, "per_second"), "1/s", share, n, "1/s, nginx passing it on (wanted: 0.50)")
    say(f"gateway.{name}.bearer.cpu", middle(ours, "cpu_us"), "us", work, middle(theirs, "cpu_us"), "us, nginx passing it on")
    return middle(ours, "cpu_us"), middle(ours, "per_second"), middle(theirs, "cpu_us")


def beside_njs(b, dpop_us):
    """nginx that asks three questions by njs before it passes on: of another server, and of itself."""
    open(os.path.join(b.folder, "three.js"), "w").write(THREE_JS)
    for name, one, words in (("njs", PROXIED, "proxied to another server"), ("njs_inside", INSIDE, "answered inside the same nginx")):
        port = free_port()
        p = nginx(b.folder, name, port, (THREE % (b.folder, b.up)).replace("ONE", one), 0, f"load_module {NJS};")
        b.children.append(p)
        runs = [b.by_nginx(port, p, "/Condition?patient=Patient/p1") for _ in range(3)]
        cost(f"gateway.search_10k.dpop.beside_{name}", dpop_us, middle(runs, "cpu_us"), f"us, nginx with three constant njs subrequests, {words}")


def main():
    if shutil.which("nginx") is None or not os.path.exists(DRIVE):
        skip("gateway.whole", "nginx (or the generator) is not here")
        return
    b = Bench()
    try:
        b.prepare()
        port = free_port()
        plain = nginx(b.folder, "pass", port, PASS % b.up, 0)
        b.children.append(plain)
        verify = float(os.environ.get("P256_VERIFY_US") or subprocess.run(
            [os.path.join(os.path.dirname(DRIVE), "p256")], capture_output=True, text=True).stdout or 0)
        for name, path in (("read_10k", "/Patient/p1"), ("search_10k", "/Condition?patient=Patient/p1"),
                           ("search_200k", "/Condition?patient=Patient/p1&_count=200")):
            cpu, most, plain_cpu = compare(b, name, path, port, plain)
            if name == "search_200k":
                continue
            half = b.by_bearer(path, rate=most / 2, seconds=2)
            base = b.by_nginx(port, plain, path, rate=most / 2, seconds=2)
            added = half["p99_us"] - base["p99_us"]
            say(f"gateway.{name}.p99_added", max(added, 0), "us", 2000 / added if added > 0 else 99, 2000, "us, wanted, at half load")
            dpop = [b.by_dpop(path, PROOFS) for _ in range(2)]
            cost(f"gateway.{name}.dpop.cpu", middle(dpop, "cpu_us"), cpu + verify + 20, "us, Bearer, one P-256 verification and 20")
        if os.path.exists(NJS):
            beside_njs(b, middle(dpop, "cpu_us"))
        else:
            skip("gateway.njs", "nginx's njs module is not here")
    except SystemExit:
        print(b.node.tail(), file=sys.stderr)
        raise
    finally:
        b.end()


if __name__ == "__main__":
    main()

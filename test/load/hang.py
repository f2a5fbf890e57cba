#!/usr/bin/env python3
"""hang - does anybody feel it when clients, peers and the database hang?

Usage: test/load/hang.py BUILD [ROUNDS]

A whole node on PostgreSQL. 200 clients drip a header, a body, or nothing at all;
200 ask for the document of a host that accepts and is silent; 200 ask for what
stands in tables that another session has locked. Whoever is told to come back
later does so. Meanwhile one client asks for what needs none of these: a route
that answers on the loop, and one that answers in a thread. The 99th percentile
of its times stays within twice the one without the others.

Measured in turns, without and with; of each the round that other programs of this
machine disturbed least is compared.
"""
import base64, json, os, pathlib, random, selectors, shutil, signal, socket, sys, tempfile, time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))
import pg
from node import Node, Wrong

EACH, PEERS, REQUESTS, SETTLE, TWICE = 200, 40, 1500, 1.0, 2.0
JWK = {"kty": "EC", "crv": "P-256", "x": "acbIQiuMs3i8_uszEjJ2tpTtRM4EU3yz91PH6CdH2V0",
       "y": "_KcyLj9vWMptnmKtm46GqDz8wf74I5LKgrl2GzH3nSE"}


# --- those who hang, in a process of their own ----------------------------------

class Hanging:
    """One connection that asks for what hangs, and asks again when told to."""

    def __init__(self, port, request, drip):
        self.port, self.request, self.drip = port, request, drip
        self.sock, self.due = None, 0.0

    def connect(self):
        self.sock = socket.socket()
        self.sock.setblocking(False)
        self.sock.connect_ex(("127.0.0.1", self.port))

    def ask(self, now):
        try:
            self.sock.send(self.request if not self.drip or self.due == 0 else b"a")
        except OSError:
            pass
        self.due = now + (random.uniform(0.5, 1.5) if self.drip else 1e9)

    def heard(self, now):
        """An answer means: later. An end means: anew."""
        try:
            data = self.sock.recv(65536)
        except OSError:
            data = b""
        self.due = now + random.uniform(0.9, 1.1)
        return bool(data)


def hang(connections):
    watch = selectors.DefaultSelector()
    for h in connections:
        h.connect()
        watch.register(h.sock, selectors.EVENT_READ, h)
    while True:
        now = time.monotonic()
        for h in connections:
            if h.due <= now:
                h.ask(now)
        for key, _ in watch.select(0.05):
            h = key.data
            if not h.heard(time.monotonic()):
                watch.unregister(h.sock)
                h.sock.close()
                h.connect()
                h.due = 0.0 if h.drip else h.due
                watch.register(h.sock, selectors.EVENT_READ, h)


def those_who_hang(node, subject):
    inside = f"Host: 127.0.0.1:{node.internal}\r\n"
    slow = [
        (node.public, f"GET /status HTTP/1.1\r\nHost: {node.host}\r\nX: ".encode()),
        (node.internal, f"POST /internal/vdr/v2/subject HTTP/1.1\r\n{inside}Content-Type: application/json\r\n"
                        f"Content-Length: 9000\r\n\r\n".encode()),
        (node.public, b"G"),
    ]
    for i in range(EACH):
        yield Hanging(*slow[i % len(slow)], True)
        yield Hanging(node.internal, f"GET /internal/vdr/v2/did/did:web:peer{i % PEERS}.knoop-demo.nl:iam:{i} HTTP/1.1\r\n"
                                     f"{inside}\r\n".encode(), False)
        yield Hanging(node.internal, f"GET /internal/vdr/v2/subject/{subject} HTTP/1.1\r\n{inside}\r\n".encode(), False)


def apart(fn, *args):
    pid = os.fork()
    if pid == 0:
        try:
            fn(*args)
        except BaseException as e:  # nothing of the parent's is run or cleaned here
            print(f"hang: {type(e).__name__}: {e}", file=sys.stderr)
        os._exit(1)
    return pid


def end(pid):
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def silent_host(listener):
    held = []
    while True:
        held.append(listener.accept())


# --- who does not -----------------------------------------------------------------

def p99_us(node, path):
    """Of REQUESTS requests, one after another on one connection."""
    ask = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{node.internal}\r\n\r\n".encode()
    times = []
    with socket.create_connection(("127.0.0.1", node.internal), 10) as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(REQUESTS):
            start = time.perf_counter_ns()
            s.sendall(ask)
            answer = s.recv(65536)
            times.append((time.perf_counter_ns() - start) / 1000)
            if not answer.startswith(b"HTTP/1.1 200"):
                raise Wrong(f"{path}: {answer[:200]!r}")
    times.sort()
    return times[len(times) * 99 // 100]


def measure(node, paths, database, subject, rounds):
    alone, beside = {p: [] for p in paths}, {p: [] for p in paths}
    for _ in range(rounds):
        for p in paths:
            alone[p].append(p99_us(node, p))
        lock = database.lock_all()
        crowd = apart(hang, list(those_who_hang(node, subject)))
        time.sleep(SETTLE)
        try:
            for p in paths:
                beside[p].append(p99_us(node, p))
            hung = database.sql("select count(*) from pg_stat_activity where wait_event_type = 'Lock'")
            if int(hung) < 1:
                raise Wrong("nothing hangs in the database")
        finally:
            end(crowd)
            lock.kill()
            lock.wait()
        time.sleep(0.3)
    return alone, beside


def run(build, rounds, folder, database):
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    peer = apart(silent_host, listener)
    node = Node(os.path.join(build, "knoop"), os.path.join(folder, "node"), "hang", {
        "store.url": database.url(), "process.workers": "1", "http.connections.per_peer": "4096",
        "fetch.allowed_ranges": "127.0.0.0/8",
        "fetch.hosts": ",".join(f"peer{i}.knoop-demo.nl=127.0.0.1:{listener.getsockname()[1]}" for i in range(PEERS))})
    try:
        node.start()
        node.json("internal", "POST", "/internal/vdr/v2/subject", {"subject": "locked"})
        did = "did:jwk:" + base64.urlsafe_b64encode(json.dumps(JWK).encode()).decode().rstrip("=")
        paths = {"/status": "on the loop", "/internal/vdr/v2/did/" + did: "in a thread"}
        alone, beside = measure(node, paths, database, "locked", rounds)
        for path, where in paths.items():
            was, now = min(alone[path]), min(beside[path])
            print(f"{where}: p99 {was:.0f} us alone, {now:.0f} us beside {EACH} slow clients, {EACH} silent peers,"
                  f" {EACH} locked statements")
            yield f"{where}: p99 {now:.0f} us is more than twice {was:.0f} us" if now > TWICE * was else None
        node.stop()
        yield None
    finally:
        node.end()
        end(peer)


def main():
    build, rounds = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 5
    if not pg.there():
        print("SKIPPED: there is no PostgreSQL server on this machine\n0 passed, 0 failed")
        return 0
    folder, database, results = tempfile.mkdtemp(prefix="knoop-hang-"), pg.Postgres(), []
    try:
        for r in run(build, rounds, folder, database):
            results.append(r)
    except Wrong as w:
        results.append(str(w))
    finally:
        database.stop()
        shutil.rmtree(folder, ignore_errors=True)
    for r in filter(None, results):
        print(f"FAILED {r}")
    print(f"{results.count(None)} passed, {len(results) - results.count(None)} failed")
    return 1 if any(results) else 0


sys.exit(main())

#!/usr/bin/env python3
"""hang - does anybody feel it when clients, peers and the database hang?

Usage: test/load/hang.py BUILD [ROUNDS]

Two whole nodes on PostgreSQL, alike. At one of them 200 clients drip a header, a
body, or nothing at all; 200 ask for the document of a host that accepts and is
silent; 200 ask for what stands in tables that another session has locked. Whoever is
told to come back later does so. Meanwhile one client asks both for what needs none of
these: a route that answers on the loop, and one that answers in a thread. The 99th
percentile of its times at the crowded node stays within twice that of the other.

Both are asked in turns, one request each: what else this machine does bends both
figures alike. A round is 1000 requests to each, on each route; the round in the middle
counts: what disturbs one of the two nodes for a moment is no delay of ours.
"""
import base64, heapq, json, os, pathlib, random, selectors, shutil, signal, socket, sys, tempfile, time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))
import pg
from node import Node, Wrong

EACH, PEERS, REQUESTS, SETTLE, TWICE, SLICE_US = 200, 40, 1000, 1.0, 2.0, 10000
JWK = {"kty": "EC", "crv": "P-256", "x": "acbIQiuMs3i8_uszEjJ2tpTtRM4EU3yz91PH6CdH2V0",
       "y": "_KcyLj9vWMptnmKtm46GqDz8wf74I5LKgrl2GzH3nSE"}


# --- those who hang, in a process of their own ----------------------------------

class Hanging:
    """One connection that asks for what hangs, and asks again when told to."""

    def __init__(self, port, request, drip):
        self.port, self.request, self.drip = port, request, drip
        self.sock, self.begun, self.waits = None, False, False

    def connect(self):
        self.sock, self.begun = socket.socket(), False
        self.sock.setblocking(False)
        self.sock.connect_ex(("127.0.0.1", self.port))

    def ask(self):
        """When to go on; None: when there is an answer."""
        try:
            self.sock.send(b"a" if self.drip and self.begun else self.request)
        except OSError:
            pass
        self.begun = True
        return random.uniform(0.5, 1.5) if self.drip else None

    def heard(self):
        """An answer means: later. An end means: anew."""
        try:
            return bool(self.sock.recv(65536))
        except OSError:
            return False


def hang(connections):
    """Each in its own time: they make no crowd of it."""
    watch, due = selectors.DefaultSelector(), []

    def later(h, seconds):
        h.waits = True
        heapq.heappush(due, (time.monotonic() + seconds, id(h), h))

    for h in connections:
        h.connect()
        watch.register(h.sock, selectors.EVENT_READ, h)
        later(h, random.uniform(0, SETTLE))
    while True:
        for key, _ in watch.select(max(0, due[0][0] - time.monotonic()) if due else None):
            h = key.data
            if not h.heard():
                watch.unregister(h.sock)
                h.sock.close()
                h.connect()
                watch.register(h.sock, selectors.EVENT_READ, h)
            if not h.waits:
                later(h, random.uniform(0.5, 1.5))
        while due and due[0][0] <= time.monotonic():
            h = heapq.heappop(due)[2]
            h.waits = False
            if (seconds := h.ask()) is not None:
                later(h, seconds)


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

class Asker:
    """Asks one node for one path, over one connection."""

    def __init__(self, node, path):
        self.path, self.times, self.p99s = path, [], []
        self.ask = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{node.internal}\r\n\r\n".encode()
        self.sock = socket.create_connection(("127.0.0.1", node.internal), 10)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def once(self):
        start = time.perf_counter_ns()
        self.sock.sendall(self.ask)
        answer = self.sock.recv(65536)
        self.times.append((time.perf_counter_ns() - start) / 1000)
        if not answer.startswith(b"HTTP/1.1 200"):
            raise Wrong(f"{self.path}: {answer[:200]!r}")

    def end_round(self):
        self.p99s.append(sorted(self.times)[len(self.times) * 99 // 100])
        self.times = []


def measure(calm, crowded, paths, database, rounds):
    """By path: who asks the calm node, and who asks the other, in turns."""
    lock = database.lock_all("crowded")
    crowd = apart(hang, list(those_who_hang(crowded, "locked")))
    askers = {p: (Asker(calm, p), Asker(crowded, p)) for p in paths}
    time.sleep(2 * SETTLE)
    try:
        for _ in range(rounds):
            for i in range(REQUESTS):
                for pair in askers.values():
                    for a in pair[:: 1 if i % 2 else -1]:
                        a.once()
            for pair in askers.values():
                for a in pair:
                    a.end_round()
        hung = database.sql("select count(*) from pg_stat_activity where wait_event_type = 'Lock'")
        if int(hung) < 1:
            raise Wrong("nothing hangs in the database")
    finally:
        end(crowd)
        lock.kill()
        lock.wait()
    return askers


def slices_us():
    """
    Where more want the processors than there are, the scheduler's slices stand in each
    99th percentile, more of them for a node that has more to do. Who hangs here hangs
    for seconds: a node that waited for one of them would show more than this.
    """
    return SLICE_US * max(0.0, os.getloadavg()[0] / os.cpu_count() - 1)


def start(build, folder, name, database, options):
    database.sql(f"create database {name}")
    node = Node(os.path.join(build, "knoop"), os.path.join(folder, name), name, {
        "store.url": database.url(name), "process.workers": "1", "http.connections.per_peer": "4096", **options})
    node.start()
    node.json("internal", "POST", "/internal/vdr/v2/subject", {"subject": "locked"})
    return node


def run(build, rounds, folder, database):
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    nodes, peer = [], apart(silent_host, listener)
    options = {
        "fetch.allowed_ranges": "127.0.0.0/8",
        "fetch.hosts": ",".join(f"peer{i}.knoop-demo.nl=127.0.0.1:{listener.getsockname()[1]}" for i in range(PEERS))}
    try:
        for name in "calm", "crowded":
            nodes.append(start(build, folder, name, database, options))
        did = "did:jwk:" + base64.urlsafe_b64encode(json.dumps(JWK).encode()).decode().rstrip("=")
        paths = {"/status": "on the loop", "/internal/vdr/v2/did/" + did: "in a thread"}
        for path, pair in measure(*nodes, paths, database, rounds).items():
            (was, now), where = (min(a.p99s) for a in pair), paths[path]
            times = now / was
            print(f"{where}: p99 {was:.0f} us alone, {now:.0f} us beside {EACH} slow clients, {EACH} silent peers,"
                  f" {EACH} locked statements: {times:.2f} times")
            over = times > TWICE and now > was + slices_us()
            yield f"{where}: p99 is {times:.2f} times what it is alone" if over else None
        for node in nodes:
            node.stop()
        yield None
    finally:
        for node in nodes:
            node.end()
        end(peer)


def main():
    build, rounds = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 15
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

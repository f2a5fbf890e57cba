#!/usr/bin/env python3
"""kill - kill -9 of each role, again and again, under load: is anything lost?

Usage: test/load/kill.py BUILD [TIMES] [KEY=VALUE…]      (20 times each role; options of the node)

Clients make subjects and record grounds, and keep what was acknowledged. Each
role is killed in turn; the supervisor is started again by this script, the
others by the supervisor. What is asked:

  * the node serves again within a second: the worker its doors, the signer new
    keys, the auditor a route with an audit event, the supervisor all of it
  * in the end each acknowledged subject and ground is there, and the event of
    each acknowledged request is in the audit log, once, and the log verifies

Closes with "N passed, N failed": one for each kill, and one for each of these.
"""
import collections, http.client, json, os, pathlib, random, shutil, sys, tempfile, threading, time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))
from node import Node, Wrong, verify_log

CLIENTS, WITHIN, THINK = 4, 1.0, 0.005
SUBJECTS, GROUNDS = "/internal/vdr/v2/subject", "/internal/knoop/v1/grounds"
BROKEN = (OSError, http.client.HTTPException)


def ground_of(tenant, patient):
    return {"tenant": tenant, "patient": patient, "organisation": "ura:123", "scope": "bgz", "kind": "consent",
            "until": "2040-01-01T00:00:00Z", "evidence": "letter"}


class Client(threading.Thread):
    """Asks without end; `subjects`, `grounds` and `events` were acknowledged."""

    def __init__(self, node, number):
        super().__init__(daemon=True)
        self.node, self.number, self.on, self.asked = node, number, True, 0
        self.subjects, self.grounds, self.events = [], [], []
        self.other = collections.Counter()
        self.wire = None

    def ask(self, path, value):
        if self.wire is None:
            self.wire = self.node.connection("internal", 5)
        status, headers, text = self.node.request("internal", "POST", path, json.dumps(value).encode(), on=self.wire)
        if status not in (200, 201):
            self.other[status] += 1
            return None
        self.events.append(headers["x-request-id"])
        return json.loads(text)

    def round(self):
        self.asked += 1
        if self.asked % 4 == 1:
            name = f"c{self.number}-{self.asked}"
            if self.ask(SUBJECTS, {"subject": name}):
                self.subjects.append(name)
        elif self.subjects:
            got = self.ask(GROUNDS, ground_of(random.choice(self.subjects), "999990019"))
            if got:
                self.grounds.append(got["id"])

    def run(self):
        while self.on:
            try:
                self.round()
            except BROKEN:
                self.other["broken"] += 1
                self.wire = None
            time.sleep(THINK)


def serves(node, role, count):
    """Does what this role is needed for work? On a connection of its own."""
    try:
        if role == "auditor":
            status = node.request("internal", "POST", GROUNDS, json.dumps(ground_of("first", "999990019")).encode())[0]
        elif role == "worker":
            status = node.request("internal", "GET", SUBJECTS + "/first")[0]
        else:
            status = node.request("internal", "POST", SUBJECTS, json.dumps({"subject": f"{role}-{count}"}).encode())[0]
    except BROKEN:
        return False
    if status in (409,):  # made before its answer was lost
        return True
    return status in (200, 201)


def kill_once(node, role, count):
    """Seconds until it serves again."""
    before = node.pids(role)
    start = time.monotonic()
    node.kill(role)
    if role == "supervisor":
        node.launch()
    while not serves(node, role, count):
        if time.monotonic() > start + 10:
            raise Wrong(f"after the {role} was killed nothing serves:\n{node.tail()}")
        time.sleep(0.003)
    took = time.monotonic() - start
    if set(before) & set(node.pids(role)):
        raise Wrong(f"the {role} is still there")
    return took


def logged(folder):
    found = collections.Counter()
    for name in sorted(os.listdir(folder)):
        if name.startswith("log."):
            with open(os.path.join(folder, name)) as f:
                found.update(json.loads(line).get("request_id") for line in f if line.endswith("}\n"))
    return found


def missing(node, clients):
    """What was acknowledged and is not there; a line for each kind."""
    subjects = node.json("internal", "GET", SUBJECTS)
    yield [s for c in clients for s in c.subjects if s not in subjects], "subjects"
    lost, wire = [], node.connection("internal")
    for ground in (g for c in clients for g in c.grounds):
        if node.request("internal", "GET", f"{GROUNDS}/{ground}", on=wire)[0] != 200:
            lost.append(ground)
    yield lost, "grounds"


def main():
    build, times = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 20
    options = dict(a.split("=", 1) for a in sys.argv[3:])
    folder = tempfile.mkdtemp(prefix="knoop-kill-")
    node = Node(os.path.join(build, "knoop"), os.path.join(folder, "node"), "kill", options)
    passed, wrong, took = 0, [], collections.defaultdict(list)
    try:
        node.start()
        node.json("internal", "POST", SUBJECTS, {"subject": "first"})
        clients = [Client(node, i) for i in range(CLIENTS)]
        for c in clients:
            c.start()
        for count in range(times):
            for role in ("worker", "signer", "auditor", "supervisor"):
                time.sleep(random.uniform(0.1, 0.3))
                took[role].append(kill_once(node, role, count))
        time.sleep(0.2)
        for c in clients:
            c.on = False
        for c in clients:
            c.join(10)
        for role, seconds in took.items():
            slow = [s for s in seconds if s > WITHIN]
            passed += len(seconds) - len(slow)
            wrong += [f"{role}: {s * 1000:.0f} ms until it served again" for s in slow]
            seconds.sort()
            print(f"{role}: {len(seconds)} kills, serves again after {seconds[len(seconds) // 2] * 1000:.0f} ms"
                  f" (worst {seconds[-1] * 1000:.0f})")
        node.stop()
        node.start()
        for lost, kind in missing(node, clients):
            passed += not lost
            wrong += [f"{len(lost)} acknowledged {kind} are gone, such as {lost[0]}"] if lost else []
        node.stop()
        audit = os.path.join(node.folder, "data", "audit")
        found = logged(audit)
        events = [e for c in clients for e in c.events]
        not_once = [e for e in events if found[e] != 1]
        broken = verify_log(build, node)
        passed += (not not_once) + (not broken)
        wrong += [f"{len(not_once)} of {len(events)} acknowledged events are not in the log once, such as"
                  f" {not_once[0]} ({found[not_once[0]]} times)"] if not_once else []
        wrong += [broken] if broken else []
        other = sum((c.other for c in clients), collections.Counter())
        print(f"acknowledged: {sum(len(c.subjects) for c in clients)} subjects, {sum(len(c.grounds) for c in clients)}"
              f" grounds; not: {dict(other)}")
    except Wrong as w:
        wrong.append(str(w))
    finally:
        node.end()
    for w in wrong:
        print(f"FAILED {w}")
    if not wrong:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{passed} passed, {len(wrong)} failed")
    return 1 if wrong else 0


sys.exit(main())

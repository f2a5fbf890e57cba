#!/usr/bin/env python3
"""oauth_bench - tokens on whole nodes: one gives them, one asks for them.

    introspect   beside GET /status at the same door, in turn: the same server's constant
                 answer. Of one token, as who calls again and again has it; of a thousand,
                 each in its turn; and of those with PostgreSQL
    live_token   memory of all processes of the giving node (PSS), for tokens given and
                 introspected, when its caches are full
    token        POST /token: a presentation with an X509Credential, and a DPoP proof, beside the
                 signatures in it (from src/trust/oauth/oauth_bench). Requests are made ahead, and
                 come as fast as the node takes them, its door in clear
    exchange     request-service-access-token with Cache-Control: no-cache, between two nodes over
                 TLS: metadata, definition, token. What it costs the node that gives, and the node
                 that asks, whose pace it is

The giving node is on core 0; the asking one, its signer and the generator are on the last.
"""
import concurrent.futures, datetime, http.client, json, os, subprocess, sys, threading, urllib.parse, uuid

sys.dont_write_bytecode = True
from gateway_bench import DRIVE, KNOOP, LAST, ROOT, Bench, cost, drive, middle, pinned, say, scenario, skip

ROUNDS, TOKENS, CONNECTIONS, AHEAD = 5, 400, 8, 1500
BEFORE, LIVE, IN_TURN = 4000, 4000, 1000
PARTS = os.path.join(os.path.dirname(KNOOP), "bench", "src", "trust", "oauth", "oauth_bench")
ASK = "/internal/auth/v2/homecare/request-service-access-token"
INTROSPECT = "/internal/auth/v2/accesstoken/introspect"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
STATUS = b"GET /status HTTP/1.1\r\nHost: localhost\r\n\r\n"


def post(path, kind, body, *headers):
    head = "".join(h + "\r\n" for h in headers)
    return (f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\n{head}Content-Length: {len(body)}\r\n\r\n{body}").encode()


def memory_kb(root):
    """Proportional set size of a process and of what it started."""
    pids, total = [root], 0
    for pid in pids:
        for task in os.listdir(f"/proc/{pid}/task"):
            pids += map(int, open(f"/proc/{pid}/task/{task}/children").read().split())
        total += next(int(line.split()[1]) for line in open(f"/proc/{pid}/smaps_rollup") if line.startswith("Pss:"))
    return total


class Tokens(Bench):
    def prepare(self, gives={}, asks={}, given={}):
        """`given`: what the giving node has from when both are ready."""
        self.two_nodes(gives, asks)
        self.world.token("homecare", "homecare", "hospital", "bgz")
        self.world.nodes["hospital"].given.update(given)
        for name, core in (("hospital", 0), ("homecare", LAST)):
            node = self.world.nodes[name]
            node.stop()
            pinned(core, node.start)
        self.gives, self.asks = self.world.nodes["hospital"], self.world.nodes["homecare"]
        self.wish = json.dumps({"authorization_server": self.world.vars["hospital.issuer"], "scope": "bgz", "token_type": "DPoP",
                                "credentials": []})

    def run(self, node, requests, counted, **how):
        return drive(node.internal, counted.process.pid, requests, self.folder, **how)

    def make(self, n):
        """So many live tokens, each its own."""
        here = threading.local()

        def one(_):
            if not hasattr(here, "line"):
                here.line = http.client.HTTPConnection("127.0.0.1", self.asks.internal, timeout=20)
            here.line.request("POST", ASK, self.wish, {"Content-Type": "application/json", "Cache-Control": "no-cache"})
            answer = here.line.getresponse()
            text = answer.read()
            if answer.status != 200:
                raise SystemExit(f"no token: {answer.status} {text[:300]}")
            return json.loads(text)["access_token"]

        with concurrent.futures.ThreadPoolExecutor(CONNECTIONS) as pool:
            return list(pool.map(one, range(n)))

    def questions(self, tokens, path=INTROSPECT):
        return [post(path, "application/x-www-form-urlencoded", "token=" + urllib.parse.quote(t)) for t in tokens]

    def introspection(self, name, tokens, path=INTROSPECT, wanted=""):
        asked, constant, ours = self.questions(tokens, path), [], []
        for _ in range(ROUNDS):
            constant.append(self.run(self.gives, [STATUS], self.gives))
            ours.append(self.run(self.gives, asked, self.gives))
        pairs = list(zip(constant, ours))
        rate = sorted(o["per_second"] / c["per_second"] for c, o in pairs)[ROUNDS // 2]
        work = sorted(c["cpu_us"] / o["cpu_us"] for c, o in pairs)[ROUNDS // 2]
        say(f"oauth.{name}", middle(ours, "per_second"), "1/s", rate, middle(constant, "per_second"),
            "1/s, a constant answer of the same server" + wanted)
        say(f"oauth.{name}.cpu", middle(ours, "cpu_us"), "us", work, middle(constant, "cpu_us"), "us, a constant answer" + wanted)

    def ask_each(self, tokens):
        """All of them, some several times: each connection has its own way through them."""
        self.run(self.gives, self.questions(tokens), self.gives, most=2 * len(tokens))

    def live(self):
        """What live tokens take; and some of them."""
        self.ask_each(self.make(BEFORE))
        before = memory_kb(self.gives.process.pid)
        tokens = self.make(LIVE)
        self.ask_each(tokens)
        each = (memory_kb(self.gives.process.pid) - before) * 1024 / LIVE
        say("oauth.live_token.memory", each, "B", 1000 / max(each, 1), 1000, "B, wanted of all processes")
        return tokens

    def requests(self, n):
        """For the token endpoint, as an asking node makes them."""
        w, here = self.world, threading.local()
        issuer, kid = w.vars["hospital.issuer"], urllib.parse.quote(w.vars["homecare.kid"], safe="")
        seen = w.asks(200, "hospital", "internal", "POST", INTROSPECT + "_extended", "token=" + w.vars["token"], FORM)
        (submission,) = seen["presentation_submissions"].values()
        expires = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=50)).strftime("%Y-%m-%dT%H:%M:%SZ")

        def made(path, body):
            if not hasattr(here, "line"):
                here.line = http.client.HTTPConnection("127.0.0.1", self.asks.internal, timeout=20)
            here.line.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
            answer = here.line.getresponse()
            text = answer.read()
            if answer.status != 200:
                raise SystemExit(f"{path} answers {answer.status}: {text[:300]}")
            return json.loads(text)

        def one(_):
            vp = made("/internal/vcr/v2/holder/vp", {"verifiableCredentials": [w.vars["homecare.vc"]], "format": "jwt_vp",
                      "domain": issuer, "challenge": str(uuid.uuid4()), "expires": expires})
            proof = made(f"/internal/auth/v2/dpop/{kid}", {"htm": "POST", "htu": issuer + "/token", "token": "none yet"})["dpop"]
            return post("/oauth2/hospital/token", "application/x-www-form-urlencoded", urllib.parse.urlencode(
                {"assertion": vp, "client_id": f"https://{w.nodes['homecare'].host}/oauth2/homecare", "grant_type": "vp_token-bearer",
                 "presentation_submission": json.dumps(submission), "scope": "bgz"}), "DPoP: " + proof)

        with concurrent.futures.ThreadPoolExecutor(CONNECTIONS) as pool:
            return list(pool.map(one, range(n)))

    def tokens(self, counted):
        asked = post(ASK, "application/json", self.wish, "Cache-Control: no-cache")
        return self.run(self.asks, [asked], counted, most=TOKENS, connections=CONNECTIONS)


def signatures():
    """What one request's signatures cost, of this machine in this minute."""
    if os.path.exists(PARTS):
        out = pinned(0, lambda: subprocess.run([PARTS, "--json"], capture_output=True, text=True, cwd=ROOT))
        for line in out.stdout.splitlines():
            if json.loads(line)["bench"] == "oauth.token-x509-dpop":
                return json.loads(line)["bound"]
    return None


def whole(b):
    tokens = b.live()
    b.introspection("introspect", tokens[:1], wanted=" (wanted: 0.60)")
    b.introspection("introspect_many", tokens[:IN_TURN], wanted=" (wanted: 0.60)")
    b.introspection("introspect_extended", tokens[:IN_TURN], path=INTROSPECT + "_extended")
    cost("oauth.exchange.gives", middle([b.tokens(b.gives) for _ in range(3)], "cpu_us"), 7100, "us, nuts-node as others measured it")
    cost("oauth.exchange.asks", middle([b.tokens(b.asks) for _ in range(3)], "cpu_us"), 7900, "us, nuts-node as others measured it")


def alone(b):
    """Signatures and requests in turn, so that a busy machine bends both."""
    runs, least = [], []
    for _ in range(3):
        asked = b.requests(AHEAD)
        least.append(signatures())
        runs.append(drive(b.gives.public, b.gives.process.pid, asked, b.folder, most=AHEAD, connections=CONNECTIONS))
    if None in least:
        skip("oauth.token", "oauth_bench, which measures its signatures, is not here")
        return
    for name, value in (("oauth.token", 1e6 / middle(runs, "per_second")), ("oauth.token.cpu", middle(runs, "cpu_us"))):
        cost(name, value, sorted(least)[1], "us, the seven signatures it stands on (wanted: 0.70)")


def of(b, what, **how):
    try:
        b.prepare(**how)
        what(b)
    except SystemExit:
        print(b.gives.tail() if hasattr(b, "gives") else "", file=sys.stderr)
        raise
    finally:
        b.end()


def main():
    if not os.path.exists(DRIVE):
        skip("oauth.whole", "the generator is not here")
        return
    of(Tokens(), whole)
    of(Tokens(), alone, gives={"oauth.presentation_max": "1m", "oauth.dpop_window": "5m"}, asks={"signer.presentation_max": "1m"},
       given={"http.public.tls": "off"})
    if not scenario.pg.there():
        skip("oauth.introspect_postgres", "there is no PostgreSQL on this machine")
        return
    try:
        of(Tokens(), lambda b: b.introspection("introspect_postgres", b.make(IN_TURN)), gives={"store.url": scenario.databases.new()})
    finally:
        scenario.databases.end()


if __name__ == "__main__":
    main()

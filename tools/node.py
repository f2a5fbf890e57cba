"""node - a whole node as a child of a script: started, asked, watched, killed.

For tools/scenario, tools/soak and test/load. A Node has a folder of its own
with root key, data and log; its doors listen on free ports of 127.0.0.1.
"""
import http.client, json, os, re, signal, socket, ssl, subprocess, time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ROLES = ("signer", "auditor", "worker")


class Wrong(Exception):
    """What a test found; its text says where and what."""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def run(binary, *args):
    r = subprocess.run([binary, *args], capture_output=True, text=True, timeout=60)
    if r.returncode != 0:
        raise Wrong(f"knoop {' '.join(args)}: exit {r.returncode}\n{r.stderr}")
    return r.stdout


def status_of(pid):
    """Parent, state and name of a process; None when it is gone."""
    try:
        with open(f"/proc/{pid}/stat") as f:
            text = f.read()
    except OSError:
        return None
    name, rest = text[text.index("(") + 1:text.rindex(")")], text[text.rindex(")") + 2:].split()
    return int(rest[1]), rest[0], name


class Node:
    def __init__(self, binary, folder, name, options=None, host=None):
        self.binary, self.folder, self.name = os.path.abspath(binary), folder, name
        self.host = host or f"{name}.knoop-demo.nl"
        self.extra = dict(options or {})
        self.public, self.internal = free_port(), free_port()
        self.root_key = os.path.join(folder, "root.key")
        self.trust = None  # the CA of its public door, when that speaks TLS
        self.process = None
        os.makedirs(folder, exist_ok=True)

    def options(self):
        return {
            "url": f"https://{self.host}", "datadir": os.path.join(self.folder, "data"),
            "keys.root_file": self.root_key,
            "http.public.address": f"127.0.0.1:{self.public}",
            "http.internal.address": f"127.0.0.1:{self.internal}",
            "policies.folder": os.path.join(ROOT, "policies"), **self.extra,
        }

    # --- its life ---------------------------------------------------------------
    def launch(self):
        if not os.path.exists(self.root_key):
            run(self.binary, "keys", "init", self.root_key)
        args = [self.binary, "server"] + [f"--{k}={v}" for k, v in self.options().items()]
        with open(os.path.join(self.folder, "log"), "ab") as log:
            self.process = subprocess.Popen(args, stdout=log, stderr=log, cwd=self.folder)

    def answers(self):
        """All of it: /health looks at database, signer and auditor."""
        try:
            c = http.client.HTTPConnection("127.0.0.1", self.internal, timeout=1)
            c.request("GET", "/health")
            return c.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False

    def await_serving(self, seconds=10.0, pause=0.02):
        until = time.monotonic() + seconds
        while self.process.poll() is None and time.monotonic() < until:
            if self.answers():
                return
            time.sleep(pause)
        raise Wrong(f"{self.name} did not start:\n{self.tail()}")

    def start(self):
        """Until all roles are ready: one that ends before that is a start that failed."""
        path = os.path.join(self.folder, "log")
        before = os.path.getsize(path) if os.path.exists(path) else 0
        self.launch()
        self.await_serving()
        for _ in range(500):
            with open(path, "rb") as log:
                log.seek(before)
                if b"serving" in log.read():
                    return
            time.sleep(0.02)
        raise Wrong(f"not all roles of {self.name} came up:\n{self.tail()}")

    def stop(self):
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise Wrong(f"{self.name} did not stop on SIGTERM within 10 s:\n{self.tail()}")
        if code != 0:
            raise Wrong(f"{self.name} ended with {code}:\n{self.tail()}")

    def end(self):
        """Without questions: for when something went wrong already."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def tail(self, lines=15):
        with open(os.path.join(self.folder, "log"), errors="replace") as f:
            return "".join(f.readlines()[-lines:])

    # --- its processes ----------------------------------------------------------
    def pids(self, role):
        """The living processes of a role; 'supervisor' is one too."""
        if role == "supervisor":
            return [self.process.pid]
        found = []
        for entry in os.listdir("/proc"):
            st = status_of(entry) if entry.isdigit() else None
            if st and st[0] == self.process.pid and st[1] != "Z" and st[2] == "knoop-" + role[:9]:
                found.append(int(entry))
        return found

    def kill(self, role):
        for pid in self.pids(role):
            os.kill(pid, signal.SIGKILL)
        if role == "supervisor":
            self.process.wait()

    def is_seen(self):
        """May this user look into the processes of roles? They are not dumpable: root may."""
        try:
            self.pss_kb()
            return True
        except PermissionError:
            return False

    def pss_kb(self, part="Pss"):
        """Proportional set size by role: what is shared is counted once in the sum of all.
        "Pss_Anon" is what a process made itself, without files and rings mapped."""
        sizes = {}
        for role in ("supervisor", *ROLES):
            for pid in self.pids(role):
                try:
                    with open(f"/proc/{pid}/smaps_rollup") as f:
                        kb = int(re.search(rf"^{part}:\s+(\d+)", f.read(), re.M).group(1))
                except (FileNotFoundError, ProcessLookupError):
                    continue  # it has just ended
                sizes[role] = sizes.get(role, 0) + kb
        return sizes

    def descriptors(self):
        return {role: sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in self.pids(role))
                for role in ("supervisor", *ROLES)}

    # --- asking -----------------------------------------------------------------
    def connection(self, door, timeout=20):
        """An open http.client connection, and the Host it is to be asked by."""
        if door == "internal":
            return http.client.HTTPConnection("127.0.0.1", self.internal, timeout=timeout), f"127.0.0.1:{self.internal}"
        c = http.client.HTTPConnection("127.0.0.1", self.public, timeout=timeout)
        if self.trust:
            context = ssl.create_default_context(cafile=self.trust)
            c.sock = context.wrap_socket(socket.create_connection(("127.0.0.1", self.public), timeout),
                                         server_hostname=self.host)
        return c, self.host

    def request(self, door, method, path, body=None, headers=None, on=None):
        """One request, on a connection of its own or on `on`. Status, headers, text."""
        c, host = on or self.connection(door)
        c.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        fields = {"Host": host, **(headers or {})}
        if body is not None:
            fields.setdefault("Content-Type", "application/json")
            fields["Content-Length"] = str(len(body))
        for k, v in fields.items():
            c.putheader(k, v)
        c.endheaders(body)
        r = c.getresponse()
        text = r.read().decode("utf-8", "replace")
        if on is None:
            c.close()
        return r.status, {k.lower(): v for k, v in r.getheaders()}, text

    def json(self, door, method, path, value=None, want=(200,), on=None):
        """The same with JSON both ways; any other status is wrong."""
        body = None if value is None else json.dumps(value).encode()
        status, headers, text = self.request(door, method, path, body, on=on)
        if status not in want:
            raise Wrong(f"{method} {path}: {status}: {text[:300]}")
        return json.loads(text) if text else None


def verify_log(build, node):
    """None, or why the audit log of a node that stands still does not verify."""
    ask = json.dumps({"id": "1", "op": "audit.verify", "log": os.path.join(node.folder, "data", "audit")}) + "\n"
    r = subprocess.run([os.path.join(build, "knoop-vectors")], input=ask, capture_output=True, text=True, timeout=300)
    answer = json.loads(r.stdout.splitlines()[0])
    return None if answer.get("ok") else f"the audit log does not verify: {answer}"

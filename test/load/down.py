#!/usr/bin/env python3
"""down - the auditor stands still, then its disk is full: does anything unaudited leave?

Usage: test/load/down.py BUILD

Every route that leaves an audit event (`knoop print openapi`, x-audit) is asked
while the auditor is stopped, and again while its disk is full: 503, whatever the
request. What leaves no event answers as before. Once the auditor goes on, or has
room, the same requests are answered again, and the log verifies.

The full disk is a small tmpfs, which needs root; otherwise that half is skipped
aloud. Closes with "N passed, N failed".
"""
import json, os, pathlib, re, shutil, signal, subprocess, sys, tempfile, time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))
from node import Node, Wrong, run, verify_log

PATIENCE = 1.0


def audited(node):
    """(operation, door, method, path) of every route with an event."""
    paths = json.loads(run(node.binary, "print", "openapi"))["paths"]
    for path, methods in paths.items():
        for method, op in methods.items():
            if "x-audit" in op:
                filled = re.sub(r"\{[^}]*\}", "x", path)
                yield op["operationId"], op["x-door"], method.upper(), filled


def asks(node, op, door, method, path):
    body = b"{}" if method in ("POST", "PUT", "PATCH") else None
    kind = "application/x-www-form-urlencoded" if door == "public" else "application/json"
    headers = {"Content-Type": kind} if body else {}
    status, fields, text = node.request("public" if door == "public" else "internal", method, path, body, headers)
    return status, fields, text


def all_refused(node, why):
    """A line for each route that was answered."""
    wrong = []
    for route in audited(node):
        status, fields, text = asks(node, *route)
        if status != 503 or "retry-after" not in fields:
            wrong.append(f"{why}: {route[0]} ({route[2]} {route[3]}) answers {status}: {text[:120]}")
    status = node.request("internal", "GET", "/status")[0]
    if status != 200:
        wrong.append(f"{why}: /status answers {status}")
    return wrong


def back(node):
    """Everything answers something of its own again."""
    until = time.monotonic() + 5
    while time.monotonic() < until:
        if all(asks(node, *route)[0] != 503 for route in audited(node)):
            return []
        time.sleep(0.05)
    return ["routes still answer 503 after the auditor went on"]


def stopped(node):
    pid, = node.pids("auditor")
    os.kill(pid, signal.SIGSTOP)
    time.sleep(PATIENCE + 0.5)
    try:
        wrong = all_refused(node, "auditor stopped")
    finally:
        os.kill(pid, signal.SIGCONT)
    return wrong + back(node)


def full(node, audit):
    filler = os.path.join(audit, "filler")
    fd = os.open(filler, os.O_WRONLY | os.O_CREAT)
    try:
        while os.write(fd, b"x" * 4096):
            pass
    except OSError:
        os.close(fd)
    for _ in range(200):  # some still fit in the last page
        if node.request("internal", "GET", "/internal/knoop/v1/grounds/x")[0] == 503:
            break
        time.sleep(0.02)
    wrong = all_refused(node, "disk full")
    os.remove(filler)
    return wrong + back(node)


def main():
    build = sys.argv[1]
    folder = tempfile.mkdtemp(prefix="knoop-down-")
    node = Node(os.path.join(build, "knoop"), os.path.join(folder, "node"), "down",
                {"audit.patience": "1s", "audit.ring": "64k", "audit.segment": "1m"})
    audit = os.path.join(node.folder, "data", "audit")
    os.makedirs(audit, mode=0o700)
    os.chmod(os.path.join(node.folder, "data"), 0o700)
    small = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m,mode=700", "tmpfs", audit],
                           capture_output=True).returncode == 0
    passed, wrong = 0, []
    try:
        node.start()
        print(f"{len(list(audited(node)))} routes leave an event")
        for name, found in (("stopped", stopped(node)), ("full", full(node, audit) if small else None)):
            if found is None:
                print("SKIPPED: a disk of its own, which is then full: not root here")
                continue
            passed += not found
            wrong += found
        node.stop()
        broken = verify_log(build, node)
        passed += not broken
        wrong += [broken] if broken else []
    except (Wrong, OSError) as w:
        wrong.append(str(w))
    finally:
        node.end()
        if small:
            subprocess.run(["umount", audit])
        shutil.rmtree(folder, ignore_errors=True)
    for w in wrong:
        print(f"FAILED {w}")
    print(f"{passed} passed, {len(wrong)} failed")
    return 1 if wrong else 0


sys.exit(main())

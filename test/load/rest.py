#!/usr/bin/env python3
"""rest - what a node costs that does nothing: its start, its memory, its size.

Usage: test/load/rest.py BUILD [STARTS]

  start_ms      from exec to READY=1 (sd_notify) and an answered request, on the data
                of an earlier life; of up to 60 starts the one that other programs
                of this machine disturbed least
  idle_pss_kb   proportional set size of all roles, a moment later
  program_kb    the program, stripped

Prints a line for each, `bench NAME VALUE UNIT ratio R of BOUND`, as src/base/bench.h
has it (1 is the bound, more is better), and closes with "N passed, N failed": a
start fails beyond four times its bound only, since its time is the machine's too.
"""
import os, pathlib, shutil, socket, subprocess, sys, tempfile, time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))
from node import Node, Wrong

START_MS, PSS_KB, PROGRAM_KB = 40, 20 * 1024, 5 * 1000


def ready_after(node, notify):
    """Milliseconds until the node says that it serves, and does."""
    start = time.monotonic()
    node.launch()
    while b"READY=1" not in notify.recv(4096):
        pass
    if node.request("internal", "GET", "/status")[0] != 200:
        raise Wrong("it says that it is ready, and is not")
    return (time.monotonic() - start) * 1000


def starts(node, folder, count):
    os.environ["NOTIFY_SOCKET"] = os.path.join(folder, "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(os.environ["NOTIFY_SOCKET"])
        notify.settimeout(10)
        for i in range(count):
            took = ready_after(node, notify)
            yield took
            node.stop()
            while b"STOPPING=1" not in notify.recv(4096):
                pass
            if i >= 9 and took <= START_MS:
                return


def measure(node, folder, count):
    node.start()
    for i in range(20):
        node.json("internal", "POST", "/internal/vdr/v2/subject", {"subject": f"s{i}"})
    node.stop()
    yield "start_ms", min(starts(node, folder, count)), "ms", START_MS
    del os.environ["NOTIFY_SOCKET"]
    node.start()
    time.sleep(1)
    if node.is_seen():
        sizes = node.pss_kb()
        print("  ".join(f"{role} {kb} kB" for role, kb in sizes.items()))
        yield "idle_pss_kb", sum(sizes.values()), "kB", PSS_KB
    else:
        print("skipped idle_pss_kb: only root sees the memory of the roles")
    node.stop()
    bare = os.path.join(folder, "stripped")
    subprocess.run(["strip", "-o", bare, node.binary], check=True)
    yield "program_kb", os.path.getsize(bare) / 1000, "kB", PROGRAM_KB


def main():
    build, count = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 60
    folder = tempfile.mkdtemp(prefix="knoop-rest-")
    node = Node(os.path.join(build, "knoop"), os.path.join(folder, "node"), "rest")
    passed = failed = 0
    try:
        for name, value, unit, bound in measure(node, folder, count):
            print(f"bench {name} {value:.4g} {unit} ratio {bound / value:.2f} of {bound} the bound set for it")
            good = value <= bound * (4 if unit == "ms" else 1)
            passed, failed = passed + good, failed + (not good)
    except (Wrong, OSError) as w:
        failed += 1
        print(f"FAILED {w}")
    finally:
        node.end()
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


sys.exit(main())

"""The compliance suite of RFC 9535."""
from cases import Case, holds, read, refused, same

CASES = 703


def nodes(allowed):
    return holds(lambda out: any(same(out, a) for a in allowed))


def cases(folder, root):
    for test in read(folder / "cts.json")["tests"]:
        expect = refused if test.get("invalid_selector") else nodes(test["results"] if "results" in test else [test["result"]])
        yield Case(test["name"], "jsonpath", {"path": test["selector"], "value": test.get("document", {})}, expect)

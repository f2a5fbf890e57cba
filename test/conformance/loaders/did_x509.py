"""did:x509 vectors. A certificate with an IP address or otherName beside what is asked is free."""
from cases import Case, either, read, refused
from didkit import like

CASES = 54
FREE = ("unsupported-certificate-san-type",)


def cases(folder, root):
    for test in read(folder / "vectors.json"):
        ask = {"did": test["input"]["did"], "chain": test["input"]["chain"]}
        wanted = test["output"].get("document")
        yield Case(test["id"], "did.resolve", ask, either if test["id"] in FREE else like(wanted) if wanted else refused)
        if wanted:
            yield Case(test["id"] + ", without a chain", "did.resolve", {"did": ask["did"], "chain": []}, refused)
            yield Case(test["id"] + ", leaf alone", "did.resolve", {"did": ask["did"], "chain": ask["chain"][:1]}, refused)

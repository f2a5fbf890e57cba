"""Audit events as IHE BALP publishes them, found by what they hold and not by what they do not."""
from urllib.parse import quote
from cases import Case, files, no, read, refused, yes

CASES = 1171
FOLDER = "fhir/balp-audit-events"


def codings(value):
    for concept in value if isinstance(value, list) else [value]:
        yield from concept.get("coding", [concept])


def questions(event):
    yield "_id=" + event["id"], yes
    yield "_id=" + event["id"][:-1], no
    for name in ("type", "subtype"):
        for coding in codings(event.get(name, [])):
            code, system = quote(coding["code"], safe=""), quote(coding.get("system", ""), safe="")
            yield "%s=%s" % (name, code), yes
            yield "%s=%s|%s" % (name, system, code), yes
            yield "%s=urn:other|%s" % (name, code), no
            yield "%s:not=%s" % (name, code), no
            yield "%s=%s-" % (name, code), no
    for name in ("action", "outcome"):
        yield "%s:missing=%s" % (name, "false" if name in event else "true"), yes
        if name in event:
            yield "%s=%s,other" % (name, event[name]), yes
    day = event["recorded"][:10]
    for prefix, expect in (("ge", yes), ("sa", no), ("lt", no), ("ap", yes)):
        yield "date=%s%s" % (prefix, day[:4]), expect
    for agent in event.get("agent", []):
        reference = agent.get("who", {}).get("reference")
        if reference:
            yield "agent=" + quote(reference, safe=""), yes
            yield "agent=%s0&date=ge%s" % (quote(reference, safe=""), day[:4]), no
    yield "action:exact=C", refused
    yield "agent.name=x", refused
    yield "recorded=2020", refused


def cases(folder, root):
    for path in files(folder):
        event = read(path)
        if event.get("resourceType") == "AuditEvent":
            for query, expect in questions(event):
                yield Case("%s?%s" % (path.stem, query), "fhir.match", {"resource": event, "query": query}, expect)

"""cases.py - what loaders are made of: requests, and what must come back."""
import base64, json, re


class Case:
    def __init__(self, name, op, members, expect):
        self.name, self.op, self.members, self.expect, self.id = name, op, members, expect, ""

    def line(self):
        """The request; a member of type Raw is put in as the JSON text that it is."""
        head = json.dumps({"id": self.id, "op": self.op})[:-1]
        parts = [head] + ["%s:%s" % (json.dumps(k), v if isinstance(v, Raw) else json.dumps(v)) for k, v in self.members.items()]
        return ",".join(parts).encode("utf-8", "surrogatepass") + b"}\n"


class Raw(str):
    """JSON text of a file, on one line: as it stands, numbers and names included."""

    @classmethod
    def of(cls, path):
        return cls(re.sub(r"[\r\n]+", " ", path.read_text("utf-8-sig")))


# --- expectations: functions of an answer, None when it is met ------------------

def refused(answer):
    return "it was taken" if answer["ok"] else None


def denied(answer):
    """For questions: false, or a refusal."""
    return "it said yes" if answer["ok"] and answer["out"] is not False else None


def either(answer):
    return None


class Skipped(str):
    """A verdict: nothing wrong, and nothing shown. Its text says why."""


def not_offered(answer):
    """The refusal that names what is not offered is itself asserted."""
    if not answer["ok"] and answer.get("err") == "UNSUPPORTED":
        return Skipped("not offered")
    return "it was taken, though not offered" if answer["ok"] else "wanted UNSUPPORTED: %s %s" % (answer.get("err"), answer.get("why", ""))


def holds(check):
    """ok, and check(out) is true."""
    def expect(answer):
        if not answer["ok"]:
            return "refused: %s %s" % (answer.get("err"), answer.get("why", ""))
        return None if check(answer["out"]) else "another answer: %.200s" % json.dumps(answer["out"])
    return expect


def gives(value):
    return holds(lambda out: same(out, value))


def gives_bytes(data):
    return holds(lambda out: out == b64u(data))


def maybe(expectation):
    """Free to refuse; right when taken."""
    return lambda answer: expectation(answer) if answer["ok"] else None


yes, no = gives(True), gives(False)

# --- values ----------------------------------------------------------------------

def same(a, b):
    """JSON equality: true is not 1, 1.0 is."""
    if type(a) is bool or type(b) is bool or a is None or b is None:
        return a is b
    if isinstance(a, (int, float)) and isinstance(b, (int, float)):
        return a == b or float(a) == float(b)
    if type(a) is not type(b) or (isinstance(a, (list, dict)) and len(a) != len(b)):
        return False
    if isinstance(a, list):
        return all(map(same, a, b))
    if isinstance(a, dict):
        return all(k in b and same(v, b[k]) for k, v in a.items())
    return a == b


def b64u(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def from_b64u(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def hexed(text):
    return b64u(bytes.fromhex(text))


def public(jwk):
    return {k: v for k, v in jwk.items() if k not in ("d", "p", "q", "dp", "dq", "qi", "oth")}


def broken(text):
    """Base64url with another character in its middle."""
    i = len(text) // 2
    return text[:i] + ("A" if text[i] != "A" else "B") + text[i + 1:]


def read(path):
    return json.loads(path.read_text("utf-8"))


def files(folder, pattern="*.json"):
    return sorted(folder.glob(pattern))

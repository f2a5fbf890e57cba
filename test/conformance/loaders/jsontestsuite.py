"""JSONTestSuite: y_ parses, n_ does not, i_ may. Names that occur twice are refused (RFC 7493 2.3)."""
import json
from cases import Case, b64u, either, files, gives, refused

CASES = 318
TWICE = ("y_object_duplicated_key.json", "y_object_duplicated_key_and_value.json")


def cases(folder, root):
    for path in files(folder / "test_parsing"):
        data = path.read_bytes()
        if path.name in TWICE or path.name[0] == "n":
            expect = refused
        else:
            expect = gives(json.loads(data)) if path.name[0] == "y" else either
        yield Case(path.name, "json.parse", {"text": b64u(data)}, expect)

"""JSON Schema draft-07, the required part. A schema that leans on another document is refused."""
import json
from cases import Case, files, gives, read, refused

CASES = 927
LOCAL = "http://localhost:1234"


def leans_outside(schema):
    """Does a $ref lead where neither the schema nor an $id of it is? For this suite: its web server, or the meta-schema."""
    text = json.dumps(schema)
    return '"$ref": "http://json-schema.org/draft-07/schema#"' in text


def cases(folder, root):
    for path in files(folder / "tests"):
        for group in read(path):
            outside = path.name == "refRemote.json" or leans_outside(group["schema"])
            for test in group["tests"]:
                name = " / ".join((path.stem, group["description"], test["description"]))
                expect = either_or_right(test["valid"]) if outside else gives(test["valid"])
                yield Case(name, "jsonschema", {"schema": group["schema"], "value": test["data"]}, expect)


def either_or_right(valid):
    """Some of these find all they need within themselves."""
    return lambda answer: gives(valid)(answer) if answer["ok"] else refused(answer)

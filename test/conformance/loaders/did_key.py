"""did:key vectors: keys, and what they may be used for. BLS keys are free."""
from cases import Case, either, files, read, refused
from didkit import like

CASES = 45


def cases(folder, root):
    for path in files(folder):
        found = read(path)
        documents = list(found["didDocument"].values()) if "didDocument" in found else [entry["didDocument"] for entry in found.values()]
        for document in documents:
            yield Case("%s %s" % (path.stem, document["id"]), "did.resolve", {"did": document["id"]},
                       either if path.stem == "bls12381" else like(document, free=("keyAgreement",) if document.get("assertionMethod") else ()))
        did = documents[0]["id"]
        for what, wrong in (("cut", did[:-1]), ("another alphabet", did[:-1] + "0"), ("another base", did.replace(":z", ":m"))):
            if path.stem != "bls12381":
                yield Case("%s %s" % (path.stem, what), "did.resolve", {"did": wrong}, refused)

"""
Credentials and presentations of one producer, as JWT and with JsonWebSignature2020. Tokens
whose payload breaks a rule of ours (a date claim that is no number) are free. Linked-data
proofs are not offered: that they are refused by that name is asserted, and said.
"""
import json
from cases import Case, broken, either, files, from_b64u, holds, not_offered, read, refused

CASES = 196
NOW, DID = "2024-01-01T00:00:00Z", "did:example:123"
USES = ("assertionMethod", "authentication", "capabilityInvocation", "capabilityDelegation")


def document(folder):
    methods = [{"id": k["id"], "type": "JsonWebKey2020", "controller": DID, "publicKeyJwk": k["publicKeyJwk"]} for k in map(read, files(folder / "keys"))]
    return {"@context": ["https://www.w3.org/ns/did/v1"], "id": DID, "verificationMethod": methods, **{use: [m["id"] for m in methods] for use in USES}}


def token_free(token):
    claims = json.loads(from_b64u(token.split(".")[1]))
    return any(name in claims and not isinstance(claims[name], (int, float)) for name in ("nbf", "exp", "iat"))


def holds_linked(token):
    held = json.loads(from_b64u(token.split(".")[1])).get("vp", {}).get("verifiableCredential", [])
    return any(isinstance(credential, dict) and "proof" in credential for credential in (held if isinstance(held, list) else [held]))


def cases(folder, root):
    dids = {DID: document(folder)}
    for path in files(folder / "transmute"):
        text = read(path)
        kind = "vp" if ".vp" in path.name else "vc"
        role, who = ("presentation", "holder") if kind == "vp" else ("credential", "issuer")
        what = text.get("jwt") if "-jwt." in path.name else text
        if not what or (isinstance(what, dict) and not what.get("proof")):
            continue  # the producer left it empty
        right = holds(lambda out, w=who: out[w] == DID)
        if isinstance(what, str) and token_free(what):
            right = either
        linked = not isinstance(what, str)
        op, ask = kind + ".verify", {role: what, "dids": dids, "now": NOW}
        yield Case(path.stem, op, ask, not_offered if linked or holds_linked(what) else right)
        yield Case(path.stem + ", keys unknown", op, {**ask, "dids": {}}, not_offered if linked else refused)
        if not linked:
            head, dot, signature = what.rpartition(".")
            yield Case(path.stem + ", altered", op, {**ask, role: head + dot + broken(signature)}, refused)
        else:
            yield Case(path.stem + ", altered", op, {**ask, role: {**what, "issuanceDate": "2020-01-01T00:00:00Z", "holder": "did:example:1"}}, not_offered)
            yield Case(path.stem + ", no proof", op, {**ask, role: {k: v for k, v in what.items() if k != "proof"}}, refused)

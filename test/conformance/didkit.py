"""didkit.py - are two DID documents the same? By id, controllers, keys, and what the keys may do."""
import json
from cases import b64u, holds, public

RELATIONS = ("authentication", "assertionMethod", "keyAgreement", "capabilityInvocation", "capabilityDelegation")
ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
NAMES = {"EC": ("kty", "crv", "x", "y"), "OKP": ("kty", "crv", "x"), "RSA": ("kty", "n", "e")}
# multicodec, and what base58 key types hold: (crv, prime, a, b) of the compressed ones
SHORT = {0xED: "Ed25519", 0xEC: "X25519"}
P256 = (2**256 - 2**224 + 2**192 + 2**96 - 1, -3, 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B)
P384 = (2**384 - 2**128 - 2**96 + 2**32 - 1, -3,
        0xB3312FA7E23EE7E4988E056BE3F82D19181D9C6EFE8141120314088F5013875AC656398D8A2ED19D2A85C8EDD3EC2AEF)
P521 = (2**521 - 1, -3,
        0x0051953EB9618E1C9A1F929A21A0B68540EEA2DA725B99B315F3B8B489918EF109E156193951EC7E937B1652C0BD3BB1BF073573DF883D2C34F1EF451FD46B503F00)
K256 = (2**256 - 2**32 - 977, 0, 7)
POINTS = {0xE7: ("secp256k1", K256, 32), 0x1200: ("P-256", P256, 32), 0x1201: ("P-384", P384, 48), 0x1202: ("P-521", P521, 66)}
TYPES = {"Ed25519": 0xED, "X25519": 0xEC, "Secp256k1": 0xE7, "P256": 0x1200, "P384": 0x1201, "P521": 0x1202}


def base58(text):
    value = 0
    for c in text:
        value = value * 58 + ALPHABET.index(c)
    return bytes(len(text) - len(text.lstrip("1"))) + value.to_bytes((value.bit_length() + 7) // 8, "big")


def key_from(codec, raw):
    if codec in SHORT:
        return {"kty": "OKP", "crv": SHORT[codec], "x": b64u(raw)}
    if codec not in POINTS:
        return {"raw": raw.hex()}
    crv, (p, a, b), size = POINTS[codec]
    x = int.from_bytes(raw[1:], "big")
    y = pow((x * x * x + a * x + b) % p, (p + 1) // 4, p)
    y = y if y % 2 == raw[0] % 2 else p - y
    return {"kty": "EC", "crv": crv, "x": b64u(x.to_bytes(size, "big")), "y": b64u(y.to_bytes(size, "big"))}


def key_of(method):
    if "publicKeyJwk" in method:
        jwk = method["publicKeyJwk"]
        return {name: jwk.get(name) for name in NAMES.get(jwk.get("kty"), ("kty",))}
    if "publicKeyBase58" in method:
        codec = next((code for name, code in TYPES.items() if name in method["type"]), 0)
        return key_from(codec, base58(method["publicKeyBase58"]))
    raw = base58(method["publicKeyMultibase"][1:])
    return key_from(raw[0], raw[1:]) if raw[0] < 128 else key_from(raw[0] & 127 | raw[1] << 7, raw[2:])


def uses(document):
    """{relation: what it names, as text}"""
    whole = lambda name: document["id"] + name if name.startswith("#") else name
    known = {whole(m["id"]): m for m in document.get("verificationMethod", [])}
    out = {}
    for relation in RELATIONS:
        methods = [known[whole(m)] if isinstance(m, str) else m for m in document.get(relation, [])]
        out[relation] = {(whole(m["id"]), json.dumps(key_of(m), sort_keys=True)) for m in methods}
    return out


def like(wanted, free=()):
    """`free`: relations that may be left out."""
    def check(found):
        methods = found.get("verificationMethod", [])
        if found["id"] != wanted["id"] or any(m.get("controller") != wanted["id"] for m in methods):
            return False
        if any(m.get("publicKeyJwk", {}) != public(m.get("publicKeyJwk", {})) for m in methods):
            return False
        have, want = uses(found), uses(wanted)
        return all(have[r] == want[r] or (not have[r] and (r in free or r.startswith("capability"))) for r in RELATIONS)
    return holds(check)

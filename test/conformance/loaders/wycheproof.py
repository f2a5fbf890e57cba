"""
Wycheproof, the primitives. "acceptable" is free, and right when taken. JOSE knows one size
of iv and tag, keys of HMAC no shorter than the hash, and no compressed points.
"""
from cases import Case, b64u, denied, either, files, gives_bytes, hexed, maybe, read, refused, yes

CASES = 4585
CURVES = {"secp256r1": ("P-256", "ES256", 32, "SHA-256"), "secp384r1": ("P-384", "ES384", 48, "SHA-384"),
          "secp521r1": ("P-521", "ES512", 66, "SHA-512"), "secp256k1": ("secp256k1", "ES256K", 32, "SHA-256")}


def number(text, size=None):
    value = int(text, 16)
    return b64u(value.to_bytes(size or (value.bit_length() + 7) // 8 or 1, "big"))


def question(test):
    return {"valid": yes, "invalid": denied, "acceptable": either}[test["result"]]


def output(test, field):
    right = gives_bytes(bytes.fromhex(test[field]))
    return {"valid": right, "invalid": refused, "acceptable": maybe(right)}[test["result"]]


def signature(alg, key, test):
    return "sig.verify", {"alg": alg, "jwk": key, "message": hexed(test["msg"]), "signature": hexed(test["sig"])}, question(test)


def ecdsa(group, test, path):
    crv, alg, size, sha = CURVES[group["publicKey"]["curve"]]
    assert sha == group["sha"]
    key = {"kty": "EC", "crv": crv, "x": number(group["publicKey"]["wx"], size), "y": number(group["publicKey"]["wy"], size)}
    return signature(alg + ("-DER" if group["type"] == "EcdsaVerify" else ""), key, test)


def eddsa(group, test, path):
    return signature("EdDSA", {"kty": "OKP", "crv": "Ed25519", "x": hexed(group["publicKey"]["pk"])}, test)


def rsa(group, test, path):
    kind = "PS" if "Pss" in group["type"] else "RS"
    key = {"kty": "RSA", "n": number(group["publicKey"]["modulus"]), "e": number(group["publicKey"]["publicExponent"])}
    return signature(kind + group["sha"][-3:], key, test)


def aead(group, test, path):
    gcm = "gcm" in path.stem
    ask = {"alg": "A%dGCM" % group["keySize"] if gcm else "A128CBC-HS256", "key": hexed(test["key"]), "iv": hexed(test["iv"]),
           "aad": hexed(test["aad"]), "ciphertext": hexed(test["ct"]), "tag": hexed(test["tag"])}
    fits = group["ivSize"] == (96 if gcm else 128)
    right = output(test, "msg")
    return "aead.open", ask, right if fits or test["result"] == "invalid" else maybe(right)


def hkdf(group, test, path):
    return "hkdf", {"hash": "SHA-256", "ikm": hexed(test["ikm"]), "salt": hexed(test["salt"]), "info": hexed(test["info"]), "size": test["size"]}, output(test, "okm")


def mac(group, test, path):
    whole = group["tagSize"] == 256 and group["keySize"] >= 256
    ask = {"alg": "HS256", "jwk": {"kty": "oct", "k": hexed(test["key"])}, "message": hexed(test["msg"]), "signature": hexed(test["tag"])}
    return "sig.verify", ask, question(test) if whole else denied


def oaep(group, test, path):
    key = {name: group["privateKeyJwk"][name] for name in ("kty", "n", "e", "d", "p", "q", "dp", "dq", "qi")}
    ask = {"hash": group["sha"], "mgf": group["mgfSha"], "jwk": key, "ciphertext": hexed(test["ct"])}
    right = output(test, "msg")
    if test["label"]:
        ask["label"] = hexed(test["label"])
        right = maybe(right) if test["result"] == "valid" else right
    return "oaep.decrypt", ask, right


def keywrap(group, test, path):
    return "kw.unwrap", {"alg": "A%dKW" % group["keySize"], "key": hexed(test["key"]), "ciphertext": hexed(test["ct"])}, output(test, "msg")


def ecdh(group, test, path):
    """A public key that is no uncompressed point has no form in a JWK; the private half is taken as its own public one is not needed."""
    crv, _, size, _ = CURVES[group["curve"]]
    point = bytes.fromhex(test["public"])
    if len(point) != 2 * size + 1:
        peer, right = {"kty": "EC", "crv": crv, "x": b64u(point[1:])}, refused
    else:
        peer, right = {"kty": "EC", "crv": crv, "x": b64u(point[1:size + 1]), "y": b64u(point[size + 1:])}, output(test, "shared")
    x, y = multiply(group["curve"], int(test["private"], 16))
    own = {"kty": "EC", "crv": crv, "d": number(test["private"], size), "x": b64u(x.to_bytes(size, "big")), "y": b64u(y.to_bytes(size, "big"))}
    return "ecdh", {"jwk": own, "peer": peer}, right


KINDS = {"EcdsaVerify": ecdsa, "EcdsaP1363Verify": ecdsa, "EddsaVerify": eddsa, "RsassaPkcs1Verify": rsa, "RsassaPssVerify": rsa,
         "AeadTest": aead, "HkdfTest": hkdf, "MacTest": mac, "RsaesOaepDecrypt": oaep, "KeywrapTest": keywrap, "EcdhEcpointTest": ecdh}

# The field prime, a, and the base point (SEC 2), to complete a private key that is published alone.
PRIMES = {"secp256r1": (2**256 - 2**224 + 2**192 + 2**96 - 1, -3,
                        0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296, 0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5),
          "secp384r1": (2**384 - 2**128 - 2**96 + 2**32 - 1, -3,
                        0xAA87CA22BE8B05378EB1C71EF320AD746E1D3B628BA79B9859F741E082542A385502F25DBF55296C3A545E3872760AB7,
                        0x3617DE4A96262C6F5D9E98BF9292DC29F8F41DBD289A147CE9DA3113B5F0B8C00A60B1CE1D7E819D7A431D7C90EA0E5F),
          "secp521r1": (2**521 - 1, -3,
                        0x00C6858E06B70404E9CD9E3ECB662395B4429C648139053FB521F828AF606B4D3DBAA14B5E77EFE75928FE1DC127A2FFA8DE3348B3C1856A429BF97E7E31C2E5BD66,
                        0x011839296A789A3BC0045C8A5FB42C7D1BD998F54449579B446817AFBD17273E662C97EE72995EF42640C550B9013FAD0761353C7086A272C24088BE94769FD16650)}


def multiply(curve, k):
    p, a, gx, gy = PRIMES[curve]

    def add(s, t):
        if s is None or t is None:
            return s or t
        if s[0] == t[0] and (s[1] + t[1]) % p == 0:
            return None
        slope = (3 * s[0] * s[0] + a) * pow(2 * s[1], -1, p) if s == t else (t[1] - s[1]) * pow(t[0] - s[0], -1, p)
        x = (slope * slope - s[0] - t[0]) % p
        return x, (slope * (s[0] - x) - s[1]) % p

    out, power = None, (gx, gy)
    for bit in bin(k)[:1:-1]:
        if bit == "1":
            out = add(out, power)
        power = add(power, power)
    return out


def x25519_base(d):
    """RFC 7748 5, over the base point 9."""
    p, k = 2**255 - 19, int.from_bytes(d, "little") & ~7 & (1 << 255) - 1 | 1 << 254
    x1, x2, z2, x3, z3 = 9, 1, 0, 9, 1
    for t in range(254, -1, -1):
        if k >> t & 1:
            x2, z2, x3, z3 = x3, z3, x2, z2
        a, b, c, e = x2 + z2, x2 - z2, x3 + z3, x3 - z3
        aa, bb, da, cb = a * a % p, b * b % p, e * a % p, c * b % p
        x2, z2, x3, z3 = aa * bb % p, (aa - bb) * (aa + 121665 * (aa - bb)) % p, (da + cb)**2 % p, x1 * (da - cb)**2 % p
        if k >> t & 1:
            x2, z2, x3, z3 = x3, z3, x2, z2
    return (x2 * pow(z2, -1, p) % p).to_bytes(32, "little")


def xdh(group, test, path):
    private = bytes.fromhex(test["private"])
    own = {"kty": "OKP", "crv": "X25519", "d": b64u(private), "x": b64u(x25519_base(private))}
    return "ecdh", {"jwk": own, "peer": {"kty": "OKP", "crv": "X25519", "x": hexed(test["public"])}}, output(test, "shared")


KINDS["XdhComp"] = xdh


def cases(folder, root):
    for path in files(folder, "*_test.json"):
        for group in read(path)["testGroups"]:
            for test in group["tests"]:
                op, ask, expect = KINDS[group["type"]](group, test, path)
                yield Case("%s %d %s" % (path.stem, test["tcId"], test["comment"]), op, ask, expect)
                if group["type"] == "MacTest" and test["result"] == "valid":
                    cut = group["tagSize"] // 8
                    tag = bytes.fromhex(test["tag"])
                    yield Case("%s %d tag" % (path.stem, test["tcId"]), "hmac", {"hash": "SHA-256", "key": ask["jwk"]["k"], "message": ask["message"]},
                               starts(tag, cut))


def starts(tag, cut):
    from cases import from_b64u, holds
    return holds(lambda out: len(from_b64u(out)) == 32 and from_b64u(out)[:cut] == tag)

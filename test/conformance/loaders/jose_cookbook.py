"""
RFC 7520, 7797 and 8037. Where we differ: b64 without crit is refused (RFC 7797 6), RSA1_5
never decrypts, PBES2 only where it is asked for, compressed content is free.
"""
import json
from cases import Case, b64u, broken, files, from_b64u, gives_bytes, holds, maybe, public, read, refused

CASES = 151
SAME_EACH_TIME = ("HS", "RS", "Ed")  # algorithms whose signature is always the same


def keys(example):
    key = example["input"].get("key")
    return key if isinstance(key, list) else [key]


def tokens(example):
    return [(form, example["output"][form]) for form in ("compact", "json_flat", "json") if form in example["output"]]


def for_verifying(key):
    return key if key["kty"] == "oct" else public(key)


def payload(data):
    return holds(lambda out: out["payload"] == b64u(data))


def jws(path, example):
    data, detached = example["input"]["payload"].encode(), "detached" in path.stem
    draft = path.name.startswith("4.2.") and "rfc7797" in str(path)
    for number, key in enumerate(keys(example)):
        for form, token in tokens(example):
            if form == "json_flat" and len(keys(example)) > 1:
                continue
            ask = {"jws": token, "jwk": for_verifying(key), **({"payload": b64u(data)} if detached else {})}
            name = "%s %d %s" % (path.stem, number, form)
            yield Case(name, "jws.verify", ask, refused if draft else payload(data))
            yield Case(name + ", no algorithm allowed", "jws.verify", {**ask, "algs": []}, refused)
            if detached:
                yield Case(name + ", another payload", "jws.verify", {**ask, "payload": b64u(data + b"!")}, refused)
                yield Case(name + ", no payload", "jws.verify", {k: v for k, v in ask.items() if k != "payload"}, refused)
            if form == "compact":
                cut = token.rpartition(".")
                yield Case(name + ", signature altered", "jws.verify", {**ask, "jws": cut[0] + "." + broken(cut[2])}, refused)
                yield Case(name + ", signature gone", "jws.verify", {**ask, "jws": cut[0] + "."}, refused)
    yield from signing(path, example, data)


def signing(path, example, data):
    header = example["signing"].get("protected") if isinstance(example["signing"], dict) else None
    if header and header.get("alg", "")[:2] in SAME_EACH_TIME and "b64" not in header and ".." not in example["output"].get("compact", ".."):
        ask = {"payload": b64u(data), "header": header, "jwk": keys(example)[0]}
        yield Case(path.stem + " signed", "jws.sign", ask, holds(lambda token: as_published(token, example["output"]["compact"], header)))


def as_published(token, published, header):
    """The members of a header may stand in another order; then the signature is another."""
    ours, theirs = token.split("."), published.split(".")
    return json.loads(from_b64u(ours[0])) == header and ours[1] == theirs[1] and (ours[0] != theirs[0] or ours[2] == theirs[2])


def jwe(path, example):
    data = example["input"]["plaintext"].encode()
    if "pwd" in example["input"]:
        key = {"kty": "oct", "k": b64u(example["input"]["pwd"].encode())}
        for form, token in tokens(example):
            yield Case("%s %s unasked" % (path.stem, form), "jwe.decrypt", {"jwe": token, "jwk": key}, refused)
            yield Case("%s %s" % (path.stem, form), "jwe.decrypt", {"jwe": token, "jwk": key, "algs": ["PBES2-HS512+A256KW"]}, maybe(gives_bytes(data)))
        return
    algs = example["input"]["alg"]
    for number, key in enumerate(keys(example)):
        alg = algs[number] if isinstance(algs, list) else algs
        right = refused if alg == "RSA1_5" else maybe(gives_bytes(data)) if "compressed" in path.stem else gives_bytes(data)
        for form, token in tokens(example):
            name = "%s %d %s" % (path.stem, number, form)
            yield Case(name, "jwe.decrypt", {"jwe": token, "jwk": key}, right)
            if form == "compact":
                parts = token.split(".")
                yield Case(name + ", text altered", "jwe.decrypt", {"jwe": ".".join(parts[:3] + [broken(parts[3]), parts[4]]), "jwk": key}, refused)
                yield Case(name + ", tag altered", "jwe.decrypt", {"jwe": ".".join(parts[:4] + [broken(parts[4])]), "jwk": key}, refused)


def cases(folder, root):
    for path in files(folder / "jwk"):
        key = read(path)
        yield Case(path.stem, "jwk.parse", {"jwk": key}, holds(lambda out, k=key: out["kty"] == k["kty"]))
    for path in [p for sub in ("jws", "curve25519", "rfc7797", "jwe") for p in files(folder / sub)]:
        example = read(path)
        if "signing" in example:
            yield from jws(path, example)
        if "encrypting_content" in example:
            yield from jwe(path, example)
    nested = read(folder / "6.nesting_signatures_and_encryption.json")
    inner = nested["sign"]["output"]["compact"]
    yield Case("nested, decrypted", "jwe.decrypt", {"jwe": nested["encrypt"]["output"]["compact"], "jwk": nested["encrypt"]["input"]["key"]}, gives_bytes(inner.encode()))
    yield Case("nested, verified", "jws.verify", {"jws": inner, "jwk": public(nested["sign"]["input"]["key"])}, holds(lambda out: "payload" in out))

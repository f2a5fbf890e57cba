"""RFC 8785: the inputs and outputs of its reference implementation."""
from cases import Case, Raw, files, gives_bytes

CASES = 6


def cases(folder, root):
    for path in files(folder / "input"):
        yield Case(path.name, "jcs", {"value": Raw.of(path)}, gives_bytes((folder / "output" / path.name).read_bytes()))

"""Checks tlog-proofs from stdin with nothing but hashlib, after RFC 6962 and RFC 9162 2.1.3.2."""

import base64
import hashlib
import sys


def node(left, right):
    return hashlib.sha256(b"\x01" + left + right).digest()


def check(lines):
    assert lines.pop(0) == "c2sp.org/tlog-proof@v1"
    word, extra = lines.pop(0).split(" ")
    assert word == "extra"
    record = base64.b64decode(extra, validate=True)
    word, index = lines.pop(0).split(" ")
    assert word == "index"
    index = int(index)
    path = []
    while lines[0]:
        path.append(base64.b64decode(lines.pop(0), validate=True))
    lines.pop(0)
    origin, size, root = lines.pop(0), int(lines.pop(0)), base64.b64decode(lines.pop(0))
    assert origin.startswith("virt-retire.org/journal/"), origin
    assert index < size
    fn, sn, r = index, size - 1, hashlib.sha256(b"\x00" + record).digest()
    for p in path:
        assert sn != 0
        if fn & 1 or fn == sn:
            r = node(p, r)
            while fn & 1 == 0 and fn != 0:
                fn >>= 1
                sn >>= 1
        else:
            r = node(r, p)
        fn >>= 1
        sn >>= 1
    assert sn == 0 and r == root, f"entry {index} is not in the log"
    return root


lines = sys.stdin.read().split("\n")
roots = set()
count = 0
while lines and any(lines):
    roots.add(check(lines))
    count += 1
    while lines and not lines[0]:
        lines.pop(0)
assert len(roots) == 1, "the proofs are of several logs"
print(count, base64.b64encode(roots.pop()).decode())

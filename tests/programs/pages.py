# SPDX-License-Identifier: MIT
"""pages.py KEY: reading through the page cache (mmap, sendfile, splice) shows the current value."""
import mmap
import os
import sys

path = sys.argv[1]


def rewrite(data):
    with open(path, "wb") as f:
        f.write(data)


def mapped(flags):
    with open(path, "rb") as f:
        with mmap.mmap(f.fileno(), 0, flags=flags, prot=mmap.PROT_READ) as m:
            return bytes(m)


def sent():
    r, w = os.pipe()
    with open(path, "rb") as f:
        size = os.fstat(f.fileno()).st_size
        data = b""
        while len(data) < size:
            n = os.sendfile(w, f.fileno(), len(data), min(size - len(data), 4096))
            if n == 0:
                break
            data += os.read(r, n)
    os.close(r)
    os.close(w)
    return data


def spliced():
    r, w = os.pipe()
    data = b""
    with open(path, "rb") as f:
        while n := os.splice(f.fileno(), w, 4096):
            data += os.read(r, n)
    os.close(r)
    os.close(w)
    return data


ways = [lambda: mapped(mmap.MAP_PRIVATE), sent]
if hasattr(os, "splice"):
    ways.append(spliced)
try:
    mapped(mmap.MAP_SHARED)
    ways.append(lambda: mapped(mmap.MAP_SHARED))
except OSError:
    if tuple(int(n) for n in os.uname().release.split(".")[:2]) >= (6, 6):
        raise

for data in (b"short", b"x" * 10000, b"y" * 9999, b"longer than short", b"z" * 100000, b"end"):
    rewrite(data)
    for number, way in enumerate(ways):
        got = way()
        assert got == data, f"way {number}: {len(got)} bytes {got[:20]!r} for {len(data)} {data[:20]!r}"

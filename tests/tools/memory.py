# SPDX-License-Identifier: MIT
"""memory.py: looks for secrets in the memory of processes, as root: in all that is mapped, also what is left out
of dumps.

    memory.py find FILE PID...             where the bytes of FILE are: a line "PID FLAGS PLACE" for each mapping that has
                                           them, FLAGS being those of locked,dumpless that it has, or none
    memory.py keys STORE KEYFILE PID...    the same for the master key, what it is made from, and what is made from it:
                                           "NAME PID FLAGS PLACE", and at last how many were looked for

It exits with 1 if a process cannot be looked at.
"""
import ctypes
import hashlib
import os
import re
import sqlite3
import sys

CHUNK = 1 << 20
OVERLAP = 64  # bytes: what is looked for is not longer


def mappings(pid):
    """(start, end, readable, place, flags) of each."""
    found, head = [], None
    with open(f"/proc/{pid}/smaps") as f:
        for line in f:
            m = re.match(r"([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \S+\s*(.*)", line)
            if m:
                head = (int(m[1], 16), int(m[2], 16), m[3], m[4] or "anonymous")
            elif line.startswith("VmFlags:"):
                found.append((*head, set(line.split()[1:])))
    return found


def pieces(memory, start, end):
    """The bytes, in overlapping pieces. What cannot be read has no page, or is closed to the kernel itself
    (memfd_secret)."""
    at, tail = start, b""
    while at < end:
        n = min(CHUNK, end - at)
        try:
            data = os.pread(memory, n, at)
        except OSError:
            # Page by page: a hole must not hide what lies beside it.
            data = b""
            for page in range(at, at + n, 4096):
                try:
                    data += os.pread(memory, 4096, page)
                except OSError:
                    data += b"\0" * 4096
        yield tail + data
        tail = data[-OVERLAP:]
        at += n


def places(pid):
    """(flags, place, bytes) of all that a process has."""
    memory = os.open(f"/proc/{pid}/mem", os.O_RDONLY)
    for start, end, mode, place, flags in mappings(pid):
        if place in ("[vvar]", "[vvar_vclock]", "[vsyscall]"):
            continue
        has = [word for flag, word in (("lo", "locked"), ("dd", "dumpless")) if flag in flags]
        yield ",".join(has) or "none", place.replace(" ", "_"), pieces(memory, start, end)
    os.close(memory)
    for name in ("environ", "cmdline"):
        with open(f"/proc/{pid}/{name}", "rb") as f:
            yield "none", name, [f.read()]


def find(needles, pids):
    """(name of the needle, pid, flags, place) of each that is found."""
    assert all(16 <= len(needle) <= OVERLAP for needle in needles.values()), "too short to mean anything, or too long"
    for pid in pids:
        looked = 0
        for flags, place, data in places(pid):
            looked += 1
            left = dict(needles)
            for piece in data:
                for name in [name for name, needle in left.items() if needle in piece]:
                    del left[name]
                    yield name, pid, flags, place
        assert looked > 10, "hardly anything is mapped: was it there at all?"


def keys(store, keyfile):
    """What keyslot.c does, by another way: the first slot, of a key file."""
    sodium = ctypes.CDLL("libsodium.so.23")
    db = sqlite3.connect(f"file:{store}?mode=ro", uri=True)
    row, kind, salt, ops, mem, box = db.execute("SELECT id, kind, salt, ops, mem, box FROM slot").fetchone()
    with open(keyfile, "rb") as f:
        source = f.read()
    kek = hashlib.blake2b(salt + b"secretfs key file", key=source, digest_size=32).digest()
    le = lambda n: n.to_bytes(8, "little")
    aad = bytes([(ord("K") + kind) & 255, 1]) + bytes(6) + bytes(16) + le(row) + le(ops) + salt + le(mem)
    master = ctypes.create_string_buffer(32)
    nonce, mac, sealed = box[:24], box[24:40], box[40:]
    r = sodium.crypto_aead_xchacha20poly1305_ietf_decrypt_detached(
        master, None, sealed, ctypes.c_ulonglong(len(sealed)), mac, aad, ctypes.c_ulonglong(len(aad)), nonce, kek
    )
    assert r == 0, "the slot does not open"
    found = {"source": source, "kek": kek, "master": master.raw}
    sub = ctypes.create_string_buffer(32)
    for n, name in enumerate(("index", "manifest", "meta", "sum", "anchor"), 1):
        sodium.crypto_kdf_derive_from_key(sub, ctypes.c_size_t(32), ctypes.c_uint64(n), b"secretfs", master)
        found[name] = sub.raw
    return found


def main():
    what, args = sys.argv[1], sys.argv[2:]
    if what == "find":
        with open(args[0], "rb") as f:
            for _, *where in find({"": f.read()}, args[1:]):
                print(*where)
    else:
        needles = keys(*args[:2])
        for where in find(needles, args[2:]):
            print(*where)
        print(len(needles), "looked for")


main()

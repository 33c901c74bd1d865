# SPDX-License-Identifier: MIT
"""memory.py: looks for secrets in the memory of processes, as root: in all that is mapped, also what is left out
of dumps.

    memory.py find FILE PID...          where the bytes of FILE are: a line "PID FLAGS PLACE" for each mapping that has
                                        them, FLAGS being those of locked,dumpless that it has, or none
    memory.py keys STORE KEYFILE        the master key and what it is made from, and the subkeys, as hex: NAME HEX
    memory.py hex HEX PID...            as find, for bytes that are not in a file

Nothing that this prints is secret but for "keys". It exits with 1 if a process cannot be looked at.
"""
import ctypes
import hashlib
import os
import re
import sqlite3
import sys

CHUNK = 1 << 20


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


def holds(memory, start, end, needle):
    """Is it there? What cannot be read has no page, or is closed to the kernel itself (memfd_secret)."""
    at, tail = start, b""
    while at < end:
        n = min(CHUNK, end - at)
        try:
            data = os.pread(memory, n, at)
        except OSError:
            # Page by page: a hole must not hide what lies beside it.
            if n > 4096:
                data = b""
                for page in range(at, at + n, 4096):
                    try:
                        data += os.pread(memory, 4096, page)
                    except OSError:
                        data += b"\0" * 4096
            else:
                data = b"\0" * n
        if needle in tail + data:
            return True
        tail = data[-len(needle) + 1 :]
        at += n
    return False


def find(needle, pids):
    assert len(needle) >= 16, "too short to mean anything"
    looked = 0
    for pid in pids:
        memory = os.open(f"/proc/{pid}/mem", os.O_RDONLY)
        for start, end, mode, place, flags in mappings(pid):
            if place in ("[vvar]", "[vvar_vclock]", "[vsyscall]"):
                continue
            looked += 1
            if holds(memory, start, end, needle):
                has = [word for flag, word in (("lo", "locked"), ("dd", "dumpless")) if flag in flags]
                print(pid, ",".join(has) or "none", place.replace(" ", "_"))
        os.close(memory)
        with open(f"/proc/{pid}/environ", "rb") as f:
            if needle in f.read():
                print(pid, "none", "environ")
        with open(f"/proc/{pid}/cmdline", "rb") as f:
            if needle in f.read():
                print(pid, "none", "cmdline")
    assert looked > 10 * len(pids), "hardly anything is mapped: was it there at all?"


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
    print("source", source.hex())
    print("kek", kek.hex())
    print("master", master.raw.hex())
    sub = ctypes.create_string_buffer(32)
    for n, name in enumerate(("index", "manifest", "meta", "sum", "anchor"), 1):
        sodium.crypto_kdf_derive_from_key(sub, ctypes.c_size_t(32), ctypes.c_uint64(n), b"secretfs", master)
        print(name, sub.raw.hex())


def main():
    what, args = sys.argv[1], sys.argv[2:]
    if what == "find":
        with open(args[0], "rb") as f:
            find(f.read(), args[1:])
    elif what == "hex":
        find(bytes.fromhex(args[0]), args[1:])
    else:
        keys(*args)


main()

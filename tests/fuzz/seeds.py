#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""seeds.py TARGET DIR: makes the inputs that a fuzz target starts from.

corpus/TARGET/NAME is taken as it is; corpus/TARGET/NAME.hex is bytes in hexadecimal, '#' begins a comment: what was found
once stays there. What is binary by nature is made here.
"""
import pathlib
import struct
import sys

HERE = pathlib.Path(__file__).parent


def packer(code):
    size = struct.calcsize(code)
    return lambda value: struct.pack("<" + code, value & ((1 << 8 * size) - 1))


U8, U16, U32, U64 = (packer(code) for code in "BHIQ")


# ---- ACLs ----

USER_OBJ, USER, GROUP_OBJ, GROUP, MASK, OTHER = 1, 2, 4, 8, 16, 32
NOBODY = 0xFFFFFFFF


def acl(*entries):
    return U32(2) + b"".join(U16(tag) + U16(perm) + U32(who) for tag, perm, who in entries)


PLAIN = acl((USER_OBJ, 6, NOBODY), (GROUP_OBJ, 4, NOBODY), (OTHER, 0, NOBODY))
NAMED = acl((USER_OBJ, 7, NOBODY), (USER, 6, 0), (USER, 4, 1000), (GROUP_OBJ, 5, NOBODY), (GROUP, 7, 5), (MASK, 6, NOBODY),
            (OTHER, 1, NOBODY))
LONG = acl((USER_OBJ, 7, NOBODY), *[(USER, i & 7, i) for i in range(60)], (GROUP_OBJ, 5, NOBODY), (MASK, 7, NOBODY),
           (OTHER, 0, NOBODY))


def acl_seeds():
    def pair(mode, first, second=b""):
        return U8((len(first) - 4) // 4) + U16(mode) + first + second

    yield "plain", pair(0o640, PLAIN)
    yield "named", pair(0o750, NAMED, PLAIN)
    yield "both", pair(0o777, NAMED, NAMED)
    yield "long", pair(0o700, LONG, NAMED)
    yield "no_mask", pair(0o600, acl((USER_OBJ, 6, NOBODY), (USER, 4, 7), (GROUP_OBJ, 4, NOBODY), (OTHER, 0, NOBODY)))
    yield "order", pair(0o600, acl((OTHER, 6, NOBODY), (GROUP_OBJ, 4, NOBODY), (USER_OBJ, 0, NOBODY)))


# ---- headers: store/header.h ----

def header_seeds():
    sums = b"".join(U64(v) for v in (1, 2**64 - 1, 3, 4))
    yield "root", U8(0) + U16(1) + bytes(range(16)) + U64(1) + U64(99) + U64(7) + U64(12) + sums + U64(10**18)
    yield "root_format", U8(0) + U16(2)
    yield "bucket", U8(1) + sums + U32(3)
    head = U8(1) + U32(0) + U32(0) + U32(0) + U16(0o1755) + 3 * U64(10**18) + U64(5) + U64(6) + U64(700)
    yield "ns", U8(2) + head + U16(0) + U16(0)
    yield "ns_acls", U8(2) + head + U16(len(NAMED)) + NAMED + U16(len(PLAIN)) + PLAIN
    yield "ns_private", U8(2) + U8(2) + U32(1000) + head[5:] + U16(0) + U16(0)


# ---- manifests: store/manifest.h ----

def padme(n):
    exponent = n.bit_length() - 1
    kept = (exponent.bit_length() - 1) + 1
    mask = (1 << exponent - kept) - 1
    return (n + mask) & ~mask


def text(s):
    return s + b"\0"


def manifest(keys, next_key=None, name=b"database", description=b"", access=b"", default=b"", version=3, oldest=1):
    out = U64(version) + U64(oldest) + bytes(range(16)) + U8(2) + U32(1000) + U32(1000) + U32(1000) + U16(0o700)
    out += 4 * U64(1700000000 * 10**9) + U64(0) + U32(next_key or len(keys) + 1) + U8(len(name)) + text(name)
    out += U16(len(description)) + text(description) + U16(len(access)) + access + U16(len(default)) + default
    out += U32(len(keys))
    for no, key_name, key_acl in keys:
        out += U32(no) + U32(1000) + U32(1000) + U16(0o600) + 3 * U64(1700000000 * 10**9) + U64(no * 11) + bytes(32)
        out += U32(5) + U32(7) + U32(0) + U8(len(key_name)) + text(key_name) + U16(len(key_acl)) + key_acl
    return out.ljust(padme(max(len(out), 512)), b"\0")


def manifest_seeds():
    yield "empty", manifest([])
    yield "two", manifest([(1, b"user", b""), (2, b"password", b"")])
    yield "gaps", manifest([(3, b"a", PLAIN), (9, b"b", NAMED)], next_key=20, description="für alle".encode())
    yield "acls", manifest([(1, b"k", b"")], access=NAMED, default=NAMED)
    yield "same_name", manifest([(1, b"k", b""), (2, b"k", b"")])
    yield "many", manifest([(i, b"key%d" % i, b"") for i in range(1, 25)])
    yield "last_key", manifest([(0xFFFFFF, b"k", b"")], next_key=0x1000000)
    yield "bad_padding", manifest([])[:-1] + b"\1"


# ---- slots: columns of the table, as fuzz_keyslot.c takes them ----

def keyslot_seeds():
    whole = U8(0)

    def slot(**columns):
        order = ["id", "kind", "salt", "ops", "mem", "label", "box"]
        mask, fields = 0, b""
        for i, column in enumerate(order):
            if column in columns:
                mask |= 2 << i
                fields += columns[column]
        return U8(mask) + fields

    def number(value):
        return U8(0) + U64(value)

    def blob(value):
        return U8(4) + U8(len(value)) + value

    def string(value):
        return U8(3) + U8(len(value)) + value

    passphrase = {"id": number(2), "kind": number(2), "mem": number(64 << 20), "box": blob(bytes(72))}
    yield "whole", whole
    yield "none", b""
    yield "two", whole + slot(**passphrase, ops=number(2))
    yield "dear", slot(**{**passphrase, "mem": number(4 << 30)}, ops=number(20)) + whole
    yield "cheap", slot(**{**passphrase, "mem": number(8192)}, ops=number(1)) + whole
    yield "negative", slot(**{**passphrase, "mem": number(-1)}, ops=number(-1))
    yield "label", slot(id=number(5), label=string(b"x" * 64)) + whole + slot(id=number(6), label=string(b"x" * 65))
    yield "types", slot(id=number(3), salt=string(b"0123456789abcdef"), box=string(b"y" * 72))
    yield "blob_label", slot(id=number(4), label=blob(b"a\0b"))
    yield "many", b"".join(slot(id=number(i)) for i in range(1, 25))


# ---- requests: fuzz_session.c says how they are read ----

ACTIONS = """lookup getattr setattr readlink symlink mknod mkdir unlink rmdir rename rename2 link open read write statfs release
fsync setxattr getxattr listxattr removexattr flush opendir readdir readdirplus releasedir fsyncdir create interrupt forget
batch_forget access lseek ioctl fallocate raw later restart interrupted no_memory""".split()
NAMES = ["a", "b", "c", "k", "user", "password", ".json", ".env", ".versions", "1", "2", "3", "public", "private", ".private",
         "by-name", ".by-name", ".secretfs", "status", "0", "1000", "1001", "4242", "canary"]
XATTRS = ["access", "default", "expires", "description", "id", "version", "created"]
FLAGS = ["r", "w", "rw", "w!", "rw!", "wa", "rwa!", "r!", "rwa", "wx", "acc"]
# The nodes that are known from the start; what comes up in replies follows from 16 on.
ROOT, PUBLIC, PRIVATE, PRIVATE0, BY_NAME, DOT_PRIVATE, AWAY, DOT_BY_NAME, STATUS, LINK, BY_NAME_LINK, CANARY, CANARY_KEY, \
    CANARY_JSON, CANARY_ENV, CANARY_VERSIONS = range(16)
NEW = 16
ROOT_UID, USER, OTHER_USER = 0, 1, 2
JSON, JSON2, JSON3, CUT, ENV, DATE, ONE, SECONDS, ACL, ACL_MODE = range(10)


def act(action, who=USER, node=ROOT, *fields):
    out = U8(ACTIONS.index(action))
    if action in ("later", "restart", "interrupted", "no_memory"):
        return out
    return out + U8(who | who << 3 | 0x40) + U8(node) + b"".join(fields)


def name(n):
    return U8(NAMES.index(n)) if n in NAMES else U8(0xE0) + U8(len(n)) + n.encode()


def xattr(n):
    return U8(XATTRS.index(n))


def flags(f):
    return U8(FLAGS.index(f))


def inline(bytes_):
    return U8(len(bytes_)) + bytes_


def ready(which):
    return U8(next(b for b in range(0x40, 0xE0) if b % 10 == which))


def many(byte, count, shift):
    return U8(0xE0 | shift) + U8(byte) + U8(count)


N0, N4096 = U8(0), U8(next(b for b in range(0x80, 0xE0) if b % 24 == 8))
MODE = {"f600": U8(0), "f644": U8(1), "d755": U8(0x80 | 2), "d700": U8(0x80 | 3)}


def mkdir(node, n, who=USER):
    return act("mkdir", who, node, MODE["d700"], U8(0), name(n))


def create(node, n, f="rw", who=USER):
    return act("create", who, node, flags(f), MODE["f600"], U8(0), name(n))


def open_(node, f="r", who=USER):
    return act("open", who, node, flags(f))


def read(handle, who=USER, owner=1, offset=N0):
    return act("read", who, ROOT, U8(handle), offset, N4096, N0, U8(owner), flags("r"))


def write(handle, data, who=USER, owner=1, offset=N0):
    return act("write", who, ROOT, U8(handle), offset, N0, U8(owner), flags("w"), data)


def flush(handle, who=USER, owner=1):
    return act("flush", who, ROOT, U8(handle), U8(owner))


def release(handle, who=USER, owner=1):
    return act("release", who, ROOT, U8(handle), flags("r"), N0, U8(owner))


def setattr_(node, valid, who=USER, handle=None, size=N0, mode="f644", uid=1, time=U8(5)):
    fh = U8(0xF0) + U64(0) if handle is None else U8(handle)
    return act("setattr", who, node, U16(valid), fh, size, U8(1), time, time, time, N0, N0, N0, MODE[mode], U8(uid), U8(uid))


def setxattr(node, x, data, who=USER):
    return act("setxattr", who, node, N0, xattr(x), data)


def readdir(node, who=USER, plus=True, offset=N0):
    return act("readdirplus" if plus else "readdir", who, node, U8(0xF0) + U64(0), offset, N4096, N0, U8(0), flags("r"))


def lookup(node, n, who=USER):
    return act("lookup", who, node, name(n))


def rename(node, n, to, m, who=USER, how=0):
    return act("rename2", who, node, U8(to), U8(how), name(n), name(m))


def session_seeds():
    secret = mkdir(PRIVATE, "a") + create(NEW, "k") + write(0, inline(b"value")) + flush(0)
    key = NEW + 1

    def shared(node, handle):
        return mkdir(PUBLIC, "b", ROOT_UID) + create(node, "k", who=ROOT_UID) + write(handle, inline(b"open"), ROOT_UID) + \
            flush(handle, ROOT_UID) + release(handle, ROOT_UID)

    public = shared(NEW, 0)
    yield "write_read", secret + release(0) + open_(key) + read(1) + release(1)
    yield "attributes", b"".join(act("getattr", USER, n, N0, U8(0xF0), U64(0)) for n in range(16))
    yield "names", b"".join(lookup(ROOT, n) for n in NAMES) + lookup(DOT_PRIVATE, "1000") + lookup(STATUS, "status")
    yield "strangers", b"".join(
        lookup(CANARY, n, who) + open_(CANARY_KEY, "r", who) + open_(CANARY_JSON, "r", who) + open_(CANARY_ENV, "rw", who) +
        readdir(CANARY, who) + rename(AWAY, "canary", PUBLIC, "a", who) + readdir(AWAY, who) + setattr_(CANARY, 1, who) +
        act("getxattr", who, CANARY, N4096, xattr("id")) for who in (0, 1, 4) for n in ("k", ".json", ".versions"))
    yield "json", secret + lookup(NEW, ".json") + open_(NEW + 2, "rw") + write(1, ready(JSON)) + flush(1) + read(1) + \
        release(1) + open_(NEW + 2) + read(2) + release(2) + open_(NEW + 2, "w") + write(3, ready(JSON2)) + flush(3)
    yield "json_bad", secret + lookup(NEW, ".json") + open_(NEW + 2, "w") + write(1, ready(CUT)) + flush(1) + release(1) + \
        open_(NEW + 2, "w") + write(2, inline(b"no json")) + flush(2)
    yield "env", secret + lookup(NEW, ".env") + open_(NEW + 2, "w") + write(1, ready(ENV)) + flush(1) + release(1) + \
        open_(NEW + 2) + read(2)
    yield "versions", secret + write(0, inline(b"two")) + flush(0) + release(0) + open_(key, "w!") + \
        write(1, inline(b"three"), owner=2) + flush(1, owner=2) + release(1) + lookup(NEW, ".versions") + \
        readdir(NEW + 2) + lookup(NEW + 2, "1") + readdir(NEW + 4) + lookup(NEW + 4, "k") + open_(NEW + 5) + read(2) + lookup(NEW + 4, ".json") + \
        open_(NEW + 6) + read(3)
    yield "append", secret + release(0) + open_(key, "wa") + write(1, inline(b"more")) + flush(1) + read(1) + \
        write(1, inline(b"tail")) + setattr_(key, 0x48, handle=1, size=U8(3)) + flush(1) + release(1)
    yield "truncate", secret + setattr_(key, 8, size=U8(2)) + setattr_(key, 8, size=U8(100)) + setattr_(key, 0x48, handle=0)
    yield "park", secret + release(0) + open_(key, "w!") + flush(1) + open_(key) + act("later") + flush(1) + open_(key) + \
        write(1, inline(b"x")) + flush(1) + release(1)
    yield "park_no_timer", secret + release(0) + open_(key, "w!") + flush(1) + act("no_memory") + open_(key)
    yield "rename", secret + mkdir(PUBLIC, "b") + rename(PRIVATE, "a", PUBLIC, "c") + rename(PUBLIC, "c", PRIVATE, "a") + \
        rename(PRIVATE, "a", PUBLIC, "b", how=2) + rename(PUBLIC, "b", PUBLIC, "c", how=1) + \
        rename(NEW, "k", NEW, "user") + rename(NEW, "user", NEW + 2, "k")
    yield "remove", secret + act("unlink", USER, NEW, name("k")) + act("getattr", USER, key, N0, U8(0)) + \
        read(0) + act("rmdir", USER, PRIVATE, name("a")) + write(0, inline(b"gone")) + flush(0)
    yield "acl", public + setxattr(NEW, "access", ready(ACL), ROOT_UID) + setxattr(NEW, "default", ready(ACL_MODE), ROOT_UID) + \
        act("getxattr", ROOT_UID, NEW, N4096, xattr("access")) + act("listxattr", ROOT_UID, NEW, N4096) + \
        setattr_(NEW, 1, ROOT_UID) + act("removexattr", ROOT_UID, NEW, xattr("access")) + create(NEW, "user", who=ROOT_UID) + \
        setxattr(PUBLIC, "default", ready(ACL), ROOT_UID) + mkdir(PUBLIC, "c")
    yield "expires", secret + release(0) + setxattr(NEW, "expires", ready(ONE)) + open_(key) + \
        setxattr(NEW, "expires", ready(DATE)) + act("getxattr", USER, NEW, N4096, xattr("expires")) + \
        setxattr(NEW, "description", inline(b"text")) + act("listxattr", USER, NEW, N4096) + open_(key) + read(1)
    yield "by_name", secret + shared(NEW + 2, 1) + lookup(BY_NAME, "a") + act("readlink", USER, NEW + 4) + readdir(BY_NAME) + \
        act("readlink", USER, LINK) + act("readlink", USER, BY_NAME_LINK) + lookup(BY_NAME, "b")
    yield "restart", secret + open_(key) + act("restart") + read(1) + read(0) + write(0, inline(b"dead")) + flush(0) + \
        open_(key) + read(2) + release(1) + release(0) + read(1)
    yield "interrupted", secret + act("interrupted") + open_(key) + act("interrupted") + create(NEW, "user") + \
        act("interrupt", USER, ROOT, U8(3))
    yield "mknod", mkdir(PUBLIC, "a", ROOT_UID) + act("mknod", ROOT_UID, NEW, MODE["f644"], N0, U8(0), name("k")) + \
        act("mknod", ROOT_UID, PUBLIC, MODE["f644"], N0, U8(0), name("k"))
    yield "times", secret + setattr_(key, 0x30) + setattr_(key, 0x1b0) + setattr_(NEW, 0x430) + \
        setattr_(key, 0x30, time=U8(0xE0) + U64(2**63 - 1)) + setattr_(key, 0x30, time=U8(0xE0) + U64(-(2**62)))
    yield "owners", public + setattr_(NEW, 6, ROOT_UID, uid=2) + setattr_(key, 6, ROOT_UID, uid=1) + setattr_(NEW, 2, USER, uid=3)
    yield "limits", b"".join(mkdir(PRIVATE, n) for n in NAMES[:10]) + b"".join(create(NEW, n) for n in NAMES[:8])
    yield "long", secret + write(0, many(65, 128, 6)) + flush(0) + write(0, many(66, 129, 6)) + flush(0) + \
        write(0, inline(b"end"), offset=U8(0xE0) + U64(8190))
    yield "status", lookup(STATUS, "status") + open_(NEW) + read(0) + act("statfs")
    yield "raw", b"".join(act("raw", USER, PUBLIC, U8(op), inline(bytes(80))) for op in range(1, 52) if op != 38)
    yield "owners_of_locks", secret + write(0, inline(b"one"), owner=1) + flush(0, owner=2) + open_(key) + flush(0, owner=1) + \
        act("fsync", USER, ROOT, U8(0), N0) + act("lseek", USER, key, U8(0), N0, N0)


def regressions(target):
    folder = HERE / "corpus" / target
    for path in sorted(folder.glob("*")) if folder.is_dir() else []:
        data = path.read_bytes()
        if path.suffix == ".hex":
            lines = (line.split("#")[0] for line in data.decode().splitlines())
            data = bytes.fromhex(" ".join(lines))
        yield path.name, data


MADE = {"acl": acl_seeds, "header": header_seeds, "manifest": manifest_seeds, "keyslot": keyslot_seeds, "session": session_seeds}


def main():
    target, to = sys.argv[1], pathlib.Path(sys.argv[2])
    to.mkdir(parents=True, exist_ok=True)
    for file_name, data in [*MADE.get(target, lambda: [])(), *regressions(target)]:
        (to / file_name).write_bytes(data)
    if not any(to.iterdir()):
        sys.exit(f"seeds.py: nothing for {target}")


main()

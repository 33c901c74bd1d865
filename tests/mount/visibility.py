# SPDX-License-Identifier: MIT
"""visibility.py MOUNTPOINT OWNER OTHER COMMAND: what descriptors are worth after a public secret became private.

revoke   OTHER opens public/s/k, which all may read and write, in every way; OWNER makes the secret private and gives it a
         new value; OTHER must not read the new value nor change it
keep     what OTHER had opened to read stays as it was at open
"""
import ctypes
import mmap
import os
import sys

mnt, owner, other, command = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
public, private = f"{mnt}/public/s", f"{mnt}/private/s"
OLD, NEW = b"old value", b"NEW VALUE, LONGER"
failures = []
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p


def become(uid):
    os.seteuid(0)
    os.setegid(uid)
    os.seteuid(uid)


def put(path, value):
    with open(path, "wb") as f:
        f.write(value)


def get():
    become(owner)
    with open(f"{private}/k", "rb") as f:
        return f.read()


def sendfile(fd):
    r, w = os.pipe()
    try:
        os.sendfile(w, fd, 0, 4096)
    finally:
        os.close(w)
    got = os.read(r, 4096)
    os.close(r)
    return got


def splice(fd):
    r, w = os.pipe()
    try:
        os.splice(fd, w, 4096, offset_src=0)
    finally:
        os.close(w)
    got = os.read(r, 4096)
    os.close(r)
    return got


def mapped(fd):
    # The kernel copies from the page: where that cannot be read, it is EFAULT and no SIGBUS.
    page = libc.mmap(None, 4096, mmap.PROT_READ, mmap.MAP_PRIVATE, fd, 0)
    if page in (None, ctypes.c_void_p(-1).value):
        raise OSError(ctypes.get_errno(), "mmap")
    r, w = os.pipe()
    copied = libc.write(w, ctypes.c_void_p(page), ctypes.c_size_t(64))
    os.close(w)
    got = os.read(r, 4096) if copied > 0 else b""
    os.close(r)
    libc.munmap(ctypes.c_void_p(page), ctypes.c_size_t(4096))
    return got


def unseen(what, call):
    """Whatever comes out, it is not the new value."""
    try:
        got = call()
    except OSError:
        return
    if b"NEW" in got or b"LONGER" in got:
        failures.append(f"{what} showed the new value: {got!r}")


def revoke():
    become(owner)
    os.mkdir(public, 0o777)
    os.chmod(public, 0o777)
    put(f"{public}/k", OLD)
    os.chmod(f"{public}/k", 0o666)
    become(other)
    key = f"{public}/k"
    readers = [os.open(key, os.O_RDONLY) for _ in range(2)]
    writers = {
        "O_WRONLY": os.open(key, os.O_WRONLY),
        "O_RDWR": os.open(key, os.O_RDWR),
        "O_RDWR, written before": os.open(key, os.O_RDWR),
        "O_APPEND|O_RDWR": os.open(key, os.O_RDWR | os.O_APPEND),
        "O_APPEND|O_RDWR, written before": os.open(key, os.O_RDWR | os.O_APPEND),
        "O_WRONLY, written before": os.open(key, os.O_WRONLY),
        ".json": os.open(f"{public}/.json", os.O_WRONLY),
        ".json O_RDWR": os.open(f"{public}/.json", os.O_RDWR),
        ".env": os.open(f"{public}/.env", os.O_WRONLY),
    }
    views = [os.open(f"{public}/{name}", os.O_RDONLY) for name in (".json", ".env")]
    folder = os.open(public, os.O_RDONLY | os.O_DIRECTORY)
    path = os.open(key, os.O_PATH)
    assert sendfile(readers[0]) == OLD and mapped(readers[0]).startswith(OLD)
    for what, fd in writers.items():
        if "before" in what:
            os.write(fd, b"by other ")
    # Made private by one rename, and then changed.
    become(owner)
    os.rename(public, private)
    put(f"{private}/k", NEW)

    become(other)
    for fd in readers + views + [fd for what, fd in writers.items() if "RDWR" in what]:
        where = f"descriptor {fd}"
        unseen(f"read {where}", lambda: os.pread(fd, 4096, 0))
        unseen(f"sendfile {where}", lambda: sendfile(fd))
        unseen(f"splice {where}", lambda: splice(fd))
        unseen(f"mmap {where}", lambda: mapped(fd))
    for fd in readers:
        if os.pread(fd, 100, 0) != OLD:
            failures.append("a reader lost the value that it had opened")
    unseen("opened again", lambda: os.read(os.open(f"/proc/self/fd/{path}", os.O_RDONLY), 99))
    unseen("openat", lambda: os.read(os.open("k", os.O_RDONLY, dir_fd=folder), 99))
    unseen("openat .json", lambda: os.read(os.open(".json", os.O_RDONLY, dir_fd=folder), 99))
    for what, fd in writers.items():
        for name, call in {
            "write": lambda: os.write(fd, b'{"k": "evil"}' if "json" in what else b"k=evil\n" if "env" in what else b"evil"),
            "ftruncate": lambda: os.ftruncate(fd, 3),
            "fsync": lambda: os.fsync(fd),
            "close": lambda: os.close(os.dup(fd)),
        }.items():
            become(other)
            try:
                call()
            except OSError:
                pass
            if get() != NEW:
                failures.append(f"{what}: {name} changed the private value to {get()!r}")
                put(f"{private}/k", NEW)
        become(other)
        try:
            os.close(fd)
        except OSError:
            pass
        if get() != NEW:
            failures.append(f"{what}: the last close changed the private value")
            put(f"{private}/k", NEW)
    become(owner)
    if sorted(os.listdir(private)) != ["k"]:
        failures.append(f"keys in the private secret: {os.listdir(private)}")


def keep():
    become(owner)
    os.mkdir(private)
    put(f"{private}/k", OLD)
    mine = os.open(f"{private}/k", os.O_RDONLY)
    writer = os.open(f"{private}/k", os.O_RDWR)
    for source, target in ((private, public), (public, private), (private, public)):
        os.rename(source, target)
        if os.pread(mine, 100, 0) != OLD:
            failures.append(f"a reader lost its value on the way to {target}")
    os.pwrite(writer, b"new", 0)
    os.close(writer)
    become(other)
    with open(f"{public}/k", "rb") as f:
        if f.read() != b"new value":
            failures.append("what was written through a descriptor from before is lost")
    if os.pread(mine, 100, 0) != OLD:
        failures.append("a reader saw a change")


os.umask(0o022)
os.setgroups([])
{"revoke": revoke, "keep": keep}[command]()
if failures:
    sys.exit("\n".join(failures))

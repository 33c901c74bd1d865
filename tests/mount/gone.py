# SPDX-License-Identifier: MIT
"""gone.py FOLDER HOW: a key that goes while somebody has it open is read on, by every way there is.

HOW: unlink, replace (by rename), json (null)
"""
import errno
import json
import mmap
import os
import stat
import sys

folder, how = sys.argv[1:]
k = f"{folder}/k"
LAST = b"last" * 5000


def write(path, data):
    with open(path, "wb") as f:
        f.write(data)


def go():
    if how == "unlink":
        os.unlink(k)
    elif how == "replace":
        write(f"{folder}/new", b"another")
        os.rename(f"{folder}/new", k)
    else:
        write(f"{folder}/.json", json.dumps({"k": None}).encode())


def commits(n):
    for i in range(n):
        write(f"{folder}/other", b"%d" % i)


def sent(fd):
    m = os.memfd_create("m")
    at = 0
    while n := os.sendfile(m, fd, at, 1 << 20):
        at += n
    return os.pread(m, 1 << 20, 0)


def spliced(fd):
    r, w = os.pipe()
    data, at = b"", 0
    while n := os.splice(fd, w, 4096, offset_src=at):
        at += n
        data += os.read(r, n)
    os.close(r)
    os.close(w)
    return data


write(k, b"first" * 3000)
os.chmod(k, 0o640)
early = os.open(k, os.O_RDONLY)
write(k, LAST)
late = os.open(k, os.O_RDONLY)
both = os.open(k, os.O_RDWR)
tail = os.open(k, os.O_RDWR | os.O_APPEND)
cut = os.open(k, os.O_RDWR | os.O_APPEND)
maps = [mmap.mmap(fd, len(LAST), flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ) for fd in (early, late, both)]
assert maps[0][:4096] == LAST[:4096]
before = os.fstat(late)
go()
# More than the history keeps, so that the value is nobody's but ours.
commits(30)
assert os.path.exists(k) == (how == "replace")
for m in maps:
    # Not a page of the one and a page of the other.
    assert m[:] == LAST
if how != "json":
    # A null the kernel has not seen, so it is asked for by name and says ESTALE.
    for fd in early, late, both:
        st = os.fstat(fd)
        assert (st.st_nlink, st.st_size) == (0, len(LAST)), st
        assert stat.S_IMODE(st.st_mode) == 0o640 and st.st_uid == before.st_uid and st.st_ino == before.st_ino
        assert st.st_mtime_ns == before.st_mtime_ns
    # sendfile stops at the size that fstat tells.
    for fd in late, both:
        assert sent(fd) == LAST
        assert spliced(fd) == LAST
# Snapshots stay snapshots.
assert os.pread(early, 1 << 20, 0) == b"first" * 3000
assert os.pread(late, 1 << 20, 0) == LAST
assert os.pread(both, 1 << 20, 0) == LAST
# Who appends sees what was there, and its own.
assert os.pread(tail, 1 << 20, 0) == LAST
os.write(tail, b"+tail")
assert os.pread(tail, 1 << 20, 0) == LAST + b"+tail"
os.fsync(tail)
os.ftruncate(cut, 3)
assert os.pread(cut, 100, 0) == b"las"
os.write(cut, b"+")
assert os.pread(cut, 100, 0) == b"las+"
for fd in early, late, both, tail, cut:
    os.close(fd)
for m in maps:
    m.close()
if how == "replace":
    with open(k, "rb") as f:
        assert f.read() == b"another"
else:
    try:
        os.stat(k)
        sys.exit("it is still there")
    except FileNotFoundError:
        pass
    try:
        os.open(k, os.O_RDONLY)
        sys.exit("it can be opened")
    except OSError as e:
        assert e.errno == errno.ENOENT, e

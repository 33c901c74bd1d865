# SPDX-License-Identifier: MIT
"""python_io.py HERE THERE: what Python does with files in HERE (and copies to THERE and back), printed to be compared.
python_io.py --tree HERE: what only a secretfs answers."""
import configparser
import errno
import json
import mmap
import os
import shutil
import sys
import tempfile


def read(path):
    with open(path, "rb") as f:
        return f.read()


def tell(what, *values):
    print(what, *(v if isinstance(v, (int, str, bool)) else repr(v) for v in values))


def failing(what, function, *args, **kwargs):
    try:
        function(*args, **kwargs)
        tell(what, "no error")
    except OSError as e:
        tell(what, errno.errorcode[e.errno])


def opened(here):
    path = os.path.join(here, "py")
    with open(path, "x") as f:
        tell("x", f.write("one\ntwo\n"), f.tell())
    failing("x again", open, path, "x")
    with open(path, "r+") as f:
        tell("r+", f.readline(), f.readline())
        f.seek(0)
        f.write("ONE")
        f.flush()
        tell("size through it", os.fstat(f.fileno()).st_size)
    with open(path, "a") as f:
        tell("a", f.tell(), f.write("three\n"), f.tell())
    with open(path, "a+") as f:
        f.seek(0)
        tell("a+", f.read())
    with open(path, "w+b", buffering=0) as f:
        tell("w+", f.write(b"abcdef"), os.pread(f.fileno(), 3, 2), os.pwrite(f.fileno(), b"XY", 8))
        tell("hole", os.lseek(f.fileno(), 0, os.SEEK_END), os.lseek(f.fileno(), -2, os.SEEK_CUR), os.read(f.fileno(), 9))
        os.ftruncate(f.fileno(), 7)
        os.fsync(f.fileno())
        os.fdatasync(f.fileno())
        tell("vectors", os.writev(f.fileno(), [b"12", b"345"]), os.preadv(f.fileno(), [bytearray(2), bytearray(99)], 0))
    tell("bytes", read(path))
    for mode in ("wb", "ab", "rb"):
        with open(path, mode) as f:
            failing(mode + " negative", f.seek, -1)
    with open(path, "rb") as f:
        failing("write on a reader", os.write, f.fileno(), b"x")
    fd = os.open(path, os.O_WRONLY)
    failing("read on a writer", os.read, fd, 1)
    tell("dup", os.write(os.dup(fd), b"dup"), os.write(fd, b"2"))
    os.close(fd)
    failing("O_DIRECTORY", os.open, path, os.O_RDONLY | os.O_DIRECTORY)
    failing("a file as folder", open, os.path.join(path, "x"))
    failing("folder for writing", open, here, "w")
    failing("none", open, os.path.join(here, "none"))
    failing("name of 256", open, os.path.join(here, "n" * 256), "w")
    with open(path, "w", newline="") as f:
        json.dump({"a": [1, "ü"]}, f)
    with open(path) as f:
        tell("json", json.load(f)["a"])
    big = os.urandom(700000)
    with open(path, "wb") as f:
        for at in range(0, len(big), 999):
            f.write(big[at : at + 999])
    tell("big", read(path) == big, os.path.getsize(path))
    os.truncate(path, 3)
    tell("truncate", os.path.getsize(path), read(path) == big[:3])
    config = configparser.ConfigParser()
    config["db"] = {"password": "x y"}
    with open(path, "w") as f:
        config.write(f)
    tell("configparser", configparser.ConfigParser().read(path) == [path])
    os.unlink(path)


def replaced(here):
    path = os.path.join(here, "target")
    with tempfile.NamedTemporaryFile("w", dir=here, delete=False) as f:
        f.write("new")
        tell("mode of a temporary file", oct(os.fstat(f.fileno()).st_mode))
    os.replace(f.name, path)
    tell("replace", read(path), sorted(os.listdir(here)))
    with os.scandir(here) as entries:
        for e in sorted(entries, key=lambda e: e.name):
            tell("scandir", e.name, e.is_file(), e.inode() == e.stat().st_ino, e.is_symlink())
    fd = os.open(here, os.O_RDONLY)
    os.fsync(fd)
    os.rename("target", "again", src_dir_fd=fd, dst_dir_fd=fd)
    tell("at", os.access("again", os.R_OK | os.W_OK, dir_fd=fd), os.stat("again", dir_fd=fd).st_size)
    os.utime("again", ns=(1, 1234567890987654321), dir_fd=fd)
    tell("utime", os.stat("again", dir_fd=fd).st_mtime_ns)
    os.unlink("again", dir_fd=fd)
    os.close(fd)


def mapped(here):
    path = os.path.join(here, "map")
    with open(path, "wb") as f:
        f.write(b"line one\nline two\n" * 1000)
    with open(path, "r+b") as f:
        with mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_COPY) as m:
            tell("ACCESS_COPY", len(m), m.find(b"two"), m[:8])
            m[:4] = b"LINE"
            tell("own", m[:4])
        tell("not written", f.read(4))
        f.seek(0)
    with open(path, "rb") as f, mmap.mmap(f.fileno(), 0, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ) as m:
        tell("MAP_PRIVATE", m[9:17], f.read(4))
    os.unlink(path)


def copied(here, there):
    source, back = os.path.join(here, "source"), os.path.join(here, "back")
    away = os.path.join(there, "away")
    data = bytes(range(256)) * 1200
    with open(source, "wb") as f:
        f.write(data)

    def by_sendfile(a, b):
        done = 0
        while n := os.sendfile(b, a, done, 1 << 20):
            done += n

    def by_range(a, b):
        while os.copy_file_range(a, b, 1 << 20):
            pass

    def by_splice(a, b):
        r, w = os.pipe()
        while n := os.splice(a, w, 1 << 16):
            while n:
                n -= os.splice(r, b, n)
        os.close(r)
        os.close(w)

    ways = [("sendfile", by_sendfile), ("copy_file_range", by_range)]
    if hasattr(os, "splice"):
        ways.append(("splice", by_splice))
    for name, way in ways:
        for what, a, b in (("here to there", source, away), ("there to here", away, back), ("here to here", source, back)):
            with open(a, "rb") as f, open(b, "wb") as g:
                try:
                    way(f.fileno(), g.fileno())
                except OSError as e:
                    tell(name, what, errno.errorcode[e.errno])
                    g.write(f.read())  # as cp does
            tell(name, what, os.path.getsize(b), read(b) == data)
            if b == back:
                os.unlink(b)
    with open(source, "rb") as f, open(back, "wb") as g:
        tell("part", os.copy_file_range(f.fileno(), g.fileno(), 10, 5, 3))
    tell("part", read(back))
    os.unlink(back)
    tell("copy2", os.path.basename(shutil.copy2(source, back)), read(back) == data)
    tell("times", os.stat(source).st_mtime_ns == os.stat(back).st_mtime_ns)
    tree = os.path.join(there, "..", "tree." + str(os.getpid())) if os.path.basename(there) != "s" else there + "copy"
    shutil.copytree(here, tree)
    tell("copytree", sorted(os.listdir(tree)) == sorted(os.listdir(here)))
    shutil.rmtree(tree)
    shutil.move(source, os.path.join(there, "moved"))
    shutil.move(os.path.join(there, "moved"), source)
    tell("move", read(source) == data)
    for path in (source, back, away):
        os.unlink(path)


def only_here(here):
    path = os.path.join(here, "map")
    with open(path, "wb") as f:
        f.write(b"x" * 100)
    with open(path, "r+b") as f:
        try:
            with mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_WRITE) as m:
                m[:3] = b"NEW"
                m.flush()
            raise AssertionError("a change through a shared map was taken")
        except OSError as e:
            # A kernel without DIRECT_IO_ALLOW_MMAP refuses the map, others the write.
            assert e.errno in (errno.ENODEV, errno.EIO), e
    assert read(path) == b"x" * 100
    for what, function in (("symlink", lambda p: os.symlink("k", p)), ("link", lambda p: os.link(path, p)), ("mkfifo", os.mkfifo)):
        try:
            function(os.path.join(here, "new"))
            raise AssertionError(what)
        except OSError as e:
            assert e.errno == errno.EPERM, (what, e)
    os.unlink(path)


if sys.argv[1] == "--tree":
    only_here(sys.argv[2])
else:
    os.umask(0o022)
    opened(sys.argv[1])
    replaced(sys.argv[1])
    mapped(sys.argv[1])
    copied(sys.argv[1], sys.argv[2])

# SPDX-License-Identifier: MIT
"""gone_kill MOUNT: a key is opened, then it is overwritten, removed, replaced, pruned and what not, and the worker is
killed, twice: it reads on what it had."""
import json
import os
import signal
import sys

MOUNT = sys.argv[1]


def kill():
    with open(MOUNT + "/.secretfs/status", encoding="ascii") as f:
        os.kill(json.load(f)["worker"], signal.SIGKILL)


def put(path, value):
    with open(path, "w", encoding="ascii") as f:
        f.write(value)


def unlink(s):
    os.unlink(s + "/k")


def remove(s):
    for key in os.listdir(s):
        os.unlink(f"{s}/{key}")
    os.rmdir(s)


def overwrite(s):
    put(s + "/k", "v2")


def replace(s):
    put(s + "/n", "v3")
    os.rename(s + "/n", s + "/k")


def null(s):
    put(s + "/.json", '{"k": null}')


def prune(s):
    for i in range(12):
        put(f"{s}/o{i}", "x")


def expire(s):
    os.setxattr(s, "user.secretfs.expires", b"1")


def crash(_):
    kill()


CASES = [
    [unlink], [remove], [overwrite, unlink], [overwrite, remove], [null], [null, remove], [unlink, prune],
    [overwrite, prune, unlink], [overwrite, unlink, prune], [replace], [overwrite, replace], [overwrite, null],
    [null, prune], [replace, remove], [overwrite, replace, prune], [crash, unlink], [crash, overwrite, unlink],
    [crash, remove], [unlink, crash, remove], [overwrite, crash, unlink, crash, prune], [expire, unlink],
    [unlink, expire], [overwrite, expire], [overwrite, unlink, expire], [expire, remove],
]

# Views stay what they were, too, as long as the version is kept.
VIEWS = [[overwrite], [unlink], [null], [replace], [overwrite, unlink], [crash, overwrite], [expire], [overwrite, expire]]

for number, case in enumerate(VIEWS):
    secret = f"{MOUNT}/public/v{number}"
    os.mkdir(secret)
    put(secret + "/k", "v1")
    put(secret + "/other", "o")
    fds = [os.open(f"{secret}/{view}", os.O_RDONLY) for view in (".json", ".env")]
    shown = [os.pread(fd, 9999, 0) for fd in fds]
    for change in case:
        change(secret)
    for _ in range(2):
        kill()
        for fd, was in zip(fds, shown):
            try:
                got = os.pread(fd, 9999, 0)
            except OSError as e:
                got = e
            assert got == was, f"{[change.__name__ for change in case]}: {got}"

for number, case in enumerate(CASES):
    secret = f"{MOUNT}/public/c{number}"
    os.mkdir(secret)
    put(secret + "/k", "v1")
    put(secret + "/other", "o")
    fd = os.open(secret + "/k", os.O_RDONLY)
    for change in case:
        change(secret)
    for _ in range(2):
        kill()
        try:
            got = os.pread(fd, 99, 0)
        except OSError as e:
            got = e
        assert got == b"v1", f"{[change.__name__ for change in case]}: {got}"
    os.close(fd)

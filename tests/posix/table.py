#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""table: makes every system call on every kind of node as four users and compares the results with cases.txt, and what
the calls left with left.txt.

    table.py MOUNTPOINT             as root, on a mount with an empty store
    table.py --print MOUNTPOINT     prints what happens, in the form of cases.txt and left.txt
    table.py --local --print DIR    the same on a local filesystem, in a tree of the same owners and modes

After calls that were refused the tree is what it was before; after others it is made anew if it has changed. Behind the
mountpoint may stand which calls to make, as patterns.
"""
import ctypes
import errno
import fcntl
import fnmatch
import mmap
import os
import shutil
import stat
import sys
import time

OWNER, STRANGER, MEMBER, SHARED = 20001, 20002, 20003, 20009
USERS = {"owner": (OWNER, []), "member": (MEMBER, [SHARED]), "stranger": (STRANGER, []), "root": (0, [])}
HERE = os.path.dirname(os.path.abspath(__file__))
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p

NODES = {
    "root": "",
    "public": "public",
    "link": "private",
    "dotprivate": ".private",
    "namespace": f".private/{OWNER}",
    "psecret": f".private/{OWNER}/p",
    "pkey": f".private/{OWNER}/p/k",
    "nlink": "by-name",
    "dotbyname": ".by-name",
    "byname": f".by-name/{OWNER}",
    "entry": f".by-name/{OWNER}/s",
    "secret": "public/s",
    "key": "public/s/k",
    "json": "public/s/.json",
    "env": "public/s/.env",
    "versions": "public/s/.versions",
    "version": "public/s/.versions/2",
    "vkey": "public/s/.versions/2/k",
    "statusdir": ".secretfs",
    "status": ".secretfs/status",
}
DIRS = {"root", "public", "dotprivate", "namespace", "psecret", "dotbyname", "byname", "secret", "versions", "version",
        "statusdir"}


def check(r):
    if r < 0:
        raise OSError(ctypes.get_errno(), "")


def open_with(flags):
    def call(p):
        os.close(os.open(p, flags, 0o600))
    return call


def with_fd(flags, do):
    def call(p):
        fd = os.open(p, flags)
        try:
            do(fd)
        finally:
            os.close(fd)
    return call


def rename2(old, new, flags):
    check(libc.renameat2(-100, os.fsencode(old), -100, os.fsencode(new), flags))


def sibling(p, name="moved"):
    return os.path.join(os.path.dirname(p.rstrip("/")), name)


def another(p):
    """One of its kind that is there, where there is one."""
    last = os.path.basename(p)
    return sibling(p, f"{last}2" if last in ("s", "p", "k") else "k2")


def below(p, name="new"):
    return os.path.join(p, name)


def access(mode):
    def call(p):
        check(libc.faccessat(-100, os.fsencode(p), mode, 0))
    return call


def utimens(*ns):
    return lambda p: os.utime(p, ns=ns, follow_symlinks=False)


def read_all(fd):
    while os.read(fd, 65536):
        pass


def put(p):
    fd = os.open(p, os.O_WRONLY | os.O_TRUNC)
    try:
        os.write(fd, b'{"k": "new"}\n' if p.endswith("json") else b"K=new\n")
    except OSError:
        os.close(fd)
        raise
    os.close(fd)


def map_private(fd):
    page = libc.mmap(None, ctypes.c_size_t(1), mmap.PROT_READ, mmap.MAP_PRIVATE, fd, ctypes.c_long(0))
    if page == ctypes.c_void_p(-1).value:
        raise OSError(ctypes.get_errno(), "")
    libc.munmap(ctypes.c_void_p(page), ctypes.c_size_t(1))


def append(p):
    fd = os.open(p, os.O_WRONLY | os.O_APPEND)
    try:
        os.write(fd, b'{"k2": "new"}\n' if p.endswith("json") else b"K=new\n")
    except OSError:
        os.close(fd)
        raise
    os.close(fd)


def chdir(p):
    here = os.open("/", os.O_RDONLY)
    try:
        os.chdir(p)
    finally:
        os.fchdir(here)
        os.close(here)


def execute(p):
    """In a child, whose errno comes back as its exit code."""
    pid = os.fork()
    if pid == 0:
        try:
            os.execv(p, ["x"])
        except OSError as e:
            os._exit(e.errno)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if code:
        raise OSError(code, "")


def calls(spare):
    """Name: function of a path. Those that end in / are made on directories alone."""
    table = {
        "open RDONLY": open_with(os.O_RDONLY),
        "open WRONLY": open_with(os.O_WRONLY),
        "open RDWR": open_with(os.O_RDWR),
        "open CREAT": open_with(os.O_WRONLY | os.O_CREAT),
        "open CREAT|EXCL": open_with(os.O_WRONLY | os.O_CREAT | os.O_EXCL),
        "open TRUNC": open_with(os.O_WRONLY | os.O_TRUNC),
        "open RDONLY|TRUNC": open_with(os.O_RDONLY | os.O_TRUNC),
        "open APPEND": open_with(os.O_WRONLY | os.O_APPEND),
        "open DIRECTORY": open_with(os.O_RDONLY | os.O_DIRECTORY),
        "open NOFOLLOW": open_with(os.O_RDONLY | os.O_NOFOLLOW),
        "open PATH|NOFOLLOW": open_with(os.O_PATH | os.O_NOFOLLOW),
        "open TMPFILE": open_with(os.O_TMPFILE | os.O_RDWR),
        "open DIRECT": open_with(os.O_RDONLY | os.O_DIRECT),
        "open SYNC": open_with(os.O_WRONLY | os.O_SYNC),
        "open DSYNC": open_with(os.O_RDWR | os.O_DSYNC),
        "open NONBLOCK": open_with(os.O_RDONLY | os.O_NONBLOCK),
        "open NOATIME": open_with(os.O_RDONLY | os.O_NOATIME),
        "open EXCL": open_with(os.O_RDONLY | os.O_EXCL),
        "open CREAT|NOFOLLOW": open_with(os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW),
        "open CREAT|TRUNC|APPEND": open_with(os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND),
        "read": with_fd(os.O_RDONLY, read_all),
        "write": put,
        "fsync": with_fd(os.O_RDONLY, os.fsync),
        "ftruncate": with_fd(os.O_WRONLY, lambda fd: os.ftruncate(fd, 3)),
        "fallocate": with_fd(os.O_WRONLY, lambda fd: check(libc.fallocate(fd, 0, ctypes.c_long(0), ctypes.c_long(9)))),
        "truncate": lambda p: os.truncate(p, 3),
        "truncate too long": lambda p: os.truncate(p, 1 << 40),
        "append": append,
        "punch hole": with_fd(os.O_WRONLY, lambda fd: check(libc.fallocate(fd, 3, ctypes.c_long(0), ctypes.c_long(9)))),
        "seek hole": with_fd(os.O_RDONLY, lambda fd: os.lseek(fd, 0, os.SEEK_HOLE)),
        "fdatasync": with_fd(os.O_RDONLY, os.fdatasync),
        "syncfs": with_fd(os.O_RDONLY, lambda fd: check(libc.syncfs(fd))),
        "flock": with_fd(os.O_RDONLY, lambda fd: fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)),
        "lock": with_fd(os.O_RDONLY, lambda fd: fcntl.lockf(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)),
        "map private": with_fd(os.O_RDONLY, map_private),
        "ioctl": with_fd(os.O_RDONLY, lambda fd: fcntl.ioctl(fd, 0x5401, bytes(64))),
        "fchmod": with_fd(os.O_RDONLY, lambda fd: os.fchmod(fd, 0o600)),
        "fchgrp": with_fd(os.O_RDONLY, lambda fd: os.fchown(fd, -1, SHARED)),
        "chdir": chdir,
        "execve": execute,
        "stat": os.lstat,
        "list": os.listdir,
        "readlink": os.readlink,
        "statfs": os.statvfs,
        "access R": access(os.R_OK),
        "access W": access(os.W_OK),
        "access X": access(os.X_OK),
        "mkdir": os.mkdir,
        "rmdir": os.rmdir,
        "unlink": os.unlink,
        "rename": lambda p: rename2(p, sibling(p), 0),
        "rename NOREPLACE": lambda p: rename2(p, sibling(p), 1),
        "rename EXCHANGE": lambda p: rename2(p, another(p), 2),
        "rename WHITEOUT": lambda p: rename2(p, sibling(p), 4),
        "rename BOTH": lambda p: rename2(p, sibling(p), 3),
        "rename to itself": lambda p: rename2(p, p, 0),
        "rename to a long name": lambda p: rename2(p, sibling(p, "n" * 256), 0),
        "rename to an odd name": lambda p: rename2(p, sibling(p, "a\nb"), 0),
        "rename over another": lambda p: rename2(p, another(p), 0),
        "link": lambda p: os.link(p, sibling(p), follow_symlinks=False),
        "chmod": lambda p: os.chmod(p, 0o600),
        "chown same": lambda p: os.lchown(p, -1, -1),
        "chown uid": lambda p: os.lchown(p, STRANGER, -1),
        "chgrp": lambda p: os.lchown(p, -1, SHARED),
        "chgrp other": lambda p: os.lchown(p, -1, STRANGER),
        "utimes": utimens(10**18, 10**18),
        "utimes now": lambda p: os.utime(p, follow_symlinks=False),
        "getxattr user.other": lambda p: os.getxattr(p, "user.other", follow_symlinks=False),
        "setxattr user.other": lambda p: os.setxattr(p, "user.other", b"x", follow_symlinks=False),
        "removexattr user.other": lambda p: os.removexattr(p, "user.other", follow_symlinks=False),
        "getxattr id": lambda p: os.getxattr(p, "user.secretfs.id", follow_symlinks=False),
        "setxattr id": lambda p: os.setxattr(p, "user.secretfs.id", b"x", follow_symlinks=False),
        "setxattr description": lambda p: os.setxattr(p, "user.secretfs.description", b"x", follow_symlinks=False),
        "removexattr description": lambda p: os.removexattr(p, "user.secretfs.description", follow_symlinks=False),
        "setxattr trusted": lambda p: os.setxattr(p, "trusted.x", b"x", follow_symlinks=False),
        "setxattr security": lambda p: os.setxattr(p, "security.x", b"x", follow_symlinks=False),
        "listxattr": lambda p: os.listxattr(p, follow_symlinks=False),
        "getxattr acl": lambda p: os.getxattr(p, "system.posix_acl_access", follow_symlinks=False),
        "setxattr default acl": lambda p: os.setxattr(p, "system.posix_acl_default", ACL, follow_symlinks=False),
        "removexattr acl": lambda p: os.removexattr(p, "system.posix_acl_access", follow_symlinks=False),
        "mkdir/": lambda p: os.mkdir(below(p)),
        "mkdir long/": lambda p: os.mkdir(below(p, "n" * 256)),
        "mkdir control/": lambda p: os.mkdir(below(p, "a\nb")),
        "mkdir not UTF-8/": lambda p: os.mkdir(os.path.join(os.fsencode(p), b"\xff")),
        "mkdir view/": lambda p: os.mkdir(below(p, ".json")),
        "create/": lambda p: open_with(os.O_WRONLY | os.O_CREAT)(below(p)),
        "create long/": lambda p: open_with(os.O_WRONLY | os.O_CREAT)(below(p, "n" * 256)),
        "create control/": lambda p: open_with(os.O_WRONLY | os.O_CREAT)(below(p, "a\x7fb")),
        "create not UTF-8/": lambda p: open_with(os.O_WRONLY | os.O_CREAT)(os.path.join(os.fsencode(p), b"\xff")),
        "lookup long/": lambda p: os.lstat(below(p, "n" * 256)),
        "lookup odd/": lambda p: os.lstat(os.path.join(os.fsencode(p), b"a\n\xff")),
        "lookup none/": lambda p: os.lstat(below(p)),
        "symlink/": lambda p: os.symlink("x", below(p)),
        "mknod reg/": lambda p: os.mknod(below(p), stat.S_IFREG | 0o600),
        "mknod fifo/": lambda p: os.mknod(below(p), stat.S_IFIFO | 0o600),
        "mknod chr/": lambda p: os.mknod(below(p), stat.S_IFCHR | 0o600, os.makedev(1, 3)),
        "mknod sock/": lambda p: os.mknod(below(p), stat.S_IFSOCK | 0o600),
        "unlink none/": lambda p: os.unlink(below(p)),
        "rmdir none/": lambda p: os.rmdir(below(p)),
        "rename key into/": lambda p: rename2(spare + "/k", below(p), 0),
        "rename secret into/": lambda p: rename2(spare, below(p), 0),
        "link key into/": lambda p: os.link(spare + "/k", below(p)),
    }
    return table


ACL = b"\x02\0\0\0" + b"\x01\0\7\0\xff\xff\xff\xff" + b"\x04\0\5\0\xff\xff\xff\xff" + b"\x20\0\5\0\xff\xff\xff\xff"


def become(user):
    uid, groups = USERS[user]
    os.setresuid(0, 0, 0)
    os.setgroups([uid, *groups])
    os.setresgid(uid, uid, 0)
    os.setresuid(uid, uid, 0)


def as_user(user, do, *args):
    become(user)
    try:
        return do(*args)
    finally:
        become("root")


def write(path, text):
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o640)
    os.write(fd, text)
    os.close(fd)


def xattrs(path):
    try:
        return [(x, os.getxattr(path, x, follow_symlinks=False)) for x in os.listxattr(path, follow_symlinks=False)]
    except OSError as e:
        return e.errno


class Tree:
    def __init__(self, mnt):
        self.mnt = mnt

    def path(self, node):
        return os.path.join(self.mnt, NODES[node])

    def secret(self, path, mode):
        os.mkdir(path, mode)
        for key in "k", "k2":
            write(f"{path}/{key}", b"value")
            if "public" in path:
                os.chown(f"{path}/{key}", -1, SHARED)

    def clear(self, ns):
        ns = os.path.join(self.mnt, ns)
        for name in os.listdir(ns):
            os.chmod(f"{ns}/{name}", 0o700)
            shutil.rmtree(f"{ns}/{name}")

    def make(self):
        """Owner's: public/s and public/s2 (0775, group SHARED; keys 0640), private/p and private/p2."""
        os.umask(0)
        os.chmod(f"{self.mnt}/public", 0o1777)
        self.clear("public")
        USERS["owner"] = (OWNER, [SHARED])
        become("owner")
        USERS["owner"] = (OWNER, [])
        self.clear(f".private/{OWNER}")
        for name in "s", "s2", "spare":
            self.secret(f"{self.mnt}/public/{name}", 0o775)
            os.chown(f"{self.mnt}/public/{name}", -1, SHARED)
        for name in "p", "p2":
            self.secret(f"{self.mnt}/.private/{OWNER}/{name}", 0o700)
        become("root")

    def reset(self):
        as_user("root", os.lchown, f"{self.mnt}/public", 0, 0)
        for attr in os.listxattr(f"{self.mnt}/public"):
            os.removexattr(f"{self.mnt}/public", attr)
        self.make()

    def print(self):
        """All that can be seen of it, but for times of access and change."""
        seen = {}
        for top, user in (".", "root"), (f".private/{OWNER}", "owner"):
            become(user)
            start = os.path.join(self.mnt, top)
            for path, dirs, files in os.walk(start):
                for name in [".", *files, *(d for d in dirs if os.path.islink(f"{path}/{d}"))]:
                    at = os.path.normpath(f"{path}/{name}")
                    try:
                        st = os.lstat(at)
                    except OSError as e:
                        seen[at] = e.errno
                        continue
                    seen[at] = [st.st_mode, st.st_uid, st.st_gid, st.st_ino, st.st_nlink, st.st_size, st.st_mtime_ns]
                    seen[at].append(xattrs(at))
                    if stat.S_ISREG(st.st_mode):
                        try:
                            with open(at, "rb") as f:
                                seen[at].append(f.read())
                        except OSError as e:
                            seen[at].append(e.errno)
            become("root")
        return seen

    def settled(self, before, caller, want):
        """What is different from before, in words. A close that nobody waits for (O_TRUNC without a write) may take a
        moment, so this waits for what is wanted, or without that for a moment."""
        end = time.monotonic() + (0.3 if want is None else 20)
        while True:
            left = self.differences(before, self.print(), USERS[caller][0])
            if left == want or time.monotonic() > end or (want is None and not left and end - time.monotonic() < 0.2):
                return left
            time.sleep(0.02)

    def differences(self, before, now, caller):
        """In words, as left.txt has them."""
        words = []
        for path in sorted(before.keys() | now.keys()):
            old, new = before.get(path), now.get(path)
            name = short(path, self.mnt)
            if old == new:
                continue
            was = [short(p, self.mnt) for p in before if before[p] == new]
            if new is None:
                words.append(f"-{name}")
            elif isinstance(new, int):
                words.append(f"{name}:{errno.errorcode[new]}")
            elif was:
                words.append(f"{'' if old else '+'}{name}={was[0]}")
            elif old is None:
                words.append(f"+{name}({told(new, caller)})")
            else:
                words.append(f"{name}:{told(new, caller, old)}")
        return " ".join(words)


def short(path, mnt):
    return os.path.relpath(path, mnt).replace(f".private/{OWNER}", "~")


FIELDS = "mode", "uid", "gid", "ino", "nlink", "size", "mtime", "xattrs", "bytes"


def told(node, caller, old=None):
    """The fields that are not as in old, or those of a new node that can be told before."""
    words = []
    for i, value in enumerate(node):
        name = FIELDS[i]
        if old is not None and value == old[i] or old is None and name in ("ino", "mtime") or name == "size" and len(node) > 8:
            continue
        if old is None and name == "xattrs" and not value:
            continue
        if name == "mode":
            value = oct(value)[2:]
        elif name in ("uid", "gid"):
            value = "caller" if value == caller else {OWNER: "owner", SHARED: "shared", STRANGER: "stranger"}.get(value, value)
        elif name == "mtime":
            value = "1e18" if value == 10**18 else "now"
        elif name == "xattrs":
            value = "+".join(f"{n}:{len(v)}" for n, v in value) if isinstance(value, list) else value
        elif name == "bytes":
            value = repr(value)[1:] if isinstance(value, bytes) else value
        words.append(f"{name}={value}".replace(" ", ""))
    return ",".join(words)


class Local(Tree):
    """Files and directories of the same owners and modes, where there is no secretfs."""

    def make(self):
        become("root")
        os.umask(0)
        for name in os.listdir(self.mnt):
            path = f"{self.mnt}/{name}"
            os.unlink(path) if os.path.islink(path) or not os.path.isdir(path) else shutil.rmtree(path)
        m = self.mnt
        os.chmod(m, 0o755)
        for name, mode, uid in ("public", 0o1777, 0), (".private", 0o711, 0), (f".private/{OWNER}", 0o700, OWNER), (
                ".by-name", 0o711, 0), (f".by-name/{OWNER}", 0o500, OWNER), (".secretfs", 0o555, 0):
            os.mkdir(f"{m}/{name}")
            os.chmod(f"{m}/{name}", mode)
            os.chown(f"{m}/{name}", uid, uid)
        os.symlink(f".private/{OWNER}", f"{m}/private")
        os.symlink(f".by-name/{OWNER}", f"{m}/by-name")
        os.symlink("../../public/s", f"{m}/.by-name/{OWNER}/s")
        write(f"{m}/.secretfs/status", b"{}")
        os.chmod(f"{m}/.secretfs/status", 0o444)
        Tree.make(self)
        for name, mode in (".json", 0o640), (".env", 0o640):
            write(f"{m}/public/s/{name}", b"{}")
            os.chmod(f"{m}/public/s/{name}", mode)
            os.chown(f"{m}/public/s/{name}", OWNER, SHARED)
        os.makedirs(f"{m}/public/s/.versions/2")
        write(f"{m}/public/s/.versions/2/k", b"")
        os.chmod(f"{m}/public/s/.versions/2/k", 0o400)
        for name in ".versions/2/k", ".versions/2", ".versions":
            os.chown(f"{m}/public/s/{name}", OWNER, SHARED)
            if not name.endswith("k"):
                os.chmod(f"{m}/public/s/{name}", 0o700)

    def reset(self):
        self.make()

    def clear(self, ns):
        pass


def attempt(user, do, path):
    """The call, in the users's name: "ok" or the errno's."""
    become(user)
    try:
        do(path)
        return "ok"
    except OSError as e:
        return errno.errorcode.get(e.errno, str(e.errno)).replace("ENOTSUP", "EOPNOTSUPP")
    finally:
        become("root")


def run(tree, wanted, lasting=None):
    """Yields (call, node, [result of each user], {user: what a call that was done left}), and who was refused and what it
    changed all the same. lasting(call, node, user) says what is to be left, which may take a moment."""
    tree.make()
    before = tree.print()
    table = calls(tree.mnt + "/public/spare")
    for call, do in table.items():
        if not any(fnmatch.fnmatch(call, w) for w in wanted):
            continue
        for node in NODES:
            if call.endswith("/") and node not in DIRS:
                continue
            results, left, refused, wrong = [], {}, [], None
            for user in USERS:
                results.append(attempt(user, do, tree.path(node)))
                if results[-1] != "ok":
                    refused.append(user)
                    continue
                left[user] = tree.settled(before, user, lasting and lasting(call, node, user))
                # What is in .versions is in no listing.
                if left[user] or not os.path.lexists(tree.path("vkey")):
                    tree.reset()
                    before = tree.print()
                    refused = []
            if refused:
                changed = tree.settled(before, refused[0], "")
                if changed:
                    wrong = (refused, changed)
                    tree.reset()
                    before = tree.print()
            yield call, node, results, left, wrong


def cached(node, results):
    """Root may see names and attributes of private nodes as long as the kernel has them in its cache."""
    results = list(results)
    if node in ("psecret", "pkey") and results[3] != "EACCES":
        results[3] += "/EACCES"
    return results


# ---- cases.txt ----
# A line of calls, then, indented, "nodes : owner member stranger root" (or one result for all). The last that fits counts.

def load():
    cases, names = [], []
    with open(f"{HERE}/cases.txt", encoding="utf-8") as f:
        for line in f:
            text = line.split("#")[0].rstrip()
            if text and not text[0].isspace():
                names = [c.strip() for c in text.split(";")]
            elif text:
                nodes, results = (part.split() for part in text.split(":"))
                cases.append((names, nodes, results * 4 if len(results) == 1 else results))
    return cases


def load_left():
    """left.txt: lines of calls, then, indented, "node ...: words"."""
    left, names = {}, []
    with open(f"{HERE}/left.txt", encoding="utf-8") as f:
        for line in f:
            text = line.rstrip()
            if not text or text.startswith("#"):
                continue
            if not text[0].isspace():
                names = [c.strip() for c in text.split(";")]
                continue
            nodes, words = text.strip().split(": ", 1)
            left.update({(call, node): words for call in names for node in nodes.split()})
    return left


def expected(cases, call, node):
    found = None
    for names, nodes, results in cases:
        if call in names and any(fnmatch.fnmatchcase(node, n) for n in nodes):
            found = results
    return found


def fits(results, want):
    return want is not None and all(r in w.split("/") for r, w in zip(results, want))


def show(rows):
    """Calls that always give the same together; the most frequent answer is for *."""
    answers, alike = {}, {}
    for call, node, results, *_ in rows:
        answers.setdefault(call, {}).setdefault(tuple(cached(node, results)), []).append(node)
    for call, groups in answers.items():
        groups = sorted(groups.items(), key=lambda g: -len(g[1]))
        text = ["*" if i == 0 else " ".join(nodes) for i, (_, nodes) in enumerate(groups)]
        text = [f"{t} : {r[0] if len(set(r)) == 1 else ' '.join(r)}" for t, (r, _) in zip(text, groups)]
        alike.setdefault(tuple(text), []).append(call)
    for lines, names in alike.items():
        print()
        print("; ".join(names))
        for line in lines:
            print(f"\t{line}")


def show_left(rows):
    """What was left, in the form of left.txt. It is the same whoever did it."""
    calls, alike = {}, {}
    for call, node, _, left, _ in rows:
        words = set(left.values()) - {""}
        assert len(words) < 2, (call, node, words)
        for w in words:
            calls.setdefault(call, {}).setdefault(w, []).append(node)
    for call, groups in calls.items():
        lines = tuple(f"\t{' '.join(nodes)}: {words}" for words, nodes in groups.items())
        alike.setdefault(lines, []).append(call)
    for lines, names in alike.items():
        print("\n".join(["", "; ".join(names), *lines]))


def main():
    args = [a for a in sys.argv[1:] if not a.startswith("--")]
    printing = "--print" in sys.argv
    tree = (Local if "--local" in sys.argv else Tree)(args[0])
    rows, wrong, start = [], 0, time.monotonic()
    cases, lasting = ([], {}) if printing else (load(), load_left())
    for row in run(tree, args[1:] or ["*"], None if printing else lambda call, node, _: lasting.get((call, node), "")):
        rows.append(row)
        call, node, results, left, refused = row
        if refused:
            wrong += 1
            print(f"{call} on {node}: refused to {' '.join(refused[0])}, and changed {refused[1]}")
        if printing:
            continue
        want = expected(cases, call, node)
        if not fits(results, want):
            wrong += 1
            print(f"{call} on {node}: wanted {' '.join(want or ['?'])}, got {' '.join(results)}")
        for user, words in left.items():
            if words != lasting.get((call, node), ""):
                wrong += 1
                print(f"{call} on {node}: {user} was to leave {lasting.get((call, node), 'nothing')}, and left {words or 'nothing'}")
    for call, node in lasting.keys() - {(r[0], r[1]) for r in rows if r[3]} if len(args) < 2 else ():
        wrong += 1
        print(f"{call} on {node} is in left.txt and was never done")
    if printing:
        show(rows)
        print("\n# left.txt")
        show_left(rows)
    print(f"# {len(rows) * len(USERS)} calls, {wrong} wrong, {time.monotonic() - start:.0f} s", file=sys.stderr)
    return wrong > 0


if __name__ == "__main__":
    sys.exit(main())

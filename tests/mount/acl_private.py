# SPDX-License-Identifier: MIT
"""acl_private.py MOUNTPOINT OWNER STRANGER: tries every call that names a node of OWNER's private secret "s" with its key
"k" as STRANGER: by path, through descriptors that were handed over, /proc/PID/cwd, /proc/PID/fd and a working directory.
All must be refused with EACCES. The modes there are open to all."""
import ctypes
import errno
import os
import sys

mnt, owner, stranger = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
top = f"{mnt}/.private/{owner}"
libc = ctypes.CDLL(None, use_errno=True)
failures = []


def become(uid):
    os.seteuid(0)
    os.setegid(uid)
    os.seteuid(uid)


def refused(what, call, also=()):
    try:
        got = call()
    except OSError as e:
        if e.errno not in (errno.EACCES, *also):
            failures.append(f"{what}: {e.strerror}")
        return
    failures.append(f"{what}: allowed ({got!r})")


def renameat2(a, b):
    if libc.renameat2(-100, a.encode(), -100, b.encode(), 2) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def by_path(where, base, key=True):
    """All calls; base leads to the folder s."""
    k = f"{base}/k"
    hidden = [f"{base}/{name}" for name in (".json", ".env")]
    for path in [k] + hidden:
        refused(f"{where}: read {path}", lambda: open(path, "rb").read())
        refused(f"{where}: write {path}", lambda: os.open(path, os.O_WRONLY))
        refused(f"{where}: empty {path}", lambda: os.open(path, os.O_WRONLY | os.O_TRUNC))
        refused(f"{where}: open for both {path}", lambda: os.open(path, os.O_RDWR))
    refused(f"{where}: append", lambda: os.open(k, os.O_WRONLY | os.O_APPEND))
    refused(f"{where}: create", lambda: os.open(f"{base}/new", os.O_WRONLY | os.O_CREAT))
    refused(f"{where}: create exclusively", lambda: os.open(f"{base}/new", os.O_WRONLY | os.O_CREAT | os.O_EXCL))
    refused(f"{where}: create over", lambda: os.open(k, os.O_WRONLY | os.O_CREAT))
    refused(f"{where}: mknod", lambda: os.mknod(f"{base}/new"), also=[errno.EPERM])
    refused(f"{where}: list", lambda: os.listdir(base))
    refused(f"{where}: versions", lambda: os.listdir(f"{base}/.versions"))
    refused(f"{where}: a version", lambda: open(f"{base}/.versions/1/k").read())
    refused(f"{where}: look-up", lambda: os.stat(f"{base}/none"))
    refused(f"{where}: unlink", lambda: os.unlink(k))
    refused(f"{where}: rename", lambda: os.rename(k, f"{base}/l"))
    refused(f"{where}: exchange", lambda: renameat2(k, f"{base}/l"))
    refused(f"{where}: truncate", lambda: os.truncate(k, 0))
    for path in (base, k):
        refused(f"{where}: chmod {path}", lambda: os.chmod(path, 0o700), also=[errno.EPERM])
        refused(f"{where}: chown {path}", lambda: os.chown(path, stranger, stranger), also=[errno.EPERM])
        refused(f"{where}: utimes {path}", lambda: os.utime(path, (1, 1)), also=[errno.EPERM])
        refused(f"{where}: utimes now {path}", lambda: os.utime(path))
        refused(f"{where}: listxattr {path}", lambda: os.listxattr(path))
        refused(f"{where}: get ACL {path}", lambda: os.getxattr(path, "system.posix_acl_access"), also=[errno.ENODATA])
        refused(
            f"{where}: set ACL {path}",
            lambda: os.setxattr(path, "system.posix_acl_access", b"\2\0\0\0\1\0\7\0\xff\xff\xff\xff\4\0\7\0\xff\xff\xff\xff\x20\0\7\0\xff\xff\xff\xff"),
            also=[errno.EPERM],
        )
        refused(f"{where}: remove ACL {path}", lambda: os.removexattr(path, "system.posix_acl_access"), also=[errno.EPERM])
    for name in ("id", "version", "created", "expires", "description"):
        refused(f"{where}: get {name}", lambda: os.getxattr(base, f"user.secretfs.{name}"))
    refused(f"{where}: set expires", lambda: os.setxattr(base, "user.secretfs.expires", b"1"))
    refused(f"{where}: remove description", lambda: os.removexattr(base, "user.secretfs.description"))


become(owner)
folder = os.open(f"{top}/s", os.O_RDONLY | os.O_DIRECTORY)
path_fd = os.open(f"{top}/s", os.O_PATH)
above = os.open(top, os.O_RDONLY | os.O_DIRECTORY)
key_path = os.open(f"{top}/s/k", os.O_PATH)
key = os.open(f"{top}/s/k", os.O_RDONLY)
json_path = os.open(f"{top}/s/.json", os.O_PATH)

become(stranger)
# 1. by path: of the namespace itself nobody but the owner gets further.
by_path("path", f"{top}/s")
refused("path: list", lambda: os.listdir(top))
refused("path: mkdir", lambda: os.mkdir(f"{top}/new"))
refused("path: rmdir", lambda: os.rmdir(f"{top}/s"))
refused("path: rename", lambda: os.rename(f"{top}/s", f"{top}/t"))
if os.geteuid() == 0:
    refused("path: take", lambda: os.rename(f"{top}/s", f"{mnt}/public/taken"))
refused("path: put", lambda: os.rename(f"{mnt}/.private/{stranger}/none", f"{top}/none"), also=[errno.ENOENT])

# 2. through descriptors that were handed over: they give what was opened, and lead no further.
by_path("descriptor", f"/proc/self/fd/{folder}")
by_path("O_PATH", f"/proc/self/fd/{path_fd}")
by_path("from above", f"/proc/self/fd/{above}/s")
refused("openat", lambda: os.open("k", os.O_RDONLY, dir_fd=folder))
refused("openat", lambda: os.open("k", os.O_RDONLY, dir_fd=path_fd))
refused("openat", lambda: os.open("new", os.O_WRONLY | os.O_CREAT, dir_fd=folder))
refused("unlinkat", lambda: os.unlink("k", dir_fd=folder))
refused("renameat", lambda: os.rename("k", "l", src_dir_fd=folder, dst_dir_fd=folder))
refused("mkdirat", lambda: os.mkdir("new", dir_fd=above))
refused("rmdir", lambda: os.rmdir("s", dir_fd=above))
refused("getdents", lambda: os.listdir(folder))
refused("getdents", lambda: os.listdir(above))
for fd in (key_path, key, json_path):
    refused("opened again", lambda: os.open(f"/proc/self/fd/{fd}", os.O_RDONLY))
    refused("opened again to write", lambda: os.open(f"/proc/self/fd/{fd}", os.O_WRONLY))
refused("fchmod", lambda: os.fchmod(key, 0o777), also=[errno.EPERM])
refused("fchown", lambda: os.fchown(key, stranger, stranger), also=[errno.EPERM])
refused("futimens", lambda: os.utime(key, (1, 1)), also=[errno.EPERM])
refused("fsetxattr", lambda: os.setxattr(folder, "user.secretfs.description", b"x"))
refused("fgetxattr", lambda: os.getxattr(folder, "user.secretfs.description"))
# What was opened is the owner's to hand over.
if os.pread(key, 100, 0) != b"value\n":
    failures.append("a descriptor that was handed over does not read")

# 3. a working directory: the stranger's own, and a process's that can be looked into.
become(owner)
os.chdir(f"{top}/s")
pid = os.fork()
if pid == 0:
    os.setresgid(owner, owner, owner)
    os.seteuid(0)
    os.setresuid(owner, owner, owner)
    libc.prctl(4, 1, 0, 0, 0)  # PR_SET_DUMPABLE
    libc.pause()
become(stranger)
by_path("working directory", ".")
refused("parent", lambda: os.listdir(".."))
try:
    os.stat(f"/proc/{pid}/cwd")
    by_path("/proc/PID/cwd", f"/proc/{pid}/cwd")
except PermissionError:
    pass  # /proc does not let this one look
os.seteuid(0)
os.kill(pid, 9)
os.waitpid(pid, 0)
if failures:
    sys.exit("\n".join(failures))

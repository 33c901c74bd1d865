# SPDX-License-Identifier: MIT
"""acl_handle.py MOUNTPOINT OWNER: root tries to open OWNER's private key by file handles: one that the kernel gives, and
ones that are made up from what a FUSE handle looks like."""
import ctypes
import errno
import os
import struct
import sys

mnt, owner = sys.argv[1], int(sys.argv[2])
libc = ctypes.CDLL(None, use_errno=True)
MAX = 128


def name_to_handle(path):
    buf = ctypes.create_string_buffer(struct.pack("Ii", MAX, 0) + bytes(MAX))
    mount_id = ctypes.c_int()
    if libc.name_to_handle_at(-100, path.encode(), buf, ctypes.byref(mount_id), 0) != 0:
        return None
    size, kind = struct.unpack_from("Ii", buf)
    return kind, buf.raw[8 : 8 + size]


def open_handle(mount_fd, kind, data):
    buf = ctypes.create_string_buffer(struct.pack("Ii", len(data), kind) + data)
    return libc.open_by_handle_at(mount_fd, buf, os.O_RDONLY)


def tries(handles):
    mount_fd = os.open(mnt, os.O_RDONLY)
    for kind, data in handles:
        fd = open_handle(mount_fd, kind, data)
        if fd >= 0:
            if os.path.isfile(f"/proc/self/fd/{fd}"):
                sys.exit(f"opened {os.read(fd, 100)!r} by a handle")
            try:
                sys.exit(f"listed {os.listdir(fd)} by a handle")
            except PermissionError:
                os.close(fd)
        elif ctypes.get_errno() not in (errno.ESTALE, errno.EOPNOTSUPP, errno.EACCES, errno.EINVAL):
            sys.exit(f"open_by_handle_at: {os.strerror(ctypes.get_errno())}")


os.seteuid(owner)
given = [name_to_handle(f"{mnt}/.private/{owner}{rest}") for rest in ("", "/s", "/s/k")]
inos = [os.stat(f"{mnt}/.private/{owner}{rest}").st_ino for rest in ("", "/s", "/s/k")]
os.seteuid(0)
# What the owner got, and the form that FUSE gives them: node id in two words, generation.
made = []
for kind_byte in range(16):
    for row in (1, 2):
        for key in (0, 1):
            nodeid = kind_byte << 56 | (row << 24 | key if key else row)
            for generation in (0, 1):
                made.append((0x81, struct.pack("=III", nodeid >> 32, nodeid & 0xFFFFFFFF, generation)))
                made.append((0x01, struct.pack("=III", nodeid >> 32, nodeid & 0xFFFFFFFF, generation)))
tries([h for h in given if h] + made)

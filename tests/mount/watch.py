# SPDX-License-Identifier: MIT
"""watch.py FOLDER KEY: rewriting KEY raises an inotify event on FOLDER."""
import ctypes
import os
import select
import sys

libc = ctypes.CDLL(None, use_errno=True)
fd = libc.inotify_init()
assert libc.inotify_add_watch(fd, sys.argv[1].encode(), 0x8) >= 0  # IN_CLOSE_WRITE
with open(sys.argv[2], "w") as f:
    f.write("changed")
assert select.select([fd], [], [], 5)[0], "no event"
assert os.path.basename(sys.argv[2]).encode() in os.read(fd, 4096)

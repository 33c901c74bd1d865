# SPDX-License-Identifier: MIT
"""map_gone.py PATH unlink|replace: a map that is there before its file goes away can be read afterwards."""
import mmap
import os
import sys

path, how = sys.argv[1:]
with open(path, "wb") as f:
    f.write(b"x" * 10000)
with open(path, "rb") as f:
    m = mmap.mmap(f.fileno(), 0, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ)
if how == "unlink":
    os.unlink(path)
else:
    with open(path + ".new", "wb") as f:
        f.write(b"y" * 10000)
    os.rename(path + ".new", path)
assert m[:] == b"x" * 10000, m[:20]
m.close()
if how == "replace":
    os.unlink(path)

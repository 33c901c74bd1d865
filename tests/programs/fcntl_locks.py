# SPDX-License-Identifier: MIT
"""fcntl_locks.py KEY: POSIX record locks exclude another process, range by range."""
import fcntl
import subprocess
import sys

path = sys.argv[1]
if len(sys.argv) > 2:
    with open(path, "r+") as f:
        try:
            fcntl.lockf(f, fcntl.LOCK_EX | fcntl.LOCK_NB, int(sys.argv[2]), int(sys.argv[3]))
        except OSError as e:
            sys.exit(e.errno)
    sys.exit(0)


def other(length, start):
    return subprocess.run([sys.executable, sys.argv[0], path, str(length), str(start)]).returncode


f = open(path, "r+")
fcntl.lockf(f, fcntl.LOCK_EX, 2, 1)
assert other(0, 0) == 11 and other(1, 2) == 11, "not excluded"
assert other(1, 0) == 0 and other(0, 3) == 0, "another range is excluded"
fcntl.lockf(f, fcntl.LOCK_UN, 2, 1)
assert other(0, 0) == 0, "not released"
fcntl.lockf(f, fcntl.LOCK_EX)
assert other(0, 0) == 11, "not excluded from all"
open(path).close()  # as POSIX has it: closing any descriptor releases
assert other(0, 0) == 0, "kept over a close"

# SPDX-License-Identifier: MIT
"""cached.py FOLDER ROUNDS READERS: one process rewrites two keys of the secret FOLDER in many lengths and ways, others read them,
in pieces of many lengths; every value read must be whole, and none may be older than one that was read before. Who stands still
for so long that a writer overtakes him is told so, and opens again."""
import errno
import json
import os
import random
import sys

folder, rounds, readers = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
LENGTHS = (0, 1, 33, 64, 4000, 4095, 4096, 4097, 8192, 12000, 70000)


def value(i):
    """A value that says by each of its parts which one it is and how long it must be."""
    unit = b"%08d" % i
    length = LENGTHS[random.Random(i).randrange(len(LENGTHS))]
    return unit + (unit * (length // 8 + 1))[:length]


def read(path, size):
    fd = os.open(path, os.O_RDONLY)
    try:
        parts = []
        while part := os.read(fd, size):
            parts.append(part)
        return b"".join(parts)
    except OSError as e:
        if e.errno != errno.ESTALE:
            raise
        return read(path, size)
    finally:
        os.close(fd)


def reader(name, size):
    path = os.path.join(folder, name)
    last, seen = 0, 0
    while last < rounds:
        data = read(path, size)
        if not data[:8].isdigit() or data != value(int(data[:8])):
            sys.exit(f"{name}, {size} bytes at a time: {len(data)} bytes that begin with {data[:16]!r} and end with {data[-16:]!r}")
        if int(data[:8]) < last:
            sys.exit(f"{name}: went back from {last} to {data[:8]!r}")
        last = int(data[:8])
        seen += 1
    print(f"{name}: {seen} reads of {size} bytes at a time", flush=True)


def write_anew(path, i):
    with open(path, "wb") as f:
        f.write(value(i))


def write_over(path, i):
    fd = os.open(path, os.O_WRONLY)
    os.write(fd, value(i))
    os.ftruncate(fd, len(value(i)))
    os.close(fd)


def write_view(path, i):
    with open(os.path.join(os.path.dirname(path), ".json"), "w") as f:
        json.dump({os.path.basename(path): value(i).decode()}, f)


def same_time(path, i):
    write_anew(path, i)
    os.utime(path, (0, 0))


def same_rights(path, i):
    write_over(path, i)
    os.chmod(path, 0o600 if i % 2 else 0o644)


paths = [os.path.join(folder, name) for name in ("a", "b")]
for path in paths:
    write_anew(path, 0)
pids = []
for n in range(readers):
    pid = os.fork()
    if pid == 0:
        reader("ab"[n % 2], (1 << 17, 4096, 4000, 1000, 300)[n % 5])
        os._exit(0)
    pids.append(pid)
for i in range(1, rounds + 1):
    for path in paths:
        way = random.choice((write_anew, write_anew, write_over, write_view, same_time, same_rights))
        while True:
            try:
                way(path, i)
                break
            except OSError as e:
                # What a writer has not committed dies with its worker.
                if e.errno != errno.EIO:
                    raise
failed = [pid for pid in pids if os.waitpid(pid, 0)[1] != 0]
sys.exit(1 if failed else 0)

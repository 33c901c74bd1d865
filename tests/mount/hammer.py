# SPDX-License-Identifier: MIT
"""hammer.py KEY ROUNDS: one process rewrites KEY with values of two lengths, three read it; every value read must be whole."""
import os
import sys

path, rounds = sys.argv[1], int(sys.argv[2])


def value(i):
    """A value that says by each of its bytes what its length must be."""
    return (b"A" * 40 if i % 2 else b"B" * 5000) + b"%06d" % i


def whole(data):
    body, number = data[:-6], data[-6:]
    return number.isdigit() and data == value(int(number))


def read(size):
    fd = os.open(path, os.O_RDONLY)
    try:
        parts = []
        while part := os.read(fd, size):
            parts.append(part)
        return b"".join(parts)
    finally:
        os.close(fd)


with open(path, "wb") as f:
    f.write(value(0))

readers = []
for size in (1 << 16, 1000, 7):
    pid = os.fork()
    if pid == 0:
        last, seen = 0, 0
        while last < rounds:
            data = read(size)
            if not whole(data):
                print(f"read {len(data)} bytes: {data[:50]!r}...{data[-10:]!r}")
                os._exit(1)
            now = int(data[-6:])
            if now < last:
                print(f"went back from {last} to {now}")
                os._exit(1)
            last = now
            seen += 1
        print(f"{seen} reads of {size} bytes at a time")
        sys.stdout.flush()
        os._exit(0)
    readers.append(pid)

for i in range(1, rounds + 1):
    with open(path, "wb", buffering=0) as f:
        f.write(value(i))
        if i % 3 == 0:
            f.seek(0)
            f.write(value(i))

failed = [pid for pid in readers if os.waitpid(pid, 0)[1] != 0]
sys.exit(1 if failed else 0)

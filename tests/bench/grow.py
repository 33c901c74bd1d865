# SPDX-License-Identifier: MIT
"""grow.py NAMESPACE COUNT...: how long creating, listing and a first read take with so many secrets."""
import os
import statistics
import sys
import time

top, counts = sys.argv[1], [int(n) for n in sys.argv[2:]]
made = 0


def timed(call):
    start = time.perf_counter()
    result = call()
    return time.perf_counter() - start, result


def read(path):
    with open(path, "rb", buffering=0) as f:
        return f.read()


print(f"{'secrets':>10} {'create us each':>15} {'list ms':>10} {'us each':>8} {'read us, spread':>16} {'read us, one':>13}")
for count in counts:
    start = time.perf_counter()
    for i in range(made, count):
        os.mkdir(f"{top}/{i}")
        with open(f"{top}/{i}/k", "wb", buffering=0) as f:
            f.write(b"v" * 64)
    create = (time.perf_counter() - start) / max(count - made, 1)
    made = count
    listing, names = timed(lambda: os.listdir(top))
    assert len(names) == count
    step = max(count // 1000, 1)
    spread = statistics.median(timed(lambda: read(f"{top}/{i}/k"))[0] for i in range(0, count, step))
    one = statistics.median(timed(lambda: read(f"{top}/0/k"))[0] for _ in range(1000))
    print(f"{count:>10} {create * 1e6:>15.0f} {listing * 1e3:>10.1f} {listing * 1e6 / count:>8.2f} {spread * 1e6:>16.1f} {one * 1e6:>13.1f}")

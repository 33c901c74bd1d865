# SPDX-License-Identifier: MIT
"""shells.py KEY SHELL...: reads KEY all the time while a shell rewrites it with >; it is never empty and never half."""
import os
import signal
import subprocess
import sys

path = sys.argv[1]
with open(path, "w") as f:
    f.write("value 0\n")

for shell in sys.argv[2:]:
    reader = os.fork()
    if reader == 0:
        stop = []
        signal.signal(signal.SIGTERM, lambda *_: stop.append(1))
        reads = 0
        while not stop:
            with open(path) as f:
                data = f.read()
            reads += 1
            if not (data.startswith("value ") and data.endswith("\n")):
                print(f"{shell}: read {data!r} after {reads} reads")
                sys.stdout.flush()
                os._exit(1)
        os._exit(0)
    line = 'i=0; while [ $i -lt 200 ]; do i=$((i+1)); echo "value $i" >"$0"; [ "$(cat "$0")" = "value $i" ] || exit 1; done'
    writer = subprocess.run(shell.split() + ["-c", line, path]).returncode
    os.kill(reader, signal.SIGTERM)
    status = os.waitpid(reader, 0)[1]
    if writer or status:
        sys.exit(f"{shell}: writer {writer}, reader {status}")

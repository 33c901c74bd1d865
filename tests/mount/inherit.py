# SPDX-License-Identifier: MIT
"""inherit.py UID FOLDER FILE: enters FOLDER as UID, becomes root again and tries to read FILE there. Exit 0: it could."""
import os
import sys

uid, folder, name = int(sys.argv[1]), sys.argv[2], sys.argv[3]
os.setresuid(uid, uid, 0)
os.chdir(folder)
os.listdir(".")
os.setresuid(0, 0, 0)
tries = [
    lambda: open(name, "rb").read(),
    lambda: open(name, "wb").write(b"x"),
    lambda: os.listdir("."),
    lambda: os.unlink(name),
    lambda: os.rename(name, "other"),
    lambda: open("new", "wb"),
    lambda: os.chmod(name, 0o777),
]
allowed = 0
for number, attempt in enumerate(tries):
    try:
        attempt()
        print(f"try {number} succeeded")
        allowed += 1
    except PermissionError:
        pass
sys.exit(0 if allowed else 1)

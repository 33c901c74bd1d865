# SPDX-License-Identifier: MIT
"""many.py list|remove|keys FOLDER COUNT: makes many names, then lists or removes them, and checks both."""
import os
import sys

what, top, count = sys.argv[1], sys.argv[2], int(sys.argv[3])

if what == "keys":
    names = [f"k{i}" for i in range(count)]
    for name in names:
        with open(os.path.join(top, name), "w") as f:
            f.write(name)
    assert sorted(os.listdir(top)) == sorted(names)
    for name in names:
        with open(os.path.join(top, name)) as f:
            assert f.read() == name
    sys.exit()

names = [f"secret number {i}" for i in range(count)]
for name in names:
    os.mkdir(os.path.join(top, name))

if what == "list":
    for _ in range(3):
        seen = os.listdir(top)
        assert len(seen) == count, f"{len(seen)} of {count}"
        assert sorted(seen) == sorted(names)
    assert os.stat(top).st_nlink == count + 2
    # Some go and some come: what was there all the time is listed once.
    seen = []
    with os.scandir(top) as entries:
        for i, entry in enumerate(entries):
            seen.append(entry.name)
            if i == 100:
                for name in names[500:600]:
                    os.rmdir(os.path.join(top, name))
                os.mkdir(os.path.join(top, "new"))
    assert len(seen) == len(set(seen)), "a name came twice"
    assert set(names[:500] + names[600:]) <= set(seen), "a name is missing"
else:
    with os.scandir(top) as entries:
        removed = 0
        for entry in entries:
            os.rmdir(entry.path)
            removed += 1
    assert removed == count, f"{removed} of {count}"

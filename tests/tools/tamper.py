# SPDX-License-Identifier: MIT
"""tamper.py STORE COMMAND...: what somebody who can write the store file, but has no key, can do to it.

rows TABLE                ids in order, one a line
flip TABLE ID [OFFSET]    changes one bit of a box (OFFSET from its end if negative; default: the middle)
swap TABLE ID ID          exchanges two boxes
delete TABLE ID
save TABLE ID FILE        keeps a whole row
load TABLE FILE           puts it back
bucket ID...              the bucket of each secret
moved ID NS               puts a secret into another namespace
empty-index NAME          what it says is not what its table says any more
sql TEXT
"""
import pickle
import sqlite3
import sys

store, command, args = sys.argv[1], sys.argv[2], sys.argv[3:]
db = sqlite3.connect(store)


def box(table, row):
    return db.execute(f"SELECT box FROM {table} WHERE rowid = ?", (row,)).fetchone()[0]


def put(table, row, data):
    changed = db.execute(f"UPDATE {table} SET box = ? WHERE rowid = ?", (data, row)).rowcount
    assert changed == 1


if command == "rows":
    for (row,) in db.execute(f"SELECT rowid FROM {args[0]} ORDER BY rowid"):
        print(row)
elif command == "flip":
    data = bytearray(box(args[0], int(args[1])))
    data[int(args[2]) if len(args) > 2 else len(data) // 2] ^= 1
    put(args[0], int(args[1]), bytes(data))
elif command == "empty-index":
    (page,) = db.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", args).fetchone()
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    with open(store, "r+b") as f:
        f.seek((page - 1) * 4096 + 3)
        f.write(b"\0\0")
    sys.exit()
elif command == "swap":
    a, b = box(args[0], int(args[1])), box(args[0], int(args[2]))
    put(args[0], int(args[1]), b)
    put(args[0], int(args[2]), a)
elif command == "delete":
    assert db.execute(f"DELETE FROM {args[0]} WHERE rowid = ?", (int(args[1]),)).rowcount == 1
elif command == "save":
    cursor = db.execute(f"SELECT * FROM {args[0]} WHERE rowid = ?", (int(args[1]),))
    with open(args[2], "wb") as f:
        pickle.dump(([c[0] for c in cursor.description], cursor.fetchone()), f)
elif command == "load":
    with open(args[1], "rb") as f:
        columns, row = pickle.load(f)
    marks = ",".join("?" * len(columns))
    db.execute(f"INSERT OR REPLACE INTO {args[0]}({','.join(columns)}) VALUES({marks})", row)
elif command == "bucket":
    for row in args:
        tag = db.execute("SELECT tag FROM secret WHERE id = ?", (int(row),)).fetchone()[0]
        print(tag[0] << 4 | tag[1] >> 4)
elif command == "moved":
    assert db.execute("UPDATE secret SET ns = ? WHERE id = ?", (int(args[1]), int(args[0]))).rowcount == 1
elif command == "sql":
    for row in db.execute(args[0]):
        print(*row)
else:
    sys.exit(__doc__)
db.commit()

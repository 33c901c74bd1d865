# SPDX-License-Identifier: MIT
"""byname.py MOUNTPOINT ROUNDS UID...: makes, removes, renames and publishes secrets at random, as each of the users, and
compares after every step what each of them sees in by-name/ with what it must show."""
import os
import random
import sys

mnt, rounds, uids = sys.argv[1], int(sys.argv[2]), [int(u) for u in sys.argv[3:]]
NAMES = ["a", "b", "c", "d"]
rng = random.Random(7)
private = {uid: {} for uid in uids}  # name -> the secret's serial
public = {}  # name -> (owner, serial)
serial = 0


def become(uid):
    os.seteuid(0)
    os.setegid(uid)
    os.seteuid(uid)


def make(folder):
    global serial
    serial += 1
    os.mkdir(folder)
    with open(f"{folder}/k", "w") as f:
        f.write(str(serial))
    return serial


def remove(folder):
    os.unlink(f"{folder}/k")
    os.rmdir(folder)


def step(uid):
    mine = private[uid]
    kind = rng.randrange(6)
    name, other = rng.sample(NAMES, 2)
    here, there = f"{mnt}/private/{name}", f"{mnt}/public/{name}"
    if kind == 0 and name not in mine:
        mine[name] = make(here)
    elif kind == 1 and name in mine:
        remove(here)
        del mine[name]
    elif kind == 2 and name in mine and other not in mine:
        os.rename(here, f"{mnt}/private/{other}")
        mine[other] = mine.pop(name)
    elif kind == 3 and name not in public:
        public[name] = (uid, make(there))
    elif kind == 4 and name in public and public[name][0] == uid:
        if name in mine:
            remove(there)
            del public[name]
        else:
            os.rename(there, here)
            mine[name] = public.pop(name)[1]
    elif kind == 5 and name in mine and name not in public:
        os.rename(here, there)
        public[name] = (uid, mine.pop(name))


def check(uid, what):
    want = {name: ("public", number) for name, (_, number) in public.items()}
    want.update({name: ("private", number) for name, number in private[uid].items()})
    order = list(NAMES)
    rng.shuffle(order)
    for name in order:
        path = f"{mnt}/by-name/{name}"
        if name not in want:
            assert not os.path.lexists(path), f"{what}: {uid} still sees {name}"
            continue
        where, number = want[name]
        target = os.readlink(path)
        assert target == f"../../{where}/{name}", f"{what}: {uid}: {name} leads to {target}"
        assert os.lstat(path).st_size == len(target)
        with open(f"{path}/k") as f:
            got = f.read()
        assert got == str(number), f"{what}: {uid}: {name} has {got}, not {number}"
    listed = sorted(os.listdir(f"{mnt}/by-name/"))
    assert listed == sorted(want), f"{what}: {uid} lists {listed}, not {sorted(want)}"


os.setgroups([])
for turn in range(rounds):
    actor = rng.choice(uids)
    become(actor)
    step(actor)
    for uid in rng.sample(uids, len(uids)):
        become(uid)
        check(uid, f"round {turn}")

# SPDX-License-Identifier: MIT
"""soak MOUNT SUPERVISOR SECONDS [BACKUP-COMMAND...]: users who do everything that a tree can do, each beside a model of
what is theirs, while workers are killed and replaced and backups are made. After every change, and at random, what the
tree shows is compared with the model. At the end nothing may be open, and the supervisor no larger than before.

A writer may be told EIO when a worker was killed; then the value is the old one or the new one. Nothing else may fail.
SEED in the environment does the same again, as far as the processes' order allows."""
import base64
import errno
import json
import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import traceback

MOUNT, SUPERVISOR, SECONDS = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
BACKUP = sys.argv[4:]
SEED = int(os.environ.get("SEED", "0")) or int(time.time())
UIDS = (20001, 20002, 20003, 20004)
MAX_VALUE = 1 << 20
ONLY = os.environ.get("ONLY")  # kill, reload
multiprocessing.set_start_method("fork")  # Python 3.14 has another default
KILLED = multiprocessing.Value("i", 0)  # workers killed so far, or about to be
REPLACED = multiprocessing.Value("i", 0)  # of those, the ones whose successors serve


class User:
    def __init__(self, uid):
        self.uid = uid
        self.rng = random.Random(SEED * 100 + uid)
        self.secrets = {}  # (namespace, name) -> {key: bytes}
        self.expired = set()
        self.readers = []  # (descriptor, what it must show, for messages)
        self.writers = []  # (descriptor, secret, key, what close publishes, kills when it was opened)
        self.count = 0
        self.serial = 0

    # ---- what is there ----

    def path(self, secret, *rest):
        return "/".join((MOUNT, *secret, *rest))

    def some(self):
        return self.rng.choice(sorted(self.secrets)) if self.secrets else None

    def others(self, secret):
        """Keys that no writer of ours has open: what those commit is another key's, if it is replaced meanwhile."""
        return sorted(set(self.secrets[secret]) - {key for _, key, _, _ in self.writers})

    def some_key(self, secret):
        keys = self.others(secret)
        return self.rng.choice(keys) if keys else None

    def bytes(self):
        size = self.rng.choice((0, 1, 7, 100, 4096, 5000, 20000)) if self.rng.random() < 0.97 else 200000
        return self.rng.randbytes(size)

    def fresh(self, stem):
        self.serial += 1
        return f"{stem}{self.uid}-{self.serial}"

    # ---- looking ----

    def read(self, path):
        with open(path, "rb", buffering=0) as f:
            return f.readall()

    def check(self, secret):
        keys = self.secrets[secret]
        assert sorted(os.listdir(self.path(secret))) == sorted(keys), (secret, sorted(keys), os.listdir(self.path(secret)))
        if secret in self.expired:
            for key in keys:
                try:
                    self.read(self.path(secret, key))
                    raise AssertionError(f"{secret} has expired, and {key} can be read")
                except OSError as e:
                    assert e.errno == errno.EKEYEXPIRED, e
            return
        for key, value in keys.items():
            got = self.read(self.path(secret, key))
            assert got == value, f"{secret}/{key}: {len(got)} bytes {got[:20]!r}, wanted {len(value)} {value[:20]!r}"
            assert os.stat(self.path(secret, key)).st_size == len(value)
        if keys:
            shown = json.loads(self.read(self.path(secret, ".json")))
            bytes_of = {k: base64.b64decode(v["base64"]) if isinstance(v, dict) else v.encode() for k, v in shown.items()}
            assert bytes_of == keys, f"{secret}: .json shows {sorted(bytes_of)}"

    def check_all(self):
        for secret in self.secrets:
            self.check(secret)
        for namespace in ("private", "public"):
            mine = sorted(name for ns, name in self.secrets if ns == namespace)
            there = sorted(name for name in os.listdir(f"{MOUNT}/{namespace}") if name.startswith(f"s{self.uid}-"))
            assert there == mine, (namespace, there, mine)

    # ---- changing ----

    def wrote(self, secret, key, value, kills, error):
        """A write that failed: the old value or the new one, and only if a worker was killed meanwhile."""
        if error is None:
            self.secrets[secret][key] = value
            return
        assert error.errno == errno.EIO and KILLED.value > kills, f"writing {secret}/{key}: {error}"
        there = os.path.exists(self.path(secret, key))
        if not there:
            assert key not in self.secrets[secret], f"{secret}/{key} is gone"
            return
        got = self.read(self.path(secret, key))
        assert got in (self.secrets[secret].get(key, b""), value), f"{secret}/{key}: neither old nor new after {error}"
        self.secrets[secret][key] = got

    def put(self, secret, key, value, flags=os.O_TRUNC):
        kills, error = REPLACED.value, None
        try:
            fd = os.open(self.path(secret, key), os.O_WRONLY | os.O_CREAT | flags, 0o644)
            try:
                for at in range(0, len(value), 65536):
                    os.write(fd, value[at:at + 65536])
                if not value and not flags & os.O_APPEND:
                    # The kernel does not wait for what a close without a write commits.
                    os.ftruncate(fd, 0)
                if self.rng.random() < 0.2:
                    os.fsync(fd)
            finally:
                os.close(fd)
        except OSError as e:
            error = e
        if flags & os.O_APPEND:
            value = self.secrets[secret].get(key, b"") + value
        self.wrote(secret, key, value, kills, error)

    def do_create(self):
        if len(self.secrets) > 12:
            return
        secret = (self.rng.choice(("private", "public")), self.fresh("s"))
        os.mkdir(self.path(secret))
        self.secrets[secret] = {}
        for _ in range(self.rng.randrange(4)):
            self.put(secret, self.fresh("k"), self.bytes())

    def do_put(self):
        secret = self.some()
        if secret and secret not in self.expired:
            key = self.some_key(secret) or self.fresh("k")
            if self.rng.random() < 0.3:
                self.put(secret, key, self.bytes()[:5000], os.O_APPEND)
            else:
                self.put(secret, key, self.bytes())

    def do_replace(self):
        secret = self.some()
        key = secret and self.some_key(secret)
        if key and secret not in self.expired:
            kills, value, new = REPLACED.value, self.bytes(), self.fresh("k")
            self.put(secret, new, value)
            if self.secrets[secret].get(new) == value:
                os.rename(self.path(secret, new), self.path(secret, key))
                self.secrets[secret][key] = self.secrets[secret].pop(new)

    def do_merge(self):
        secret = self.some()
        if not secret or secret in self.expired or not self.secrets[secret]:
            return
        keys = self.secrets[secret]
        change = {self.fresh("j"): self.bytes().hex() for _ in range(self.rng.randrange(1, 3))}
        removable = self.others(secret)
        for key in self.rng.sample(removable, min(len(removable), self.rng.randrange(3))):
            change[key] = None
        after = {**keys, **{k: v.encode() for k, v in change.items() if v is not None}}
        for key, value in change.items():
            if value is None:
                after.pop(key, None)
        kills = REPLACED.value
        try:
            with open(self.path(secret, ".json"), "w", encoding="utf-8") as f:
                json.dump(change, f)
            self.secrets[secret] = after
        except OSError as e:
            assert e.errno == errno.EIO and KILLED.value > kills, f"merging into {secret}: {e}"
            there = sorted(os.listdir(self.path(secret)))
            assert there in (sorted(keys), sorted(after)), "half of a merge"
            if there == sorted(after):
                self.secrets[secret] = after

    def do_unlink(self):
        secret = self.some()
        key = secret and self.some_key(secret)
        if key:
            os.unlink(self.path(secret, key))
            del self.secrets[secret][key]

    def do_delete(self):
        secret = self.some()
        if secret and self.rng.random() < 0.4:
            shutil.rmtree(self.path(secret))
            del self.secrets[secret]
            self.expired.discard(secret)

    def do_move(self):
        secret = self.some()
        if secret:
            to = (self.rng.choice(("private", "public")), self.fresh("s"))
            os.rename(self.path(secret), self.path(to))
            self.secrets[to] = self.secrets.pop(secret)
            if secret in self.expired:
                self.expired.remove(secret)
                self.expired.add(to)

    def do_expire(self):
        secret = self.some()
        if not secret:
            return
        past = secret not in self.expired
        os.setxattr(self.path(secret), "user.secretfs.expires", b"1" if past else b"4102444800")
        (self.expired.add if past else self.expired.remove)(secret)

    def do_too_long(self):
        secret = self.some()
        key = secret and self.some_key(secret)
        if key and secret not in self.expired:
            try:
                with open(self.path(secret, key), "r+b", buffering=0) as f:
                    f.seek(MAX_VALUE - 10)
                    f.write(b"x" * 11)
                raise AssertionError("a value that is too long")
            except OSError as e:
                assert e.errno in (errno.EFBIG, errno.EIO), e

    def do_hold(self):
        secret = self.some()
        key = secret and self.some_key(secret)
        if not key or secret in self.expired or len(self.readers) > 8:
            return
        fd = os.open(self.path(secret, key), os.O_RDONLY)
        self.readers.append((fd, self.secrets[secret][key], f"{secret}/{key}, held from operation {self.count}"))

    def do_look_again(self):
        for fd, value, what in self.readers:
            try:
                got = os.pread(fd, MAX_VALUE, 0)
            except OSError as e:
                raise AssertionError(f"{what} cannot be read on: {e}; links: {os.fstat(fd).st_nlink}") from e
            assert got == value, f"{what}: a snapshot changed"
        if self.readers and self.rng.random() < 0.5:
            os.close(self.readers.pop(self.rng.randrange(len(self.readers)))[0])

    def do_begin(self):
        """A writer that takes its time, over whatever happens to workers meanwhile."""
        secret = self.some()
        if not secret or secret in self.expired or self.writers:
            return
        key, value = self.fresh("w"), self.bytes() + b"x"
        self.put(secret, key, b"begun")
        if self.secrets[secret].get(key) != b"begun":
            return
        kills, fd = REPLACED.value, None
        try:
            fd = os.open(self.path(secret, key), os.O_WRONLY | os.O_TRUNC)
            os.write(fd, value)
        except OSError as e:
            assert e.errno == errno.EIO and KILLED.value > kills, e
        if fd is not None:
            self.writers.append((fd, key, value, kills))

    def do_end(self):
        if not self.writers or self.rng.random() < 0.5:
            return
        fd, key, value, kills = self.writers.pop()
        error = None
        try:
            os.close(fd)
        except OSError as e:
            error = e
        for secret, keys in self.secrets.items():
            if key in keys and secret not in self.expired:
                self.wrote(secret, key, value, kills, error)
            elif key in keys:
                # Who only writes may go on doing so when the secret has expired. What it is now is seen later.
                os.setxattr(self.path(secret), "user.secretfs.expires", b"4102444800")
                self.expired.remove(secret)
                self.wrote(secret, key, value, kills, error)
                break

    def do_others(self):
        other = self.rng.choice([uid for uid in UIDS if uid != self.uid])
        for call in (os.listdir, os.stat):
            try:
                path = f"{MOUNT}/.private/{other}"
                call(path if call is os.listdir else path + "/x")
                raise AssertionError("another's private namespace")
            except OSError as e:
                assert e.errno == errno.EACCES, e

    def run(self, end):
        os.setgroups([])
        os.setresgid(self.uid, self.uid, self.uid)
        os.setresuid(self.uid, self.uid, self.uid)
        ops = [getattr(self, name) for name in sorted(dir(self)) if name.startswith("do_")]
        while time.time() < end:
            self.rng.choice(ops)()
            self.count += 1
            secret = self.some()
            if secret and not any(key in self.secrets[secret] for _, key, _, _ in self.writers):
                self.check(secret)
            if self.count % 100 == 0 and not self.writers:
                self.check_all()
        while self.writers:
            self.do_end()
        self.check_all()
        for fd, _, _ in self.readers:
            os.close(fd)


def serve(uid, end, results):
    user = User(uid)
    try:
        user.run(end)
        results.put((uid, user.count, None))
    except BaseException:  # noqa: BLE001: whatever it was is the result
        results.put((uid, user.count, traceback.format_exc()))


def status():
    with open(MOUNT + "/.secretfs/status", encoding="ascii") as f:
        return json.load(f)


def supervisor_size():
    with open(f"/proc/{SUPERVISOR}/status", encoding="ascii") as f:
        rss = next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))
    return rss, len(os.listdir(f"/proc/{SUPERVISOR}/fd"))


def chaos(end):
    rng = random.Random(SEED)
    did = {"kills": 0, "reloads": 0, "backups": 0}
    while time.time() < end:
        time.sleep(rng.uniform(0.1, 1.5))
        what = rng.random() * (0.4 if ONLY == "kill" else 1) + (0.4 if ONLY == "reload" else 0)
        if what < 0.4:
            worker = status()["worker"]
            KILLED.value += 1
            try:
                os.kill(worker, signal.SIGKILL)
            except ProcessLookupError:  # a reload was still on its way
                pass
            while status()["worker"] == worker:
                time.sleep(0.001)
            REPLACED.value = KILLED.value
            did["kills"] += 1
        elif what < 0.85 or not BACKUP:
            os.kill(SUPERVISOR, signal.SIGHUP)
            did["reloads"] += 1
        else:
            subprocess.run(BACKUP, check=True, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
            did["backups"] += 1
    return did


def settled():
    end = time.time() + 20
    while (left := status()["handles"]) != 0:
        assert time.time() < end, f"{left} handles are left"
        time.sleep(0.05)


def main():
    print("seed", SEED, flush=True)
    end = time.time() + SECONDS
    results = multiprocessing.Queue()
    children = [multiprocessing.Process(target=serve, args=(uid, end, results)) for uid in UIDS]
    for child in children:
        child.start()
    time.sleep(min(2, SECONDS / 4))
    before = supervisor_size()
    did = chaos(end)
    failed, total = [], 0
    for _ in children:
        uid, count, error = results.get(timeout=120)
        total += count
        if error:
            failed.append(f"uid {uid}: {error}")
    for child in children:
        child.join(10)
    if failed:
        sys.exit("\n".join(failed))
    settled()
    after = supervisor_size()
    print(f"{total} operations, {did}, supervisor {before} -> {after} (KiB, descriptors)", flush=True)
    assert after[1] <= before[1] + 1, "the supervisor's descriptors grow"
    assert after[0] <= before[0] + 1024, "the supervisor grows"


main()

# SPDX-License-Identifier: MIT
"""crashes MOUNT SUPERVISOR: several users read, write and rename for SECONDS_EACH seconds while the worker is killed
again and again (HOW=reload: while it is replaced by SIGHUP, and then no writer may see an error; HOW=both). Fails if a reader sees an error or a wrong byte, a change happens twice or not at all although it
succeeded, or a value is lost that close said was there. Prints the seed, the kills and the operations."""
import errno
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time

MOUNT = sys.argv[1]
SUPERVISOR = int(sys.argv[2])
SECONDS = float(os.environ.get("SECONDS_EACH", "8"))
HOW = os.environ.get("HOW", "kill")
SEED = int(os.environ.get("SEED", "0")) or int(time.time())
NOREPLACE, EXCHANGE = 1, 2


def worker():
    out = subprocess.run(["pgrep", "-P", str(SUPERVISOR)], capture_output=True, text=True).stdout
    for pid in out.split():
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                if b"--worker" in f.read():
                    return int(pid)
        except OSError:
            pass
    return None


def become(uid):
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)


def rename2(a, b, flags):
    import ctypes
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.renameat2(-100, a.encode(), -100, b.encode(), flags) < 0:
        raise OSError(ctypes.get_errno(), "renameat2")


def value(n):
    return (b"%08d" % n) * (1 + n % 700)


def check_value(data):
    assert len(data) >= 8 and len(data) % 8 == 0, data[:40]
    n = int(data[:8])
    assert data == value(n), f"a torn value: {data[:40]!r}"
    return n


def read_all(path):
    fd = os.open(path, os.O_RDONLY)
    try:
        parts = []
        while part := os.read(fd, 4096):
            parts.append(part)
        return b"".join(parts)
    finally:
        os.close(fd)


def writer(uid, end):
    """One key of this user's; the last value that close confirmed must be there."""
    rng = random.Random(SEED * 100 + uid)
    become(uid)
    place = f"{MOUNT}/{'public' if uid % 2 else 'private'}/w{uid}"
    os.mkdir(place)
    key, n, confirmed, maybe, count = place + "/k", 0, None, [], 0
    while time.time() < end:
        n += 1
        try:
            fd = os.open(key, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
            try:
                for at in range(0, len(value(n)), 1000):
                    os.write(fd, value(n)[at:at + 1000])
                if rng.random() < 0.5:
                    os.fsync(fd)
            finally:
                os.close(fd)
            confirmed, maybe = n, []
        except OSError as e:
            assert e.errno == errno.EIO and HOW != "reload", f"writing: {e}"
            maybe.append(n)
        data = read_all(key)
        # A key that was created and whose first value died is empty.
        seen = check_value(data) if data else None
        assert seen == confirmed or seen in maybe, f"saw {seen}, confirmed {confirmed}, maybe {maybe}"
        if seen is not None:
            confirmed, maybe = seen, []
        count += 2
    return count


def changer(uid, end):
    """Names: each change that succeeds has happened once."""
    rng = random.Random(SEED * 100 + uid)
    become(uid)
    base = f"{MOUNT}/{'public' if uid % 2 else 'private'}/c{uid}"
    a, b, count, version = base + "a", base + "b", 0, 0
    while time.time() < end:
        os.mkdir(a)
        os.mkdir(b)
        os.mknod(a + "/x")
        rename2(a, b, EXCHANGE)
        assert os.listdir(b) == ["x"] and os.listdir(a) == []
        os.rename(b + "/x", b + "/y")
        os.chmod(b + "/y", 0o600)
        before = int(os.getxattr(b, "user.secretfs.version"))
        os.truncate(b + "/y", rng.randrange(100))
        assert int(os.getxattr(b, "user.secretfs.version")) == before + 1
        os.unlink(b + "/y")
        os.rmdir(a)
        rename2(b, a, NOREPLACE)
        os.rmdir(a)
        count += 13
    return count


def reader(uid, end):
    """Never an error, never a wrong byte; a handle that stays open reads its own version for ever."""
    become(uid)
    key = f"{MOUNT}/public/fixed/k"
    kept, count = os.open(key, os.O_RDONLY), 0
    first = os.pread(kept, 65536, 0)
    while time.time() < end:
        check_value(read_all(key))
        assert os.pread(kept, 65536, 0) == first, "a snapshot changed"
        assert "fixed" in os.listdir(f"{MOUNT}/public")
        os.stat(key)
        count += 4
    return count


def run(work, uid, end, results):
    try:
        results.put((work.__name__, work(uid, end), None))
    except BaseException as e:  # noqa: BLE001: whatever it was is the result
        import traceback
        results.put((work.__name__, 0, traceback.format_exc()))


def main():
    print("seed", SEED)
    rng = random.Random(SEED)
    fixed = f"{MOUNT}/public/fixed"
    os.mkdir(fixed)
    with open(fixed + "/k", "wb") as f:
        f.write(value(12))
    end = time.time() + SECONDS
    multiprocessing.set_start_method("fork")  # Python 3.14 has another default
    results = multiprocessing.Queue()
    works = [(writer, 20001), (writer, 20002), (changer, 20003), (changer, 20004), (reader, 20005), (reader, 20006)]
    children = [multiprocessing.Process(target=run, args=(w, uid, end, results)) for w, uid in works]
    for c in children:
        c.start()
    kills = 0
    while time.time() < end:
        time.sleep(rng.uniform(0.01, 0.4))
        if HOW == "reload" or (HOW == "both" and rng.random() < 0.5):
            os.kill(SUPERVISOR, signal.SIGHUP)
            kills += 1
            continue
        pid = worker()
        if pid:
            try:
                os.kill(pid, signal.SIGKILL)
                kills += 1
            except ProcessLookupError:
                pass
    failed, total = [], 0
    for _ in children:
        try:
            name, count, error = results.get(timeout=60)
        except Exception:  # queue.Empty: somebody hangs
            failed.append("a client hangs")
            subprocess.run(["umount", "-f", MOUNT])
            break
        total += count
        if error:
            failed.append(f"{name}: {error}")
    for c in children:
        c.join(10)
    print(f"{kills} kills or reloads, {total} operations")
    # Users' keys that lie about: the next round starts anew.
    for uid in (20001, 20002):
        place = f"{MOUNT}/public/w{uid}" if uid % 2 else f"{MOUNT}/.private/{uid}/w{uid}"
        subprocess.run(["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "rm", "-rf", place])
    subprocess.run(["rm", "-rf", fixed])
    if failed:
        sys.exit("\n".join(failed))


main()

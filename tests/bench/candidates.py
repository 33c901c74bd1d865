# SPDX-License-Identifier: MIT
"""candidates: what is measured: file systems, and commands that read one secret. Each is set up in a folder of its own, as
somebody would who follows its manual, and says how."""
import json
import os
import shutil
import subprocess
import time

PASSWORD = b"benchmark\n"
VALUE = b"v" * 64


class LeftOut(Exception):
    """Why a candidate, or a row of one, is not measured."""


def run(*command, given=b"", seconds=120, env=None, ignore=False):
    """What a command prints; LeftOut with its last words if it fails."""
    if shutil.which(command[0]) is None:
        raise LeftOut(f"{os.path.basename(command[0])} is not installed")
    try:
        # To a file: a daemon that keeps its output open is no reason to wait.
        with open(os.path.join(os.environ["SECRETFS_BENCH"], "said"), "w+b") as said:
            done = subprocess.run(command, input=given, stdout=said, stderr=subprocess.STDOUT, timeout=seconds, env=env)
            said.seek(0)
            text = said.read().decode(errors="replace").strip()
    except subprocess.TimeoutExpired:
        raise LeftOut(f"{os.path.basename(command[0])} took more than {seconds} s") from None
    if done.returncode and not ignore:
        last = text.splitlines()[-1] if text else f"exit code {done.returncode}"
        raise LeftOut(f"{os.path.basename(command[0])}: {last}")
    return text


def wait_for(condition, seconds, what):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise LeftOut(what)
        time.sleep(0.01)


def package_version(package):
    return run("dpkg-query", "-W", "-f=${Version}", package, ignore=True) or "unknown"


class Filesystem:
    packages = ()
    slow = False  # to fill, and to empty: not with the largest listings
    durable = True  # what was written can be made to last
    syncs = ""  # what does not come of that, as its system calls show
    sync = "sync:"  # what that takes: fsync of the file and its folder
    fillers = 8  # threads that may write into it at once
    fresh = True  # may forget what it has cached by being mounted anew

    def __init__(self, bench):
        self.bench = bench
        self.folder = os.path.join(bench.folder, self.name)
        self.mnt = os.path.join(self.folder, "mnt")
        self.how = ""
        self.listed = set()  # sizes of listings that it has

    def setup(self):
        os.makedirs(self.mnt)
        self.create()
        self.start()

    def create(self):
        pass

    def restart(self):
        if self.fresh:
            self.stop()
            self.start()

    def stop(self):
        run("umount", self.mnt)

    @property
    def public(self):
        return f"{self.mnt}/public"

    @property
    def private(self):
        return f"{self.mnt}/private"

    def listing(self, count):
        return f"{self.mnt}/list{count}"

    def fill(self, names, rich):
        os.mkdir(self.public)
        os.symlink("public", self.private)
        self.bench.work("fill", "-n", names, "-l", rich, "-t", self.fillers, self.public)

    def fill_listing(self, count):
        os.mkdir(self.listing(count))
        self.bench.work("fill", "-n", count, "-t", self.fillers, self.listing(count), seconds=self.bench.patience)

    def version(self):
        return package_version(self.packages[0])


class Tmpfs(Filesystem):
    name, title = "tmpfs", "tmpfs"
    durable = False
    fresh = False

    def start(self):
        self.how = "mount -t tmpfs"
        run("mount", "-t", "tmpfs", "-o", "size=2g,nr_inodes=0", "tmpfs", self.mnt)

    def version(self):
        return os.uname().release


class Disk(Filesystem):
    name, title = "disk", "the disk"
    slow = True
    fresh = False

    def start(self):
        kind = run("findmnt", "-no", "FSTYPE,SOURCE", "-T", self.mnt).split()
        self.how = "a folder on " + " ".join(kind) + ", not encrypted"

    def stop(self):
        pass

    def version(self):
        return os.uname().release


class Floor(Filesystem):
    name, title = "floor", "FUSE floor"
    durable = False
    options = ()

    def __init__(self, bench):
        super().__init__(bench)
        self.counts = {}

    def mount(self, place, count):
        program = self.bench.program("bench_null")
        subprocess.Popen([program, *self.options, place, str(count)], stdin=subprocess.DEVNULL, start_new_session=True)
        wait_for(lambda: os.path.ismount(place), 10, "bench_null did not mount")

    def start(self):
        self.how = " ".join(("bench_null", *self.options)) + ": a server that only answers (tests/bench/null.c)"
        self.mount(self.mnt, self.bench.sizes.names)
        for count in self.counts:
            self.mount(f"{self.folder}/list{count}", count)

    def stop(self):
        for place in [self.mnt, *(f"{self.folder}/list{count}" for count in self.counts)]:
            run("umount", place)

    def listing(self, count):
        return f"{self.folder}/list{count}/public"

    def fill(self, names, rich):
        pass

    def fill_listing(self, count):
        os.mkdir(f"{self.folder}/list{count}")
        self.mount(f"{self.folder}/list{count}", count)
        self.counts[count] = True

    def version(self):
        return "libfuse " + package_version("libfuse3-3")


class FloorUring(Floor):
    name, title = "floor-uring", "FUSE floor, io_uring"
    options = ("-r",)


class Served:
    """One store and its daemon."""

    def __init__(self, bench, folder, options):
        self.bench, self.folder, self.options = bench, folder, options
        self.store, self.key, self.mnt = f"{folder}/store/store.db", f"{folder}/key", f"{folder}/mnt"
        self.audit = f"{folder}/audit/audit.log"
        os.makedirs(self.mnt, exist_ok=True)
        os.makedirs(f"{folder}/anchor", 0o700, exist_ok=True)

    def init(self):
        run(self.bench.secretctl, "store", "init", self.store, "--keyfile", self.key, "--user", "secretfs")

    def command(self):
        options = [f"keyfile={self.key}", "user=secretfs", f"anchor={self.folder}/anchor", f"audit_file={self.audit}"]
        return [self.bench.secretfs, self.store, self.mnt, "-o", ",".join(options + list(self.options))]

    def start(self, *more):
        run(*self.command(), *more)

    def held(self):
        """Does a process still have the store open?"""
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                if os.readlink(f"/proc/{pid}/exe") != self.bench.secretfs:
                    continue
                opened = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
            except OSError:
                continue
            if any(path.startswith(f"{self.folder}/store/") for path in opened):
                return True
        return False

    def stop(self):
        run("umount", self.mnt)
        wait_for(lambda: not self.held(), 30, "secretfs did not end")

    def status(self):
        with open(f"{self.mnt}/.secretfs/status") as f:
            return json.load(f)

    def memory(self):
        """RSS and locked memory of the worker, bytes."""
        with open(f"/proc/{self.status()['worker']}/status") as f:
            lines = dict(line.split(":", 1) for line in f)
        return {what: int(lines[what].split()[0]) << 10 for what in ("VmRSS", "VmLck")}


class Secretfs(Filesystem):
    name, title = "secretfs", "secretfs"
    options = ("audit=off",)
    sync = ""  # close returns when it is durable

    def __init__(self, bench):
        super().__init__(bench)
        self.main = Served(bench, self.folder, self.options)
        self.mnt = self.main.mnt
        self.lists = {}

    def setup(self):
        self.how = "secretfs -o " + ",".join(self.options)
        self.main.init()
        self.main.start()

    def start(self):
        for served in [self.main, *self.lists.values()]:
            served.start()

    def stop(self):
        for served in [self.main, *self.lists.values()]:
            served.stop()

    def listing(self, count):
        return f"{self.lists[count].mnt}/public"

    def fill(self, names, rich):
        self.bench.work("fill", "-n", names, "-l", rich, "-t", self.fillers, self.public)
        self.bench.work("fill", "-n", rich + 1, "-l", rich, "-t", self.fillers, self.private)

    def fill_listing(self, count):
        served = Served(self.bench, f"{self.folder}/list{count}", self.options)
        self.bench.copy_store(count, served)
        served.start("--accept-rollback")
        self.lists[count] = served

    def version(self):
        return run(self.bench.secretfs, "--version").splitlines()[0]


class SecretfsAudit(Secretfs):
    name, title = "secretfs-audit", "secretfs, audit"
    options = ("audit=required", "audit_rate=0")


class SecretfsCache(Secretfs):
    name, title = "secretfs-cache", "secretfs, kernel_cache"
    options = ("audit=off", "kernel_cache=yes")


class SecretfsUring(Secretfs):
    name, title = "secretfs-uring", "secretfs, io_uring"
    options = ("audit=off", "transport=io_uring")


class Peer(Filesystem):
    slow = True

    def create(self):
        self.lower = os.path.join(self.folder, "lower")
        os.makedirs(self.lower)
        self.password = os.path.join(self.folder, "password")
        with open(self.password, "wb") as f:
            f.write(PASSWORD)
        self.make()

    def mounted(self, *command, given=b""):
        self.how = " ".join(os.path.relpath(word, self.folder) if word.startswith(self.folder) else word for word in command)
        run(*command, given=given)
        wait_for(lambda: os.path.ismount(self.mnt), 10, f"{command[0]} did not mount")

    def stop(self):
        run("umount", self.mnt)
        # The next one must not meet this one at the same folder.
        wait_for(lambda: not self.alive(), 20, f"{self.name} did not end")

    def alive(self):
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as f:
                    words = f.read().split(b"\0")
            except OSError:
                continue
            if self.mnt.encode() in words and os.path.basename(words[0]).decode() == self.name:
                return True
        return False


class Gocryptfs(Peer):
    name, title = "gocryptfs", "gocryptfs"
    packages = ("gocryptfs",)

    def make(self):
        run("gocryptfs", "-q", "-init", "-passfile", self.password, self.lower)

    def start(self):
        self.mounted("gocryptfs", "-q", "-passfile", self.password, self.lower, self.mnt)


class Encfs(Peer):
    name, title = "encfs", "encfs"
    syncs = "fsync of a folder does not reach the disk, only that of a file"
    packages = ("encfs",)

    def make(self):
        pass

    def start(self):
        # The first time it makes the file system.
        self.mounted("encfs", "--standard", "--stdinpass", self.lower, self.mnt, given=PASSWORD)


class Securefs(Peer):
    name, title = "securefs", "securefs"
    syncs = "fsync of a folder does not reach the disk, only that of a file"
    packages = ("securefs",)

    def make(self):
        run("securefs", "create", "--pass", PASSWORD.decode().strip(), self.lower)

    def start(self):
        word = PASSWORD.decode().strip()
        self.mounted("securefs", "mount", "-b", "--log", f"{self.folder}/log", "--pass", word, self.lower, self.mnt)


class Cryfs(Peer):
    name, title = "cryfs", "CryFS"
    durable = False
    syncs = "left out of the durable rows: its fsync does not reach the disk"
    packages = ("cryfs",)
    fillers = 1  # several at once get EEXIST for what none of them has made

    def make(self):
        os.environ.update(
            CRYFS_FRONTEND="noninteractive", CRYFS_NO_UPDATE_CHECK="true", CRYFS_LOCAL_STATE_DIR=f"{self.folder}/state"
        )

    def start(self):
        self.mounted("cryfs", "--logfile", f"{self.folder}/log", self.lower, self.mnt, given=PASSWORD)


FILESYSTEMS = (Tmpfs, Disk, Floor, FloorUring, Secretfs, SecretfsAudit, SecretfsCache, SecretfsUring, Gocryptfs, Encfs, Securefs, Cryfs)


class Command:
    """A program that prints the value of one secret."""

    packages = ()

    def __init__(self, bench):
        self.bench = bench
        self.folder = os.path.join(bench.folder, "commands", self.name)
        self.how = ""

    def setup(self):
        os.makedirs(self.folder, 0o700)
        self.command = self.make()
        said = run(*self.command)
        if said.encode() != VALUE:
            raise LeftOut(f"{self.command[0]} printed something else: {said[:40]!r}")
        self.how = " ".join(os.path.basename(word) if "/" in word else word for word in self.command)

    def stop(self):
        pass

    def version(self):
        return package_version(self.packages[0])


class Cat(Command):
    name, title = "cat", "cat, from secretfs"
    packages = ("coreutils",)

    def make(self):
        return ["cat", f"{self.bench.served().public}/n0/k"]


class Secretctl(Command):
    name, title = "secretctl", "secretctl get"

    def make(self):
        return [self.bench.secretctl, "-m", self.bench.served().mnt, "get", "public/n0", "k"]

    def version(self):
        return run(self.bench.secretctl, "--version")


class Gpg(Command):
    """One key without a passphrase for all that use it: no agent asks, and nothing is slower for that."""

    name, title = "gpg", "gpg -d"
    packages = ("gnupg",)
    whom = "bench@localhost"

    def key(self):
        home = os.path.join(self.bench.folder, "commands", "gnupg")
        if not os.path.isdir(home):
            os.makedirs(home, 0o700)
            os.environ["GNUPGHOME"] = home
            run("gpg", "--batch", "-q", "--passphrase", "", "--quick-generate-key", self.whom, "default", "default", "never")

    def make(self):
        self.key()
        file = f"{self.folder}/value.gpg"
        run("gpg", "--batch", "-q", "--trust-model", "always", "-e", "-r", self.whom, "-o", file, given=VALUE)
        return ["gpg", "-q", "--batch", "-d", file]


class Pass(Gpg):
    name, title = "pass", "pass"
    packages = ("pass",)

    def make(self):
        self.key()
        store = os.path.join(self.bench.folder, "commands", "pass-store")
        os.environ["PASSWORD_STORE_DIR"] = store
        if not os.path.isdir(store):
            run("pass", "init", self.whom)
            run("pass", "insert", "-m", "value", given=VALUE + b"\n")
        return ["pass", "show", "value"]


class Gopass(Pass):
    name, title = "gopass", "gopass"
    packages = ("gopass", "pass")  # the store is made by pass

    def make(self):
        super().make()
        return ["gopass", "show", "value"]


class Age(Command):
    name, title = "age", "age -d"
    packages = ("age",)

    def make(self):
        key, file = f"{self.folder}/key", f"{self.folder}/value.age"
        run("age-keygen", "-o", key)
        run("age", "-R", self.recipient(key), "-o", file, given=VALUE)
        return ["age", "-d", "-i", key, file]

    def recipient(self, key):
        path = f"{self.folder}/recipient"
        with open(path, "w") as f:
            f.write(run("age-keygen", "-y", key) + "\n")
        return path


class Keyctl(Command):
    name, title = "keyctl", "keyctl, user keyring"
    packages = ("keyutils",)

    def make(self):
        self.key = "secretfs-bench-" + self.bench.folder.rsplit(".", 1)[-1]
        return ["keyctl", "pipe", run("keyctl", "padd", "user", self.key, "@u", given=VALUE)]

    def stop(self):
        run("keyctl", "purge", "-s", "user", self.key)


class SecretTool(Command):
    name, title = "secret-tool", "secret-tool, GNOME keyring"
    packages = ("libsecret-tools", "gnome-keyring", "dbus-daemon")

    def make(self):
        self.started = []
        address = f"unix:path={self.folder}/bus"
        os.environ.update(DBUS_SESSION_BUS_ADDRESS=address, XDG_RUNTIME_DIR=self.folder, XDG_DATA_HOME=self.folder)
        for program in ("dbus-daemon", "gnome-keyring-daemon", "secret-tool"):
            if not shutil.which(program):
                raise LeftOut(f"{program} is not installed")
        self.background("dbus-daemon", "--session", "--nofork", f"--address={address}")
        wait_for(lambda: os.path.exists(f"{self.folder}/bus"), 5, "dbus-daemon did not start")
        self.background("gnome-keyring-daemon", "--foreground", "--unlock", "--components=secrets", given=PASSWORD.strip())
        wait_for(lambda: os.path.isdir(f"{self.folder}/keyring"), 5, "gnome-keyring-daemon did not start without a desktop")
        run("secret-tool", "store", "--label=bench", "bench", "value", given=VALUE, seconds=10)
        return ["secret-tool", "lookup", "bench", "value"]

    def background(self, *command, given=b""):
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        process.stdin.write(given)
        process.stdin.close()
        self.started.append(process)

    def stop(self):
        for process in reversed(self.started):
            process.terminate()
            process.wait()


COMMANDS = (Cat, Secretctl, Pass, Gopass, Age, Gpg, Keyctl, SecretTool)

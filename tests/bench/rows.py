# SPDX-License-Identifier: MIT
"""rows: what is measured, and how. Each stage measures some rows for all file systems in turns."""
import contextlib
import dataclasses
import os

from candidates import LeftOut


@dataclasses.dataclass(frozen=True)
class Sizes:
    names: int = 4000  # secrets, so many that none is read twice within a second
    rich: int = 20  # of them with values of all sizes, which are read again and again
    reads: int = 8000
    large_reads: int = 300
    many_reads: int = 4000
    many_large_reads: int = 400
    stats: int = 8000
    keys: int = 100  # times that all keys of one secret are read
    writes: int = 400
    many_writes: int = 1600
    listings: tuple = (100, 10000, 100000)
    slow_listing: int = 10000  # the largest for those that take long to fill
    listed: int = 3  # times, each time on fresh mounts
    late: int = 420  # seconds after which no listing is measured another time; half as many more: no start
    walked: int = 10000  # secrets for find and grep; one of listings
    scale: tuple = (100, 1000, 100000, 1000000)  # secrets in a store for start and memory
    opened: tuple = (1000, 1000000)  # of those, where secrets are opened
    opens: int = 1000  # each time, each another one
    starts: int = 10
    commands: int = 40


FULL = Sizes()
QUICK = Sizes(
    names=2000, reads=1500, large_reads=50, many_reads=800, many_large_reads=200, stats=2000, keys=15, writes=100,
    many_writes=400, listings=(100, 1000, 10000), slow_listing=1000, listed=1, late=60, walked=1000, scale=(100, 1000),
    opened=(1000,), opens=500, starts=3, commands=8,
)  # fmt: skip
SMOKE = Sizes(
    names=100, rich=10, reads=200, large_reads=4, many_reads=200, many_large_reads=200, stats=200, keys=2, writes=20,
    many_writes=200, listings=(100,), listed=1, walked=100, scale=(100,), opened=(100,), opens=50, starts=1, commands=2,
)  # fmt: skip

VALUES = (("64", "k", "64 B"), ("4k", "k4", "4 KiB"), ("1m", "k1", "1 MiB"))


@dataclasses.dataclass(frozen=True)
class Row:
    key: str
    title: str
    stage: str
    unit: str = "ns"  # or bytes


def rows(sizes):
    """All rows in the order in which they are shown."""
    found = []
    for size, _, title in VALUES:
        for where in ("public", "private"):
            key = f"read-{size}" + ("-private" if where == "private" else "")
            found.append(Row(key, f"read {title}, {where}", "reads"))
            found.append(Row(f"{key}-8", f"read {title}, {where}, 8 threads", "many"))
    found.append(Row("read-64-each", "read 64 B, each time another one", "reads"))
    found.append(Row("read-64-core", "read 64 B, all on one core", "reads"))
    found.append(Row("each-core", "each time another one, all on one core", "reads"))
    found += [
        Row("stat-fresh", "stat of a fresh name", "fresh"),
        Row("stat", "stat, cached", "fresh"),
        Row("keys", "100 keys of a secret, file by file", "keys"),
        Row("json", ".json of 100 keys", "keys"),
        Row("create", "create a key, durable", "writes"),
        Row("replace", "replace a key, durable", "writes"),
        Row("replace-8", "replace a key, durable, 8 threads", "writes"),
        Row("mkdir", "new secret with a key, durable", "writes"),
    ]
    for count in sizes.listings:
        found.append(Row(f"list-{count}", f"list {count:,} secrets", "listings"))
        found.append(Row(f"attrs-{count}", f"list {count:,} with attributes", "listings"))
    found += [
        Row("find", f"find, {sizes.walked:,} secrets", "listings"),
        Row("grep", f"grep -r, {sizes.walked:,} secrets", "listings"),
    ]
    for count in sizes.scale:
        found.append(Row(f"start-{count}", f"start until served, {count:,} secrets", "scale"))
        found.append(Row(f"rss-{count}", f"memory (RSS), {count:,} secrets", "scale", unit="bytes"))
        found.append(Row(f"locked-{count}", f"of it locked, {count:,} secrets", "scale", unit="bytes"))
    for count in sizes.opened:
        found.append(Row(f"open-{count}", f"open a fresh name of {count:,}", "scale"))
        found.append(Row(f"again-{count}", f"open it again, of {count:,}", "scale"))
    found.append(Row("command", "one value, as a program", "commands"))
    return found


def servers(folder):
    """Processes that were started for something in the folder, and their children: a worker's command line says nothing."""
    pids, parents = set(), {}
    for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
        with contextlib.suppress(OSError):
            with open(f"/proc/{pid}/stat") as f:
                parents[pid] = int(f.read().rsplit(")", 1)[1].split()[1])
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                if folder.encode() in f.read():
                    pids.add(pid)
    pids.discard(os.getpid())
    return pids | {pid for pid, parent in parents.items() if parent in pids}


@contextlib.contextmanager
def one_core(folder):
    """This process, what it starts, and all servers run on one core."""
    before = os.sched_getaffinity(0)
    threads = [int(tid) for pid in servers(folder) | {os.getpid()} for tid in os.listdir(f"/proc/{pid}/task")]

    def all_to(cores):
        for tid in threads:
            with contextlib.suppress(OSError):
                os.sched_setaffinity(tid, cores)

    all_to({max(before)})
    try:
        yield
    finally:
        all_to(before)


class Measure:
    """Runs stages and puts series of nanoseconds into bench.results."""

    def __init__(self, bench):
        self.bench, self.sizes = bench, bench.sizes

    def wants(self, *keys):
        return [key for key in keys if key in self.bench.wanted_rows]

    def in_turns(self, key, places, command):
        """Lines of bench_work for places {candidate: path}. One that fails is left out of this row, and told."""
        while places:
            try:
                return zip(places, self.bench.work(*command(places)).splitlines())
            except LeftOut as why:
                guilty = [name for name in places if f"/{name}/" in str(why)]
                if not guilty:
                    raise
                self.bench.note(f"{guilty[0]}: left out of {key}: {why}")
                places = {name: place for name, place in places.items() if name != guilty[0]}
        return ()

    def turns(self, key, work, places, *options, drop=0):
        """One row: work of bench_work at places, in turns. drop: how many of each are for warming up."""
        if key not in self.bench.wanted_rows:
            return
        for name, line in self.in_turns(key, places, lambda left: (work, *options, *left.values())):
            wall, *times = map(int, line.split())
            self.bench.add(key, name, times[drop:], wall=wall if "-t" in options else 0)

    def places(self, suffix, where="public", without=lambda c: False):
        return {c.name: f"{getattr(c, where)}/{suffix}" for c in self.bench.filesystems if not without(c)}

    # ---- stages ----

    def fresh(self):
        self.turns("stat-fresh", "stat", self.places("n%/k"), "-r", self.sizes.names, "-n", self.sizes.names, "-s", 1)
        drop = self.sizes.rich
        self.turns("stat", "stat", self.places("n%/k"), "-r", self.sizes.stats + drop, "-n", drop, drop=drop)

    def reads(self):
        for size, key, _ in VALUES:
            rounds = self.sizes.large_reads if size == "1m" else self.sizes.reads
            for where in ("public", "private"):
                row = f"read-{size}" + ("-private" if where == "private" else "")
                self.read(row, f"n%/{key}", where, rounds, self.sizes.rich)
        # A line of the audit log for each, which openings of the same value within a second share.
        count = self.count_lines()
        self.read("read-64-each", "n%/k", "public", self.sizes.reads, self.sizes.names)
        count()
        # Which core wakes which is chance, and costs more than what is to be compared.
        if self.wants("read-64-core", "each-core"):
            with one_core(self.bench.folder):
                self.read("read-64-core", "n%/k", "public", self.sizes.reads, self.sizes.rich)
                self.read("each-core", "n%/k", "public", self.sizes.reads, self.sizes.names)

    def read(self, row, path, where, rounds, names):
        drop = min(names, rounds // 4)
        self.turns(row, "read", self.places(path, where), "-r", rounds + drop, "-n", names, drop=drop)

    def many(self):
        for size, key, _ in VALUES:
            rounds = self.sizes.many_large_reads if size == "1m" else self.sizes.many_reads
            for where in ("public", "private"):
                row = f"read-{size}" + ("-private" if where == "private" else "") + "-8"
                self.turns(row, "read", self.places(f"n%/{key}", where), "-r", rounds, "-n", self.sizes.rich, "-t", 8)

    def count_lines(self):
        audited = [c for c in self.bench.filesystems if c.name == "secretfs-audit" and "read-64-each" in self.bench.wanted_rows]
        before = [lines_of(c.main.audit) for c in audited]
        opens = self.sizes.reads + min(self.sizes.names, self.sizes.reads // 4)

        def tell():
            for c, n in zip(audited, before):
                lines = lines_of(c.main.audit) - n
                self.bench.note(f"{c.title}, each time another one: {lines} lines of the log for {opens} openings")

        return tell

    def keys(self):
        last = f"n{self.sizes.rich}"
        drop = max(1, self.sizes.keys // 10)
        self.turns("keys", "keys", self.places(last), "-r", self.sizes.keys + drop, drop=drop)
        views = {c.name: f"{c.public}/{last}/.json" for c in self.bench.filesystems if isinstance(c, self.bench.secretfs_kind)}
        self.turns("json", "read", views, "-r", self.sizes.keys + drop, drop=drop)

    def writes(self):
        """In folders of their own, made by the first row that needs them."""
        written = [c for c in self.bench.filesystems if c.durable]
        if not written or not self.wants("create", "replace", "replace-8", "mkdir"):
            return
        for c in self.bench.filesystems:
            if c.syncs:
                self.bench.note(f"{c.name}: {c.syncs}")
        places = {c.name: f"{c.sync}{c.public}/w%" for c in written}
        n = self.sizes.writes
        self.make_folders(places, n)
        self.turns("create", "create", {name: f"{place}/c" for name, place in places.items()}, "-r", n, "-n", n)
        # Versions of before are kept and dropped again: as it is after some time.
        keys = {name: f"{place}/k" for name, place in places.items()}
        self.turns("replace", "replace", keys, "-r", n, "-n", 20)
        self.turns("replace-8", "replace", keys, "-r", self.sizes.many_writes, "-n", min(n, 160), "-t", 8)

    def make_folders(self, places, n):
        """The row mkdir, also if it is not asked for."""
        for name, line in self.in_turns("mkdir", places, lambda left: ("mkdir", "-r", n, "-n", n, *left.values())):
            self.bench.add("mkdir", name, [int(word) for word in line.split()[1:]])

    def listings(self):
        """Once; to be called on fresh mounts. Attributes first, while nothing is cached."""
        for count in self.sizes.listings:
            places = {c.name: c.listing(count) for c in self.bench.filesystems if count in c.listed}
            self.turns(f"attrs-{count}", "attrs", places)
            self.turns(f"list-{count}", "list", places)
        places = {c.name: c.listing(self.sizes.walked) for c in self.bench.filesystems if self.sizes.walked in c.listed}
        self.spawn("find", {name: ["find", place, "-type", "f"] for name, place in places.items()})
        # It finds nothing, which grep ends with 1.
        self.spawn("grep", {name: ["grep", "-r", "absent", place] for name, place in places.items()}, "-e", 1)

    def spawn(self, key, commands, *options):
        if key not in self.bench.wanted_rows:
            return
        words = lambda left: [word for command in left.values() for word in ("--", *command)]  # noqa: E731
        for name, line in self.in_turns(key, commands, lambda left: ("spawn", *options, *words(left))):
            self.bench.add(key, name, [int(word) for word in line.split()[1:]])

    def scale(self):
        """secretfs alone, with stores of several sizes, in turns."""
        served = {}
        for count in self.sizes.scale:
            if self.wants(*(f"{row}-{count}" for row in ("start", "rss", "locked", "open", "again"))):
                served[count] = self.bench.serve_scale(count)
        for seed in range(self.sizes.starts):
            if seed >= 3 and self.bench.late("start", self.sizes.late * 3 // 2):
                break
            for count, one in served.items():
                self.spawn(f"start-{count}", {"secretfs": one.command()})
                if f"start-{count}" not in self.bench.wanted_rows:
                    one.start()
                if count in self.sizes.opened:
                    self.opens(one, count, seed)
                memory = one.memory()
                self.bench.add(f"rss-{count}", "secretfs", [memory["VmRSS"]])
                self.bench.add(f"locked-{count}", "secretfs", [memory["VmLck"]])
                one.stop()

    def opens(self, one, count, seed):
        """Random ones, none twice, then the same ones again."""
        for key in (f"open-{count}", f"again-{count}"):
            self.turns(key, "open", {"secretfs": f"{one.mnt}/public/n%/k"}, "-r", self.sizes.opens, "-n", count, "-s", seed)

    def commands(self):
        commands = {c.name: c.command for c in self.bench.commands}
        self.spawn("command", commands, "-r", self.sizes.commands)


def lines_of(path):
    n = 0
    with open(path, "rb") as f:
        for line in f:
            n += b'"operation":"read"' in line
    return n

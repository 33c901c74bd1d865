# SPDX-License-Identifier: MIT
"""bench.py: what tests/bench/run runs: chooses candidates and rows, sets up, measures, writes down."""
import argparse
import datetime
import os
import shutil
import signal
import subprocess
import sys
import time

import report
from candidates import COMMANDS, FILESYSTEMS, LeftOut, Secretfs, Served, run
from rows import FULL, QUICK, SMOKE, Measure, rows

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
SMOKED = ("tmpfs", "floor", "secretfs", "secretfs-audit", "cat", "secretctl")


class Bench:
    secretfs_kind = Secretfs

    def __init__(self, args, mode, sizes):
        self.began = time.monotonic()
        self.folder, self.mode, self.sizes = args.folder, mode, sizes
        self.build = os.environ["SECRETFS_BUILD"]
        self.secretfs, self.secretctl = (os.path.join(self.build, name) for name in ("secretfs", "secretctl"))
        self.rows = rows(sizes)
        self.wanted, self.wanted_rows = chosen(args, self.rows)
        self.patience = 60 if mode == "full" else 30
        self.results = {}  # row -> candidate -> [nanoseconds]
        self.walls = {}  # the same -> nanoseconds of wall time, where several threads worked
        self.left_out = {}  # candidate -> why
        self.about = {}  # candidate -> title, version, how it was started
        self.notes = []
        self.filesystems, self.commands = [], []
        self.stores = {}  # of so many secrets -> its folder

    # ---- for candidates and rows ----

    def program(self, name):
        return os.path.join(self.build, "tests/bin", name)

    def work(self, *words, seconds=None):
        command = [self.program("bench_work"), *map(str, words)]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds)
        if done.returncode:
            raise LeftOut(done.stderr.strip() or f"bench_work ended with {done.returncode}")
        return done.stdout

    def add(self, row, name, values, wall=0):
        if row in self.wanted_rows:
            self.results.setdefault(row, {}).setdefault(name, []).extend(values)
            if wall:
                self.walls.setdefault(row, {})[name] = wall

    def note(self, text):
        self.notes.append(text)
        print(f"   {text}", flush=True)

    def served(self):
        for c in self.filesystems:
            if isinstance(c, Secretfs):
                return c
        raise LeftOut("secretfs itself is not measured")

    def store_of(self, count):
        """A folder with a store of so many secrets, and its key."""
        if count not in self.stores:
            place = Served(self, f"{self.folder}/stores/{count}", ("audit=off",))
            say(f"making a store of {count:,} secrets")
            place.init()
            run(self.program("bench_fill"), place.store, place.key, str(count), seconds=600)
            run("chown", "-R", "secretfs:secretfs", os.path.dirname(place.store))
            self.stores[count] = place
        return self.stores[count]

    def copy_store(self, count, place):
        made = self.store_of(count)
        run("cp", "-a", os.path.dirname(made.store), made.key, place.folder)

    def serve_scale(self, count):
        """A store for the stage scale, started once so that it has an anchor."""
        place = self.store_of(count)
        place.start("--accept-rollback")
        place.stop()
        return place

    def late(self, what, seconds):
        """Told: a slow machine shall not need hours."""
        if time.monotonic() < self.began + seconds:
            return False
        self.note(f"{what}: fewer times than planned, {seconds} s have passed")
        return True

    # ---- the course ----

    def attempt(self, candidate, action, *args):
        """False, and told, if it fails: the candidate is left out then."""
        try:
            action(*args)
            return True
        except (LeftOut, OSError) as why:
            self.leave_out(candidate, str(why))
            return False

    def leave_out(self, candidate, why):
        self.left_out[candidate.name] = why
        print(f"   left out: {candidate.name}: {why}", flush=True)

    def set_up(self, kinds):
        found = []
        for kind in kinds:
            if kind.name in self.wanted:
                candidate = kind(self)
                if self.attempt(candidate, candidate.setup):
                    found.append(candidate)
        return found

    def fill(self):
        reading = self.stage_wanted("fresh", "reads", "many", "keys", "writes", "commands")
        for c in list(self.filesystems):
            say(f"filling {c.name}")
            if (reading and not self.attempt(c, c.fill, self.sizes.names, self.sizes.rich)) or not self.fill_listings(c):
                self.filesystems.remove(c)

    def listings(self):
        """Sizes of those that some row needs."""
        walked = {self.sizes.walked} if self.wanted_rows & {"find", "grep"} else set()
        listed = {n for n in self.sizes.listings if self.wanted_rows & {f"list-{n}", f"attrs-{n}"}}
        return sorted(walked | listed)

    def fill_listings(self, c):
        for count in self.listings():
            if c.slow and count > self.sizes.slow_listing:
                self.note(f"{c.name}: left out of the rows of {count:,} secrets, which take too long to make")
                continue
            try:
                c.fill_listing(count)
                c.listed.add(count)
            except subprocess.TimeoutExpired:
                self.note(f"{c.name}: left out of the rows of {count:,} secrets: making them took more than {self.patience} s")
            except (LeftOut, OSError) as why:
                self.leave_out(c, str(why))
                return False
        return True

    def restart(self):
        say("mounting anew")
        for c in list(self.filesystems):
            if not self.attempt(c, c.restart):
                self.filesystems.remove(c)

    def stage_wanted(self, *stages):
        return any(row.stage in stages and row.key in self.wanted_rows for row in self.rows)

    def stage(self, name):
        if self.stage_wanted(name):
            say(f"measuring: {name}")
            getattr(Measure(self), name)()

    def filesystem_stages(self):
        self.filesystems = self.set_up(FILESYSTEMS)
        self.fill()
        for round_number in range(self.sizes.listed):
            if round_number > 0 and self.late("list", self.sizes.late):
                break
            if self.stage_wanted("fresh", "listings") or round_number == 0:
                self.restart()
            if round_number == 0:
                self.stage("fresh")
            self.stage("listings")
        for name in ("reads", "many", "keys", "writes"):
            self.stage(name)

    def run(self):
        if self.stage_wanted("fresh", "listings", "reads", "many", "keys", "writes", "commands"):
            self.filesystem_stages()
        if self.stage_wanted("commands"):
            self.commands = self.set_up(COMMANDS)
            self.stage("commands")
            self.record(self.commands)
        self.record(self.filesystems)
        for c in self.commands + self.filesystems:
            try:
                c.stop()
            except LeftOut as why:
                self.note(f"{c.name}: {why}")
        if "secretfs" in self.wanted:
            self.stage("scale")

    def record(self, candidates):
        for c in candidates:
            self.about[c.name] = {"title": c.title, "version": c.version(), "how": c.how}


def say(text):
    print(f"== {time.strftime('%H:%M:%S')} {text}", flush=True)


def names_of_candidates():
    return [kind.name for kind in FILESYSTEMS + COMMANDS]


def chosen(args, all_rows):
    """Names of candidates and of rows. --only may name either: what is not named of a kind is all of it."""
    candidates = [name for name in args.only if name in names_of_candidates()] if args.only else []
    keys = [row.key for row in all_rows]
    wanted = [name for name in args.only or () if name in keys]
    everything = SMOKED if args.smoke else names_of_candidates()
    programs = {kind.name for kind in COMMANDS}
    if candidates and programs.issuperset(candidates):
        wanted = ["command"]
        candidates.append(Secretfs.name)  # which has what cat and secretctl read
    return candidates or list(everything), set(wanted or keys)


def arguments():
    parser = argparse.ArgumentParser(prog="tests/bench/run", description="secretfs beside others, the same work in turns")
    parser.add_argument("--quick", action="store_true", help="at most 90 s: fewer rounds, nothing of 100,000 and more")
    parser.add_argument("--smoke", action="store_true", help="tiny, for the tests")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="candidates and rows; --list names them")
    parser.add_argument("--list", action="store_true", help="the names of candidates and rows")
    parser.add_argument("--readme", action="store_true", help="puts the last results into README.md")
    parser.add_argument("--out", metavar="FOLDER", help="where results go")
    for internal in ("--packages", "--check"):
        parser.add_argument(internal, action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    args = parser.parse_args()
    args.mode = "smoke" if args.smoke else "quick" if args.quick else "full"
    args.sizes = {"full": FULL, "quick": QUICK, "smoke": SMOKE}[args.mode]
    known = names_of_candidates() + [row.key for row in rows(args.sizes)]
    for name in args.only or ():
        if name not in known:
            parser.error(f"there is no candidate or row {name} in a {args.mode} run; --list names all")
    return args


def where_to(args):
    if args.out:
        return args.out
    return os.path.join(HERE, "results") if args.mode == "full" and not args.only else os.path.join(TOP, "build/bench")


def main():
    args = arguments()
    if args.list:
        print("candidates:", *names_of_candidates())
        print("rows:", *(row.key for row in rows(args.sizes)))
    elif args.readme:
        report.write_readme(os.path.join(HERE, "results/latest.json"), os.path.join(TOP, "README.md"))
    elif args.packages:
        wanted = chosen(args, rows(args.sizes))[0]
        for package in sorted({p for kind in FILESYSTEMS + COMMANDS if kind.name in wanted for p in kind.packages}):
            print(package)
    elif not args.check:
        measure(args)


def measure(args):
    # The shell that started this cleans up.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    began = datetime.datetime.now(datetime.timezone.utc)
    bench = Bench(args, args.mode, args.sizes)
    bench.run()
    result = report.collect(bench, began)
    report.show(result)
    out = where_to(args)
    os.makedirs(out, exist_ok=True)
    report.write_json(result, os.path.join(out, "latest.json"))
    if shutil.which("gnuplot"):
        report.draw(result, out, bench.folder)
    say(f"written to {os.path.relpath(out)}; cleaning up")


if __name__ == "__main__":
    main()

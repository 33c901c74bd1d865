# SPDX-License-Identifier: MIT
"""report: what was measured as a table, goals, JSON, a picture, and a part of README.md."""
import json
import math
import os
import statistics
import sys

from candidates import FILESYSTEMS, package_version, run

PEERS = ("gocryptfs", "encfs", "securefs", "cryfs")
BEGIN, END = "<!-- bench -->", "<!-- /bench -->"
MIB = 1 << 20


# ---- figures ----


def summary(values, wall):
    ordered = sorted(values)
    figures = {
        "n": len(ordered),
        "median": statistics.median(ordered),
        "p10": ordered[len(ordered) // 10],
        "p99": ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)],
        "mean": round(statistics.fmean(ordered)),
        "min": ordered[0],
    }
    if wall:
        figures["per_second"] = round(len(ordered) * 1e9 / wall, 1)
    return figures


def number(x):
    return f"{x:.0f}" if x >= 100 else f"{x:.1f}" if x >= 10 else f"{x:.2f}"


def text(value, unit="ns"):
    if unit == "bytes":
        return f"{number(value / MIB)} MiB"
    for limit, divisor, name in ((1e6, 1e3, "µs"), (1e9, 1e6, "ms")):
        if value < limit:
            return f"{number(value / divisor)} {name}"
    return f"{number(value / 1e9)} s"


def signed(value):
    return ("-" if value < 0 else "+") + text(abs(value))


# ---- the machine ----


def first_line(path, key):
    with open(path) as f:
        for line in f:
            if line.startswith(key):
                return line.split(":", 1)[1].strip()
    return "unknown"


def machine(bench):
    return {
        "cpu": first_line("/proc/cpuinfo", "model name"),
        "cores": os.cpu_count(),
        "memory": int(first_line("/proc/meminfo", "MemTotal").split()[0]) << 10,
        "kernel": os.uname().release,
        "system": first_line_of_release(),
        "disk": " ".join(run("findmnt", "-no", "FSTYPE,OPTIONS", "-T", bench.folder).split()),
        "libraries": {name: package_version(name) for name in ("libfuse3-3", "libsodium23", "libsqlite3-0")},
        "load": round(os.getloadavg()[0], 1),
    }


def first_line_of_release():
    with open("/etc/os-release") as f:
        return next((line.split("=", 1)[1].strip().strip('"') for line in f if line.startswith("PRETTY_NAME=")), "unknown")


def collect(bench, began):
    return {
        "date": began.isoformat(timespec="seconds"),
        "mode": bench.mode,
        "machine": machine(bench),
        "candidates": bench.about,
        "left_out": bench.left_out,
        "notes": bench.notes,
        "rows": [
            {
                "key": row.key,
                "title": row.title,
                "stage": row.stage,
                "unit": row.unit,
                "results": {
                    name: summary(values, bench.walls.get(row.key, {}).get(name))
                    for name, values in bench.results.get(row.key, {}).items()
                },
            }
            for row in bench.rows
            if row.key in bench.wanted_rows
        ],
    }


# ---- goals ----


class Goals:
    """Each is (what is wanted, what was measured, met, not met or not measured)."""

    def __init__(self, result):
        self.rows = {row["key"]: row["results"] for row in result["rows"]}
        self.titles = {row["key"]: row["title"] for row in result["rows"]}
        self.found = []
        self.all()

    def get(self, row, name, figure="median"):
        return self.rows.get(row, {}).get(name, {}).get(figure)

    def add(self, goal, values, figure, met):
        if any(value is None for value in values):
            self.found.append((goal, "", "not measured"))
        else:
            self.found.append((goal, figure(*values), "met" if met(*values) else "not met"))

    def difference(self, goal, row, more, less, limit):
        """p10: what is left of it where other work on the machine disturbs least."""

        def figure(a, b, a10, b10):
            return f"{signed(a - b)} ({text(a)} beside {text(b)}; p10 {signed(a10 - b10)})"

        values = [self.get(row, name, which) for which in ("median", "p10") for name in (more, less)]
        self.add(goal, values, figure, lambda a, b, *_: a - b <= limit)

    def ratio(self, goal, this, that, limit):
        values = self.get(*this), self.get(*that)
        self.add(goal, values, lambda a, b: f"{a / b:.2f} ({text(a)} beside {text(b)})", lambda a, b: a / b <= limit)

    def below(self, goal, row, limit, unit="ns"):
        self.add(goal, (self.get(row, "secretfs"),), lambda a: text(a, unit), lambda a: a < limit)

    def all(self):
        self.difference("read of 64 B: at most 7 µs more than the floor", "read-64-core", "secretfs", "floor", 7e3)
        self.difference("audit: at most 3 µs more, each time another one", "each-core", "secretfs-audit", "secretfs", 3e3)
        # A cached stat the kernel answers without asking anybody: it is the same for all.
        level = [row for row in self.rows if "-1m" in row or row == "stat"]
        small = [row for row in self.rows if row not in level]
        self.peers("ahead of every FUSE peer in every row up to 64 KiB", small, 1)
        self.peers("level with every FUSE peer at 1 MiB and where the kernel answers", level, 1.1)
        cached, floor = ("read-64", "secretfs-cache"), ("read-64", "floor")
        self.ratio("kernel_cache: a read at most 0.6 of the floor", cached, floor, 0.6)
        listed, floor = ("attrs-100000", "secretfs"), ("attrs-100000", "floor")
        self.ratio("list 100,000 with attributes: at most 2 times the floor", listed, floor, 2)
        # Not the first time: that adds up a bucket, of more secrets in a larger store.
        many, few = ("again-1000000", "secretfs"), ("again-1000", "secretfs")
        self.ratio("open at 1,000,000 secrets, not for the first time: at most 1.3 times that at 1,000", many, few, 1.3)
        self.below("start at 1,000,000 secrets: below 50 ms", "start-1000000", 50e6)
        self.below("memory at 1,000,000 secrets: below 32 MiB", "rss-1000000", 32 * MIB, "bytes")
        self.add(
            "8 durable writers: at least 2.5 times the closes of one",
            (self.get("replace-8", "secretfs", "per_second"), self.get("replace", "secretfs", "mean")),
            lambda eight, mean: f"{eight * mean / 1e9:.2f} ({eight:.0f} a second beside {1e9 / mean:.0f})",
            lambda eight, mean: eight * mean / 1e9 >= 2.5,
        )
        self.difference("secretctl get: at most 3 ms more than cat", "command", "secretctl", "cat", 3e6)

    def peers(self, goal, rows, level):
        """secretfs beside the best of the peers, row by row."""
        behind, compared = [], 0
        for key in rows:
            results = self.rows[key]
            others = [results[name]["median"] for name in PEERS if name in results]
            if not others or "secretfs" not in results:
                continue
            compared += 1
            ratio = results["secretfs"]["median"] / min(others)
            if ratio > level:
                behind.append(f"{self.titles[key]} {ratio:.2f}")
        if compared == 0:
            self.found.append((goal, "", "not measured"))
        else:
            figure = f"{compared - len(behind)} of {compared} rows"
            if behind:
                figure += "; behind, times the best: " + ", ".join(behind)
            self.found.append((goal, figure, "not met" if behind else "met"))


# ---- for a terminal ----


def show(result, out=sys.stdout):
    for row in result["rows"]:
        show_row(row, result["candidates"], out)
    for name, why in result["left_out"].items():
        print(f"left out: {name}: {why}", file=out)
    print(file=out)
    for name, about in result["candidates"].items():
        print(f"{name:16} {about['version']}: {about['how']}", file=out)
    for note in result["notes"]:
        print(f"note: {note}", file=out)
    print(f"\n{machine_line(result)}\n\ngoals:", file=out)
    result["goals"] = [{"goal": goal, "figure": figure, "verdict": verdict} for goal, figure, verdict in Goals(result).found]
    for goal in result["goals"]:
        print(f"  {goal['verdict']:13} {goal['goal']}: {goal['figure'] or '-'}", file=out)
    out.flush()


def show_row(row, candidates, out):
    results = row["results"]
    base = next((name for name in ("floor", "secretfs", "cat") if name in results), None)
    beside = f"x {base}" if base else ""
    print(f"\n{row['title']:40} {'median':>10} {'p99':>10} {beside:>11} {'a second':>9} {'n':>7}", file=out)
    if not results:
        print("  not measured", file=out)
    for name, r in results.items():
        ratio = f"{r['median'] / results[base]['median']:.2f}" if base else ""
        rate = f"{r['per_second']:.0f}" if "per_second" in r else ""
        title = candidates[name]["title"] if name in candidates else name
        median, p99 = text(r["median"], row["unit"]), text(r["p99"], row["unit"])
        print(f"  {title:38} {median:>10} {p99:>10} {ratio:>11} {rate:>9} {r['n']:>7}", file=out)


def machine_line(result):
    m = result["machine"]
    mode = "" if result["mode"] == "full" else f", a {result['mode']} run"
    return f"{m['cpu']}, {m['cores']} cores, Linux {m['kernel']}, {m['system']}, {result['date'][:10]}, load {m['load']:.0f}{mode}"


def write_json(result, path):
    with open(path, "w") as f:
        json.dump(result, f, indent=1, ensure_ascii=False)
        f.write("\n")


# ---- for README.md ----


def table(head, lines):
    row = lambda cells: "| " + " | ".join(cells) + " |"  # noqa: E731
    return [row(head), "|" + "---|" * len(head), *map(row, lines), ""]


def readme_lines(result):
    title = {name: about["title"] for name, about in result["candidates"].items()}
    columns = [kind.name for kind in FILESYSTEMS if kind.name in title]
    by_stage = lambda *stages: [row for row in result["rows"] if row["stage"] in stages and row["results"]]  # noqa: E731
    lines = ["Medians; p99, counts and versions are in [latest.json](tests/bench/results/latest.json).", ""]
    cells = [
        [row["title"]] + [text(row["results"][c]["median"]) if c in row["results"] else "-" for c in columns]
        for row in by_stage("reads", "many", "fresh", "keys", "writes", "listings")
    ]
    lines += table(["", *(title[c] for c in columns)], cells)
    for row in by_stage("commands"):
        results = row["results"]
        medians = [[title[c], text(r["median"])] for c, r in results.items()]
        lines += table([row["title"], ""], medians)
    alone = [[row["title"], text(row["results"]["secretfs"]["median"], row["unit"])] for row in by_stage("scale")]
    lines += table(["secretfs alone", ""], alone)
    return lines + [f"{machine_line(result)}."]


def write_readme(source, readme):
    with open(source) as f:
        lines = readme_lines(json.load(f))
    with open(readme) as f:
        before, rest = f.read().split(BEGIN + "\n", 1)
    after = rest.split(END, 1)[1]
    with open(readme, "w") as f:
        f.write(f"{before}{BEGIN}\n" + "\n".join(lines) + f"\n{END}{after}")


# ---- the picture ----

COLOURS = {
    "floor": "#9aa0a6",
    "floor-uring": "#c3c7cc",
    "secretfs": "#1a56b0",
    "secretfs-audit": "#5b93e0",
    "secretfs-cache": "#0f8f8f",
    "secretfs-uring": "#47c0b5",
    "gocryptfs": "#e08a1e",
    "encfs": "#b5532a",
    "securefs": "#8a6fb0",
    "cryfs": "#7d8c3a",
}
DRAWN = ("read-64", "read-64-8", "read-4k", "read-1m", "stat-fresh", "create", "replace", "mkdir")
# Of the listings the largest that most have, and the walk over it.
DRAWN_LAST = "grep"


def drawn_rows(result):
    rows = {row["key"]: row for row in result["rows"] if len(row["results"]) > 1}
    listings = [row for key, row in rows.items() if key.startswith("attrs-") and any(peer in row["results"] for peer in PEERS)]
    return [rows[key] for key in DRAWN if key in rows] + listings[-1:] + [rows[key] for key in (DRAWN_LAST,) if key in rows]


def bars(result):
    """Lines of (y, candidate, microseconds), from above, the rows' titles with the middle of each, and the height."""
    found, titles, y = [], [], 0.0
    for row in drawn_rows(result):
        names = [name for name in COLOURS if name in row["results"]]
        titles.append((row["title"], y + (len(names) - 1) / 2))
        for name in names:
            found.append((y, name, row["results"][name]["median"] / 1e3))
            y += 1
        y += 0.9
    return found, titles, y - 0.9


def draw(result, out, folder):
    found, titles, height = bars(result)
    if not found:
        return
    data, script = os.path.join(folder, "bars"), os.path.join(folder, "bars.gp")
    names = [name for name in COLOURS if any(name == bar[1] for bar in found)]
    low, high = min(v for *_, v in found), max(v for *_, v in found)
    with open(data, "w") as f:
        for name in names:
            f.writelines(f'{y} {value} "{text(value * 1e3)}"\n' for y, n, value in found if n == name)
            f.write("\n\n")
    pixels = int(170 + 15 * (height + 1))
    left = 10 ** int_floor_log(low)
    right = high * 4
    top, small = 1 - 22 / pixels, 'font ",10" textcolor rgb "#555555"'
    lines = [
        'set output "{}"',
        "set lmargin at screen 0.3; set rmargin at screen 0.98",
        f"set tmargin at screen {1 - 95 / pixels}; set bmargin at screen {62 / pixels}",
        f'set label "Time of one operation" at screen 0.02, screen {top} font ",16"',
        f'set label "median, logarithmic scale, shorter is better" at screen 0.98, screen {top} right {small}',
        f'set label "{machine_line(result)}" at screen 0.02, screen {16 / pixels} {small}',
        f"set key at screen 0.98, screen {1 - 38 / pixels} right top horizontal Left reverse samplen 1 font ',11'",
        "set logscale x",
        f"set xrange [{left * 0.98}:{right}]",
        f"set yrange [{height + 0.2}:-0.9]",
        "set border 0",
        "set grid x noy lc rgb '#cccccc' lw 1 dt 1",
        "set tics scale 0 font ',11'",
        "unset mxtics",
        "set xtics (" + ", ".join(tick(e) for e in range(int_floor_log(left), 9) if 10**e <= right) + ")",
        "set ytics (" + ", ".join(f'"{title}" {y}' for title, y in titles) + ")",
        "set style fill solid 1.0 noborder",
        "plot "
        + ", ".join(
            f'"{data}" index {i} using (sqrt({left}*$2)):1:({left}):2:($1-0.44):($1+0.44) with boxxyerror '
            f'lc rgb "{COLOURS[name]}" title "{result["candidates"][name]["title"]}", '
            f'"{data}" index {i} using ($2*1.06):1:3 with labels left font ",9" textcolor rgb "#333333" notitle'
            for i, name in enumerate(names)
        ),
    ]
    for kind, terminal in (("svg", "svg"), ("png", "pngcairo")):
        path = os.path.join(out, f"bench.{kind}")
        head = f'set terminal {terminal} noenhanced size 960,{pixels} font "DejaVu Sans,12" background rgb "white"\n'
        with open(script, "w") as f:
            f.write(head + "\n".join(lines).replace("{}", path) + "\n")
        run("gnuplot", script)


def int_floor_log(x):
    return math.floor(math.log10(x))


def tick(exponent):
    """Microseconds as people write them."""
    return f'"{text(10**exponent * 1e3).replace(".00", "").replace(".0", "")}" {10**exponent}'

#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The benchmark itself, tiny: what it measures and leaves behind, never how fast anything is.
load ../helpers

setup() {
	make_place
	export SECRETFS_BENCH_DIR=$SFS
}

teardown() {
	finish
}

nothing_left() {
	not compgen -G "$SFS/sfs-bench.*" >/dev/null
	not grep -lzF "SECRETFS_BENCH=$SFS/" /proc/[0-9]*/environ 2>/dev/null
}

@test "smoke: every row is measured, every goal told, nothing is left" {
	"$TESTS/bench/run" --smoke --out "$SFS/out" >"$SFS/said"
	nothing_left
	"$TESTS/bench/run" --smoke --list | sed -n 's/^rows: //p' | tr ' ' '\n' >"$SFS/rows"
	"$PYTHON" - "$SFS/out/latest.json" "$SFS/rows" <<'END'
import json, sys
result = json.load(open(sys.argv[1]))
rows = {row["key"]: row["results"] for row in result["rows"]}
assert list(rows) == open(sys.argv[2]).read().split(), list(rows)
assert not result["left_out"], result["left_out"]
for key, results in rows.items():
    assert "secretfs" in results or key == "command", (key, results)
    for name, r in results.items():
        assert r["n"] > 0 and 0 < r["min"] <= r["median"] <= r["p99"], (key, name, r)
assert set(rows["read-64"]) == {"tmpfs", "floor", "secretfs", "secretfs-audit"}, rows["read-64"]
assert set(rows["command"]) == {"cat", "secretctl"}, rows["command"]
assert all("per_second" in r for key in rows if key.endswith("-8") for r in rows[key].values())
assert {goal["verdict"] for goal in result["goals"]} <= {"met", "not met", "not measured"}
assert len(result["goals"]) == 11 and sum(goal["figure"] != "" for goal in result["goals"]) == 4, result["goals"]
for about in result["candidates"].values():
    assert about["version"] and about["how"], about
END
	grep -qE '^  (met|not met) +audit: ' "$SFS/said"
	# A line of the log for each opening of the row that says so.
	grep -qE 'each time another one: [0-9]+ lines of the log for [0-9]+ openings' "$SFS/said"
}

@test "only: candidates and rows by name, unknown ones are told" {
	"$TESTS/bench/run" --smoke --only floor read-64 stat --out "$SFS/out" >"$SFS/said"
	same "floor read-64 floor stat" "$("$PYTHON" - "$SFS/out/latest.json" <<'END'
import json, sys
print(*(f"{name} {row['key']}" for row in json.load(open(sys.argv[1]))["rows"] for name in row["results"]))
END
)"
	"$TESTS/bench/run" --smoke --only cat --out "$SFS/out" >"$SFS/said"
	grep -q '^one value, as a program ' "$SFS/said"
	not grep -q '^read 64 B' "$SFS/said"
	run -2 "$TESTS/bench/run" --smoke --only nonesuch
	[[ $output == *"no candidate or row nonesuch"* ]]
}

@test "interrupted: mounts, processes and folders are gone" {
	"$TESTS/bench/run" --smoke --out "$SFS/out" >"$SFS/said" 2>&1 3>&- &
	eventually 60 grep -q 'filling secretfs-audit' "$SFS/said"
	kill -TERM $!
	local rc=0
	wait $! || rc=$?
	same 143 $rc
	nothing_left
	not test -e "$SFS/out"
}

@test "a candidate that fails to start is left out by name and reason" {
	mkdir "$SFS/build"
	ln -s "$SECRETFS_BUILD/"* "$SFS/build/"
	rm "$SFS/build/secretctl"
	SECRETFS_BUILD=$SFS/build "$TESTS/bench/run" --smoke --only tmpfs secretfs read-64 --out "$SFS/out" >"$SFS/said"
	grep -q 'left out: secretfs: secretctl is not installed' "$SFS/said"
	grep -q '"secretfs": "secretctl is not installed"' "$SFS/out/latest.json"
}

@test "README: what is between the markers is made from the results, and nothing else" {
	cp "$TESTS/../README.md" "$SFS/README.md"
	"$PYTHON" - "$TESTS/bench" "$SFS/README.md" <<'END'
import sys
sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1])
import report
report.write_readme(sys.argv[1] + "/results/latest.json", sys.argv[2])
END
	cmp "$TESTS/../README.md" "$SFS/README.md"
}

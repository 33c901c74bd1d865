# SPDX-License-Identifier: MIT
# canary: a value that is known is looked for wherever it could be left: in all memory of the three processes, and at rest.

setup() {
	load ../helpers
	[ -z "${SECRETFS_SANITIZED:-}" ] || skip "sanitizers keep what was freed"
	make_store
	run_foreground
	WORKER_AT_START=$(worker_pid)
	note_pids
	head -c 24 /dev/urandom | base64 | tr -d '\n' >"$SFS/canary"
	mkdir "$PUB/s" "$PRIV/p"
}

teardown() {
	exec 8<&-
	finish
}

# The three processes.
note_pids() {
	mapfile -t PIDS < <(sweep_pids "$SFS")
	[ "${#PIDS[@]}" = 3 ]
}

# find_canary: a line for each mapping of the daemon that has the value.
find_canary() {
	"$PYTHON" "$TESTS/tools/memory.py" find "$SFS/canary" "${PIDS[@]}" >"$SFS/found"
}

# It is there, and only where it is locked and left out of dumps.
only_locked() {
	find_canary || return 1
	cat "$SFS/found"
	grep -q locked,dumpless "$SFS/found" && not grep -v " locked,dumpless " "$SFS/found"
}

nowhere() {
	find_canary && [ ! -s "$SFS/found" ]
}

# Soon after the last close, which nobody waits for.
soon_nowhere() {
	eventually 10 nowhere || {
		cat "$SFS/found" >&2
		return 1
	}
}

at_rest_nothing() {
	rm -rf "$SFS/rest"
	mkdir "$SFS/rest"
	cp -r "$SFS/store" "$ANCHOR" "$LOG" "$SFS/rest"
	"$PYTHON" "$TESTS/tools/scan.py" "$SFS/rest" "$(cat "$SFS/canary")"
}

@test "a value that is read" {
	cat "$SFS/canary" >"$PUB/s/k"
	soon_nowhere
	exec 8<"$PUB/s/k"
	only_locked
	cmp "$SFS/canary" - <&8
	only_locked
	at_rest_nothing
	exec 8<&-
	soon_nowhere
	at_rest_nothing
}

@test "a value that is being written" {
	exec 8>"$PRIV/p/k"
	cat "$SFS/canary" >&8
	only_locked
	exec 8>&-
	soon_nowhere
	# Then it becomes an earlier version, changes its name and its place, and is removed.
	echo other >"$PRIV/p/k"
	mv "$PRIV/p/k" "$PRIV/p/l"
	mv "$PRIV/p" "$PUB/p"
	soon_nowhere
	at_rest_nothing
	grep -qF "$(cat "$SFS/canary")" "$PUB/p/.versions/"*/k
	rm -r "$PUB/p"
	soon_nowhere
	at_rest_nothing
}

@test "a large value" {
	yes "$(cat "$SFS/canary")" | head -n 3000 >"$SFS/large"
	cp "$SFS/large" "$PUB/s/k"
	exec 8<"$PUB/s/k"
	only_locked
	cmp "$SFS/large" - <&8
	exec 8<&-
	soon_nowhere
	at_rest_nothing
}

@test "the views" {
	printf '{"a": "%s", "b": "%s"}' "$(cat "$SFS/canary")" "$(cat "$SFS/canary")" >"$PUB/s/.json"
	soon_nowhere
	for view in .json .env; do
		exec 8<"$PUB/s/$view"
		only_locked
		grep -qF "$(cat "$SFS/canary")" <&8
		exec 8<&-
		soon_nowhere
	done
	printf 'c=%s\n' "$(cat "$SFS/canary")" >"$PUB/s/.env"
	soon_nowhere
	# What cannot be merged.
	printf '{"a": ["%s"]}' "$(cat "$SFS/canary")" >"$PUB/s/.json" || true
	printf '{"a": "%s" "b"}' "$(cat "$SFS/canary")" >"$PUB/s/.json" || true
	printf 'c="%s\n' "$(cat "$SFS/canary")" >"$PUB/s/.env" || true
	soon_nowhere
	at_rest_nothing
}

@test "many readers and writers at once" {
	for i in $(seq 40); do
		(
			cat "$SFS/canary" >"$PUB/s/k$i"
			for _ in 1 2 3; do cat "$PUB/s/k$i" "$PUB/s/.json"; done
		) >/dev/null 3>&- &
	done
	wait
	soon_nowhere
	at_rest_nothing
}

@test "over the death of a worker" {
	WORKER_MAY_DIE=1
	local before
	before=$(worker_pid)
	cat "$SFS/canary" >"$PUB/s/k"
	exec 8<"$PUB/s/k"
	kill -9 "$before"
	cmp "$SFS/canary" - <&8
	note_pids
	only_locked
	exec 8<&-
	soon_nowhere
	at_rest_nothing
}

@test "the master key and what it is made from" {
	cat "$SFS/canary" >"$PUB/s/k"
	cat "$PUB/s/k" >/dev/null
	"$PYTHON" "$TESTS/tools/memory.py" keys "$STORE" "$KEY" "${PIDS[@]}" >"$SFS/found"
	cat "$SFS/found"
	same "8 looked for" "$(tail -n 1 "$SFS/found")"
	not grep -E '^(source|kek|master) ' "$SFS/found"
	# The kernel itself does not read the subkeys in memfd_secret; where there is none, they are locked.
	not grep -vE '^[a-z]+ [0-9]+ locked,dumpless .*secretfs-keys|looked for$' "$SFS/found"
}

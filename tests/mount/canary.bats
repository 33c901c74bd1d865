# SPDX-License-Identifier: MIT
# canary: a value that is known is looked for wherever it could be left: in all memory of the three processes, and at rest.

setup() {
	load ../helpers
	[ -z "${SECRETFS_SANITIZED:-}" ] || skip "sanitizers keep what was freed"
	make_store
	run_foreground
	WORKER_AT_START=$(worker_pid)
	head -c 24 /dev/urandom | base64 | tr -d '\n' >"$SFS/canary"
	mkdir "$PUB/s" "$PRIV/p"
}

teardown() {
	exec 8<&-
	finish
}

# find_canary: a line for each mapping of the daemon that has the value.
find_canary() {
	# shellcheck disable=SC2046 # pids
	"$PYTHON" "$TESTS/tools/memory.py" find "$SFS/canary" $(sweep_pids "$SFS") >"$SFS/found"
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
	"$PYTHON" "$TESTS/tools/scan.py" "$SFS/store" "$(cat "$SFS/canary")" || return 1
	"$PYTHON" "$TESTS/tools/scan.py" "$ANCHOR" "$(cat "$SFS/canary")" || return 1
	mkdir -p "$SFS/logs"
	cp "$LOG" "$SFS/logs/log"
	"$PYTHON" "$TESTS/tools/scan.py" "$SFS/logs" "$(cat "$SFS/canary")"
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
	for _ in $(seq 3000); do cat "$SFS/canary"; echo; done >"$SFS/large"
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
	only_locked
	exec 8<&-
	soon_nowhere
	at_rest_nothing
}

@test "the master key and what it is made from" {
	cat "$SFS/canary" >"$PUB/s/k"
	cat "$PUB/s/k" >/dev/null
	local name hex pids
	mapfile -t pids < <(sweep_pids "$SFS")
	[ "${#pids[@]}" = 3 ]
	"$PYTHON" "$TESTS/tools/memory.py" keys "$STORE" "$KEY" >"$SFS/keys"
	same "8" "$(wc -l <"$SFS/keys")"
	while read -r name hex; do
		"$PYTHON" "$TESTS/tools/memory.py" hex "$hex" "${pids[@]}" >"$SFS/found"
		case $name in
		source | kek | master) same "" "$(cat "$SFS/found")" ;;
		# The kernel itself does not read them in memfd_secret; where there is none, they are locked.
		*) not grep -v " locked,dumpless .*secretfs-keys" "$SFS/found" ;;
		esac
	done <"$SFS/keys"
	# What was looked for are the keys: another way to open the same store.
	grep -q '^master [0-9a-f]\{64\}$' "$SFS/keys"
}

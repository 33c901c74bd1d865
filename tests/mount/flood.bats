# SPDX-License-Identifier: MIT
# flood: who makes more lines in the audit log than audit_rate allows waits, and nobody else does.

setup() {
	load ../helpers
	make_store
}

teardown() {
	finish
}

@test "who floods the log waits, and nobody else" {
	start_daemon audit_rate=10
	start=$SECONDS
	as "$ALICE" sh -c 'mkdir "$1/s"; for i in $(seq 40); do : >"$1/s/k$i"; done' sh "$PRIV" 3>&- &
	flooder=$!
	mkdir "$PUB/mine"
	kill -0 "$flooder" # he is still at it
	wait "$flooder"
	# 31 lines more than the second that he may be ahead: three seconds at ten a second
	[ $((SECONDS - start)) -ge 2 ]
	same 41 "$(audit_lines operation=create uid="$ALICE")"
	same 1 "$(audit_lines operation=create secret=public/mine)"
}

# latency COMMAND...: how long a look at the same key takes another user, µs, the median of many, while COMMAND runs.
latency() {
	local pids=() i
	for i in 1 2 3 4; do
		"$@" "$i" 3>&- &
		pids+=($!)
	done
	[ $# = 0 ] || sleep 0.5
	as "$BOB" "$PYTHON" - "$PUB/mine/k" <<'END'
import os, sys, time
times = []
for i in range(80):
    t = time.monotonic()
    os.close(os.open(sys.argv[1], os.O_RDONLY))
    times.append(time.monotonic() - t)
print(round(sorted(times)[len(times) // 2] * 1e6))
END
	kill "${pids[@]}" 2>/dev/null || true
	wait "${pids[@]}" 2>/dev/null || true
}

# Opens keys in turn, so that each is a line.
flood_reads() {
	exec setpriv --reuid="$ALICE" --regid="$ALICE" --clear-groups -- "$PYTHON" - "$PUB/flood" <<'END'
import os, sys
while True:
    for i in range(60):
        os.close(os.open(f"{sys.argv[1]}/k{i}", os.O_RDONLY))
END
}

flood_makes() {
	exec setpriv --reuid="$ALICE" --regid="$ALICE" --clear-groups -- "$PYTHON" - "$PUB/made" "$1" <<'END'
import os, sys
while True:
    os.mkdir(sys.argv[1] + sys.argv[2])
    os.rmdir(sys.argv[1] + sys.argv[2])
END
}

@test "another user's latency while one floods" {
	start_daemon audit_rate=20 threads=2
	chmod 1777 "$PUB"
	mkdir "$PUB/mine" "$PUB/flood"
	echo v >"$PUB/mine/k"
	for i in $(seq 0 59); do echo v >"$PUB/flood/k$i"; done
	none=$(latency true)
	flooded=$(latency flood_reads)
	# 20 lines a second of his, and repeats: those who wait do not keep threads.
	n=$(audit_lines operation=read uid="$ALICE")
	echo "alone $none us, beside a flood $flooded us, $n lines" >&2
	[ "$n" -ge 20 ]
	[ "$n" -lt 400 ]
	[ "$flooded" -lt $((20 * none + 5000)) ]
	# A directory that is everybody's is not held meanwhile.
	latency flood_makes >"$SFS/making" &
	making=$!
	sleep 1
	start=$SECONDS
	for i in 1 2 3 4 5; do
		as "$BOB" mkdir "$PUB/bob$i"
	done
	[ $((SECONDS - start)) -le 3 ]
	wait "$making"
}

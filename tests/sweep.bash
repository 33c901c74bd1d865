# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# sweep: finds and removes what a test left in a folder of its own: mounts and secretfs processes.
# A process counts as left by DIR when its command line or one of its descriptors names DIR.

# sweep_pids DIR
sweep_pids() {
	local pid
	for pid in $(pgrep '^secretfs'); do
		if tr '\0' '\n' 2>/dev/null <"/proc/$pid/cmdline" | grep -qF -- "$1" ||
			find "/proc/$pid/fd" -maxdepth 1 -printf '%l\n' 2>/dev/null | grep -qF -- "$1"; then
			echo "$pid"
		fi
	done
}

# sweep_wait DIR SECONDS: waits until no process is left.
sweep_wait() {
	local end=$((SECONDS + $2))
	while [ -n "$(sweep_pids "$1")" ]; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.05
	done
}

# sweep_mounts DIR: mount points below DIR, innermost first.
sweep_mounts() {
	awk -v dir="$1/" 'index($5, dir) == 1 { print $5 }' /proc/self/mountinfo | sort -r
}

# sweep_umount MOUNTPOINT: who was killed a moment ago may still hold a file in it.
sweep_umount() {
	local i said
	for ((i = 0; i < 50; i++)); do
		said=$(umount "$1" 2>&1) && return 0
		sleep 0.1
	done
	echo "$said" >&2
	return 1
}

# sweep_tell DIR: what is left, where it waits, and who else holds the mount.
sweep_tell() {
	local pid
	for pid in $(sweep_pids "$1"); do
		echo "left: $(ps -o pid=,ppid=,stat=,wchan=,args= -p "$pid")"
		ps -L -o tid=,stat=,wchan= -p "$pid" | sort -k2 | uniq -c -f1
	done
	grep -lF -- "$1/" /proc/[0-9]*/mountinfo 2>/dev/null | head -n 20
} >&2

# sweep DIR: takes everything down, by force where it must. Returns 1 if force was needed.
sweep() {
	local dir=$1 rc=0 at pid
	for at in $(sweep_mounts "$dir"); do
		sweep_umount "$at"
	done
	# Mount namespaces of tests beside this one may hold a copy of the mount for some seconds.
	if ! sweep_wait "$dir" 30; then
		rc=1
		sweep_tell "$dir"
		for pid in $(sweep_pids "$dir"); do
			kill -9 "$pid" 2>/dev/null
		done
		sweep_wait "$dir" 5
	fi
	# What was busy before: a mount that held another's store, or one that somebody still uses.
	for at in $(sweep_mounts "$dir"); do
		umount "$at" 2>/dev/null || {
			rc=1
			umount -cif "$at" 2>/dev/null # cuts the connection off, even if it stays
			umount -cil "$at" 2>/dev/null
		}
	done
	return $rc
}

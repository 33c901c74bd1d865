# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# machine: what tests/run and tests/bench/run change on the machine, packages and the user secretfs, and how it is taken back.

made_user='' made_files=()

say() { printf '== %s\n' "$*"; }

# missing_packages PACKAGE...: those that are not installed.
missing_packages() {
	local package
	for package; do
		case $(dpkg-query -W -f='${Status}' "$package" 2>/dev/null) in
		*"ok installed") ;;
		*) echo "$package" ;;
		esac
	done
}

# install_packages PACKAGE...: 1 if what is missing could not be installed.
install_packages() {
	local missing before unit rc=0
	command -v dpkg-query >/dev/null || {
		say "not a Debian: install by hand what is missing of $*"
		return
	}
	mapfile -t missing < <(missing_packages "$@")
	[ ${#missing[@]} -gt 0 ] || return 0
	say "installing ${missing[*]}"
	export DEBIAN_FRONTEND=noninteractive
	apt-get update -q >/dev/null || say "apt-get update failed, trying what is known"
	keep_quiet
	before=$(enabled_units)
	apt-get install -q -y --no-install-recommends "${missing[@]}" >/dev/null || rc=1
	for unit in $(comm -13 <(echo "$before") <(enabled_units)); do
		systemctl disable --quiet "$unit" 2>/dev/null
		[ ! -d /run/systemd/system ] || systemctl stop --quiet "$unit" 2>/dev/null
	done
	let_speak
	return $rc
}

# The tests start servers of their own. None shall start because it was installed, now or at the next boot, and PostgreSQL
# shall not make a database.
policy=/usr/sbin/policy-rc.d
no_database=/etc/postgresql-common/createcluster.d/secretfs-tests.conf
keep_quiet() {
	if [ ! -e "$policy" ]; then
		printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod 755 "$policy"
		made_files+=("$policy")
	fi
	if ! dpkg-query -W postgresql-common >/dev/null 2>&1; then
		mkdir -p "${no_database%/*}" && echo 'create_main_cluster = off' >"$no_database"
		made_files+=("$no_database")
	fi
}

let_speak() {
	[ ${#made_files[@]} = 0 ] || rm -f "${made_files[@]}"
	made_files=()
}

enabled_units() {
	find /etc/systemd/system -path '*.wants/*' -printf '%f\n' 2>/dev/null | sort -u
}

make_user() {
	id secretfs >/dev/null 2>&1 && return
	useradd --system --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin secretfs || return 1
	made_user=yes
}

# configure_and_build PRESET LOG: in the folder of CMakeLists.txt; LOG is shown where it fails.
configure_and_build() {
	say "building $1"
	cmake --preset "$1" >"$2" 2>&1 && cmake --build --preset "$1" -- -j2 >"$2" 2>&1 && return
	cat "$2"
	return 1
}

# What was built as root in somebody's clone shall be theirs: give_back TOP
give_back() {
	[ ! -d "$1/build" ] || chown -Rh --reference="$1" "$1/build"
}

restore_machine() {
	[ -z "$made_user" ] || userdel secretfs 2>/dev/null
	let_speak
}

# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# packages: what Debian calls what is needed to build, to run most tests, and to run those with other people's programs.

# shellcheck disable=SC2034 # for who reads this
{
	packages_build=(
		build-essential cmake ninja-build pkg-config libfuse3-dev libsodium-dev libsqlite3-dev libinih-dev
		libsmartcols-dev libbsd-dev libjansson-dev libyaml-dev libseccomp-dev liburing-dev libcmocka-dev
	)
	packages_test=(
		bats fuse3 acl attr sqlite3 python3 strace procps passwd util-linux mount busybox-static dash age python3-yaml
		e2fsprogs file patch perl inotify-tools
	)
	packages_programs=(
		clang-format mandoc shellcheck bubblewrap clang libclang-rt-dev rsync tmux vim nano emacs-nox openssl curl nginx
		openssh-client openssh-server postgresql podman crun zsh fish mypy
	)
}

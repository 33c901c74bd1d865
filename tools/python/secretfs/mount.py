# SPDX-License-Identifier: MIT
"""mount: where the tree is, and whether it may be trusted.

    36 35 0:52 / /mnt/my\\040secrets rw,nosuid shared:1 - fuse.secretfs secretfs rw,user_id=0,allow_other
    id parent dev root point options optional...        - type          source   superoptions
"""
from __future__ import annotations

import os
import re
import stat
from typing import List, NamedTuple, Optional, Union

from .errors import MountAmbiguous, MountNotFound, MountNotTrusted, from_os

_TYPE = "fuse.secretfs"
_DIR = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC


class Entry(NamedTuple):
    dev: int
    point: str
    whole: bool  # the root of the tree, not a bind of something in it
    owner: int  # the uid that mounted it
    open: bool  # this user may enter it

    @property
    def trusted(self) -> bool:
        return self.owner in (0, os.geteuid())


def _unescape(text: bytes) -> str:
    return os.fsdecode(re.sub(rb"\\([0-7]{3})", lambda m: bytes([int(m.group(1), 8) & 255]), text))


def _entry(line: bytes) -> Optional[Entry]:
    fields = line.split(b" ")
    if len(fields) < 10 or b"-" not in fields[6:]:
        return None
    rest = fields[fields.index(b"-", 6) + 1 :]
    if len(rest) < 3 or os.fsdecode(rest[0]) != _TYPE:
        return None
    options = rest[2].split(b",")
    owners = [int(o[8:]) for o in options if re.fullmatch(rb"user_id=[0-9]+", o)]
    if len(owners) != 1:
        return None
    major, minor = (int(n) for n in fields[2].split(b":"))
    may_enter = b"allow_other" in options or owners[0] == os.geteuid()
    return Entry(os.makedev(major, minor), _unescape(fields[4]), fields[3] == b"/", owners[0], may_enter)


def entries() -> List[Entry]:
    """All mounts of type fuse.secretfs that this process sees."""
    try:
        with open("/proc/self/mountinfo", "rb") as file:
            found = [_entry(line) for line in file.read().split(b"\n")]
    except OSError as error:
        raise from_os(error, "/proc/self/mountinfo") from error
    return [entry for entry in found if entry is not None]


def _unmapped(uid: int) -> bool:
    """Inside a user namespace whoever is not mapped has the same number, root too: nothing can be told."""
    if uid != 65534:
        return False
    try:
        with open("/proc/self/uid_map") as file:
            inside, outside, count = (int(n) for n in file.readline().split())
    except (OSError, ValueError):
        return False
    return not (inside == 0 and outside == 0 and count >= 0xFFFFFFFF)


def _check_parents(path: str) -> None:
    """Whoever may write to a folder above could put another tree in the place of this one."""
    folder = path
    while folder != "/":
        folder = os.path.dirname(folder)
        try:
            st = os.lstat(folder)
        except OSError as error:
            raise from_os(error, folder) from error
        writable = st.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not st.st_mode & stat.S_ISVTX
        if writable or (st.st_uid not in (0, os.geteuid()) and not _unmapped(st.st_uid)):
            raise MountNotTrusted(f"{path}: others can write to {folder} above it; mount it elsewhere or chmod go-w")


def _settings() -> Optional[str]:
    """The path of the caller's secretfs.conf."""
    if os.geteuid() == 0:
        return "/etc/secretfs/secretfs.conf"
    base = os.environ.get("XDG_CONFIG_HOME", "")
    if not base.startswith("/"):
        home = os.environ.get("HOME", "")
        if not home.startswith("/"):
            return None
        base = home + "/.config"
    return base + "/secretfs/secretfs.conf"


def _mountpoint(text: str) -> str:
    """What "mountpoint = PATH" and its further lines, mountpoint+ = "REST", say. The daemon checks the rest."""
    path = ""
    for line in text.splitlines():
        name, equals, value = line.partition("=")
        name, value = name.strip().replace("-", "_"), value.strip()
        if line[:1] in ("#", ";", "") or not equals:
            continue
        if name == "mountpoint":
            path = value
        elif name == "mountpoint+":
            path += value[1:-1]
    return path


def configured() -> Optional[str]:
    """The mountpoint of the caller's settings, if there are any and they name one."""
    file_name = _settings()
    if file_name is None:
        return None
    try:
        fd = os.open(file_name, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except PermissionError as error:
        # A HOME that this user may not even look into is another user's, and so are its settings.
        try:
            os.lstat(file_name)
        except PermissionError:
            return None
        raise from_os(error, file_name) from error
    except OSError as error:
        raise from_os(error, file_name) from error
    with open(fd, "rb") as file:
        st = os.fstat(fd)
        loose = st.st_mode & (stat.S_IWGRP | stat.S_IWOTH) or st.st_uid not in (0, os.geteuid())
        if loose or not stat.S_ISREG(st.st_mode):
            raise MountNotTrusted(f"{file_name}: others can write to it; chmod go-w, or name the tree with Client(mount=...)")
        return _mountpoint(os.fsdecode(file.read(1 << 16))) or None


def _only() -> str:
    places = [entry for entry in entries() if entry.whole and entry.open]
    trusted = [entry for entry in places if entry.trusted]
    if not trusted and places:
        raise MountNotTrusted(
            f"{places[0].point}: mounted by uid {places[0].owner}, which is neither root nor you;"
            " use a mount of root's or your own"
        )
    if not trusted:
        raise MountNotFound(
            'no secretfs is mounted; start it with "secretfs", or say where it is with Client(mount=...) or SECRETFS_MOUNT'
        )
    # The same tree may be bound to many places.
    if len({entry.dev for entry in trusted}) > 1:
        names = ", ".join(entry.point for entry in trusted)
        raise MountAmbiguous(f"several trees are mounted: {names}; say which with Client(mount=...) or SECRETFS_MOUNT")
    return trusted[0].point


def find(given: Union[str, "os.PathLike[str]", None]) -> str:
    """The path of the tree: the given one, or $SECRETFS_MOUNT, or that of the settings, or the only one that is mounted.

    The first of these that says something counts: no other one takes its place.
    """
    path = os.fspath(given) if given is not None else os.environ.get("SECRETFS_MOUNT", "")
    path = os.path.abspath(path or configured() or _only())
    os.close(open_root(path))
    return path


def open_root(path: str) -> int:
    """A descriptor of the tree's top. What is below an unmounted mountpoint is never taken for it."""
    try:
        root = os.open(path, _DIR)
    except OSError as error:
        if isinstance(error, (FileNotFoundError, NotADirectoryError)):
            raise MountNotFound(f"{path}: there is no such folder; name another place with Client(mount=...)") from error
        raise from_os(error, path) from error
    try:
        dev = os.fstat(root).st_dev
        entry = next((entry for entry in entries() if entry.dev == dev), None)
        if entry is None:
            raise MountNotFound(
                f'{path}: no secretfs is mounted there; start it with "secretfs" or name another place with Client(mount=...)'
            )
        if not entry.trusted:
            raise MountNotTrusted(
                f"{path}: mounted by uid {entry.owner}, which is neither root nor you; use a mount of root's or your own"
            )
        # The kernel's name for what is open: without symbolic links, and of this very tree.
        _check_parents(os.readlink(f"/proc/self/fd/{root}"))
        return root
    except OSError as error:
        os.close(root)
        raise from_os(error, path) from error
    except BaseException:
        os.close(root)
        raise

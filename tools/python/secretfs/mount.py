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


def _check_parents(path: str) -> None:
    """Whoever may write to a folder above could put another tree in the place of this one."""
    folder = os.path.realpath(path)
    while folder != "/":
        folder = os.path.dirname(folder)
        try:
            st = os.stat(folder)
        except OSError as error:
            raise from_os(error, folder) from error
        writable = st.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not st.st_mode & stat.S_ISVTX
        if writable or st.st_uid not in (0, os.geteuid()):
            raise MountNotTrusted(f"{path}: others can write to {folder} above it; mount it elsewhere or chmod go-w")


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
    """The path of the tree: the given one, or $SECRETFS_MOUNT, or the only one that is mounted."""
    path = os.fspath(given) if given is not None else os.environ.get("SECRETFS_MOUNT", "")
    path = os.path.abspath(path or _only())
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
        _check_parents(path)
        return root
    except OSError as error:
        os.close(root)
        raise from_os(error, path) from error
    except BaseException:
        os.close(root)
        raise

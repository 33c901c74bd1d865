# SPDX-License-Identifier: MIT
"""errors: every way in which a call fails, and what to do about it. No message ever holds a value."""
from __future__ import annotations

import errno
import os


class SecretfsError(Exception):
    """Any failure of this package."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class MountNotFound(SecretfsError):
    """No secretfs is mounted, or not there."""


class MountAmbiguous(MountNotFound):
    """Several trees are mounted and none was chosen."""


class MountNotTrusted(MountNotFound):
    """The tree is one that another user could have made or could replace."""


class DaemonGone(SecretfsError):
    """The mount is there and nobody answers."""


class InvalidInput(SecretfsError, ValueError):
    """An argument that cannot be right. Nothing was changed."""


class SecretNotFound(SecretfsError, KeyError):
    """No secret of exactly this name or id."""


class KeyNotFound(SecretfsError, KeyError):
    """The secret has no key of exactly this name."""


class SecretExists(SecretfsError):
    """There is a secret of this name. It was not changed."""


class NotPermitted(SecretfsError):
    """The kernel or the daemon refuses this user."""


class SecretExpired(SecretfsError):
    """The secret's values can be read no more."""


class LimitReached(SecretfsError):
    """A value, a secret or the store is as large as it may be."""


_HINTS = {
    errno.EACCES: (NotPermitted, "ask its owner for the permission, or see getfacl(1)"),
    errno.EPERM: (NotPermitted, "only its owner may do that"),
    errno.EKEYEXPIRED: (SecretExpired, "set user.secretfs.expires to a later time or make a new secret"),
    errno.EFBIG: (LimitReached, "it is longer than the daemon's setting max_value allows"),
    errno.EDQUOT: (LimitReached, "a limit of the daemon is reached: remove something or raise the limit"),
    errno.ENOSPC: (LimitReached, "the store's disk is full: make room there"),
    errno.ENOMEM: (LimitReached, "the daemon is out of locked memory: raise ulimit -l or close files"),
    errno.ENOTCONN: (DaemonGone, "the daemon is gone: start secretfs again"),
    errno.ECONNABORTED: (DaemonGone, "the daemon is gone: start secretfs again"),
    errno.ENOENT: (SecretNotFound, "it was removed meanwhile"),
    errno.ESTALE: (SecretNotFound, "it was removed meanwhile"),
    errno.EEXIST: (SecretExists, "nothing was replaced; remove or rename one of the two"),
    errno.ENOTEMPTY: (SecretExists, "nothing was replaced; remove or rename one of the two"),
    errno.EINVAL: (InvalidInput, "the daemon refuses it"),
    errno.EIO: (SecretfsError, "the daemon's log says more"),
    errno.EROFS: (NotPermitted, "use a mount that can be written"),
}


def from_os(error: OSError, what: str) -> SecretfsError:
    """The exception for a failed operation on `what`."""
    number = error.errno or 0
    kind, hint = _HINTS.get(number, (SecretfsError, ""))
    return kind(f"{what}: {os.strerror(number)}" + (f"; {hint}" if hint else ""))

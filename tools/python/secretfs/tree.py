# SPDX-License-Identifier: MIT
"""tree: finds, reads and changes secrets by plain file operations, so that the kernel decides who may do what."""
from __future__ import annotations

import base64
import binascii
import contextlib
import ctypes
import errno
import json
import os
import platform
import pwd
import stat
from datetime import datetime, timezone
from typing import Dict, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple, Type, TypeVar

from . import mount, names
from .errors import InvalidInput, MountNotFound, NotPermitted, SecretfsError, SecretNotFound, from_os
from .secret import Secret, SecretInfo, Value

_DIR = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_RENAME_NOREPLACE = 1
_SYS_RENAMEAT2 = {"x86_64": 316, "aarch64": 276, "riscv64": 276}
_Info = TypeVar("_Info", bound=SecretInfo)


class Found(NamedTuple):
    """A secret that was found; dir is a descriptor that the finder closes."""

    private: bool
    name: str
    dir: int

    @property
    def text(self) -> str:
        return ns_text(self.private) + "/" + names.shown(self.name)


def ns_text(private: bool) -> str:
    return "private" if private else "public"


@contextlib.contextmanager
def _opened(path: str, flags: int, dir_fd: int) -> Iterator[int]:
    fd = os.open(path, flags | os.O_CLOEXEC, 0o666, dir_fd=dir_fd)
    try:
        yield fd
    except BaseException:
        with contextlib.suppress(OSError):
            os.close(fd)
        raise
    # Without suppress: a write that fails at the end says so here.
    os.close(fd)


def _renameat2(old_dir: int, old: str, new_dir: int, new: str) -> None:
    """Never over anything, which os.rename cannot promise."""
    libc = ctypes.CDLL(None, use_errno=True)
    args = (old_dir, ctypes.c_char_p(os.fsencode(old)), new_dir, ctypes.c_char_p(os.fsencode(new)))
    if hasattr(libc, "renameat2"):
        result = libc.renameat2(*args, ctypes.c_uint(_RENAME_NOREPLACE))
    elif platform.machine() in _SYS_RENAMEAT2:
        number = ctypes.c_long(_SYS_RENAMEAT2[platform.machine()])
        result = libc.syscall(number, *args, ctypes.c_uint(_RENAME_NOREPLACE))
    else:
        raise SecretfsError('this C library has no renameat2; use "secretctl update" to move or rename')
    if result != 0:
        number_of = ctypes.get_errno()
        raise OSError(number_of, os.strerror(number_of))


def _list(fd: int) -> List[str]:
    with _opened(".", os.O_RDONLY | os.O_DIRECTORY, fd) as readable:
        return sorted(os.listdir(readable))


def _keys(fd: int) -> List[str]:
    return [name for name in _list(fd) if names.is_key(name)]


def _read(fd: int, name: str) -> bytes:
    parts: List[bytes] = []
    with _opened(name, os.O_RDONLY | os.O_NOFOLLOW, fd) as file:
        while True:
            part = os.read(file, 1 << 20)
            if not part:
                return b"".join(parts)
            parts.append(part)


def _write(fd: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(fd, rest) :]


def _text(value: bytes) -> Value:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value


def _from_json(raw: bytes) -> Dict[str, Value]:
    values: Optional[Dict[str, Value]] = None
    # The decoders' errors carry the whole text: none of them may become the context of ours.
    with contextlib.suppress(ValueError, TypeError, KeyError, AttributeError, binascii.Error):
        values = {
            key: value if isinstance(value, str) else base64.b64decode(value["base64"], validate=True)
            for key, value in json.loads(raw).items()
        }
    if values is None:
        raise SecretfsError("the daemon's .json view cannot be understood; are daemon and client of one version?")
    return values


def _to_json(values: Mapping[str, Value], remove: Sequence[str]) -> bytes:
    members: Dict[str, object] = {key: None for key in remove}
    for key, value in values.items():
        members[key] = value if isinstance(value, str) else {"base64": base64.b64encode(value).decode("ascii")}
    return json.dumps(members, ensure_ascii=False).encode("utf-8")


def _xattr(fd: int, name: str) -> Optional[str]:
    """None: it has none, or this user may not see it."""
    try:
        return os.getxattr(f"/proc/self/fd/{fd}", "user.secretfs." + name).decode("utf-8", "replace")
    except OSError as error:
        if error.errno in (errno.ENODATA, errno.EACCES):
            return None
        raise


def _time(text: Optional[str]) -> Optional[datetime]:
    return datetime.fromisoformat(text.replace("Z", "+00:00")) if text else None


def _owner(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _updated(fd: int) -> datetime:
    st = os.stat(f"/proc/self/fd/{fd}")
    newest = st.st_mtime_ns
    with contextlib.suppress(PermissionError):  # the view is as new as its newest key
        newest = max(newest, os.stat(".json", dir_fd=fd, follow_symlinks=False).st_mtime_ns)
    return datetime.fromtimestamp(newest // 1000 / 1e6, timezone.utc)


def _readable(fd: int, key: str) -> bool:
    return os.access(key, os.R_OK, dir_fd=fd, effective_ids=True, follow_symlinks=True)


def _fill(kind: Type[_Info], found: Found, keys: Optional[Sequence[str]], missing: bool) -> _Info:
    info = kind()
    version = _xattr(found.dir, "version")
    info.name = found.name
    info.private = found.private
    info.owner_id = os.fstat(found.dir).st_uid
    info.owner = _owner(info.owner_id)
    info.id = _xattr(found.dir, "id")
    info.created = _time(_xattr(found.dir, "created"))
    info.updated = _updated(found.dir)
    info.version = int(version) if version is not None else None
    info.expires = _time(_xattr(found.dir, "expires"))
    info.description = _xattr(found.dir, "description")
    info.keys = tuple(sorted(keys or ()))
    info.has_missing_values = missing
    return info


def _values_by_key(found: Found) -> Tuple[Dict[str, Value], List[str]]:
    """One key after the other, because some may not be read; also the names of all keys."""
    values: Dict[str, Value] = {}
    keys = _keys(found.dir)
    for key in list(keys):
        try:
            values[key] = _text(_read(found.dir, key))
        except PermissionError:
            continue
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ESTALE):
                raise
            keys.remove(key)
    return values, keys


def read(found: Found) -> Secret:
    """The secret with its values: all of one moment where all may be read."""
    try:
        for _ in range(8):
            try:
                values = _from_json(_read(found.dir, ".json"))
                keys = sorted(values)
            except PermissionError:
                values, keys = _values_by_key(found)
            secret = _fill(Secret, found, keys, len(values) < len(keys))
            secret._values = values
            # Changed between the two: what is said of the secret would not be true of its values.
            if secret.version is None or _xattr(found.dir, "version") == str(secret.version) and secret.keys == tuple(keys):
                break
        return secret
    except OSError as error:
        raise from_os(error, found.text) from error


def info(found: Found) -> SecretInfo:
    keys: Optional[List[str]] = None
    try:
        with contextlib.suppress(PermissionError):
            keys = _keys(found.dir)
        missing = keys is None or not all(_readable(found.dir, key) for key in keys)
        return _fill(SecretInfo, found, keys, missing)
    except OSError as error:
        raise from_os(error, found.text) from error


def write(found: Found, values: Mapping[str, Value], remove: Sequence[str]) -> None:
    """One transaction."""
    try:
        if not values and not remove:
            return
        text = _to_json(values, remove)
        try:
            with _opened(".json", os.O_WRONLY | os.O_NOFOLLOW | os.O_TRUNC, found.dir) as file:
                _write(file, text)
        except PermissionError:
            if len(values) + len(remove) != 1 or not _write_one(found, values, remove):
                raise
    except OSError as error:
        raise from_os(error, found.text) from error


def _write_one(found: Found, values: Mapping[str, Value], remove: Sequence[str]) -> bool:
    """The view is as strict as its strictest key; a single key alone may be open to this user."""
    for key in remove:
        os.unlink(key, dir_fd=found.dir)
    for key, value in values.items():
        data = value.encode("utf-8") if isinstance(value, str) else value
        try:
            with _opened(key, os.O_WRONLY | os.O_NOFOLLOW | os.O_TRUNC, found.dir) as file:
                _write(file, data)
                if not data:
                    os.fsync(file)  # tells an empty value from nothing written yet
        except FileNotFoundError:
            return False
    return True


class Tree:
    """The two namespaces, open for the time of one call: no mount is kept busy."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._stack = contextlib.ExitStack()
        self._ns: Dict[bool, int] = {}
        self._errors: Dict[bool, OSError] = {}

    def __enter__(self) -> "Tree":
        with self._stack:
            root = mount.open_root(self.path)
            self._stack.callback(os.close, root)
            for private in (True, False):
                try:
                    # private is a symbolic link that leads each user to a folder of their own.
                    fd = os.open(ns_text(private), os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=root)
                    self._stack.callback(os.close, fd)
                    self._ns[private] = fd
                except OSError as error:
                    self._errors[private] = error
            missing = self._errors.get(False)
            if missing is not None and missing.errno == errno.ENOENT:
                raise MountNotFound(
                    f"{self.path}: not the top of a secretfs tree; give the folder that holds public/"
                )
            self._stack = self._stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def ns(self, private: bool) -> int:
        if private in self._ns:
            return self._ns[private]
        error = self._errors[private]
        if private and error.errno == errno.EACCES:
            raise NotPermitted("private: this user has no private secrets here; use a public one")
        raise from_os(error, ns_text(private)) from error

    def _namespaces(self, private: Optional[bool]) -> Iterator[bool]:
        for ns in (True, False):
            if private is not None and private != ns:
                continue
            error = self._errors.get(ns)
            if private is None and ns and error is not None and error.errno == errno.EACCES:
                continue
            self.ns(ns)
            yield ns

    def _open(self, private: bool, name: str) -> Optional[Found]:
        try:
            return Found(private, name, os.open(name, _DIR, dir_fd=self.ns(private)))
        except OSError as error:
            # Anything but "not there" must not make another secret of the same name answer.
            if error.errno in (errno.ENOENT, errno.ESTALE):
                return None
            raise from_os(error, f"{ns_text(private)}/{names.shown(name)}") from error

    def each(self, private: Optional[bool]) -> Iterator[Found]:
        """All secrets; each one is closed when the next is asked for."""
        for ns in self._namespaces(private):
            try:
                all_names = _list(self.ns(ns))
            except OSError as error:
                raise from_os(error, ns_text(ns)) from error
            for name in all_names:
                try:
                    found = self._open(ns, name)
                except NotPermitted:
                    continue
                if found is not None:
                    try:
                        yield found
                    finally:
                        os.close(found.dir)

    def _by_id(self, wanted: str, private: Optional[bool]) -> Optional[Found]:
        for found in self.each(private):
            try:
                if _xattr(found.dir, "id") == wanted.lower():
                    return found._replace(dir=os.dup(found.dir))
            except OSError as error:
                if error.errno not in (errno.ENOENT, errno.ESTALE):
                    raise from_os(error, found.text) from error
        return None

    @contextlib.contextmanager
    def find(self, name_or_id: str, private: Optional[bool]) -> Iterator[Found]:
        """The secret of exactly this id or name, private before public."""
        name, private = selector(name_or_id, private)
        found = self._by_id(name, private) if names.is_id(name) else None
        for ns in self._namespaces(private):
            if found is None:
                found = self._open(ns, name)
        if found is None:
            raise SecretNotFound(self._not_found(name, private))
        try:
            yield found
        finally:
            os.close(found.dir)

    def _not_found(self, name: str, private: Optional[bool]) -> str:
        known: List[str] = []
        for ns in self._ns:
            with contextlib.suppress(OSError):
                known += [f"{ns_text(ns)}/{other}" for other in _list(self._ns[ns])]
        where = "" if private is None else ns_text(private) + "/"
        hint = names.near(name, known) or "; list_secrets() shows what there is"
        return f"{where}{names.shown(name)}: there is no such secret{hint}"

    def exists(self, private: bool, name: str) -> bool:
        try:
            os.stat(name, dir_fd=self.ns(private), follow_symlinks=False)
            return True
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ESTALE):
                return False
            raise from_os(error, f"{ns_text(private)}/{names.shown(name)}") from error

    def create(self, private: bool, name: str, values: Mapping[str, Value]) -> Secret:
        """All keys appear at once; what fails leaves nothing."""
        ns, text = self.ns(private), f"{ns_text(private)}/{names.shown(name)}"
        try:
            os.mkdir(name, dir_fd=ns)
        except OSError as error:
            raise from_os(error, text) from error
        try:
            found = Found(private, name, os.open(name, _DIR, dir_fd=ns))
            try:
                write(found, values, ())
                return read(found)
            finally:
                os.close(found.dir)
        except BaseException as error:
            # Only an empty one: if the keys are there, so is the secret.
            with contextlib.suppress(OSError):
                os.rmdir(name, dir_fd=ns)
            if isinstance(error, OSError):
                raise from_os(error, text) from error
            raise

    def move(self, found: Found, private: bool, name: str) -> Found:
        try:
            _renameat2(self.ns(found.private), found.name, self.ns(private), name)
        except OSError as error:
            target = f"{ns_text(private)}/{names.shown(name)}"
            raise from_os(error, target if error.errno in (errno.EEXIST, errno.ENOTEMPTY) else found.text) from error
        return found._replace(private=private, name=name)

    def delete(self, found: Found) -> None:
        """All keys at once where the view allows it, else one by one; nothing where the secret itself would stay."""
        ns = self.ns(found.private)
        try:
            files = _list(found.dir)
            _check_delete(ns, found, files)
            with contextlib.suppress(NotPermitted):
                write(found, {}, [name for name in files if names.is_key(name)])
            for name in files:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(name, dir_fd=found.dir)
            os.rmdir(found.name, dir_fd=ns)
        except OSError as error:
            raise from_os(error, found.text) from error


def _check_delete(ns: int, found: Found, files: Sequence[str]) -> None:
    """A secret that has lost its keys and then stays would be the worst of both."""
    for fd in [ns] + ([found.dir] if files else []):
        if not os.access(".", os.W_OK | os.X_OK, dir_fd=fd, effective_ids=True):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    parent, own = os.fstat(ns), os.fstat(found.dir)
    if parent.st_mode & stat.S_ISVTX and os.geteuid() not in (0, own.st_uid, parent.st_uid):
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))


def selector(text: str, private: Optional[bool]) -> Tuple[str, Optional[bool]]:
    """NAME, private/NAME or public/NAME."""
    for ns in (True, False):
        prefix = ns_text(ns) + "/"
        if isinstance(text, str) and text.startswith(prefix):
            if private is not None and private != ns:
                raise InvalidInput(f"{prefix}NAME with private={private}: leave out one of the two")
            text, private = text[len(prefix) :], ns
            break
    return names.check_secret(text), private


def keys_of(found: Found) -> List[str]:
    try:
        return _keys(found.dir)
    except OSError as error:
        raise from_os(error, found.text) from error

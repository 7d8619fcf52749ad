"""Write the files of this project: atomically, never blocking, never through a file of others.

A path may lie in a folder where other users can write, such as ``/tmp``. So a file, pipe or device
is written to only if the user of this process or root owns it. A symbolic link is followed only if
one of the two made it, in a folder where nobody else can write. Anything else raises an `OSError`
whose `strerror` says why, and nothing is written.

*Private* files are data of a running program: dumps, black boxes, evidence. They have the mode 0600
and their folders 0700, whatever the umask. *Public* files, such as drawings, follow the umask.

Paths such as ``/dev/stdout`` and ``/dev/fd/3`` name an open file of this process. That file and
pipes and devices are written to, not replaced. If nobody reads a pipe, a private write gives up
after `PATIENCE`; a public one waits. Text is written as UTF-8.
"""

from __future__ import annotations

import errno
import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from os import PathLike
    from typing import NoReturn

__all__ = [
    "PATIENCE",
    "append_private",
    "create_private",
    "make_private_folder",
    "open_private",
    "open_regular",
    "write_private",
    "write_public",
]

PATIENCE = 1.0
"""Seconds without a reader after which a private write to a pipe fails."""

_MAX_LINKS = 40  # as Linux follows
_PIPE_BUF = 512  # bytes that POSIX lets a ready pipe take whole; Linux takes 4096
_STREAMS = {"/dev/stdin": 0, "/dev/stdout": 1, "/dev/stderr": 2}
_STREAM_FOLDERS = ("/dev/fd", "/proc/self/fd")

# For each file that we open; some of these are unknown to Windows, and some to others.
_ALWAYS = sum(
    getattr(os, name, 0)
    for name in (
        "O_NOFOLLOW",
        "O_NONBLOCK",
        "O_CLOEXEC",
        "O_NOCTTY",
        "O_BINARY",
        "O_NOINHERIT",
    )
)


def write_private(path: str | PathLike[str], content: bytes | str) -> None:
    """Write a private file in one step: a reader sees the old file or the new one, never a part.

    Raises the `OSError` that names `path`.
    """
    _write(os.fspath(path), _encoded(content), is_private=True)


def write_public(path: str | PathLike[str], content: bytes | str) -> None:
    """Write a public file in one step; a file of this user that is there keeps its permissions.

    Raises the `OSError` that names `path`.
    """
    _write(os.fspath(path), _encoded(content), is_private=False)


def append_private(path: str | PathLike[str], content: bytes | str) -> None:
    """Append to a private file, which is made if it is missing. Raises `OSError`."""
    named = os.fspath(path)
    try:
        target = _followed(named)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        descriptor = _open_checked(target, flags) if isinstance(target, str) else os.dup(target)
        try:
            _pour(descriptor, _encoded(content), PATIENCE)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise _naming(error, named) from error


def create_private(path: str | PathLike[str]) -> int:
    """Make a private file for reading and writing; return its descriptor.

    Raises `FileExistsError` for anything that is there already, also a link that leads nowhere.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | _ALWAYS, 0o600)
    _make_usable(descriptor)
    return descriptor


def open_private(path: str | PathLike[str]) -> int:
    """Open a private regular file for appending, which is made if it is missing.

    Return its descriptor. Never follows a link. Raises `OSError`, also for a file of another user.
    """
    named = os.fspath(path)
    descriptor = _open_checked(named, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        _refuse("It is no regular file", named)
    return descriptor


def make_private_folder(path: str | PathLike[str], *, above: bool = True) -> None:
    """Make a folder with the mode 0700, and those `above` it that are missing.

    A folder that is there already keeps its mode. Raises `OSError`.
    """
    named = os.fspath(path)
    try:
        target = _followed(named)
        if not isinstance(target, str):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), named)
        missing: list[str] = []
        while not os.path.isdir(target):
            missing.append(target)
            if not above:
                break
            target = os.path.dirname(target)
        for folder in reversed(missing):
            try:
                os.mkdir(folder, 0o700)
            except FileExistsError:
                if not stat.S_ISDIR(os.lstat(folder).st_mode):
                    raise
            else:
                if hasattr(os, "geteuid"):
                    os.chmod(folder, 0o700)  # a umask may have taken even our own permissions
    except OSError as error:
        raise _naming(error, named) from error


def open_regular(path: str | PathLike[str], flags: int = os.O_RDONLY) -> int:
    """Open a regular file that was found in a folder; return its descriptor.

    Never follows a link, and never waits for a pipe. Raises `OSError`, also for other kinds.
    """
    descriptor = os.open(path, flags | _ALWAYS)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        _refuse("It is no regular file", os.fspath(path))
    return descriptor


def _encoded(content: bytes | str) -> bytes:
    if isinstance(content, bytes):
        return content
    # A lone surrogate, which UTF-8 cannot have, is written as its escape.
    return content.encode("utf-8", "backslashreplace")


def _write(named: str, content: bytes, *, is_private: bool) -> None:
    try:
        target = _followed(named)
        if not isinstance(target, str):
            _pour(target, content, PATIENCE if is_private else None)
            return
        earlier = _status_of(target)
        if earlier is None or stat.S_ISREG(earlier.st_mode):
            _replace(target, content, earlier, is_private=is_private)
            return
        descriptor = _open_checked(target, os.O_WRONLY | os.O_APPEND, waits=not is_private)
        try:
            _pour(descriptor, content, PATIENCE if is_private else None)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise _naming(error, named) from error


def _replace(
    target: str, content: bytes, earlier: os.stat_result | None, *, is_private: bool
) -> None:
    # Beside the target, since a rename is atomic only within one file system. Nobody can guess it.
    folder, name = os.path.split(target)
    temporary = os.path.join(folder, f".{name[:100]}.{os.urandom(8).hex()}.tmp")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _ALWAYS
    descriptor = os.open(temporary, flags, 0o600 if is_private else 0o666)
    try:
        try:
            if is_private:
                _make_usable(descriptor)
            elif earlier is not None and hasattr(os, "fchmod") and _is_ours(earlier):
                os.fchmod(descriptor, earlier.st_mode & 0o777)
            _pour(descriptor, content, None)
        finally:
            os.close(descriptor)
        os.replace(temporary, target)
    except BaseException:
        os.unlink(temporary)
        raise


def _followed(path: str) -> str | int:
    """Return `path` without its symbolic links, which are trusted; or the descriptor it names."""
    path = os.path.abspath(path)
    for _ in range(_MAX_LINKS):
        stream = _stream_of(path)
        if stream is not None:
            return stream
        link = next(_links_in(path), None)
        if link is None:
            return path
        if not _is_trusted(link):
            _refuse("It leads through a symbolic link that another user could have made", link)
        leads_to = os.path.join(os.path.dirname(link), os.readlink(link))
        path = os.path.normpath(leads_to + path[len(link) :])
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)


def _stream_of(path: str) -> int | None:
    """Return the descriptor that `path` stands for, as ``/dev/stdout`` or ``/dev/fd/3`` does."""
    if path in _STREAMS:
        return _STREAMS[path]
    folder, number = os.path.split(path)
    if folder in (*_STREAM_FOLDERS, f"/proc/{os.getpid()}/fd") and number.isdecimal():
        return int(number)
    return None


def _links_in(path: str) -> Iterator[str]:
    """Yield the parts of `path` that are symbolic links, from the top down."""
    if hasattr(os, "geteuid"):  # elsewhere making a link is a privilege
        at = path.find(os.sep, 1)
        while at > 0:
            if os.path.islink(path[:at]):
                yield path[:at]
            at = path.find(os.sep, at + 1)
        if os.path.islink(path):
            yield path


def _is_trusted(link: str) -> bool:
    """Tell whether only this user or root can have made `link`."""
    folder = os.stat(os.path.dirname(link))
    is_shared = folder.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return not is_shared and _is_ours(folder) and _is_ours(os.lstat(link))


def _is_ours(status: os.stat_result) -> bool:
    return not hasattr(os, "geteuid") or status.st_uid in (0, os.geteuid())


def _status_of(path: str) -> os.stat_result | None:
    """Return the status of what is at `path`, or None if nothing is."""
    try:
        return os.lstat(path)
    except FileNotFoundError:
        return None


def _open_checked(path: str, flags: int, *, waits: bool = False) -> int:
    """Open a file, pipe or device of ours for writing; a missing file is made if `flags` say so.

    With `waits` the reader of a pipe may come later.
    """
    if flags & os.O_CREAT:
        try:
            descriptor = os.open(path, flags | os.O_EXCL | _ALWAYS, 0o600)
        except FileExistsError:
            flags &= ~os.O_CREAT
        else:
            _make_usable(descriptor)
            return descriptor
    # Look before opening: to open a device may already do something.
    _check(os.lstat(path), path)
    flags |= _ALWAYS & ~getattr(os, "O_NONBLOCK", 0) if waits else _ALWAYS
    try:
        descriptor = os.open(path, flags)
    except OSError as error:
        if error.errno == errno.ENXIO:
            error.strerror = "Nobody reads the pipe"
        raise
    try:
        _check(os.fstat(descriptor), path)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _check(status: os.stat_result, path: str) -> None:
    if not _is_ours(status):
        _refuse(f"Another user owns it (uid {status.st_uid})", path)
    mode = status.st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    if stat.S_ISREG(mode):
        if hasattr(os, "geteuid") and status.st_nlink > 1:
            _refuse("It has another name elsewhere (a hard link)", path)
    elif not stat.S_ISFIFO(mode) and not stat.S_ISCHR(mode):
        _refuse("It is neither a file, a pipe nor a character device", path)


def _make_usable(descriptor: int) -> None:
    """Give a private file its mode: a umask may have taken even our own permissions."""
    if hasattr(os, "fchmod"):
        os.fchmod(descriptor, 0o600)


def _pour(descriptor: int, content: bytes, patience: float | None) -> None:
    """Write all of `content`; wait at most `patience` seconds for a reader of a pipe."""
    is_file = stat.S_ISREG(os.fstat(descriptor).st_mode)
    rest = memoryview(content)
    while rest:
        if not is_file and not _is_ready(descriptor, patience):
            raise OSError(errno.EAGAIN, "Nobody reads the pipe")
        try:
            rest = rest[os.write(descriptor, rest if is_file else rest[:_PIPE_BUF]) :]
        except BlockingIOError:
            continue


def _is_ready(descriptor: int, patience: float | None) -> bool:
    import select

    if not hasattr(select, "poll"):  # Windows waits for sockets only
        return True
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    return bool(poll.poll(None if patience is None else patience * 1000))


def _refuse(reason: str, path: str) -> NoReturn:
    raise PermissionError(errno.EPERM, reason, path)


def _naming(error: OSError, named: str) -> OSError:
    """Return `error` with the path as the caller gave it."""
    return OSError(error.errno, error.strerror, named)

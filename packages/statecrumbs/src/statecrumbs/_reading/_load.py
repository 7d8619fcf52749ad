"""Load recordings from whatever there is: black boxes, dumps, logs, folders, pipes."""

from __future__ import annotations

import json
import os
import stat
from dataclasses import replace
from typing import TYPE_CHECKING

from statecrumbs._black_box import SUFFIX, UnreadableError, is_black_box, read
from statecrumbs._json import is_list, is_object
from statecrumbs._reading._content import (
    Content,
    describe,
    from_stream,
    open_content,
    standard_input,
)
from statecrumbs._reading._log import documents
from statecrumbs._reading._recording import Recording, from_black_box, from_dump
from statecrumbs._reading._unwrap import is_dump

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from io import BufferedReader
    from typing import Any, Final

    from statecrumbs._reading._content import Window
    from statecrumbs._reading._open_dump import Document

_MAX_JSON: Final = 64 << 20  # bytes; a larger file is read as a log
_BOX_MAGIC: Final = b"\x89crumbs"


def load(path: str | os.PathLike[str]) -> Recording:
    """Return the recording in the file at `path`; in a log with several dumps the last one.

    Raises UnreadableError, whose message names the file and what it is instead.
    """
    return load_all(os.fspath(path))[-1]


def load_all(path: str, *, older: bool = False) -> list[Recording]:
    """Return the recordings in the file, pipe or stream at `path`; "-" is the standard input.

    Of a log these are its last dump, and those that other processes wrote at the same time; with
    `older` all dumps. Raises UnreadableError, whose message names the file and what it is instead.
    """
    if path == "-":
        return _from_content(from_stream(path, standard_input()), older=older)
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        raise UnreadableError(f"Cannot read {path}: {error.strerror}.") from None
    if stat.S_ISREG(mode):
        if is_black_box(path):
            return [from_black_box(read(path))]
        with _opened(path) as file:
            return _from_content(open_content(path, file), older=older)
    if stat.S_ISDIR(mode):
        raise UnreadableError(f"Cannot read {path}: it is a folder.")
    with _opened(path) as stream:
        return _from_content(from_stream(path, stream), older=older)


def _opened(path: str) -> BufferedReader:
    try:
        return open(path, "rb")
    except OSError as error:
        raise UnreadableError(f"Cannot read {path}: {error.strerror}.") from None


def load_each(
    paths: Sequence[str], complain: Callable[[UnreadableError], object], *, older: bool = False
) -> list[Recording]:
    """Return the recordings in all of `paths`; a folder stands for the files in it.

    `complain` is called with each problem. Files in a folder that are no recordings are no problem
    unless they are named like black boxes. Raises UnreadableError for a folder without recordings.
    """
    recordings: list[Recording] = []
    for path in dict.fromkeys(paths):
        is_folder = path != "-" and os.path.isdir(path)
        problems = 0
        found: list[Recording] = []
        for file in files_in(path) if is_folder else (path,):
            try:
                found += load_all(file, older=older)
            except UnreadableError as error:
                if not is_folder or file.endswith(SUFFIX):
                    problems += 1
                    complain(error)
        if is_folder and not found and not problems:
            raise UnreadableError(f"There are no black boxes, dumps, or logs with dumps in {path}.")
        recordings += found
    return recordings


def files_in(folder: str) -> Iterator[str]:
    """Yield the regular files in `folder` by name, without hidden ones. Raises UnreadableError."""
    try:
        with os.scandir(folder) as entries:
            names = sorted(
                entry.name
                for entry in entries
                if not entry.name.startswith(".") and (entry.is_file() or entry.is_symlink())
            )
    except OSError as error:
        raise UnreadableError(f"Cannot read {folder}: {error.strerror}.") from None
    for name in names:
        path = os.path.join(folder, name)
        if os.path.isfile(path):
            yield path


def _from_content(content: Content, *, older: bool) -> list[Recording]:
    if content.head.startswith(_BOX_MAGIC):
        return [_black_box_of(content)]
    whole = _from_json(content)
    if whole is not None:
        return whole
    found = _documents(content, older=older)
    if not found:
        raise UnreadableError(
            f"{content.path} is neither a black box nor a dump of statecrumbs, nor a log with one: "
            f"{describe(content)}."
        )
    return [_recording(content, document) for document in found]


def _black_box_of(content: Content) -> Recording:
    """Read a black box that came by a pipe: its reader needs a file."""
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        copy = os.path.join(folder, f"copy{SUFFIX}")
        with open(copy, "wb") as file:
            file.write(content.part(0, content.size))
        return replace(from_black_box(read(copy)), path=content.path)


def _from_json(content: Content) -> list[Recording] | None:
    """Return the dumps of a file that is JSON: a dump, or an object of dumps by path."""
    begin = content.text(0, 64).lstrip("\ufeff \t\r\n")[:1]
    if begin not in ("[", "{") or content.size > _MAX_JSON:
        return None
    try:
        value: object = json.loads(content.text(0, content.size).lstrip("\ufeff"))
    except (ValueError, RecursionError):
        return None
    if is_dump(value) or value == []:
        dump: Any = value
        return [from_dump(content.path, dump)]
    if is_object(value) and value and all(is_list(item) for item in value.values()):
        dumps = [(path, dump) for path, dump in value.items() if is_dump(dump) or dump == []]
        if len(dumps) == len(value):
            return [from_dump(path, dump) for path, dump in dumps]
    return None


def _documents(content: Content, *, older: bool) -> list[Document]:
    """Return the last dumps in a log, or all."""
    found: list[Document] = []
    for window in content.windows():
        in_window = documents(window.text)
        if older:
            if window.is_last:
                found = []  # the second window has all of the first one
            new = [
                document
                for document in in_window
                if not _is_in_next(document, window) and document.first < window.shared_after
            ]
            found = [*new, *found]
        elif in_window and not _is_in_next(in_window[-1], window):
            last = in_window[-1]
            return [document for document in in_window if document.last >= last.first]
    return found


def _is_in_next(document: Document, window: Window) -> bool:
    """Return whether the next window, which is earlier in the log, has more of `document`."""
    return not document.has_begin and not window.is_first and document.last < window.shared_before


def _recording(content: Content, document: Document) -> Recording:
    missing: list[str] = []
    if not document.has_begin:
        missing.append("The beginning of this dump is missing: it had earlier crumbs.")
    if document.lost_lines:
        missing.append(f"{document.lost_lines} lines in the middle of this dump are missing.")
    if document.damaged:
        missing.append(f"{document.damaged} crumbs are damaged: lines of them are missing.")
    if not document.has_end:
        has_crash = any("exception" in record for record in document.records)
        missing.append(
            "The end of this dump is missing: its last record is not complete."
            if has_crash
            else "The end of this dump is missing, and with it the record of the crash."
        )
    if content.is_broken:
        missing.append("The gzip stream ends too early: what followed is missing.")
    return replace(from_dump(content.path, document.records), missing=tuple(missing))

"""Load recordings from whatever there is: black boxes, dumps, logs, folders, pipes."""

from __future__ import annotations

import json
import os
import re
import stat
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from statecrumbs._black_box import SUFFIX, UnreadableError, is_absent, is_black_box, read
from statecrumbs._json import is_list, is_object
from statecrumbs._reading._content import (
    Content,
    describe_content,
    from_stream,
    open_content,
    standard_input,
)
from statecrumbs._reading._log import documents, in_rows, is_dump, rows_of_json
from statecrumbs._reading._recording import Recording, from_black_box, from_dump

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from io import BufferedReader
    from typing import Any, Final

    from statecrumbs._reading._content import Window
    from statecrumbs._reading._log import Document

T = TypeVar("T")
_MAX_JSON: Final = 64 << 20  # bytes; a larger file is read as a log
# A line of a dump in a row of an export of a log service.
_IN_ROWS: Final = re.compile(r'"(?:event|statecrumbs)\\*":')
_SPACE: Final = re.compile(r"\s*")
_NEAR: Final = 3  # lines
_decoder: Final = json.JSONDecoder()
_BOX_MAGIC: Final = b"\x89crumbs"


def load(path: str | os.PathLike[str]) -> Recording:
    """Return the recording in the file at `path`; in a log with several dumps the last one.

    Raises UnreadableError, whose message names the file and what it is instead.
    """
    return load_all(os.fspath(path))[-1]


def load_all(path: str, *, older: bool = False) -> list[Recording]:
    """Return the recordings in the file, pipe or stream at `path`; "-" is the standard input.

    A log gives its last dump, and those that other processes wrote at the same time, or with
    `older` all dumps. Raises UnreadableError; its message names the file and its real content.
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
    """Return the recordings in all of `paths`, each of which counts once, as `from_each` does."""
    return from_each(list(dict.fromkeys(paths)), complain, partial(load_all, older=older))


def from_each(
    paths: Sequence[str],
    complain: Callable[[UnreadableError], object],
    read_file: Callable[[str], list[T]],
) -> list[T]:
    """Return what `read_file` finds in all of `paths`; a folder stands for the files in it.

    `complain` is called with each problem. Files in a folder that are no recordings are no problem
    unless they are named like black boxes; a folder without recordings is one. Processes that begin
    or end meanwhile make and remove black boxes: these are no problem either.
    """
    found: list[T] = []
    for path in paths:
        is_folder = path != "-" and os.path.isdir(path)
        problems: list[UnreadableError] = []
        here: list[T] = []
        try:
            files = files_in(path) if is_folder else [path]
        except UnreadableError as error:
            complain(error)
            continue
        for file in files:
            is_box = is_folder and file.endswith(SUFFIX)
            if is_box and is_absent(file):
                continue
            try:
                here += read_file(file)
            except UnreadableError as error:
                if not is_folder or (is_box and not is_absent(file)):
                    problems.append(error)
        if is_folder and not here and not problems:
            problems.append(
                UnreadableError(f"There are no black boxes, dumps, or logs with dumps in {path}.")
            )
        for problem in problems:
            complain(problem)
        found += here
    return found


def files_in(folder: str) -> list[str]:
    """Return the regular files in `folder` by name, without hidden ones. Raises UnreadableError."""
    try:
        names = sorted(name for name in os.listdir(folder) if not name.startswith("."))
    except OSError as error:
        raise UnreadableError(f"Cannot read {folder}: {error.strerror}.") from None
    return [path for name in names if os.path.isfile(path := os.path.join(folder, name))]


def _from_content(content: Content, *, older: bool) -> list[Recording]:
    if content.head.startswith(_BOX_MAGIC):
        return [_black_box_of(content)]
    whole = _from_json(content, older=older)
    if whole is not None:
        return whole
    found = _documents(content, older=older)
    if not found:
        raise UnreadableError(
            f"{content.path} is neither a black box nor a dump of statecrumbs, nor a log with one: "
            f"{describe_content(content)}."
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


def _from_json(content: Content, *, older: bool) -> list[Recording] | None:
    """Return the dumps of a file that is JSON: a dump, an object of dumps by path, rows of a log.

    None is for a file that is no JSON, or has no dump.
    """
    begin = content.text(0, 64).lstrip("\ufeff \t\r\n")[:1]
    if begin not in ("[", "{") or content.size > _MAX_JSON:
        return None
    text = content.text(0, content.size).lstrip("\ufeff")
    value = _json_in(text)
    if value is None:
        return None
    if is_dump(value) or value == []:
        dump: Any = value
        return [from_dump(content.path, dump)]
    if is_object(value) and value and all(is_list(item) for item in value.values()):
        dumps = [(path, dump) for path, dump in value.items() if is_dump(dump) or dump == []]
        if len(dumps) == len(value):
            return [from_dump(path, dump) for path, dump in dumps]
    found = in_rows(list(rows_of_json(value))) if _IN_ROWS.search(text) else []
    if found and not older:
        found = _latest(found)
    return [_recording(content, document) for document in found] or None


def _json_in(text: str) -> object:
    """Return the JSON value in `text`, or a list of its values, as ``journalctl -o json-pretty``.

    None is for anything else, and for values that are in one line each: these are a log.
    """
    values: list[object] = []
    at = 0
    try:
        while at < len(text):
            value, end = _decoder.raw_decode(text, at)
            values.append(value)
            rest = _SPACE.match(text, end)
            end = rest.end() if rest is not None else end
            if len(values) == 1 and end < len(text) and "\n" not in text[at:end].rstrip():
                return None
            at = end
    except (ValueError, RecursionError):
        return None
    return values[0] if len(values) == 1 else values


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
            return _latest(in_window)
    return found


def _latest(found: list[Document]) -> list[Document]:
    """Return the last dump of `found`, and those of others at the same time.

    A dump without an end just before it may be its beginning, with a "[" of somebody between.
    """
    begin = found[-1].first
    return [
        document
        for document in found
        if document.last >= begin or (not document.has_end and document.last >= begin - _NEAR)
    ]


def _is_in_next(document: Document, window: Window) -> bool:
    """Return whether the next window, which is earlier in the log, has more of `document`."""
    return not document.has_begin and not window.is_first and document.last < window.shared_before


def _recording(content: Content, document: Document) -> Recording:
    missing: list[str] = []
    if not document.has_begin:
        missing.append("The beginning of this dump is missing: it had earlier crumbs.")
    has_crash = any("exception" in record or "process" in record for record in document.records)
    if document.lost_lines:
        lines = "1 line" if document.lost_lines == 1 else f"{document.lost_lines} lines"
        are = "is" if document.lost_lines == 1 else "are"
        crash = "" if has_crash or not document.has_end else ", and with it the record of the crash"
        missing.append(f"{lines} in the middle of this dump {are} missing{crash}.")
    if document.damaged:
        crumbs = "1 crumb is" if document.damaged == 1 else f"{document.damaged} crumbs are"
        missing.append(f"{crumbs} damaged, and shown as far as possible.")
    if not document.has_end:
        missing.append(
            "The end of this dump is missing: its last record is not complete."
            if has_crash
            else "The end of this dump is missing, and with it the record of the crash."
        )
    if content.is_broken:
        missing.append("The gzip stream ends too early: what followed is missing.")
    recording = from_dump(content.path, document.records, is_whole=document.is_whole)
    return replace(recording, missing=(*recording.missing, *missing))

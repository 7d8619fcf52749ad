"""An exception of a dump as people read it: the program's own calls, with their source lines."""

from __future__ import annotations

import linecache
import re
from itertools import groupby
from typing import TYPE_CHECKING

from statecrumbs._json import is_list, is_object
from statecrumbs._lines import call_place, printable, summary
from statecrumbs._redact import Redactor

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, Final

    from statecrumbs._lines import Paint

_redactor: Final = Redactor()
_AROUND: Final = 3  # lines before and after the line of a call

# The folders in which installers and Python put the files of libraries, and the source folders of
# the packages of this project, from which an editable install imports them.
_LIBRARY: Final = re.compile(
    r"[/\\](?:site|dist)-packages[/\\](?P<name>[^/\\.]+)"
    r"|[/\\]lib[/\\]python3[^/\\]*[/\\](?P<std>(?!(?:site|dist)-packages)[^/\\.]+)"
    r"|^<frozen (?P<frozen>[^>.]+)"
    r"|[/\\]src[/\\](?P<editable>corectx|statecrumbs|penstock(?:_(?:celery|django|otel|structlog))?)"
    r"[/\\]",
    re.IGNORECASE,
)


def exception_lines(exception: dict[str, Any], paint: Paint) -> Iterator[str]:
    """Yield the lines about an exception in the order in which Python prints them: causes first."""
    cause = exception.get("cause")
    if is_object(cause):
        yield from exception_lines(cause, paint)
        yield ""
        yield "which led to:"
        yield ""
    traceback = exception.get("traceback")
    if is_list(traceback):
        yield from _call_lines([entry for entry in traceback if is_object(entry)])
    named = {key: exception.get(key, "") for key in ("type", "message")}
    yield paint("failure", summary(named))
    notes = exception.get("notes")
    if is_list(notes):
        yield from (f"  {printable(note)}" for note in notes)
    members = exception.get("exceptions")
    if is_list(members):
        for number, member in enumerate(members, 1):
            yield f"  its member {number} of {len(members)}:"
            if is_object(member):
                yield from (f"    {line}".rstrip() for line in exception_lines(member, paint))
            else:
                yield f"    {printable(member)}"


def _call_lines(calls: list[dict[str, Any]]) -> Iterator[str]:
    """Yield the calls. Calls in libraries are only counted, except the call that raised."""
    own = [not library_of(call) for call in calls]
    for place, (is_open, group) in enumerate(groupby(calls, lambda call: not library_of(call))):
        several = list(group)
        is_last = several[-1] is calls[-1]
        if is_open or not any(own):
            for call in several:
                yield from _call(call)
            continue
        folded = several[:-1] if is_last else several
        if folded:
            names = ", ".join(dict.fromkeys(map(library_of, folded)))
            number = f"{len(folded)} call{'s' if len(folded) > 1 else ''}"
            yield f"  {'... ' if place else ''}{number} in {printable(names)}"
        if is_last:
            yield from _call(several[-1])


def library_of(call: dict[str, Any]) -> str:
    """Return the name of the library in which a call is, "" for the program's own."""
    found = _LIBRARY.search(str(call.get("file", "")))
    return next(filter(None, found.groups())) if found else ""


def _call(call: dict[str, Any]) -> Iterator[str]:
    yield f"  {call_place(call)} in {printable(call.get('function', '?'))}"
    source = _source_lines(call)
    line = source[call["line"] - 1].strip() if source else ""
    if line:
        yield f"      {printable(_redactor.scrub(line))}"
    values = call.get("locals")
    if is_object(values):
        yield from (f"        {printable(key)} = {printable(values[key])}" for key in values)


def source_around(call: dict[str, Any]) -> list[tuple[int, str]]:
    """Return the lines of code around a call with their numbers, none if the file is not there.

    Secrets in the code are blanked, since a page is sent to others.
    """
    source = _source_lines(call)
    first = max(0, call["line"] - 1 - _AROUND) if source else 0
    last = call["line"] + _AROUND if source else 0
    return [
        (first + at + 1, _redactor.scrub(line.rstrip()))
        for at, line in enumerate(source[first:last])
    ]


def _source_lines(call: dict[str, Any]) -> list[str]:
    """Return the lines of the file of a call, if it has the line of the call."""
    file, line = call.get("file"), call.get("line")
    # Only Python files: a dump may come from elsewhere, and name any file of this machine.
    if not isinstance(file, str) or not file.endswith(".py") or type(line) is not int:
        return []
    lines = linecache.getlines(file)
    return lines if 1 <= line <= len(lines) else []

"""An exception of a dump as people read it: the program's own calls, with their source lines."""

from __future__ import annotations

import linecache
import re
from itertools import groupby
from typing import TYPE_CHECKING

from statecrumbs._json import is_list, is_object
from statecrumbs._lines import printable, summary

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, Final

    from statecrumbs._lines import Paint

# Where installers and Python put the files of libraries.
_LIBRARY: Final = re.compile(
    r"[/\\](?:site|dist)-packages[/\\](?P<name>[^/\\.]+)"
    r"|[/\\]lib[/\\]python3[^/\\]*[/\\](?P<std>(?!(?:site|dist)-packages)[^/\\.]+)"
    r"|^<frozen (?P<frozen>[^>.]+)",
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
    """Yield the calls; those in libraries are counted only, but for the one that raised."""
    own = [not _library(call) for call in calls]
    for place, (is_open, group) in enumerate(groupby(calls, lambda call: not _library(call))):
        several = list(group)
        is_last = several[-1] is calls[-1]
        if is_open or not any(own):
            for call in several:
                yield from _call(call)
            continue
        folded = several[:-1] if is_last else several
        if folded:
            names = ", ".join(dict.fromkeys(map(_library, folded)))
            number = f"{len(folded)} call{'s' if len(folded) > 1 else ''}"
            yield f"  {'... ' if place else ''}{number} in {printable(names)}"
        if is_last:
            yield from _call(several[-1])


def _library(call: dict[str, Any]) -> str:
    """Return the name of the library in which a call is, "" for the program's own."""
    found = _LIBRARY.search(str(call.get("file", "")))
    return (found["name"] or found["std"] or found["frozen"]) if found else ""


def _call(call: dict[str, Any]) -> Iterator[str]:
    file, line = call.get("file", "?"), call.get("line", "?")
    yield f"  {printable(file)}:{printable(line)} in {printable(call.get('function', '?'))}"
    # Only Python files: a dump may come from elsewhere, and name any file of this machine.
    if isinstance(file, str) and file.endswith(".py") and type(line) is int:
        source = linecache.getline(file, line).strip()
        if source:
            yield f"      {printable(source)}"

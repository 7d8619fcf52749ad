"""Make one self-contained HTML page of a time line.

    _base           one page of a style, a script and data; _base.css and _base.js are its rules
                    and functions. All three are shared with penstock's page
    page.html       what is in the body
    page.css        calm in the light and in the dark, on paper and on a phone
    model.js        crumbs, their groups by operation, search
    timeline.js     the strip with one lane for each process and operation
    list.js         the list of crumbs; only what is in view is in the document
    details.js      all about one crumb, and about an exception
    main.js         state, filters, keys, printing

The page loads nothing: its policy allows the one style and the one script in it, by their hashes.
The crumbs are data in it, and the script shows them as text only.
"""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

from statecrumbs._endings import sentence, short_ending
from statecrumbs._json import is_list, is_object, to_json
from statecrumbs._lines import correlation_id, frame_name, printable, summary, work_name
from statecrumbs._reading._exception import library_of, source_around
from statecrumbs._reading._page._base import page
from statecrumbs._reading._recording import is_report
from statecrumbs._reading._terminal import about, stacks

if TYPE_CHECKING:
    from typing import Any, Final

    from statecrumbs._json import Json
    from statecrumbs._reading._recording import Recording
    from statecrumbs._reading._timeline import Timeline

__all__ = ["render"]

_SCRIPTS: Final = ("model.js", "timeline.js", "list.js", "details.js", "main.js")
_EXACT: Final = 2**53  # integers beyond it are not exact in JavaScript
_SHORT_ID: Final = 8  # characters
_MAX_DEPTH: Final = 20  # causes and members inside one another


def render(timeline: Timeline) -> str:
    """Return `timeline` as an HTML page that needs nothing else, and no network."""
    failing = _failing(timeline)
    failure = None if failing is None else timeline.entries[failing].crumb
    told = _told(timeline, failing)
    headline = _headline(told, failure)
    data = {
        "crumbs": [_with_sources(entry.crumb) for entry in timeline.entries],
        "of": [entry.process for entry in timeline.entries],
        "processes": [process.name for process in timeline.processes],
        "joins": timeline.joins,
        "failing": failing,
        "headline": headline,
        "died": _ending(told),
        "ending": told.about if told is not None else {},
        "files": [
            {
                "name": timeline.name_of(number),
                "path": printable(recording.path),
                "lines": [*about(recording), *stacks(recording)],
            }
            for number, recording in enumerate(timeline.recordings)
        ],
        "clocks": list(timeline.clocks()),
        "missing": list(
            dict.fromkeys(text for recording in timeline.recordings for text in recording.missing)
        ),
    }
    return page(
        __name__,
        title=_title(headline, failure),
        style="",
        styles=["page.css"],
        scripts=_SCRIPTS,
        data=_exact(to_json(data)),
        body=files(__name__).joinpath("page.html").read_text(encoding="utf-8"),
    )


def _failing(timeline: Timeline) -> int | None:
    """Return the place of the entry that the page is about.

    That is the last exception, or without one the last report; None without a failure.
    """
    for is_failure in (_has_exception, is_report):
        for place in range(len(timeline.entries) - 1, -1, -1):
            if is_failure(timeline.entries[place].crumb):
                return place
    return None


def _has_exception(crumb: dict[str, Any]) -> bool:
    return is_object(crumb.get("exception"))


def _told(timeline: Timeline, failing: int | None) -> Recording | None:
    """Return the recording that the page is about: that of the failure, else the last one."""
    process = None if failing is None else timeline.entries[failing].process
    for owner, recording in zip(timeline.owners, timeline.recordings, strict=True):
        if owner == process and recording.failure is not None:
            return recording
    return timeline.recordings[-1] if timeline.recordings else None


def _headline(recording: Recording | None, failure: dict[str, Any] | None) -> str:
    if failure is not None:
        exception = failure.get("exception", failure)
        first_line = str(exception.get("message", "")).partition("\n")[0]
        if exception is failure:
            return printable(first_line)
        return summary({"type": exception.get("type", ""), "message": first_line})
    if recording is not None and "ending" in recording.about:
        return short_ending(recording.about["ending"])
    return "What happened so far"


def _title(headline: str, failure: dict[str, Any] | None) -> str:
    """Return the title of the browser's tab: what failed, where, and the beginning of its ID."""
    frame = failure.get("frame") if failure is not None else None
    parts = [headline]
    if failure is not None and is_object(frame):
        parts += [frame_name(frame), printable(correlation_id(failure)[:_SHORT_ID])]
    return " · ".join(filter(None, parts))


def _ending(recording: Recording | None) -> str:
    """Return how the process ended, and the work in flight."""
    if recording is None or "ending" not in recording.about:
        return ""
    text = sentence(recording.about)
    works = recording.about.get("in_flight")
    if is_list(works) and works:
        text += f" In flight: {', '.join(map(work_name, works))}."
    return text


def _with_sources(crumb: dict[str, Any]) -> dict[str, Any]:
    """Return `crumb` with the source lines and the libraries of the calls in it."""
    exception, running = crumb.get("exception"), crumb.get("running")
    if is_object(exception):
        crumb = {**crumb, "exception": _sourced(exception, 0)}
    if is_list(running):
        crumb = {**crumb, "running": [_traced(each, "stack") for each in running]}
    return crumb


def _sourced(exception: dict[str, Any], depth: int) -> dict[str, Any]:
    made: dict[str, Any] = dict(_traced(exception, "traceback"))
    if depth < _MAX_DEPTH:
        members = exception.get("exceptions")
        if is_list(members):
            made["exceptions"] = [
                _sourced(each, depth + 1) if is_object(each) else each for each in members
            ]
        if is_object(exception.get("cause")):
            made["cause"] = _sourced(exception["cause"], depth + 1)
    return made


def _traced(value: Any, name: str) -> Any:
    """Return `value` with more about each of the calls in its member `name`, if it has one."""
    calls = value.get(name) if is_object(value) else None
    if not is_list(calls):
        return value
    return {**value, name: [_call(call) if is_object(call) else call for call in calls]}


def _call(call: dict[str, Any]) -> dict[str, Any]:
    library = library_of(call)
    if library:
        return {**call, "library": library}
    source = source_around(call)
    return {**call, "source": source} if source else call


def _exact(value: Json) -> Json:
    """Return `value` with those integers as text that JavaScript would round."""
    if is_object(value):
        return {key: _exact(item) for key, item in value.items()}
    if is_list(value):
        return [_exact(item) for item in value]
    if type(value) is int and abs(value) > _EXACT:
        return str(value)
    return value

"""Make one self-contained HTML page of a recording.

    page.html       the skeleton, with {placeholders}
    page.css        calm in the light and in the dark
    model.js        crumbs, their groups by thread and frame, search
    timeline.js     the strip with one lane a thread
    list.js         the list of crumbs; only what is in view is in the document
    inspector.js    all about one crumb
    main.js         state, filters, keys

The page loads nothing: its policy allows the one style and the one script in it, by their hashes.
The crumbs are data in it, and the script shows them as text only.
"""

from __future__ import annotations

import json
from base64 import b64encode
from hashlib import sha256
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING

from statecrumbs._endings import in_short, sentence
from statecrumbs._json import is_list, is_object, to_json
from statecrumbs._lines import summary, work_name

if TYPE_CHECKING:
    from typing import Final

    from statecrumbs._json import Json
    from statecrumbs._reading._recording import Recording

__all__ = ["render"]

_SCRIPTS: Final = ("model.js", "timeline.js", "list.js", "inspector.js", "main.js")
_EXACT: Final = 2**53  # integers beyond it are not exact in JavaScript


def render(recording: Recording) -> str:
    """Return `recording` as an HTML page that needs nothing else, and no network."""
    style = _asset("page.css")
    script = "(() => {\n" + "\n".join(map(_asset, _SCRIPTS)) + "})();\n"
    policy = (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    data = {
        "path": recording.path,
        "crumbs": recording.crumbs,
        "ending": recording.ending,
        "headline": _headline(recording),
        "died": _ending(recording),
    }
    parts = {
        "policy": escape(policy),
        "title": escape(_headline(recording)),
        "style": style,
        "script": script,
        # In a script element only "</script" and "<!--" have a meaning, so no "<" is left.
        "data": json.dumps(_exact(to_json(data)), allow_nan=False).replace("<", "\\u003c"),
    }
    page = _asset("page.html")
    # In one pass, so that a placeholder in the data stays as it is.
    pieces = page.split("{{")
    made = [pieces[0]]
    for piece in pieces[1:]:
        name, _, rest = piece.partition("}}")
        made += [parts[name], rest]
    return "".join(made)


def _asset(name: str) -> str:
    return files(__name__).joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"


def _headline(recording: Recording) -> str:
    if recording.failure is not None:
        exception = recording.failure["exception"]
        first_line = str(exception.get("message", "")).partition("\n")[0]
        return summary({"type": exception.get("type", ""), "message": first_line})
    if "ending" in recording.ending:
        return in_short(recording.ending["ending"])
    return "What happened so far"


def _ending(recording: Recording) -> str:
    """Return how the process ended, and the work in flight."""
    if "ending" not in recording.ending:
        return ""
    text = sentence(recording.ending)
    works = recording.ending.get("in_flight")
    if is_list(works) and works:
        text += f" In flight: {', '.join(map(work_name, works))}."
    return text


def _exact(value: Json) -> Json:
    """Return `value` with those integers as text that JavaScript would round."""
    if is_object(value):
        return {key: _exact(item) for key, item in value.items()}
    if is_list(value):
        return [_exact(item) for item in value]
    if type(value) is int and abs(value) > _EXACT:
        return str(value)
    return value

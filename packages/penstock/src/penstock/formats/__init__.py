"""Drawings of a graph: one module a format, each with one pure function `render`.

    mermaid  dot  json  text     str, nothing but the standard library
    svg  html                    str, the built-in layered layout (`_layout`)
    png                          bytes, the same layout painted with Pillow
    _graphviz                    svg, png, pdf drawn by the `dot` program instead

`render(graph, *, direction="TD")` takes a `penstock._graph.Graph`. The modules are imported when
they are asked for, so that drawing Mermaid loads no layout and needs no Pillow. What all of them
share is here: `visible`, which makes any string fit to be shown.
"""

from __future__ import annotations

import re

__all__ = ["visible"]

# What a reader cannot see, what steers a terminal or the direction of text, and what XML 1.0 or
# UTF-8 cannot carry: controls, soft hyphen, bidirectional marks and overrides, zero-width space,
# line separators, invisible operators, byte order mark, annotations, tags, surrogates and
# noncharacters. Not the joiners U+200C and U+200D, which emoji and Persian need. The list is fixed
# (str.isprintable follows the interpreter's Unicode version, so drawings would too).
_INVISIBLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\ufffb\ufffe\uffff\ufdd0-\ufdef\ud800-\udfff\U000e0000-\U000e007f]"
)


def visible(text: str) -> str:
    r"""Return `text` with what cannot be seen or encoded as Python escapes: `\n`, `\x1b`, `\u202e`.

    A text that is empty or only white space is returned quoted, as `''` or `' '`, so that there is
    something to see. Everything else is returned as it is.
    """
    shown = _INVISIBLE.sub(_escape, text)
    return shown if shown.strip() else f"'{shown}'"


def _escape(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode("ascii")

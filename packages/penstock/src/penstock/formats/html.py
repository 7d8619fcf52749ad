"""Draw a graph as one HTML page that needs nothing else: pan, zoom, search, docstrings, all flows.

The page makes no request: its content security policy lets it run only the script and the styles
that are in it, by their hashes. Names and docstrings are text for it, whatever they contain.
"""

from __future__ import annotations

import base64
import hashlib
import json
from importlib.resources import files
from typing import TYPE_CHECKING

from penstock._graph import Graph, Group
from penstock.formats import svg
from penstock.formats._paint import themeable, variables
from penstock.formats._style import DARK, LIGHT
from penstock.formats._wording import BESIDE, counted, link, summary, visible

if TYPE_CHECKING:
    from collections.abc import Mapping

    from penstock._graph import Edge, Node, Ran

__all__ = ["render"]

_KINDS = {
    "coroutine": "async",
    "generator": "generator",
    "async_generator": "async generator",
    "task": "task",
}
_SEARCH = (
    '<input id="search" type="search" placeholder="Search steps  /" aria-label="Search steps"'
    ' role="combobox" aria-expanded="false" aria-controls="results" aria-autocomplete="list"'
    ' autocomplete="off" spellcheck="false">'
)
_HELP = """\
<h2>Steps</h2>
<p class="facts">Choose a step to read about it.</p>
<dl>
<dt><kbd>/</kbd></dt><dd>search</dd>
<dt><kbd>\N{LEFTWARDS ARROW}</kbd> <kbd>\N{RIGHTWARDS ARROW}</kbd> <kbd>\N{UPWARDS ARROW}</kbd> \
<kbd>\N{DOWNWARDS ARROW}</kbd></dt><dd>from step to step</dd>
<dt><kbd>Enter</kbd></dt><dd>choose</dd>
<dt><kbd>Shift</kbd> + arrow</dt><dd>move the drawing</dd>
<dt><kbd>+</kbd> <kbd>-</kbd> <kbd>0</kbd></dt><dd>zoom in, zoom out, fit</dd>
<dt><kbd>[</kbd> <kbd>]</kbd></dt><dd>another flow</dd>
<dt><kbd>Esc</kbd></dt><dd>clear the selection</dd>
</dl>"""


def render(graph: Graph, *, direction: str = "TD", source: str | None = None) -> str:
    """Return `graph` as an HTML page; a graph of several flows also has a view of each flow.

    `source` is the link to a step's code, with `{file}` and `{line}` to be filled in, such as
    "https://git.example/shop/blob/main/{file}#L{line}". Without it, links are relative to the page.
    """
    index = {node.id: at for at, node in enumerate(graph.nodes)}
    views = _views(graph)
    style = _style(is_observed=graph.is_observed)
    script = _file("_viewer.js")
    policy = (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}';"
        " base-uri 'none'; form-action 'none'"
    )
    title = _text(visible(graph.title))
    parts = [
        "<!doctype html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{title}</title>",
        f"<style>{style}</style>",
        "</head>",
        "<body>",
        *_header(title, views),
        "<main>",
        *(_view(view, index, direction) for view in views),
        "</main>",
        f'<aside id="details" aria-label="Step" aria-live="polite">{_HELP}</aside>',
        f'<script type="application/json" id="data">{_data(graph, views, source)}</script>',
        f"<script>{script}</script>",
        "</body>",
        "</html>",
    ]
    return "\n".join(parts) + "\n"


def _views(graph: Graph) -> list[Graph]:
    """Return the graph, and each flow with its links, unless it is one flow's graph already."""
    flows = [group.flow for group in graph.groups]
    if len(flows) < 2 or graph.title in flows:  # noqa: PLR2004
        return [graph]
    return [graph, *(_alone(graph, group) for group in graph.groups)]


def _alone(graph: Graph, group: Group) -> Graph:
    """Return what of `graph` is in one flow or directly linked to it."""
    own = set(group.nodes)
    edges = [edge for edge in graph.edges if edge.source in own or edge.target in own]
    kept = own.union(*((edge.source, edge.target) for edge in edges))
    groups = (
        Group(each.flow, each.summary, each.doc, tuple(node for node in each.nodes if node in kept))
        for each in graph.groups
    )
    return Graph(
        title=group.flow,
        groups=tuple(each for each in groups if each.nodes),
        nodes=tuple(node for node in graph.nodes if node.id in kept),
        edges=tuple(edges),
    )


def _header(title: str, views: list[Graph]) -> list[str]:
    options = "".join(
        f'<option value="{at}">{_text(visible(view.title))}</option>'
        for at, view in enumerate(views)
    )
    switcher = f'<select id="flows" aria-label="Flow" data-live>{options}</select>'
    return [
        "<header>",
        f"<h1>{title}</h1>",
        switcher if len(views) > 1 else "",
        '<span class="space"></span>',
        '<div class="search" data-live>',
        _SEARCH,
        '<ul id="results" role="listbox" aria-label="Steps found" hidden></ul>',
        "</div>",
        '<div class="zoom" role="group" aria-label="Zoom" data-live>',
        '<button id="farther" type="button" aria-label="Zoom out">\N{MINUS SIGN}</button>',
        '<button id="whole" type="button">Fit</button>',
        '<button id="closer" type="button" aria-label="Zoom in">+</button>',
        "</div>",
        '<button id="theme" type="button" data-live>Light / dark</button>',
        "</header>",
    ]


def _view(view: Graph, index: Mapping[str, int], direction: str) -> str:
    """Return one drawing; its `data-node` are indexes in the whole graph."""
    return (
        f'<section class="view" tabindex="0" aria-label="{_attribute(view.title)}">\n'
        + svg.element(view, index, direction=direction, role="group")
        + "</section>"
    )


def _style(*, is_observed: bool) -> str:
    light, dark = variables(LIGHT), variables(DARK)
    return (
        f":root{{{light}}}"
        f"@media screen and (prefers-color-scheme:dark){{:root:not([data-theme=light]){{{dark}}}}}"
        f"@media screen{{:root[data-theme=dark]{{{dark}}}}}"
        f"{themeable(is_observed=is_observed)}\n{_file('_viewer.css')}"
    )


def _data(graph: Graph, views: list[Graph], source: str | None) -> str:
    """Return what the script needs, as JSON that cannot end the element it stands in."""
    index = {node.id: at for at, node in enumerate(graph.nodes)}
    content = {
        "nodes": [_node(node, source or BESIDE) for node in graph.nodes],
        "edges": [
            [index[edge.source], index[edge.target], *_observed(edge)] for edge in graph.edges
        ],
        "views": [view.title for view in views],
    }
    text = json.dumps(content, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _node(node: Node, source: str) -> dict[str, object]:
    shown: dict[str, object] = {
        "id": node.id,
        "name": visible(node.name),
        "flow": node.flow,
        "kind": _kind(node),
        "doc": node.doc or "",
    }
    if node.ran is not None:
        shown["ran"] = [*summary(node.ran), *_ends(node.ran)]
    if node.unknown:
        shown["unknown"] = True
    if node.file is not None:
        shown["where"] = f"{visible(node.file)}:{node.line or 1}"
        shown["href"] = link(node, source)
    return shown


def _ends(ran: Ran) -> list[str]:
    """Return what else is known of a step that ran, in words."""
    ended = {"failed": ran.errors, "was cancelled": ran.cancelled}
    return [f"{how} {counted(count, 'time')}" for how, count in ended.items() if count]


def _observed(edge: Edge) -> list[str]:
    """Return what is told of `edge` beside the name of its other end."""
    if edge.status == "seen":
        return [counted(edge.seen, "time")]
    if edge.status == "undeclared":
        return [f"not declared, {counted(edge.seen, 'time')}"]
    return ["never seen"] if edge.status else []


def _kind(node: Node) -> str:
    if node.unknown:
        return "Named as a predecessor, but there is no such step"
    word = _KINDS.get(node.call_kind, "")
    role = "entrypoint" if node.entrypoint else "step"
    return f"{word} {role}".strip().capitalize()


def _file(name: str) -> str:
    return files("penstock.formats").joinpath(name).read_text("utf-8")


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


def _text(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _attribute(text: str) -> str:
    return _text(visible(text)).replace('"', "&quot;")

"""Draw a graph as one HTML page that needs nothing else: pan, zoom, search, docstrings, all flows.

The page makes no request: its content security policy lets it run only the script and the styles
that are in it, by their hashes. Names and docstrings are text for it, whatever they contain.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from penstock._graph import FLOW, Graph, Group, collapsed
from penstock.formats import svg
from penstock.formats._base import page as write_page
from penstock.formats._layout import PAGE
from penstock.formats._style import DARK, LIGHT, themeable, variables
from penstock.formats._wording import BESIDE, counted, link, summary, visible

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from penstock._crash_path import Crash
    from penstock._graph import Edge, Node, Ran

__all__ = ["render"]

_OVERVIEW = "Overview: each flow as a box"
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
<dt><kbd>Enter</kbd></dt><dd>choose, and open a flow</dd>
<dt><kbd>Shift</kbd> + arrow</dt><dd>move the drawing</dd>
<dt><kbd>+</kbd> <kbd>-</kbd> <kbd>0</kbd></dt><dd>zoom in, zoom out, fit</dd>
<dt><kbd>[</kbd> <kbd>]</kbd></dt><dd>another flow</dd>
<dt><kbd>Esc</kbd></dt><dd>clear the selection, or close the flow</dd>
</dl>"""


def render(
    graph: Graph,
    *,
    direction: str = "TD",
    page: int = PAGE,
    source: str | None = None,
    crash: Crash | None = None,
    collapse: bool = False,
) -> str:
    """Return `graph` as an HTML page; a graph of several flows also has a view of each flow.

    Drawings are laid out for a `page` of that width.

    It also has an overview with one box for each flow; with `collapse` the page opens with that.

    `source` is the link to a step's code, with `{file}` and `{line}` to be filled in, such as
    "https://git.example/shop/blob/main/{file}#L{line}". Without it, links are relative to the page.
    With `crash` the steps that its operation took are marked, and the page opens at its end.
    """
    views = _views(graph, collapse=collapse)
    nodes = list({node.id: node for node in (*graph.nodes, *_flows(views))}.values())
    index = {node.id: at for at, node in enumerate(nodes)}
    in_all = sum(len(view.nodes) for view in views)
    style = _style(is_observed=graph.is_observed, is_crash=crash is not None)
    body = [
        *_header(escape(visible(graph.title), quote=False), views),
        "<main>",
        *(
            _view(view, index, direction, crash, page=page, in_all=in_all, is_whole=view is graph)
            for view in views
        ),
        '<div id="minimap" aria-hidden="true" hidden></div>',
        "</main>",
        f'<aside id="details" aria-label="Step" aria-live="polite">{_HELP}</aside>',
    ]
    return write_page(
        "penstock.formats",
        title=visible(graph.title),
        style=style,
        styles=["_viewer.css"],
        scripts=["_viewer.js"],
        data=_data(graph, nodes, views, source, crash),
        body="\n".join(body),
    )


def _views(graph: Graph, *, collapse: bool) -> list[Graph]:
    """Return the graph, its overview and each flow with its links; of one flow only the graph."""
    flows = [group.flow for group in graph.groups]
    if len(flows) < 2 or graph.title in flows:  # noqa: PLR2004
        return [graph]
    overview = collapsed(graph)._replace(title=_OVERVIEW)
    views = [graph, *(_alone(graph, group) for group in graph.groups)]
    return [overview, *views] if collapse else [*views, overview]


def _flows(views: list[Graph]) -> list[Node]:
    """Return the nodes that stand for flows."""
    return [node for view in views for node in view.nodes if node.call_kind == FLOW]


def _alone(graph: Graph, group: Group) -> Graph:
    """Return the part of `graph` that is in one flow or directly linked to it."""
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
        f'<option value="{at}">{escape(visible(view.title), quote=False)}</option>'
        for at, view in enumerate(views)
    )
    switcher = f'<select id="flows" aria-label="Flow" data-live>{options}</select>'
    return [
        "<header>",
        f"<h1>{title}</h1>",
        switcher if len(views) > 1 else "",
        '<button id="close" type="button" hidden>Close the flow</button>',
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


def _view(
    view: Graph,
    index: Mapping[str, int],
    direction: str,
    crash: Crash | None,
    *,
    page: int,
    in_all: int,
    is_whole: bool,
) -> str:
    """Return one drawing; its `data-node` are indexes in the data of the page.

    The page has `in_all` steps in all drawings.
    """
    kind, others = (" data-is-whole", 0) if is_whole else ("", in_all - len(view.nodes))
    if view.nodes and view.nodes[0].call_kind == FLOW:
        kind, others = " data-is-whole data-is-overview", 0
    return (
        f'<section class="view" tabindex="0" aria-label="{_attribute(view.title)}"{kind}>\n'
        + svg.element(
            view, index, direction=direction, page=page, role="group", crash=crash, others=others
        )
        + "</section>"
    )


def _style(*, is_observed: bool, is_crash: bool) -> str:
    light, dark = variables(LIGHT), variables(DARK)
    return (
        f":root{{{light}}}"
        f"@media screen and (prefers-color-scheme:dark){{:root:not([data-theme=light]){{{dark}}}}}"
        f"@media screen{{:root[data-theme=dark]{{{dark}}}}}"
        f"{themeable(is_observed=is_observed, is_crash=is_crash)}"
    )


def _data(
    graph: Graph,
    nodes: Sequence[Node],
    views: list[Graph],
    source: str | None,
    crash: Crash | None,
) -> dict[str, object]:
    """Return the data that the script needs."""
    index = {node.id: at for at, node in enumerate(nodes)}
    edges = {edge[:2]: edge for view in (graph, *views) for edge in view.edges}
    content: dict[str, object] = {
        "nodes": [_node(node, source or BESIDE) for node in nodes],
        "edges": [
            [index[edge.source], index[edge.target], *_told(edge)] for edge in edges.values()
        ],
        "views": [view.title for view in views],
    }
    if crash is not None:
        content["crash"] = [
            [index[step], f"{crash.word}: {visible(cause)}"] for step, cause in crash.ends.items()
        ]
    return content


def _node(node: Node, source: str) -> dict[str, object]:
    shown: dict[str, object] = {
        "id": node.id,
        "name": visible(node.name),
        "flow": node.flow,
        "kind": _kind(node),
        "doc": node.doc or (node.summary if node.call_kind == FLOW else ""),
    }
    if node.call_kind == FLOW:
        shown["isFlow"] = True
    if node.ran is not None:
        shown["ran"] = [*summary(node.ran), *_ends(node.ran)]
    if node.unknown:
        shown["unknown"] = True
    if node.file is not None:
        shown["where"] = f"{visible(node.file)}:{node.line or 1}"
        shown["href"] = link(node, source)
    return shown


def _ends(ran: Ran) -> list[str]:
    """Return the failures and durations of a step that ran, in words."""
    ended = {
        "failed": ran.errors - ran.passed,
        "a failure passed through": ran.passed,
        "was cancelled": ran.cancelled,
    }
    return [f"{how} {counted(count, 'time')}" for how, count in ended.items() if count]


def _told(edge: Edge) -> list[str]:
    """Return the words on `edge` beside the name of its other end."""
    words = [visible(edge.label)] if edge.label else []
    if edge.status == "undeclared":
        words.append("not declared")
    if edge.status == "unseen":
        words.append("never seen")
    elif edge.status:
        words.append(counted(edge.seen, "time"))
    return [", ".join(words)] if words else []


def _kind(node: Node) -> str:
    if node.call_kind == FLOW:
        return "Flow"
    if node.unknown:
        return "Named as a predecessor, but there is no such step"
    word = _KINDS.get(node.call_kind, "")
    role = "entrypoint" if node.entrypoint else "step"
    return f"{word} {role}".strip().capitalize()


def _attribute(text: str) -> str:
    return escape(visible(text), quote=False).replace('"', "&quot;")

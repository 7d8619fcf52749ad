"""`generate_dag`: a drawing of one flow or of all, with evidence where there is any."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Literal, overload

from corectx.files import write_public
from penstock._app import did_you_mean
from penstock._graph import Edge, build
from penstock.formats import checked_source

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable
    from os import PathLike
    from typing import TypeAlias

    from penstock._declare import Registry
    from penstock._graph import Graph
    from penstock._verify import Verdict

    Path: TypeAlias = str | os.PathLike[str]
    # Files and folders with evidence, or the verdict that was made of them.
    Data: TypeAlias = Path | Iterable[Path] | Verdict

FORMATS = ("mermaid", "dot", "json", "text", "svg", "html", "png", "pdf")
DIRECTIONS = ("TD", "TB", "BT", "LR", "RL", "auto")
ENGINES = {"graphviz": ("svg", "png", "pdf")}
ENDINGS = {
    ".mmd": "mermaid",
    ".mermaid": "mermaid",
    ".md": "mermaid",
    ".dot": "dot",
    ".gv": "dot",
    ".json": "json",
    ".txt": "text",
    ".svg": "svg",
    ".html": "html",
    ".htm": "html",
    ".png": "png",
    ".pdf": "pdf",
}


@overload
def generate_dag(
    name: str | None = None,
    *,
    format: Literal["png", "pdf"],
    output: str | PathLike[str] | None = None,
    direction: str = "TD",
    engine: str | None = None,
    max_chars: int | None = None,
    data: Data | None = None,
    source: str | None = None,
    registry: Registry | None = None,
) -> bytes: ...
@overload
def generate_dag(
    name: str | None = None,
    *,
    format: Literal["mermaid", "dot", "json", "text", "svg", "html"],
    output: str | PathLike[str] | None = None,
    direction: str = "TD",
    engine: str | None = None,
    max_chars: int | None = None,
    data: Data | None = None,
    source: str | None = None,
    registry: Registry | None = None,
) -> str: ...
@overload
def generate_dag(
    name: str | None = None,
    *,
    format: None = None,
    output: None = None,
    direction: str = "TD",
    engine: str | None = None,
    max_chars: int | None = None,
    data: Data | None = None,
    source: str | None = None,
    registry: Registry | None = None,
) -> str: ...
@overload
def generate_dag(
    name: str | None = None,
    *,
    format: str | None = None,
    output: str | PathLike[str] | None = None,
    direction: str = "TD",
    engine: str | None = None,
    max_chars: int | None = None,
    data: Data | None = None,
    source: str | None = None,
    registry: Registry | None = None,
) -> str | bytes: ...


def generate_dag(
    name: str | None = None,
    *,
    format: str | None = None,  # noqa: A002  (the published name)
    output: str | PathLike[str] | None = None,
    direction: str = "TD",
    engine: str | None = None,
    max_chars: int | None = None,
    data: Data | None = None,
    source: str | None = None,
    registry: Registry | None = None,
) -> str | bytes:
    """Draw the flow `name`, or all flows where there is no name, and return the drawing.

    `format` is "mermaid", "dot", "json", "text", "svg", "html" (str, ending with a newline), "png"
    or "pdf" (bytes). Without it, the ending of `output` decides, and without that it is "mermaid".
    With `output`, the same content is also written to that file, in UTF-8, at once or not at all;
    missing folders are made.

    `direction` is where the flow goes: "TD" (or "TB"), "BT", "LR", "RL"; JSON and text have none.
    "auto" takes "TD" or "LR" in svg, html and png: the one whose names can be read on a page, and
    whose lines cross less; elsewhere it is "TD".
    `engine="graphviz"` draws svg, png and pdf with Graphviz; nothing else draws pdf. `max_chars`
    is Mermaid's limit for one diagram (50,000 unless told, 1,000 at least): a larger graph becomes
    Markdown with several diagrams and an index. `data` is what `penstock.observe` wrote, a folder
    or several: then the drawing also says how often each step ran and which edges were seen.
    `source` is where HTML and SVG link to a step's code, such as
    "https://github.com/me/shop/blob/main/{file}#L{line}"; without it the links of HTML are relative
    to the page, and SVG has none. `registry` is where the flows are, by default the one that the
    decorators fill.

    Raises UnknownFlowError, a KeyError, for a flow that is not declared; ValueError for any other
    argument; ImportError where png has no Pillow; GraphvizError, a RuntimeError, where the engine
    has no Graphviz; EvidenceError, a ValueError, for `data` that is none; OSError for files.
    """
    chosen = _format(format, output)
    _known("direction", direction, DIRECTIONS)
    _check(chosen, engine, max_chars, source)

    draw = _drawer(chosen, direction, engine, max_chars, source)
    graph = build(registry, name)
    content = draw(graph if data is None else overlay(graph, verdict_of(registry, data)))
    if output is not None:
        _refuse_several(chosen, output, content)
        folder = os.path.dirname(os.fspath(output))
        if folder:
            os.makedirs(folder, exist_ok=True)
        write_public(output, content.encode() if isinstance(content, str) else content)
    return content


def _format(wanted: str | None, output: str | PathLike[str] | None) -> str:
    if wanted is not None:
        _known("format", wanted, FORMATS)
        return wanted
    if output is None:
        return "mermaid"
    ending = os.path.splitext(os.fspath(output))[1]
    if not ending:
        return "mermaid"
    _known("file ending", ending.lower(), ENDINGS)
    return ENDINGS[ending.lower()]


def _check(chosen: str, engine: str | None, max_chars: int | None, source: str | None) -> None:
    """Raise ValueError where options that are good alone do not go together."""
    if source is not None and (chosen not in {"html", "svg"} or engine is not None):
        drawn = f"{chosen!r}" if engine is None else f"engine={engine!r}"
        raise ValueError(f"source={source!r} is for the formats 'html' and 'svg', not for {drawn}.")
    if max_chars is not None and chosen != "mermaid":
        raise ValueError(f"max_chars={max_chars!r} is for format 'mermaid', not for {chosen!r}.")
    if engine is not None:
        _known("engine", engine, ENGINES)
        if chosen not in ENGINES[engine]:
            able = ", ".join(ENGINES[engine])
            raise ValueError(f"engine={engine!r} draws {able}, but the format is {chosen!r}.")
    elif chosen == "pdf":
        raise ValueError(
            "Format 'pdf' is drawn by Graphviz only: add engine='graphviz', or --engine graphviz."
        )


def _refuse_several(chosen: str, output: str | PathLike[str], content: str | bytes) -> None:
    """Raise ValueError where a file for one Mermaid diagram would get Markdown with several."""
    ending = os.path.splitext(os.fspath(output))[1].lower()
    one_diagram = chosen == "mermaid" and ending in {".mmd", ".mermaid"}
    if one_diagram and isinstance(content, str) and not content.startswith("graph "):
        raise ValueError(
            f"{os.fspath(output)!r} can hold one Mermaid diagram, but the graph is larger than "
            "Mermaid's limits allow. Draw one flow, or choose a file that ends in .md for several "
            "diagrams with an index, or in .svg or .html."
        )


def _known(what: str, value: object, known: Collection[str]) -> None:
    if value not in known:
        choices = ", ".join(known)
        raise ValueError(f"Unknown {what} {value!r}.{did_you_mean(value, known)} Known: {choices}.")


def _drawer(
    chosen: str, direction: str, engine: str | None, max_chars: int | None, source: str | None
) -> Callable[[Graph], str | bytes]:
    """Return the function that draws a graph.

    A format is imported when it is asked for: Mermaid needs no layout and no Pillow.
    """
    link = None if source is None else checked_source(source)
    if direction == "auto" and (engine or chosen in {"mermaid", "dot"}):
        direction = "TD"
    if engine == "graphviz":
        from penstock.formats import dot

        return partial(dot.run, kind=chosen, direction=direction)
    if chosen == "mermaid":
        from penstock.formats import mermaid

        limit = mermaid.MAX_CHARS if max_chars is None else max_chars
        return partial(mermaid.render, direction=direction, max_chars=limit)
    if chosen == "json":
        from penstock.formats import json

        return json.render
    if chosen == "text":
        from penstock.formats import text

        return text.render
    if chosen == "dot":
        from penstock.formats import dot

        return partial(dot.render, direction=direction)
    direction = "TD" if direction == "TB" else direction  # the layout knows it by one name
    if chosen == "svg":
        from penstock.formats import svg

        return partial(svg.render, direction=direction, source=link)
    if chosen == "html":
        from penstock.formats import html

        return partial(html.render, direction=direction, source=link)
    from penstock.formats import png

    return partial(png.render, direction=direction)


def build_with(registry: Registry | None, name: str | None, data: Data | None) -> Graph:
    """Return the graph that `build` makes, with the evidence in `data`, if there is any.

    Raises what `build` does, and `EvidenceError` and OSError as `read` does.
    """
    graph = build(registry, name)
    return graph if data is None else overlay(graph, verdict_of(registry, data))


def verdict_of(registry: Registry | None, data: Data) -> Verdict:
    """Return the verdict on all flows that the evidence in `data` gives; see `build`."""
    from penstock._verify import Verdict, read, verify

    if isinstance(data, Verdict):
        return data
    paths = [data] if isinstance(data, (str, os.PathLike)) else data
    return verify(build(registry), read(paths))


def overlay(graph: Graph, verdict: Verdict) -> Graph:
    """Return `graph`, the whole system's or one flow's, with the evidence of `verdict`.

    A call that nobody declared becomes an edge from the step that made it. The order of the nodes
    stays, but in SVG, HTML and PNG a step may stand further down than without evidence.
    """
    ran = {step: each for flow in verdict.flows.values() for step, each in flow.ran.items()}
    seen = {(edge.source, edge.target): edge for edge in verdict.edges}
    rank = {node.id: at for at, node in enumerate(graph.nodes)}
    edges: list[Edge] = []
    for edge in graph.edges:
        found = seen[edge.source, edge.target]
        edges.append(edge._replace(status=found.status, seen=found.count))
    odd: dict[tuple[str, str], int] = {}
    for start in verdict.undeclared:
        if start.caller in rank and start.step in rank:
            pair = start.caller, start.step
            odd[pair] = odd.get(pair, 0) + start.count
    declared = {(edge.source, edge.target) for edge in edges}
    edges += [
        Edge(*pair, status="undeclared", seen=count)
        for pair, count in odd.items()
        if pair not in declared
    ]
    return graph._replace(
        nodes=tuple(node._replace(ran=ran.get(node.id)) for node in graph.nodes),
        edges=tuple(sorted(edges, key=lambda edge: (rank[edge.source], rank[edge.target]))),
    )

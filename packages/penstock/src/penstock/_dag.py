"""`generate_dag`: draw one flow or all flows, also with evidence of what ran."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Literal, overload

from corectx.files import write_public
from penstock._arguments import as_paths, did_you_mean
from penstock._graph import build, collapsed, with_implied, without_implied
from penstock.formats import checked_source

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable
    from os import PathLike
    from typing import TypeAlias

    from penstock._arguments import Path
    from penstock._declare import Registry
    from penstock._graph import Graph
    from penstock._verify import Verdict

    # Files and folders with evidence, or the verdict that was made of them.
    Data: TypeAlias = Path | Iterable[Path] | Verdict

FORMATS = ("mermaid", "dot", "json", "text", "svg", "html", "png", "pdf")
DIRECTIONS = ("TD", "TB", "BT", "LR", "RL", "auto")
IMPLIED = ("drawn", "faint", "omitted")
ENGINES = {"graphviz": ("svg", "png", "pdf")}
SUFFIXES = {
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

_LEAST_WIDTH = 300  # pixels; a page as wide as a box or two
_LARGE = 100  # steps; a picture of more flows with more steps shows each flow as one box


@overload
def generate_dag(
    name: str | None = None,
    *,
    format: Literal["png", "pdf"],
    output: str | PathLike[str] | None = None,
    direction: str = "TD",
    width: int | None = None,
    engine: str | None = None,
    max_chars: int | None = None,
    data: Data | None = None,
    crash: Path | Iterable[Path] | None = None,
    source: str | None = None,
    collapse: bool | None = None,
    implied: str = "drawn",
    registry: Registry | None = None,
) -> bytes: ...
@overload
def generate_dag(
    name: str | None = None,
    *,
    format: Literal["mermaid", "dot", "json", "text", "svg", "html"],
    output: str | PathLike[str] | None = None,
    direction: str = "TD",
    width: int | None = None,
    engine: str | None = None,
    max_chars: int | None = None,
    data: Data | None = None,
    crash: Path | Iterable[Path] | None = None,
    source: str | None = None,
    collapse: bool | None = None,
    implied: str = "drawn",
    registry: Registry | None = None,
) -> str: ...
@overload
def generate_dag(
    name: str | None = None,
    *,
    format: None = None,
    output: None = None,
    direction: str = "TD",
    width: int | None = None,
    engine: str | None = None,
    max_chars: int | None = None,
    data: Data | None = None,
    crash: Path | Iterable[Path] | None = None,
    source: str | None = None,
    collapse: bool | None = None,
    implied: str = "drawn",
    registry: Registry | None = None,
) -> str: ...
@overload
def generate_dag(
    name: str | None = None,
    *,
    format: str | None = None,
    output: str | PathLike[str] | None = None,
    direction: str = "TD",
    width: int | None = None,
    engine: str | None = None,
    max_chars: int | None = None,
    data: Data | None = None,
    crash: Path | Iterable[Path] | None = None,
    source: str | None = None,
    collapse: bool | None = None,
    implied: str = "drawn",
    registry: Registry | None = None,
) -> str | bytes: ...


def generate_dag(
    name: str | None = None,
    *,
    format: str | None = None,  # noqa: A002  (the published name)
    output: str | PathLike[str] | None = None,
    direction: str = "TD",
    width: int | None = None,
    engine: str | None = None,
    max_chars: int | None = None,
    data: Data | None = None,
    crash: Path | Iterable[Path] | None = None,
    source: str | None = None,
    collapse: bool | None = None,
    implied: str = "drawn",
    registry: Registry | None = None,
) -> str | bytes:
    """Draw the flow `name`, or without a name all flows, and return the drawing.

    `format` is "mermaid", "dot", "json", "text", "svg", "html" (str, ending with a newline), "png"
    or "pdf" (bytes). Without it the ending of `output` decides. Without both it is "mermaid". With
    `output`, the same content is also written to that file, in UTF-8 and in one step; missing
    folders are made.

    `direction` is the direction of the flow: "TD" (or "TB"), "BT", "LR", "RL"; text and JSON take
    only "TD". "auto" chooses "TD" or "LR" in svg, html and png, so that a page of `width` pixels
    (default 1,400, at least 300) shows readable names and few lines cross. In other formats "auto"
    is "TD". `engine="graphviz"` draws svg, png and pdf
    with Graphviz; nothing else draws pdf. `max_chars` is Mermaid's limit for one diagram (default
    50,000, at least 1,000). A larger graph becomes Markdown with several diagrams and an index.

    `data` is a folder that `penstock.observe` wrote, or several folders. With it the drawing also
    shows how often each step ran and which edges were seen. `crash` is the dump of a crash, or
    several dumps of one operation. With it HTML and SVG mark the step that failed and the path of
    the operation. `source` is the URL of a step's code for the links in HTML and SVG, such as
    "https://github.com/me/shop/blob/main/{file}#L{line}". Without it the links in HTML are relative
    to the page, and SVG has none.

    `collapse` draws each flow as one box, with the number of its steps and entrypoints. None does
    that in svg and png for a system of more than 100 steps. HTML has both views, and opens with the
    boxes then. `implied` is for edges whose target other edges lead to as well: "drawn" like the
    others, "faint" (not in mermaid, text and json), or "omitted". `registry` has the flows; the
    default is the registry that the decorators fill.

    Raises UnknownFlowError, a KeyError, for a flow that is not declared; ValueError for any other
    argument, and TypeError for one of another type; ImportError if png needs Pillow and it is not
    installed; GraphvizError, a RuntimeError, if the engine needs Graphviz; EvidenceError, a
    ValueError, for `data` without evidence; OSError for files.
    """
    _check_output(output)
    chosen = _format(format, output)
    _check_direction(chosen, direction)
    _check(chosen, engine, max_chars, source)
    _check_width(chosen, engine, width)
    _check_view(chosen, collapse, implied)
    if collapse and crash is not None:
        raise ValueError("crash= marks steps, but with collapse=True no steps are drawn.")
    graph = build_with(registry, name, data)
    if collapse is None:
        pictured = chosen in {"svg", "png", "html"} and engine is None and crash is None
        collapse = pictured and name is None and _is_large(graph)
    draw = _drawer(chosen, direction, engine, max_chars, source, collapse=collapse)
    if width is not None:
        draw = partial(draw, page=width)
    if crash is not None:
        draw = _with_crash(draw, chosen, engine, crash, graph)
    content = draw(_view(graph, chosen, collapse, implied))
    if output is not None:
        _refuse_several(chosen, output, content)
        folder = os.path.dirname(os.fspath(output))
        if folder:
            os.makedirs(folder, exist_ok=True)
        write_public(output, content.encode() if isinstance(content, str) else content)
    return content


def build_with(registry: Registry | None, name: str | None, data: Data | None) -> Graph:
    """Return the graph that `build` makes; with `data`, it has the evidence in it.

    Raises the exceptions of `build`, and with `data` those of `read`: EvidenceError and OSError.
    """
    graph = build(registry, name)
    if data is None:
        return graph
    from penstock._verify import Verdict, overlay, read, verify

    if not isinstance(data, Verdict):
        data = verify(build(registry), read(as_paths("data", data)))
    return overlay(graph, data)


def _known(what: str, value: object, choices: Collection[str]) -> None:
    """Raise ValueError where `value` is none of `choices`."""
    if value not in choices:
        hint = did_you_mean(value, choices)
        raise ValueError(f"Unknown {what} {value!r}.{hint} Known: {', '.join(choices)}.")


def _of_type(option: str, value: object, wanted: type, takes: str) -> None:
    """Raise TypeError where `value` is neither None nor a `wanted`; `takes` says that in words."""
    if value is not None and not isinstance(value, wanted):
        raise TypeError(f"{option}= takes {takes}, not {value!r}.")


def _check_output(output: object) -> None:
    """Raise TypeError where `output` is no path, ValueError where it names no file."""
    path = os.fspath(output) if isinstance(output, os.PathLike) else output
    _of_type("output", path, str, "the path of a file")
    if isinstance(path, str) and (os.path.basename(path) in {"", ".", ".."} or "\0" in path):
        raise ValueError(f"output={path!r} names no file. Add one, such as 'flows.svg'.")


def _check_direction(chosen: str, direction: str) -> None:
    _known("direction", direction, DIRECTIONS)
    if chosen in {"text", "json"} and direction in {"BT", "LR", "RL"}:
        lead = "which leads from top to bottom" if chosen == "text" else "which has no direction"
        raise ValueError(f"direction={direction!r} is not for {chosen!r}, {lead}.")


def _format(wanted: str | None, output: str | PathLike[str] | None) -> str:
    if wanted is not None:
        _known("format", wanted, FORMATS)
        return wanted
    if output is None:
        return "mermaid"
    suffix = os.path.splitext(os.fspath(output))[1].lower()
    if not suffix:
        return "mermaid"
    _known("file ending", suffix, SUFFIXES)
    return SUFFIXES[suffix]


def _check(chosen: str, engine: str | None, max_chars: int | None, source: str | None) -> None:
    """Raise ValueError for two options that exclude each other, TypeError for another type."""
    _of_type("source", source, str, "a URL with {file} in it")
    _of_type("max_chars", max_chars, int, "a number of characters")
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


def _check_width(chosen: str, engine: str | None, width: int | None) -> None:
    _of_type("width", width, int, "a number of pixels")
    if width is None:
        return
    if engine is not None or chosen not in {"svg", "html", "png"}:
        drawn = f"{chosen!r}" if engine is None else f"engine={engine!r}"
        raise ValueError(
            f"width={width!r} is for the formats 'svg', 'html' and 'png', not for {drawn}."
        )
    if width < _LEAST_WIDTH:
        raise ValueError(f"width={width!r} is no page; it must be at least {_LEAST_WIDTH} pixels.")


def _check_view(chosen: str, collapse: bool | None, implied: str) -> None:
    """Raise ValueError where a format does not have that view of a graph."""
    _of_type("collapse", collapse, bool, "True, False or None")
    _known("implied", implied, IMPLIED)
    if implied == "faint" and chosen in {"mermaid", "text", "json"}:
        raise ValueError(f"implied='faint' is not for {chosen!r}, where lines are all alike.")
    if collapse and chosen in {"text", "json"}:
        raise ValueError(f"collapse={collapse!r} is for pictures, not for {chosen!r}.")


def _is_large(graph: Graph) -> bool:
    return len(graph.groups) > 1 and len(graph.nodes) > _LARGE


def _view(graph: Graph, chosen: str, collapse: bool, implied: str) -> Graph:
    """Return the view of `graph` that is drawn; html has both views of flows itself."""
    if implied != "drawn":
        graph = without_implied(graph) if implied == "omitted" else with_implied(graph)
    return collapsed(graph) if collapse and chosen != "html" else graph


def _refuse_several(chosen: str, output: str | PathLike[str], content: str | bytes) -> None:
    """Raise ValueError if a file for one Mermaid diagram would get Markdown with several."""
    suffix = os.path.splitext(os.fspath(output))[1].lower()
    one_diagram = chosen == "mermaid" and suffix in {".mmd", ".mermaid"}
    if one_diagram and isinstance(content, str) and not content.startswith("graph "):
        raise ValueError(
            f"{os.fspath(output)!r} can hold one Mermaid diagram, but the graph is larger than "
            "Mermaid's limits allow. Draw one flow, or choose a file that ends in .md for several "
            "diagrams with an index, or in .svg or .html."
        )


def _drawer(
    chosen: str,
    direction: str,
    engine: str | None,
    max_chars: int | None,
    source: str | None,
    *,
    collapse: bool,
) -> Callable[..., str | bytes]:
    """Return the function that draws a graph.

    Only the module of that format is imported: Mermaid needs no layout and no Pillow.
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
    direction = "TD" if direction == "TB" else direction  # the layout has one name for both
    if chosen == "svg":
        from penstock.formats import svg

        return partial(svg.render, direction=direction, source=link)
    if chosen == "html":
        from penstock.formats import html

        return partial(html.render, direction=direction, source=link, collapse=collapse)
    from penstock.formats import png

    return partial(png.render, direction=direction)


def _with_crash(
    draw: Callable[..., str | bytes],
    chosen: str,
    engine: str | None,
    paths: Path | Iterable[Path],
    graph: Graph,
) -> Callable[[Graph], str | bytes]:
    """Return `draw` with the crash in the dumps at `paths` marked."""
    if chosen not in {"html", "svg"} or engine is not None:
        drawn = f"{chosen!r}" if engine is None else f"engine={engine!r}"
        raise ValueError(f"crash={paths!r} is for the formats 'html' and 'svg', not for {drawn}.")
    from penstock._crash_path import read_crash

    return partial(draw, crash=read_crash(paths, graph))

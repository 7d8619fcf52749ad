"""Markdown pages about the flows, and diagrams inside a user's own pages, kept up to date.

A page does not depend on the machine or the time. A second run changes nothing, and a page that
differs from a new one is stale.
"""

from __future__ import annotations

import difflib
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from corectx.files import write_public
from penstock._dag import build_with
from penstock.formats import (
    checked_source,
    code,
    counted,
    duration,
    escaped_name,
    link,
    mermaid,
    prose,
    share,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from os import PathLike

    from penstock._dag import Data
    from penstock._declare import Registry
    from penstock._graph import Graph, Node

# The text between these two is replaced; `*` is the whole system.
_BEGIN = re.compile(r"^<!-- penstock:flow=(?P<flow>.+?) -->[ \t]*$", re.MULTILINE)
_END = "<!-- penstock:end -->"
_LONGEST_STEM = 100  # characters; file systems take 255 bytes for a name


@dataclass(frozen=True)
class Stale:
    """A file that was out of date, and a unified diff from its text to the right one."""

    path: str
    diff: str


def document(
    registry: Registry,
    folder: str | PathLike[str],
    *,
    write: bool,
    source: str | None = None,
    data: Data | None = None,
) -> list[Stale]:
    """Bring the pages in `folder` up to date: ``index.md`` and one page for each flow.

    Return the pages that were stale. Without `write` nothing is written. With `data` the pages also
    show how often the steps ran; see `generate_dag`. The page of a flow that no longer exists
    stays, since it may be a user's own. `source` is the URL of a step's code, as for
    `generate_dag`; without it a page names only the file and the line. Raises `ValueError` if
    `source` has no ``{file}``.
    """
    if source is not None:
        checked_source(source)
    folder = os.fspath(folder)
    names = _file_names(registry.flows)
    pages = {"index.md": _index(registry, names, data)}
    for flow, file in names.items():
        pages[file] = _page(build_with(registry, flow, data), registry.flows[flow].doc, source)
    if write:
        os.makedirs(folder, exist_ok=True)
    return _replace({os.path.join(folder, file): text for file, text in pages.items()}, write)


def inject(
    registry: Registry, files: Iterable[str], *, write: bool, data: Data | None = None
) -> list[Stale]:
    """Put the diagrams of flows into `files`, between the markers for them.

    ``<!-- penstock:flow=NAME -->`` and ``<!-- penstock:end -->`` each stand alone on a line; the
    name ``*`` means the whole system. Raises `ValueError` for a marker without an end and for a
    file without a marker, `UnknownFlowError` for a flow that is not declared, and `OSError`.
    """
    wanted: dict[str, str] = {}
    for path in files:
        text = _read(path)
        if text is None:
            raise FileNotFoundError(2, "No such file", path)
        wanted[path] = _injected(registry, path, text.replace("\r\n", "\n"), data)
    return _replace(wanted, write)


def _injected(registry: Registry, path: str, text: str, data: Data | None) -> str:
    parts: list[str] = []
    position = 0
    while (begin := _BEGIN.search(text, position)) is not None:
        end = text.find(_END, begin.end())
        if end < 0 or _BEGIN.search(text, begin.end(), end):
            line = text.count("\n", 0, begin.start()) + 1
            raise ValueError(f"{path}:{line}: this marker has no {_END} below it.")
        flow = begin["flow"]
        drawing = _drawing(build_with(registry, None if flow == "*" else flow, data))
        parts.append(f"{text[position : begin.end()]}\n\n{drawing}\n\n")
        position = end
    if not parts:
        raise ValueError(f"{path} has no marker such as <!-- penstock:flow=NAME -->.")
    return "".join([*parts, text[position:]])


def _replace(wanted: dict[str, str], write: bool) -> list[Stale]:
    stale: list[Stale] = []
    for path, text in wanted.items():
        found = _read(path)
        # Git may have checked out the page with the line ends of Windows. They stay.
        unix = None if found is None else found.replace("\r\n", "\n")
        if unix == text:
            continue
        before = [] if unix is None else unix.splitlines(keepends=True)
        diff = difflib.unified_diff(
            before, text.splitlines(keepends=True), "/dev/null" if found is None else path, path
        )
        stale.append(Stale(path, "".join(diff)))
        if write:
            kept = text if found == unix else text.replace("\n", "\r\n")
            write_public(path, kept.encode())
    return stale


def _read(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8", newline="") as file:
            return file.read()
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8: {error}.") from error


def _file_names(flows: Iterable[str]) -> dict[str, str]:
    """Return a file name for each flow: its own name, with unsafe characters replaced."""
    names: dict[str, str] = {}
    taken = {"index.md"}
    for flow in sorted(flows):
        stem = re.sub(r"[^A-Za-z0-9_.-]+", "-", flow)[:_LONGEST_STEM].strip(".-") or "flow"
        file, number = f"{stem}.md", 1
        while file.lower() in taken:  # some file systems do not tell capitals apart
            number += 1
            file = f"{stem}-{number}.md"
        taken.add(file.lower())
        names[flow] = file
    return names


def _index(registry: Registry, names: dict[str, str], data: Data | None) -> str:
    lines = ["# Flows", ""]
    if names:
        lines += ["| flow | entrypoints | steps | what it does |", "|---|---|---|---|"]
    for flow, file in names.items():
        graph = build_with(registry, flow, data)
        own = [node for node in graph.nodes if node.flow == flow and not node.unknown]
        entrypoints = ", ".join(code(node.name) for node in own if node.entrypoint)
        summary = prose((registry.flows[flow].doc or "").strip().partition("\n")[0])
        lines.append(f"| [{escaped_name(flow)}]({file}) | {entrypoints} | {len(own)} | {summary} |")
    return "\n".join([*lines, "", _drawing(build_with(registry, None, data)), ""])


def _page(graph: Graph, doc: str | None, source: str | None) -> str:
    lines = [f"# {escaped_name(graph.title)}", ""]
    if doc and doc.strip():
        lines += [_prose(doc), ""]
    head = ["step", "where", "after", "what it does"]
    head += ["runs", "failed", "p50", "p95"] * graph.is_observed
    lines += [_drawing(graph), "", f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    own = graph.title
    names = {
        node.id: code(node.name if node.flow == own else f"{node.flow}:{node.name}")
        for node in graph.nodes
    }
    after = {node.id: ["*starts here*"] * node.entrypoint for node in graph.nodes}
    for edge in graph.edges:
        if edge.status != "undeclared":
            label = f" ({escaped_name(edge.label)})" if edge.label else ""
            after[edge.target].append(f"{names[edge.source]}{label}")
    for node in graph.nodes:
        if node.flow == own or node.unknown:
            cells = [names[node.id], _where(node, source), ", ".join(after[node.id])]
            cells += [prose(node.summary), *(_ran(node) if graph.is_observed else [])]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


def _ran(node: Node) -> list[str]:
    ran = node.ran
    if ran is None or not ran.began:
        if ran is not None and ran.outside:
            return [f"{counted(ran.outside, 'time')} outside its flow", "", "", ""]
        return ["**never ran**" if ran else "", "", "", ""]
    took = ["" if each is None else duration(each) for each in (ran.p50, ran.p95)]
    return [f"{ran.began:,}", share(ran.errors, ran.began) if ran.errors else "", *took]


def _drawing(graph: Graph) -> str:
    """Return Mermaid in Markdown: one block, or several with an index for a large graph."""
    text = mermaid.render(graph).rstrip("\n")
    return text if text.startswith("#") or "```" in text else f"```mermaid\n{text}\n```"


def _where(node: Node, source: str | None) -> str:
    if node.unknown:
        return "**unknown step**"
    if not node.file:
        return ""
    place = code(f"{node.file}:{node.line}")
    # In angle brackets a URL may have parentheses. The path is quoted, so it has no other brackets
    # or pipes.
    return place if source is None else f"[{place}](<{link(node, source)}>)"


def _prose(text: str) -> str:
    """Return a docstring as paragraphs; its markup is shown as text."""
    import inspect

    return "\n".join(map(prose, inspect.cleandoc(text).splitlines()))

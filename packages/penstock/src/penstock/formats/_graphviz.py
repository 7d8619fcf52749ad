"""Draw a graph with Graphviz: the `graphviz` package, which runs the `dot` program.

The package is given DOT that `penstock.formats.dot` wrote. Its own Graph objects would read the
edge end "mod:func" as a port, the label "<lambda>" as HTML and a backslash as an escape.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock.formats import dot

if TYPE_CHECKING:
    from penstock._graph import Graph


class GraphvizError(RuntimeError):
    """Say that Graphviz is not installed, or could not draw; the message says what to install."""


def render(graph: Graph, *, kind: str, direction: str = "TD") -> str | bytes:
    """Return `graph` drawn by Graphviz: str where `kind` is "svg", bytes for "png" and "pdf".

    Raises GraphvizError where the package or the program is missing, or fails.
    """
    instead = (
        "" if kind == "pdf" else f" Without engine= penstock draws {kind} itself, with neither."
    )
    try:
        import graphviz  # type: ignore[import-untyped]  # it ships no types
    except ImportError as error:
        raise GraphvizError(
            f"engine='graphviz' could not import the Python package 'graphviz' ({error}). "
            "Install it with: pip install 'penstock[graphviz]'. It also needs the program 'dot' "
            f"of Graphviz (https://graphviz.org/download/).{instead}"
        ) from error

    source = dot.render(graph, direction=direction).encode()
    try:
        drawn: bytes = graphviz.pipe("dot", kind, source, quiet=True)
    except graphviz.ExecutableNotFound as error:
        raise GraphvizError(
            f"engine='graphviz' tried to run 'dot -T{kind}', but no program 'dot' is on PATH. "
            "Install Graphviz, for example with: apt-get install graphviz, or: brew install "
            f"graphviz, or from https://graphviz.org/download/.{instead}"
        ) from error
    except graphviz.CalledProcessError as error:
        said = (error.stderr or b"").decode(errors="replace").strip()
        raise GraphvizError(
            f"engine='graphviz' ran 'dot -T{kind}', which failed with exit code "
            f"{error.returncode}: {said or 'it said nothing.'}"
        ) from error
    return drawn.decode() if kind == "svg" else drawn

"""A Sphinx extension: ``.. penstock:: FLOW`` puts the map of a flow into a page.

It comes with ``pip install "penstock[sphinx]"``. In ``conf.py``::

    extensions = ["penstock.contrib.sphinx"]
    penstock_app = "shop.flows"  # imported first, so that the flows are declared

The drawing is an SVG inside the page: nothing is fetched, and no other program draws. Without an
argument the directive draws the whole system. A flow that is not declared is a warning at the line
of the directive, which ``sphinx-build -W`` makes a failure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from penstock._app import AppError, load_app
from penstock._dag import DIRECTIONS, generate_dag
from penstock._graph import UnknownFlowError

try:
    from docutils import nodes
    from docutils.parsers.rst import Directive
except ModuleNotFoundError as _error:
    raise ImportError(
        'penstock.contrib.sphinx needs Sphinx. Run: pip install "penstock[sphinx]"'
    ) from _error

if TYPE_CHECKING:
    from collections.abc import Callable

    from sphinx.application import Sphinx
    from sphinx.config import Config

__all__ = ["FlowDirective", "setup"]


def _direction(argument: str) -> str:
    chosen = argument.strip().upper()
    if chosen not in DIRECTIONS:
        raise ValueError(f"{argument!r} is none of {', '.join(DIRECTIONS)}")
    return chosen


class FlowDirective(Directive):
    """Draw one flow, or without an argument all of them."""

    optional_arguments = 1
    final_argument_whitespace = True
    option_spec: ClassVar[dict[str, Callable[[str], Any]] | None] = {"direction": _direction}

    def run(self) -> list[nodes.Node]:
        """Return the drawing: SVG for HTML, and the text drawing for every other builder."""
        name = self.arguments[0] if self.arguments else None
        direction = self.options.get("direction", "TD")
        try:
            svg = generate_dag(name, format="svg", direction=direction)
            text = generate_dag(name, format="text")
        except UnknownFlowError as error:
            return [self.state.document.reporter.warning(error.args[0], line=self.lineno)]
        # Each builder takes one of the two nodes: the raw drawing, or the text.
        drawing = nodes.raw(
            "", f'<div class="penstock" style="overflow-x:auto">{svg}</div>', format="html"
        )
        return [drawing, *_elsewhere(text)]


def _elsewhere(text: str) -> list[nodes.Node]:
    from sphinx.addnodes import only

    container = only(expr="not html")
    container += nodes.literal_block(text, text)
    return [container]


def _load(_: Sphinx, config: Config) -> None:
    from sphinx.errors import ConfigError

    if config.penstock_app:
        try:
            load_app(config.penstock_app)
        except AppError as error:
            raise ConfigError(f"penstock_app = {config.penstock_app!r}: {error}") from None


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive and its configuration value; Sphinx calls it."""
    app.add_config_value("penstock_app", "", "env", types=[str])
    app.add_directive("penstock", FlowDirective)
    app.connect("config-inited", _load)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

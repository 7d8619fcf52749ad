"""A MkDocs hook: the map of a flow where a page has ``<!-- penstock:flow=NAME -->``.

Name a file with one line in ``mkdocs.yml``, and the program that declares the flows::

    hooks: [hooks.py]  # from penstock.contrib.mkdocs import on_config, on_page_markdown
    extra:
      penstock_app: shop.flows

The drawing is an SVG inside the page; nothing is fetched. The name ``*`` is the whole system. A
flow that is not declared is a warning, which ``mkdocs build --strict`` makes a failure.
"""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any

from penstock._app import AppError, load_app
from penstock._dag import generate_dag
from penstock._graph import UnknownFlowError

if TYPE_CHECKING:
    from collections.abc import MutableMapping

__all__ = ["on_config", "on_page_markdown"]

# As ``penstock docs`` knows them; the drawing replaces the text between two markers.
_MARKER = re.compile(
    r"^<!-- penstock:flow=(?P<flow>.+?) -->[ \t]*$(?:(?:(?!<!-- penstock:flow=).)*?"
    r"^<!-- penstock:end -->[ \t]*$)?",
    re.MULTILINE | re.DOTALL,
)

# MkDocs counts the warnings of loggers below its own for --strict.
_logger = logging.getLogger("mkdocs.hooks.penstock")


def on_config(config: MutableMapping[str, Any]) -> None:
    """Import the program that ``extra: penstock_app:`` names."""
    name = config["extra"].get("penstock_app")
    if name is not None:
        try:
            load_app(name)
        except AppError as error:
            _logger.warning("penstock_app %r: %s", name, error)


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Return the page's Markdown with each marker replaced by its drawing."""

    def drawing(marker: re.Match[str]) -> str:
        flow = marker["flow"]
        try:
            svg = generate_dag(None if flow == "*" else flow, format="svg")
        except UnknownFlowError as error:
            _logger.warning("%s: %s", page.file.src_uri, error.args[0])
            return marker[0]
        # A blank line would end the block of HTML for Markdown.
        lines = [line for line in svg.splitlines() if line.strip()]
        return "\n".join(['<div class="penstock" style="overflow-x:auto">', *lines, "</div>"])

    return _MARKER.sub(drawing, markdown)

"""Drawings of a graph: one public module for each format, with one pure function `render`.

    mermaid, dot, json, text   str, nothing but the standard library
    svg, html                  str, the built-in layered layout
    png                        bytes, the same drawing painted with Pillow

    _layout/       a graph as a drawing: node boxes, groups and lines in pixels
    _paint/        a drawing as a picture: shapes, which svg writes and png paints
    _style         sizes and colours of the pictures
    _font_widths   how wide text is in a picture, and how it is broken into lines
    _branches      the lines of the text format
    _split         a graph that is too large for one Mermaid diagram, in parts
    _wording       names, numbers, durations and places as text, also in Markdown and terminals

`render(graph, *, direction="TD")` takes a `penstock._graph.Graph`. A format is imported when it is
asked for: Mermaid loads no layout and needs no Pillow. Imported here is what the rest of penstock
needs to show names and numbers as the formats do.
"""

from penstock.formats._wording import (
    checked_source,
    code,
    columns,
    counted,
    duration,
    link,
    plain,
    prose,
    share,
    visible,
)

__all__ = [
    "checked_source",
    "code",
    "columns",
    "counted",
    "duration",
    "link",
    "plain",
    "prose",
    "share",
    "visible",
]

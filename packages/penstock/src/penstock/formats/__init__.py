"""Drawings of a graph: one public module for each format, with one pure function `render`.

    mermaid, dot, json, text   str, nothing but the standard library
    svg, html                  str, the built-in layered layout
    png                        bytes, the same drawing painted with Pillow

    _layout/       a graph as a drawing: node boxes, groups and lines in pixels
    _picture       a graph as a picture, made of shapes: laid out, with its title and its legend
    _raster        the shapes and texts painted with Pillow; imported at the first use
    _base          one page of a style, a script and data; shared with the page of statecrumbs
    _style         sizes and colours of the pictures; their CSS
    _font_widths   how wide text is in a picture, and how it is broken into lines
    _wording       names, numbers, durations and places as text, also in Markdown and terminals

`render(graph, *, direction="TD")` takes a `penstock._graph.Graph`. Only the module of the wanted
format is imported: Mermaid loads no layout and needs no Pillow. The names below let the rest of
penstock show names and numbers as the formats do.
"""

from penstock.formats._wording import (
    checked_source,
    code,
    columns,
    counted,
    duration,
    escaped_name,
    link,
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
    "escaped_name",
    "link",
    "prose",
    "share",
    "visible",
]

"""Paint a plate with Pillow: shapes and lines smoothly, by painting larger than asked for."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from penstock.formats._curves import bent
from penstock.formats._layout._measure import FRAME_INSET, PAD_X, TAG_INSET, tag_width
from penstock.formats._lettering import Lettering
from penstock.formats._pillow import Image, ImageDraw
from penstock.formats._plate import box_texts, frame_texts, painted
from penstock.formats._style import (
    HEADING_SIZE,
    NAME_SIZE,
    PROSE_LINE,
    PROSE_SIZE,
    STACK,
    SWATCH,
    TAG_SIZE,
    TAGS,
    TIP,
    TITLE_SIZE,
    is_stacked,
    outline_radius,
    shape,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from penstock.formats._layout import Box, Frame, Line
    from penstock.formats._plate import Entry, Plate
    from penstock.formats._style import Palette

    Point = tuple[float, float]

SAMPLES = 3  # a pixel of the picture is the mean of so many squared
_CURVE_STEPS = 6
_LINE, _BORDER, _ENTRY_BORDER = 1.5, 1.25, 2.25
_DASHES = {
    "back": (6.0, 4.0),
    "unknown": (2.0, 3.0),
    "unseen": (2.0, 5.0),
    "undeclared": (12.0, 3.0),
}
_THICKNESS = {"unseen": 2.0, "undeclared": 3.0}  # of lines that are not as all others
_BOX_DASHES = (5.0, 4.0)


class Painter:
    """Paint the strip of a picture that is `size` pixels and begins `top` pixels down.

    `scale` is the number of pixels for each pixel of the plate; `image` has SAMPLES times more.
    """

    def __init__(
        self, size: tuple[int, int], top: int, scale: float, palette: Palette, font: str | None
    ) -> None:
        self._unit = scale * SAMPLES
        self._shown = (top / scale, (top + size[1]) / scale)  # in pixels of the plate
        self._origin = (0.0, -top / scale)
        self._palette = palette
        self.image = Image.new("RGB", (size[0] * SAMPLES, size[1] * SAMPLES), palette.paper)
        self._draw = ImageDraw.Draw(self.image)
        self._letters = Lettering(self._draw, font)

    def paint(self, plate: Plate) -> None:
        """Paint what of `plate` is in the strip."""
        self._text(plate.title, (plate.x, plate.title_y), TITLE_SIZE, self._palette.ink, bold=True)
        for at, text in enumerate(plate.subtitle, 1):
            y = plate.title_y + at * PROSE_LINE + 4
            self._text(text, (plate.x, y), PROSE_SIZE, self._palette.prose)
        for entry in plate.legend:
            self._entry(entry, plate.x)

        across, down = self._origin
        self._origin = (across + plate.x, down + plate.y)
        self._shown = (self._shown[0] - plate.y, self._shown[1] - plate.y)
        drawing = plate.drawing
        for frame in drawing.frames:
            if self._shows(frame.y, frame.y + frame.height):
                self._frame(frame)
        boxes = [box for box in drawing.boxes if self._shows(box.y - 10, box.y + box.height + 10)]
        for box in boxes:
            if is_stacked(box.node):
                self._outline(shape(box.node), box.x + STACK, box.y + STACK, box.width, box.height)
        for line in painted(drawing.lines):
            ends = [y for _, y in line.points]
            if self._shows(min(ends) - 10, max(ends) + 10):
                self._line(line)
        for box in boxes:
            self._box(box)

    def _shows(self, top: float, bottom: float) -> bool:
        return top < self._shown[1] and bottom > self._shown[0]

    def _at(self, point: Point) -> Point:
        return (
            (point[0] + self._origin[0]) * self._unit,
            (point[1] + self._origin[1]) * self._unit,
        )

    def _text(
        self,
        text: str,
        place: Point,
        size: float,
        colour: str,
        *,
        room: float = 0,
        middle: bool = False,
        bold: bool = False,
    ) -> None:
        self._letters.write(
            text,
            self._at(place),
            size * self._unit,
            colour,
            room=room * self._unit,
            middle=middle,
            bold=bold,
        )

    def _frame(self, frame: Frame) -> None:
        self._draw.rounded_rectangle(
            (
                self._at((frame.x, frame.y)),
                self._at((frame.x + frame.width, frame.y + frame.height)),
            ),
            8 * self._unit,
            self._palette.group,
            self._palette.group_border,
            round(self._unit),
        )
        for text, form, y in frame_texts(frame):
            heading = form == "flow"
            self._text(
                text,
                (frame.x + FRAME_INSET, y),
                HEADING_SIZE if heading else PROSE_SIZE,
                self._palette.ink if heading else self._palette.prose,
                room=frame.room,
                bold=heading,
            )

    def _outline(self, form: str, x: float, y: float, width: float, height: float) -> None:
        """Paint the outline of a box of one shape."""
        palette = self._palette
        fill, border, thickness = palette.box, palette.border, _BORDER
        if form == "entrypoint":
            fill, border, thickness = palette.entry_box, palette.entry, _ENTRY_BORDER
        dashed = form == "unknown"
        half = thickness / 2  # as in SVG, where a border's middle is the box' edge
        self._draw.rounded_rectangle(
            (self._at((x - half, y - half)), self._at((x + width + half, y + height + half))),
            (outline_radius(form, round(height)) + half) * self._unit,
            fill,
            None if dashed else border,
            0 if dashed else round(thickness * self._unit),
        )
        if dashed:
            edges = [(x, y), (x + width, y), (x + width, y + height), (x, y + height), (x, y)]
            for dash in _dashes(edges, _BOX_DASHES):
                self._stroke(dash, palette.alarm, thickness)

    def _stroke(self, points: Sequence[Point], colour: str, thickness: float) -> None:
        self._draw.line(
            [self._at(point) for point in points], colour, round(thickness * self._unit), "curve"
        )

    def _line(self, line: Line) -> None:
        colour = self._line_colour(line.kind)
        start, bends, end = bent(line.points)
        points: list[Point] = [start]
        for first, corner, last in bends:
            points += _curve(first, corner, last)
        points.append(end)
        for part in _dashes(points, _DASHES[line.kind]) if line.kind in _DASHES else [points]:
            self._stroke(part, colour, _THICKNESS.get(line.kind, _LINE))
        self._tip(points[-2], end, line.kind)

    def _line_colour(self, kind: str) -> str:
        palette = self._palette
        colours = {
            "back": palette.back,
            "link": palette.link,
            "unknown": palette.alarm,
            "undeclared": palette.alarm,
        }
        return colours.get(kind, palette.line)

    def _tip(self, before: Point, end: Point, kind: str) -> None:
        """Paint the arrowhead after the `end` of a line that comes from `before`."""
        across, down = end[0] - before[0], end[1] - before[1]
        length = abs(across) + abs(down) or 1
        ahead, aside = (across / length, down / length), (-down / length, across / length)

        def corner(forth: float, right: float) -> Point:
            return (
                end[0] + ahead[0] * forth + aside[0] * right,
                end[1] + ahead[1] * forth + aside[1] * right,
            )

        wings = [corner(TIP - 8, -4), corner(TIP, 0), corner(TIP - 8, 4)]
        if kind == "link":
            self._stroke([end, wings[1]], self._line_colour(kind), _LINE)
            self._stroke(wings, self._line_colour(kind), _LINE)
        else:
            self._draw.polygon([self._at(wing) for wing in wings], self._line_colour(kind))

    def _box(self, box: Box) -> None:
        form = shape(box.node)
        self._outline(form, box.x, box.y, box.width, box.height)
        middle = box.x + box.width / 2
        for text, kind, y in box_texts(box):
            name = kind == "name"
            ink = self._palette.alarm if form == "unknown" else self._palette.ink
            self._text(
                text,
                (middle, y),
                NAME_SIZE if name else PROSE_SIZE,
                self._palette.prose if kind == "prose" else ink,
                room=box.width - PAD_X,
                middle=True,
                bold=name,
            )
        tag = TAGS.get(box.node.call_kind)
        if tag:
            self._tag(tag, box)

    def _tag(self, tag: str, box: Box) -> None:
        width = tag_width(tag)
        x = box.x + box.width - TAG_INSET - width
        entry = shape(box.node) == "entrypoint"
        self._draw.rounded_rectangle(
            (self._at((x, box.y - 8)), self._at((x + width, box.y + 7))),
            7.5 * self._unit,
            self._palette.entry_box if entry else self._palette.box,
            self._palette.entry if entry else self._palette.border,
            round(_BORDER * self._unit),
        )
        place = (x + width / 2, box.y + 3)
        self._text(tag, place, TAG_SIZE, self._palette.prose, middle=True)

    def _entry(self, entry: Entry, x: int) -> None:
        """Paint one entry of the legend."""
        x, y = x + entry.x, entry.y
        if entry.key in {"back", "link", "unseen", "undeclared"}:
            points = [(float(x), float(y)), (x + SWATCH - TIP, float(y))]
            dashed = entry.key in _DASHES
            for part in _dashes(points, _DASHES[entry.key]) if dashed else [points]:
                thickness = _THICKNESS.get(entry.key, _LINE)
                self._stroke(part, self._line_colour(entry.key), thickness)
            self._tip(points[0], points[1], entry.key)
        else:
            if entry.key == "task":
                self._outline(entry.key, x + STACK, y - 8 + STACK, SWATCH - 6, 16)
            self._outline(entry.key, x, y - 8, SWATCH - 6, 16)
        self._text(entry.word, (x + SWATCH + 8, y + 4), PROSE_SIZE, self._palette.prose)


def _curve(first: Point, corner: Point, last: Point) -> Iterator[Point]:
    """Yield points of a quadratic Bezier curve."""
    for step in range(_CURVE_STEPS + 1):
        t = step / _CURVE_STEPS
        one, two, three = (1 - t) ** 2, 2 * t * (1 - t), t**2
        yield (
            one * first[0] + two * corner[0] + three * last[0],
            one * first[1] + two * corner[1] + three * last[1],
        )


def _dashes(points: Sequence[Point], pattern: tuple[float, float]) -> Iterator[list[Point]]:
    """Yield the parts of a line that are painted, where `pattern` is the length of dash and gap."""
    painted = True
    left = pattern[0]
    dash: list[Point] = [points[0]]
    for start, end in pairwise(points):
        length = ((end[0] - start[0]) ** 2 + (end[1] - start[1]) ** 2) ** 0.5
        done = 0.0
        while length - done > left:
            done += left
            point = (
                start[0] + (end[0] - start[0]) * done / length,
                start[1] + (end[1] - start[1]) * done / length,
            )
            if painted:
                yield [*dash, point]
            painted = not painted
            left = pattern[0] if painted else pattern[1]
            dash = [point]
        left -= length - done
        dash.append(end)
    if painted and len(dash) > 1:
        yield dash

"""PNG: the same layout as the SVG's, painted without system fonts."""

from __future__ import annotations

import io
import os
import subprocess
import sys

import pytest

from penstock.formats import png
from penstock.formats._layout import lay_out
from penstock.formats._picture import paint
from penstock.formats._style import DARK, LIGHT
from tests.penstock.declared import ORDERS, SEED, graph_of
from tests.penstock.formats.hostile import names

Image = pytest.importorskip("PIL.Image", reason="PNG needs Pillow")


def read(content):
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    return Image.open(io.BytesIO(content)).convert("RGB")


def rgb(colour):
    return tuple(bytes.fromhex(colour[1:]))


def test_it_is_as_large_as_the_svg_times_the_scale():
    graph = graph_of(SEED, "bom_sync")
    drawn = paint(graph, direction="LR")
    for scale in (1, 2, 2.5):
        picture = read(png.render(graph, direction="LR", scale=scale))
        assert picture.size == (round(drawn.width * scale), round(drawn.height * scale))


@pytest.mark.parametrize(("theme", "palette"), [("light", LIGHT), ("dark", DARK)])
def test_boxes_are_where_the_layout_puts_them(theme, palette):
    graph = graph_of(SEED, "bom_sync")
    drawn = paint(graph, direction="TD")
    picture = read(png.render(graph, theme=theme))
    assert picture.getpixel((1, 1)) == rgb(palette.paper)
    for box in lay_out(graph).boxes:
        x, y = 2 * (drawn.x + box.x), 2 * (drawn.y + box.y)
        entry = box.node.entrypoint
        border = rgb(palette.entry if entry else palette.border)
        inside = rgb(palette.entry_box if entry else palette.box)
        assert picture.getpixel((x, y + box.height)) == border
        assert picture.getpixel((x + 12, y + box.height)) == inside
        assert picture.getpixel((x - 12, y + box.height)) == rgb(palette.paper)


def test_lines_end_in_arrowheads_and_edges_are_smooth():
    graph = graph_of(SEED, "bom_sync")
    drawn = paint(graph, direction="TD")
    picture = read(png.render(graph))
    for line in lay_out(graph).lines:
        x, y = (
            (each + shift) * 2
            for each, shift in zip(line.points[-1], (drawn.x, drawn.y), strict=True)
        )
        dark = [picture.getpixel((x + aside, y - 12)) for aside in range(-12, 13)]
        assert dark.count(rgb(LIGHT.line)) > 6
        assert len(set(dark)) > 2  # between paper and ink, so the edges are smooth


def test_every_shape_and_kind_of_line_is_painted():
    flows = {
        "a": {"one": ("two",), "two": ("one", "two", "nobody")},
        "b": {"three": ("a:two",)},
    }
    graph = graph_of(flows, two={"call_kind": "task"}, three={"call_kind": "coroutine"})
    assert {line.kind for line in lay_out(graph).lines} == {"next", "back", "unknown", "link"}
    colours = {colour for _, colour in read(png.render(graph)).getcolors(1 << 24)}
    assert {rgb(each) for each in (LIGHT.line, LIGHT.back, LIGHT.alarm, LIGHT.link)} <= colours
    assert {rgb(each) for each in (LIGHT.group, LIGHT.group_border)} <= colours


def test_any_name_is_painted_without_a_font_that_has_it():
    some = names(120)
    graph = graph_of({"受注処理": dict.fromkeys(some, ())}, "受注処理")
    assert read(png.render(graph, scale=1)).size[0] > 300


def test_the_same_picture_every_time():
    graph = graph_of(ORDERS)
    assert png.render(graph) == png.render(graph)


def test_a_picture_that_is_too_large_gets_smaller(monkeypatch):
    monkeypatch.setattr(png, "_MAX_PIXELS", 300_000)
    graph = graph_of(SEED, "bom_sync")
    drawn = paint(graph, direction="TD")
    picture = read(png.render(graph, scale=9))
    assert 290_000 < picture.size[0] * picture.size[1] < 310_000
    assert drawn.width < picture.size[0] < 9 * drawn.width


def test_a_picture_that_nobody_could_read_is_refused():
    chain = {f"s{step}": (f"s{step - 1}",) if step else () for step in range(2000)}
    with pytest.raises(ValueError, match=r"'f' is \d+ x \d+ pixels, too large.*'svg' or 'html'"):
        png.render(graph_of({"f": chain}, "f"))


@pytest.mark.parametrize("scale", [0, -1, float("nan")])
def test_a_scale_must_be_positive(scale):
    with pytest.raises(ValueError, match="it must be a positive number"):
        png.render(graph_of(SEED, "bom_sync"), scale=scale)


def test_an_unknown_theme_is_refused():
    with pytest.raises(ValueError, match="'black'; it must be one of light, dark"):
        png.render(graph_of(SEED, "bom_sync"), theme="black")


def test_text_that_needs_more_than_its_room_is_written_smaller():
    from PIL import ImageDraw

    from penstock.formats._raster import Lettering

    def extent(text, **options):
        picture = Image.new("L", (400, 60))
        Lettering(None).write(
            ImageDraw.Draw(picture), text, (200, 40), 20, 255, middle=True, **options
        )
        left, _, right, _ = picture.getbbox()
        return right - left

    for text in ("W" * 12, "漢字" * 6):
        assert extent(text) > 200
        for bold in (False, True):
            assert 100 < extent(text, room=150, bold=bold) <= 151


@pytest.mark.parametrize(
    ("text", "painted"),
    [("Café", "Cafe"), ("load \u2014 then store", "load - then store"), ("a \u2192 b", "a -> b")],
)
def test_what_the_font_does_not_have_is_written_as_what_looks_like_it(text, painted):
    assert _written(text) == _written(painted)


def test_a_sign_is_never_written_as_its_opposite():
    assert _written("a \u2260 b") != _written("a = b")
    assert _written("a \u226e b") != _written("a < b")


def _written(text):
    from PIL import ImageDraw

    from penstock.formats._raster import Lettering

    picture = Image.new("L", (400, 60))
    Lettering(None).write(ImageDraw.Draw(picture), text, (10, 40), 20, 255)
    return picture.tobytes()


def test_without_pillow_the_error_says_what_to_install(monkeypatch):
    # As in a process that has painted nothing yet: earlier tests have imported all of these.
    for module in list(sys.modules):
        if module.partition(".")[0] == "PIL" or module.startswith("penstock.formats._"):
            monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ImportError, match=r'pip install "penstock\[png\]"'):
        png.render(graph_of(SEED, "bom_sync"))


@pytest.mark.skipif(sys.platform != "linux", reason="Linux only: memory is counted in KiB there")
def test_a_large_picture_takes_little_memory():
    program = (
        "from penstock.formats import png;"
        "from tests.penstock.declared import graph_of, tangle;"
        "png.render(graph_of(tangle(300, 420), 'tangle'));"
        # Not getrusage: its peak is that of the test runner, which this was forked from.
        "print(next(line.split()[1] for line in open('/proc/self/status') if 'VmHWM' in line))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        check=True,
        capture_output=True,
        text=True,
    )
    assert int(done.stdout) < 150_000_000 // 1024

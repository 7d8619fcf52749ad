"""engine="graphviz": pictures by the real `dot`, and clear words where it is missing."""

from __future__ import annotations

import builtins
import shutil
from xml.etree import ElementTree as ET

import pytest

from penstock import generate_dag
from penstock.formats import visible
from penstock.formats.dot import GraphvizError
from tests.penstock.declared import ORDERS, SEED, registry_of
from tests.penstock.formats.hostile import KNOWN

needs_dot = pytest.mark.skipif(not shutil.which("dot"), reason="needs the program dot of Graphviz")


def draw(flows=SEED, **options):
    return generate_dag(registry=registry_of(flows), engine="graphviz", **options)


@needs_dot
@pytest.mark.parametrize(("kind", "start"), [("png", b"\x89PNG\r\n"), ("pdf", b"%PDF-")])
def test_pictures_are_bytes(kind, start, tmp_path):
    path = tmp_path / f"flow.{kind}"
    drawn = draw(ORDERS, output=path)
    assert drawn.startswith(start)
    assert path.read_bytes() == drawn


@needs_dot
def test_svg_is_text_that_follows_the_direction():
    def size(direction):
        root = ET.fromstring(draw(format="svg", direction=direction))  # noqa: S314  (drawn here)
        return [float(root.attrib[side].removesuffix("pt")) for side in ("width", "height")]

    (width, height), (across, down) = size("TD"), size("LR")
    assert width < height
    assert across > down


@needs_dot
def test_names_that_graphviz_would_read_are_shown():
    drawn = draw({"f": dict.fromkeys(KNOWN, ())}, format="svg")
    root = ET.fromstring(drawn)  # noqa: S314  (drawn here)
    texts = {"".join(text.itertext()) for text in root.iter("{http://www.w3.org/2000/svg}text")}
    shown = {visible(name).replace("\xa0", " ") for name in KNOWN}
    assert shown <= {text.replace("\xa0", " ") for text in texts}


def test_without_the_package_the_error_says_what_to_install(monkeypatch):
    real = builtins.__import__

    def without_graphviz(name, *rest, **more):
        if name == "graphviz":
            raise ModuleNotFoundError("No module named 'graphviz'", name=name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without_graphviz)
    with pytest.raises(GraphvizError) as caught:
        draw(format="png")
    assert str(caught.value) == (
        "engine='graphviz' could not import the Python package 'graphviz' "
        "(No module named 'graphviz'). Install it with: pip install 'penstock[graphviz]'. "
        "It also needs the program 'dot' of Graphviz (https://graphviz.org/download/). "
        "Without engine= penstock draws png itself, with neither."
    )


@pytest.mark.parametrize("kind", ["svg", "png", "pdf"])
def test_without_the_program_the_error_says_what_was_tried(monkeypatch, tmp_path, kind):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(GraphvizError) as caught:
        draw(output=tmp_path / f"x.{kind}")
    said = str(caught.value)
    assert said.startswith(
        f"engine='graphviz' tried to run 'dot -T{kind}', but no program 'dot' is on PATH. "
        "Install Graphviz, for example with: apt-get install graphviz"
    )
    assert said.endswith(f"penstock draws {kind} itself, with neither.") == (kind != "pdf")
    assert list(tmp_path.iterdir()) == []


def test_a_failing_program_is_quoted(monkeypatch, tmp_path, capfd):
    program = tmp_path / "dot"
    program.write_text("#!/bin/sh\necho 'no fonts here' >&2\nexit 3\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    with pytest.raises(GraphvizError) as caught:
        draw(format="svg")
    assert str(caught.value) == (
        "engine='graphviz' ran 'dot -Tsvg', which failed with exit code 3: no fonts here"
    )
    assert capfd.readouterr() == ("", "")

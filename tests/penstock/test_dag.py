"""generate_dag: which format, which engine, what is returned and what is written."""

from __future__ import annotations

import os
import pathlib
import re
import stat
import subprocess
import sys
import threading

import pytest

import penstock
from corectx import files
from penstock import _dag
from penstock._declare import _registry
from tests.penstock.declared import ORDERS, SEED, registry_of
from tests.penstock.formats.hostile import KNOWN

PUBLISHED = (
    "graph TD\n"
    "    handle_kafka_message --> fetch_from_api\n"
    "    fetch_from_api --> sync_to_database\n"
)
posix = pytest.mark.skipif(os.name != "posix", reason="POSIX only")


@pytest.fixture
def registry(monkeypatch):
    """Put a registry with the published flow in the place of the decorators' own."""
    registry = registry_of(SEED)
    monkeypatch.setattr(_registry, "_in_use", registry)
    return registry


def test_the_published_call_gives_the_published_diagram(registry):
    assert penstock.generate_dag("bom_sync", format="mermaid") == PUBLISHED
    assert penstock.generate_dag("bom_sync") == PUBLISHED


def test_what_is_written_is_what_is_returned(registry, tmp_path):
    path = tmp_path / "flow.mmd"
    assert penstock.generate_dag("bom_sync", output=path) == PUBLISHED
    assert path.read_bytes() == PUBLISHED.encode()


@pytest.mark.parametrize(
    ("file", "start"),
    [
        ("x.mmd", b"graph TD\n"),
        ("x.mermaid", b"graph TD\n"),
        ("x", b"graph TD\n"),
        ("x.gv", b'digraph "bom_sync" {'),
        ("x.DOT", b'digraph "bom_sync" {'),
        ("x.json", b"{\n"),
        ("x.txt", b"bom_sync\n"),
        ("x.svg", b"<"),
        ("x.html", b"<!"),
        ("x.htm", b"<!"),
        ("x.png", b"\x89PNG"),
    ],
)
def test_the_format_follows_the_ending(registry, tmp_path, file, start):
    content = penstock.generate_dag("bom_sync", output=str(tmp_path / file))
    written = (tmp_path / file).read_bytes()
    assert written.startswith(start)
    assert written == (content.encode() if isinstance(content, str) else content)


def test_a_given_format_is_stronger_than_the_ending(registry, tmp_path):
    penstock.generate_dag("bom_sync", format="dot", output=tmp_path / "x.mmd")
    assert (tmp_path / "x.mmd").read_text().startswith("digraph")


def test_a_registry_of_ones_own_can_be_drawn():
    drawn = penstock.generate_dag(registry=registry_of(ORDERS), format="text")
    assert "→ billing:charge" in drawn


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            {"format": "mermiad"},
            "Unknown format 'mermiad'. Did you mean 'mermaid'? Known: mermaid,",
        ),
        ({"format": "PNG"}, "Unknown format 'PNG'. Did you mean 'png'? "),
        ({"format": 3}, "Unknown format 3. Known: mermaid, "),
        ({"output": "x.jgp"}, "Unknown file ending '.jgp'. Known: .mmd, "),
        ({"output": "x.htlm"}, "Unknown file ending '.htlm'. Did you mean '.htm"),
        ({"output": ""}, "output='' names no file. Add one, such as 'flows.svg'."),
        ({"output": "docs/"}, "output='docs/' names no file."),
        ({"output": ".."}, "output='..' names no file."),
        ({"output": "x\0.svg"}, r"output='x\x00.svg' names no file."),
        ({"format": "text", "direction": "LR"}, "direction='LR' is not for 'text', which leads"),
        ({"format": "json", "direction": "BT"}, "direction='BT' is not for 'json', which has no"),
        ({"direction": "up"}, "Unknown direction 'up'. Known: TD, TB, BT, LR, RL, auto."),
        ({"direction": "lr"}, "Unknown direction 'lr'. Did you mean 'LR'? "),
        (
            {"engine": "graphvis", "format": "svg"},
            "Unknown engine 'graphvis'. Did you mean 'graphviz'? Known: graphviz.",
        ),
        (
            {"engine": "graphviz"},
            "engine='graphviz' draws svg, png, pdf, but the format is 'mermaid'.",
        ),
        ({"format": "pdf"}, "Format 'pdf' is drawn by Graphviz only: add engine='graphviz'"),
        (
            {"format": "svg", "max_chars": 5000},
            "max_chars=5000 is for format 'mermaid', not for 'svg'.",
        ),
        ({"max_chars": 10}, "max_chars=10 is too small: a diagram needs 1,000."),
        (
            {"width": 700},
            "width=700 is for the formats 'svg', 'html' and 'png', not for 'mermaid'.",
        ),
        (
            {"format": "svg", "engine": "graphviz", "width": 700},
            "width=700 is for the formats 'svg', 'html' and 'png', not for engine='graphviz'.",
        ),
        ({"format": "svg", "width": 0}, "width=0 is no page; it must be at least 300 pixels."),
    ],
)
def test_a_wrong_option_is_one_error_that_names_it_and_the_nearest(registry, arguments, said):
    with pytest.raises(ValueError) as caught:
        penstock.generate_dag("bom_sync", **arguments)
    assert str(caught.value).startswith(said)


def test_an_unknown_flow_is_a_key_error_that_names_the_nearest(registry):
    with pytest.raises(KeyError) as caught:
        penstock.generate_dag("bom_snyc")
    assert str(caught.value) == "Unknown flow 'bom_snyc'. Did you mean 'bom_sync'?"


def test_a_flow_in_the_place_of_its_name_is_told_the_name(registry):
    with pytest.raises(KeyError, match="A flow is given by its name, 'bom_sync'"):
        penstock.generate_dag(penstock.flow("bom_sync"))


def test_nothing_is_written_when_the_arguments_are_wrong(registry, tmp_path):
    for name, arguments in [("no", {}), ("bom_sync", {"direction": "up"})]:
        with pytest.raises((KeyError, ValueError)):
            penstock.generate_dag(name, output=tmp_path / "x.mmd", **arguments)
    assert list(tmp_path.iterdir()) == []


def test_the_limit_of_a_diagram_can_be_lowered():
    flow = {"hub": (), **{f"s{index}": ("hub",) for index in range(100)}}
    registry = registry_of({"big": flow})
    assert penstock.generate_dag(registry=registry).startswith("graph TD")
    assert "in 3 diagrams" in penstock.generate_dag(registry=registry, max_chars=1_500)


@pytest.mark.parametrize("direction", ["TD", "TB", "BT", "LR", "RL"])
@pytest.mark.parametrize("kind", ["mermaid", "dot", "svg", "html"])
def test_every_direction_is_taken_by_every_format_of_pictures(registry, kind, direction):
    assert penstock.generate_dag("bom_sync", format=kind, direction=direction).endswith("\n")


@pytest.mark.parametrize("direction", ["TD", "TB", "auto"])
@pytest.mark.parametrize("kind", ["json", "text"])
def test_text_and_json_lead_from_top_to_bottom(registry, kind, direction):
    assert penstock.generate_dag("bom_sync", format=kind, direction=direction).endswith("\n")


@pytest.mark.parametrize("output", [5, b"x.svg", ["x.svg"]])
def test_an_output_of_another_type_is_one_error_that_names_it(registry, output):
    with pytest.raises(TypeError) as caught:
        penstock.generate_dag("bom_sync", output=output)
    assert str(caught.value) == f"output= takes the path of a file, not {output!r}."


def test_a_format_is_imported_when_it_is_asked_for():
    program = (
        "import sys, penstock; from penstock import flow, entrypoint\n"
        "@flow('f')\n@entrypoint\ndef a(): pass\n"
        "assert 'penstock._dag' not in sys.modules\n"
        "penstock.generate_dag('f')\n"
        "loaded = {name for name in sys.modules if name.startswith('penstock.formats.')}\n"
        "print(sorted(name for name in loaded if not name.split('.')[2].startswith('_')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, encoding="utf-8", check=False
    )
    assert (done.stdout, done.stderr) == ("['penstock.formats.mermaid']\n", "")


DRAW_ALL = """
import hashlib
from penstock import generate_dag
from tests.penstock.declared import ORDERS, registry_of, tangle
from tests.penstock.formats.hostile import names
hostile = names(300)
flows = {**ORDERS, **tangle(60, 90), **{name: {name: (hostile[0],)} for name in hostile}}
registry = registry_of(flows)
for kind in "mermaid", "dot", "json", "text":
    drawn = generate_dag(registry=registry, format=kind)
    print(kind, hashlib.sha256(drawn.encode()).hexdigest()[:16])
"""
# Every interpreter, hash seed and machine draws this. A change here changes committed drawings.
DRAWN = """\
mermaid 987763468468b836
dot fc8137f047a8ce4e
json 6dbcb6e922e7f9f8
text 65040b04b9de77a1
"""


@pytest.mark.parametrize("seed", ["0", "1", "12345"])
def test_every_interpreter_and_hash_seed_draws_the_same(seed):
    done = subprocess.run(
        [sys.executable, "-c", DRAW_ALL],
        env={**os.environ, "PYTHONHASHSEED": seed},
        cwd=pathlib.Path(__file__).parents[2],
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert done.stdout == DRAWN


def test_any_name_can_be_written(tmp_path):
    registry = registry_of({name: {name: ()} for name in KNOWN})
    for ending in ("mmd", "dot", "json", "txt", "svg", "html"):
        path = tmp_path / f"all.{ending}"
        drawn = penstock.generate_dag(registry=registry, output=path)
        assert path.read_text(encoding="utf-8") == drawn


def test_a_reader_sees_the_old_file_or_the_new_one_and_never_a_part(tmp_path):
    path = tmp_path / "flow.mmd"
    versions = [bytes([letter]) * 300_000 for letter in b"ab"]
    files.write_public(path, versions[0])
    done = threading.Event()
    seen = set()

    def read():
        while not done.is_set():
            seen.add(path.read_bytes())

    reader = threading.Thread(target=read)
    reader.start()
    for turn in range(100):
        files.write_public(path, versions[turn % 2])
    done.set()
    reader.join()
    assert seen <= set(versions)
    assert list(tmp_path.iterdir()) == [path]


@posix
def test_a_file_keeps_its_permissions_and_a_new_one_gets_the_usual_ones(tmp_path):
    old, new = tmp_path / "old", tmp_path / "new"
    old.write_text("")
    old.chmod(0o640)
    before = os.umask(0o022)
    try:
        for path in (old, new):
            files.write_public(path, b"x")
    finally:
        os.umask(before)
    assert [stat.S_IMODE(path.stat().st_mode) for path in (old, new)] == [0o640, 0o644]


@posix
def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "docs").mkdir()
    link = tmp_path / "flow.mmd"
    link.symlink_to("docs/flow.mmd")
    for content in (b"first", b"second"):
        files.write_public(link, content)
        assert link.is_symlink()
        assert (tmp_path / "docs" / "flow.mmd").read_bytes() == content


@posix
def test_a_pipe_is_written_to_and_not_replaced(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    files.write_public(pipe, b"drawn")
    reader.join()
    assert read == [b"drawn"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_what_cannot_be_written_is_an_error_that_names_the_file(registry, tmp_path):
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(OSError, match="file") as caught:
        penstock.generate_dag("bom_sync", output=file / "x.mmd")
    assert caught.value.filename == str(file)  # it is no folder
    with pytest.raises(IsADirectoryError):
        penstock.generate_dag("bom_sync", format="dot", output=tmp_path)
    assert list(tmp_path.iterdir()) == [file]


def test_every_format_has_an_ending():
    assert set(_dag.SUFFIXES.values()) == set(_dag.FORMATS)


def test_the_better_direction_is_taken_where_the_layout_is_ours():
    names = [f"a_step_with_a_long_name_{at}" for at in range(12)]
    chain = {name: names[at - 1 : at] if at else () for at, name in enumerate(names)}
    for after, better in ((chain, "TD"), ({**dict.fromkeys(names, ()), "hub": names}, "TD")):
        registry = registry_of({"f": {step: tuple(each) for step, each in after.items()}})
        sizes = {
            each: penstock.generate_dag(registry=registry, format="svg", direction=each).split()[
                2:4
            ]
            for each in ("TD", "LR", "auto")
        }
        assert sizes["auto"] == sizes[better]
    assert penstock.generate_dag(registry=registry, direction="auto").startswith("graph TD")


def test_a_drawing_for_a_narrower_page_is_narrower():
    pairs = {f"a_step_with_a_long_name_{at}": ("hub",) for at in range(6)}
    ends = {f"what_follows_number_{at}": (name,) for at, name in enumerate(pairs)}
    registry = registry_of({"f": {"hub": (), **pairs, **ends}})

    def width_of(kind="svg", **options):
        drawn = penstock.generate_dag(registry=registry, format=kind, **options)
        return int(re.search(r'<svg [^>]*width="(\d+)"', drawn)[1])

    assert width_of() == width_of(width=1_400) > 1_200
    assert width_of(width=500) == width_of("html", width=500) < 900
    sideways = width_of(direction="LR", width=500)
    assert width_of(direction="auto", width=500) == min(sideways, width_of(width=500))


def test_a_file_for_one_diagram_gets_no_markdown(tmp_path):
    flows = {"f": {f"s{at}": (f"s{at - 1}",) if at else () for at in range(600)}}
    path = tmp_path / "large.mmd"
    with pytest.raises(ValueError, match=r"can hold one Mermaid diagram.*\.md"):
        penstock.generate_dag(registry=registry_of(flows), output=path)
    assert not path.exists()
    penstock.generate_dag(registry=registry_of(flows), output=tmp_path / "large.md")


def test_boxes_of_an_svg_link_to_the_code_where_it_is_known():
    link = "https://git.example/{file}#L{line}"
    drawn = penstock.generate_dag(registry=registry_of(ORDERS), format="svg", source=link)
    assert '<a href="https://git.example/shop/flows.py#L1">' in drawn
    assert "<a " not in penstock.generate_dag(registry=registry_of(ORDERS), format="svg")
    with pytest.raises(ValueError, match="'html' and 'svg'"):
        penstock.generate_dag(registry=registry_of(ORDERS), format="png", source=link)


def test_an_svg_shows_itself_in_a_notebook():
    drawn = penstock.generate_dag(registry=registry_of(ORDERS), format="svg")
    assert drawn._repr_svg_() == drawn


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("data", [], r"data=\[\] names no path"),
        ("data", 7, "data= takes a path or several paths, not 7"),
        ("data", b"folder", "not 102"),
        ("crash", [], r"crash=\[\] names no path"),
        ("crash", ["x", 7], "crash= takes a path or several paths, not 7"),
        ("source", 7, "source= takes a URL with {file} in it, not 7"),
        ("max_chars", "5000", "max_chars= takes a number of characters, not '5000'"),
        ("collapse", "no", "collapse= takes True, False or None, not 'no'"),
    ],
)
def test_an_option_of_another_type_is_named_with_its_value(registry, option, value, message):
    kind = "mermaid" if option == "max_chars" else "svg"
    with pytest.raises((TypeError, ValueError), match=message):
        penstock.generate_dag(format=kind, **{option: value})

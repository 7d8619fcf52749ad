"""The rooms of the house: doors between distributions, no cycle, and maps that are true."""

from __future__ import annotations

import pytest

from tests.system import house

SOURCES = house.sources()


def test_all_distributions_are_read():
    assert [folder.name for folder in SOURCES] == [
        "penstock_celery",
        "penstock_django",
        "penstock_otel",
        "penstock_structlog",
        "corectx",
        "penstock",
        "statecrumbs",
    ]


def test_no_distribution_imports_a_private_name_of_another():
    assert house.private_imports(SOURCES) == []


def test_no_modules_import_each_other():
    assert house.cycles(SOURCES) == []


def test_no_module_imports_the_door_of_its_own_folder():
    assert house.doors_imported_from_inside(SOURCES) == []


def test_a_folder_is_entered_by_its_door_only():
    assert house.rooms_entered_past_the_door(SOURCES) == []


def test_each_map_names_the_modules_and_folders_that_are_there():
    assert house.wrong_maps(SOURCES) == []


# The guards themselves, tested against what they must refuse.


@pytest.fixture
def write(tmp_path):
    """Return a function that writes sources by path, and returns the folders of the packages."""

    def write_all(texts):
        for path, text in {"one/__init__": "", "two/__init__": "", **texts}.items():
            file = tmp_path / f"{path}.py"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        return [tmp_path / "one", tmp_path / "two"]

    return write_all


@pytest.mark.parametrize(
    "text",
    [
        "import one._inner",
        "from one import _inner",
        "from one._inner import name",
        "from one.public import _name",
        "from one.room._inner import name",
        "def f():\n    from one._inner import name",
        "TYPE_CHECKING = False\nif TYPE_CHECKING:\n    from one._inner import Name",
    ],
)
def test_a_private_import_is_noticed(write, text):
    assert len(house.private_imports(write({"two/user": text}))) == 1


@pytest.mark.parametrize(
    "text",
    [
        "import one\nfrom one import name",
        "from one.lowlevel import name as _name",
        "from two import _inner\nfrom two._inner import name\nfrom . import _inner",
        "import os, _thread\nfrom _thread import get_ident",
    ],
)
def test_a_public_import_is_let_through(write, text):
    assert house.private_imports(write({"two/user": text, "two/_inner": ""})) == []


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("from two import b", "import one.a"),
        ("import two.b", "from one.a import name"),
        ("def f():\n    import two.b", "import one.a"),
        ("if TYPE_CHECKING:\n    from two.b import Name", "from one.a import name"),
    ],
)
def test_a_cycle_is_noticed(write, first, second):
    assert house.cycles(write({"one/a": first, "two/b": second})) == [["one.a", "two.b"]]


def test_a_cycle_through_a_door_is_noticed(write):
    folders = write({"one/__init__": "from one.a import name", "one/a": "from one import other"})
    assert house.cycles(folders) == [["one", "one.a"]]


def test_imports_that_lead_nowhere_again_are_no_cycle(write):
    folders = write({"one/a": "import one.b, one.c", "one/b": "import one.c", "one/c": "import os"})
    assert house.cycles(folders) == []


def test_a_door_that_is_used_from_inside_is_noticed(write):
    room = {"one/_room/__init__": "from one._room.a import name", "one/_room/b": ""}
    folders = write({**room, "one/_room/a": "from one._room import b"})
    assert house.doors_imported_from_inside(folders) == []
    folders = write({**room, "one/_room/a": "from one._room import name"})
    assert house.doors_imported_from_inside(folders) == ["one._room.a:1 imports one._room"]


@pytest.mark.parametrize(
    "text", ["from one._room._a import name", "from one._room import _a", "import one._room._a"]
)
def test_an_import_past_the_door_is_noticed(write, text):
    folders = write({"one/_room/__init__": "", "one/_room/_a": "", "one/user": text})
    assert house.rooms_entered_past_the_door(folders) == ["one.user:1 imports one._room._a"]


@pytest.mark.parametrize("text", ["from one._room import name", "from one._flat import name"])
def test_an_import_by_the_door_is_let_through(write, text):
    room = {"one/_room/__init__": "from one._room._a import name", "one/_room/_a": ""}
    inside = {"one/_room/_b": "from one._room._a import name", "one/_flat": ""}
    assert house.rooms_entered_past_the_door(write({**room, **inside, "one/user": text})) == []


MAP = '"""A package.\n\n    a      does this\n    room/  does that\n"""\n'


def test_a_true_map_is_let_through(write):
    assert (
        house.wrong_maps(write({"one/__init__": MAP, "one/a": "", "one/room/__init__": ""})) == []
    )


@pytest.mark.parametrize(
    ("paths", "wrong"),
    [
        (["a", "room/__init__", "b"], "one does not name b"),
        (["room/__init__"], "one names a, which is not there"),
        (["a"], "one names room/, which is not there"),
    ],
)
def test_a_map_that_lies_is_noticed(write, paths, wrong):
    texts = {f"one/{path}": "" for path in paths}
    assert house.wrong_maps(write({"one/__init__": MAP, **texts})) == [wrong]


def test_a_name_that_a_map_has_twice_is_noticed(write):
    twice = MAP.replace("    room/", "    a      does it again\n    room/")
    assert house.wrong_maps(
        write({"one/__init__": twice, "one/a": "", "one/room/__init__": ""})
    ) == ["one names a twice"]

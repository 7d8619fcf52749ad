"""Each bound is reached, and holds."""

from __future__ import annotations

import importlib
import json
import logging
import os
import sys

import pytest

import penstock
import statecrumbs
from corectx import Site, attach, detach, extract, inject, scope, start
from penstock._verify import _counter
from penstock._verify._evidence import read
from penstock.testing import isolated_registry
from statecrumbs import crumb, snapshot
from statecrumbs.lowlevel import inherit_crumbs, outgoing_crumbs
from tests.attacks import interpreters

MIB = 1024 * 1024


def of_many_trails(operations, crumbs, size, bound):
    """Run many operations at once; return what tests/attacks/many_trails.py measures."""
    arguments = map(str, (operations, crumbs, size, bound))
    module = ("-m", "tests.attacks.many_trails")
    done = interpreters.run(sys.executable, *module, *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("size", [8, 120, 1000, 4000], ids=lambda size: f"{size} characters")
def test_all_trails_together_stay_within_their_bytes(size, attacks):
    operations = 300 * attacks
    # Each operation keeps five crumbs, whatever that is in bytes, and has some of its own.
    least = operations * (5 * (size + 600) + 2500)
    bound = max(2 * MIB, least)
    seen = of_many_trails(operations, 100, size, bound)
    unbounded = operations * 100 * (size + 300)
    assert unbounded > 2 * bound
    assert seen["peak"] < 1.1 * bound
    # The longest lose their oldest crumbs; each keeps its last five.
    assert seen["kept"][0] >= 5
    assert seen["are_last"]
    assert seen["short"] == [0, 1, 2, 3]
    # A dump says how many are missing.
    assert seen["dropped"] == 100 - seen["of_the_first"]


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("size", "operations"), [(8, 2000), (1000, 700)], ids=["small", "1 KB"])
def test_the_default_bound_of_all_trails_holds(size, operations, attacks):
    operations *= attacks
    five_of_each = operations * (5 * (size + 600) + 2500)
    seen = of_many_trails(operations, 100, size, 64 * MIB)
    assert operations * 100 * (size + 400) > 64 * MIB
    assert seen["peak"] < 1.1 * max(64 * MIB, five_of_each)
    assert seen["kept"][0] >= 5
    assert seen["are_last"]


def test_trails_are_whole_where_there_is_room():
    seen = of_many_trails(100, 90, 8, 64 * MIB)
    assert seen["kept"] == [90]
    assert seen["dropped"] == 0


def test_observing_flows_without_end_counts_a_bounded_number_of_steps(
    tmp_path, monkeypatch, caplog
):
    monkeypatch.setattr(_counter, "MOST_STEPS", 50)
    with isolated_registry(), penstock.observe(tmp_path / "evidence") as observation:
        for number in range(200):
            penstock.flow(f"flow_{number}").entrypoint(lambda: None)()
        assert len(observation._counter._tallies) == 50
    assert caplog.text.count("observe() does not count the others") == 1


def test_observing_a_module_that_is_reloaded_all_the_time_counts_on(tmp_path, monkeypatch, attacks):
    (tmp_path / "reloaded_shop.py").write_text(
        """
from penstock import flow
shop = flow("shop")
@shop.entrypoint
def receive(): charge()
@shop.step(after="receive")
def charge(): pass
"""
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(_counter, "MOST_STEPS", 50)
    times = 250 * attacks
    with isolated_registry(), penstock.observe(tmp_path / "evidence") as observation:
        module = importlib.import_module("reloaded_shop")
        for _ in range(times):
            module = importlib.reload(module)
            module.receive()
        assert len(observation._counter._tallies) == 2
    del sys.modules["reloaded_shop"]
    steps = read([tmp_path / "evidence"]).steps
    assert {step: totals.began for step, totals in steps.items()} == {
        "shop:receive": times,
        "shop:charge": times,
    }
    assert steps["shop:charge"].seen == {"shop:receive": times}


# Characters that take the most room: 4 bytes, and escapes in a `repr`, in JSON, or in both.
WIDE = {
    "astral": "\U0001f600",
    "kanji": "\u65e5",
    "accent": "\xe9",
    "backslash": "\\",
    "quotes": "'\"",
    "control": "\x01",
    "surrogate": "\ud800",
    "private": "\U000f0000",
    "tag": "\U000e0001",
}


@pytest.mark.parametrize("character", WIDE.values(), ids=WIDE.keys())
@pytest.mark.parametrize(
    ("count", "length"), [(1, 10_000), (1, 1024), (8, 128), (64, 16), (70, 500)]
)
def test_the_values_of_a_crumb_take_at_most_4_kib(character, count, length):
    data = {f"v{number}": character * length for number in range(count)}
    for _ in range(3):  # the first one is checked, later ones take the fast path
        crumb("event", **data)
        values = [each for key, each in snapshot()[-1].items() if key[0] in "v."]
        # Beside them, a value has two quotes.
        most = 4096 + 2 * len(values)
        assert sum(len(each.encode()) for each in values) <= most
        assert sum(len(json.dumps(each)) - 2 for each in values) <= 3 * most


@pytest.mark.parametrize("character", WIDE.values(), ids=WIDE.keys())
def test_crumbs_that_travel_take_at_most_16_kib(character):
    token = attach(start(Site("task", "sender")))
    for number in range(100):
        crumb("event", number=number, text=character * 1000, more=character * 100)
    header = outgoing_crumbs(100)
    detach(token)
    assert len(json.dumps(header)) - 2 <= 16 * 1024
    receiver = start(Site("task", "receiver"))
    inherit_crumbs(receiver, header)
    token = attach(receiver)
    report_to = []
    statecrumbs.enable(on_crash=report_to.append)
    statecrumbs.report(ValueError("broken"))
    statecrumbs.disable()
    detach(token)
    assert sum("origin" in each.get("frame", {}) for each in report_to[0]) == header.count(
        '"event":'
    )


CHARACTERS_OF_VALUES = ["x", "é", "😀", '"']


@pytest.mark.parametrize("character", CHARACTERS_OF_VALUES)
@pytest.mark.parametrize("count", [7, 32, 500])
@pytest.mark.parametrize("length", [20, 200, 1024])
def test_the_header_of_a_frame_takes_at_most_8_kib(character, count, length):
    """With as many values, runs of flows and names as there may be."""
    values = {f"{character}{number}"[-128:]: character * length for number in range(count)}
    token = attach(start(Site("request", character * 300)))
    with isolated_registry(), scope(**values):
        for number in range(40):
            penstock.flow(f"{character * 250}{number}").entrypoint(lambda: None)()
        for carrier in ({}, []):
            inject(carrier, allow=values)
            headers = dict(carrier)
            assert headers  # something travels
            sizes = [
                len(each if isinstance(each, bytes) else each.encode()) for each in headers.values()
            ]
            assert max(sizes) <= 8192
            received = extract(carrier)
            assert received is not None
            assert received.correlation_id == token[0].correlation_id
    detach(token)


def test_a_folder_holds_at_most_1000_black_boxes(tmp_path, caplog):
    """However many processes of other programs died there: the oldest go, and that is said."""
    boxes = tmp_path / "boxes"
    leave = "import os, sys, statecrumbs; statecrumbs.enable(black_box=sys.argv[1]); os._exit(0)"
    done = interpreters.run(sys.executable, "-c", leave, str(tmp_path / "one"))
    assert done.returncode == 0
    (path,) = (tmp_path / "one").glob("*.crumbs")
    raw = bytearray(path.read_bytes())
    raw[58] = 1  # a failure was noted
    boxes.mkdir()
    for number in range(1050):
        with open(boxes / f"20200101T000000.{number:06}Z-1.crumbs", "wb") as file:
            raw[88:96] = os.fstat(file.fileno()).st_ino.to_bytes(8, "little")
            file.write(raw[:8192])  # the others are holes
            file.truncate(len(raw))
    with caplog.at_level(logging.INFO, "statecrumbs"):
        statecrumbs.enable(black_box=boxes, program="another", on_crash="none")
    assert len(list(boxes.glob("*.crumbs"))) == 1000
    statecrumbs.disable()
    assert "51 were removed before" in caplog.text

"""The text of a dump is made of records at once; it is that of their dicts."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import corectx
import statecrumbs
from statecrumbs import crumb
from statecrumbs._crash._dump import Dump, dump_of
from statecrumbs._crash._report import _sealed, _text_of
from statecrumbs._crash._text import sealed_text
from statecrumbs._crumb import NOWHERE, Message, Place, Rendered
from statecrumbs.context import context
from statecrumbs.formatter import format_json

NOON = 1_700_000_000_123_456_789


@dataclass
class Order:
    number: int
    password: str


def check(dump):
    """Compare the text of a dump with that of its dicts; return it."""
    text = sealed_text(dump.inherited, dump.records, dump.last)
    assert text == format_json(_sealed(dump))
    assert text == _text_of(dump)
    return text


@pytest.mark.parametrize("include_thread", [True, False])
@pytest.mark.parametrize("include_timestamp", [True, False])
def test_crumbs_of_all_kinds(include_thread, include_timestamp):
    statecrumbs.enable(
        on_crash="none", include_thread=include_thread, include_timestamp=include_timestamp
    )
    crumb("no values")
    crumb("100 % ünïcode \ud800", rows=10)
    for number in range(3):
        crumb("repeated", rows=number, table="users", ratio=0.5, done=True, none=None)
    crumb(
        "texts", short="users", long="x" * 500, quoted='a "b" %s \\', other="größe", sql="token=abc"
    )
    crumb("secrets", password="abc", api_key="users")  # noqa: S106
    crumb("order", order=Order(1, "abc"), items=[1, 2, {"password": "x"}], nan=float("nan"))
    crumb("order", order=Order(2, "abc"), items=[1, 2, {"password": "x"}], nan=float("nan"))
    crumb("percent", **{"50%s": 1, "%": 2})
    with context(user="bob", n=1, ratio=0.5, none=None, is_paid=True, percent="%s %d"):
        crumb("inside", rows=1)
        with context(step="größe"):
            crumb("inside", rows=2)
            text = check(dump_of("unhandled_exception", corectx.current(), {}))
    statecrumbs.disable()
    assert "abc" not in text
    assert len(json.loads(text)) == 13


def test_messages_inherited_crumbs_and_early_times():
    inherited = [{"event": "sent", "frame": {"origin": "1@elsewhere"}, "n": [1, {"b": 2, "a": 1}]}]
    place = Place({"b": 1, "a": "x"}, {"name": "s", "kind": "step"})
    records = [
        (at, event, {"n": 1, "shown": Rendered("'%s'")}, where, "main")
        for at in (0, 999_999_999, 10**9, NOON, NOON + 10**9, 2**63)
        for event in ("tick", Message("password=hunter2"), Message("tick"))
        for where in (NOWHERE, place)
    ]
    text = check(Dump(inherited, records, {"event": "reported", "process": {"pid": 1}}))
    assert "hunter2" not in text


def test_a_value_that_json_lacks_makes_the_slower_text():
    record = (NOON, "tick", {"n": 1}, Place({"nan": float("nan")}, {}), "main")
    for dump in (
        Dump([], [record], {"event": "reported"}),
        Dump([{"event": object()}], [], {"event": "reported"}),
        Dump([], [], {"event": "reported", "cause": {1, 2}}),
    ):
        with pytest.raises((TypeError, ValueError)):
            sealed_text(dump.inherited, dump.records, dump.last)
        assert _text_of(dump) == format_json(_sealed(dump))


SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text() | st.floats(0, 1)
NAMES = st.text(min_size=1, max_size=8).map("_".__add__)


@settings(deadline=None)
@given(
    event=st.text(min_size=1),
    data=st.dictionaries(NAMES, SCALARS),
    values=st.dictionaries(NAMES, SCALARS),
    at=st.integers(0, 2**63),
)
def test_any_record(event, data, values, at):
    record = (at, event, data, Place(values, {"name": event}), event)
    check(Dump([], [record, record], {"event": event}))

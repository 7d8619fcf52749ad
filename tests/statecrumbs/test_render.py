from __future__ import annotations

import array
import collections
import datetime as dt
import decimal
import fractions
import functools
import json
import math
import pathlib
import re
import threading
import types
import uuid

import pytest
from hypothesis import given, settings

from statecrumbs._values import jsonable, render
from tests.statecrumbs.render_strategies import small_values
from tests.statecrumbs.shown import (
    Box,
    Color,
    CustomError,
    Described,
    Headers,
    Level,
    Names,
    Order,
    Pair,
    Plain,
    Point,
    Slotted,
    redactor,
    show,
)


def cyclic_list():
    value = [1]
    value.append(value)
    return value


def cyclic_dict():
    value = {}
    value["me"] = value
    return value


def cyclic_order():
    order = Order(1)
    order.items = order
    return order


ORDINARY = [
    None, True, 10, -1, 2**64, 2**600, 1.5, math.inf, math.nan, 1j, "alice", "it's", "\ud800", "\0",
    b"abc", bytearray(b"abc"), memoryview(b"abc"),
    [], [1, 2, 3], list(range(20)), (), (1,), (1, 2), {1}, set(), frozenset({1}), frozenset(),
    {}, {"a": 1, 2: [3]}, {"a": {"b": {"c": {"d": {"e": 1}}}}}, [[[[[1]]]]],
    cyclic_list(), cyclic_dict(), cyclic_order(),
    range(3), range(1, 9, 2), slice(1, None), ..., NotImplemented,
    {}.keys(), {1: 2}.values(), {1: 2}.items(), types.MappingProxyType({"a": 1}),
    types.SimpleNamespace(a=1, b="x"),
    collections.deque([1, 2], maxlen=3), collections.deque(), collections.OrderedDict(a=[1], b=2),
    collections.OrderedDict(), collections.defaultdict(list, a=[1]), collections.Counter("abacab"),
    collections.Counter(), collections.ChainMap({"a": 1}), collections.UserDict(a=1),
    array.array("i", [1, 2]), array.array("d"), functools.partial(int, "3", base=4),
    Point(1, "x"), Pair(1, left := [2]), Order(1, ["a"]), Slotted(1), Box(1, "x"),
    Names([1]), Headers(a=1), Headers(a=left),
    Color.RED, Level.LOW, re.RegexFlag.IGNORECASE,
    decimal.Decimal("1.50"), fractions.Fraction(1, 3), uuid.UUID(int=5),
    pathlib.PurePosixPath("/a"), dt.datetime(2025, 1, 1, tzinfo=dt.timezone.utc), dt.timedelta(3),
    re.compile("a.b"), ValueError(), ValueError("x"), KeyError("a", 2), OSError(2, "gone"),
    CustomError(1), int, Plain, Color, len, [].append, Plain.__init__, json, lambda: None,
    object(), Plain(), Described(a=1), threading.Lock(),
]  # fmt: skip


@pytest.mark.parametrize("value", ORDINARY, ids=lambda value: type(value).__name__)
def test_an_ordinary_value_is_shown_as_its_repr(value):
    assert show(value) == repr(value)


@given(small_values)
@settings(deadline=None)
def test_any_small_value_is_shown_as_its_repr(value):
    assert render(value, None, limit=4096) == repr(value)


def test_a_bound_method_is_shown_as_its_repr():
    assert show(Described(a=1).__init__) == repr(Described(a=1).__init__)


def test_generators_and_coroutines_are_shown_as_their_repr():
    async def coroutine():
        pass

    generator = (number for number in [1])
    waiting = coroutine()

    assert show(generator) == repr(generator)
    assert show(waiting) == repr(waiting)
    waiting.close()


@pytest.mark.parametrize(
    "value", [None, True, False, 0, -1, 2**63 - 1, -(2**63), 0.0, -1.5, 1e300, "alice", ""]
)
def test_json_scalars_stay_as_they_are(value):
    kept = jsonable(value, redactor, 100)

    assert kept == value
    assert type(kept) is type(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (2**63, "9223372036854775808"),
        (math.nan, "nan"),
        (-math.inf, "-inf"),
        ([1, "a"], "[1, 'a']"),
        (Level.LOW, repr(Level.LOW)),
        (decimal.Decimal("1.5"), "Decimal('1.5')"),
        (b"a", "b'a'"),
        ("user=bob token=x", "user=bob token=[redacted]"),
        (type("Markup", (str,), {})("a&b"), "a&b"),
        ("y" * 200, "y" * 76 + "... (124 more)"),
    ],
)
def test_any_other_value_becomes_bounded_text_in_json(value, expected):
    assert jsonable(value, redactor, 100) == expected


@given(small_values)
@settings(deadline=None)
def test_the_result_is_always_valid_json(value):
    text = json.dumps(jsonable(value, redactor, 200), allow_nan=False, ensure_ascii=False)

    text.encode()

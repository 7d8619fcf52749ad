from __future__ import annotations

import array
import collections
import fractions
import functools
import re
import sys
import threading
import time
import types

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from statecrumbs._values import jsonable
from tests.statecrumbs.shown import (
    LongList,
    Order,
    redactor,
    show,
)


class LyingList(list):
    def __len__(self):
        return 3

    def __iter__(self):
        raise AssertionError

    __getitem__ = __iter__


class Endless:
    """As long as anybody asks, like a lazy array."""

    def __len__(self):
        return sys.maxsize

    def __iter__(self):
        raise AssertionError

    __getitem__ = __contains__ = __array__ = __iter__


def deeply_nested():
    value = []
    for _ in range(10_000):
        value = [value]
    return value


def millions():
    return list(range(5_000_000))


def long():
    return "x" * 50_000_000


class IntWithRepr(int):
    def __repr__(self):
        return f"IntWithRepr({int.__repr__(self)})"


# How it is made, and its text.
HUGE = {
    "list": (millions, r"\[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, \.\.\. \(4999990 more\)\]"),
    "tuple": (lambda: tuple(millions()), r"\(0, 1, .*, 9, \.\.\. \(4999990 more\)\)"),
    "set": (lambda: set(range(10**6)), r"\{0, 1, .*, 9, \.\.\. \(999990 more\)\}"),
    "frozenset": (lambda: frozenset(range(10**5)), r"frozenset\(\{0, .* \(99990 more\)\}\)"),
    "dict": (lambda: dict.fromkeys(range(10**6)), r"\{0: None, .* \(999990 more\)\}"),
    "keys": (lambda: dict.fromkeys(range(10**5)).keys(), r"dict_keys\(\[0, .* \(99990 more\)\]\)"),
    "deque": (lambda: collections.deque(millions()), r"deque\(\[0, .* \(4999990 more\)\]\)"),
    "Counter": (lambda: collections.Counter(range(10**5)), r"Counter\(\{0: 1, .* more\)\}\)"),
    "namespace": (
        lambda: types.SimpleNamespace(**{f"a{number}": number for number in range(10**5)}),
        r"namespace\(a0=0, .*, a9=9, \.\.\. \(99990 more\)\)",
    ),
    "str": (long, r"'x{900,}'\.\.\. \(4999\d{4} more\)"),
    "bytes": (lambda: long().encode(), r"b'x{900,}'\.\.\. \(4999\d{4} more\)"),
    "bytearray": (
        lambda: bytearray(50_000_000), r"bytearray\(b'(\\x00)+'\.\.\. \(49999\d+ more\)\)"
    ),
    "int": (lambda: 10**1_000_000, "<int of 3321929 bits>"),
    "int with a repr": (lambda: IntWithRepr(10**1_000_000), "<int of 3321929 bits>"),
    "range": (lambda: range(10**1_000_000), r"range\(0, <int of 3321929 bits>\)"),
    "fraction": (lambda: fractions.Fraction(10**1_000_000, 3), "<fractions.Fraction object .*>"),
    "array": (lambda: array.array("d", range(10**5)), r"array\('d', \[0.0, .* \(99990 more\)\]\)"),
    "nested": (
        lambda: {"a": [long(), millions()] * 5}, r"\{'a': \['x+'\.\.\. \(\d+ more\), .*\]\}"
    ),
    "deep": (deeply_nested, r"\[{6}\.\.\.\]{6}"),
    "wide": (lambda: [[[[list(range(20))] * 20] * 20] * 20] * 20, r"\[{5}0, 1, 2, .*"),
    "dataclass": (lambda: Order(1, millions()), r"Order\(number=1, items=\[0, .* more\)\]\)"),
    "exception": (lambda: ValueError(long()), r"ValueError\('x+'\.\.\. \(\d+ more\)\)"),
    "partial": (lambda: functools.partial(print, *millions()), r"functools\.partial\(.*, 0, 1, .*"),
    "list that lies": (lambda: LyingList(millions()), r"\[0, .* \(4999990 more\)\]"),
    "list with a repr": (lambda: LongList(millions()), r"LongList\(\[0, .* \(4999990 more\)\]\)"),
    "in a list with a repr": (lambda: LongList([millions()]), r"LongList\(\[\[0, .* more\)\]\]\)"),
    "endless": (Endless, r"<.*\.Endless object at 0x\w+>"),
}  # fmt: skip


@pytest.mark.parametrize("name", HUGE)
def test_a_huge_value_is_shown_in_part_and_in_a_millisecond(name):
    make, pattern = HUGE[name]
    value = make()
    took = []
    for _ in range(5):
        start = time.thread_time()
        text = show(value)
        took.append(time.thread_time() - start)

    assert len(text) <= 1024
    assert re.fullmatch(pattern, text)
    # Processor time: less than a millisecond here. The repr of each takes a hundred times as long.
    assert min(took) < 0.005


@given(st.lists(st.lists(st.text() | st.binary() | st.integers()) | st.text()), st.integers(0, 300))
@settings(deadline=None)
def test_no_text_is_longer_than_its_limit(value, limit):
    assert len(show(value, limit)) <= limit
    assert len(str(jsonable(value, redactor, limit))) <= max(limit, 64)


def test_a_long_container_shows_its_first_ten_items_and_how_many_there_are_more():
    assert show(list(range(21))) == "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, ... (11 more)]"
    assert show((*range(9), *range(12))) == "(0, 1, 2, 3, 4, 5, 6, 7, 8, 0, ... (11 more))"


def test_a_long_text_inside_leaves_room_for_what_comes_after_it():
    text = show({"body": "x" * 100_000, "status": 500, "items": ["y" * 1000, 3]})

    assert "'status': 500" in text
    assert text.endswith(", 3]}")


def test_containers_are_shown_five_levels_deep():
    assert show([[[[[[[1]]]]]]]) == "[[[[[[...]]]]]]"
    assert show({1: {2: {3: {4: {5: {6: 7}}}}}}) == "{1: {2: {3: {4: {5: {...}}}}}}"
    assert (
        show([[[[[Order(1), ValueError(1), ()]]]]]) == "[[[[[Order(...), ValueError(...), ()]]]]]"
    )


def test_a_list_that_another_thread_empties_is_still_shown():
    stop = threading.Event()
    value = {}

    def change():
        while not stop.is_set():
            value.update(dict.fromkeys(range(100)))
            value.clear()

    thread = threading.Thread(target=change)
    thread.start()
    try:
        texts = {show(value)[0] for _ in range(3000)}
    finally:
        stop.set()
        thread.join()

    assert texts == {"{"}

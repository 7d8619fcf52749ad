"""Names and values from outside cost little, run no code, and end no program."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import enum
import io
import json
import sys
import threading
import time

import pytest

import statecrumbs
from corectx import current
from penstock.contrib import asgi, wsgi
from statecrumbs import crumb, snapshot
from statecrumbs.formatter import format_json

MANY = 1_000_000
METHODS = ["X" * 5000, "GET\r\nX-Evil: 1", "\x1b[31mGET", "get", "G\u00cbT", "GET "]


def named_by_wsgi(method):
    names = []

    def app(environ, start_response):
        frame = current()
        names.append((frame.name, frame.values["method"]))
        start_response("200 OK", [])
        return [b""]

    environ = {"REQUEST_METHOD": method, "PATH_INFO": "/"}
    wsgi.FlowMiddleware(app)(environ, lambda *_: None)
    return names


def named_by_asgi(method):
    names = []

    async def app(scope, receive, send):
        frame = current()
        names.append((frame.name, frame.values["method"]))

    scope = {"type": "http", "method": method, "path": "/", "headers": []}
    asyncio.run(asgi.FlowMiddleware(app)(scope, None, None))
    return names


@pytest.mark.parametrize("method", METHODS, ids=range(len(METHODS)))
@pytest.mark.parametrize("named_by", [named_by_wsgi, named_by_asgi])
def test_a_method_that_nobody_knows_is_no_name(named_by, method):
    assert named_by(method) == [("HTTP", "_OTHER")]


class Big(collections.UserDict):
    """A class of a program that inherits its repr."""


HUGE = {
    "UserDict": lambda: collections.UserDict(dict.fromkeys(range(MANY))),
    "Big": lambda: Big(dict.fromkeys(range(MANY))),
    "UserList": lambda: collections.UserList(range(MANY)),
    "UserString": lambda: collections.UserString("x" * MANY * 10),
    "ChainMap": lambda: collections.ChainMap(dict.fromkeys(range(MANY))),
    "KeysView": lambda: collections.UserDict(dict.fromkeys(range(MANY))).keys(),
    "Counter": lambda: collections.Counter(range(MANY)),
    "deque": lambda: collections.deque(range(MANY)),
}


@pytest.mark.parametrize("name", HUGE)
def test_a_huge_container_costs_no_more_than_a_small_one(name):
    value = HUGE[name]()
    began = time.process_time()
    for _ in range(20):
        crumb("huge", value=value)
    # The whole repr of one takes a tenth of a second.
    assert time.process_time() - began < 0.5
    assert len(snapshot()[-1]["value"]) <= 4096


@pytest.mark.parametrize(
    "value",
    [
        collections.UserDict(a=1, b=[2]),
        collections.UserList([1, "two"]),
        collections.UserString("text"),
        collections.ChainMap({"a": 1}, {"b": 2}),
        collections.UserDict(a=1).keys(),
        collections.UserDict(a=1).items(),
        enum.Enum("Color", {"RED": 1}).RED,
        enum.Enum("Pair", {"ONE": (1, "x")}).ONE,
        enum.Enum("Text", {"ONE": "x"}).ONE,
        enum.Flag("Mode", {"R": 1, "W": 2})(3),
        enum.IntEnum("Level", {"HIGH": 3}).HIGH,
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_small_one_is_shown_as_its_own_repr_shows_it(value):
    crumb("small", value=value)
    assert snapshot()[-1]["value"] == repr(value)


class QuerySet:
    """As Django's: its repr asks the database."""

    def __repr__(self):
        raise AssertionError("the database was asked")


QuerySet.__module__ = "django.db.models.query"


def test_an_enum_member_does_not_evaluate_its_value():
    crumb("enum", value=enum.Enum("Orders", {"OPEN": QuerySet()}).OPEN)
    assert snapshot()[-1]["value"].startswith("<Orders.OPEN: <")
    assert "not evaluated" in snapshot()[-1]["value"]


@pytest.mark.parametrize("number", [10**5000, -(10**100_000)], ids=range(2))
def test_a_huge_int_is_json_all_the_same(number):
    shown = json.loads(format_json([{"event": "huge", "number": number, "list": [number]}]))
    assert shown[0]["number"].startswith("<int of ")
    assert shown[0]["list"] == [shown[0]["number"]]


class Exiting:
    def __str__(self):
        raise SystemExit(3)


class ExitingText(str):
    __slots__ = ()

    def __str__(self):
        raise SystemExit(3)


class ThreadWithoutName(threading.Thread):
    @property
    def name(self):
        raise SystemExit(3)


@pytest.mark.parametrize("name", [Exiting(), ExitingText("worker"), None], ids=range(3))
def test_the_name_of_a_thread_ends_no_thread(name):
    ended = []

    def work():
        if name is not None:
            threading.current_thread()._name = name
        crumb("in the thread")
        ended.append("by itself")

    kind = threading.Thread if name is not None else ThreadWithoutName
    thread = kind(target=work)
    thread.start()
    threading.Thread.join(thread)
    assert ended == ["by itself"]
    assert snapshot()[-1]["event"] == "in the thread"


def test_hooks_that_are_put_over_ours_a_thousand_times_still_show_the_exception(monkeypatch):
    monkeypatch.setattr(sys, "excepthook", sys.__excepthook__)
    dumps = []
    for _ in range(1000):
        statecrumbs.enable(on_crash=dumps.append)

        def foreign(*args, previous=sys.excepthook):
            previous(*args)

        sys.excepthook = foreign
        statecrumbs.disable()
    statecrumbs.enable(on_crash=dumps.append)
    shown = io.StringIO()
    error = ValueError("broken")
    with contextlib.redirect_stderr(shown):
        sys.excepthook(ValueError, error, None)
    statecrumbs.disable()
    assert len(dumps) == 1
    assert shown.getvalue().count("ValueError: broken") == 1

"""Seeded fuzzers: whatever arrives, nothing raises, and what is kept is within its bounds."""

from __future__ import annotations

import json
import random
import string

import pytest

import corectx
import statecrumbs
from corectx import extract, inject, is_valid_id
from statecrumbs import crumb, snapshot
from statecrumbs.formatter import format_json, format_text
from statecrumbs.lowlevel import inherit_crumbs, outgoing_crumbs

SITE = corectx.Site("task", "fuzz")
PIECES = (
    *string.printable,
    *("\ud800", "\U0001f600", "\x00", "\x1b[31m", "\r\n", '"', "\\", "{", "[", "]", "}", ":", ","),
    *('"id"', '"parent"', '"flow"', '"step"', '"values"', "null", "1e999", "NaN", "-", "\u202e"),
    "x" * 500,
)


def text_of(source: random.Random) -> str:
    return "".join(source.choices(PIECES, k=source.choice((0, 1, 3, 20, 200))))


def value_of(source: random.Random, depth: int = 0) -> object:
    """Return any JSON value, or one that is none."""
    kind = source.randrange(11 if depth < 4 else 8)
    if kind < 3:
        return text_of(source)
    if kind < 8:
        return source.choice(
            (
                None,
                True,
                0,
                -1,
                10**30,
                2.5,
                float("nan"),
                float("inf"),
                b"bytes",
                10**5000,
                object(),
            )
        )
    if kind == 8:
        return [value_of(source, depth + 1) for _ in range(source.randrange(5))]
    return {text_of(source): value_of(source, depth + 1) for _ in range(source.randrange(5))}


def header_of(source: random.Random) -> object:
    """Return a header that is nearly right, or far from it."""
    kind = source.randrange(4)
    if kind == 0:
        return text_of(source)
    if kind == 1:
        return value_of(source)
    names = ("id", "parent", "flow", "step", "values", "event", "ts", "frame", "context")
    fields = {name: value_of(source) for name in source.sample(names, k=source.randrange(9))}
    try:
        text = json.dumps(fields if kind == 2 else [fields, fields], default=str, allow_nan=True)
    except ValueError:  # an int that Python does not write
        text = '{"id": ' + "9" * 5000 + "}"
    return text[: source.randrange(len(text) + 1)] if source.random() < 0.3 else text


@pytest.fixture(autouse=True)
def nothing_changes():
    yield
    statecrumbs.clear()
    assert corectx.current() is None


@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(4))
def test_any_header_gives_a_frame_that_can_be_trusted_or_none(seed, attacks):
    source = random.Random(seed)
    for _ in range(1500 * attacks):
        header = header_of(source)
        carrier = source.choice(
            ({"corectx": header}, {"X-Correlation-ID": header}, [("corectx", header)])
        )
        frame = extract(carrier, allow=["event", "ts"])
        if frame is None:
            continue
        assert frame.correlation_id is None or is_valid_id(frame.correlation_id)
        for name in (frame.name, frame.flow):
            assert name is None or (len(name) <= 256 and name.isprintable())
        for value in frame.values.values():
            assert value is None or type(value) in (str, int, float, bool)
        token = corectx.attach(frame.child(SITE))
        sent = inject({}, http=True, allow=["event", "ts"])
        corectx.detach(token)
        assert all(len(each) <= 8192 and "\n" not in each for each in sent.values())
        assert extract(sent) is not None


@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(4))
def test_any_crumbs_that_arrive_are_bounded_and_travel_on(seed, attacks):
    source = random.Random(seed)
    for _ in range(400 * attacks):
        frame = corectx.start(SITE)
        inherit_crumbs(frame, header_of(source))
        token = corectx.attach(frame)
        crumb(text_of(source) or "event", value=value_of(source))
        header = outgoing_crumbs(source.choice((1, 5, 100)))
        corectx.detach(token)
        assert header is not None
        assert header.isascii()
        assert len(json.dumps(header)) <= 16 * 1024 + 2
        assert all(isinstance(each["event"], str) for each in json.loads(header))


@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(4))
def test_any_crumb_is_recorded_within_its_bounds_and_shown(seed, attacks):
    source = random.Random(seed)
    for _ in range(1000 * attacks):
        data = {text_of(source): value_of(source) for _ in range(source.randrange(6))}
        event = text_of(source)
        crumb(event, **data)
        if not event:
            continue
        (last,) = snapshot()[-1:]
        taken = sum(len(f"{key}{value}".encode("utf-8", "replace")) for key, value in last.items())
        assert taken < 4096 + 2048
        assert json.loads(format_json([last])) == [last]
        assert format_text([last]).isprintable()

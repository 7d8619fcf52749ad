"""A dump is found in a log, however a collector wrapped its lines."""

from __future__ import annotations

import json
import random
import time

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from statecrumbs._reading import _log
from statecrumbs.formatter import format_json, format_lines
from tests.statecrumbs import collectors

CRASH = [
    {"event": "paid", "ts": "2026-11-29T21:27:34.291350+00:00", "amount": "12"},
    {"event": "asked", "context": {"order": 4711}, "text": "y" * 300},
    {
        "event": "unhandled_exception",
        "exception": {
            "type": "E",
            "message": "no",
            "traceback": [{"file": "a.py", "line": 3, "function": "f"}],
            "exceptions": [{"type": "F", "message": "m", "traceback": []}, {"type": "G"}],
        },
        "dropped": 0,
        "process": {"pid": 7, "argv": ["app", "-v"]},
    },
]


def documents(lines):
    return _log.documents("\n".join(lines))


LINES = format_json(CRASH).split("\n")
every_wrapper = pytest.mark.parametrize(
    "wrap", [*collectors.WRAPPERS, *collectors.ALONE], ids=lambda wrap: wrap.__name__
)


@every_wrapper
def test_a_dump_is_found_in_each_form(wrap):
    log = ["starting", *wrap(LINES), "Traceback (most recent call last):", "  x", "E: no"]
    (found,) = documents(log)
    assert found.records == CRASH
    assert found.is_whole


@settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
@given(
    collectors.dumps,
    st.lists(st.sampled_from(collectors.WRAPPERS), max_size=3),
)
def test_any_dump_is_read_back_through_any_wrappers(dump, wrappers):
    lines = format_json(dump).split("\n")
    for wrap in wrappers:
        lines = wrap(lines)
    assert [found.records for found in documents(lines)] == [dump]


@settings(deadline=None, max_examples=40, suppress_health_check=list(HealthCheck))
@given(
    collectors.dumps,
    st.sampled_from(collectors.ALONE),
    st.sampled_from([collectors.prefixed, collectors.structured, collectors.docker, list]),
)
def test_any_dump_is_read_back_through_other_changes(dump, change, wrap):
    lines = wrap(change(format_json(dump).split("\n")))
    assert [found.records for found in documents(lines)] == [dump]


def interleaved(*logs, seed):
    """The lines of all `logs`, each log in its order."""
    order = [number for number, log in enumerate(logs) for _ in log]
    random.Random(seed).shuffle(order)
    each = [iter(log) for log in logs]
    return [next(each[number]) for number in order]


# The same examples each time: two logs without an order of their own cannot always be told apart.
@settings(
    deadline=None, max_examples=100, derandomize=True, suppress_health_check=list(HealthCheck)
)
@given(
    collectors.dumps,
    collectors.dumps,
    st.integers(),
    st.sampled_from(["{} | {}", "2026-11-29T21:00:00Z {} {}", '{{"pod": "{}", "log": {}}}']),
    st.sampled_from([("web-1", "web-2"), ("web", "worker")]),
)
def test_two_services_in_one_log_are_told_apart(first, second, seed, form, names):
    def log(name, dump):
        lines = format_json(dump).split("\n")
        return [form.format(name, json.dumps(line) if "log" in form else line) for line in lines]

    found = documents(interleaved(log(names[0], first), log(names[1], second), seed=seed))
    assert sorted(map(str, (each.records for each in found))) == sorted(map(str, (first, second)))


@every_wrapper
def test_a_dump_without_its_end_shows_what_is_there(wrap):
    for cut in range(3, len(LINES)):
        lines = wrap(LINES[:cut])
        (document,) = documents(lines)
        whole_records = sum(line.rstrip(",") == "  }" for line in LINES[:cut])
        assert not document.has_end
        assert document.records[:whole_records] == CRASH[:whole_records]
        assert len(document.records) <= whole_records + 1


@pytest.mark.parametrize("wrap", [list, collectors.cri, collectors.docker, collectors.logfmt])
def test_a_dump_without_its_beginning_shows_the_crash(wrap):
    last_member = LINES.index('          "type": "G"')
    for cut in range(1, last_member):
        (document,) = documents(wrap(LINES)[cut:])
        crash = document.records[-1]
        assert crash["event"] == "unhandled_exception"
        assert crash["process"] == CRASH[-1]["process"]
        assert crash["exception"]["exceptions"][-1] == {"type": "G"}
        assert not document.has_begin
        assert document.has_end


def test_a_restart_in_the_middle_of_a_dump_begins_another_one():
    for cut in range(3, len(LINES)):
        first, second = documents([*LINES[:cut], *LINES])
        assert not first.has_end
        assert second.records == CRASH
        assert second.is_whole


def test_a_line_that_was_cut_is_kept_as_far_as_it_came():
    cut = next(number for number, line in enumerate(LINES) if "yyy" in line)
    (document,) = documents([*LINES[:cut], LINES[cut][:100]])
    assert document.records[-1]["text"].startswith("yyyy")
    assert document.records[-1]["text"].endswith("…")


def test_lines_that_are_lost_in_the_middle_are_counted():
    gap = LINES.index('    "event": "asked",')
    (document,) = documents([*LINES[: gap + 2], *LINES[gap + 4 :]])
    assert document.damaged
    assert document.records[-1] == CRASH[-1]


@pytest.mark.parametrize(
    "line",
    [
        '"' * 50_000,
        '\\"' * 50_000,
        '{"' * 50_000,
        "[" * 50_000,
        '[{"event"' * 20_000,
        'x="' * 50_000,
        '    "event": "' + '\\"' * 50_000,
        "\x1b[" * 50_000,
        "#012  " * 20_000,
    ],
    ids=lambda line: line[:12],
)
def test_time_is_linear_in_the_lines(line):
    def seconds(text):
        begin = time.process_time()
        documents(["[", "  {", '    "event": "x",', text] * 2)
        return time.process_time() - begin

    seconds(line[:100])
    assert seconds(line) < 20 * seconds(line[: len(line) // 4]) + 0.2


@settings(deadline=None, max_examples=40, suppress_health_check=list(HealthCheck))
@given(collectors.dumps, st.integers(0, 20_000), st.randoms(use_true_random=False))
def test_lines_for_log_shippers_are_read_back_in_any_order(dump, size, order):
    dump = [{"event": "long", "text": '"' * size}, *dump]
    lines = format_lines(dump).split("\n")
    assert max(map(len, lines)) < 4096
    order.shuffle(lines)
    (found,) = documents(collectors.structured(collectors.docker(lines)))
    assert found.records == dump
    assert found.is_whole


def test_lines_for_log_shippers_that_did_not_arrive_are_counted():
    crumbs = [{"event": str(number)} for number in range(10)]
    lines = format_lines(crumbs).split("\n")
    (found,) = documents(lines[1:4] + lines[6:9])
    assert [record["event"] for record in found.records] == ["1", "2", "3", "6", "7", "8"]
    assert (found.has_begin, found.lost_lines, found.has_end) == (False, 2, False)


def test_open_dumps_are_bounded():
    begun = ["[", "  {", '    "event": "x",']
    lines = [
        f"pod-{number % 7}-{chr(97 + number % 26)} | {line}"
        for number in range(3000)
        for line in begun
    ]
    found = documents(lines)
    assert len(found) == 3000
    assert not any(document.has_end for document in found)


@example("")
@given(st.text())
@settings(deadline=None, max_examples=200)
def test_any_text_is_no_error(text):
    _log.documents(text)

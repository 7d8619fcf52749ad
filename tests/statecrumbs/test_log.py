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
    "wrap",
    [*collectors.WRAPPERS, *collectors.ALONE, *collectors.OUTERMOST],
    ids=lambda wrap: wrap.__name__,
)


@every_wrapper
def test_a_dump_is_found_in_each_form(wrap):
    log = ["starting", *wrap(LINES), "Traceback (most recent call last):", "  x", "E: no"]
    (found,) = documents(log)
    assert found.records == CRASH
    assert found.is_whole


# With all that one may escape.
QUOTED = [{**CRASH[0], "text": 'it\'s "<b>" \\n \\ & \n] [ü✓'}, *CRASH[1:]]


@pytest.mark.parametrize("copied", collectors.COPIES, ids=lambda copied: copied.__name__)
@pytest.mark.parametrize("form", [format_json, format_lines])
def test_a_dump_is_found_in_what_people_copy(copied, form):
    log = ["starting", "", *copied(form(QUOTED).split("\n")), "Traceback (most recent call last):"]
    (found,) = documents(log)
    assert found.records == QUOTED
    assert found.is_whole


@pytest.mark.parametrize(
    "copied",
    [collectors.with_typographic_quotes, collectors.indented_by_tabs, collectors.in_yaml],
    ids=lambda copied: copied.__name__,
)
def test_a_dump_is_found_in_what_an_editor_or_a_command_made_of_it(copied):
    (found,) = documents(["look:", *copied(LINES), "Traceback (most recent call last):"])
    assert found.records == CRASH
    assert found.is_whole


def test_the_last_dump_is_the_last_one_where_only_that_is_escaped():
    later = [{**CRASH[0], "amount": "13"}, *CRASH[1:]]
    log = [*LINES, *collectors.repr_of_the_output(format_json(later).split("\n"))]
    assert [found.records for found in documents(log)] == [CRASH, later]


@pytest.mark.parametrize("prefix", ["", "web-1  | "])
@pytest.mark.parametrize("bracket", ["]", "}", "],", "},", "{", "  }"])
def test_a_bracket_of_somebody_between_the_lines_of_a_dump_costs_no_crumb(prefix, bracket):
    for at in range(4, len(LINES)):
        found = documents([f"{prefix}{line}" for line in [*LINES[:at], bracket, *LINES[at:]]])
        assert [each.records for each in found] == [CRASH], at


@pytest.mark.parametrize("lines_between", [50, 150])
def test_a_brace_of_somebody_with_the_time_of_an_event_begins_no_record(lines_between):
    times = ["00:00:00" if line in ("[", "  {") else "00:00:59" for line in LINES]
    log = ["00:00:59 {", *["00:00:59 tick"] * lines_between]
    log += [f"{time} {line}" for time, line in zip(times, LINES, strict=True)]
    (found,) = documents(log)
    assert found.records == CRASH
    assert found.is_whole


def test_values_that_were_cut_at_the_edge_are_kept_as_far_as_they_came():
    (found,) = documents(["starting", *(line[:80] for line in LINES)])
    first, cut, crash = found.records
    assert (first, crash) == (CRASH[0], CRASH[-1])
    assert cut["text"].startswith("y" * 60)
    assert cut["text"].endswith("y…")
    assert found.damaged == 1


@pytest.mark.parametrize("export", collectors.EXPORTS)
@pytest.mark.parametrize("form", [format_json, format_lines])
@pytest.mark.parametrize("order", [1, -1], ids=["oldest first", "newest first"])
def test_a_dump_is_found_in_what_a_log_service_exported(export, form, order):
    lines = ["starting", *form(CRASH).split("\n"), "E: no"][::order]
    rows = list(_log.rows_of_json(collectors.EXPORTS[export](lines)))
    (found,) = _log.in_rows(rows)
    assert found.records == CRASH
    assert found.is_whole


def test_the_last_of_several_dumps_is_the_last_one_where_the_newest_row_is_first():
    later = [{**record, "later": "yes"} for record in CRASH]
    lines = [*LINES, *format_json(later).split("\n")][::-1]
    found = _log.in_rows(list(_log.rows_of_json([{"m": line} for line in lines])))
    assert [document.records for document in found] == [CRASH, later]


@pytest.mark.parametrize("wrap", [collectors.csv, collectors.logfmt, collectors.structured])
def test_lines_for_log_shippers_are_found_in_strings(wrap):
    (found,) = documents(wrap(["starting", *format_lines(CRASH).split("\n")]))
    assert found.records == CRASH
    assert found.is_whole


@settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
@given(
    collectors.dumps,
    st.lists(st.sampled_from(collectors.WRAPPERS), max_size=3),
    st.sampled_from([list, *collectors.OUTERMOST]),
)
def test_any_dump_is_read_back_through_any_wrappers(dump, wrappers, outermost):
    lines = format_json(dump).split("\n")
    for wrap in [*wrappers, outermost]:
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


def test_dumps_that_nobody_changed_stand_where_they_are_beside_others():
    again = [{**CRASH[0], "event": "again"}]
    prefixed = collectors.prefixed(format_json(again).split("\n"))
    log = ["start", *LINES, "between", *prefixed, *LINES[:9], *LINES, "", *LINES[:-1], "end"]
    found = documents(log)
    assert [(each.first, each.last) for each in found[:2]] == [
        (1, len(LINES)),
        (len(LINES) + 2, len(LINES) + 1 + len(prefixed)),
    ]
    assert [each.records for each in found[:2]] == [CRASH, again]
    assert found[2].records[:1] == CRASH[:1]
    assert [each.records for each in found[3:]] == [CRASH, CRASH]
    assert [each.has_end for each in found] == [True, True, False, True, False]


@every_wrapper
@pytest.mark.parametrize("text", ["\n  ", "{\n  x", '\n  "event": 1'])
def test_a_line_end_in_a_value_is_no_end_of_a_line(wrap, text):
    dump = [{"event": "paid", "event_": text, "text": repr(text)}, *CRASH]
    (found,) = documents(wrap(format_json(dump).split("\n")))
    assert found.records == dump


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
        '""event"": ""' + '"a ' * 50_000,
        '""event"": ""' + '"' * 50_000,
        '""event"": "",' + '"x' + '"" ' * 50_000,
        '"event": "", 0 x\n' + "1" * 100_000,
        '"event": "", ' + "x " * 50_000,
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
    _log.documents(f'{text}""event"": ""{text}')

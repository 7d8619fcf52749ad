"""Crumbs as text, for programs and for people."""

from __future__ import annotations

import json
import os
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from statecrumbs.formatter import format_json, format_text
from tests.statecrumbs.programs import run

START = {"event": "start", "ts": "2025-12-30T10:23:45.123456+00:00", "thread": "MainThread"}
QUERY = {
    "event": "query",
    "ts": "2025-12-30T10:23:46.323456+00:00",
    "thread": "Worker-1",
    "context": {"request_id": "req-999", "user": "bob smith", "retries": 2},
    "frame": {
        "kind": "step",
        "name": "fetch_from_api",
        "flow": "bom_sync",
        "correlation_id": "3f2a9c1b00000000000000000000beef",
    },
    "table": "'orders'",
    "rows": "10",
}
CRASH = {
    "event": "unhandled_exception",
    "ts": "2025-12-30T10:23:46.333456+00:00",
    "thread": "Worker-1",
    "exception": {
        "type": "ZeroDivisionError",
        "message": "division by zero",
        "traceback": [{"file": "/srv/app.py", "line": 12, "function": "total"}],
        "cause": {"type": "KeyError", "message": "'x'", "traceback": []},
    },
    "dropped": 3,
    "process": {"pid": 1},
}


def test_json_is_pretty_and_comes_back_the_same():
    crumbs = [START, QUERY, CRASH]
    text = format_json(crumbs)
    assert json.loads(text) == crumbs
    assert text.startswith('[\n  {\n    "event": "start",\n')


def test_a_dict_that_stands_in_many_places_has_the_indent_of_each():
    shared = {"user": {"id": 1}}
    crumbs = [{"a": shared, "b": [shared]}, {"a": shared, "b": {"c": shared}}]
    assert format_json(crumbs) == json.dumps(crumbs, indent=2)
    assert format_json([shared, shared]) == json.dumps([shared, shared], indent=2)


def test_json_can_be_printed_to_any_terminal():
    text = format_json([{"event": "größe \x9b \udc80 \u202e 日本"}])
    assert text.isascii()
    assert text.isprintable() or set(text) - set("\n") <= set(map(chr, range(32, 127)))
    assert json.loads(text) == [{"event": "größe \x9b \udc80 \u202e 日本"}]


def test_json_has_no_nan_also_where_nothing_else_is_odd():
    text = format_json([{"event": "x", "ratio": float("nan")}])
    assert json.loads(text, parse_constant=pytest.fail) == [{"event": "x", "ratio": "nan"}]


def test_what_json_lacks_becomes_text_and_costs_no_other_crumb():
    circle = []
    circle.append(circle)

    class Rude:
        def __repr__(self):
            raise ValueError

    odd = {
        "nan": float("nan"),
        "inf": [float("-inf")],
        "set": {1},
        "tuple": (1, "a"),
        "bytes": b"x",
        "circle": circle,
        "rude": Rude(),
        1: {2: 3},
        "huge": "x" * 10_000,
        "long": list(range(100)) and bytearray(10_000),
    }
    back = json.loads(format_json([START, odd]), parse_constant=pytest.fail)
    assert back[0] == START
    assert back[1]["nan"] == "nan"
    assert back[1]["inf"] == ["-inf"]
    assert back[1]["set"] == "{1}"
    assert back[1]["tuple"] == [1, "a"]
    assert back[1]["rude"].startswith("<Rude instance") or back[1]["rude"] == "<unserializable>"
    assert back[1]["1"] == {"2": 3}
    assert len(back[1]["long"]) < 300
    assert back[1]["huge"] == "x" * 10_000


def test_text_is_one_aligned_line_a_crumb_with_times_before_the_last():
    start, query, crash = format_text([START, QUERY, CRASH]).splitlines()
    assert start == "-1.210s  MainThread  start"
    assert query == (
        "-0.010s  Worker-1    query                table='orders' rows=10  "
        "[bom_sync:fetch_from_api #3f2a9c1b request_id=req-999 user='bob smith' retries=2]"
    )
    assert crash == (
        " 0.000s  Worker-1    unhandled_exception  "
        "ZeroDivisionError: division by zero (app.py:12) <- KeyError: 'x' dropped=3"
    )


def test_close_crumbs_are_told_apart_by_microseconds():
    later = {**START, "ts": "2025-12-30T10:23:45.123556+00:00"}
    assert [line.split()[0] for line in format_text([START, later]).splitlines()] == [
        "-0.000100s",
        "0.000000s",
    ]


@pytest.mark.parametrize(
    ("ts", "shown"),
    [
        ("2025-12-30T10:22:00.000000+00:00", "-105.123s"),
        ("2025-12-30T10:20:00.000000+00:00", "-3m45.1s"),
        ("2025-12-30T05:20:00.000000+00:00", "-5h03m"),
        ("2025-12-20T05:20:00.000000+00:00", "-10d05h"),
        ("2025-12-30T10:23:47.000000+00:00", "+1.877s"),
    ],
)
def test_distant_crumbs_have_times_that_people_can_read(ts, shown):
    text = format_text([{**START, "ts": ts}, START])
    assert text.split()[0] == shown


def test_other_frames_are_named_by_kind():
    frame = {"kind": "request", "name": "GET /orders"}
    assert format_text([{"event": "x", "frame": frame}]) == "x  [request GET /orders]"


def test_crumbs_without_times_and_threads_are_just_events():
    assert format_text([{"event": "a"}, {"event": "b", "x": "1"}]) == "a\nb  x=1"
    assert format_text([]) == ""


def test_no_value_can_break_a_line_or_drive_a_terminal():
    evil = "a\x1b[31m\n\r\t\x07\u202e\u2028\udc80\x9b"
    text = format_text(
        [
            {
                "event": evil,
                "thread": evil,
                "context": {evil: evil},
                "frame": {"kind": evil, "name": evil, "flow": evil, "correlation_id": evil},
                "exception": {"type": evil, "message": evil, "traceback": [{"file": evil}]},
                evil: evil,
            }
        ]
    )
    assert text.isprintable()
    assert "a\\x1b[31m\\n\\r\\t\\x07\\u202e\\u2028\\udc80\\x9b" in text
    text.encode("utf-8")


def test_long_values_are_cut_for_the_terminal_only():
    text = format_text([{"event": "x", "a": "y" * 5000}])
    assert text == f"x  a={'y' * 200}…"


TEXT = st.text(max_size=20)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT | st.binary(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(TEXT | st.integers(), inner, max_size=3)
    ),
    max_leaves=5,
)
FIELDS = st.sampled_from(["event", "ts", "thread", "context", "frame", "exception", "dropped"])


@settings(max_examples=50, deadline=None)
@given(st.lists(st.dictionaries(FIELDS | TEXT, ANYTHING, max_size=5), max_size=4))
def test_whatever_a_crumb_has_become_is_one_line_and_strict_json(crumbs):
    assert format_text(crumbs).count("\n") == max(0, len(crumbs) - 1)
    json.loads(format_json(crumbs), parse_constant=pytest.fail)


@pytest.mark.skipif(sys.platform == "win32", reason="modes of POSIX")
def test_a_snapshot_is_exported_whole_and_for_its_owner_only(tmp_path):
    (tmp_path / "out.json").write_text("old")
    result = run(
        tmp_path,
        """
        import os, stat
        from pathlib import Path
        from statecrumbs import crumb, snapshot
        from statecrumbs.export import export_json
        from statecrumbs.formatter import format_json
        crumb("one", x=1)
        export_json("out.json")
        export_json(Path("again.json"))
        assert Path("out.json").read_text() == format_json(snapshot()) + "\\n"
        assert stat.S_IMODE(os.stat("out.json").st_mode) == 0o600
        try:
            export_json("missing/out.json")
        except OSError as error:
            print("refused", error.filename)
        """,
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == "refused missing/out.json\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "again.json",
        "out.json",
        "program.py",
    ]


@pytest.mark.skipif(not os.path.islink("/dev/stdout"), reason="Linux only: /dev/stdout is a link")
def test_standard_output_is_written_to_by_its_name_too(tmp_path):
    result = run(
        tmp_path,
        """
        import os, sys
        os.dup2(os.open("out.txt", os.O_WRONLY | os.O_CREAT), 1)
        print("before", flush=True)
        import statecrumbs
        statecrumbs.enable(on_crash="file", output_file="/dev/stdout")
        try:
            1 / 0
        except ZeroDivisionError as error:
            statecrumbs.report(error)
        """,
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert (tmp_path / "out.txt").read_text().startswith("before\n[\n")
    assert os.path.islink("/dev/stdout")

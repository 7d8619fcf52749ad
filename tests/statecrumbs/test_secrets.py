"""Every row of the corpus, through every way in which crumbs are seen."""

from __future__ import annotations

import io
import json
import logging

import pytest

import corectx
import statecrumbs
from statecrumbs import crumb, snapshot
from statecrumbs._reading import load, merged, render_page
from statecrumbs.formatter import format_json, format_lines, format_text
from statecrumbs.logging import CrumbHandler
from statecrumbs.lowlevel import MAX_OUTGOING_CRUMBS, outgoing_crumbs
from tests.statecrumbs.secrets import ROWS, key_of, leaked, problems


@pytest.fixture(autouse=True)
def room_for_all():
    statecrumbs.enable(max_crumbs=2 * len(ROWS), on_crash="none")
    yield
    statecrumbs.disable()
    statecrumbs.clear()


def record_all():
    for row in ROWS:
        crumb("row", **{key_of(row): row["in"]})


def values(crumbs):
    return [crumb[key_of(row)] for row, crumb in zip(ROWS, crumbs, strict=True)]


def test_half_of_the_corpus_must_stay_and_no_row_is_there_twice():
    assert len(ROWS) >= 400
    assert 2 * sum(not row["gone"] for row in ROWS) >= len(ROWS)
    assert len({json.dumps(row["in"]) for row in ROWS}) == len(ROWS)


def test_a_snapshot():
    record_all()
    assert problems(values(snapshot())) == []


def test_a_crumb_that_was_recorded_before():
    # It is kept as it is, and scrubbed when somebody looks.
    record_all()
    statecrumbs.clear()
    record_all()
    assert problems(values(snapshot())) == []


def test_an_ambient_value():
    shown = []
    for row in ROWS:
        with corectx.scope(**{key_of(row): row["in"]}):
            crumb("row")
        shown.append(str(snapshot()[-1]["context"][key_of(row)]))
    assert problems(shown) == []


def test_the_variables_of_a_traceback():
    statecrumbs.enable(locals=True)
    got = []
    statecrumbs.enable(on_crash=got.append)
    code = compile("raise ValueError", "/srv/app.py", "exec")
    shown = []
    for row in ROWS:
        try:
            exec(code, {key_of(row): row["in"]})  # noqa: S102 - the code is ours
        except ValueError as error:
            # Without our own frame, whose variables are the whole corpus
            statecrumbs.report(error.with_traceback(error.__traceback__.tb_next))
        entry = got.pop()[-1]["exception"]["traceback"][-1]
        assert entry["file"] == "/srv/app.py"
        shown.append(entry["locals"][key_of(row)])
    assert problems(shown) == []


def test_a_dump():
    record_all()
    text = format_json(snapshot())
    assert problems(values(json.loads(text))) == []
    assert leaked(text) == []


def test_the_lines_of_a_dump_for_log_shippers(tmp_path):
    record_all()
    text = format_lines(snapshot())
    (tmp_path / "app.log").write_text(text)
    assert problems(values(load(str(tmp_path / "app.log")).crumbs)) == []
    # A long record is in several lines, which only together show a secret.
    pieces = [json.loads(line) for line in text.splitlines()]
    whole = "".join(json.dumps(each.get("record")) + each.get("text", "") for each in pieces)
    assert leaked(whole) == []


def test_the_text_for_a_terminal():
    record_all()
    assert leaked(format_text(snapshot())) == []


def test_a_callback():
    record_all()
    got = []
    statecrumbs.enable(on_crash=got.extend)
    statecrumbs.report(ValueError("x"))
    assert problems(values(got[: len(ROWS)])) == []


def test_a_page(tmp_path):
    record_all()
    (tmp_path / "dump.json").write_text(format_json(snapshot()))
    assert leaked(render_page(merged([load(str(tmp_path / "dump.json"))]))) == []


@pytest.mark.parametrize("times", [1, 2])
def test_a_black_box(tmp_path, times):
    statecrumbs.enable(black_box=tmp_path)
    (box,) = tmp_path.iterdir()
    shown = []
    for first in range(0, len(ROWS), 200):  # a box has no room for all of them
        rows = ROWS[first : first + 200]
        for row in rows * times:
            crumb("row", **{key_of(row): row["in"]})
        assert leaked(box.read_bytes().decode("utf-8", "replace")) == []
        crumbs = [each for each in load(str(box)).crumbs if each["event"] == "row"]
        shown += [each[key_of(row)] for row, each in zip(rows, crumbs[-len(rows) :], strict=True)]
    assert problems(shown) == []


def test_a_log_record():
    logger = logging.getLogger("corpus")
    handler = CrumbHandler()
    logger.addHandler(handler)
    try:
        shown = []
        for row in ROWS:
            statecrumbs.clear()  # each look scrubs all that was kept
            logger.warning("%s", row["in"], extra={"given": row["in"]})
            shown.append(snapshot()[-1]["given"])
            assert not [secret for secret in row["gone"] if secret in snapshot()[-1]["event"]]
    finally:
        logger.removeHandler(handler)
    assert problems(shown) == []


def test_crumbs_that_travel_with_a_message():
    shown = []
    with corectx.scope(x=1):
        for row in ROWS:
            crumb("row", **{key_of(row): row["in"]})
            header = outgoing_crumbs(1)
            shown.append(json.loads(header)[-1][key_of(row)])
    assert MAX_OUTGOING_CRUMBS >= 1
    assert problems(shown) == []


def test_what_an_observer_gets():
    class Observer:
        def crumb(self, frame, time_ns, event, data):
            seen.append(data)

    seen = []
    unsubscribe = corectx.subscribe(Observer())
    try:
        record_all()
    finally:
        unsubscribe()
    assert problems([data[key_of(row)] for row, data in zip(ROWS, seen, strict=True)]) == []


def test_the_command_that_shows_what_would_be_blanked(monkeypatch, capsys):
    from statecrumbs import cli

    for row in ROWS:
        if isinstance(row["in"], str) and row["in"]:
            monkeypatch.setattr("sys.stdin", io.StringIO(row["in"]))
            assert cli.main(["redact"]) == 0
            shown = capsys.readouterr().out
            assert not [secret for secret in row["gone"] if secret in shown], row

"""Every dump follows dump.schema.json, and what is no dump does not."""

from __future__ import annotations

import copy
import json

import jsonschema
import pytest

import corectx
import statecrumbs
from statecrumbs._black_box import BlackBox, scope_fragment
from statecrumbs._crash import _dump
from statecrumbs._in_flight import in_flight
from statecrumbs._reading import load
from statecrumbs.formatter import format_text
from tests.statecrumbs.black_boxes import as_it_is
from tests.statecrumbs.dump_schema import check_dump
from tests.statecrumbs.programs import run

CRASH = """
    from statecrumbs import enable, crumb
    from statecrumbs.context import context
    import corectx

    enable({options})
    crumb("first", event=1, thread=2, frame=3, context=4, odd={{1, 2}}, none=None)
    frame = corectx.start(corectx.Site("step", "charge", "checkout"), values={{"user": "bob"}})
    token = corectx.enter(frame)
    for number in range(200):
        crumb("loop", number=number, text="x" * 3000, inf=float("inf"))
    with context(nan=float("nan"), huge=10**400, odd=object()):
        try:
            {{}}["missing"]
        except KeyError as error:
            raise {error} from error
"""


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ("", "ValueError('a')"),
        ("include_timestamp=False, include_thread=False", "ValueError('a', 5)"),
        ("max_crumbs=1", "type('Local', (Exception,), {})('\\udc80 \\x00')"),
    ],
)
def test_a_crash_dump_follows_the_schema(tmp_path, options, error):
    program = CRASH.format(options=options, error=error)
    result = run(tmp_path, program)
    assert result.returncode == 1
    check_dump(result.dump)
    assert result.dump[-1]["event"] == "unhandled_exception"


def test_the_text_of_a_dump_shows_a_checksum_only_if_it_is_data(tmp_path):
    result = run(tmp_path, CRASH.format(options="", error="ValueError('a')"))
    (first, *others) = result.dump
    assert "checksum" in others[-1]
    text = format_text([{**first, "checksum": "'3b5d'"}, *others])
    assert text.count("checksum") == text.count("checksum='3b5d'") == 1


@pytest.mark.parametrize("how", ["stderr", "lines", "file"])
def test_the_checksum_of_a_dump_fits_until_the_dump_is_changed(how, tmp_path):
    error = "type('Local', (Exception,), {})('\\udc80 \\x00')"
    result = run(tmp_path, CRASH.format(options=f"on_crash={how!r}", error=error))
    path = tmp_path / "statecrumbs.json"
    if how != "file":
        path.write_text(result.stderr)
    found = load(path)
    assert not found.missing
    assert "checksum" not in found.crumbs[-1]

    text = path.read_text()
    path.write_text(text.replace("xxx", "xyx", 1))
    assert "its checksum does not fit" in "".join(load(path).missing)


@pytest.mark.parametrize(("later", "written"), [(2_000_000_000, "2"), (1_500_000_000, "1.5")])
def test_a_number_in_a_dump_has_one_spelling(monkeypatch, later, written):
    statecrumbs.enable(on_crash="none")
    token = corectx.enter(corectx.start(corectx.Site("task", "charge")))
    try:
        (open_now,) = in_flight.works()
        monkeypatch.setattr(_dump, "time_ns", lambda: open_now.since_ns + later)
        (work,) = _dump.in_flight_now()
    finally:
        corectx.leave(token)
        statecrumbs.disable()
    assert json.dumps(work["seconds"]) == written


def test_a_snapshot_follows_the_schema(tmp_path):
    result = run(
        tmp_path,
        """
        from statecrumbs import crumb, dump
        from statecrumbs.context import context
        crumb("one", x=1)
        with context(request=1.5, none=None):
            crumb("two", event="x", ts=[])
        dump()
        """,
    )
    dump = json.loads(result.stdout)
    assert [crumb["event"] for crumb in dump] == ["one", "two"]
    check_dump(dump)


def test_a_dump_made_of_a_black_box_follows_the_schema(tmp_path):
    box = BlackBox.open(
        tmp_path, slots=8, slot_size=512, argv=["x"], render=as_it_is, on_error=pytest.fail
    )
    scope = json.loads(f"{{{scope_fragment({'a': 1}, {'kind': 'step', 'name': 's'})[1:]}}}")
    exception = {
        "type": "E",
        "message": "m" * 900,
        "traceback": [{"file": "/srv/" + "f" * 50, "line": n, "function": "g"} for n in range(90)],
        "cause": {"type": "F", "message": "", "traceback": []},
    }
    for record in ({"event": "tick", **scope}, {"event": "unhandled_exception", **scope}):
        box.write_record({**record, "thread": "t"}, 1)
    box.write_record({"event": "unhandled_exception", "exception": exception}, 1)
    recording = load(box.path)
    assert recording.about["shortened"] == 1
    check_dump(recording.to_dump())
    box.close()


GOOD = [
    {"event": "start", "ts": "2025-12-30T10:23:45.123456+00:00", "thread": "MainThread", "x": "1"},
    {
        "event": "unhandled_exception",
        "exception": {
            "type": "E",
            "message": "",
            "traceback": [{"file": "a.py", "line": 1, "function": "f"}],
        },
        "dropped": 0,
        "process": {"pid": 1, "parent_pid": 0, "argv": [], "python": "3.10.0", "host": "h"},
    },
]


@pytest.mark.parametrize(
    "damage",
    [
        lambda dump: dump[0].update(x=1),
        lambda dump: dump[0].update(event=""),
        lambda dump: dump[0].pop("event"),
        lambda dump: dump[0].update(ts="yesterday"),
        lambda dump: dump[0].update(ts="2025-12-30T10:23:45+00:00"),
        lambda dump: dump[0].update(context={"a": []}),
        lambda dump: dump[0].update(context={}),
        lambda dump: dump[0].update(frame={"kind": 1}),
        lambda dump: dump[1].update(dropped=-1),
        lambda dump: dump[1].update(extra="x"),
        lambda dump: dump[1]["exception"].pop("type"),
        lambda dump: dump[1]["exception"]["traceback"].append(5),
        lambda dump: dump[1]["process"].pop("pid"),
        lambda dump: dump.append("crumb"),
    ],
)
def test_what_is_no_dump_is_refused(damage):
    dump = copy.deepcopy(GOOD)
    check_dump(dump)
    damage(dump)
    with pytest.raises(jsonschema.ValidationError):
        check_dump(dump)

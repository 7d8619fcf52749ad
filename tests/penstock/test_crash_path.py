"""A crash on the map: the step that failed, and the path that its operation took."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest

from penstock import cli
from penstock._crash_path import read_crash
from penstock._dag import generate_dag
from penstock._graph import build
from tests.penstock.declared import registry_of

ID = "8f14e45f" * 4
SHOP = {
    "orders": {"receive": [], "check": ["receive"], "charge": ["check"], "ship": ["charge"]},
    "mail": {"thank": ["orders:ship"]},
}


def at(second, **members):
    return {"ts": f"2026-01-05T10:00:{second:02}.000000+00:00", **members}


def frame(name, flow="orders", correlation_id=ID):
    return {"kind": "step", "name": name, "flow": flow, "correlation_id": correlation_id}


PROCESS = {"pid": 7, "parent_pid": 1, "argv": ["shop"], "python": "3.12.1", "host": "h"}
WEB = [
    at(1, event="received", frame=frame("receive")),
    at(2, event="other", frame=frame("ship", correlation_id="1" * 32)),
    at(3, event="checked", frame=frame("check")),
]
WORKER = [
    at(5, event="charging", frame=frame("charge")),
    at(
        6,
        event="unhandled_exception",
        frame=frame("charge"),
        exception={"type": "LookupError", "message": "no account\nsecond line"},
        process=PROCESS,
    ),
]


@pytest.fixture
def registry():
    return registry_of(SHOP)


def write(folder, name, dump):
    path = folder / name
    path.write_text(json.dumps(dump))
    return str(path)


def test_the_step_and_the_path_are_those_of_the_failed_operation(tmp_path, registry):
    crash = read_crash(write(tmp_path, "dump.json", WEB + WORKER), build(registry, "orders"))
    assert crash.path == ("orders:receive", "orders:check", "orders:charge")
    assert crash.ends == {"orders:charge": "LookupError: no account"}
    assert crash.word == "failed here"


def test_the_dumps_of_two_processes_are_one_path_in_the_order_of_time(tmp_path, registry):
    paths = [write(tmp_path, "worker", WORKER), write(tmp_path, "web", WEB)]
    crash = read_crash(paths, build(registry))
    assert crash.path == ("orders:receive", "orders:check", "orders:charge")
    both = write(tmp_path, "both", {"worker": WORKER, "web": WEB})
    assert read_crash(both, build(registry)) == crash


def test_the_frame_that_was_left_first_counts_and_then_those_of_the_causes(tmp_path, registry):
    exception = {"type": "E", "cause": {"type": "F", "frame": frame("check")}}
    request = {"kind": "request", "name": "POST /orders", "correlation_id": ID}
    dump = [*WEB, at(6, event="unhandled_exception", frame=request, exception=exception)]
    crash = read_crash(write(tmp_path, "dump", dump), build(registry))
    assert crash.ends == {"orders:check": "E"}


def test_a_killed_process_ended_in_the_innermost_step_in_flight(tmp_path, registry):
    open_frames = [
        {**frame("receive"), "since": at(1)["ts"], "depth": 0},
        {**frame("charge"), "since": at(4)["ts"], "depth": 1},
    ]
    last = {"event": "black_box", "ending": "gone", "in_flight": open_frames, "process": PROCESS}
    crash = read_crash(write(tmp_path, "dump", [WEB[0], WEB[2], last]), build(registry))
    assert crash.path == ("orders:receive", "orders:check", "orders:charge")
    assert ([*crash.ends], crash.word) == (["orders:charge"], "in flight here")


def test_a_reported_message_marks_its_step(tmp_path, registry):
    last = at(9, event="reported", message="slow", frame=frame("check"), process=PROCESS)
    crash = read_crash(write(tmp_path, "dump", [*WEB, last]), build(registry))
    assert (crash.ends, crash.word) == ({"orders:check": "slow"}, "reported here")


def test_a_failure_outside_of_all_steps_marks_where_the_operation_was_last(tmp_path, registry):
    request = {"kind": "request", "name": "POST /orders", "correlation_id": ID}
    dump = [*WEB, at(6, event="unhandled_exception", frame=request, exception={"type": "E"})]
    crash = read_crash(write(tmp_path, "dump", dump), build(registry))
    assert ([*crash.ends], crash.word) == (["orders:check"], "last seen here")


GROUP = {
    "type": "ExceptionGroup",
    "message": "two failed",
    "frame": frame("receive"),
    "exceptions": [
        {"type": "ValueError", "message": "no money", "frame": frame("charge")},
        {
            "type": "ExceptionGroup",
            "exceptions": [
                {"type": "E", "cause": {"type": "F", "frame": frame("ship")}},
                {"type": "G", "frame": frame("charge")},
            ],
        },
        {"type": "H", "frame": frame("check", correlation_id="1" * 32)},
        "cut",
    ],
}


def test_each_step_with_a_failed_member_of_a_group_is_marked(tmp_path, registry):
    last = at(6, event="unhandled_exception", frame=frame("receive"), exception=GROUP)
    path = write(tmp_path, "dump", [*WEB, last])
    crash = read_crash(path, build(registry))
    assert crash.ends == {"orders:charge": "ValueError: no money", "orders:ship": "E"}
    assert crash.word == "failed here"
    assert crash.path == ("orders:receive", "orders:check", "orders:charge", "orders:ship")
    for kind in ("svg", "html"):
        drawn = generate_dag("orders", format=kind, crash=path, registry=registry)
        assert drawn.count("  failed here<") == 2
        assert "ValueError: no money: failed here: orders:charge, E: failed here: orders:s" in drawn


@pytest.mark.parametrize("kind", ["svg", "html"])
def test_the_drawing_numbers_the_path_and_names_the_failure(tmp_path, registry, kind):
    path = write(tmp_path, "dump", WEB + WORKER)
    drawn = generate_dag("orders", format=kind, crash=path, registry=registry)
    assert re.findall(r'<text class="tag sign middle"[^>]*>([^<]+)<', drawn) == [
        "1",
        "2",
        "3  failed here",
    ]
    taken = re.findall(r'<path class="line next taken" data-from="(\d)" data-to="(\d)"', drawn)
    assert taken == [("0", "1"), ("1", "2")]
    assert 'class="line next" data-from="2" data-to="3"' in drawn
    assert drawn.count('class="prose cause"') == 1
    assert "LookupError: no account: failed here: orders:charge." in drawn


def test_the_sign_of_a_failure_does_not_cover_the_tag_of_its_step(tmp_path):
    steps = {name: {"call_kind": "coroutine"} for name in ("receive", "check", "charge")}
    path = write(tmp_path, "dump", WEB + WORKER)
    drawn = generate_dag("orders", format="svg", crash=path, registry=registry_of(SHOP, **steps))
    chips = re.findall(r'<rect class="box chip" x="([-\d.]+)"', drawn)
    marks = re.findall(r'<rect class="mark" x="([-\d.]+)" y="[-\d.]+" width="([\d.]+)"', drawn)
    assert len(marks) == len(chips) == 3
    for chip, (left, across) in zip(chips, marks, strict=True):
        assert float(left) + float(across) < float(chip)
        assert float(left) > -28


def test_a_drawing_without_a_crash_stays_the_same(registry):
    drawn = generate_dag("orders", format="svg", registry=registry)
    assert "taken" not in drawn
    assert "cause" not in drawn


def test_what_a_dump_says_is_text(tmp_path, registry):
    evil = "</script><script>1</script>\x1b[31m\u202e"
    dump = [at(6, event="x", frame=frame("check"), exception={"type": evil, "message": evil})]
    path = write(tmp_path, "dump", dump)
    for kind in ("svg", "html"):
        drawn = generate_dag("orders", format=kind, crash=path, registry=registry)
        assert "<script>1" not in drawn
        assert "\x1b" not in drawn
        assert "\u202e" not in drawn


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("", "is empty"),
        ("[]", "is an empty JSON list"),
        ("{}", "is an empty JSON object"),
        ('[{"event": 1}]', "is another JSON list"),
        ("[1]", "is another JSON list"),
        ('{"a": []}', "is another JSON object"),
        ("7", "is another JSON value"),
        ("x" * 10, "is no JSON"),
        ("[" * 100_000, "is no JSON"),
    ],
)
def test_a_file_that_is_no_dump_is_refused_by_name(tmp_path, registry, content, found):
    path = tmp_path / "web.log"
    path.write_text(content)
    with pytest.raises(ValueError, match=rf"web.log is no dump.*: it {found}. `statecrumbs read"):
        read_crash(str(path), build(registry))


@pytest.mark.parametrize(
    ("dump", "text"),
    [
        ([{"event": "x"}], "it names no step of any flow"),
        ([at(1, event="x", frame=frame("gone"))], "it was in orders:gone"),
        (
            [at(1, event="x", frame=5, in_flight=7, exception={"cause": 3, "frame": []})],
            "it names no step of any flow",
        ),
    ],
)
def test_a_failure_elsewhere_is_refused_with_what_is_known(tmp_path, registry, dump, text):
    with pytest.raises(ValueError, match=rf"is in no step of 'All flows': {text}"):
        read_crash(write(tmp_path, "dump", dump), build(registry))


def test_other_formats_are_refused(tmp_path, registry):
    path = write(tmp_path, "dump", WEB + WORKER)
    with pytest.raises(ValueError, match="for the formats 'html' and 'svg', not for 'text'"):
        generate_dag("orders", format="text", crash=path, registry=registry)


def test_the_command_draws_the_dump_of_a_real_crash_without_statecrumbs(tmp_path):
    program = tmp_path / "shop.py"
    program.write_text(
        "from penstock import flow\n"
        "orders = flow('orders')\n"
        "@orders.entrypoint\n"
        "def receive(): charge()\n"
        "@orders.step(after='receive')\n"
        "def charge(): raise LookupError('no account')\n"
        "@orders.step(after='charge')\n"
        "def ship(): ...\n"
    )
    crash = "import statecrumbs, shop\nstatecrumbs.enable(on_crash='file')\nshop.receive()\n"
    done = subprocess.run(
        [sys.executable, "-c", crash], cwd=tmp_path, check=False, capture_output=True, timeout=60
    )
    assert done.returncode == 1
    draw = (
        "import sys\nsys.modules['statecrumbs'] = None\nfrom penstock import cli\n"
        "sys.exit(cli.main())\n"
    )
    arguments = ["--app", "shop", "render", "orders", "--crash", "statecrumbs.json"]
    done = subprocess.run(
        [sys.executable, "-c", draw, *arguments, "-o", "map.html"],
        cwd=tmp_path,
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "wrote map.html\n")
    page = (tmp_path / "map.html").read_text("utf-8")
    assert "  failed here</text>" in page
    assert "LookupError: no account" in page


def test_the_command_says_what_is_wrong_with_a_dump(tmp_path, monkeypatch, capsys, registry):
    monkeypatch.setattr(cli, "registry_in_use", lambda: registry)
    path = tmp_path / "web.log"
    path.write_text("hello")
    monkeypatch.setattr("penstock._dag.build", lambda *_: build(registry))
    assert cli.main(["render", "--crash", str(path), "--format", "svg"]) == 2
    assert "web.log is no dump" in capsys.readouterr().err

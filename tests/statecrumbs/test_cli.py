"""The command: what people type at three in the morning."""

from __future__ import annotations

import errno
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from statecrumbs import cli
from statecrumbs._black_box import BlackBox, scope_fragment
from statecrumbs._reading import Tail, follow
from statecrumbs._reading import _load as loading
from statecrumbs.formatter import format_json
from tests.statecrumbs import programs
from tests.statecrumbs.black_boxes import as_it_is, run
from tests.statecrumbs.dump_schema import check_dump

COMMAND = [sys.executable, "-W", "error", "-m", "statecrumbs"]
NOON = 1_700_000_000_123_456_789
SCOPE = scope_fragment({"request_id": "r1"}, {"kind": "step", "name": "charge", "flow": "checkout"})
FAILURE = {
    "event": "unhandled_exception",
    "thread": "main",
    "exception": {
        "type": "ValueError",
        "message": "no\nsuch thing",
        "notes": ["a note"],
        "traceback": [{"file": "/srv/app.py", "line": 3, "function": "f"}],
        "cause": {
            "type": "KeyError",
            "message": "'x'",
            "traceback": [{"file": "/srv/lib.py", "line": 9, "function": "g"}],
        },
    },
}


def write(box, event, number, **data):
    box.write(event, "main", SCOPE, data, NOON + number * 1_000_000)


@pytest.fixture
def box(tmp_path):
    box = BlackBox.open(
        tmp_path / "boxes",
        slots=8,
        slot_size=1024,
        argv=["python", "my app.py"],
        render=as_it_is,
        on_error=print,
    )
    yield box
    box.close()


@pytest.fixture
def dump(tmp_path):
    path = tmp_path / "dump.json"
    process = {"pid": 7, "parent_pid": 1, "argv": ["app"], "python": "3.12.1", "host": "web-1"}
    crumbs = [
        {"event": "start", "ts": "2025-12-30T10:23:45.123456+00:00", "thread": "main"},
        {**FAILURE, "ts": "2025-12-30T10:23:46.123456+00:00", "dropped": 4, "process": process},
    ]
    path.write_text(json.dumps(crumbs))
    return path


def killed(folder, number=1):
    """Leave the box of a process that was killed."""
    run(folder, f"box = open_box(); tick(box, 'main', {number}); os.abort()")


def test_a_black_box_reads_as_a_report_of_the_process_and_its_crumbs(box, capsys):
    for number in range(10):
        write(box, "query", number, n=repr(number))
    box.write_record(FAILURE, NOON + 10_000_000)
    assert cli.main(["read", box.path]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:6] == [
        box.path,
        "  python 'my app.py'",
        (
            f"  pid {os.getpid()}, parent {os.getppid()}, host {platform.node()}, "
            f"Python {platform.python_version()}"
        ),
        "  The process is still running, nothing in flight.",
        "  8 crumbs, 3 older pushed out; the last at 2023-11-14T22:13:20.133456+00:00",
        "",
    ]
    assert lines[6].split() == [
        "-0.007000s",
        "main",
        "query",
        "n=3",
        "[checkout:charge",
        "request_id=r1]",
    ]
    assert lines[7].split() == ["-0.006000s", "main", "query", "n=4"]  # the scope is the same
    assert lines[13].endswith(
        "ValueError: no\\nsuch thing (app.py:3) <- KeyError: 'x' (lib.py:9)  [-]"
    )
    assert lines[14:] == [
        "",
        "  /srv/lib.py:9 in g",
        "KeyError: 'x'",
        "",
        "which led to:",
        "",
        "  /srv/app.py:3 in f",
        "ValueError: no\\nsuch thing",
        "  a note",
    ]


def test_a_dump_reads_like_a_black_box(dump, capsys):
    assert cli.main(["read", str(dump)]) == 0
    out = capsys.readouterr().out
    assert "  app\n  pid 7, parent 1, host web-1, Python 3.12.1\n  2 crumbs, 4 older pushed" in out
    assert out.endswith("ValueError: no\\nsuch thing\n  a note\n")


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_the_last_dump_in_a_log_is_read(newline, tmp_path, capsys):
    """The kept stderr of a program that dumps to stderr."""
    program = """
        import sys, threading
        import statecrumbs

        def die(number):
            statecrumbs.crumb("charging", order=number)
            raise LookupError(f"no order {number}")

        statecrumbs.enable()
        print("[", file=sys.stderr)
        for number in (4711, 4712):
            thread = threading.Thread(target=die, args=[number])
            thread.start()
            thread.join()
        print("[1, 2]", "[", sep="\\n", file=sys.stderr)
    """
    log = tmp_path / "service.log"
    log.write_bytes(programs.run(tmp_path, program).stderr.replace("\n", newline).encode())
    assert cli.main(["read", str(log)]) == 0
    out = capsys.readouterr().out
    assert "charging             order=4712" in out
    assert out.endswith("LookupError: no order 4712\n")
    assert cli.main(["report", str(log), "-o", str(tmp_path / "report.html")]) == 0
    assert "no order 4712" in (tmp_path / "report.html").read_text()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not tell who died")
def test_a_folder_is_read_whole_whatever_else_is_in_it(tmp_path, capsys):
    killed(tmp_path, 1)
    killed(tmp_path, 2)
    (tmp_path / "0.crumbs").write_bytes(b"garbage")
    (tmp_path / "other.txt").write_text("x")
    assert cli.main(["read", str(tmp_path)]) == 1
    out, err = capsys.readouterr()
    assert out.count("The process ended without its exit hooks") == 2
    assert out.index("n=1") < out.index("n=2")
    assert err == (
        f"statecrumbs: {tmp_path / '0.crumbs'} is neither a black box nor a dump of statecrumbs, "
        "nor a log with one: it is text (7 bytes) and has no crumbs in it.\n"
    )


def test_json_of_a_file_is_a_dump_that_can_be_read_again(box, tmp_path, capsys):
    write(box, "query", 1, n="1")
    assert cli.main(["read", box.path, "--json"]) == 0
    again = tmp_path / "again.json"
    again.write_text(capsys.readouterr().out)
    check_dump(json.loads(again.read_text()))
    assert cli.main(["read", str(again), "--json"]) == 0
    assert capsys.readouterr().out == again.read_text()
    assert cli.main(["read", str(again)]) == 0
    out = capsys.readouterr().out
    assert "The process is still running, nothing in flight.\n  1 crumb; the last at" in out


def test_json_of_a_folder_names_the_dumps_by_path(box, tmp_path, capsys):
    write(box, "query", 1)
    assert cli.main(["read", str(tmp_path / "boxes"), "--json"]) == 0
    dumps = json.loads(capsys.readouterr().out)
    assert list(dumps) == [box.path]
    check_dump(dumps[box.path])


@pytest.mark.parametrize("command", [["read"], ["tail"], ["report", "-o", "-"]])
def test_an_empty_folder_is_nothing_to_read(command, tmp_path, capsys):
    assert cli.main([command[0], str(tmp_path), *command[1:]]) == 1
    assert capsys.readouterr().err == (
        f"statecrumbs: There are no black boxes, dumps, or logs with dumps in {tmp_path}.\n"
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "Cannot read {}: No such file or directory."),
        (b"", "{} is neither a black box nor a dump"),
        (b"{}", "{} is neither a black box nor a dump"),
        (b"[1]", "{} is neither a black box nor a dump"),
        (b'[{"event": 1}]', "{} is neither a black box nor a dump"),
        (b'x\n[\n{"event": 1}\n]\n[\n', "{} is neither a black box nor a dump"),
        (b"[" * 100_000, "{} is neither a black box nor a dump"),
        (b"\xff\xfe[\0x\0", "{} is neither a black box nor a dump"),
        (b"\x89crumbs\n" + bytes(8000), "{} has version 0 of the black box format"),
    ],
)
@pytest.mark.parametrize("command", [["read"], ["read", "--json"], ["tail"], ["report", "-o", "-"]])
def test_what_cannot_be_read_is_one_line_and_exit_code_1(
    command, content, message, tmp_path, capsys
):
    path = tmp_path / "file"
    if content is not None:
        path.write_bytes(content)
    assert cli.main([command[0], str(path), *command[1:]]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"statecrumbs: {message.format(path)}")
    assert err.count("\n") == 1


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX only: such names of files")
def test_the_name_of_a_file_cannot_drive_a_terminal(box, capsys):
    evil = "\x1b]0;x\x07\n\u202e"
    folder = Path(box.path).parent
    write(box, "query", 1)
    (folder / f"0-{evil}.crumbs").write_bytes(Path(box.path).read_bytes())
    (folder / f"1-{evil}.crumbs").write_bytes(b"garbage")
    for command in ("read", "tail"):
        assert cli.main([command, str(folder)]) == 1
        out, err = capsys.readouterr()
        assert "\\x1b]0;x\\x07" in (err if command == "tail" else out)
        assert (out + err).replace("\n", "").isprintable()


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nonsense"],
        ["read"],
        ["read", "x", "--jso"],
        ["tail", "x", "-n", "-1"],
        ["report", "x"],
    ],
)
def test_what_makes_no_sense_is_exit_code_2(arguments, capsys):
    with pytest.raises(SystemExit) as exit_:
        cli.main(arguments)
    assert exit_.value.code == 2
    assert "usage: statecrumbs" in capsys.readouterr().err


def test_help_tells_of_the_exit_codes(capsys):
    with pytest.raises(SystemExit) as exit_:
        cli.main(["--help"])
    assert exit_.value.code == 0
    assert "exit codes:" in capsys.readouterr().out


def test_the_module_is_the_command(dump):
    done = subprocess.run([*COMMAND, "read", dump], capture_output=True, check=True, text=True)
    assert "unhandled_exception" in done.stdout
    version = subprocess.run([*COMMAND, "--version"], capture_output=True, check=True, text=True)
    assert version.stdout.startswith("statecrumbs 0.")


def test_any_terminal_can_show_any_crumb(box):
    write(box, "größe\x1b[2J\u202e", 1, wide="日本")
    done = subprocess.run(
        [*COMMAND, "read", box.path],
        capture_output=True,
        check=True,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )
    assert b"gr\\xf6\\xdfe\\x1b[2J\\u202e" in done.stdout
    assert b"\\u65e5\\u672c" in done.stdout
    assert done.stderr == b""


def test_a_reader_that_has_seen_enough_is_no_error(dump):
    crumbs = [{"event": "x" * 100}] * 20_000
    dump.write_text(json.dumps(crumbs))
    program = subprocess.Popen(
        [*COMMAND, "read", dump], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    program.stdout.read(100)
    program.stdout.close()
    assert program.stderr.read() == b""
    program.stderr.close()
    assert program.wait(timeout=50) == 0


@pytest.mark.skipif(sys.platform == "win32", reason="terminals of POSIX")
@pytest.mark.parametrize(
    ("environment", "coloured"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)],
)
def test_only_a_terminal_that_wants_colours_gets_them(dump, environment, coloured):
    import pty

    ours, theirs = pty.openpty()
    plain = {key: value for key, value in os.environ.items() if key != "NO_COLOR"}
    done = subprocess.run(
        [*COMMAND, "read", dump],
        stdout=theirs,
        check=True,
        env={**plain, "TERM": "xterm", **environment},
    )
    os.close(theirs)
    shown = b""
    try:
        while part := os.read(ours, 1 << 16):
            shown += part
    except OSError as error:  # Linux's way to say that the other end is closed
        if error.errno != errno.EIO:
            raise
    os.close(ours)
    assert done.returncode == 0
    assert b"unhandled_exception" in shown
    assert (b"\x1b[1;31m" in shown) == coloured


# tail


def test_tail_shows_the_last_crumbs_with_the_time_of_day(box, capsys):
    for number in range(5):
        write(box, "query", number, n=repr(number))
    assert cli.main(["tail", "-n", "2", box.path]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "22:13:20.126  main  query  n=3  [checkout:charge request_id=r1]",
        "22:13:20.127  main  query  n=4",
    ]


def test_following_shows_each_crumb_once_and_ends_with_the_process(box):
    shown = []
    tail = Tail(box.path, shown.append, lambda role, text: text, "")
    write(box, "first", 0)
    tail.look(limit=10)
    steps = iter(
        [
            lambda: None,
            lambda: write(box, "second", 1),
            lambda: [write(box, "burst", number) for number in range(20)],
            box.close,
        ]
    )
    follow([box.path], pytest.fail, {box.path: tail}, pause=lambda seconds: next(steps)())
    assert [line.split()[2] for line in shown if line.startswith("22:")] == [
        "first",
        "second",
        *["burst"] * 8,
    ]
    assert shown[2] == "(12 crumbs were pushed out before a look)"
    assert shown[-1] == "The process ended by itself."


class EnoughError(Exception):
    """The end of what would go on until Ctrl-C."""


def test_following_a_folder_finds_processes_that_start_and_end(tmp_path):
    shown = []
    boxes = []

    def open_box():
        boxes.append(
            BlackBox.open(tmp_path, slots=8, slot_size=512, render=as_it_is, on_error=pytest.fail)
        )
        write(boxes[-1], f"box-{len(boxes)}", 0)

    def stop():
        raise EnoughError

    open_box()
    steps = iter(
        [
            open_box,
            lambda: (tmp_path / "garbage.crumbs").write_bytes(b"x" * 9000),
            lambda: write(boxes[1], "more", 1),
            boxes[0].close,
            lambda: None,
            lambda: [box.close() for box in boxes],
            lambda: None,
            stop,
        ]
    )

    def open_tail(path):
        return Tail(path, shown.append, lambda role, text: text, "pid")

    first = open_tail(boxes[0].path)
    first.look(limit=1)
    with pytest.raises(EnoughError):
        follow([str(tmp_path)], open_tail, {first.path: first}, pause=lambda _: next(steps)())
    assert [line.split("  ")[3 if "main" in line else -1] for line in shown] == [
        "box-1",
        "box-2",
        "more",
        "The process ended by itself.",
        "The process ended by itself.",
    ]
    assert all(line.startswith("pid  ") for line in shown)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX: files that are open are renamed")
def test_following_a_folder_finds_a_process_that_was_making_its_box(tmp_path):
    shown = []
    making = tmp_path / "0.crumbs"
    making.write_bytes(bytes(9000))
    box = BlackBox.open(
        tmp_path / "made", slots=8, slot_size=512, render=as_it_is, on_error=pytest.fail
    )
    write(box, "first", 0)

    def stop():
        raise EnoughError

    steps = iter([lambda: os.replace(box.path, making), lambda: None, stop])

    def open_tail(path):
        return Tail(path, shown.append, lambda role, text: text, "")

    with pytest.raises(EnoughError):
        follow([str(tmp_path)], open_tail, {}, pause=lambda _: next(steps)())
    assert [line.split()[2] for line in shown] == ["first"]
    box.close()


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C of POSIX")
def test_the_command_follows_a_live_process_until_ctrl_c(box, tmp_path):
    write(box, "first", 0)
    (tmp_path / "boxes" / "0.crumbs").touch()  # of a process that is just making it
    program = subprocess.Popen(
        [*COMMAND, "tail", "--follow", tmp_path / "boxes"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert "first" in program.stdout.readline()
    box.write("second", "main", "", {}, time.time_ns())
    assert "second" in program.stdout.readline()
    program.send_signal(signal.SIGINT)
    out, err = program.communicate(timeout=50)
    assert (program.returncode, out, err) == (130, "", "")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not tell who died")
def test_following_what_is_dead_says_how_it_died(tmp_path, capsys):
    killed(tmp_path)
    (path,) = tmp_path.iterdir()
    assert cli.main(["tail", "-f", str(path)]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("The process ended without")


def test_a_folder_without_recordings_does_not_keep_back_the_others(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    log = tmp_path / "dump.json"
    log.write_text('[{"event": "paid"}]')
    assert cli.main(["read", str(tmp_path / "empty"), str(log)]) == 1
    shown = capsys.readouterr()
    assert "paid" in shown.out
    assert f"dumps in {tmp_path / 'empty'}." in shown.err


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX: files that are open are removed")
@pytest.mark.parametrize("command", ["ps", "read", "tail"])
def test_boxes_that_come_and_go_while_their_folder_is_read_are_no_problem(
    command, box, tmp_path, monkeypatch, capsys
):
    """One without a size, one that is still empty, and two of processes that end meanwhile."""
    write(box, "first", 0)
    folder = tmp_path / "boxes"
    (folder / "0.crumbs").touch()
    (folder / "1.crumbs").write_bytes(bytes(9000))
    ending = [folder / "2.crumbs", folder / "3.crumbs"]
    for path in ending:
        shutil.copy(box.path, path)
    really_listed, really_absent = loading.files_in, loading.is_absent

    def files_in(path):
        files = really_listed(path)
        ending[0].unlink()
        return files

    def is_absent(path):
        is_gone = really_absent(path)
        if path == str(ending[1]):
            ending[1].unlink(missing_ok=True)
        return is_gone

    monkeypatch.setattr(loading, "files_in", files_in)
    monkeypatch.setattr(loading, "is_absent", is_absent)
    assert cli.main([command, str(folder)]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert ("my app.py" if command == "ps" else "first") in out


def test_a_box_that_was_never_finished_is_a_problem_after_an_hour(box, tmp_path, capsys):
    unfinished = tmp_path / "boxes" / "0.crumbs"
    unfinished.write_bytes(bytes(9000))
    silent = time.time_ns() - 2 * 3600 * 10**9
    os.utime(unfinished, ns=(silent, silent))
    assert cli.main(["ps", str(tmp_path / "boxes")]) == 1
    assert "0.crumbs is neither a black box" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX: symbolic links")
def test_a_link_to_itself_does_not_keep_back_the_others(tmp_path, capsys):
    (tmp_path / "loop.crumbs").symlink_to("loop.crumbs")
    (tmp_path / "nothing.json").symlink_to("gone")
    (tmp_path / "dump.json").write_text('[{"event": "paid"}]')
    assert cli.main(["read", str(tmp_path)]) == 0
    assert "paid" in capsys.readouterr().out


def test_a_page_does_not_replace_what_it_shows(tmp_path, capsys):
    log = tmp_path / "dump.json"
    log.write_text('[{"event": "paid"}]')
    (tmp_path / "link").symlink_to(log)
    assert cli.main(["report", str(log), "-o", str(tmp_path / "link")]) == 1
    assert "is one of the files to read" in capsys.readouterr().err
    assert log.read_text() == '[{"event": "paid"}]'


@pytest.mark.parametrize("number", ["x", "1.5", "-1", ""])
def test_a_wrong_number_of_lines_is_refused_with_its_meaning(number, capsys):
    with pytest.raises(SystemExit):
        cli.main(["tail", "x", f"--lines={number}"])
    assert f"a number of lines is 0 or more, not {number}" in capsys.readouterr().err


def test_an_export_of_a_log_service_is_read(tmp_path, capsys):
    lines = format_json([{"event": "paid"}, {"event": "sent"}]).split("\n")
    export = tmp_path / "events.json"
    export.write_text(json.dumps({"events": [{"message": line} for line in lines]}, indent=2))
    assert cli.main(["read", str(export)]) == 0
    assert "2 crumbs" in capsys.readouterr().out


@pytest.mark.parametrize(
    "name", ["exception", "dropped", "process", "in_flight", "running", "signal", "message"]
)
def test_data_with_a_name_of_the_last_record_is_data(name, tmp_path, capsys):
    dump = tmp_path / "dump.json"
    dump.write_text(json.dumps([{"event": "told", name: "'later'"}]))
    assert cli.main(["read", str(dump)]) == 0
    shown = capsys.readouterr().out
    assert f"told  {name}='later'" in shown
    assert "pushed out" not in shown

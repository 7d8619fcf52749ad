"""All that somebody may have in hand is read: logs, gzip, pipes, folders, several at once."""

from __future__ import annotations

import gzip
import io
import json
import os
import re
import sys
import threading
import time
import tracemalloc
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from statecrumbs import cli
from statecrumbs._black_box import BlackBox, scope_fragment
from statecrumbs._json import checksum
from statecrumbs._reading import load, load_each, merged
from statecrumbs.formatter import format_json, format_lines
from tests.statecrumbs import collectors, programs
from tests.statecrumbs.black_boxes import as_it_is
from tests.statecrumbs.dump_schema import check_dump

START = datetime(2026, 11, 29, 21, 0, tzinfo=timezone.utc)


def at(seconds):
    return (START + timedelta(seconds=seconds)).isoformat(timespec="microseconds")


def crash(order, *, pid=7, second=None, name="pay", identity="", argv=("shop.py",), host="web-1"):
    """The dump of a process that failed with `order`."""
    second = order / 1000 if second is None else second
    frame = {"kind": "task", "name": name, "correlation_id": identity or f"{order:032x}"}
    process = {"pid": pid, "parent_pid": 1, "argv": list(argv), "python": "3.12.1", "host": host}
    error = {"type": "LookupError", "message": f"no order {order}", "traceback": []}
    return [
        {
            "event": "charging",
            "ts": at(second),
            "thread": "main",
            "frame": frame,
            "order": str(order),
        },
        {
            "event": "unhandled_exception",
            "ts": at(second + 1),
            "thread": "main",
            "frame": frame,
            "exception": error,
            "dropped": 0,
            "process": process,
        },
    ]


def text(*dumps):
    """The dumps as they are printed to stderr."""
    return "".join(f"starting\n{format_json(dump)}\nTraceback: no\n" for dump in dumps)


def read(capsys, *arguments):
    assert cli.main([*map(str, arguments)]) == 0
    return capsys.readouterr().out


FORMS = {
    "utf-8": str.encode,
    "BOM": lambda text: text.encode("utf-8-sig"),
    "utf-16": lambda text: text.encode("utf-16"),
    "utf-16-le without a BOM": lambda text: text.encode("utf-16-le"),
    "utf-16-be without a BOM": lambda text: text.encode("utf-16-be"),
    "CRLF": lambda text: text.replace("\n", "\r\n").encode(),
    "latin-1": lambda text: f"größe\n{text}".encode("latin-1"),
    "without an end of the last line": lambda text: text.rstrip("\n").encode(),
    "gzip": lambda text: gzip.compress(text.encode()),
    "two gzip files in one": lambda text: gzip.compress(b"old\n") + gzip.compress(text.encode()),
    "messages that end with NUL": lambda text: text.replace("\n", "\0").encode(),
    "after a part that was never written": lambda text: bytes(5000) + text.encode(),
    "pretty JSON": lambda text: json.dumps(crash(4712), indent=4).encode(),
    "compact JSON": lambda text: json.dumps(crash(4712), separators=(",", ":")).encode(),
    "compact JSON in a line": lambda text: b"E: " + json.dumps(crash(4712)).encode() + b" end\n",
    "an object of dumps": lambda text: json.dumps({"a": crash(4711), "b": crash(4712)}).encode(),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("way", ["file", "stdin", "pipe"])
def test_each_form_of_a_file_is_read_in_each_way(form, way, tmp_path, capsys, monkeypatch):
    content = FORMS[form](text(crash(4711), crash(4712)))
    path = tmp_path / "app.log"
    if way == "file":
        path.write_bytes(content)
    elif way == "stdin":
        path = "-"
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(content))))
    elif sys.platform == "win32":
        path.write_bytes(content)
    else:
        os.mkfifo(path)
        threading.Thread(target=path.write_bytes, args=[content]).start()
    out = read(capsys, "read", path)
    assert "order=4712" in out
    assert out.rstrip().endswith("LookupError: no order 4712")
    if form != "an object of dumps":
        assert "4711" not in out


@pytest.mark.parametrize(
    "wrap", [*collectors.WRAPPERS, *collectors.ALONE], ids=lambda wrap: wrap.__name__
)
def test_the_last_crash_is_read_from_each_form_of_log(wrap, tmp_path, capsys):
    path = tmp_path / "app.log"
    lines = ["starting", *format_json(crash(4711)).split("\n"), "restarted"]
    lines = [*wrap(lines), *wrap(format_json(crash(4712)).split("\n"))]
    path.write_text("\n".join(lines), "utf-8")
    out = read(capsys, "read", path)
    assert "order=4712" in out
    assert "4711" not in out


@pytest.mark.parametrize("wrap", [list, collectors.docker, collectors.cri, collectors.prefixed])
def test_an_older_crash_is_never_shown_as_the_last(wrap, tmp_path, capsys):
    second = format_json(crash(4712)).split("\n")
    for cut in range(3, len(second)):
        lines = wrap([*format_json(crash(4711)).split("\n"), "restarted", *second[:cut]])
        path = tmp_path / "app.log"
        path.write_text("\n".join(lines))
        out = read(capsys, "read", path)
        assert "The end of this dump is missing" in out
        assert "4711" not in out


@pytest.mark.parametrize("form", [format_json, format_lines])
@pytest.mark.parametrize("wrap", [list, collectors.prefixed])
def test_a_log_that_ends_in_the_first_line_of_a_dump_shows_no_older_one(form, wrap, tmp_path):
    older = [*wrap(form(crash(4711)).split("\n")), "restarted"]
    second = form(crash(4712))
    first = second.index('"event"') + len('"event"')
    for cut in range(first, first + 14):
        path = tmp_path / "app.log"
        path.write_text("\n".join([*older, *wrap(second[:cut].split("\n"))]))
        (found,) = load_each([str(path)], pytest.fail)
        assert "4711" not in str(found.crumbs)
        assert "The end of this dump is missing" in "".join(found.missing)


def test_a_log_that_ends_in_a_list_of_somebody_shows_the_last_dump(tmp_path):
    path = tmp_path / "app.log"
    for end in ('[\n  {\n    "name', '{"event": "started', '[\n  {\nx "event": "y'):
        path.write_text(f"{text(crash(4711))}{end}")
        assert load(path).crumbs == crash(4711)


def test_it_is_said_which_part_of_a_dump_is_missing(tmp_path, capsys):
    lines = format_json([{"event": "first"}, *crash(4712)]).split("\n")
    path = tmp_path / "app.log"
    path.write_text("\n".join(lines[2:]))
    assert "The beginning of this dump is missing: it had earlier crumbs." in read(
        capsys, "read", path
    )
    path.write_text("\n".join(lines[:8]))
    assert "is missing, and with it the record of the crash." in read(capsys, "read", path)
    path.write_text("\n".join(lines[:-6]))
    assert "is missing: its last record is not complete." in read(capsys, "read", path)
    path.write_text("\n".join(lines[:9] + lines[13:]))
    assert "1 crumb is damaged" in read(capsys, "read", path)
    path.write_bytes(gzip.compress(text(crash(1)).encode())[:-9])
    assert "The gzip stream ends too early" in read(capsys, "read", path)


NOISE = b'10.0.0.7 - - [29/Nov/2026:21:00:00] "GET /event HTTP/1.1" 200 612 "-" "curl"\n'


@pytest.mark.parametrize("before", ["", "Hint: ...\n"])
def test_the_journal_is_read_in_its_long_form(before, tmp_path, capsys):
    lines = [*text(crash(4711)).splitlines(), "Traceback (most recent call last):"]
    log = tmp_path / "journal.json"
    if before:
        entries = [f"    PRIORITY=6\n    MESSAGE={line}\n    _PID=7" for line in lines]
    else:
        entries = [json.dumps({"PRIORITY": "6", "MESSAGE": line}, indent=8) for line in lines]
    log.write_text(before + "\n".join(entries), encoding="utf-8")
    out = read(capsys, "read", log)
    assert "order=4711" in out
    assert "missing" not in out


def test_the_part_of_a_dump_before_a_bracket_of_somebody_is_shown_and_said(tmp_path, capsys):
    lines = text(crash(4711)).splitlines()
    ends = [number for number, line in enumerate(lines) if line == "  },"]
    log = tmp_path / "web.log"
    for at in ends:
        log.write_text("\n".join([*lines[: at + 1], "[", *lines[at + 1 :]]), encoding="utf-8")
        out = read(capsys, "read", log)
        for record in crash(4711):
            assert record["event"] in out
        assert "The end of this dump is missing" in out


def test_lines_of_another_program_that_fit_into_a_dump_are_noticed(tmp_path, capsys):
    dump = crash(4711)
    dump[-1]["checksum"] = checksum(dump)
    lines = format_json(dump).split("\n")
    log = tmp_path / "web.log"
    for at in (3, 6, 12, len(lines) - 6):
        for theirs in ('    "order": "4712",', '      "name": "ship",'):
            log.write_text("\n".join([*lines[:at], theirs, *lines[at:]]))
            out = read(capsys, "read", log)
            assert ("its checksum does not fit" in out) is (load(log).crumbs != crash(4711))
    log.write_text("\n".join(lines))
    assert "checksum" not in read(capsys, "read", log)


def test_a_part_of_a_dump_has_no_checksum_to_fit(tmp_path, capsys):
    dump = [{"event": "first"}, *crash(4711)]
    dump[-1]["checksum"] = checksum(dump)
    (tmp_path / "web.log").write_text(format_json(dump).partition("first")[2])
    out = read(capsys, "read", tmp_path / "web.log")
    assert "The beginning of this dump is missing" in out
    assert "checksum" not in out
    printed = read(capsys, "read", "--json", tmp_path / "web.log", "--id", f"{4711:032x}")
    assert "checksum" not in printed


@pytest.mark.parametrize("after", [0, 2, 20])
def test_a_large_log_is_read_from_its_end_in_little_memory(after, tmp_path, capsys):
    """`after` MiB follow the dump."""
    path = tmp_path / "app.log"
    block = NOISE * (2**20 // len(NOISE))
    with path.open("wb") as file:
        file.truncate(1 << 36)  # a hole, which nobody should read
        file.seek(0, os.SEEK_END)
        file.write(b"\n" + block * 2 + text(crash(4711), crash(4712)).encode() + block * after)
    tracemalloc.start()
    try:
        out = read(capsys, "read", path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert "order=4712" in out
    assert peak < 200 << 20


def test_a_dump_that_two_windows_cut_is_whole(tmp_path, monkeypatch):
    monkeypatch.setattr("statecrumbs._reading._content._FIRST", 500)
    monkeypatch.setattr("statecrumbs._reading._content._SPAN", 9000)
    monkeypatch.setattr("statecrumbs._reading._content.OVERLAP", 3000)
    path = tmp_path / "app.log"
    for size in range(0, 12_000, 377):
        noise = NOISE * (size // len(NOISE))
        path.write_bytes(
            text(crash(1), crash(2)).encode() + noise + text(crash(3)).encode() + noise
        )
        (last,) = load_each([str(path)], pytest.fail)
        assert last.crumbs == crash(3)
        assert not last.missing
        every = load_each([str(path)], pytest.fail, older=True)
        assert [recording.crumbs for recording in every] == [crash(1), crash(2), crash(3)]


def test_the_last_bytes_of_a_stream_are_kept(tmp_path, monkeypatch):
    monkeypatch.setattr("statecrumbs._reading._content.KEPT", 1 << 20)
    monkeypatch.setattr("statecrumbs._reading._content._CHUNK", 1 << 16)
    path = tmp_path / "app.log.gz"
    noise = NOISE * (2**20 // len(NOISE)) * 3
    path.write_bytes(gzip.compress(text(crash(1)).encode() + noise + text(crash(2)).encode()))
    assert load(path).crumbs == crash(2)
    path.write_bytes(gzip.compress(text(crash(1)).encode() + noise))
    with pytest.raises(Exception, match=r"of which the last [0-9,]+ were searched"):
        load(path)


def test_a_black_box_comes_through_a_pipe(tmp_path, capsys, monkeypatch):
    box = BlackBox.open(tmp_path, slots=8, slot_size=512, render=as_it_is, on_error=pytest.fail)
    box.write("query", "main", "", {"n": "1"}, 10**18)
    content = Path(box.path).read_bytes()
    box.close()
    for each in (content, gzip.compress(content)):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(each))))
        out = read(capsys, "read", "-")
        assert out.startswith("-\n")
        assert "query  n=1" in out


@pytest.fixture
def two(tmp_path):
    """A request over two processes: the log of a web server, and the dump of a worker."""
    identity = "8f14e45f" + "0" * 24
    web = crash(4711, pid=11, second=0, name="GET /pay", identity=identity, argv=["gunicorn"])
    worker = crash(4711, pid=12, second=0.5, name="pay", identity=identity, argv=["celery"])
    other = crash(5000, pid=12, second=0.2, name="mail", argv=["celery"])
    (tmp_path / "web.log").write_text(text(web))
    (tmp_path / "worker.json").write_text(format_json([other[0], *worker]))
    (tmp_path / "notes.txt").write_text("nothing in here")
    (tmp_path / ".hidden.log").write_text(text(crash(1)))
    return tmp_path


def test_several_recordings_are_one_time_line(two, capsys):
    for arguments in ([two], [two / "web.log", two / "worker.json"]):
        lines = read(capsys, "read", *arguments).splitlines()
        rows = [line.split()[:4] for line in lines if line.startswith("21:00")]
        assert rows == [
            ["21:00:00.000", "gunicorn", "11", "main"],
            ["21:00:00.500", "celery", "12", "main"],
            ["21:00:01.000", "gunicorn", "11", "main"],
            ["21:00:01.500", "celery", "12", "main"],
        ]
        assert "Beside it there is 1 crumb of 1 operation; --id ID shows them:" in lines
        assert "celery 12 failed:" in lines
        assert f"gunicorn 11  {two / 'web.log'}" in lines


@pytest.mark.parametrize(
    "arguments", [["--id", "8f14"], ["--operation", "pay"], ["--operation", "GET /pay"]]
)
def test_one_operation_is_shown_over_all_processes(arguments, two, capsys):
    out = read(capsys, "read", two, *arguments)
    assert "order=5000" not in out
    assert out.count("order=4711") == 2
    assert "2 crumbs of 3" in out
    out = read(capsys, "tail", two, "-n", "2", *arguments)
    assert [line.split()[1] for line in out.splitlines()] == ["gunicorn", "celery"]


def test_an_id_that_fits_several_is_an_error_that_lists_them(two, capsys):
    (two / "more.log").write_text(text(crash(9, identity="8f77")))
    assert cli.main(["read", str(two), "--id", "8f"]) == 1
    assert capsys.readouterr().err == (
        f"statecrumbs: '8f' is the beginning of 2 IDs: 8f14e45f{'0' * 24}, 8f77.\n"
    )


def test_a_whole_id_is_not_taken_for_the_beginning_of_another(two, capsys):
    (two / "more.log").write_text(text(crash(9, identity="8f14")))
    assert "order=9" in read(capsys, "read", two, "--id", "8f14")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--id", "abc"], "There is no crumb of an ID that begins with 'abc' among 5. The IDs are"),
        (["--operation", "x"], "no crumb of an operation 'x' among 5. The names are pay, "),
        (["--since", "2027-01-01"], "since 2027-01-01T00:00:00+00:00 among 5. The last one is of"),
    ],
)
def test_nothing_that_fits_is_an_error_that_names_what_there_is(arguments, message, two, capsys):
    assert cli.main(["read", str(two), *arguments]) == 1
    assert message in capsys.readouterr().err


def test_since_leaves_out_what_is_older(two, capsys):
    out = read(capsys, "read", two, "--since", "2026-11-29T21:00:00.9Z")
    assert out.count("unhandled_exception") == 2
    assert "charging" not in out
    recent = crash(77)
    for record in recent:
        record["ts"] = datetime.now(timezone.utc).isoformat(timespec="microseconds")
    (two / "now.log").write_text(text(recent))
    out = read(capsys, "read", two, "--since", "10m")
    assert "order=77" in out
    assert "4711" not in out


def test_an_id_is_found_in_all_dumps_of_a_log(tmp_path, capsys):
    path = tmp_path / "app.log"
    path.write_text(text(crash(1, identity="aa"), crash(2, identity="bb"), crash(3, identity="aa")))
    out = read(capsys, "read", path, "--id", "a")
    assert "order=1" in out
    assert "order=2" not in out
    assert "order=3" in out


@pytest.mark.parametrize("age", ["", "10", "x", "10 weeks", "-1m"])
def test_an_age_that_makes_no_sense_is_refused(age, two, capsys):
    with pytest.raises(SystemExit) as exit_:
        cli.main(["read", str(two), f"--since={age}"])
    assert exit_.value.code == 2
    assert "is neither an age, such as 90s, 10m, 2h or 1d, nor" in capsys.readouterr().err


def test_crumbs_of_a_black_box_and_a_dump_of_one_process_are_there_once(tmp_path):
    box = BlackBox.open(tmp_path, slots=8, slot_size=512, render=as_it_is, on_error=pytest.fail)
    scope = scope_fragment({}, {"kind": "task", "name": "pay"})
    for number in (1, 1, 2):
        box.write("tick", "main", scope, {"n": str(number)}, 10**18 + number)
    inside = load(box.path)
    dump = tmp_path / "dump.json"
    process = {key: inside.about["process"][key] for key in ("pid", "argv", "host")}
    last = {"event": "unhandled_exception", "exception": {"type": "E"}, "process": process}
    dump.write_text(json.dumps([*inside.crumbs, last]))
    line = merged(load_each([str(tmp_path)], pytest.fail))
    assert len(line.recordings) == 2
    assert [entry.crumb["event"] for entry in line.entries] == ["tick"] * 3 + [
        "unhandled_exception"
    ]
    box.close()


@pytest.mark.parametrize("form", ["utf-8", "gzip", "pretty JSON"])
def test_the_work_in_flight_is_listed_from_whatever_there_is(form, tmp_path, capsys, monkeypatch):
    dump = crash(4712)
    work = {"kind": "task", "name": "ship", "correlation_id": "beef", "thread": "T", "depth": 0}
    dump[-1]["in_flight"] = [{**work, "since": at(2), "seconds": 3.5}]
    content = FORMS["utf-8" if form == "pretty JSON" else form](text(crash(4711), dump))
    if form == "pretty JSON":
        content = json.dumps(dump, indent=1).encode()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(content))))
    head, ship = read(capsys, "ps", "-").splitlines()
    assert head.startswith("pid 7  shop.py  dumped ")
    assert head.endswith(" ago: LookupError: no order 4712, 1 in flight")
    assert ship.split() == ["3.5", "s", "task", "ship", "beef", "T"]

    (tmp_path / "web.log").write_bytes(content)
    (process,) = json.loads(read(capsys, "ps", "--json", tmp_path))
    assert (process["pid"], process["in_flight"]) == (7, dump[-1]["in_flight"])


def test_work_in_flight_is_chosen_as_crumbs_are(tmp_path, capsys):
    for number, name in enumerate(("ship", "bill", "mail")):
        dump = crash(number, pid=number)
        frame = {"kind": "task", "name": name, "correlation_id": f"beef{number}"}
        dump[-1]["in_flight"] = [{**frame, "since": at(60 * number)}]
        (tmp_path / f"{name}.json").write_text(format_json(dump))
    for choice in (["--id", "beef1"], ["--operation", "bill"]):
        out = read(capsys, "ps", tmp_path, *choice)
        assert out.startswith("pid 1 ")
        assert len(out.splitlines()) == 2
    assert "ship" not in read(capsys, "ps", tmp_path, "--since", at(60))
    assert cli.main(["ps", str(tmp_path), "--id", "beef"]) == 1
    assert "is the beginning of 3 IDs: beef0, beef1, beef2." in capsys.readouterr().err
    assert cli.main(["ps", str(tmp_path), "--operation", "pay"]) == 1
    assert "There is no work in flight of an operation 'pay' among 3." in capsys.readouterr().err


def test_json_of_several_is_by_path_and_can_be_read_again(two, tmp_path, capsys):
    out = read(capsys, "read", two, "--json")
    dumps = json.loads(out)
    assert list(dumps) == [str(two / "web.log"), str(two / "worker.json")]
    for dump in dumps.values():
        check_dump(dump)
    (tmp_path / "again.json").write_text(out)
    again = json.loads(read(capsys, "read", tmp_path / "again.json", "--json"))
    assert again == dumps


def test_one_page_is_made_of_several(two, tmp_path, capsys):
    page = tmp_path / "page.html"
    read(capsys, "report", two, "--id", "8f14", "-o", page)
    content = page.read_text()
    assert '"processes":["gunicorn 11","celery 12"]' in content
    assert '"mail"' not in content


def test_a_thousand_files_are_read_in_three_seconds(tmp_path):
    for number in range(1000):
        (tmp_path / f"{number}.log").write_text(text(crash(number, second=number)))
    begin = time.process_time()
    line = merged(load_each([str(tmp_path)], pytest.fail))
    assert len(line.entries) == 2000
    assert time.process_time() - begin < 3


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "it is empty"),
        (b"hello\n" * 3, "it is text (18 bytes) and has no crumbs in it"),
        (b'{"a": 1}', "it begins like a JSON object (8 bytes)"),
        (b"\0\1\2\3", "it is binary data"),
        (b"\x28\xb5\x2f\xfdxx", "it is compressed; try `zstdcat"),
    ],
)
def test_an_error_names_the_file_and_what_it_is_instead(content, found, tmp_path, capsys):
    path = tmp_path / "file"
    path.write_bytes(content)
    assert cli.main(["read", str(path)]) == 1
    err = capsys.readouterr().err
    assert err.startswith(f"statecrumbs: {path} is neither a black box nor a dump of statecrumbs, ")
    assert found in err


def test_what_can_be_read_is_shown_beside_what_cannot(two, capsys):
    missing = two / "missing.log"
    assert cli.main(["read", str(two / "web.log"), str(missing)]) == 1
    out, err = capsys.readouterr()
    assert "order=4711" in out
    assert err == f"statecrumbs: Cannot read {missing}: No such file or directory.\n"


@pytest.mark.skipif(sys.platform != "linux", reason="Linux only: /proc/self/mem")
@pytest.mark.parametrize("command", ["read", "ps", "tail", "report"])
def test_a_file_whose_content_cannot_be_read_is_named_and_hides_no_other(
    two, command, tmp_path, capsys
):
    link = two / "memory.log"
    link.symlink_to("/proc/self/mem")
    more = ["-o", str(tmp_path / "page.html")] if command == "report" else []
    assert cli.main([command, str(link), *more]) == 1
    assert capsys.readouterr().err == f"statecrumbs: Cannot read {link}: Input/output error.\n"
    if command == "read":
        assert cli.main([command, str(two)]) == 0
        assert "order=4711" in capsys.readouterr().out


def test_a_program_dumps_as_lines_for_log_shippers(tmp_path, capsys):
    program = """
        import statecrumbs

        statecrumbs.enable(on_crash="lines")
        statecrumbs.crumb("charging", order=4711, **{f"k{n}": chr(0x1F600) * 100 for n in range(9)})
        raise LookupError("no order 4711")
    """
    result = programs.run(tmp_path, program)
    lines = [line for line in result.stderr.splitlines() if line.startswith("{")]
    assert len(lines) > 2
    assert all(len(line) < 4096 for line in lines)
    (tmp_path / "app.log").write_text("\n".join(collectors.docker(result.stderr.splitlines())))
    out = read(capsys, "read", tmp_path / "app.log")
    assert "charging             order=4711" in out
    assert out.rstrip().endswith("LookupError: no order 4711")
    check_dump(json.loads(read(capsys, "read", tmp_path / "app.log", "--json")))


def test_a_record_of_which_a_piece_was_lost_is_shown_as_far_as_it_goes(tmp_path, capsys):
    program = """
        import statecrumbs

        statecrumbs.enable(on_crash="lines")
        statecrumbs.crumb("charging", order=4711)
        members = [KeyError(str(n) + chr(0x1F600) * 300) for n in range(9)]
        error = LookupError("no order 4711")
        error.exceptions = members
        for n in range(9):
            error.__notes__ = [*getattr(error, "__notes__", []), chr(0x1F600) * 300]
        error.__cause__ = ValueError(chr(0x1F600) * 400)
        raise error
    """
    result = programs.run(tmp_path, program)
    lines = [line for line in result.stderr.splitlines() if line.startswith("{")]
    pieces = [place for place, line in enumerate(lines) if '"piece"' in line]
    assert len(pieces) > 2
    path = tmp_path / "app.log"
    path.write_text("\n".join(line for line in lines if line is not lines[pieces[1]]))
    out = read(capsys, "read", path)
    assert "LookupError: no order 4711" in out
    assert "1 line in the middle of this dump is missing." in out
    assert "1 crumb is damaged, and shown as far as possible." in out
    path.write_text("\n".join(lines[: pieces[1]]))
    out = read(capsys, "read", path)
    assert "LookupError: no order 4711" in out
    assert "The end of this dump is missing: its last record is not complete." in out
    path.write_text("\n".join(line for line in lines if line is not lines[pieces[0]]))
    out = read(capsys, "read", path)
    assert "is missing, and with it the record of the crash." in out
    assert "order=4711" in out
    foreign, changes = re.subn(r'"piece": ?\[1,', '"piece": ["1",', "\n".join(lines))
    assert changes == 1
    path.write_text(foreign)
    assert "order=4711" in read(capsys, "read", path)


def test_the_operation_that_failed_comes_first_and_its_neighbours_are_folded(tmp_path, capsys):
    path = tmp_path / "dump.json"
    others = [crash(number, identity=f"{number:08x}")[0] for number in range(100, 149)]
    path.write_text(format_json([*others, {"event": "started"}, *crash(4711, identity="aa")]))
    shown, _, folded = read(capsys, "read", path).rpartition("LookupError: no order 4711\n\n")
    assert "started" in shown
    assert "order=4711" in shown
    assert "order=148" not in shown
    assert folded.splitlines() == [
        "Beside it there are 49 crumbs of 49 operations; --id ID shows them:",
        "  ... 39 older ones",
        *(f"  {number:08x}  task pay: 1 crumb, the last is charging" for number in range(139, 149)),
    ]
    assert "order=148" in read(capsys, "read", path, "--id", f"{148:08x}")


def test_the_calls_of_the_program_are_shown_and_those_of_libraries_are_folded(tmp_path, capsys):
    own = tmp_path / "shop.py"
    own.write_text("def pay():\n    charge(order)  # the culprit\n")
    library = "/usr/lib/python3.12/site-packages/django/core/x.py"
    files = [
        (library, 1),
        (library, 2),
        (str(own), 2),
        (library, 3),
        ("/home/me/penstock/packages/penstock/src/penstock/_calls.py", 5),  # an editable install
        ("/usr/lib/python3.12/json/d.py", 4),
    ]
    dump = crash(1)
    dump[-1]["exception"] = {
        "type": "ExceptionGroup",
        "message": "two failed",
        "notes": ["while closing"],
        "traceback": [{"file": file, "line": line, "function": "f"} for file, line in files],
        "exceptions": [
            {"type": "ValueError", "message": "a", "cause": {"type": "KeyError", "message": "b"}},
            {"type": "OSError", "message": "c", "traceback": []},
        ],
    }
    path = tmp_path / "dump.json"
    path.write_text(format_json(dump))
    out = read(capsys, "read", path)
    assert out.partition("\n\n")[2].partition("\n\n")[2] == (
        f"  2 calls in django\n"
        f"  {own}:2 in f\n"
        "      charge(order)  # the culprit\n"
        "  ... 2 calls in django, penstock\n"
        "  /usr/lib/python3.12/json/d.py:4 in f\n"
        "ExceptionGroup: two failed\n"
        "  while closing\n"
        "  its member 1 of 2:\n"
        "    KeyError: b\n"
        "\n"
        "    which led to:\n"
        "\n"
        "    ValueError: a\n"
        "  its member 2 of 2:\n"
        "    OSError: c\n"
    )


def test_only_python_files_are_looked_into_for_source_lines(tmp_path, capsys):
    secret = tmp_path / "passwd"
    secret.write_text("hunter2")
    dump = crash(1)
    dump[-1]["exception"]["traceback"] = [{"file": str(secret), "line": 1, "function": "f"}]
    (tmp_path / "dump.json").write_text(format_json(dump))
    assert "hunter2" not in read(capsys, "read", tmp_path / "dump.json")


@pytest.mark.parametrize("line", [None, 0])
def test_a_call_without_a_line_number_is_shown_by_its_file(line, tmp_path, capsys):
    call = {"file": "/a/shop.py", "line": line, "function": "pay"}
    dump = crash(1)
    dump[-1]["exception"] = {"type": "ValueError", "message": "oops", "traceback": [call]}
    (tmp_path / "dump.json").write_text(format_json(dump))
    out = read(capsys, "read", tmp_path / "dump.json")
    assert "  /a/shop.py in pay\n" in out
    assert "ValueError: oops (shop.py)" in out


def test_a_secret_in_a_source_line_is_blanked_in_the_text_and_on_the_page(tmp_path, capsys):
    code = tmp_path / "app.py"
    code.write_text('PASSWORD = "hunter2x"\nlogin(token, "a")\n')
    dump = crash(1)
    dump[-1]["exception"]["traceback"] = [{"file": str(code), "line": 1, "function": "f"}]
    (tmp_path / "dump.json").write_text(format_json(dump))
    read(capsys, "report", tmp_path / "dump.json", "-o", tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()

    shown = read(capsys, "read", tmp_path / "dump.json")

    assert 'PASSWORD = "[redacted]"' in shown
    assert "hunter2x" not in shown + page
    assert "login(token, " in page


def test_the_scope_is_shown_where_it_changes_and_no_value_of_it_is_repeated(tmp_path, capsys):
    def one(event, context, **data):
        scope = {"context": context} if context else {}
        return {"event": event, **scope, **data}

    order = {"order": 4711, "user": "bob"}
    dump = [
        one("a", order, order="4711", user="'bob'", x="1"),
        one("b", order, order="4711"),
        one("c", order, order="4712", user="'ann'"),
        one("d", {"order": 4711}),
        one("e", None),
        one("f", None),
    ]
    path = tmp_path / "dump.json"
    path.write_text(format_json(dump))
    shown = [" ".join(line.split()) for line in read(capsys, "read", path).splitlines()[3:]]
    assert shown == [
        "a x=1 [order=4711 user=bob]",
        "b",
        "c order=4712 user='ann'",
        "d [order=4711]",
        "e [-]",
        "f",
    ]

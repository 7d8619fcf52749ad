"""The format of a black box file: as documented, and against whatever else is in a file."""

from __future__ import annotations

import json
import os
import platform
import shutil
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import corectx
from corectx.lowlevel import note_open
from statecrumbs._black_box import (
    BlackBox,
    UnreadableError,
    _format,
    is_black_box,
    read,
    scope_fragment,
)
from statecrumbs._black_box._slots import decode, shorten
from statecrumbs._endings import WITHOUT_HOOKS
from statecrumbs._in_flight import Work
from tests.statecrumbs.black_boxes import as_it_is

SLOTS = 4096 + 128 * 512  # where the first slot begins
ENDINGS = (
    "running",
    "ended",
    "exception",
    "exited",
    "interrupted",
    "unfinished",
    *WITHOUT_HOOKS,
    "unknown",
)
NOON = 1_700_000_000_123_456_789
SCOPE = scope_fragment({"größe": 1.5, "none": None}, {"kind": "step", "name": "s"})


@pytest.fixture
def box(tmp_path):
    box = BlackBox.open(
        tmp_path / "boxes",
        slots=8,
        slot_size=512,
        argv=["a", "b c"],
        program="shop",
        render=as_it_is,
        on_error=pytest.fail,
    )
    yield box
    box.close()


@pytest.fixture
def file(box, tmp_path):
    """A box with three crumbs, whose process is done with it."""
    for number in range(3):
        box.write("tick", "main", "", {"n": repr(number)}, NOON + number * 1000)
    copy = tmp_path / "copy.crumbs"
    shutil.copyfile(box.path, copy)
    return copy


def test_the_file_is_what_its_documentation_says(box):
    """Read by nothing but the documented offsets."""
    scope = scope_fragment({"request": "r1"}, {"kind": "step", "name": "s"})
    for number in range(10):
        box.write("tick", "main", scope, {"n": repr(number)}, NOON + number)
    with open(box.path, "rb") as opened:
        raw = opened.read()

    assert raw[:8] == b"\x89crumbs\n"
    version, header_size, slot_size, slots, pid, parent = struct.unpack_from("<HHIIII", raw, 8)
    assert (version, header_size, slot_size, slots) == (3, 4096, 512, 8)
    assert (pid, parent) == (os.getpid(), os.getppid())
    rows, row_size, failures, shipped, hidden, code, left = struct.unpack_from("<IHBBIiB", raw, 52)
    assert (rows, row_size, failures, shipped, hidden, code, left) == (128, 512, 0, 0, 0, 0, 0)
    assert len(raw) == header_size + rows * row_size + slots * slot_size
    state, told, length, started, created, checksum = struct.unpack_from("<BBHQQI", raw, 28)
    assert (state, told) == (0, 0)
    program, ended, inode = struct.unpack_from("<I4xQQ", raw, 72)
    assert (program, ended, inode) == (zlib.crc32(b"shop"), 0, os.stat(box.path).st_ino)
    assert raw[69:72] + raw[76:80] + raw[96:128] == bytes(39)
    description = raw[128 : 128 + length]
    assert zlib.crc32(description) == checksum
    assert raw[128 + length : header_size].strip(b"\0") == b""
    process = json.loads(description)
    strings = {"host", "python", "boot_id", "pid_namespace", "program", "lock"}
    assert process.keys() == {*strings, "argv"}
    assert process["lock"] == ("flock" if sys.platform == "linux" else process["lock"])
    assert process["argv"] == ["a", "b c"]
    assert process["program"] == "shop"
    assert process["python"] == platform.python_version()
    if sys.platform == "linux":
        with open("/proc/self/stat") as stat:
            assert started == int(stat.read().rpartition(")")[2].split()[19])
    assert abs(created - os.stat(box.path).st_mtime_ns) < 60 * 10**9

    found = {}
    for offset in range(header_size + rows * row_size, len(raw), slot_size):
        sequence, checksum, length, flags, zero, time = struct.unpack_from("<QIHBBQ", raw, offset)
        payload = raw[offset + 24 : offset + 24 + length]
        assert (flags, zero) == (0, 0)
        assert zlib.adler32(payload, sequence & 0xFFFFFFFF) == checksum
        zeros = 8 - length % 8
        end = offset + 24 + length + zeros
        assert raw[offset + 24 + length : end] == bytes(zeros)
        assert raw[end : end + 8] == raw[offset : offset + 8]
        found[sequence] = (time, json.loads(payload))
    assert found == {
        number + 1: (
            NOON + number,
            {
                "event": "tick",
                "thread": "main",
                "context": {"request": "r1"},
                "frame": {"kind": "step", "name": "s"},
                "n": str(number),
            },
        )
        for number in range(2, 10)
    }


def test_another_language_can_read_it_by_its_documentation(box, tmp_path):
    """The reader in JavaScript was written from the documentation alone."""
    if not shutil.which("node"):
        pytest.skip("node is missing; Debian's package is nodejs")
    box.write("pushed out", None, "", {}, 0)
    box.write("torn", None, "", {}, 0)
    box.write("größe", "日本", SCOPE, {"text": "x" * 2000, "s": "\ud800"}, 2**63)
    for number in range(5):
        box.write("tick", "main", "", {"n": number, "f": 0.5, "none": None}, NOON + number)
    box.write("last", None, "", {}, 0)
    tables = []
    box.track(tables.append, lambda: 0)
    root = corectx.start(corectx.Site("request", "GET"), values={"path": "/slow"})
    step = root.child(corectx.Site("step", "s", "f"))
    for frame in (root, step):
        note_open(frame)
        tables[0].open(frame)
    works = [Work(frame) for frame in (root, step)]
    thread = works[0].thread()
    copy = tmp_path / "copy.crumbs"
    raw = bytearray(Path(box.path).read_bytes())
    raw[raw.index(b'"torn"')] = 0
    copy.write_bytes(raw)

    done = subprocess.run(
        ["node", Path(__file__).with_name("read_black_box.mjs"), copy],
        check=True,
        capture_output=True,
    )
    theirs = json.loads(done.stdout)
    ours = read(copy)
    without_time = [{k: v for k, v in crumb.items() if k != "ts"} for crumb in ours.crumbs]
    assert [slot["crumb"] for slot in theirs["crumbs"]] == without_time
    assert [slot["sequence"] for slot in theirs["crumbs"]] == [3, 4, 5, 6, 7, 8, 9]
    assert [slot["time"] for slot in theirs["crumbs"][:2]] == [str(2**63), str(NOON)]
    assert [slot["shortened"] for slot in theirs["crumbs"]] == [1, 0, 0, 0, 0, 0, 0]
    assert (theirs["torn"], ours.torn) == (1, 1)
    assert (theirs["pushed_out"], ours.dropped) == (1, 1)
    assert (theirs["pid"], theirs["parent_pid"]) == (os.getpid(), os.getppid())
    assert (theirs["state"], theirs["told"]) == (0, 0)
    assert theirs["process"]["argv"] == ["a", "b c"]
    assert [row["frame"] for row in theirs["rows"]] == [
        {"kind": "request", "name": "GET", "correlation_id": root.correlation_id, "thread": thread}
        | {"path": "/slow"},
        {"kind": "step", "name": "s", "flow": "f", "correlation_id": root.correlation_id}
        | {"thread": thread},
    ]
    assert [row["parent"] for row in theirs["rows"]] == [0, theirs["rows"][0]["sequence"]]
    assert [row["since"] for row in theirs["rows"]] == [str(each.since_ns) for each in works]
    assert [each["name"] for each in ours.in_flight] == ["GET", "s"]


def test_the_checksum_in_the_documentation_is_right():
    assert zlib.adler32(b"{}", 1) == 0x017500F9
    assert "0x017500F9" in _format.__doc__


def test_crumbs_come_back_as_they_are_in_a_dump(file):
    found = read(file)
    assert found.crumbs[0] == {
        "event": "tick",
        "ts": "2023-11-14T22:13:20.123456+00:00",
        "thread": "main",
        "n": "0",
    }
    assert list(found.crumbs[0]) == ["event", "ts", "thread", "n"]
    assert [crumb["n"] for crumb in found.crumbs] == ["0", "1", "2"]
    assert found.process == {
        "pid": os.getpid(),
        "parent_pid": os.getppid(),
        "argv": ["a", "b c"],
        "python": platform.python_version(),
        "host": platform.node(),
        "program": "shop",
    }
    assert (found.newest, found.dropped, found.torn, found.shortened) == (3, 0, 0, 0)


def test_time_and_thread_may_be_left_out(box):
    box.write("tick", None, "", {}, 0)
    assert read(box.path).crumbs == [{"event": "tick"}]


def test_the_last_record_of_a_dump_fits_too(box):
    record = {"event": "unhandled_exception", "ts": "now", "exception": {"type": "KeyError"}}
    box.write_record(record, NOON)
    (crumb,) = read(box.path).crumbs
    assert crumb == {**record, "ts": "2023-11-14T22:13:20.123456+00:00"}


def test_only_what_is_new_can_be_read(file):
    found = read(file, after=2)
    assert [crumb["n"] for crumb in found.crumbs] == ["2"]
    assert (found.newest, found.dropped) == (3, 0)
    assert read(file, after=3).crumbs == []


def written(box, *crumb):
    """Write one crumb; return it as it is read."""
    box.write(*crumb, 0)
    return read(box.path).crumbs[-1]


@pytest.fixture(scope="module")
def wide_box(tmp_path_factory):
    box = BlackBox.open(
        tmp_path_factory.mktemp("boxes"),
        slots=2,
        slot_size=1 << 16,
        render=lambda name, value: repr(value),
        on_error=pytest.fail,
    )
    yield box
    box.close()


@settings(deadline=None)
@given(
    event=st.text(min_size=1),
    thread=st.none() | st.text(),
    data=st.dictionaries(
        st.text().filter(lambda key: key not in ("event", "ts", "thread", "context", "frame")),
        st.text(),
    ),
)
def test_any_text_survives(wide_box, event, thread, data):
    thread_field = {} if thread is None else {"thread": thread}
    shown = {name: repr(value) for name, value in data.items()}
    assert written(wide_box, event, thread, "", data) == {"event": event, **thread_field, **shown}


def test_values_are_rendered_when_they_are_written_each_string_once(tmp_path):
    asked = []

    class Finished(str):
        """Text that stands for something else."""

        __slots__ = ()

    def render(name, value):
        asked.append(name)
        return "[redacted]" if name == "password" else repr(value)

    box = BlackBox.open(tmp_path, slot_size=8192, render=render, on_error=pytest.fail)
    data = {
        "n": -5,
        "f": 1.5,
        "b": True,
        "none": None,
        "user": 'al"ice',
        "password": 'al"ice',
        "other": Finished("x"),
        "long": "x" * 100,
        "longer": "x" * 2000,
    }
    expected = {
        "event": "e",
        "thread": "t",
        "n": "-5",
        "f": "1.5",
        "b": "True",
        "none": "None",
        "user": "'al\"ice'",
        "password": "[redacted]",
        "other": "'x'",
        "long": repr("x" * 100),
        "longer": repr("x" * 2000),
    }
    assert written(box, "e", "t", "", data) == expected
    assert written(box, "e", "t", "", data) == expected
    once = ["user", "password", "other", "long", "longer"]
    assert asked == [*once, "other", "longer"]
    box.forget_rendered()
    assert written(box, "e", "t", "", data) == expected
    assert asked[7:] == once
    # One is not True, although they are equal.
    equal = {"n": "1", "b": "True", "f": "1.0"}
    assert written(box, "e", None, "", {"n": 1, "b": True, "f": 1.0}) == {"event": "e", **equal}
    box.close()


def test_what_is_kept_of_names_and_values_is_bounded(box):
    for number in range(2000):
        name, value = f"name_{number}", f"value_{number}"
        box.write(name, value, "", {name: value, "same": value}, 0)
        box.write(value, name, "", {name: number, "long": value * 10}, 0)
    assert read(box.path).crumbs[-2:] == [
        {"event": name, "thread": value, name: value, "same": value},
        {"event": value, "thread": name, name: str(number), "long": value * 10},
    ]
    pieces = box._pieces
    assert max(map(len, (pieces.values, pieces.beginnings, pieces.heads))) <= 256
    assert all(len(values) <= 64 for values in pieces.values.values())
    assert len(pieces._long) <= 64
    assert all(len(heads) <= 256 for heads in pieces.heads.values())


def test_lone_surrogates_survive(box):
    scope = scope_fragment({"k\udfff": "\udc80"}, None)
    assert written(box, "\ud800", None, scope, {"a": "'\udc81'"}) == {
        "event": "\ud800",
        "context": {"k\udfff": "\udc80"},
        "a": "'\udc81'",
    }


def test_floats_that_json_lacks_become_strings_in_a_scope():
    fragment = scope_fragment({"a": float("nan"), "b": float("inf"), "c": 1.5}, None)
    assert json.loads(f"{{{fragment[1:]}}}") == {"context": {"a": "NaN", "b": "Infinity", "c": 1.5}}


# Short ones that are repeated: long random text takes Hypothesis seconds to make.
TEXT = st.builds(str.__mul__, st.text(max_size=8), st.integers(1, 300))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
    max_leaves=20,
)


@settings(max_examples=50, deadline=None)
@given(
    event=TEXT.filter(bool),
    data=st.dictionaries(TEXT.map("_".__add__), JSON, max_size=60),
    room=st.integers(223, 3000),
)
def test_whatever_is_too_long_is_shortened_to_a_crumb_that_fits(event, data, room):
    payload = json.dumps({"event": event, "thread": "main", **data}, ensure_ascii=False)
    payload = payload.encode("utf-8", "backslashreplace")
    shortened = shorten(payload, room)
    assert len(shortened) <= room
    assert decode(shortened, 0)["event"][:8] == event[:8]


def test_a_crumb_that_is_too_long_is_shortened_and_marked(box):
    data = {"short": "1", "long": "x" * 5000, "wide": "€" * 5000}
    box.write("big", "main", "", data, NOON)
    box.write("small", "main", "", {}, NOON)
    found = read(box.path)
    assert (found.shortened, len(found.crumbs)) == (1, 2)
    big = found.crumbs[0]
    assert (big["event"], big["thread"], big["short"]) == ("big", "main", "1")
    assert big["long"] == "x" * 64 + "… (+4936)"
    assert big["wide"] == "€" * 64 + "… (+4936)"


def test_a_crumb_of_very_many_values_keeps_the_first_and_counts_the_others(box):
    box.write("many", "main", "", {f"key_{n:03}": "0" for n in range(200)}, NOON)
    (crumb,) = read(box.path).crumbs
    assert crumb["key_000"] == "0"
    assert crumb["…"] == f"+{200 - sum(key.startswith('key') for key in crumb)}"


def test_a_traceback_that_is_too_long_keeps_its_end(box):
    entries = [{"file": "/srv/app.py", "line": line, "function": "f"} for line in range(300)]
    record = {"event": "unhandled_exception", "exception": {"type": "E", "traceback": entries}}
    box.write_record(record, NOON)
    (crumb,) = read(box.path).crumbs
    kept = crumb["exception"]["traceback"]
    assert kept[-1] == entries[-1]
    assert kept[0] == f"… (+{301 - len(kept)})"


def test_the_command_line_takes_no_more_room_than_there_is(tmp_path):
    for argv in (["x" * 100_000], ["y"] * 100_000, ["€" * 1000] * 50):
        box = BlackBox.open(tmp_path, argv=argv, render=as_it_is, on_error=pytest.fail)
        told = read(box.path).process["argv"]
        assert 0 < len(told) <= 64
        assert all(full.startswith(kept) for kept, full in zip(told, argv, strict=False))
        box.close()


# Files that are no black box, or not one of this version.


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not a black box"),
        (b"\x89PNG\r\n", "is not a black box"),
        (b"[]" * 5000, "is not a black box"),
        (os.urandom(5000), "is not a black box"),
        (b"\x89crumbs\n", "is not a black box"),
        (bytes(5000), "was never finished"),
    ],
    # The workers of pytest-xdist must find the same names, so no name is made of random bytes.
    ids=["empty", "an image", "text", "random bytes", "the first bytes alone", "zeros"],
)
def test_other_files_are_refused_by_name(tmp_path, content, message):
    other = tmp_path / "other.crumbs"
    other.write_bytes(content)
    with pytest.raises(UnreadableError, match=f"other.crumbs.*{message}"):
        read(other)


def test_a_missing_file_is_refused_by_name(tmp_path):
    with pytest.raises(UnreadableError, match=r"Cannot read .*none\.crumbs: No such file"):
        read(tmp_path / "none.crumbs")


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(UnreadableError, match=r"Cannot read .*(Is a directory|not a regular file)"):
        read(tmp_path)


def test_what_a_file_is_can_be_asked(file, tmp_path):
    assert is_black_box(file)
    (tmp_path / "x").write_text("[]")
    assert not is_black_box(tmp_path / "x")


def change(file, offset, new):
    raw = bytearray(file.read_bytes())
    raw[offset : offset + len(new)] = new
    file.write_bytes(raw)


def test_another_version_is_refused_with_what_to_do(file):
    for version in (2, 4):
        change(file, 8, struct.pack("<H", version))
        with pytest.raises(
            UnreadableError, match=rf"version {version} .* reads version 3\. Read it with"
        ):
            read(file)


@pytest.mark.parametrize("sizes", [(0, 0), (512, 1 << 31), (1 << 31, 8), (512, 0), (64, 8)])
def test_sizes_that_cannot_be_are_refused(file, sizes):
    change(file, 12, struct.pack("<II", *sizes))
    with pytest.raises(UnreadableError, match="is damaged"):
        read(file)


def test_damaged_facts_do_not_cost_the_crumbs(file):
    change(file, 140, b"\xff\xff")
    found = read(file)
    assert len(found.crumbs) == 3
    assert found.process["argv"] == []
    assert found.ending == "unknown"


def test_a_truncated_file_gives_what_is_left(file):
    raw = file.read_bytes()
    for length, crumbs, missing in ((SLOTS + 512 + 100, 1, 7), (SLOTS, 0, 8), (1000, 0, 8)):
        file.write_bytes(raw[:length])
        found = read(file)
        assert (len(found.crumbs), found.missing_slots) == (crumbs, missing)


def test_more_than_there_should_be_is_not_read(file):
    file.write_bytes(file.read_bytes() + b"x" * 5000)
    assert len(read(file).crumbs) == 3


@pytest.mark.parametrize(
    "payload",
    [
        b"null",
        b"[]",
        b"{}",
        b'{"event": 1}',
        b'{"event": ""}',
        b'{"event": ["x"]}',
        b"\xff\xfe",
        b"[" * 400,
        b"x",
    ],
)
def test_a_payload_that_is_no_crumb_is_counted_as_torn(file, payload):
    head = struct.pack("<QIHBxQ", 4, zlib.adler32(payload, 4), len(payload), 0, NOON)
    zeros = bytes(8 - len(payload) % 8)
    change(file, SLOTS + 3 * 512, head + payload + zeros + struct.pack("<Q", 4))
    found = read(file)
    assert (len(found.crumbs), found.torn) == (3, 1)


def test_the_latest_time_that_there_can_be_is_shown(box):
    box.write("tick", None, "", {}, 2**64 - 1)
    assert read(box.path).crumbs[0]["ts"] == "2554-07-21T23:34:33.709551+00:00"


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_no_damage_makes_the_reader_fail(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "fuzzed.crumbs"
    raw = bytearray(_three_crumbs(tmp_path_factory))
    for _ in range(data.draw(st.integers(1, 8))):
        near = (
            st.integers(8, 140) | st.integers(SLOTS, SLOTS + 3 * 512) | st.integers(0, len(raw) - 1)
        )
        raw[data.draw(near)] = data.draw(st.integers(0, 255))
    path.write_bytes(raw[: data.draw(st.integers(0, len(raw)) | st.just(len(raw)))])
    try:
        found = read(path)
    except UnreadableError as error:
        assert str(path) in str(error)  # noqa: PT017
    else:
        assert found.ending in ENDINGS
        assert all(crumb["event"] == "tick" for crumb in found.crumbs)


def _three_crumbs(factory, made={}):  # noqa: B006
    if not made:
        box = BlackBox.open(
            factory.mktemp("x"), slots=8, slot_size=512, render=as_it_is, on_error=pytest.fail
        )
        for number in range(3):
            box.write("tick", "main", "", {"n": repr(number)}, NOON)
        with open(box.path, "rb") as opened:
            made["raw"] = opened.read()
        box.close()
    return made["raw"]

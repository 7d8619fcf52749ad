"""A folder of black boxes shows how each process died, and is told once."""

from __future__ import annotations

import json
import os
import select
import signal
import struct
import sys
import zlib

import pytest

from statecrumbs import _endings, _process
from statecrumbs._black_box import (
    BlackBox,
    UnreadableError,
    _header,
    boxes_in,
    read,
)
from tests.statecrumbs.black_boxes import as_it_is, finish, start, tell

TICK = ("tick", "main", "", {"n": 1}, 1)


@pytest.fixture
def mine(tmp_path):
    box = BlackBox.open(tmp_path, slots=4, slot_size=256, render=as_it_is, on_error=pytest.fail)
    box.write(*TICK)
    yield box
    box.close()


def rewrite(path, *, facts=None, **fields):
    """Change what the file at `path` says of its process."""
    offsets = {"pid": (20, "<I"), "state": (28, "<B"), "start": (32, "<Q")}
    with open(path, "r+b") as file:
        raw = bytearray(file.read())
        for name, value in fields.items():
            struct.pack_into(offsets[name][1], raw, offsets[name][0], value)
        if facts:
            length = struct.unpack_from("<H", raw, 30)[0]
            new = json.dumps({**json.loads(raw[128 : 128 + length]), **facts}).encode()
            raw[128 : 128 + len(new)] = new
            struct.pack_into("<H", raw, 30, len(new))
            struct.pack_into("<I", raw, 48, zlib.crc32(new))
        file.seek(0)
        file.write(raw)


def test_a_live_process_is_alive(mine):
    assert read(mine.path).ending == "running"


def test_a_process_whose_id_went_to_another_is_gone(mine):
    rewrite(mine.path, start=1)
    assert read(mine.path).ending == ("gone" if sys.platform == "linux" else "running")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not tell")
def test_a_process_that_nobody_waited_for_is_gone(tmp_path):
    program, reading = start(tmp_path, "box = open_box(); tick(box, 'main', 1); os._exit(0)")
    assert os.read(reading, 1) == b""  # it has closed the pipe by ending
    os.waitid(os.P_PID, program.pid, os.WEXITED | os.WNOWAIT)
    (path,) = boxes_in(tmp_path)
    assert read(path).ending == "gone"
    finish(program, reading)


linux_only = pytest.mark.skipif(
    sys.platform != "linux", reason="Linux only: boot IDs, namespaces and locks of mapped files"
)


@linux_only
@pytest.mark.parametrize(
    ("facts", "ending"),
    [
        ({"boot_id": "another"}, "rebooted"),  # the machine was started anew since
        ({"boot_id": ""}, "running"),
        ({"boot_id": "another", "host": "another"}, "unknown"),  # another machine
        ({"boot_id": "", "host": "another"}, "unknown"),
        # Another container, on a file system without locks:
        ({"pid_namespace": "pid:[1]", "lock": ""}, "unknown"),
        ({"host": "another", "lock": ""}, "unknown"),
        ({"pid_namespace": "pid:[1]"}, "running"),
        ({"host": "another"}, "running"),
    ],
)
def test_what_cannot_be_known_is_not_guessed(mine, facts, ending):
    rewrite(mine.path, facts=facts)
    assert read(mine.path).ending == ending


@linux_only
@pytest.mark.parametrize(
    "facts", [{"pid_namespace": "pid:[1]"}, {"host": "another", "pid_namespace": "pid:[1]"}]
)
def test_a_process_of_another_container_is_gone_when_it_has_let_go_of_its_file(tmp_path, facts):
    """Its ID means nothing here, and a container that is started again has a new namespace."""
    program, reading = start(
        tmp_path,
        """
        box = open_box()
        tick(box, "main", 1)
        if os.fork() == 0:
            os.closerange(3, 100)  # as daemons do
            tick(box, "child", 1)
            os.write(1, b"x")
        signal.pause()
        """,
    )
    assert os.read(program.stdout.fileno(), 1) == b"x"
    own, childs = boxes_in(tmp_path)
    rewrite(own, facts=facts)
    rewrite(childs, facts=facts)
    assert (read(own).ending, read(childs).ending) == ("running", "running")
    assert tell(tmp_path) == []
    child = os.pidfd_open(read(childs).process["pid"])
    program.kill()
    program.wait()
    assert (read(own).ending, read(childs).ending) == ("gone", "running")
    (death,) = tell(tmp_path)
    assert death["path"] == own
    signal.pidfd_send_signal(child, signal.SIGKILL)
    select.select([child], [], [])  # its pipes close earlier than what it had mapped
    os.close(child)
    assert read(childs).ending == "gone"
    finish(program, reading)


@linux_only
def test_a_process_that_ends_just_now_is_gone_and_not_replaced(mine, monkeypatch):
    """The kernel frees its memory, and so the lock, before the process is a zombie."""
    fields = _process.stat_fields(os.getpid())
    fields[_process.FLAGS - _process.STATE] = str(0x4)
    monkeypatch.setattr(_header, "is_locked", lambda path: False)
    assert read(mine.path).ending == "replaced"
    looks = [_process.stat_fields(os.getpid())]  # alive at the first look, and not locked any more
    monkeypatch.setattr(_endings, "stat_fields", lambda pid: looks.pop() if looks else fields)
    assert read(mine.path).ending == "gone"


def test_what_a_process_did_right_before_its_death_is_read(mine, monkeypatch):
    def dies(*_):
        if not found:
            found.append("gone")
            with open(mine.path, "r+b") as file:
                file.seek(58)
                file.write(b"\x01")  # a failure, noted after the first look at the header
        return "gone"

    found: list[str] = []
    monkeypatch.setattr(_header, "fate", dies)
    assert read(mine.path).failures == 1


@pytest.mark.skipif(sys.platform == "win32", reason="os.kill(pid, 0) would end the process there")
def test_without_proc_the_process_id_decides(mine, monkeypatch):
    monkeypatch.setattr(_endings, "stat_fields", lambda pid: [])
    monkeypatch.setattr(_process, "boot_id", lambda: "")
    assert read(mine.path).ending == "running"
    rewrite(mine.path, pid=2**22 + 1)  # above the largest that there can be
    assert read(mine.path).ending == "gone"
    rewrite(mine.path, pid=2**32 - 1)
    assert read(mine.path).ending in ("gone", "unknown")
    rewrite(mine.path, pid=1)
    assert read(mine.path).ending == "running"


def test_windows_does_not_tell_of_other_processes(mine, monkeypatch):
    rewrite(mine.path, facts={"lock": ""})  # there is none
    monkeypatch.setattr(_endings.sys, "platform", "win32")
    assert read(mine.path).ending == "running"
    rewrite(mine.path, pid=os.getpid() + 1)
    assert read(mine.path).ending == "unknown"


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(UnreadableError, match=r"Cannot read .*missing: No such file"):
        boxes_in(tmp_path / "missing")


def test_a_living_process_is_alive_also_by_a_link_to_its_file(mine, tmp_path):
    (tmp_path / "link").symlink_to(mine.path)
    assert read(tmp_path / "link").ending == "running"

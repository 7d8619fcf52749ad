"""One request over several processes and hosts: whose crumb each is, in the order of cause."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from statecrumbs._reading import Recording, merged
from statecrumbs._reading._terminal import show_timeline

START = datetime(2026, 11, 29, 21, 0, tzinfo=timezone.utc)
ID = "8f14e45f" * 4


def crumb(event, second, name="pay", origin="", identity=ID):
    frame = {"kind": "task", "name": name, "correlation_id": identity}
    if origin:
        frame["origin"] = origin
    ts = (START + timedelta(seconds=second)).isoformat(timespec="microseconds")
    return {"event": event, "ts": ts, "thread": "main", "frame": frame}


def recording(pid, host, *crumbs, path="dump"):
    process = {"pid": pid, "host": host, "argv": [f"app-{pid}"]}
    return Recording(path, list(crumbs), {"process": process})


def shown(line):
    """The events in their order, with the names of their processes."""
    return [(line.processes[each.process].name, each.crumb["event"]) for each in line.entries]


def joined(line):
    return [tuple(line.entries[at].crumb["event"] for at in pair) for pair in line.joins]


WEB = recording(1, "a", crumb("asked", 1), crumb("queued", 2), crumb("answered", 2.5))
WORKER = recording(
    2, "a", crumb("asked", 1, origin="1@a"), crumb("queued", 2, origin="1@a"), crumb("stored", 3)
)


def test_a_crumb_that_came_with_a_message_belongs_to_the_process_that_recorded_it():
    line = merged([WORKER])
    assert shown(line) == [("1 @a", "asked"), ("1 @a", "queued"), ("app-2 2", "stored")]


def test_a_crumb_that_was_recorded_and_sent_is_there_once():
    for recordings in ([WEB, WORKER], [WORKER, WEB]):
        line = merged(recordings)
        assert shown(line) == [
            ("app-1 1", "asked"),
            ("app-1 1", "queued"),
            ("app-1 1", "answered"),
            ("app-2 2", "stored"),
        ]
        assert all("origin" not in entry.crumb["frame"] for entry in line.entries)


def test_the_last_crumb_before_a_message_is_joined_to_the_first_after_it():
    assert joined(merged([WEB, WORKER])) == [("queued", "stored")]
    assert joined(merged([WEB])) == []


def test_each_operation_is_joined_for_itself():
    other = "1" * 32
    worker = recording(
        2,
        "a",
        crumb("x", 1, origin="1@a", identity=other),
        crumb("y", 2, origin="1@a"),
        crumb("of x", 3, identity=other),
        crumb("of y", 4),
        crumb("of z", 5, identity="2" * 32),
    )
    assert joined(merged([worker])) == [("x", "of x"), ("y", "of y")]


def chain(*clocks):
    """A request over hosts "a", "b" and so on, whose clocks are late by so many seconds."""
    found = []
    for number, late in enumerate(clocks):
        host = "abcdef"[number]
        sent = [
            crumb(f"on {each}", at - clocks[at], origin=f"{at}@{each}")
            for at, each in enumerate("abcdef"[:number])
        ]
        found.append(recording(number, host, *sent[-1:], crumb(f"on {host}", number - late)))
    return found


def test_clocks_of_hosts_are_set_so_that_what_was_sent_comes_before_what_was_received():
    line = merged(chain(0, 30))
    assert [event for _, event in shown(line)] == ["on a", "on b"]
    assert [process.offset > 0 for process in line.processes] == [False, True]
    assert round(line.processes[1].offset, 3) == 29
    assert line.joins == [(0, 1)]
    assert line.entries[1].crumb["ts"] > line.entries[0].crumb["ts"]
    (clock,) = line.clocks()
    assert clock == (
        "The times of host b are shown 29.000001 s later: it received a message before it was "
        "sent, by its own clock."
    )


def test_clocks_are_set_along_a_chain_of_hosts_in_any_order_of_the_files():
    files = chain(0, 30, 90, 20)
    for recordings in (files, files[::-1], [files[2], files[0], files[3], files[1]]):
        line = merged(recordings)
        assert [event for _, event in shown(line)] == ["on a", "on b", "on c", "on d"]
        assert len(line.joins) == 3


def test_clocks_that_fit_are_left_alone():
    line = merged(chain(0, 0.9, 1.8))
    assert not any(process.offset for process in line.processes)
    assert list(line.clocks()) == []


def test_processes_of_one_host_share_its_clock():
    late = recording(2, "a", crumb("sent", 5, origin="1@a"), crumb("received", 1))
    assert not any(process.offset for process in merged([late]).processes)


def test_messages_that_contradict_each_other_end():
    one = recording(1, "a", crumb("x", 9, origin="2@b"), crumb("y", 1))
    two = recording(2, "b", crumb("y", 9, origin="1@a"), crumb("x", 1))
    assert len(merged([one, two]).entries) == 4


def test_the_terminal_says_which_clock_was_set():
    lines = list(show_timeline(merged(chain(0, 30)), lambda _role, text: text))
    assert "The times of host b are shown 29.000001 s later" in "\n".join(lines)


def test_origins_of_any_shape_are_only_text():
    odd = [crumb("x", 1, origin=each) for each in ("@", "1@", "@a", "unknown", 5, "\x1b@\x1b")]
    line = merged([recording(1, "a", *odd)])
    assert len(line.entries) == len(odd)
    assert not any("\x1b" in process.name for process in line.processes)

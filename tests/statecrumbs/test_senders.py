"""A message names the process that sent it, so that a dump is joined to the sender's crumbs."""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone

import pytest

from corectx import HEADER, Site, attach, detach, enter, extract, inject, leave, start
from statecrumbs import crumb, disable, enable, report
from statecrumbs._process import host_name
from statecrumbs._reading import Recording, merged
from statecrumbs._senders import token_of
from tests.statecrumbs.dump_schema import check_dump

HERE = token_of(f"{os.getpid()}@{host_name()}")
START = datetime(2026, 11, 29, 21, 0, tzinfo=timezone.utc)
ID = "8f14e45f" * 4


@pytest.fixture
def dumps():
    found: list[list[dict]] = []
    enable(on_crash=found.append)
    yield found
    disable()


def sent(*, http=False):
    """Return the headers of a message that a request sends."""
    token = attach(start(Site("request", "POST /orders"), correlation_id=ID))
    try:
        return inject({}, http=http)
    finally:
        detach(token)


@contextmanager
def scope_of(headers):
    """Run the block in the task that the message with `headers` begins."""
    token = enter(extract(headers).child(Site("task", "pay")))
    try:
        yield
    except ValueError as error:
        leave(token, error)
        raise


def dumped(headers, dumps, *, http=False):
    """Return the last record of the dump of a task that the message with `headers` begins."""
    token = attach(extract(headers, http=http).child(Site("task", "pay")))
    try:
        crumb("stored")
        assert report(ValueError("no"))
    finally:
        detach(token)
    check_dump(dumps[-1])
    return dumps[-1][-1]


@pytest.mark.parametrize("http", [False, True])
def test_the_dump_of_what_a_message_began_names_its_sender(dumps, http):
    last = dumped(sent(http=http), dumps, http=http)
    assert last["received"]["sender"] == HERE
    assert last["received"]["sent"] <= last["received"]["ts"] <= last["ts"]


def test_neither_the_host_nor_the_pid_travel(dumps):
    travelled = json.loads(sent()[HEADER])["sent"]
    assert host_name() not in travelled
    assert travelled.split()[0] == HERE


def test_without_enable_no_sender_travels_and_none_is_remembered(dumps):
    named = sent()
    disable()
    assert "sent" not in json.loads(sent()[HEADER])
    remote = extract(named)
    enable(on_crash=dumps.append)
    token = attach(remote.child(Site("task", "pay")))
    report(ValueError("no"))
    detach(token)
    assert "received" not in dumps[-1][-1]


@pytest.mark.parametrize(
    "field",
    [
        *(None, 7, ["a"], "", "x", "0000000g 1", "1234567 1", "12345678", "12345678 "),
        *("12345678 -1", "12345678 1x", "12345678  1", "12345678 " + "9" * 17),
        "12345678 \N{ARABIC-INDIC DIGIT ONE}",
    ],
)
def test_an_invalid_sender_is_left_out(dumps, field):
    headers = {HEADER: json.dumps({"id": ID, "parent": "1" * 16, "sent": field})}
    assert "received" not in dumped(headers, dumps)


def test_the_latest_time_that_may_arrive_is_shown(dumps):
    headers = {HEADER: json.dumps({"id": ID, "sent": "12345678 " + "9" * 16})}
    assert dumped(headers, dumps)["received"]["sent"].startswith("2286-")


def at(second):
    return (START + timedelta(seconds=second)).isoformat(timespec="microseconds")


def told(event, second, **more):
    frame = {"kind": "task", "name": "pay", "correlation_id": more.pop("identity", ID)}
    return {"event": event, "ts": at(second), "thread": "main", "frame": frame, **more}


def recording(pid, host, *crumbs):
    process = {"pid": pid, "host": host, "argv": [f"app-{pid}"]}
    return Recording(f"{pid}", list(crumbs), {"process": process})


def failed(second, sender, sent_at, arrived):
    received = {"ts": at(arrived), "sender": sender, "sent": at(sent_at)}
    return told("unhandled_exception", second, exception={"type": "E"}, received=received)


def joined(line):
    return [tuple(line.entries[at].crumb["event"] for at in pair) for pair in line.joins]


WEB = recording(1, "a", told("asked", 1), told("queued", 2), told("answered", 4))


def test_the_last_crumb_before_the_sending_is_joined_to_the_first_after_the_arrival():
    other = told("earlier task", 2.2)
    worker = recording(2, "a", other, told("stored", 3), failed(5, token_of("1@a"), 2.1, 2.9))
    for order in ([WEB, worker], [worker, WEB]):
        line = merged(order)
        assert joined(line) == [("queued", "stored")]
        assert not any(process.offset for process in line.processes)


def test_a_clock_is_set_by_the_times_of_sending_and_arrival():
    worker = recording(2, "b", told("stored", -57), failed(-55, token_of("1@a"), 2.5, -58))
    line = merged([WEB, worker])
    assert [process.offset for process in line.processes if process.host == "b"] == [
        pytest.approx(60.5, abs=1e-3)
    ]
    events = [entry.crumb["event"] for entry in line.entries]
    assert events == ["asked", "queued", "stored", "answered", "unhandled_exception"]


@pytest.mark.parametrize(
    ("sender", "sent_at"), [(token_of("1@z"), 3), (token_of("1@a"), 0.5), (None, 3), ([], 3)]
)
def test_nothing_is_joined_to_an_unknown_sender_or_to_one_without_a_crumb_before(sender, sent_at):
    worker = recording(2, "a", failed(5, sender, sent_at, 3))
    assert joined(merged([WEB, worker])) == []


@pytest.mark.parametrize("received", [{}, {"sender": 1}, {"sender": token_of("1@a"), "sent": 3}])
def test_a_dump_that_names_its_sender_in_another_way_is_no_error(received):
    crash = {**failed(5, "", 0, 0), "received": received}
    assert joined(merged([WEB, recording(2, "a", crash)])) == []


def test_crumbs_that_travelled_add_no_second_join():
    queued = told("queued", 2)
    queued["frame"]["origin"] = "1@a"
    worker = recording(2, "a", queued, told("stored", 3), failed(5, token_of("1@a"), 2.1, 2.9))
    assert joined(merged([WEB, worker])) == [("queued", "stored")]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_a_forked_child_has_a_token_of_its_own(dumps):
    sent()
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.write(writer, json.loads(sent()[HEADER])["sent"].encode())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(writer)
    with open(reader) as told_by_child:
        assert told_by_child.read().split()[0] == token_of(f"{child}@{host_name()}")


def test_an_exception_that_left_the_operation_is_dumped_with_the_sender(dumps):
    headers = sent()
    problem = ValueError("no")
    with pytest.raises(ValueError, match="no"), scope_of(headers):
        raise problem
    assert report(problem)
    assert dumps[-1][-1]["received"]["sender"] == HERE

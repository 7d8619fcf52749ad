"""Green threads of gevent and eventlet keep their frames apart; `bind` carries one into them."""

from __future__ import annotations

import subprocess
import sys

import pytest

LIBRARIES = {
    "gevent": """
import gevent
spawn, sleep = gevent.spawn, gevent.sleep
wait = lambda green: green.get()
""",
    "gevent patched": """
from gevent import monkey; monkey.patch_all()
import gevent
spawn, sleep = gevent.spawn, gevent.sleep
wait = lambda green: green.get()
""",
    "eventlet": """
import eventlet
spawn, sleep = eventlet.spawn, eventlet.sleep
wait = lambda green: green.wait()
""",
    "eventlet patched": """
import eventlet; eventlet.monkey_patch()
spawn, sleep = eventlet.spawn, eventlet.sleep
wait = lambda green: green.wait()
""",
}

PROGRAM = """
import corectx

SITE = corectx.Site("request", "GET")


def inside():
    sleep(0)
    return corectx.correlation_id()


def request(number):
    token = corectx.enter(corectx.start(SITE, correlation_id=f"c-{number}"))
    seen = [corectx.correlation_id()]
    for _ in range(3):
        sleep(0)  # the others run
        seen.append(corectx.correlation_id())
    corectx.leave(token)
    return set(seen)


requests = [spawn(request, number) for number in range(5)]
assert [wait(each) for each in requests] == [{f"c-{number}"} for number in range(5)]

token = corectx.attach(corectx.start(SITE, correlation_id="c-9"))
plain, bound = spawn(inside), spawn(corectx.bind(inside))
assert wait(plain) is None
assert wait(bound) == "c-9"
assert corectx.correlation_id() == "c-9"
corectx.detach(token)
print("done")
"""


@pytest.mark.parametrize("library", LIBRARIES.values(), ids=LIBRARIES)
def test_green_threads_keep_their_frames_apart_and_bind_carries_one(library):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", library + PROGRAM],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert (done.stdout, done.returncode) == ("done\n", 0), done.stderr


DROPPED = """
import gc
import greenlet
import corectx


def work():
    try:
        greenlet.getcurrent().parent.switch()
    finally:
        gc.collect()


dropped = greenlet.greenlet(work)
dropped.switch()
del dropped
"""


@pytest.mark.parametrize("library", LIBRARIES.values(), ids=LIBRARIES)
def test_the_collector_may_run_while_a_green_thread_is_being_dropped(library):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", library + DROPPED],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert (done.stderr, done.returncode) == ("", 0)

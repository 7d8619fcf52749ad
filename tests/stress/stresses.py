"""The stresses: each works for some seconds, returns a sentence with its counts, or raises."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections import Counter
from typing import TYPE_CHECKING

from corectx import bind
from penstock import flow
from penstock.testing import isolated_registry
from statecrumbs import clear, crumb, disable, enable, snapshot, trail
from statecrumbs.context import context

if TYPE_CHECKING:
    from collections.abc import Callable

THREADS = 8
MOST_DECLARATIONS = 20  # of a thread, of each kind, before all of them begin anew
FEWEST_FORKS = 20
FORK_PATIENCE = 20  # seconds that a child may take to record one crumb

# A deque alone hangs in 1 of about 450 forked children of a free-threaded build, where threads wait
# for its lock: the lock may be handed to one that is stopped for the fork. Not more than that is
# asked of what uses deques.
HANGS_OF_A_DEQUE = 1 / 450


class Team:
    """Threads that begin together, repeat their work for a time, and may not fail."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._threads: list[threading.Thread] = []
        self._failures: list[BaseException] = []
        self.counts: Counter[str] = Counter()

    def add(self, work: Callable[[int], object], *, times: int = 1) -> None:
        """Have `times` threads call ``work(number)`` again and again, with a number from 0 on."""
        for _ in range(times):
            name = f"{work.__name__}-{len(self._threads)}"
            self._threads.append(threading.Thread(target=self._repeat, args=(work,), name=name))

    def _repeat(self, work: Callable[[int], object]) -> None:
        self._barrier.wait()
        end = time.monotonic() + self._seconds
        number = 0
        try:
            # At least once, however busy the machine is.
            while not number or (time.monotonic() < end and not self._failures):
                work(number)
                number += 1
        except BaseException as error:
            self._failures.append(error)
        self.counts[threading.current_thread().name] = number

    def work(self) -> None:
        """Let them work; raise the first failure."""
        self._barrier = threading.Barrier(len(self._threads))
        for thread in self._threads:
            thread.start()
        for thread in self._threads:
            thread.join()
        if self._failures:
            raise self._failures[0]

    def total(self, work: str = "") -> int:
        """Return how many calls there were, of the work with that name or of all."""
        return sum(count for name, count in self.counts.items() if name.startswith(work))


def _check(crumbs: list[dict[str, object]]) -> None:
    """Fail where the numbers of one thread are not in order, or a crumb is not whole."""
    latest: dict[object, int] = {}
    for each in crumbs:
        if each["event"] != "stress":
            continue
        number = int(str(each["number"]))
        assert number > latest.get(each["thread"], -1), crumbs
        latest[each["thread"]] = number


def crumbs(seconds: float) -> str:
    """Record, look, forget and switch at once: nothing raises, and what is seen is in order."""
    team = Team(seconds)

    def record(number: int) -> None:
        crumb("stress", number=number, text="plain", items=[number])

    def record_inside(number: int) -> None:
        with context(worker=number):
            crumb("stress", number=number)
            assert trail()[-1]["event"] == "stress" or not trail()

    def look(number: int) -> None:
        _check(snapshot())

    def forget(number: int) -> None:
        time.sleep(0.001)
        clear()

    def switch(number: int) -> None:
        enable(on_crash="none", max_crumbs=50 + number % 50, include_thread=True)
        if number % 3 == 0:
            disable()

    team.add(record, times=2)
    team.add(record_inside, times=2)
    team.add(look, times=2)
    team.add(forget)
    team.add(switch)
    team.work()
    disable()
    return ", ".join(f"{team.total(work)} times {work}" for work in ("record", "look", "switch"))


def operation(seconds: float) -> str:
    """Record into one operation from all threads: its trail is in order and full."""
    team = Team(seconds)
    enable(on_crash="none", max_trail=1000)

    def record(number: int) -> None:
        crumb("stress", number=number)
        if number % 100 == 0:
            _check(trail())

    with context(shared="by all"):
        team.add(bind(record), times=THREADS)
        team.work()
        kept = trail()
    disable()
    assert len(kept) == min(1000, team.total())
    return f"{team.total()} crumbs"


def dumps(seconds: float) -> str:
    """Let threads die while others record: each death is dumped once, with its own crumbs."""
    team = Team(seconds)
    found: list[list[dict[str, object]]] = []
    enable(on_crash=found.append, max_trail=20)
    threading.excepthook = lambda _: None  # what ours calls next would print each traceback
    enable()

    def die(number: int) -> None:
        def fail() -> None:
            with context(death=threading.current_thread().name):
                for each in range(20):
                    crumb("last words", number=each)
                raise KeyError(number)

        thread = threading.Thread(target=fail, name=f"{threading.current_thread().name}-{number}")
        thread.start()
        thread.join()

    def record(number: int) -> None:
        crumb("stress", number=number)

    team.add(record, times=THREADS - 2)
    team.add(die, times=2)
    team.work()
    disable()
    assert len(found) == team.total("die"), (len(found), team.total("die"))
    for dump in found:
        own = [each for each in dump if each.get("context") == dump[-1].get("context")]
        words = [each["number"] for each in own if each["event"] == "last words"]
        assert words == [str(each) for each in range(20)], dump[-1]
    return f"{len(found)} of {team.total('die')} deaths were dumped, {team.total('record')} crumbs"


def counts(seconds: float) -> str:
    """Observe steps in all threads: every start is counted, and the file says so."""
    from penstock import observe
    from penstock._verify import read

    team = Team(seconds)
    with isolated_registry(), tempfile.TemporaryDirectory() as folder:
        shop = flow("shop")

        @shop.step(after="order")
        def ship() -> None:
            """Do nothing."""

        @shop.entrypoint
        def order(number: int) -> None:
            ship()
            if number % 2:
                ship()

        observation = observe(folder)

        def work(number: int) -> None:
            order(number)

        def look(number: int) -> None:
            observation.flush()

        team.add(work, times=THREADS - 1)
        team.add(look)
        team.work()
        observation.stop()
        steps = read([folder]).steps
    runs = team.total("work")
    shipped = sum(each + each // 2 for name, each in team.counts.items() if name[0] == "w")
    assert steps["shop:order"].began == runs, (steps, runs)
    assert steps["shop:ship"].began == shipped, (steps, shipped)
    assert steps["shop:ship"].seen == {"shop:order": shipped}
    assert steps["shop:ship"].errors == steps["shop:order"].errors == 0
    assert sum(steps["shop:ship"].took.values()) == shipped
    return f"{runs} runs and {shipped} steps, each counted"


def declarations(seconds: float) -> str:
    """Declare and look at once: no declaration is lost, and no look raises."""
    end = time.monotonic() + seconds
    rounds = declared = 0
    while not rounds or time.monotonic() < end:
        rounds += 1
        declared += _declare_at_once()
    return f"{rounds} times, {declared} declarations"


def _declare_at_once() -> int:
    """Have threads declare steps, half of them under one name; return how many."""
    team = Team(0.2)

    def declare(number: int) -> None:
        if number < MOST_DECLARATIONS:
            place = f"{threading.current_thread().name}_{number}"
            flow(f"flow {number % 7}").step(_function(f"own_{place}"))
            flow("shared").step(name="same")(_function(f"rival_{place}"))
        else:
            time.sleep(0.001)

    def look(number: int) -> None:
        for each in registry.flows.values():
            assert all(step.flow == each.name for step in each.steps.values())
        assert set(registry.declared()) <= set(registry.flows)
        assert all(first.name == other.name for first, other in registry.conflicts)
        assert registry.unclaimed == registry.loose == []

    with isolated_registry() as registry:
        team.add(declare, times=THREADS - 1)
        team.add(look)
        team.work()
        steps = {name for each in registry.flows.values() for name in each.steps}
        conflicts = len(registry.conflicts)
    own = {
        f"own_{name}_{number}"
        for name, count in team.counts.items()
        if name.startswith("declare")
        for number in range(min(count, MOST_DECLARATIONS))
    }
    assert steps == own | {"same"}, own ^ steps
    assert conflicts == len(own) - 1, (conflicts, len(own))
    return 2 * len(own)


def _function(name: str) -> Callable[[], None]:
    def function() -> None:
        """Do nothing."""

    function.__name__ = function.__qualname__ = name
    return function


_BUSY = """
import os, sys, threading
from statecrumbs import crumb, enable
enable(on_crash="none", black_box=sys.argv[1])
def busy():
    number = 0
    while True:
        crumb("stress", number=number, text="plain", items=[number])
        number += 1
threads = [threading.Thread(target=busy, name=f"busy-{n}") for n in range(8)]
for thread in threads:
    thread.start()
print("ready", flush=True)
"""


def kills(seconds: float) -> str:
    """Kill a process whose threads record: its black box has its last crumbs, none of them torn."""
    from statecrumbs._black_box import boxes_in, read

    end = time.monotonic() + seconds
    found = 0
    killed = 0
    while not killed or time.monotonic() < end:
        with tempfile.TemporaryDirectory() as folder:
            process = subprocess.Popen(
                [sys.executable, "-c", _BUSY, folder], stdout=subprocess.PIPE, text=True
            )
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            time.sleep(random.uniform(0, 0.1))  # the moment is to be any
            process.kill()
            process.wait()
            process.stdout.close()
            killed += 1
            (box,) = map(read, boxes_in(folder))
            _check(box.crumbs)
            # One crumb a thread may be in the middle of being written.
            assert box.torn <= THREADS, box.torn
            found += len(box.crumbs)
    return f"{killed} killed, {found} crumbs recovered"


def forks(seconds: float) -> str:
    """Fork while threads record into a black box: the children record, and do not hang."""
    if not hasattr(os, "fork"):
        return "no fork on this system"
    warnings.simplefilter("ignore", DeprecationWarning)  # fork with threads: that is the point
    end = time.monotonic() + seconds
    with tempfile.TemporaryDirectory() as folder:
        enable(on_crash="none", black_box=folder)
        stop = threading.Event()

        def busy() -> None:
            number = 0
            with context(worker=1):
                while not stop.is_set():
                    crumb("stress", number=number, items=[1, 2])
                    number += 1

        threads = [threading.Thread(target=busy) for _ in range(4)]
        for thread in threads:
            thread.start()
        forked = hung = 0
        while forked < FEWEST_FORKS or time.monotonic() < end:
            forked += 1
            hung += not _fork_and_record()
        stop.set()
        for thread in threads:
            thread.join()
        disable()
    allowed = 0 if _has_gil() else 1 + forked * HANGS_OF_A_DEQUE
    assert hung <= allowed, f"{hung} of {forked} hung"
    return f"{forked} forked, {hung} hung"


def _has_gil() -> bool:
    return bool(getattr(sys, "_is_gil_enabled", lambda: True)())


def _fork_and_record() -> bool:
    """Fork a child that records and looks; return whether it ended well in time."""
    pid = os.fork()
    if not pid:
        crumb("child", number=1)
        os._exit(0 if snapshot()[-1]["event"] == "child" else 1)
    patience = time.monotonic() + FORK_PATIENCE
    while time.monotonic() < patience:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            assert status == 0, status
            return True
        time.sleep(0.001)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return False


STRESSES: dict[str, Callable[[float], str]] = {
    each.__name__: each for each in (crumbs, operation, dumps, counts, declarations, kills, forks)
}

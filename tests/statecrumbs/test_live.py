"""The handler of `enable(dump_signal=...)` among the handlers of others."""

from __future__ import annotations

import signal
import sys
import threading

import pytest

import statecrumbs
from statecrumbs._options import options

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX only: signals")


@pytest.fixture(autouse=True)
def restored():
    """Each test finds the signal handled by nobody, and leaves it so."""
    before = signal.getsignal(signal.SIGUSR1)
    yield
    statecrumbs.disable()
    signal.signal(signal.SIGUSR1, before)


def test_a_handler_that_was_there_before_is_called_after_the_dump_and_is_back_afterwards():
    heard = []

    def earlier(_number, _frame):
        heard.append("earlier")

    signal.signal(signal.SIGUSR1, earlier)
    statecrumbs.enable(on_crash=lambda _: heard.append("dump"), dump_signal=signal.SIGUSR1)
    signal.raise_signal(signal.SIGUSR1)
    statecrumbs.disable()
    assert heard == ["dump", "earlier"]
    assert signal.getsignal(signal.SIGUSR1) is earlier


def test_a_handler_that_was_put_over_ours_stays_and_ours_hands_on_below_it():
    heard = []

    def earlier(_number, _frame):
        heard.append("earlier")

    signal.signal(signal.SIGUSR1, earlier)
    statecrumbs.enable(on_crash=lambda _: heard.append("dump"), dump_signal=signal.SIGUSR1)
    ours = signal.getsignal(signal.SIGUSR1)

    def later(number, frame):
        heard.append("later")
        ours(number, frame)

    signal.signal(signal.SIGUSR1, later)
    statecrumbs.disable()
    assert signal.getsignal(signal.SIGUSR1) is later
    signal.raise_signal(signal.SIGUSR1)
    assert heard == ["later", "earlier"]

    heard.clear()
    statecrumbs.enable(on_crash=lambda _: heard.append("dump"), dump_signal=signal.SIGUSR1)
    signal.raise_signal(signal.SIGUSR1)
    assert heard == ["dump", "later", "earlier"]


@pytest.mark.parametrize(
    "undo", [statecrumbs.disable, lambda: statecrumbs.enable(dump_signal=None, max_crumbs=9)]
)
def test_only_the_main_thread_gives_the_signal_back_and_elsewhere_nothing_changes(undo):
    statecrumbs.enable(on_crash="none", dump_signal=signal.SIGUSR1, max_crumbs=7)
    hook = sys.excepthook
    raised = []

    def work():
        try:
            undo()
        except ValueError as error:
            raised.append(str(error))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert f"dump_signal={signal.SIGUSR1!r}" in raised[0]
    assert "main thread" in raised[0]
    assert sys.excepthook is hook
    assert (options.is_enabled, options.max_crumbs) == (True, 7)

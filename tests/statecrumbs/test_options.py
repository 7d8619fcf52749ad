"""A wrong option is one clear exception, and then nothing has changed."""

from __future__ import annotations

import functools
import signal
import sys
import threading

import pytest

import statecrumbs
from statecrumbs._options import options
from statecrumbs.testing import captured_crumbs


@pytest.fixture(autouse=True)
def disabled():
    yield
    statecrumbs.disable()


async def send(_crumbs): ...


class Sender:
    async def send(self, _crumbs): ...

    async def __call__(self, _crumbs): ...


def sending(_crumbs):
    yield


class PathOfBytes:
    def __fspath__(self):
        return b"a"


@pytest.mark.parametrize(
    ("given", "error", "says"),
    [
        ({"max_crumb": 5}, TypeError, "Unknown option 'max_crumb'. Did you mean 'max_crumbs'?"),
        ({"on_crush": "stderr"}, TypeError, "Did you mean 'on_crash'?"),
        ({"max_crumbs": "5"}, TypeError, "max_crumbs= is a number of crumbs, not '5'"),
        ({"max_crumbs": True}, TypeError, "not True"),
        ({"max_crumbs": 0}, ValueError, "max_crumbs=0"),
        ({"max_trail": -1}, ValueError, "max_trail=-1"),
        (
            {"on_crash": "stdrr"},
            ValueError,
            "Unknown value of on_crash= 'stdrr'. Did you mean 'std",
        ),
        ({"on_crash": 3}, TypeError, "on_crash= is one of"),
        ({"on_crash": send}, TypeError, "on_crash= takes a plain function: nobody"),
        ({"on_crash": Sender().send}, TypeError, "nobody awaits the coroutine"),
        ({"on_crash": Sender()}, TypeError, "nobody awaits the coroutine"),
        ({"on_crash": functools.partial(send)}, TypeError, "nobody awaits the coroutine"),
        ({"on_crash": sending}, TypeError, "or generator that <function sending"),
        ({"output_file": 3}, TypeError, "output_file= is a path"),
        ({"output_file": ""}, ValueError, "empty path"),
        ({"include_timestamp": 1}, TypeError, "True or False"),
        ({"include_thread": "no"}, TypeError, "True or False"),
        ({"redact": "iban"}, TypeError, "not 'iban'. One name is redact=['iban']."),
        ({"redact": [1]}, TypeError, "names of more keys"),
        ({"redact": None}, TypeError, "names of more keys"),
        ({"redact": ["tenant", "_"]}, ValueError, "redact= has the name '_'"),
        ({"max_crumbs": 2**70}, ValueError, f"max_crumbs={2**70} is too many"),
        ({"max_trail": 2**70}, ValueError, f"max_trail={2**70} is too many"),
        ({"output_file": "a\0b"}, ValueError, "output_file='a\\x00b'"),
        ({"output_file": PathOfBytes()}, TypeError, "output_file= is a path of text, not b'a'"),
        ({"black_box": "a\0b"}, ValueError, "black_box='a\\x00b'"),
        ({"dump_signal": "USR1"}, TypeError, "signal.SIGUSR1"),
        ({"dump_signal": signal.SIGKILL}, ValueError, "cannot be used here"),
        ({"dump_signal": 4711}, ValueError, "cannot be used here"),
    ],
)
def test_a_wrong_option_is_refused_by_name(given, error, says):
    hook = sys.excepthook
    with pytest.raises(error) as raised:
        statecrumbs.enable(max_crumbs=7, **given) if "max_crumbs" not in given else (
            statecrumbs.enable(**given)
        )
    assert says in str(raised.value)
    assert sys.excepthook is hook
    assert options.max_crumbs == 50
    assert not options.is_enabled


def test_the_defaults_are_the_documented_ones():
    statecrumbs.disable()
    assert options.max_crumbs == 50
    assert options.on_crash == "stderr"
    assert options.output_file == "statecrumbs.json"
    assert options.include_timestamp is True
    assert options.include_thread is True
    assert options.max_trail == 100
    assert options.redact is True
    assert options.black_box is None
    assert options.dump_signal is None


def test_options_that_are_not_given_stay_as_they_are():
    statecrumbs.enable(max_crumbs=7, on_crash="none")
    statecrumbs.enable(include_thread=False)
    assert (options.max_crumbs, options.on_crash) == (7, "none")


def test_names_to_redact_may_come_from_an_iterator():
    statecrumbs.enable(on_crash="none", redact=iter(["tenant"]))
    with captured_crumbs() as captured:
        statecrumbs.crumb("import", tenant="x")
    assert captured.crumbs[0]["tenant"] == "[redacted]"


def test_a_signal_is_refused_outside_of_the_main_thread():
    raised = []

    def work():
        try:
            statecrumbs.enable(dump_signal=signal.SIGUSR1)
        except ValueError as error:
            raised.append(str(error))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert "main thread" in raised[0]

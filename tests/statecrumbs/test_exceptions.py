"""An exception in a dump: bounded, without secrets, whatever its class does when it is asked."""

from __future__ import annotations

import builtins
import json
import sys
import types

import pytest

import statecrumbs
from statecrumbs._crash import describe_exception
from tests.statecrumbs.dump_schema import check_dump


def fail(exc):
    raise exc


@pytest.fixture
def dumped():
    """Return the record that a dump of a raised exception ends with."""
    dumps = []
    statecrumbs.enable(on_crash=dumps.append)

    def dump_of(exc):
        with pytest.raises(type(exc)) as raised:
            fail(exc)
        assert statecrumbs.report(raised.value)
        return dumps[-1][-1]["exception"]

    yield dump_of
    statecrumbs.disable()


class DelegatingError(Exception):
    """Answers for what it wraps, and was copied or unpickled without it."""

    def __getattr__(self, name):
        return getattr(self.wrapped, name)


class ComputingError(Exception):
    @property
    def exceptions(self):
        raise KeyboardInterrupt

    __notes__ = __cause__ = __context__ = __traceback__ = exceptions


class PretendingError(Exception):
    @property
    def __class__(self):
        raise ValueError

    @property
    def __dict__(self):
        raise ValueError


class Naming(type):
    @property
    def __module__(cls):
        raise ValueError


class NamelessError(Exception, metaclass=Naming):
    pass


@pytest.mark.parametrize("kind", [DelegatingError, ComputingError, PretendingError, NamelessError])
def test_a_class_that_answers_wrongly_costs_no_dump(dumped, kind):
    described = dumped(kind("told"))
    assert described["type"].endswith(kind.__qualname__)
    assert described["message"] == "told"
    assert described["traceback"][-1]["function"] == "fail"


def test_causes_that_the_class_hides_are_shown_all_the_same(dumped):
    exc = ComputingError("outer")
    BaseException.__dict__["__cause__"].__set__(exc, ValueError("inner"))
    assert dumped(exc)["cause"]["message"] == "inner"


def dive(deep):
    if deep:
        dive(deep - 1)
    raise ValueError


@pytest.mark.parametrize(
    ("calls", "left_out"), [(50, []), (51, ["(1 more)"]), (300, ["(250 more)"])]
)
def test_of_a_deep_traceback_the_way_in_and_the_end_are_shown(calls, left_out):
    with pytest.raises(ValueError, match=r"^$") as raised:
        dive(calls - 2)  # with this function there are so many
    shown = [entry["function"] for entry in describe_exception(raised.value)["traceback"]]
    here = sys._getframe().f_code.co_name
    assert shown == [here, *["dive"] * 9, *left_out, *["dive"] * 40]


@pytest.mark.parametrize("length", range(2000, 2060))
def test_a_secret_across_the_edge_of_a_message_is_not_shown_in_part(dumped, length):
    described = dumped(ValueError(f"{'x' * length} postgres://bob:hunter2@db/parts"))
    assert "hunt" not in described["message"]
    assert len(described["message"]) <= 2048


def test_secrets_in_causes_and_notes_are_blanked(dumped):
    exc = ValueError({"password": "hunter2"}, ("token", "hunter2"))
    exc.__notes__ = ["password=hunter2", 3]
    exc.__context__ = KeyError("secret", "hunter2")
    described = dumped(exc)
    assert "hunter2" not in str(described)
    assert described["notes"] == ["password=[redacted]", "<unserializable>"]


def test_names_of_files_functions_and_classes_are_bounded_and_can_be_encoded(dumped):
    code = fail.__code__.replace(co_filename="/srv/\udcff.py")
    long = type("Long" * 5000, (Exception,), {})
    with pytest.raises(long) as raised:
        types.FunctionType(code, {})(long("x"))
    described = dumped(raised.value)
    json.dumps(described, ensure_ascii=False).encode()
    assert "/srv/\\udcff.py" in [entry["file"] for entry in described["traceback"]]
    assert len(described["type"]) <= 2048


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Python 3.11 or newer: exception groups")
def test_groups_of_groups_are_described_in_bounded_size(dumped):
    exc = ValueError("deep inside")
    for _ in range(9):
        exc = builtins.ExceptionGroup("group", [exc] * 10)
    text = json.dumps(dumped(exc))
    assert text.count('"type"') == 100
    assert "deep inside" in text


def test_a_call_without_a_line_number_fits_the_schema(dumped):
    """Generators of code leave the lines out, and then Python has None for them."""
    code = fail.__code__.replace(co_linetable=b"")
    dump = {"event": "unhandled_exception", "exception": {}}

    with pytest.raises(ValueError, match="oops") as raised:
        types.FunctionType(code, {})(ValueError("oops"))

    assert raised.value.__traceback__.tb_next.tb_lineno in (None, -1)
    dump["exception"] = dumped(raised.value)
    assert 0 in [call["line"] for call in dump["exception"]["traceback"]]
    check_dump([dump])

"""The promises of crumb(), snapshot(), trail(), clear() and dump() inside one process."""

from __future__ import annotations

import gc
import json
import re
import signal
import sys
import threading
import uuid
import weakref
from concurrent.futures import ThreadPoolExecutor
from time import time_ns

import pytest

import corectx
import penstock
import statecrumbs
from corectx import Site, attach, detach, start, subscribe
from penstock.testing import isolated_registry
from statecrumbs import _recorder, clear, crumb, snapshot, trail
from statecrumbs._crash._dump import collect
from statecrumbs.context import context, get_context
from statecrumbs.lowlevel import record_event
from statecrumbs.testing import captured_crumbs


@pytest.fixture(autouse=True)
def fresh():
    """Each test has an empty ring and default options."""
    statecrumbs.disable()
    clear()
    yield
    statecrumbs.disable()
    clear()


def events() -> list[str]:
    return [crumb["event"] for crumb in snapshot()]


def test_a_crumb_has_the_fields_of_the_data_model_in_their_order():
    with context(pipeline_id="ingest-42", stage="transform"):
        crumb("transform_completed", records=4)
    (only,) = snapshot()
    assert list(only) == ["event", "ts", "thread", "context", "records"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00", only.pop("ts"))
    assert only == {
        "event": "transform_completed",
        "thread": "MainThread",
        "context": {"pipeline_id": "ingest-42", "stage": "transform"},
        "records": "4",
    }


OTHERS = (
    {},
    {"a": 1},
    {"b": "text"},
    {"a": 1, "b": "text"},
    {"b": None, "a": 0.5},
    {"a": 1, "c": True},
    {"a": 1, "b": 2, "c": 3},
    {"a": "x" * 513, "b": "x" * 2_000},
    {"a": 1 << 64, "b": 1},
    {"a": 1, "b": -(1 << 70)},
    {"a": [1, {"password": "hunter2"}], "b": (1, 2)},
    {"a": 1, "b": ValueError(object())},
    {"a": "x" * 1_025},
    {"password": "hunter2"},
    {"a": "hunter2", "password": "hunter2"},
    {"name": "DB_PASSWORD"},
    {"name": "DB_PASSWORD", "value": "hunter2"},
    {"a": 1, "event": 2},
)


def shown(event: str, data: dict[str, object]) -> dict[str, object]:
    crumb(event, **data)
    found = snapshot()[-1]
    del found["event"], found["ts"]
    return {key: re.sub("0x[0-9a-f]+", "0x", str(text)) for key, text in found.items()}


@pytest.mark.parametrize("second", OTHERS)
@pytest.mark.parametrize("first", OTHERS)
def test_what_an_event_had_before_changes_no_later_crumb_of_it(first, second):
    event, other = str(uuid.uuid4()), str(uuid.uuid4())
    crumb(event, **first)
    crumb(event, **first)
    expected = shown(other, second)
    assert [shown(event, second) for _ in range(3)] == [expected] * 3
    assert shown(event, first) == shown(event, first)


@pytest.mark.parametrize("order", [("name", "value"), ("value", "name")])
def test_a_name_and_its_value_are_no_secret_until_they_come_together(order):
    both = {"name": "DB_PASSWORD", "value": "hunter2"}
    event = str(uuid.uuid4())
    for name in order:
        crumb(event, **{name: both[name]})
    for _ in range(2):
        assert shown(event, both)["value"] == "'[redacted]'"


TELLING = (
    {"sql": "INSERT INTO users (name, password) VALUES (?, ?)", "params": ("bob", "hunter2x9")},
    {"columns": ["name", "password"], "rows": [("bob", "hunter2x9")]},
    {"path": "password", "value": "hunter2x9"},
    {"type": "password", "value": "hunter2x9"},
    {"card": {"number": "4111111111111111"}},
)


@pytest.mark.parametrize("data", TELLING, ids=lambda data: next(iter(data)))
@pytest.mark.parametrize("record", [record_event, _recorder.record_message])
def test_values_that_tell_a_secret_together_are_blanked_in_each_crumb(record, data):
    event = str(uuid.uuid4())
    for _ in range(3):
        record(event, dict(data))
        shown = snapshot()[-1]
        assert "[redacted]" in str(shown)
        assert "hunter2x9" not in str(shown)
        assert "4111111111111111" not in str(shown)


@pytest.mark.parametrize("data", TELLING, ids=lambda data: next(iter(data)))
def test_ambient_values_that_tell_a_secret_together_are_blanked(data):
    with context(city="Ulm", **data):
        crumb("x")
    shown = snapshot()[-1]["context"]
    assert "[redacted]" in str(shown)
    assert "hunter2x9" not in str(shown)
    assert "4111111111111111" not in str(shown)
    assert shown["city"] == "Ulm"


def test_data_is_stored_by_its_repr():
    crumb("x", user="alice", x=10, none=None, yes=True, pi=3.5, items=[1, "a"], raw=b"\0")
    (only,) = snapshot()
    del only["event"], only["ts"], only["thread"]
    assert only == {
        "user": "'alice'",
        "x": "10",
        "none": "None",
        "yes": "True",
        "pi": "3.5",
        "items": "[1, 'a']",
        "raw": "b'\\x00'",
    }


@pytest.mark.parametrize("times", [1, 3])
def test_a_crumb_looks_the_same_the_first_time_and_later(times):
    """The first crumb of an event takes another way through the code than the next ones."""
    for _ in range(times):
        crumb("seen", rows=10, table="users", big=2**70, small=-(2**63), ratio=0.1)
    last = snapshot()[-1]
    assert (last["rows"], last["table"], last["ratio"]) == ("10", "'users'", "0.1")
    assert (last["big"], last["small"]) == (str(2**70), str(-(2**63)))


@pytest.mark.parametrize("event", ["", None, 7, b"x", [], object()])
def test_an_event_that_is_no_text_is_not_recorded(event):
    crumb(event)
    assert snapshot() == []


@pytest.mark.parametrize(
    ("event", "named"),
    [("", "an empty text"), (7, "an object of int"), (b"x", "an object of bytes")],
)
def test_an_event_that_is_not_recorded_is_logged_once(event, named, caplog, monkeypatch):
    monkeypatch.setattr("corectx._process._logged", set())
    crumb(event)
    crumb(event)
    (record,) = caplog.records
    assert f"called with {named} as its event" in record.getMessage()


def test_a_long_event_is_cut():
    crumb("x" * 256)
    crumb("x" * 257)
    whole, cut = events()
    assert whole == "x" * 256
    assert cut == "x" * 232 + "... (25 more)"


def test_the_event_may_be_given_by_its_name():
    for _ in range(2):
        crumb(event="paid", amount=5)
    assert events() == ["paid", "paid"]
    assert [each["amount"] for each in snapshot()] == ["5", "5"]
    assert "event_" not in snapshot()[0]


@pytest.mark.parametrize("data", [{}, {"rows": 1}, {"event": ""}, {"event": 7}, {"event": None}])
def test_without_an_event_nothing_is_recorded_and_nothing_raised(data):
    crumb(**data)
    assert snapshot() == []


def test_the_ring_keeps_the_newest_fifty_by_default():
    for number in range(60):
        crumb("tick", number=number)
    assert [each["number"] for each in snapshot()] == [str(number) for number in range(10, 60)]


def test_a_smaller_ring_keeps_the_newest_of_what_there_was():
    for number in range(9):
        crumb("tick", number=number)
    statecrumbs.enable(max_crumbs=3, on_crash="none")
    assert [each["number"] for each in snapshot()] == ["6", "7", "8"]


def test_a_snapshot_is_the_callers_own():
    with context(user="bob"):
        crumb("x", rows=1)
    taken = snapshot()
    taken[0]["context"]["user"] = "changed"
    taken[0]["rows"] = "changed"
    taken.clear()
    assert snapshot()[0]["context"] == {"user": "bob"}
    assert snapshot()[0]["rows"] == "1"


def test_timestamp_and_thread_can_be_left_out():
    statecrumbs.enable(include_timestamp=False, include_thread=False, on_crash="none")
    crumb("x")
    assert snapshot() == [{"event": "x"}]


def test_system_fields_are_not_overwritten_by_user_data():
    for _ in range(2):
        crumb("real", event=1, ts=2, thread=3, context=4, frame=5, event_=6)
    for each in snapshot():
        assert each["event"] == "real"
        assert each["thread"] == "MainThread"
        assert "context" not in each
        assert {each["event_"], each["event__"]} == {"1", "6"}
        assert (each["ts_"], each["thread_"], each["context_"], each["frame_"]) == tuple("2345")


def test_dump_prints_the_crumbs_as_json(capsys):
    crumb("x", rows=1)
    statecrumbs.dump()
    printed = capsys.readouterr().out
    assert json.loads(printed) == snapshot()
    assert "\n" in printed.strip()


def test_get_context_is_the_merged_values_as_a_dict_of_ones_own():
    with context(a=1), context(b=2):
        got = get_context()
        assert got == {"a": 1, "b": 2}
        got["a"] = 9
        assert get_context()["a"] == 1
    assert get_context() == {}


def test_a_value_of_the_context_that_changes_is_shown_as_it_was_at_each_crumb():
    seen: list[int] = []
    with context(seen=seen):
        crumb("before")
        seen.append(1)
        crumb("after")
    assert [each["context"]["seen"] for each in snapshot()] == ["[]", "[1]"]


def test_a_named_frame_shows_its_facts():
    frame = start(Site("step", "fetch", flow="bom_sync"), correlation_id="c-1")
    token = attach(frame)
    with context(page=2):
        crumb("x")
    detach(token)
    assert snapshot()[0]["frame"] == {
        "kind": "step",
        "name": "fetch",
        "flow": "bom_sync",
        "correlation_id": "c-1",
    }
    assert snapshot()[0]["context"] == {"page": 2}


class TestTrail:
    def test_has_the_crumbs_of_this_operation_only(self):
        with context(request=1):
            crumb("mine")
            with context(step=2):
                crumb("mine too")
                assert [each["event"] for each in trail()] == ["mine", "mine too"]
        with context(request=2):
            assert trail() == []
        assert trail() == []
        assert events() == ["mine", "mine too"]

    def test_is_bounded_on_its_own(self):
        statecrumbs.enable(max_trail=3, on_crash="none")
        with context(request=1):
            for number in range(10):
                crumb("tick", number=number)
            assert [each["number"] for each in trail()] == ["7", "8", "9"]

    def test_is_shared_by_the_threads_of_an_operation(self):
        from corectx import bind

        with context(request=1):
            crumb("main")
            thread = threading.Thread(target=bind(crumb), args=("worker",))
            thread.start()
            thread.join()
            assert [each["event"] for each in trail()] == ["main", "worker"]

    def test_is_emptied_by_clear(self):
        with context(request=1):
            crumb("x")
            clear()
            assert trail() == []
        assert snapshot() == []


class TestNoObjectIsKeptAlive:
    class Thing:
        def __repr__(self):
            return "thing"

    def test_by_data(self):
        thing = self.Thing()
        gone = weakref.ref(thing)
        crumb("x", thing=thing, nested=[{"thing": thing}])
        del thing
        gc.collect()
        assert gone() is None
        assert snapshot()[0]["thing"] == "thing"

    def test_by_context(self):
        thing = self.Thing()
        gone = weakref.ref(thing)
        with context(thing=thing):
            crumb("x")
        del thing
        gc.collect()
        assert gone() is None
        assert snapshot()[0]["context"] == {"thing": "thing"}

    def test_by_an_event_of_a_subclass_of_str(self):
        class Event(str):  # noqa: SLOT000 - weak references need its slot
            pass

        crumb("known")
        crumb("known")
        event = Event("known")
        gone = weakref.ref(event)
        crumb(event)
        del event
        gc.collect()
        assert gone() is None
        assert type(snapshot()[-1]["event"]) is str

    def test_by_a_scalar_of_a_subclass(self):
        class Number(int):
            pass

        crumb("x", value=1)
        value = Number(7)
        crumb("x", value=value)
        assert snapshot()[-1]["value"] == "7"
        before = [each for each in gc.get_objects() if type(each) is Number]
        del value, before
        gc.collect()
        assert not [each for each in gc.get_objects() if type(each) is Number]


@pytest.mark.parametrize(
    "error", [ValueError, KeyboardInterrupt, SystemExit, GeneratorExit, RecursionError, MemoryError]
)
def test_whatever_a_repr_raises_stays_inside(error):
    class Bad:
        def __repr__(self):
            raise error

    with context(bad=Bad()):
        crumb("x", bad=Bad(), deep=[{"bad": Bad()}])
    (only,) = snapshot()
    assert only["bad"] == only["context"]["bad"] == "<unserializable>"
    assert "<unserializable>" in only["deep"]


def test_a_repr_that_records_is_fine():
    class Loud:
        def __repr__(self):
            crumb("inner")
            return "loud"

    crumb("outer", value=Loud())
    assert sorted(events()) == ["inner", "outer"]


class Text(str):
    """A text of a class of the program's own, each of whose methods raises `error`."""

    __slots__ = ()
    error: type[BaseException] = KeyboardInterrupt

    def fail(self, *_):
        raise self.error

    __bool__ = __len__ = __str__ = __repr__ = __getitem__ = __contains__ = fail
    __eq__ = __ne__ = __hash__ = fail


class NamedKey(Text):
    """Can be a key of a dict, which asks for its hash, but is equal to nothing."""

    def __hash__(self):
        return str.__hash__(self)


ERRORS = [ValueError, SystemExit, KeyboardInterrupt]


@pytest.mark.parametrize("error", ERRORS)
def test_an_event_whose_hash_raises_is_not_recorded(error):
    class Bad:
        def __hash__(self):
            raise error

    crumb(Bad())
    assert snapshot() == []


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("kind", [Text, NamedKey])
def test_an_event_of_a_hostile_class_of_text_is_recorded_as_its_text(
    kind, known, error, monkeypatch
):
    if known:
        crumb("it")
        clear()
    monkeypatch.setattr(Text, "error", error)
    crumb(kind("it"), x=1)
    (only,) = snapshot()
    assert only["event"] == "it"
    assert type(only["event"]) is str


@pytest.mark.parametrize("error", ERRORS)
def test_a_name_of_a_hostile_class_of_text_is_recorded_as_its_text(error, monkeypatch):
    crumb("it", name=1)
    clear()
    monkeypatch.setattr(Text, "error", error)
    crumb("it", **{NamedKey("name"): 1})
    with context(**{NamedKey("key"): 2}):
        crumb("it")
    first, second = snapshot()
    assert first["name"] == "1"
    assert second["context"] == {"key": 2}


def test_two_names_with_one_text_are_both_kept():
    class Another(str):
        __slots__ = ()

        def __eq__(self, other):
            return self is other

        def __hash__(self):
            return id(self)

    crumb("it", **{"name": 1, Another("name"): 2})
    assert snapshot()[0]["name"] == "1"
    assert snapshot()[0]["name_"] == "2"


@pytest.mark.parametrize("error", ERRORS)
def test_a_class_whose_own_class_raises_is_not_asked(error):
    class Meta(type):
        def fail(cls, *_):
            raise error

        __eq__ = __hash__ = __repr__ = __instancecheck__ = __subclasscheck__ = fail

    class Value(metaclass=Meta):
        @property
        def __class__(self):
            raise error

        def __repr__(self):
            return "<Value>"

    crumb("it", value=1, items=2)
    for _ in range(2):  # before and after the event is known
        crumb("it", value=Value(), items=[Value(), ("a", Value()), (Value(), "a")])
        with context(value=Value()):
            crumb("it")
    crumb(Value())  # type: ignore[arg-type]
    assert events() == ["it"] * 5
    assert snapshot()[-1]["context"] == {"value": "<Value>"}


def test_a_crumb_is_at_most_4_kib_whatever_it_is_given():
    crumb("long", **{f"key{number}": "x" * 5000 for number in range(200)})
    crumb("wide", text="\U0001f600" * 100_000)
    crumb("keys", **{"k" * 100_000: 1})
    crumb("e" * 100_000)
    for each in snapshot():
        del each["ts"], each["thread"]
        assert len(json.dumps(each, ensure_ascii=False).encode()) < 6000, each["event"]


def test_what_is_left_out_is_counted():
    crumb("many", **{f"key{number}": number for number in range(100)})
    (only,) = snapshot()
    shown = [name for name in only if name.startswith("key")]
    assert only["..."] == f"({100 - len(shown)} more)"


def test_an_observer_hears_of_each_crumb_rendered_and_redacted():
    heard = []

    class Observer:
        def crumb(self, frame, time_ns, event, data):
            heard.append((frame, event, dict(data)))

    unsubscribe = subscribe(Observer())
    try:
        for _ in range(2):
            crumb("x", rows=1, password="hunter2")  # noqa: S106
    finally:
        unsubscribe()
    assert heard == [(None, "x", {"rows": "1", "password": "[redacted]"})] * 2


def test_secrets_are_blanked_at_any_depth_and_in_text():
    with context(api_key="sesame", author="ann"):
        for _ in range(2):
            crumb(
                "login",
                password="hunter2",  # noqa: S106
                headers={"Authorization": "Bearer abc.def", "Accept": "*/*"},
                url="postgres://user:hunter2@db/app",
                text="token=hunter2 user=ann",
                author="ann",
            )
    shown = json.dumps(snapshot())
    assert "hunter2" not in shown
    assert "sesame" not in shown
    assert "abc.def" not in shown
    assert snapshot()[0]["author"] == "'ann'"
    assert snapshot()[0]["context"]["author"] == "ann"


def test_secrets_in_the_names_of_values_are_blanked_the_first_time_and_later():
    pool = {"postgres://bob:hunter2@db/parts": "open"}
    for _ in range(3):
        crumb("checked", **pool)
    with context(**pool):
        crumb("inside")
    assert "hunter2" not in str(snapshot())
    assert snapshot()[2]["postgres://bob:[redacted]@db/parts"] == "'open'"


def test_a_name_that_cannot_be_encoded_is_escaped_the_first_time_and_later():
    for _ in range(3):
        crumb("it", **{"\ud800": 1})
    assert [crumb["\\ud800"] for crumb in snapshot()] == ["1", "1", "1"]


@pytest.mark.parametrize("length", range(950, 1040, 3))
def test_a_secret_across_the_edge_of_an_event_is_not_shown_in_part(length):
    crumb(f"token={'x' * length} postgres://bob:hunter2@db/parts")
    with_thread = threading.Thread(
        target=crumb, args=("it",), name=f"token={'x' * (length // 2)} postgres://bob:hunter2@db/"
    )
    with_thread.start()
    with_thread.join()
    assert "hunt" not in str(snapshot())


def test_more_keys_can_be_named_as_secrets_and_redaction_can_be_switched_off():
    crumb("x", iban="DE00", password="p")  # noqa: S106
    assert snapshot()[-1]["iban"] == "'DE00'"
    statecrumbs.enable(redact=["iban"], on_crash="none")
    crumb("x", iban="DE00", password="p")  # noqa: S106
    assert (snapshot()[-1]["iban"], snapshot()[-1]["password"]) == ("[redacted]", "[redacted]")
    statecrumbs.enable(redact=False)
    crumb("x", iban="DE00", password="p")  # noqa: S106
    assert (snapshot()[-1]["iban"], snapshot()[-1]["password"]) == ("'DE00'", "'p'")


def test_threads_that_record_at_once_lose_nothing():
    with captured_crumbs() as captured:
        barrier = threading.Barrier(8)

        def work(worker):
            barrier.wait()
            for number in range(500):
                crumb("tick", worker=worker, number=number)

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(work, range(8)))
    assert len(captured.crumbs) == 4000
    for worker in range(8):
        mine = [each["number"] for each in captured.crumbs if each["worker"] == str(worker)]
        assert mine == [str(number) for number in range(500)]


def test_the_thread_is_named():
    thread = threading.Thread(target=crumb, args=("x",), name="worker-7")
    thread.start()
    thread.join()
    assert snapshot()[0]["thread"] == "worker-7"


def test_captured_crumbs_keeps_the_ring_apart():
    crumb("before")
    with captured_crumbs() as captured:
        assert snapshot() == []
        crumb("inside", rows=2)
        assert captured.events == ["inside"]
        assert captured.crumbs[0]["rows"] == "2"
    crumb("after")
    assert events() == ["before", "after"]
    assert captured.events == ["inside"]


@pytest.mark.parametrize("length", [100, 129, 500, 1000, 1024, 1025, 5000])
@pytest.mark.parametrize("character", ["x", "\n", "é", "\U0001f600", "\\"])
def test_a_long_string_is_shown_alike_when_its_event_is_new_and_later(length, character):
    statecrumbs.clear()
    for _ in range(3):  # the later ones are kept as they are, and rendered when somebody looks
        crumb("long", text=character * length, secret=f"password=hunter2 {character}")
    shown = [each["text"] for each in snapshot()]
    assert len(set(shown)) == 1
    assert len(shown[0]) <= 1024 or length <= 128
    assert "hunter2" not in str(snapshot())


def test_frames_of_one_step_share_what_is_shown_of_their_ambient_values():
    bench = penstock.flow("shared")

    @bench.step(after="begin")
    def work():
        crumb("it")

    @bench.entrypoint
    def begin():
        order = uuid.UUID(int=4711)
        with context(order=order, amount=3):
            work()
            work()
            with context(amount=4):
                work()
        work()

    with isolated_registry():
        begin()
        begin()
    shown = [each.get("context") for each in snapshot()]
    inner = {"order": "UUID('00000000-0000-0000-0000-000000001267')", "amount": 3}
    assert shown == [inner, inner, {**inner, "amount": 4}, None] * 2
    assert {each["frame"]["name"] for each in snapshot()} == {"work"}
    first, last = (snapshot()[at]["frame"]["correlation_id"] for at in (0, -1))
    assert first != last


def test_an_ambient_value_that_may_change_is_shown_anew_in_each_frame():
    given = ["before"]
    with context(given=given):
        crumb("it")
        given[0] = "after"
        crumb("it")
    assert [each["context"]["given"] for each in snapshot()] == ["['before']", "['after']"]


def test_a_step_that_records_on_and_on_counts_each_crumb():
    bench = penstock.flow("many")

    @bench.step(after="begin")
    def work(number):
        crumb("it", number=number)

    @bench.entrypoint
    def begin():
        for number in range(5_000):
            work(number)
        return trail(), collect(corectx.current())[2]

    with isolated_registry():
        last, dropped = begin()
    assert [each["number"] for each in last[-2:]] == ["4998", "4999"]
    assert dropped == 5_000 - len(last)


@pytest.mark.parametrize("number", [8, 9, 16, 64])
def test_crumbs_of_many_values_are_recorded_whole(number):
    values = {f"name_{each}": each if each % 2 else "text" for each in range(number)}
    for _ in range(2):
        crumb("it", **values)
        shown = snapshot()[-1]
        assert {name: shown[name] for name in values} == {k: repr(v) for k, v in values.items()}


def test_values_beyond_the_most_that_a_crumb_has_are_counted():
    values = {f"name_{each}": each for each in range(70)}
    for _ in range(2):
        crumb("it", **values)
        assert snapshot()[-1]["..."] == "(6 more)"
        assert "name_63" in snapshot()[-1]


def test_names_that_differ_each_time_are_all_recorded():
    for each in range(300):
        crumb("it", **{f"name_{each}": each})
        assert snapshot()[-1][f"name_{each}"] == str(each)
    assert len(statecrumbs._recorder._known["it"][1]) <= 64


def test_many_events_do_not_make_later_ones_unknown():
    for each in range(3_000):
        crumb(f"line {each}")
    crumb("late", number=1)
    assert "late" in statecrumbs._recorder._known
    assert len(statecrumbs._recorder._known) <= 1024


@pytest.mark.skipif(sys.platform == "win32", reason="a signal of POSIX")
@pytest.mark.parametrize(
    "raised", [KeyError, LookupError, AttributeError, TypeError, RecursionError, StopIteration]
)
@pytest.mark.parametrize("record", [crumb, lambda event: record_event(event, {"n": 1})])
def test_what_a_signal_handler_raises_in_a_crumb_leaves_it(monkeypatch, raised, record):
    # `crumb` itself raises these to leave its fast path.
    def handler(_number, _frame):
        raise raised

    once = iter([signal.SIGUSR1])

    def interrupted():
        for number in once:
            signal.raise_signal(number)
        return time_ns()

    record("tick")
    before = signal.signal(signal.SIGUSR1, handler)
    try:
        with monkeypatch.context() as patch:
            patch.setattr(_recorder, "time_ns", interrupted)
            with pytest.raises(raised):
                record("tick")
    finally:
        signal.signal(signal.SIGUSR1, before)
    record("tick")
    assert [each["event"] for each in snapshot()] == ["tick", "tick"]

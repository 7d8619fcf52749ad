"""Small values are kept when they are recorded, and rendered when somebody looks."""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
import gc
import os
import pathlib
import threading
import types
import typing
import uuid
import weakref
import zoneinfo

import attrs
import pydantic
import pytest
from django.http.request import HttpHeaders
from hypothesis import example, given
from hypothesis import strategies as st

from corectx import Site, attach, current, detach, start
from statecrumbs import clear, crumb, disable, enable, snapshot
from statecrumbs._crumb import Rendered, freeze_data, rendered_data
from statecrumbs._options import options
from statecrumbs._recorder import records
from statecrumbs._trail import trail_of
from statecrumbs._values import keepers_for, kept_size, render


@pytest.fixture(autouse=True)
def default_options():
    yield
    disable()


class Color(enum.Enum):
    RED = 1


class Level(enum.IntEnum):
    LOW = 3


class Name(str, enum.Enum):
    ANN = "ann"


@dataclasses.dataclass
class Order:
    number: int
    customer: object


@dataclasses.dataclass
class One:
    number: int


@dataclasses.dataclass(repr=True)
class Slotted:
    __slots__ = ("number", "text")
    number: int
    text: str


@attrs.define
class Attrs:
    number: int


@attrs.define(slots=False)
class OpenAttrs:
    number: int
    text: str


class Customer(pydantic.BaseModel):
    number: int
    name: str = pydantic.Field(default="Ann", repr=False)
    plan: str = "pro"


class OrderError(Exception):
    pass


class Point(typing.NamedTuple):
    x: int
    y: str


class Pair(typing.NamedTuple):
    user: str
    password: str


VALUES = [
    {},
    {"order": 4711, "customer": {"name": "Ann", "plans": ["pro", None]}, "is_paid": True},
    [1, "two", 3.5, [None], (True,)],
    (),
    (1,),
    ("one", [2]),
    {1},
    frozenset((1, 2)),
    set(),
    b"bytes\x00",
    Color.RED,
    Level.LOW,
    Name.ANN,
    Order(4711, "Ann"),
    Order(4711, [Order(1, None)]),
    One(1),
    Slotted(1, "x"),
    Attrs(1),
    OpenAttrs(1, "x"),
    Point(1, "y"),
    Customer(number=4711),
    OrderError("not paid", 4711),
    KeyError("order"),
    ValueError(),
    OSError(2, "No such file"),
    uuid.UUID(int=4711),
    dt.datetime(2026, 1, 2, 3, 4, 5, 6),  # noqa: DTZ001 - as programs do
    dt.datetime(2026, 1, 2, tzinfo=dt.timezone.utc),
    dt.datetime(2026, 1, 2, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin")),
    dt.date(2026, 1, 2),
    dt.time(1, 2),
    dt.timedelta(days=3, seconds=4),
    decimal.Decimal("12.50"),
    pathlib.PurePosixPath("/srv/shop"),
    pathlib.Path("/srv/shop"),
    [uuid.UUID(int=1), decimal.Decimal(1), Color.RED],
    types.SimpleNamespace(),
]


def last():
    """Return the data of the last record."""
    return records()[-1][2]


def is_kept(value):
    crumb("it", thing=value)
    return type(last()["thing"]) is not Rendered


@pytest.mark.parametrize("value", VALUES, ids=lambda value: repr(value)[:40])
def test_a_kept_value_has_the_text_of_its_repr(value):
    for _ in range(3):  # the first way is another one than that of the next
        crumb("it", thing=value)
    assert [each["thing"] for each in snapshot()[-3:]] == [repr(value)] * 3


@pytest.mark.parametrize("value", VALUES[:-1], ids=lambda value: repr(value)[:40])
def test_small_values_of_well_known_kinds_are_kept(value):
    assert is_kept(value)
    assert is_kept(value)


def test_what_is_kept_does_not_change_with_the_value():
    inner = ["before"]
    order = Order(4711, {"plans": inner})
    for _ in range(2):
        crumb("it", thing=order)
        assert snapshot()[-1]["thing"] == "Order(number=4711, customer={'plans': ['before']})"
    inner[0] = "after"
    order.number = 5
    assert snapshot()[-1]["thing"] == "Order(number=4711, customer={'plans': ['before']})"


def test_no_object_of_the_program_is_kept_alive():
    class Local(Order):
        pass

    order, error = Local(1, "Ann"), OrderError("it")
    looked_at = [weakref.ref(each) for each in (order, error, Local)]
    for _ in range(2):
        crumb("it", thing=order)
        crumb("it", thing=error)
    del order, error, Local
    gc.collect()
    assert [each() for each in looked_at] == [None, None, None]
    assert "Local(number=1, customer='Ann')" in snapshot()[-2]["thing"]


def test_of_ever_new_classes_none_is_kept_for_ever():
    def new_class():
        @dataclasses.dataclass
        class Local:
            number: int

        return Local

    first = new_class()
    crumb("it", thing=first(1))
    known = weakref.ref(first)
    del first
    for number in range(1100):
        crumb("it", thing=new_class()(number))
    gc.collect()
    assert known() is None
    crumb("it", thing=Order(7, "ann"))
    assert snapshot()[-1]["thing"] == "Order(number=7, customer='ann')"


def test_a_new_class_at_the_address_of_a_forgotten_one_is_shown_as_itself():
    for number in range(200):
        made = dataclasses.make_dataclass(f"Made{number}", [("x", int)])
        value = made(number)
        crumb("it", thing=value)
        crumb("it", thing=value)
        assert snapshot()[-1]["thing"] == repr(value)


def test_a_class_at_the_address_of_one_that_was_rendered_at_once_is_kept():
    for number in range(100):
        strange = type("Strange", (), {"__repr__": lambda self: "<strange>"})()
        crumb("it", thing=strange)
        del strange
        gc.collect(0)
        assert is_kept(dataclasses.make_dataclass(f"Made{number}", [("x", int)])(number))


@pytest.mark.parametrize(
    "value",
    [
        {"user": "ann", "password": "hunter2-raw"},
        [{"password": "hunter2-raw"}],
        dataclasses.make_dataclass("Login", [("user", str), ("password", str)])(
            "ann", "hunter2-raw"
        ),
        Pair("ann", "hunter2-raw"),
        Order(1, {"api_key": "hunter2-raw"}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_the_value_of_a_sensitive_name_is_not_kept(value):
    for _ in range(3):
        crumb("it", thing=value)
        assert "hunter2-raw" not in repr(last())
        assert "hunter2-raw" not in snapshot()[-1]["thing"]
        assert "'[redacted]'" in snapshot()[-1]["thing"]


def test_whether_there_is_a_secret_is_kept():
    for _ in range(2):
        crumb("it", thing={"password": None, "token": True})
        assert snapshot()[-1]["thing"] == "{'password': None, 'token': True}"


def test_a_secret_in_a_text_that_is_kept_is_blanked_when_somebody_looks():
    for _ in range(2):
        crumb("it", thing={"url": "https://ann:hunter2-raw@shop.example/"})
        assert "hunter2-raw" not in snapshot()[-1]["thing"]


def test_a_name_that_became_sensitive_later_is_blanked_too():
    crumb("it", thing={"tenant": "acme"}, tenant=["acme"])
    crumb("it", thing={"tenant": "acme"}, tenant=["acme"])
    enable(on_crash="none", redact=["tenant"])
    assert "acme" not in repr(snapshot()[-1])


def test_a_repr_that_was_replaced_later_counts():
    @dataclasses.dataclass
    class Changed:
        x: int

    for _ in range(2):
        crumb("it", thing=Changed(1))
    Changed.__repr__ = lambda self: "<changed>"
    crumb("it", thing=Changed(1))
    assert snapshot()[-1]["thing"] == "<changed>"


def test_the_class_of_a_kept_value_runs_no_code_of_its_own_class():
    asked = []

    class Meta(type):
        def __getattribute__(cls, name):
            asked.append(name)
            return super().__getattribute__(name)

        def __hash__(cls):
            asked.append("__hash__")
            return super().__hash__()

        def __eq__(cls, other):
            asked.append("__eq__")
            return cls is other

    @dataclasses.dataclass
    class Counted(metaclass=Meta):
        x: int

    class CountedError(Exception, metaclass=Meta):
        pass

    class Holder(enum.Enum):
        ONE = Counted(1)

    class Descriptor(metaclass=Meta):
        def __get__(self, instance, owner=None):
            return {}

    @dataclasses.dataclass
    class Described:
        x: int
        __dict__ = Descriptor()

    values = [Counted(1), CountedError("x"), Holder.ONE, [Counted(1)], {"password": Counted(1)}]
    values.append(Described(1))
    asked.clear()
    for value in values * 2:
        crumb("it", value=value)
    assert asked == []
    shown = [each["value"].rpartition("<locals>.")[2] for each in snapshot()]
    assert shown[:2] == shown[6:8] == ["Counted(x=1)", "CountedError('x')"]


class Handwritten(Order):
    def __repr__(self):
        return "<handwritten>"


class SubError(OrderError):
    def __repr__(self):
        return "<sub>"


class Described(Customer):
    def __repr_args__(self):
        return [("described", True)]


class Extra(Customer):
    model_config = pydantic.ConfigDict(extra="allow")


@pytest.mark.parametrize(
    "value",
    [Handwritten(1, 2), SubError("x"), Described(number=1), Extra(number=1, more=2)],
    ids=lambda value: type(value).__name__,
)
def test_a_subclass_with_a_repr_of_its_own_is_shown_by_that(value):
    for _ in range(2):
        crumb("it", thing=value)
        assert snapshot()[-1]["thing"] == repr(value)


@pytest.mark.parametrize(
    "value",
    [
        ["x" * 2000],
        {"x" * 2000: 1},
        list(range(21)),
        {str(number): number for number in range(21)},
        [[["y" * 300] * 2] * 2] * 2,
        1 << 70,
        [1 << 70],
        b"x" * 600,
        Order(1, "x" * 1100),
        OrderError("x" * 1100),
        decimal.Decimal("1" * 2000),
        pathlib.Path("/" + "x" * 1100),
        {1: 2},
        object,
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_value_that_may_be_large_or_strange_is_rendered_at_once(value):
    assert not is_kept(value)
    assert not is_kept(value)
    assert snapshot()[-1]["thing"] == render(value, None)


SECRETS = st.sampled_from(["password=hunter2 ", "Bearer abcdef0123456789 ", "\n", "'", "\\"])
LONG = st.builds(
    lambda text, times, before, secret: ("x" * before + secret + text) * times,
    st.text(st.characters(max_codepoint=300), min_size=1, max_size=40),
    st.integers(1, 300),
    st.integers(0, 1600),
    SECRETS,
)


@given(LONG, st.booleans())
@example("x" * 1500 + "password=hunter2 and more", False)
@example("\x00" * 2000, True)
def test_a_long_string_has_the_text_that_it_has_when_it_is_rendered_at_once(text, is_beside):
    data = {"thing": text, "n": 1} if is_beside else {"thing": text}
    kept = freeze_data(data, keepers_for(options.redactor))
    assert rendered_data(kept) == rendered_data(freeze_data(data))


def test_of_a_long_string_no_more_is_kept_than_is_looked_at():
    for number in (1, 2, 3, 9, 64):
        crumb("it", **{f"name_{each}": "x" * 100_000 for each in range(number)})
        assert kept_size(last()) < 4096 + 400 * (number + 1)
    crumb("it", thing="x" * 100_000)
    assert snapshot()[-1]["thing"].endswith(" more)")


def test_a_trail_of_long_strings_is_weighed():
    token = attach(start(Site("request")))
    for _ in range(10):
        crumb("light", thing="x")
    crumb("heavy", thing="x" * 3000)
    weighed = trail_of(current()).weighed
    detach(token)
    assert weighed > 600


def test_a_crumb_of_many_kept_values_stays_within_its_bounds():
    values = {f"name_{number}": {"text": "\x00" * 40} for number in range(64)}
    for _ in range(2):
        crumb("it", **values)
        shown = snapshot()[-1]
        assert sum(len(shown[name]) for name in shown if name.startswith("name_")) <= 4096


def test_a_list_inside_of_itself_ends():
    loop = []
    loop.append(loop)
    for _ in range(2):
        crumb("it", thing=loop)
        assert snapshot()[-1]["thing"] == "[[...]]"


def test_an_instance_that_lacks_a_field_is_shown_all_the_same():
    for _ in range(2):
        crumb("it", thing=Order(1, 2))
        crumb("it", thing=object.__new__(Order))
        assert snapshot()[-1]["thing"].startswith("Order(number=<not stored>")


@pytest.mark.parametrize("length", [10, 600, 900])
@pytest.mark.parametrize("others", [0, 1, 5])
def test_the_text_of_an_object_has_the_same_length_in_each_crumb(length, others):
    class Told:
        def __repr__(self):
            return "x" * length

    for thing in (Told(), [Told()]):
        for _ in range(3):
            crumb(f"it {others}", thing=thing, **dict.fromkeys("abcde"[:others], 1))
            assert snapshot()[-1]["thing"] == render(thing, None)
            assert type(last()["thing"]) is Rendered


def test_an_object_is_shown_once_beside_a_text_that_is_long():
    class Told:
        def __init__(self, length):
            self.length = length

        def __repr__(self):
            return "x" * self.length

    for _ in range(3):
        crumb("it", thing=Told(10), other=Told(900), last=b"\x00")
        shown = snapshot()[-1]
        assert (shown["thing"], shown["other"], shown["last"]) == (
            "x" * 10,
            "x" * 900,
            repr(b"\x00"),
        )


def test_an_object_is_shown_in_the_first_crumb_of_a_thread():
    class Told:
        def __repr__(self):
            return "told"

    for _ in range(2):
        thread = threading.Thread(target=crumb, args=("it",), kwargs={"thing": Told()})
        thread.start()
        thread.join()
        assert snapshot()[-1]["thing"] == "told"


def test_an_object_is_kept_beside_a_value_that_is_not():
    for _ in range(3):
        crumb("it", thing=Order(1, (2,)), other={1: 2})
        assert type(last()["thing"]) is not Rendered
        assert type(last()["other"]) is Rendered
        assert snapshot()[-1]["thing"] == "Order(number=1, customer=(2,))"


def test_an_object_in_a_list_is_no_list_of_parameters():
    for items in (["a: b?", One(1)], [One(1), ("password", "hunter2", "x")]):
        crumb("it", thing=items)
        assert snapshot()[-1]["thing"] == render(items, None)


def test_the_environment_is_kept_by_its_names(monkeypatch):
    environ = {"HOME": "/home/ann", "API_TOKEN": "hunter2-raw"}
    monkeypatch.setattr(os.environ, "_data", {k.encode(): v.encode() for k, v in environ.items()})
    for _ in range(2):
        crumb("it", thing=os.environ)
        assert "hunter2-raw" not in repr(last())
        assert (
            snapshot()[-1]["thing"] == "environ({'HOME': '/home/ann', 'API_TOKEN': '[redacted]'})"
        )


def test_the_headers_of_a_request_of_django_are_kept():
    headers = HttpHeaders({"HTTP_HOST": "shop.example", "HTTP_COOKIE": "sessionid=hunter2-raw"})
    for _ in range(2):
        crumb("it", thing=headers)
        assert "hunter2-raw" not in repr(last())
        assert snapshot()[-1]["thing"] == "{'Host': 'shop.example', 'Cookie': '[redacted]'}"


class ProgramZone(dt.tzinfo):
    def utcoffset(self, when):
        return dt.timedelta(0)

    def __repr__(self):
        return "ProgramZone()"


def test_a_time_in_a_zone_of_the_program_is_rendered_at_once():
    value = dt.datetime(2026, 1, 2, tzinfo=ProgramZone())
    assert not is_kept(value)
    assert snapshot()[-1]["thing"] == repr(value)


def test_a_value_is_kept_also_where_the_stack_is_nearly_full():
    crumb("deep", thing=[[1]])
    clear()

    def descend():
        crumb("deep", thing=[[1]])
        descend()

    with pytest.raises(RecursionError):
        descend()
    assert {each["thing"] for each in snapshot()} <= {"[[1]]", "<unserializable>"}
    assert len(snapshot()) > 10

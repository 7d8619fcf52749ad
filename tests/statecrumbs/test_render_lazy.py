from __future__ import annotations

import collections
import dataclasses
import enum
import functools
import re
import reprlib
import types
import typing
import weakref

import attrs
import pytest

from statecrumbs._values import jsonable
from tests.statecrumbs.shown import (
    Box,
    CustomError,
    Described,
    Formats,
    FormatsSlot,
    Headers,
    LongList,
    Names,
    Order,
    Point,
    Slotted,
    redactor,
    show,
)

asked = []  # each question to the database: an exception would be swallowed


@pytest.fixture(autouse=True)
def nobody_asks_the_database():
    asked.clear()
    yield
    assert not asked


def foreign(module, name, bases=(), **attributes):
    """Return a class as a framework has it, whose repr does what nobody asked for."""

    def fetch(*_):
        asked.append(name)
        return "fetched"

    own = {"__repr__": fetch, "__str__": fetch, "__iter__": fetch, "__len__": fetch}
    return type(name, bases, {"__module__": module, **own, **attributes})


QuerySet = foreign("django.db.models.query", "QuerySet")
Model = foreign("django.db.models.base", "Model")
Promise = foreign("django.utils.functional", "Promise")
LazyObject = foreign("django.utils.functional", "LazyObject")

meta = types.SimpleNamespace(pk=types.SimpleNamespace(attname="id"))
Customer = type("Customer", (Model,), {"__module__": "shop.models", "_meta": meta})
Mapped = foreign("shop.tables", "Mapped", _sa_class_manager=object())


def made(cls, **attributes):
    value = cls()
    vars(value).update(attributes)
    return value


state = types.SimpleNamespace(key=(Mapped, (7,), None))
LAZY = {
    "query set": (QuerySet(), r"<django.db.models.query.QuerySet object at \w+ \(not evaluated\)>"),
    "fetched query set": (made(QuerySet, _result_cache=[1, 2]), r"<QuerySet \[1, 2\]>"),
    "model": (made(Customer, id=42), "<shop.models.Customer pk=42>"),
    "deferred model": (Customer(), "<shop.models.Customer pk=None>"),
    "lazy text": (made(Promise, _args=("Hello",)), "<lazy 'Hello'>"),
    "lazy object": (LazyObject(), r"<django.utils.functional.LazyObject .* \(not evaluated\)>"),
    "loaded object": (
        made(LazyObject, _wrapped=made(Customer, id=3)), "<LazyObject: <shop.models.Customer pk=3>>"
    ),
    "page": (foreign("django.core.paginator", "Page")(), r"<django.* \(not evaluated\)>"),
    "mapped": (made(Mapped, _sa_instance_state=state), "<shop.tables.Mapped pk=7>"),
    "new mapped": (Mapped(), "<shop.tables.Mapped pk=None>"),
    "query": (foreign("sqlalchemy.orm.query", "Query")(), r"<sqlalchemy.* \(not evaluated\)>"),
    "proxy": (foreign("werkzeug.local", "LocalProxy")(), r"<werkzeug.* \(not evaluated\)>"),
    "task": (foreign("celery.local", "Proxy")(), r"<celery.* \(not evaluated\)>"),
    "array": (
        foreign("torch", "Tensor", shape=(3, 224))(), r"<torch.Tensor of shape \(3, 224\)>"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LAZY)
def test_an_object_that_would_ask_a_database_is_named(name):
    value, expected = LAZY[name]

    assert re.fullmatch(expected, show(value))


@pytest.mark.parametrize("lazy", [QuerySet(), Customer(), Mapped(), LazyObject()])
def test_no_container_evaluates_what_is_lazy_in_it(lazy):
    holders = [
        [lazy], (lazy,), {"a": lazy}, {"a": [{"b": (lazy,)}]}, {"a": lazy}.values(), Point(1, lazy),
        Order(1, lazy), Order(1, [Point(1, Order(2, [lazy]))]), Slotted(lazy), Box(1, lazy),
        types.SimpleNamespace(a=lazy), types.MappingProxyType({"a": lazy}),
        collections.deque([lazy]), collections.OrderedDict(a=lazy), collections.UserDict(a=lazy),
        collections.ChainMap({"a": lazy}), collections.defaultdict(list, a=lazy), Headers(a=lazy),
        functools.partial(print, lazy), functools.partial(print, a=lazy), ValueError(lazy),
        CustomError(lazy), Names([lazy]), LongList([lazy]), lazy.__iter__, staticmethod(lazy),
        slice(lazy), Formats(lazy), FormatsSlot(lazy), Formats([{"a": Formats(lazy)}]),
        [[[[Formats([lazy])]]]], iter([lazy]), weakref.ref(lazy),
    ]  # fmt: skip

    for holder in holders:
        show(holder)
        jsonable(holder, redactor, 500)
    assert "(not evaluated)>" in show(Formats(QuerySet()))
    assert show(Headers(a=made(Customer, id=3))) == "Headers({'a': <shop.models.Customer pk=3>})"


class Computed:
    """As celery.local.Proxy has it: the class's own `__module__` is computed."""

    def __get__(self, instance, owner=None):
        return "celery.local"


def test_a_proxy_that_computes_its_module_is_named():
    proxy = foreign("celery.local", "Proxy", __module__=Computed())
    proxy.__repr__.__module__ = "celery.local"

    assert show(proxy()).endswith("(not evaluated)>")


def row(name, items, columns):
    base = type("BaseRow", (), {"__module__": "sqlalchemy.engine._py_row", "__slots__": ROW})
    value = foreign("sqlalchemy.engine.row", name, (base,), __slots__=())()
    value._data, value._key_to_index = items, columns
    return value


ROW = ("_data", "_key_to_index")


def test_a_row_of_a_result_is_shown_with_the_names_of_its_columns():
    columns = {"id": 0, object(): 0, "password_hash": 1, "owner": 2}
    items = (1, "hunter2", made(Customer, id=3))
    expected = "(id=1, password_hash='[redacted]', owner=<shop.models.Customer pk=3>)"

    assert show(row("Row", items, columns)) == f"Row{expected}"
    assert show(row("RowMapping", items, columns)) == f"RowMapping{expected}"


def test_a_small_array_of_numbers_is_shown_and_one_of_objects_is_not():
    def array(size, kind):
        number = {"size": size, "shape": (size,), "dtype": types.SimpleNamespace(kind=kind)}
        return type(
            "ndarray", (), {"__module__": "numpy", "__repr__": lambda _: "array", **number}
        )()

    assert show(array(3, "f")) == "array"
    assert show(array(3, "O")) == "<numpy.ndarray of shape (3,)>"
    assert show(array(5_000_000, "f")) == "<numpy.ndarray of shape (5000000,)>"


def test_what_a_function_could_reach_does_not_keep_its_owner_from_being_shown():
    def callback():
        pass

    reaches_lazy = types.FunctionType(callback.__code__, {"lazy": QuerySet()})

    assert show(Described(callback=reaches_lazy, kind=QuerySet)) == "<Described 2>"


def test_what_a_class_holds_does_not_keep_its_owner_from_being_shown():
    class Meta(type):
        def __repr__(cls):
            return "a class"

    class Form(metaclass=Meta):
        choices = QuerySet()

    assert show(Described(form=Form)) == "<Described 1>"


def test_an_array_does_not_keep_its_owner_from_being_shown():
    tensor, _ = LAZY["array"]

    assert show(Described(weights=tensor)) == "<Described 1>"


def test_what_is_far_away_in_a_big_graph_is_not_looked_for():
    # A look at everything that an object refers to could take longer than its repr.
    value = Described(items=[Described(items=list(range(50))) for _ in range(200)])

    assert show(value) == "<Described 1>"


def test_a_mapped_dataclass_is_named_although_its_repr_is_generated():
    @dataclasses.dataclass
    class MappedOrder:
        items: object
        _sa_class_manager: typing.ClassVar[object] = None

    assert show(MappedOrder(QuerySet())).endswith(".MappedOrder pk=None>")


def test_a_request_is_shown_although_it_holds_a_lazy_user():
    class HttpRequest:
        def __repr__(self):
            return "<HttpRequest: GET '/orders?token=hunter2'>"

    HttpRequest.__repr__.__module__ = "django.http.request"

    assert (
        show(made(HttpRequest, user=LazyObject()))
        == "<HttpRequest: GET '/orders?token=[redacted]'>"
    )


def test_an_enumeration_with_lazy_labels_is_shown():
    class Status(enum.Enum):
        PAID = "paid"

    vars(Status.PAID)["_label_"] = Promise()

    assert show(Status.PAID) == repr(Status.PAID)


def test_a_repr_that_only_looks_generated_is_called():
    @dataclasses.dataclass
    class Written:
        x: int

        @reprlib.recursive_repr()
        def __repr__(self):
            return f"written {self.x}"

    assert show(Written(1)) == "written 1"


def test_an_attrs_field_with_a_function_for_its_repr_is_shown_by_it():
    @attrs.define
    class Masked:
        x: int = attrs.field(repr=lambda _: "***")

    assert show(Masked(1)).endswith("Masked(x=***)")

"""The signature of a wrapper is made when somebody first asks for it."""

from __future__ import annotations

import copy
import functools
import inspect
import pickle
import sys
import typing

import pytest

from corectx.lowlevel import imitate, keep_signature


def wrapped(function):
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)

    functools.update_wrapper(wrapper, function)
    keep_signature(wrapper, function)
    return wrapper


def plain(order, /, amount: int = 1, *items, dry: bool = False, **more) -> str:
    return f"{order}{amount}{items}{dry}{more}"


def empty():
    pass


def evaluated(function):
    """Return the signature with objects for annotations, which are text in this module."""
    return inspect.signature(function, eval_str=True)


@pytest.mark.parametrize("function", [plain, empty])
def test_both_readers_see_the_signature_of_the_function(function):
    wrapper, expected = wrapped(function), evaluated(function)
    assert inspect.signature(wrapper) == expected
    assert expected == inspect.signature(wrapper) == evaluated(wrapper)
    assert str(inspect.signature(wrapper)) == str(expected)
    assert repr(inspect.signature(wrapper)) == repr(expected)
    assert hash(inspect.signature(wrapper)) == hash(expected)
    spec = inspect.getfullargspec(function)
    annotations = {name: inspect.get_annotations(function, eval_str=True)[name] for name in spec[6]}
    assert inspect.getfullargspec(wrapper) == spec._replace(annotations=annotations)


def test_an_annotation_is_evaluated_as_soon_as_its_names_are_known():
    names: dict = {}
    exec("from __future__ import annotations\ndef pay(order: Order): ...", names)  # noqa: S102
    wrapper = wrapped(names["pay"])
    assert str(evaluated(wrapper)) == "(order: 'Order')"
    names["Order"] = int
    assert str(evaluated(wrapper)) == str(inspect.signature(wrapper)) == "(order: int)"


class Callable:
    def __call__(self, amount: int) -> str:
        return str(amount)


@pytest.mark.parametrize("function", [functools.partial(plain, 1), Callable(), sorted])
def test_an_object_that_is_called_has_no_annotations_of_the_wrapper(function):
    wrapper = wrapped(function)
    assert typing.get_type_hints(wrapper) == {}
    assert evaluated(wrapper) == evaluated(function)


def test_a_signature_can_be_bound_changed_and_copied():
    seen, real = inspect.signature(wrapped(plain)), evaluated(plain)
    assert seen.bind(1, 2, dry=True).arguments == real.bind(1, 2, dry=True).arguments
    fewer = list(real.parameters.values())[:1]
    assert seen.replace(parameters=fewer) == real.replace(parameters=fewer)
    assert seen.replace(return_annotation=int).return_annotation is int
    assert copy.copy(seen) == copy.deepcopy(seen) == pickle.loads(pickle.dumps(seen)) == real  # noqa: S301
    if sys.version_info >= (3, 13):
        assert copy.replace(seen, return_annotation=int).return_annotation is int


def test_a_method_has_no_self():
    class Shop:
        @wrapped
        def pay(self, order, amount=1):
            pass

    assert str(inspect.signature(Shop().pay)) == "(order, amount=1)"
    assert str(inspect.signature(Shop.pay)) == "(self, order, amount=1)"


def test_a_wrapper_of_a_wrapper_has_the_signature_too():
    assert inspect.signature(wrapped(wrapped(plain))) == evaluated(plain)


def copied(function):
    """Return the attributes of a wrapper that `imitate` and that `functools.wraps` made."""

    def wrapper():
        def wrapper(*args, **kwargs):
            return function(*args, **kwargs)

        return wrapper

    imitating, wrapping = wrapper(), wrapper()
    imitate(imitating, function)
    functools.update_wrapper(wrapping, function)
    names = (*functools.WRAPPER_ASSIGNMENTS, "__annotations__", "__wrapped__")
    return [
        {name: getattr(made, name, None) for name in names} | dict(made.__dict__)
        for made in (imitating, wrapping)
    ]


@functools.lru_cache
def cached(order: int):
    return order


def marked(order: int):
    return order


marked.mark = "marked"


@pytest.mark.parametrize(
    "function", [plain, empty, marked, wrapped(plain), cached, Callable(), sorted]
)
def test_an_imitation_has_all_that_wraps_copies(function):
    imitated, expected = copied(function)
    for attributes in (imitated, expected):
        attributes.pop("__signature__", None)
    if not hasattr(function, "__annotations__"):
        expected["__annotations__"] = {}  # and not those of the wrapper
    assert imitated == expected


def test_an_imitation_has_the_type_parameters_of_a_generic_function():
    if sys.version_info < (3, 12):
        pytest.skip("Python 3.12 or newer: the syntax of generic functions")
    names: dict = {}
    exec("def first[Item](items: list[Item]) -> Item: ...", names)  # noqa: S102
    imitated, expected = copied(names["first"])
    assert imitated["__type_params__"] == expected["__type_params__"] != ()

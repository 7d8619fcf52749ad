"""Declaring a function as a step, against `functools.wraps` around it."""

import functools
from types import FunctionType

from frameworks.pairs import least, show

from penstock import flow
from penstock.testing import isolated_registry


def step(order, amount=1):
    return order


def functions(count):
    """Return so many functions, as a module has them: each with a name and a code of its own."""
    names = (f"step_{each}" for each in range(count))
    return [FunctionType(step.__code__.replace(co_name=name), globals(), name) for name in names]


def wrapped(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)

    return wrapper


made = functions(500)


def declare(count):
    with isolated_registry():
        decorate = flow("bench").step
        for number in range(count):
            decorate(made[number % 500])


def wrap(count):
    for number in range(count):
        wrapped(made[number % 500])


show(decorating=least(declare, wrap))

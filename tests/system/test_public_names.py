"""Every public module says in `__all__` exactly what it offers."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import pathlib
import types
from collections.abc import Iterator

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


def public_modules() -> list[str]:
    """List every module of every distribution whose dotted name has no private part."""
    names = []
    for source in ROOT.glob("*/*/src"):
        for path in source.rglob("*.py"):
            parts = path.relative_to(source).with_suffix("").parts
            parts = parts[:-1] if parts[-1] == "__init__" else parts
            if not any(part.startswith("_") for part in parts):
                names.append(".".join(parts))
    return sorted(names)


def is_offered(name: str, value: object, module: types.ModuleType) -> bool:
    """Tell whether a reader would take a name for part of the module's interface.

    That is what the module defines itself; in a package's front (`__init__`) also what it imports
    from its own parts, since a front imports for nothing else.
    """
    # By its type: asking a lazy object, such as Django's settings, for its class would set it up.
    if name.startswith("_") or not issubclass(type(value), (type, types.FunctionType)):
        return False
    if hasattr(module, "__path__"):
        return value.__module__.startswith(module.__name__.partition(".")[0])
    return value.__module__ == module.__name__


def defects(module: types.ModuleType) -> list[str]:
    """Say how a module's `__all__` differs from its public names."""
    listed = getattr(module, "__all__", None)
    if listed is None:
        return ["it has no __all__"]
    public = {name for name, value in vars(module).items() if is_offered(name, value, module)}
    offered = {name for name in listed if hasattr(module, name)}
    return [
        *(
            f"__all__ lists {name!r}, which does not exist"
            for name in sorted(set(listed) - offered)
        ),
        *(f"{name!r} is public but not in __all__" for name in sorted(public - set(listed))),
        *(
            f"{name!r} is listed twice"
            for name in sorted({n for n in listed if listed.count(n) > 1})
        ),
    ]


@pytest.mark.parametrize("name", public_modules())
def test_all_lists_exactly_the_public_names(name):
    # A module for an extra that is not installed can only say how to install it.
    with _allowing(ImportError, saying='pip install "'):
        assert defects(importlib.import_module(name)) == []


@contextlib.contextmanager
def _allowing(error: type[Exception], *, saying: str) -> Iterator[None]:
    try:
        yield
    except error as caught:
        if saying not in str(caught):
            raise


def made(**attributes: object) -> types.ModuleType:
    module = types.ModuleType("made")
    vars(module).update(attributes)
    return module


def own() -> None:
    """Stand for a function that the made module defines."""


own.__module__ = "made"


@pytest.mark.parametrize(
    ("module", "defect"),
    [
        (made(own=own), "no __all__"),
        (made(__all__=["missing"]), "does not exist"),
        (made(__all__=[], own=own), "not in __all__"),
        (made(__all__=["own", "own"], own=own), "twice"),
        (made(__all__=[], __path__=[], own=own), "not in __all__"),
    ],
)
def test_an_inexact_all_is_noticed(module, defect):
    assert [defect in line for line in defects(module)] == [True]


def test_what_a_module_only_uses_need_not_be_listed():
    module = made(__all__=["own"], own=own, _private=own, inspect=inspect, used=pytest.raises)
    assert defects(module) == []

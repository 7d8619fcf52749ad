"""Values for the tests of rendering, and how they are shown."""

from __future__ import annotations

import collections
import dataclasses
import enum
import typing

import attrs

from statecrumbs._redact import Redactor
from statecrumbs._values import render

redactor = Redactor()


def show(value, limit=1024):
    return render(value, redactor, limit=limit)


class Point(typing.NamedTuple):
    x: int
    y: object = None


Pair = collections.namedtuple("Pair", "left right")  # noqa: PYI024 - the older kind


@dataclasses.dataclass
class Order:
    number: int
    items: object = ()
    note: str = dataclasses.field(default="", repr=False)
    kind: typing.ClassVar[str] = "order"


@dataclasses.dataclass(frozen=True)
class Slotted:
    __slots__ = ("x",)
    x: object


@attrs.define
class Box:
    size: int
    _inner: object = None
    hidden: int = attrs.field(default=1, repr=False)


class Color(enum.Enum):
    RED = 1


class Level(enum.IntEnum):
    LOW = 1


class Plain:
    pass


class Described:
    def __init__(self, **attributes):
        vars(self).update(attributes)

    def __repr__(self):
        return f"<Described {len(vars(self))}>"


class Names(list):
    """Inherits its repr."""


class Headers(dict):
    def __repr__(self):
        return f"Headers({dict.__repr__(self)})"


class CustomError(Exception):
    def __repr__(self):
        return f"Custom: {self.args}"


class Formats:
    """Shows what it holds, as many classes do."""

    def __init__(self, held):
        self.held = held

    def __repr__(self):
        return f"Formats({self.held!r})"


class FormatsSlot:
    __slots__ = ("held",)

    def __init__(self, held):
        self.held = held

    def __repr__(self):
        return f"FormatsSlot({self.held!r})"


class LongList(list):
    def __repr__(self):
        return f"LongList({list.__repr__(self)})"

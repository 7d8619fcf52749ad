"""Functions that tests run in other threads and processes; they can be pickled."""

from __future__ import annotations

from typing import NamedTuple

from corectx import current, scope, values
from corectx.lowlevel import around


class Seen(NamedTuple):
    """The ambient state in one place: the nearest names, the correlation ID and the values."""

    name: str | None
    flow: str | None
    correlation_id: str | None
    values: dict[str, object]


NOTHING = Seen(None, None, None, {})


def look() -> Seen:
    """Return what is ambient here."""
    frame = named = current()
    if frame is None:
        return NOTHING
    while named is not None and named.name is None:
        named = named.parent
    return Seen(named and named.name, frame.flow, frame.correlation_id, dict(values()))


def look_in_a_scope() -> tuple[Seen, Seen, Seen]:
    """Return what is ambient before, in and after a scope."""
    before = look()
    with scope(inner="yes"):
        inside = look()
    return before, inside, look()


def leave_a_generator_suspended() -> list[object]:
    """Return a generator that is suspended inside a scope of its own, which leaks to us."""

    def body():
        with scope(leaked="yes"):
            yield

    generator = body()
    next(generator)
    return [generator]


class StepSite:
    """A site made by somebody else."""

    kind = "step"
    name = "parse"
    flow = None


def fail(message: str = "broken") -> None:
    """Raise in a step of its own."""
    frame = current()
    if frame is None:
        raise ValueError(message)
    around(_raise, lambda: frame.child(StepSite()))(message)


def _raise(message: str) -> None:
    raise ValueError(message)


def look_again(_: object) -> Seen:
    """Return what is ambient here, as a function of one argument."""
    return look()


def double(number: int) -> int:
    """Return twice `number`."""
    return 2 * number

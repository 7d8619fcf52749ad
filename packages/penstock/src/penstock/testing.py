"""For tests of programs that use flows: a registry of their own, and the steps that ran.

::

    from penstock.testing import captured_steps, isolated_registry


    def test_an_order_is_charged_once():
        with captured_steps() as ran:
            place_order(4711)
        assert ran.names() == ["place_order", "charge", "confirm"]
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from corectx import subscribe
from penstock._declare import Registry, replace_registry

if TYPE_CHECKING:
    from collections.abc import Generator

    from corectx import Frame

__all__ = ["CapturedStep", "CapturedSteps", "captured_steps", "isolated_registry"]


@dataclass(eq=False)
class CapturedStep:
    """One call of an entrypoint or a step: its frame, whether it ended, and by which exception."""

    frame: Frame
    has_ended: bool = False
    exception: BaseException | None = None

    @property
    def name(self) -> str:
        """The name of the step."""
        return self.frame.name or ""

    @property
    def flow(self) -> str:
        """The name of its flow."""
        return self.frame.flow or ""

    @property
    def kind(self) -> str:
        """Either "entrypoint" or "step"."""
        return self.frame.kind

    @property
    def flow_id(self) -> str | None:
        """The correlation ID of the run."""
        return self.frame.correlation_id


@dataclass(eq=False)
class CapturedSteps:
    """The calls of entrypoints and steps, in the order in which they began, of all threads."""

    calls: list[CapturedStep] = field(default_factory=list[CapturedStep])

    def names(self, flow: str | None = None) -> list[str]:
        """Return the names of the calls, of one flow or of all."""
        return [call.name for call in self.calls if flow in (None, call.flow)]

    def of(self, name: str) -> list[CapturedStep]:
        """Return the calls of the step `name`."""
        return [call for call in self.calls if call.name == name]

    def entered(self, frame: Frame, /) -> None:
        """Hear that a frame was entered; for `corectx.subscribe`."""
        if frame.kind in ("entrypoint", "step"):
            self.calls.append(CapturedStep(frame))

    def left(self, frame: Frame, exc: BaseException | None, /) -> None:
        """Hear that a frame was left; for `corectx.subscribe`."""
        for call in reversed(self.calls):
            if call.frame is frame:
                call.has_ended, call.exception = True, exc
                break


@contextmanager
def captured_steps() -> Generator[CapturedSteps, None, None]:
    """Capture the calls of entrypoints and steps until the block ends."""
    captured = CapturedSteps()
    unsubscribe = subscribe(captured)
    try:
        yield captured
    finally:
        unsubscribe()


@contextmanager
def isolated_registry() -> Generator[Registry, None, None]:
    """Make all decorators and drawings use a new, empty registry until the block ends.

    This holds for the whole process. Functions that the block decorates work after it, too.
    """
    registry = Registry()
    outer = replace_registry(registry)
    try:
        yield registry
    finally:
        replace_registry(outer)

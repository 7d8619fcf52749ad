"""Help for the tests of programs that record crumbs."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from statecrumbs import _recorder
from statecrumbs._crumb import to_crumbs
from statecrumbs._ring import Ring

if TYPE_CHECKING:
    from collections.abc import Generator

    from statecrumbs._crumb import Crumb

__all__ = ["CapturedCrumbs", "captured_crumbs"]


class CapturedCrumbs:
    """The crumbs that were recorded inside `captured_crumbs`, by any thread, oldest first."""

    def __init__(self, ring: Ring) -> None:
        self._ring = ring

    @property
    def crumbs(self) -> list[Crumb]:
        """The crumbs so far, as `statecrumbs.snapshot` gives them."""
        return to_crumbs(self._ring.records())

    @property
    def events(self) -> list[str]:
        """The events of the crumbs so far."""
        return [crumb["event"] for crumb in self.crumbs]


@contextmanager
def captured_crumbs() -> Generator[CapturedCrumbs]:
    """Collect every crumb recorded inside the block, instead of in the ring of the process.

    ::

        with captured_crumbs() as captured:
            ship(order)
        assert captured.events == ["reserved", "shipped"]

    There is no bound in the block. After it the ring is as it was before.
    """
    ring = Ring(None)
    outer = _recorder.exchange_ring(ring)
    try:
        yield CapturedCrumbs(ring)
    finally:
        _recorder.exchange_ring(outer)

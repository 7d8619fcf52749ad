"""Write numbers of runs and durations as people read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from penstock._graph import Ran

_UNITS = ((1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "us"), (1, "ns"))
_LONG = 100 * 1_000_000_000  # ns; from here on in minutes


def duration(nanoseconds: int) -> str:
    """Return a duration with two or three digits: "840 ns", "1.2 ms", "31 s", "12 min".

    In ASCII, since Pillow's own font has no Greek.
    """
    if nanoseconds >= _LONG:
        minutes = nanoseconds / 60_000_000_000
        return f"{minutes:.0f} min" if minutes < 100 else f"{minutes / 60:.1f} h"  # noqa: PLR2004
    for size, unit in _UNITS:
        if nanoseconds >= size:
            amount = nanoseconds / size
            return f"{amount:.1f} {unit}" if amount < 10 else f"{amount:.0f} {unit}"  # noqa: PLR2004
    return "0 ns"


def share(part: int, whole: int) -> str:
    """Return `part` of `whole` in percent, "0 %" and "100 %" only where it is exactly that."""
    percent = 100 * part / whole if whole else 0.0
    shown = f"{percent:.0f}" if percent >= 10 else f"{percent:.1f}"  # noqa: PLR2004
    if part and not float(shown):
        return "<0.1 %"
    if part < whole and float(shown) == 100:  # noqa: PLR2004
        return ">99 %"
    return f"{shown.removesuffix('.0')} %"


def counted(count: int, noun: str) -> str:
    """Return "1 step" or "1,000 steps"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def summary(ran: Ran) -> tuple[str, ...]:
    """Return what is said of a step under its name: how often it ran, and how long that took."""
    if not ran.began:
        return ("never ran",)
    often = counted(ran.began, "run")
    if ran.errors:
        often += f", {share(ran.errors, ran.began)} failed"
    if ran.p50 is None or ran.p95 is None:
        return (often,)
    return often, f"p50 {duration(ran.p50)}, p95 {duration(ran.p95)}"

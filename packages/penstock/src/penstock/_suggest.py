"""The nearest valid value, for error messages."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


def did_you_mean(value: object, known: Iterable[str]) -> str:
    """Return " Did you mean 'x'?" for the one of `known` that is nearest to `value`, or ""."""
    from difflib import get_close_matches

    nearest = get_close_matches(str(value), sorted(known), n=1)
    return f" Did you mean {nearest[0]!r}?" if nearest else ""

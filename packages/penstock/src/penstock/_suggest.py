"""The nearest valid value, for error messages."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


def did_you_mean(value: object, known: Iterable[str]) -> str:
    """Return " Did you mean 'x'?" for the one of `known` that is nearest to `value`, or "".

    Upper and lower case make no difference.
    """
    from difflib import get_close_matches

    by_lower = {each.lower(): each for each in sorted(known, reverse=True)}
    nearest = get_close_matches(str(value).lower(), sorted(by_lower), n=1)
    return f" Did you mean {by_lower[nearest[0]]!r}?" if nearest else ""

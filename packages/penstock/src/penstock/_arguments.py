"""Check the arguments of a call: each message names the option, the value and the fix.

Other messages take their hints from here, too: the nearest valid name, and a path.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import TypeAlias

    Path: TypeAlias = str | os.PathLike[str]


def known(what: str, value: object, choices: Collection[str]) -> None:
    """Raise ValueError where `value` is none of `choices`."""
    if value not in choices:
        hint = did_you_mean(value, choices)
        raise ValueError(f"Unknown {what} {value!r}.{hint} Known: {', '.join(choices)}.")


def of_type(option: str, value: object, wanted: type, takes: str) -> None:
    """Raise TypeError where `value` is neither None nor a `wanted`; `takes` says that in words."""
    if value is not None and not isinstance(value, wanted):
        raise TypeError(f"{option}= takes {takes}, not {value!r}.")


def as_paths(option: str, given: object) -> list[Path]:
    """Return the paths that `option` was `given`: one or several.

    Raises TypeError for anything else and ValueError for none, which would look like no evidence.
    """
    if isinstance(given, (str, os.PathLike)):
        return [given]
    paths: list[Path] = []
    for path in given if isinstance(given, Iterable) else [given]:
        if not isinstance(path, (str, os.PathLike)):
            raise TypeError(f"{option}= takes a path or several paths, not {path!r}.")
        paths.append(path)
    if not paths:
        raise ValueError(f"{option}={given!r} names no path. Leave {option}= out, or name one.")
    return paths


def did_you_mean(value: object, known: Iterable[str]) -> str:
    """Return " Did you mean 'x'?" with the name in `known` that is nearest to `value`, or "".

    Upper and lower case make no difference.
    """
    from difflib import get_close_matches

    by_lower = {each.lower(): each for each in sorted(known, reverse=True)}
    nearest = get_close_matches(str(value).lower(), sorted(by_lower), n=1)
    return f" Did you mean {by_lower[nearest[0]]!r}?" if nearest else ""


def from_here(file: str) -> str:
    """Return the path of `file`, relative to the current folder if it is below that folder."""
    return file.removeprefix(os.path.join(os.getcwd(), ""))

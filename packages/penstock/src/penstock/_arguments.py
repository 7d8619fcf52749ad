"""Paths that are given as arguments, and what messages about wrong ones say: hints, paths."""

from __future__ import annotations

import os
from collections.abc import Iterable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    Path: TypeAlias = str | os.PathLike[str]


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

"""The options of `enable`: their defaults, their types, and the ones in force."""

from __future__ import annotations

import os
import sys

from corectx.lowlevel import kind_of
from statecrumbs._redact import Redactor, split_words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any, Literal, TypedDict

    OnCrash = Literal["stderr", "lines", "file", "none"] | Callable[[list[dict[str, Any]]], object]

    class Given(TypedDict, total=False):
        """The options that `enable` takes, for type checkers and editors."""

        max_crumbs: int
        max_trail: int
        max_trails_bytes: int
        on_crash: OnCrash
        output_file: str | os.PathLike[str]
        include_timestamp: bool
        include_thread: bool
        redact: bool | Iterable[str]
        locals: bool
        black_box: str | os.PathLike[str] | None
        dump_signal: int | None
        program: str | None
        on_death: Callable[[dict[str, Any]], object] | None
        signal_stacks: bool
        black_box_days: int


_LEAST_BYTES = 1024 * 1024
_ON_CRASH = ("stderr", "lines", "file", "none")
_MAX_PROGRAM = 200  # characters


class Options:
    """The options of `enable`, checked; each attribute is an option of that name.

    It also has `is_enabled`, and `redactor`, which is made from `redact`.
    """

    __slots__ = (
        "black_box",
        "black_box_days",
        "dump_signal",
        "include_thread",
        "include_timestamp",
        "is_enabled",
        "locals",
        "max_crumbs",
        "max_trail",
        "max_trails_bytes",
        "on_crash",
        "on_death",
        "output_file",
        "program",
        "redact",
        "redactor",
        "signal_stacks",
    )

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Set every option to its default."""
        self.is_enabled = False
        self.max_crumbs = 50
        self.max_trail = 100
        self.max_trails_bytes = 64 * 1024 * 1024
        self.on_crash: OnCrash = "stderr"
        self.output_file: str | os.PathLike[str] = "statecrumbs.json"
        self.include_timestamp = True
        self.include_thread = True
        self.redact: bool | Iterable[str] = True
        self.locals = False
        self.black_box: str | os.PathLike[str] | None = None
        self.dump_signal: int | None = None
        self.program: str | None = None
        self.on_death: Callable[[dict[str, Any]], object] | None = None
        self.signal_stacks = False
        self.black_box_days = 30
        self.redactor: Redactor | None = Redactor()

    def update(self, given: Mapping[str, object]) -> None:
        """Take over the options in `given`, which were checked."""
        self.is_enabled = True
        for name, value in given.items():
            setattr(self, name, value)
        if "redact" in given:
            self.redactor = _redactor(self.redact)


options = Options()


def check(given: Given) -> Given:
    """Return the options in `given` in the form in which they are kept.

    Raises `TypeError` for an unknown name or a wrong type, `ValueError` for a wrong value.
    """
    redact: Any = given.get("redact")
    if hasattr(redact, "__next__"):  # an iterator: its names can be read only once
        given = {**given, "redact": tuple(redact)}
    for name, value in given.items():
        if name not in _CHECKS:
            raise TypeError(_unknown("option", name, _CHECKS))
        _CHECKS[name](name, value)
    return given


def _redactor(redact: bool | Iterable[str]) -> Redactor | None:
    if isinstance(redact, bool):
        return Redactor() if redact else None
    return Redactor(extra=redact)


def _check_positive(name: str, value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool):
        unit = "days" if name == "black_box_days" else "crumbs"
        raise TypeError(f"{name}= is a number of {unit}, not {value!r}.")
    if value < 1:
        raise ValueError(f"{name}={value} is too small; the least is 1.")
    if value > sys.maxsize:
        raise ValueError(f"{name}={value} is too many; the most is {sys.maxsize}.")


def _check_bytes(name: str, value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{name}= is a number of bytes, not {value!r}.")
    if value < _LEAST_BYTES:
        raise ValueError(f"{name}={value} is too few; the least is {_LEAST_BYTES}.")


def _check_bool(name: str, value: object) -> None:
    if not isinstance(value, bool):
        raise TypeError(f"{name}= is True or False, not {value!r}.")


def _check_on_crash(name: str, value: object) -> None:
    if callable(value):
        if kind_of(value) != "function":
            raise TypeError(
                f"{name}= takes a plain function: nobody awaits the coroutine or generator that "
                f"{value!r} returns."
            )
        return
    if not isinstance(value, str):
        choices = ", ".join(map(repr, _ON_CRASH))
        raise TypeError(f"{name}= is one of {choices} or a function of the crumbs, not {value!r}.")
    if value not in _ON_CRASH:
        raise ValueError(_unknown(f"value of {name}=", value, _ON_CRASH))


def _check_path(name: str, value: object) -> None:
    if not isinstance(value, (str, os.PathLike)):
        raise TypeError(f"{name}= is a path, not {value!r}.")
    path: str | bytes = os.fspath(value)
    if isinstance(path, bytes):
        raise TypeError(f"{name}= is a path of text, not {path!r}.")
    if not path:
        raise ValueError(f"{name}= is an empty path.")
    if "\0" in path:
        raise ValueError(f"{name}={path!r} is no path: it has a NUL.")


def _check_path_or_none(name: str, value: object) -> None:
    if value is not None:
        _check_path(name, value)


def _check_redact(name: str, value: Any) -> None:
    if isinstance(value, bool):
        return
    message = f"{name}= is True, False, or the names of more keys to redact, not {value!r}."
    if isinstance(value, str):
        raise TypeError(f"{message} One name is {name}=[{value!r}].")
    if not hasattr(value, "__iter__"):
        raise TypeError(message)
    for key in value:
        if not isinstance(key, str):
            raise TypeError(message)
        if not split_words(key):
            raise ValueError(f"{name}= has the name {key!r}, which has no letter and no digit.")


def _check_signal(name: str, value: object) -> None:
    if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
        raise TypeError(f"{name}= is a signal such as signal.SIGUSR1, not {value!r}.")


def _check_program(name: str, value: object) -> None:
    if value is not None and not isinstance(value, str):
        raise TypeError(f"{name}= is the name of the program, not {value!r}.")
    if value is not None and not (value.strip() and len(value) <= _MAX_PROGRAM):
        raise ValueError(f"{name}={value[:40]!r}: a name has 1 to {_MAX_PROGRAM} characters.")


def _check_on_death(name: str, value: object) -> None:
    if value is not None and (not callable(value) or kind_of(value) != "function"):
        raise TypeError(
            f"{name}= is a plain function that takes one death (a dict), not {value!r}."
        )


def _unknown(what: str, value: str, known: Iterable[str]) -> str:
    import difflib

    known = sorted(known)
    nearest = difflib.get_close_matches(value, known, n=1, cutoff=0.5)
    hint = f" Did you mean {nearest[0]!r}?" if nearest else ""
    return f"Unknown {what} {value!r}.{hint} There are {', '.join(map(repr, known))}."


_CHECKS: dict[str, Callable[[str, object], None]] = {
    "black_box": _check_path_or_none,
    "black_box_days": _check_positive,
    "dump_signal": _check_signal,
    "include_thread": _check_bool,
    "include_timestamp": _check_bool,
    "locals": _check_bool,
    "max_crumbs": _check_positive,
    "max_trail": _check_positive,
    "max_trails_bytes": _check_bytes,
    "on_crash": _check_on_crash,
    "on_death": _check_on_death,
    "output_file": _check_path,
    "program": _check_program,
    "redact": _check_redact,
    "signal_stacks": _check_bool,
}

"""Render any value as a bounded, redacted `repr`, without running what could do I/O or take long.

For small ordinary values the text is `repr(value)`, to the letter. Three rules keep it harmless:

1. What holds other values is walked here, item by item, so that it can be bounded and redacted:
   the built-in containers and their subclasses, dataclasses and attrs classes with a generated
   `__repr__`, named tuples, exceptions, bound methods (`_builtin_types`, `_objects`).
2. Objects of frameworks that are known to fetch or to compute when they are shown, and arrays, are
   named but not evaluated: query sets, model instances, lazy strings, proxies (`_foreign`).
3. The `__repr__` of any other class is called, unless something that rule 2 is about can be seen in
   the object; then it is named only, since its `__repr__` would probably show that (`_peek`).

What no rule can prevent: a `__repr__` that itself opens a connection, or that holds what it fetches
where it cannot be seen (a closure, a global), does under `render` what it does under `repr`.
"""

from __future__ import annotations

from corectx.lowlevel import raised_by_signal
from statecrumbs._classes import class_of
from statecrumbs._renderer import UNSERIALIZABLE, Renderer, fit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeAlias

    from statecrumbs._redact import Redactor

    Scalar: TypeAlias = str | int | float | bool | None

_WORD = 1 << 63  # what 64 bits can hold, with a sign


def render(value: Any, redactor: Redactor | None, *, limit: int = 1024) -> str:
    """Return the `repr` of `value` in at most `limit` characters, secrets blanked, and never raise.

    Containers are shown down to 5 levels, 20 items each, of longer ones 10; what is left out is
    marked `... (4999990 more)`, a cycle `...`. The value of a sensitive key, field or option is
    `'[redacted]'`, and every text is scrubbed; not with `redactor=None`. Where a `__repr__` fails,
    whatever it raises, `<unserializable>` stands for its value. The result is an exact `str` that
    UTF-8 can encode.
    """
    try:
        kind = class_of(value)
        text = None
        if kind is str and len(value) < limit:
            text = repr(value if redactor is None else redactor.scrub(value))
        elif (kind is int and -_WORD <= value < _WORD) or value is None or kind is bool:
            text = repr(value)
        if text is None or len(text) > limit:
            text = fit(Renderer(redactor, limit).show(value, limit, 0), limit)
        return text
    except RecursionError:  # without a call, which would need more of the stack that is full
        return UNSERIALIZABLE[:limit]
    except Exception as error:
        if raised_by_signal(error):
            raise
        return UNSERIALIZABLE[:limit]


def jsonable(value: Any, redactor: Redactor | None, limit: int = 1024) -> Scalar:
    """Return `value` as a JSON scalar: unchanged where it is one, else its `render`; never raise.

    Unchanged are `None`, `bool`, `int` of at most 64 bits and finite `float`. Strings, also of a
    subclass, become exact ones, scrubbed, shortened to `limit` characters, and without quotes.
    """
    try:
        kind = class_of(value)
        if value is None or kind is bool or (kind is int and -_WORD <= value < _WORD):
            return value  # type: ignore[no-any-return]
        if kind is float and value - value == 0.0:  # neither infinite nor a NaN
            return value  # type: ignore[no-any-return]
        if kind is str and len(value) <= limit:
            text: str = value if redactor is None else redactor.scrub(value)
            if text.isascii() and len(text) <= limit:
                return text
        if issubclass(kind, str):
            return fit(Renderer(redactor, limit).text(value, limit), limit)
    except RecursionError:
        return UNSERIALIZABLE[:limit]
    except Exception as error:
        if raised_by_signal(error):
            raise
        return UNSERIALIZABLE[:limit]
    return render(value, redactor, limit=limit)


def text_of(value: object) -> str:
    """Return `str(value)` as an exact string, or `<unserializable>`, whatever that raises."""
    try:
        return str.__str__(str(value))
    except BaseException as error:  # a KeyboardInterrupt too: recording and dumping end no program
        if raised_by_signal(error):
            raise
        return UNSERIALIZABLE

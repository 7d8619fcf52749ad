"""Render any value as a bounded, redacted `repr`, without running code that could do I/O.

For small ordinary values the text is exactly `repr(value)`. Three rules keep it harmless:

1. Containers are walked here, item by item, so that they can be bounded and redacted: the built-in
   ones and their subclasses, dataclasses and attrs classes with a generated `__repr__`, named
   tuples, exceptions, bound methods.
2. Objects of frameworks whose `__repr__` fetches or computes, and arrays, are named but not
   evaluated: query sets, model instances, lazy strings, proxies.
3. The `__repr__` of any other class is called, unless an object of rule 2 can be seen inside. Then
   the object is only named, since its `__repr__` would probably show the other one.

No rule can prevent that a `__repr__` opens a connection itself, or shows an object that cannot be
seen (in a closure, in a global).

    _renderer    Renderer: the text within its bounds
    _builtin     built-in types, and containers of the standard library
    _objects     all other classes: by their fields, by their name, or by their repr
    _frameworks  objects that must not be evaluated
    _inspection  classes and instances, read without running code of the program
    _keep        small values kept as they are, to be rendered when somebody looks
    _plans       how the instances of one class are kept
"""

from __future__ import annotations

from corectx.lowlevel import raised_by_signal
from statecrumbs._values._builtin import SHOW
from statecrumbs._values._inspection import class_of, module_of, name_of, qualname_of
from statecrumbs._values._keep import Keepers, keep_text, kept_size, text_size
from statecrumbs._values._objects import show_object
from statecrumbs._values._plans import is_fixed, plan
from statecrumbs._values._renderer import HARMLESS, UNSERIALIZABLE, Renderer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeAlias

    from statecrumbs._redact import Redactor

    Scalar: TypeAlias = str | int | float | bool | None

__all__ = [
    "HARMLESS",
    "UNSERIALIZABLE",
    "Keepers",
    "Rendered",
    "class_of",
    "encodable",
    "fit",
    "is_fixed",
    "jsonable",
    "keep_text",
    "keepers_for",
    "kept_size",
    "module_of",
    "name_of",
    "qualname_of",
    "render",
    "safe_text",
    "text_size",
]

_WORD = 1 << 63  # the range of 64 bits, with a sign


class Rendered(str):
    """Text that stands for a value: rendered, redacted and bounded already."""

    __slots__ = ()


def render(value: Any, redactor: Redactor | None, *, limit: int = 1024) -> str:
    """Return the `repr` of `value` in at most `limit` characters, redacted; never raise.

    Containers are shown down to 5 levels, 20 items each, 10 of longer ones. `... (4999990 more)`
    stands for what is left out, `...` for a cycle. The value of a sensitive key, field or option is
    `'[redacted]'`, and every text is scrubbed; neither happens with `redactor=None`. If a
    `__repr__` raises anything, `<unserializable>` stands for its value. The result is an
    exact `str` that UTF-8 can encode.
    """
    try:
        kind = class_of(value)
        text = None
        if kind is str and len(value) < limit:
            text = repr(value) if redactor is None else redactor.scrub_repr(value)
        elif (kind is int and -_WORD <= value < _WORD) or value is None or kind is bool:
            text = repr(value)
        if text is None or len(text) > limit:
            renderer = Renderer(redactor, limit, SHOW, show_object)
            text = renderer.show(value, limit, 0)
            if renderer.has_parallels and redactor is not None:
                text = redactor.scrub(text)
            if len(text) > limit or not text.isascii():
                text = fit(text, limit)
        return text
    except RecursionError:  # without a call, which would need more of the stack that is full
        return UNSERIALIZABLE[:limit]
    except Exception as error:
        if raised_by_signal(error):
            raise
        return UNSERIALIZABLE[:limit]


def jsonable(value: Any, redactor: Redactor | None, limit: int = 1024) -> Scalar:
    """Return `value` as a JSON scalar: unchanged if it is one, else its `render`; never raise.

    `None`, `bool`, `int` of at most 64 bits and finite `float` stay as they are. Strings, also of
    a subclass, become exact ones, scrubbed, shortened to `limit` characters, and without quotes.
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
            renderer = Renderer(redactor, limit, SHOW, show_object)
            return fit(renderer.text(value, limit), limit)
    except RecursionError:
        return UNSERIALIZABLE[:limit]
    except Exception as error:
        if raised_by_signal(error):
            raise
        return UNSERIALIZABLE[:limit]
    return render(value, redactor, limit=limit)


def encodable(text: str) -> str:
    """Return `text` with lone surrogates escaped, as `repr` does: no file takes them."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


def fit(text: str, limit: int) -> str:
    """Return `text` cut to `limit` characters, with lone surrogates escaped."""
    text = encodable(text)
    if len(text) <= limit:
        return text
    return text[: limit - 3] + "..." if limit > 3 else text[: max(limit, 0)]  # noqa: PLR2004


def keepers_for(redactor: Redactor | None) -> Keepers:
    """Return what keeps small values, to be rendered when somebody looks.

    A value of a class that is not kept is rendered at once.
    """

    def render_now(value: Any, room: int) -> Rendered:
        text = render(value, redactor)
        if len(text) > room:
            raise LookupError  # then there is another way
        return Rendered(text)

    return Keepers(redactor, plan, render_now)


def safe_text(value: object) -> str:
    """Return `str(value)` as an exact string, or `<unserializable>`, whatever that raises."""
    try:
        return str.__str__(str(value))
    except BaseException as error:  # KeyboardInterrupt too: recording and dumping end no program
        if raised_by_signal(error):
            raise
        return UNSERIALIZABLE

"""Build the text of one value within its bounds, and redact the secrets in it."""

from __future__ import annotations

from _thread import get_ident

from corectx.lowlevel import raised_by_signal
from statecrumbs._redact import (
    PATH,
    REDACTED,
    RELATED_KINDS,
    SECRET,
    is_harmless_field,
    is_operator,
    is_plain_name,
)
from statecrumbs._values._inspection import class_of, instance_dict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any, TypeAlias

    from statecrumbs._redact import Redactor

    # Both get the value, how many characters there are for it, and how deep it stands; the second
    # also its class.
    Show: TypeAlias = Callable[["Renderer", Any, int, int], str]
    ObjectShower: TypeAlias = Callable[["Renderer", Any, type, int, int], str]
    # `KEPT`, a function that shows an object like a `Show`, and what it gets in place of the value.
    Kept: TypeAlias = tuple[object, Show, Any]

DEPTH = 5  # containers inside one another
WHOLE = 20  # items; a container with at most so many is shown whole
HEAD = 10  # items shown of a larger one

_MARK = 24  # characters kept free for "... (4999990 more)"
_SLACK = 512  # characters scrubbed beyond what is shown, so that a secret across the edge is found
WINDOW = 1024 + _SLACK  # characters of a string that are looked at for a text of 1,024
_EDGE = 256  # of them, those that are never shown, since a secret may have begun there
_SHORT = 64  # characters; their repr has at most ten times as many
HARMLESS = 8  # characters; shorter than any secret that is recognised without a name beside it
_STATEMENT = 4096  # characters of one, in which a placeholder is looked for
_WORD = 1 << 63
_SECRET = repr(REDACTED)

UNSERIALIZABLE = "<unserializable>"

# The first item of a tuple that stands for an object. A class of such tuples would take four times
# as long to make one.
KEPT = object()

# A __repr__ may record a crumb, whose values may have a __repr__ that records a crumb.
_MAX_NESTED = 3
_nested: dict[int, int] = {}  # by thread


class Renderer:
    """Render one value.

    `room` is the number of characters that a part may take. It is kept roughly, and `fit` makes it
    exact. It also bounds the time: each item uses up some of it. `show_by_type` is for
    known classes, and `show_object` for all others. If `has_parallels` is true afterwards, parts of
    the text show that other parts are secrets, and the whole text must be scrubbed.
    """

    __slots__ = (
        "_inside",
        "_is_sensitive",
        "_kind_of",
        "_limit",
        "_pairs",
        "_scrub",
        "_show_by_type",
        "_show_object",
        "has_parallels",
    )

    def __init__(
        self,
        redactor: Redactor | None,
        limit: int,
        show_by_type: Mapping[type, Show],
        show_object: ObjectShower,
    ) -> None:
        self._scrub: Callable[[str], str] = str if redactor is None else redactor.scrub
        self._is_sensitive: Callable[[str], bool] = (
            _nothing_is if redactor is None else redactor.is_sensitive
        )
        self._kind_of: Callable[[str], int] = (
            _nothing_is if redactor is None else redactor.field_kind
        )
        self._pairs = True  # whether a sensitive name and one more item are a name and its value
        self.has_parallels = False
        self._limit = limit
        self._show_by_type = show_by_type
        self._show_object = show_object
        self._inside: list[int] = []  # the ids of the containers being shown, outermost first

    def show(self, value: Any, room: int, depth: int) -> str:
        """Return the text of `value`, which stands inside `depth` containers."""
        kind = class_of(value)
        if kind is str:
            if len(value) <= _SHORT and room > 10 * _SHORT + 2:
                if len(value) <= HARMLESS and value.isalnum():
                    return repr(value)
                return repr(self._scrub(value))
        elif kind is int and -_WORD <= value < _WORD:
            return repr(value)
        # Another metaclass may define how its classes are hashed and compared.
        show = self._show_by_type.get(kind) if type(kind) is type else None
        if show is None:
            return self._show_object(self, value, kind, room, depth)
        return show(self, value, room, depth)

    def call_repr(self, value: object, room: int, depth: int) -> str:
        """Return the result of the `__repr__` of `value`, bounded; never raise."""
        thread = get_ident()
        nested = _nested.get(thread, 0)
        if nested == _MAX_NESTED:
            return "..."
        _nested[thread] = nested + 1
        try:
            text = repr(value)
        except BaseException as error:  # KeyboardInterrupt too: recording may not end the program
            if raised_by_signal(error):
                raise
            return UNSERIALIZABLE
        finally:
            if nested:
                _nested[thread] = nested
            else:
                _nested.pop(thread, None)
        return self.text(text, self.share(room, depth))

    def share(self, room: int, depth: int) -> int:
        """Return how much of `room` one text may take, so that there is room for the next one."""
        return min(room, max(self._limit // 4, room // 2)) if depth else room

    def text(self, text: str, room: int) -> str:
        """Return a text made by code of the program, scrubbed and shortened, without quotes."""
        part, unseen = self._scrubbed(text, room)
        if not unseen and len(part) <= room:
            return part
        kept = part[: max(room - _MARK, 0)]
        return f"{kept}... ({len(part) - len(kept) + unseen} more)"

    def string(self, value: str, room: int, length: int | None = None) -> str:
        """Return a string in quotes; `value` is the beginning of one of `length` characters."""
        return _quoted(*self._scrubbed(value, room, length), room)

    def byte_string(self, value: Any, owner: Any, room: int) -> str:
        """Return an instance of `owner`, `bytes` or `bytearray`, in quotes; scrubbed as Latin-1."""
        window = max(room, 0) + _SLACK
        text = bytes(owner.__getitem__(value, slice(0, window))).decode("latin-1")
        part = self._scrub(text)
        unseen = owner.__len__(value) - len(text)
        if unseen > 0:
            part, unseen = part[:-_EDGE], unseen + _EDGE
        return _quoted(part.encode("latin-1"), unseen, room)

    def pair(self, items: Sequence[Any], opening: str, closing: str, room: int, depth: int) -> str:
        """Return the text of a name, perhaps an operator, and their secret value."""
        shown = "".join(f"{self.show(item, room, depth + 1)}, " for item in items[:-1])
        return f"{opening}{shown}{_SECRET}{closing}"

    def is_secret_pair(self, items: Sequence[Any]) -> bool:
        """Return whether `items` are a sensitive name and its value, as in a list of headers.

        An operator may stand between them, as in a list of conditions.
        """
        return (
            (len(items) == 2 or (len(items) == 3 and is_operator(items[1])))  # noqa: PLR2004
            and self._pairs
            and (type(items[0]) is str or type(items[0]) is bytes)
            and self.names_secret(items[0])
            # A list of names, or a choice and its label
            and not (class_of(items[-1]) is str and is_plain_name(items[-1][:64]))
        )

    def sequence(
        self,
        value: object,
        items: Sequence[Any],
        count: int,
        opening: str,
        closing: str,
        room: int,
        depth: int,
    ) -> str:
        """Return the text of a container of `count` items, of which `items` are the first."""
        if not self._enter(value, count, depth):
            return f"{opening}{'...' if count else ''}{closing}"
        room -= len(opening) + len(closing) + _MARK
        if count > 1 and self._is_parallel(items[0], items[1]):
            self.has_parallels = True
        parts: list[str] = []
        hidden = False  # whether the item is the value of an option: ["--password", "hunter2"]
        for item in items:
            if room <= 0:
                break
            kind = class_of(item)
            option = kind is str and item[:1] == "-" and item.startswith("--")
            if kind is str and item[:1] == "-" != item:
                self.has_parallels = True  # of a command; its program says what "-p" means
            if hidden and not option:
                part = _SECRET
            elif kind is list and self.is_secret_pair(item):
                part = self.pair(item, "[", "]", room, depth + 1)
            else:
                part = self.show(item, room, depth + 1)
            hidden = option and "=" not in item and self._is_sensitive(item)
            parts.append(part)
            room -= len(part) + 2
        self._inside.pop()
        return _joined(parts, count, opening, closing)

    def mapping(
        self,
        value: object,
        items: Sequence[tuple[Any, Any]],
        count: int,
        opening: str,
        closing: str,
        room: int,
        depth: int,
    ) -> str:
        """Return the text of a mapping of `count` items, of which `items` are the first."""
        if not self._enter(value, count, depth):
            return f"{opening}{'...' if count else ''}{closing}"
        room -= len(opening) + len(closing) + _MARK
        parts: list[str] = []
        kinds = 0
        for key, item in items:
            if room <= 0:
                break
            label = self.show(key, room, depth + 1)
            if class_of(key) is str:
                kind = self._kind_of(key)
                kinds |= kind
            else:
                kind = SECRET if self.names_secret(key) else 0
            if kind == 0:
                part = f"{label}: {self.show(item, room - len(label), depth + 1)}"
            elif kind & SECRET:
                part = f"{label}: {hidden(key, item)!r}"
            else:
                part = f"{label}: {self._show_field(kind, item, room - len(label), depth + 1)}"
            parts.append(part)
            room -= len(part) + 2
        if kinds in RELATED_KINDS:
            self.has_parallels = True
        self._inside.pop()
        return _joined(parts, count, opening, closing)

    def fields(
        self,
        value: object,
        name: str,
        fields: Iterable[tuple[str, Any]],
        count: int,
        room: int,
        depth: int,
    ) -> str:
        """Return the text of an object of `count` fields as a call of its class: `Point(x=1, y=2)`.

        A field without a name is a positional argument.
        """
        if not self._enter(value, count, depth):
            return "..." if id(value) in self._inside else f"{name}({'...' if count else ''})"
        room -= len(name) + _MARK
        parts: list[str] = []
        kinds = 0
        for field, item in first(fields, count):
            if room <= 0:
                break
            if type(field) is not str:  # a key of a namespace can be of a subclass
                field = str.__str__(field)  # noqa: PLW2901
            kind = self._kind_of(field)
            if kind & SECRET:
                part = repr(hidden(field, item))
            elif field == "netloc":
                part = self._show_netloc(item, parts, room, depth)
            else:
                kinds |= kind
                part = self._show_field(kind, item, room, depth + 1)
            parts.append(f"{field}={part}" if field else part)
            room -= len(parts[-1]) + 2
        if kinds in RELATED_KINDS:
            self.has_parallels = True
        self._inside.pop()
        return _joined(parts, count, f"{name}(", ")")

    def names_secret(self, key: Any) -> bool:
        """Return whether `key`, of any type, is text, bytes or of an enumeration, and sensitive."""
        kind = class_of(key)
        if kind is str:
            return self._is_sensitive(key)
        if kind is tuple:  # a path: ("db", "password")
            return any(class_of(each) is str and self._is_sensitive(each) for each in key[:WHOLE])
        if kind is bytes:  # ASGI's headers
            return self._is_sensitive(key[:256].decode("latin-1"))
        if issubclass(kind, str) and self._is_sensitive(str.__str__(key)):
            return True
        if type(kind) is type:  # an enumeration has a metaclass; nearly every other key has none
            return False
        member = instance_dict(key).get("_name_")  # as `enum` stores it
        return type(member) is str and self._is_sensitive(member)

    def _show_netloc(self, value: Any, before: Sequence[str], room: int, depth: int) -> str:
        # urllib gives a URL in parts, first the scheme. A netloc is scrubbed as part of a URL.
        kind = class_of(value)
        scheme = "http://" if before and "http" in before[0].lower() else "://"
        if kind is str:
            return self.string(scheme + value, room).replace(scheme, "", 1)
        if kind is bytes:
            return self.byte_string(scheme.encode() + value, bytes, room).replace(scheme, "", 1)
        return self.show(value, room, depth + 1)

    def _enter(self, value: object, count: int, depth: int) -> bool:
        """Return whether to show the items of `value`; then the caller has to leave it again."""
        if count == 0 or depth >= DEPTH or id(value) in self._inside:
            return False
        self._inside.append(id(value))
        return True

    def _show_field(self, kind: int, item: Any, room: int, depth: int) -> str:
        if not kind & PATH:
            return self.show(item, room, depth)
        before, self._pairs = self._pairs, False  # {"loc": ("password", "min_length")}
        text = self.show(item, room, depth)
        self._pairs = before
        return text

    def _is_parallel(self, item: Any, following: Any) -> bool:
        """Return whether the first `item` of a list may say what is secret in the `following`.

        That is a list of names before lists of values, or SQL before its parameters.
        """
        kind = class_of(following)
        if (kind is not tuple and kind is not list) or is_kept(following):
            return False
        kind = class_of(item)
        if kind is str:
            return any(map(item[:_STATEMENT].__contains__, "?%$:"))
        return (
            (kind is tuple or kind is list)
            and not is_kept(item)
            and any(class_of(each) is str and self._is_sensitive(each) for each in item[:WHOLE])
        )

    def _scrubbed(self, text: str, room: int, length: int | None = None) -> tuple[str, int]:
        """Return a scrubbed beginning of `text`, and how many characters are not in it.

        The text may be the beginning of one of `length` characters.
        """
        if length is None:
            length = str.__len__(text)
        window = max(room, 0) + _SLACK
        part = self._scrub(str.__getitem__(text, slice(0, window)))
        return (part, 0) if length <= window else (part[:-_EDGE], length - window + _EDGE)


def first(items: Iterable[Any], count: int) -> list[Any]:
    """Return the items to show of `count` ones: all of a few, else the first ones."""
    try:
        if count <= WHOLE:
            return list(items)
        return [item for _, item in list(zip(range(HEAD), items))]  # noqa: B905 - range ends it
    except RuntimeError:  # another thread changed the container at this very moment
        return []


def is_kept(value: Any) -> bool:
    """Return whether `value` stands for an object, in a crumb that keeps it."""
    return type(value) is tuple and len(value) == 3 and value[0] is KEPT  # noqa: PLR2004


def _nothing_is(_name: str) -> bool:
    return False


def _quoted(part: str | bytes, unseen: int, room: int) -> str:
    """Return the `repr` of as much of `part` as fits, and the number of characters left out."""
    text = repr(part)
    if not unseen and len(text) <= room:
        return text
    total = len(part) + unseen
    keep = max(room - _MARK, 2)
    while len(part) and len(text) > keep:  # the repr of a character has up to ten
        part = part[: len(part) * keep // len(text)]
        text = repr(part)
    return f"{text}... ({total - len(part)} more)"


def hidden(name: Any, item: Any) -> Any:
    """Return what stands for `item`, the value of a sensitive name.

    Whether there is a value is no secret. Neither is a count (`cookies=3`), a state, or a message.
    """
    if item is None or item is True or item is False:
        return item
    kind = type(item)
    may_be_harmless = kind is str or kind is int or kind is list
    if type(name) is not str or not may_be_harmless or not is_harmless_field(name, item):
        return REDACTED
    return [*item] if kind is list else item


def _joined(parts: list[str], count: int, opening: str, closing: str) -> str:
    if count > len(parts):
        parts.append(f"... ({count - len(parts)} more)")
        closing = closing.removeprefix(",")
    return f"{opening}{', '.join(parts)}{closing}"

"""Keep small values of well-known kinds as they are, and render them when somebody looks.

Nearly no crumb is ever looked at, and a copy of a few fields takes less time than their text. The
copy holds no object of the program: containers are copied, of an object the fields are taken, and
the value of a sensitive name is replaced.

A value is not kept where its copy could be large. `room` bounds that: it is the number of
characters of the text, roughly.
"""

from __future__ import annotations

from _weakref import ref
from sys import getsizeof

from corectx.lowlevel import raised_by_signal
from statecrumbs._values._renderer import KEPT, WHOLE, WINDOW, hidden, is_kept

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, TypeAlias

    from statecrumbs._redact import Redactor
    from statecrumbs._values._renderer import Kept, Renderer

    # Gets a value and the room for it; returns what to keep, or None where it is to be rendered.
    Keep: TypeAlias = Callable[[Any, int], Any]
    # Gets a class; returns how its instances are kept, or None where they are not.
    Plan: TypeAlias = Callable[["Keepers", type], Keep | None]

ITEM = 8  # characters for the punctuation around one item
_WORD = 64  # bits of an int
_CLASSES = 1024  # whose keepers are remembered; then all are learnt again
# By address, as `Keepers` has its classes.
SCALARS = frozenset(map(id, (str, int, float, bool, type(None))))


class Keepers(dict[int, "Keep"]):
    """The functions that keep values, by the address of the class: a metaclass may define a hash.

    An unknown class raises KeyError; `of` learns it. `plan` returns how its instances are kept, or
    None for most classes: these are `refused`. For a value of such a class `render` is called.
    """

    __slots__ = ("_plan", "_refs", "is_sensitive", "refused", "render")

    def __init__(self, redactor: Redactor | None, plan: Plan, render: Keep) -> None:
        super().__init__()
        self._plan = plan
        self.render = render
        self.is_sensitive: Callable[[str], bool] = (
            _nothing_is if redactor is None else redactor.is_sensitive
        )
        self._refs: dict[int, ref[type]] = {}
        self.refused: dict[int, ref[type]] = {}
        for kind, keep in _containers(self).items():
            self[id(kind)] = keep

    def of(self, kind: type) -> Keep:
        """Return the function that keeps instances of `kind` inside of another value."""
        address = id(kind)
        if address in self.refused:
            return _refuse
        try:
            return self[address]
        except KeyError:
            return self._learn(kind)

    def _learn(self, kind: type) -> Keep:
        """Find out how instances of `kind` are kept. Never raises."""
        address = id(kind)
        try:
            keep = self._plan(self, kind)
        except Exception as error:  # a class may have anything in the place of what is read here
            if raised_by_signal(error):
                raise
            keep = None
        refs = self.refused if keep is None else self._refs
        if len(self._refs) >= _CLASSES:
            # A keeper may hold its class, and a function may make a new class at each call.
            for other in list(self._refs):
                self.pop(other, None)
                self._refs.pop(other, None)

        def forget(_: object) -> None:
            refs.pop(address, None)
            self.pop(address, None)

        refs[address] = ref(kind, forget)
        self[address] = self.render if keep is None else keep
        return keep or _refuse


def _nothing_is(_name: str) -> bool:
    return False


def _refuse(_value: object, _room: int) -> None:
    """Keep nothing."""


def _containers(keepers: Keepers) -> dict[type, Keep]:  # noqa: C901 - five functions
    is_sensitive = keepers.is_sensitive

    def keep_dict(  # noqa: C901, PLR0912 - inline, for speed
        value: dict[Any, Any], room: int
    ) -> dict[Any, Any] | None:
        if len(value) > WHOLE:
            return None
        kept = value.copy()
        room -= ITEM * (len(kept) + 1)
        others: list[str] | None = None
        # As in `keep_items`, but with the keys, and without a list of the items.
        for key, item in kept.items():
            if type(key) is not str:
                return None
            room -= len(key)
            if is_sensitive(key):
                kept[key] = hidden(key, item)
                continue
            kind = type(item)
            if kind is str:
                room -= len(item)
            elif kind is int:
                if item.bit_length() > _WORD:
                    return None
            elif item is None or kind is float or kind is bool:
                continue
            elif others is None:
                others = [key]
            else:
                others.append(key)
        if room < 0:
            return None
        if others is not None:
            room //= len(others)
            for key in others:
                item = kept[key]
                item = keepers.of(type(item))(item, room)
                if item is None:
                    return None
                kept[key] = item
        return kept

    def keep_list(value: list[Any], room: int) -> Any:
        return keep_items(keepers, value.copy(), room) if len(value) <= WHOLE else None

    def keep_tuple(value: tuple[Any, ...], room: int) -> Any:
        if len(value) == 3 and value[0] is KEPT:  # noqa: PLR2004 - as in `is_kept`
            return value  # in a crumb of which another value was not kept
        kept = keep_items(keepers, value, room) if len(value) <= WHOLE else None
        return kept if kept is None or kept is value else tuple(kept)

    def keep_set(value: Any, room: int) -> Any:
        items = [*value.copy()] if len(value) <= WHOLE else None
        # A copy in place of another item may have no hash.
        if items is None or keep_items(keepers, items, room) is not items:
            return None
        return type(value)(items)

    def keep_bytes(value: bytes, room: int) -> bytes | None:
        return value if 2 * len(value) <= room else None

    return {
        dict: keep_dict,
        list: keep_list,
        tuple: keep_tuple,
        set: keep_set,
        frozenset: keep_set,
        bytes: keep_bytes,
    }


def keep_items(keepers: Keepers, items: Sequence[Any], room: int) -> Sequence[Any] | None:
    """Return `items`, or a copy with what is kept in place of some; None if one cannot be kept."""
    room -= ITEM * (len(items) + 1)
    others = 0
    for item in items:
        kind = type(item)
        if kind is str:
            room -= len(item)
        elif kind is int:
            if item.bit_length() > 64:  # noqa: PLR2004 - faster than a name
                return None
        elif not (item is None or kind is float or kind is bool):
            others += 1
    if room < 0:
        return None
    return _keep_others(keepers, items, room // others) if others else items


def _keep_others(keepers: Keepers, items: Sequence[Any], share: int) -> list[Any] | None:
    """Return a copy of `items` where those that are no scalars are kept, each within `share`."""
    copy = [*items]
    for at, item in enumerate(items):
        kind = type(item)
        if id(kind) not in SCALARS:
            kept = keepers.of(kind)(item, share)
            if kept is None:
                return None
            copy[at] = kept
    return copy


def keep_text(value: str, room: int) -> Kept | None:
    """Return what is kept of a string with more than `room` characters, or None.

    The text of a character outside ASCII may take four times as much as the others.
    """
    part = value[:WINDOW]
    return (
        (KEPT, _show_part, (part, len(value))) if len(part) <= 4 * room and part.isascii() else None
    )


def _show_part(renderer: Renderer, kept: tuple[str, int], room: int, _depth: int) -> str:
    part, length = kept
    return renderer.string(part, room, length)


def text_size(value: Any) -> int:
    """Return how many characters of text are kept of `value`, a string or the part of one."""
    if isinstance(value, str):
        return len(value)
    return len(value[2][0]) if is_kept(value) and value[1] is _show_part else 0


def kept_size(value: object) -> int:
    """Return about how many bytes a kept value takes, with all that is in it."""
    kind = type(value)
    size = getsizeof(value)
    if kind is dict:
        items: Any = [*value.keys(), *value.values()]  # type: ignore[attr-defined]
    elif is_kept(value):
        parts = value[2]  # type: ignore[index]
        items = parts if type(parts) in _HOLDERS else (parts,)
    elif kind in _HOLDERS:
        items = value
    else:
        return size
    return size + sum(map(kept_size, items))


_HOLDERS = (list, tuple, set, frozenset)

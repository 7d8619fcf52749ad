"""The JSON text of a dump, with its checksum, made of records without a dict for each.

It is the text that `format_json` makes of the dicts, in less time: a dump may have thousands of
records, and what many of them have in common becomes text once. To import this loads `json`.
"""

from __future__ import annotations

import json
from operator import itemgetter
from zlib import crc32

from statecrumbs._crumb import rendered_data, shown_event, timestamp
from statecrumbs._json import indented
from statecrumbs._options import options
from statecrumbs._values import HARMLESS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, TypeAlias

    from statecrumbs._crumb import Crumb, Place, Record

    # A record with an indent, and as the checksum has it, both with places for the texts of its
    # members; what brings these into the order of the second; and whether no name is sensitive.
    Template: TypeAlias = tuple[str, str, Callable[[tuple[str, ...]], Any], bool]
    # The names of the members that say where a crumb was recorded, their texts with an indent, and
    # those that the checksum has.
    PlaceTexts: TypeAlias = tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]

quote = json.encoder.encode_basestring_ascii
# As `statecrumbs._json.checksum` has it
_bare = json.JSONEncoder(allow_nan=False, sort_keys=True).encode


def sealed_text(inherited: list[Crumb], records: list[Record], last: Crumb) -> str:
    """Return the text of a dump of these crumbs, `records` and `last`, which gets the checksum.

    Raises TypeError, ValueError or RecursionError for values that JSON lacks.
    """
    shown = list(map(_indented, inherited))
    bare = list(map(_bare, inherited))
    templates: dict[tuple[object, ...], Template] = {}
    places: dict[int, PlaceTexts] = {}  # by the address: the record keeps the place alive
    has_time, has_thread = options.include_timestamp, options.include_thread
    second, clock = "", ""  # the digits of a second, and how its time stamps begin
    for time_ns, event, data, place, thread in records:
        try:
            names, own, own_bare = places[id(place)]
        except KeyError:
            names, own, own_bare = places[id(place)] = _place_texts(place)
        key = (names, *data)
        try:
            show, check, sort, is_plain = templates[key]
        except KeyError:
            show, check, sort, is_plain = templates[key] = _template(names, data)
        head = [quote(event if type(event) is str else shown_event(event))]
        if has_time:  # as `timestamp` does, which takes twice the time
            digits = str(time_ns + 10_000_000_000_000_000_000)  # so that it has all 19 of them
            if digits[:-9] != second:
                second, clock = digits[:-9], f'"{timestamp(time_ns)}'[:-12]
            head.append(f'{clock}{digits[-9:-3]}+00:00"')
        if has_thread:
            head.append(quote(thread))
        texts: list[str] = []
        for value in data.values():  # as `rendered_data` does
            kind = type(value)
            if kind is int or value is None or kind is float or kind is bool:
                texts.append(f'"{value}"')
            elif (
                kind is str
                and len(value) <= HARMLESS
                and is_plain
                and value.isalnum()
                and value.isascii()
            ):
                texts.append(f"\"'{value}'\"")
            else:
                texts = list(map(quote, rendered_data(data).values()))
                break
        shown.append(show % (*head, *own, *texts))
        bare.append(check % sort((*head, *own_bare, *texts)))
    bare.append(_bare(last))
    checked = f"[{', '.join(bare)}]"
    shown.append(_indented({**last, "checksum": {"crc32": f"{crc32(checked.encode()):08x}"}}))
    listed = ",\n  ".join(shown)
    return f"[\n  {listed}\n]"


def _template(names: tuple[str, ...], data: Mapping[str, object]) -> Template:
    """Return the template of records with these `names` of members that say where they belong."""
    every = ["event"]
    if options.include_timestamp:
        every.append("ts")
    if options.include_thread:
        every.append("thread")
    every += [*names, *data]
    members = [f"{quote(name).replace('%', '%%')}: %s" for name in every]
    order = sorted(range(len(every)), key=every.__getitem__)
    inner = ",\n    ".join(members)
    bare = ", ".join([members[place] for place in order])
    redactor = options.redactor
    is_plain = redactor is None or not any(map(redactor.is_sensitive, data))
    return f"{{\n    {inner}\n  }}", f"{{{bare}}}", _sorting(order), is_plain


def _sorting(order: list[int]) -> Callable[[tuple[str, ...]], Any]:
    """Return what brings texts into this `order`; itemgetter returns no tuple of a single one."""
    return itemgetter(*order) if len(order) > 1 else tuple


def _place_texts(place: Place) -> PlaceTexts:
    objects: dict[str, Mapping[str, Any]] = {"context": place.context, "frame": place.identity}
    names = tuple([name for name, value in objects.items() if value])
    both = [_object_texts(objects[name]) for name in names]
    return names, tuple([shown for shown, _ in both]), tuple([bare for _, bare in both])


def _object_texts(values: Mapping[str, Any]) -> tuple[str, str]:
    """Return the texts of an object of scalars, as a member of a record."""
    members = [
        (name, f"{quote(name)}: {quote(value) if type(value) is str else _bare(value)}")
        for name, value in values.items()
    ]
    inner = ",\n      ".join([text for _, text in members])
    bare = ", ".join([text for _, text in sorted(members)])
    return f"{{\n      {inner}\n    }}", f"{{{bare}}}"


def _indented(record: Crumb) -> str:
    # No string has a line end in it.
    return indented(record).replace("\n", "\n  ")

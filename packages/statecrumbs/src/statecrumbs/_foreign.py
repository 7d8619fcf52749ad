"""Name objects of frameworks that fetch or compute when they are shown, without evaluating them.

The frameworks are not imported: a class is known by its name and the first part of its module's,
anywhere among the bases of the object's class.
"""

from __future__ import annotations

from statecrumbs._classes import (
    class_name,
    class_title,
    instance_dict,
    module_of,
    name_of,
    names_in,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeAlias

    from statecrumbs._renderer import Renderer

    Bases: TypeAlias = tuple[type, ...]
    ForeignShower: TypeAlias = Callable[[Renderer, Any, Bases, int, int], str]

_SMALL_ARRAY = 20  # items; fewer are shown


def foreign_shower(bases: Bases) -> ForeignShower | None:
    """Return what shows instances of a class with these bases, None where it may be evaluated."""
    for base in bases[:-1]:  # the last is `object`
        known = _FOREIGN.get(module_of(base).partition(".")[0])
        if known is not None:
            shower = known.get(name_of(base))
            if shower is not None:
                return shower
        if "_sa_class_manager" in names_in(base):
            return _mapped  # SQLAlchemy marks each class that it maps
    return None


def is_lazy(bases: Bases) -> bool:
    """Return whether showing an instance of a class with these bases could do I/O."""
    shower = foreign_shower(bases)
    return shower is not None and shower is not _array


def name_only(_renderer: Renderer, value: Any, _bases: Bases, _room: int, _depth: int) -> str:
    """Return the class of `value` and its address."""
    return f"{object.__repr__(value)[:-1]} (not evaluated)>"


def _query_set(renderer: Renderer, value: Any, bases: Bases, room: int, depth: int) -> str:
    fetched = instance_dict(value).get("_result_cache")
    if type(fetched) is not list:
        return name_only(renderer, value, bases, room, depth)
    name = class_name(value)
    return f"<{name} {renderer.show(fetched, room - len(name) - 3, depth)}>"


def _model(renderer: Renderer, value: Any, bases: Bases, room: int, depth: int) -> str:
    # Its repr is its __str__, which may fetch what it is related to. The key is in its __dict__.
    key = None
    meta = next((names_in(base)["_meta"] for base in bases if "_meta" in names_in(base)), None)
    if meta is not None:
        key = instance_dict(value).get(meta.pk.attname)
    return f"<{class_title(value)} pk={renderer.show(key, room, depth + 1)}>"


def _mapped(renderer: Renderer, value: Any, _bases: Bases, room: int, depth: int) -> str:
    # Reading an attribute that expired, or a relation, asks the database. The identity is known.
    state = instance_dict(value).get("_sa_instance_state")
    identity: Any = getattr(state, "key", None)  # the class, its primary key, a token
    key = None if identity is None else identity[1]
    if key is not None and len(key) == 1:
        (key,) = key
    return f"<{class_title(value)} pk={renderer.show(key, room, depth + 1)}>"


def _row(renderer: Renderer, value: Any, bases: Bases, room: int, depth: int) -> str:
    # SQLAlchemy's: its items may be mapped objects, its columns have names.
    members = next(names_in(base) for base in bases if "_key_to_index" in names_in(base))
    items = members["_data"].__get__(value)
    index: dict[object, int] = members["_key_to_index"].__get__(value)
    names = {position: name for name, position in index.items() if isinstance(name, str)}
    fields = [(names.get(position, ""), item) for position, item in enumerate(items)]
    return renderer.fields(value, class_name(value), fields, len(fields), room, depth)


def _lazy_text(renderer: Renderer, value: Any, bases: Bases, room: int, depth: int) -> str:
    # A translation, not made yet; its argument is the text to be translated.
    args: Any = instance_dict(value).get("_args")
    if args is None or len(args) != 1:
        return name_only(renderer, value, bases, room, depth)
    return f"<lazy {renderer.show(args[0], room - 7, depth + 1)}>"


def _lazy_object(renderer: Renderer, value: Any, bases: Bases, room: int, depth: int) -> str:
    wrapped = instance_dict(value).get("_wrapped")
    if wrapped is None or type(wrapped) is object:  # what stands there before it is evaluated
        return name_only(renderer, value, bases, room, depth)
    name = class_name(value)
    return f"<{name}: {renderer.show(wrapped, room - len(name) - 4, depth + 1)}>"


def _array(renderer: Renderer, value: Any, _bases: Bases, room: int, depth: int) -> str:
    # Writing one takes milliseconds, or copies it from another device.
    if class_name(value) == "ndarray" and value.size <= _SMALL_ARRAY and value.dtype.kind != "O":
        return renderer.call_repr(value, room, depth)
    return f"<{class_title(value)} of shape {renderer.show(value.shape, room, depth + 1)}>"


# By the first part of the module's name, then by the name of the class.
_FOREIGN: dict[str, dict[str, ForeignShower]] = {
    "_asyncio": {"Future": name_only},  # shows its result
    "asyncio": {"Future": name_only},
    "celery": {"Proxy": name_only},
    "dask": {"Array": name_only, "Bag": name_only, "FrameBase": name_only},
    "django": {
        "LazyObject": _lazy_object,
        "Model": _model,
        "Page": name_only,  # counts the pages
        "Promise": _lazy_text,
        "QuerySet": _query_set,
        "RawQuerySet": _query_set,
    },
    "kombu": {"lazy": name_only},
    "mongoengine": {"BaseDocument": name_only, "BaseQuerySet": name_only},
    "numpy": {"ndarray": _array},
    "pandas": {"DataFrame": _array, "Index": _array, "Series": _array},
    "polars": {"DataFrame": _array, "LazyFrame": name_only, "Series": _array},
    "pyspark": {"DataFrame": name_only, "RDD": name_only},
    "sqlalchemy": {
        "BaseRow": _row,
        "FilterResult": name_only,
        "Query": name_only,
        "Result": name_only,
        "_AssociationCollection": name_only,
    },
    "torch": {"Tensor": _array},
    "werkzeug": {"LocalProxy": name_only},
}

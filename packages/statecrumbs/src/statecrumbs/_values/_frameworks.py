"""Name objects of frameworks that fetch or compute in their `__repr__`, without evaluating them.

The frameworks are not imported. A class is recognised by its name and the first part of the name of
its module, anywhere among the bases of the object's class.
"""

from __future__ import annotations

from statecrumbs._values._inspection import instance_dict, name_of, names_in, title_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeAlias

    from statecrumbs._values._renderer import Renderer

    Bases: TypeAlias = tuple[type, ...]
    FrameworkShow: TypeAlias = Callable[[Renderer, Any, Bases, int, int], str]

MAPPED = "_sa_class_manager"  # SQLAlchemy sets it in each class that it maps

_SMALL_ARRAY = 20  # items; smaller arrays are shown


def framework_show(base: type, module: str) -> FrameworkShow | None:
    """Return the function for instances of `base`, defined in `module`; None for other classes."""
    known = FRAMEWORKS.get(module.partition(".")[0])
    show = None if known is None else known.get(name_of(base))
    if show is None and MAPPED in names_in(base):
        return _mapped
    return show


def is_lazy(show: FrameworkShow) -> bool:
    """Return whether the `__repr__` of the classes that `show` is for could do I/O."""
    return show is not _array


def name_only(_renderer: Renderer, value: Any, _bases: Bases, _room: int, _depth: int) -> str:
    """Return the class of `value` and its address."""
    return f"{object.__repr__(value)[:-1]} (not evaluated)>"


def _query_set(renderer: Renderer, value: Any, bases: Bases, room: int, depth: int) -> str:
    fetched = instance_dict(value).get("_result_cache")
    if type(fetched) is not list:
        return name_only(renderer, value, bases, room, depth)
    name = name_of(type(value))
    return f"<{name} {renderer.show(fetched, room - len(name) - 3, depth)}>"


def show_model(renderer: Renderer, value: Any, bases: Bases, room: int, depth: int) -> str:
    """Return the class and the primary key of an instance of a model of Django."""
    # Its repr calls its __str__, which may fetch related objects. The key is in its __dict__.
    name = key_name(bases)
    key = None if name is None else instance_dict(value).get(name)
    return f"<{title_of(type(value))} pk={renderer.show(key, room, depth + 1)}>"


def key_name(bases: Bases) -> str | None:
    """Return the attribute that holds the primary key of a model of Django, None without one."""
    meta = next((names_in(base)["_meta"] for base in bases if "_meta" in names_in(base)), None)
    return None if meta is None else meta.pk.attname


def _mapped(renderer: Renderer, value: Any, _bases: Bases, room: int, depth: int) -> str:
    # Reading an attribute that expired, or a relation, asks the database. The identity is known.
    state = instance_dict(value).get("_sa_instance_state")
    identity: Any = getattr(state, "key", None)  # the class, its primary key, a token
    key = None if identity is None else identity[1]
    if key is not None and len(key) == 1:
        (key,) = key
    return f"<{title_of(type(value))} pk={renderer.show(key, room, depth + 1)}>"


def _row(renderer: Renderer, value: Any, bases: Bases, room: int, depth: int) -> str:
    # SQLAlchemy's: its items may be mapped objects, its columns have names.
    members = next(names_in(base) for base in bases if "_key_to_index" in names_in(base))
    items = members["_data"].__get__(value)
    index: dict[object, int] = members["_key_to_index"].__get__(value)
    names = {position: name for name, position in index.items() if isinstance(name, str)}
    fields = [(names.get(position, ""), item) for position, item in enumerate(items)]
    return renderer.fields(value, name_of(type(value)), fields, len(fields), room, depth)


def _lazy_text(renderer: Renderer, value: Any, bases: Bases, room: int, depth: int) -> str:
    # A translation that is not made yet; its argument is the text to be translated.
    args: Any = instance_dict(value).get("_args")
    if args is None or len(args) != 1:
        return name_only(renderer, value, bases, room, depth)
    return f"<lazy {renderer.show(args[0], room - 7, depth + 1)}>"


def _lazy_object(renderer: Renderer, value: Any, bases: Bases, room: int, depth: int) -> str:
    wrapped = instance_dict(value).get("_wrapped")
    if wrapped is None or type(wrapped) is object:  # the value before it is evaluated
        return name_only(renderer, value, bases, room, depth)
    name = name_of(type(value))
    return f"<{name}: {renderer.show(wrapped, room - len(name) - 4, depth + 1)}>"


def _array(renderer: Renderer, value: Any, _bases: Bases, room: int, depth: int) -> str:
    # The `repr` of an array takes milliseconds, or copies it from another device.
    if name_of(type(value)) == "ndarray" and value.size <= _SMALL_ARRAY and value.dtype.kind != "O":
        return renderer.call_repr(value, room, depth)
    return f"<{title_of(type(value))} of shape {renderer.show(value.shape, room, depth + 1)}>"


# By the first part of the module's name, then by the name of the class.
FRAMEWORKS: dict[str, dict[str, FrameworkShow]] = {
    "_asyncio": {"Future": name_only},  # its repr shows its result
    "asyncio": {"Future": name_only},
    "celery": {"Proxy": name_only},
    "dask": {"Array": name_only, "Bag": name_only, "FrameBase": name_only},
    "django": {
        "LazyObject": _lazy_object,
        "Model": show_model,
        "Page": name_only,  # its repr counts the pages
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

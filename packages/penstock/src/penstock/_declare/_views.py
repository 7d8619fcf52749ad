"""The class-based views and methods of Django that a decorated function stands in for.

Django's `method_decorator` tries a decorator on a function of its own, which is never called. At
each request it applies the decorator again, to the method of that view. Views that inherit the
method share its code, so that the place of each is the class. The function that ``as_view()`` makes
has the same name and the same code for every view, also with Django REST framework.
"""

from __future__ import annotations

import sys
from types import FunctionType, MethodType
from weakref import WeakKeyDictionary

from corectx.lowlevel import kind_of
from penstock._declare._code import closure_of, code_in, comparable, layers
from penstock._declare._step import Place, frame_outside, place_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, FrameType
    from typing import Any

_MODULE = "django.utils.decorators"
_OPTIONS = ("actions", "initkwargs", "view_initkwargs")  # of the function that as_view() returns
_TRIED_ON = "_update_method_wrapper.<locals>.dummy"

# By the function that `method_decorator` puts into a class: what that stands for, and its kind.
_decorated: WeakKeyDictionary[Any, tuple[Place, str]] = WeakKeyDictionary()


def place_behind(function: Any, kind: str, flow: str) -> tuple[Place, str | None] | None:
    """Return the place of the function that `function` stands for, and its kind if that differs.

    Return None if `function` stands for itself. Raises TypeError if `method_decorator` declares
    `kind` without a flow, because no other decorator would find the method.
    """
    if getattr(function, "__qualname__", "") == _TRIED_ON and function.__module__ == _MODULE:
        if kind and not flow:
            raise TypeError(
                f"@method_decorator needs the decorator of a flow, but got {kind}. Write "
                f"@method_decorator(flow('NAME').{kind}, ...)."
            )
        return _remember_place()
    below = list(layers(function))
    if type(below[-1]) is FunctionType and any(type(each) is MethodType for each in below):
        calling = _django_calling("_wrapper")
        here = {} if calling is None else calling.f_locals
        if calling is not None and any(each is here.get("bound_method") for each in below):
            return _place_of_method(calling.f_code, here)
    view: object = getattr(function, "view_class", None) or getattr(function, "cls", None)
    if isinstance(view, type) and hasattr(view, "as_view"):
        return _place_of_view(function, view), None
    return None


def _remember_place() -> tuple[Place, str]:
    """Return the place of the method that `method_decorator` is decorating."""
    trying = _django_calling("_update_method_wrapper")
    multiple = trying and trying.f_back
    decorating = multiple and multiple.f_back
    try:
        method: Any = multiple.f_locals["method"]  # type: ignore[union-attr]
        target: Any = decorating.f_locals["obj"]  # type: ignore[union-attr]
        wrapper: Any = multiple.f_locals["_wrapper"]  # type: ignore[union-attr]
    except (AttributeError, KeyError):
        raise TypeError(
            "The @method_decorator of this Django does not tell which method it decorates. Write "
            "the decorator of the flow directly above the method."
        ) from None
    place = place_of(method)
    if isinstance(target, type) and not place.qualname.startswith(f"{target.__qualname__}."):
        name: str = decorating.f_locals["name"]  # type: ignore[union-attr]
        place = _place_in_class(
            target, f"{target.__name__}.{name}", f"{target.__qualname__}.{name}", method
        )
    _decorated[wrapper] = found = place, _kind_in(target, method)
    return found


def _place_of_method(code: CodeType, here: dict[str, Any]) -> tuple[Place, str]:
    """Return the place of the method that a call with `code` and the variables `here` is making."""
    method = here["method"]
    for cls in type(here["self"]).__mro__:
        members = vars(cls)
        for member in (members.get(method.__name__), *members.values()):
            for each in layers(member):
                if getattr(each, "__code__", None) is code and any(
                    content is here["decorators"] for content in closure_of(each)
                ):
                    return _decorated[each][0], _kind_in(type(here["self"]), method)
    return place_of(method), kind_of(method)


def _kind_in(view: Any, method: Any) -> str:
    """Return the kind of `method` in the class `view`.

    The ``dispatch`` of an async view is a plain function. It returns what an async method returns.
    """
    if method.__name__ == "dispatch" and getattr(view, "view_is_async", False):
        return "coroutine"
    return kind_of(method)


def _place_of_view(function: Any, view: type) -> Place:
    name = function.__name__
    if name == "view":  # Django leaves the name; Flask's is the one that its user gave
        name = view.__name__
    # Django REST framework makes a class of a function.
    for member in vars(view).values():
        for inner in closure_of(member):
            if type(inner) is FunctionType and inner.__name__ == view.__name__:
                place = place_of(inner)
                place.name = name
                return place
    place = _place_in_class(view, name, view.__qualname__, function)
    # ``as_view()`` makes another view of other options, and with REST framework of other actions.
    chosen = {key: value for key, value in vars(function).items() if key in _OPTIONS}
    place.code = (*place.code, comparable(chosen))
    return place


def _place_in_class(cls: type, name: str, qualname: str, function: Any) -> Place:
    """Return a place in `cls`, at the line that declares it."""
    frame = frame_outside()
    module = sys.modules.get(cls.__module__)
    return Place(
        name,
        cls.__module__,
        qualname,
        cls.__doc__,
        frame.f_code.co_filename,
        frame.f_lineno,
        code_in(function),
        {} if module is None else vars(module),
    )


def _django_calling(name: str) -> FrameType | None:
    """Return the nearest call of the function `name` of `django.utils.decorators`."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    while frame is not None:
        if frame.f_code.co_name == name and frame.f_globals.get("__name__") == _MODULE:
            return frame
        frame = frame.f_back
    return None

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
from penstock._declare._step import Step, frame_outside, read_step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, FrameType
    from typing import Any

_MODULE = "django.utils.decorators"
_OPTIONS = ("actions", "initkwargs", "view_initkwargs")  # of the function that as_view() returns
_TRIED_ON = "_update_method_wrapper.<locals>.dummy"

# By the function that `method_decorator` puts into a class: what that stands for, and its kind.
_decorated: WeakKeyDictionary[Any, tuple[Step, str]] = WeakKeyDictionary()


def step_behind(function: Any, kind: str, flow: str) -> tuple[Step, str | None] | None:
    """Return the function that `function` stands for as a step, and its kind if that differs.

    Return None if `function` stands for itself. Raises TypeError if `method_decorator` declares
    `kind` without a flow, because no other decorator would find the method.
    """
    if getattr(function, "__qualname__", "") == _TRIED_ON and function.__module__ == _MODULE:
        if kind and not flow:
            raise TypeError(
                f"@method_decorator needs the decorator of a flow, but got {kind}. Write "
                f"@method_decorator(flow('NAME').{kind}, ...)."
            )
        return _remember_method()
    below = list(layers(function))
    if type(below[-1]) is FunctionType and any(type(each) is MethodType for each in below):
        calling = _django_calling("_wrapper")
        here = {} if calling is None else calling.f_locals
        if calling is not None and any(each is here.get("bound_method") for each in below):
            return _method_of(calling.f_code, here)
    view: object = getattr(function, "view_class", None) or getattr(function, "cls", None)
    if isinstance(view, type) and hasattr(view, "as_view"):
        return _view_of(function, view), None
    return None


def _remember_method() -> tuple[Step, str]:
    """Return the method that `method_decorator` is decorating, and its kind."""
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
    step = read_step(method)
    if isinstance(target, type) and not step.qualname.startswith(f"{target.__qualname__}."):
        name: str = decorating.f_locals["name"]  # type: ignore[union-attr]
        step = _step_in_class(
            target, f"{target.__name__}.{name}", f"{target.__qualname__}.{name}", method
        )
    kind = _kind_in(target, method)
    _decorated[wrapper] = step.in_flow(""), kind
    return step, kind


def _method_of(code: CodeType, here: dict[str, Any]) -> tuple[Step, str]:
    """Return the method, and its kind, that a call with `code` and the variables `here` makes."""
    method = here["method"]
    for cls in type(here["self"]).__mro__:
        members = vars(cls)
        for member in (members.get(method.__name__), *members.values()):
            for each in layers(member):
                if getattr(each, "__code__", None) is code and any(
                    content is here["decorators"] for content in closure_of(each)
                ):
                    return _decorated[each][0].in_flow(""), _kind_in(type(here["self"]), method)
    return read_step(method), kind_of(method)


def _kind_in(view: Any, method: Any) -> str:
    """Return the kind of `method` in the class `view`.

    The ``dispatch`` of an async view is a plain function. It returns what an async method returns.
    """
    if method.__name__ == "dispatch" and getattr(view, "view_is_async", False):
        return "coroutine"
    return kind_of(method)


def _view_of(function: Any, view: type) -> Step:
    name = function.__name__
    if name == "view":  # Django leaves the name; Flask's is the one that its user gave
        name = view.__name__
    # Django REST framework makes a class of a function.
    for member in vars(view).values():
        for inner in closure_of(member):
            if type(inner) is FunctionType and inner.__name__ == view.__name__:
                step = read_step(inner)
                step.name = name
                return step
    step = _step_in_class(view, name, view.__qualname__, function)
    # ``as_view()`` makes another view of other options, and with REST framework of other actions.
    chosen = {key: value for key, value in vars(function).items() if key in _OPTIONS}
    step.code = (*step.code, comparable(chosen))
    return step


def _step_in_class(cls: type, name: str, qualname: str, function: Any) -> Step:
    """Return a step in `cls`, at the line that declares it."""
    frame = frame_outside()
    module = sys.modules.get(cls.__module__)
    return Step(
        name=name,
        module=cls.__module__,
        qualname=qualname,
        doc=cls.__doc__,
        file=frame.f_code.co_filename,
        line=frame.f_lineno,
        code=code_in(function),
        namespace={} if module is None else vars(module),
    )


def _django_calling(name: str) -> FrameType | None:
    """Return the nearest call of the function `name` of `django.utils.decorators`."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    while frame is not None:
        if frame.f_code.co_name == name and frame.f_globals.get("__name__") == _MODULE:
            return frame
        frame = frame.f_back
    return None

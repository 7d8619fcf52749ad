"""`flow_task`: a Celery shared task whose function is an entrypoint or a step."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from celery import Task, shared_task
from celery.exceptions import NotRegistered
from celery.local import Proxy

from penstock.lowlevel import declaration_of, declare

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Concatenate, Literal, ParamSpec, TypeVar, overload

    from celery import Celery

    from penstock.lowlevel import After

    P = ParamSpec("P")
    R = TypeVar("R")

if TYPE_CHECKING:
    AnyProxy = Proxy[Any]
else:
    AnyProxy = Proxy

# The attributes of a task before it is made; @flow looks for "__penstock__".
_KNOWN = ("__name__", "__qualname__", "__module__", "__doc__", "__penstock__")


class TaskProxy(AnyProxy):
    """Stand for a task, which is made at its first use, never while modules are imported.

    `shared_task` returns such a proxy too. This one also knows the name of the function, its place
    in the map, and that it is a task: `isinstance` asks for its class.
    """

    def __init__(self, task: Callable[[], Any], function: Any, base: type[Any]) -> None:
        super().__init__(task)
        # An ordinary assignment would make the task and set its attribute.
        object.__setattr__(self, "_base", base)
        for name in _KNOWN:
            object.__setattr__(self, name, getattr(function, name))

    @property  # type: ignore[misc]
    def __class__(self) -> type[Any]:  # pyright: ignore[reportIncompatibleMethodOverride]
        base: type[Any] = object.__getattribute__(self, "_base")
        return base


if TYPE_CHECKING:

    @overload
    def flow_task(function: Callable[P, R], /) -> Task[P, R]: ...
    @overload
    def flow_task(
        *, after: After = None, app: Celery | None = None, bind: Literal[True], **options: Any
    ) -> Callable[[Callable[Concatenate[Any, P], R]], Task[P, R]]: ...
    @overload
    def flow_task(
        *,
        after: After = None,
        app: Celery | None = None,
        bind: Literal[False] = False,
        **options: Any,
    ) -> Callable[[Callable[P, R]], Task[P, R]]: ...


def flow_task(
    function: Any = None, /, *, after: After = None, app: Celery | None = None, **options: Any
) -> Any:
    """Make `function` a Celery task that has a place in a flow; with or without parentheses.

    It is a shared task, or a task of `app`, and takes all `options` of a task. Put `penstock.flow`
    above or below it. Without `after` the flow begins here, as with `penstock.entrypoint`. It also
    begins here if `after` names only steps of other flows, as "other_flow:step". Otherwise it is a
    step; `penstock.step` describes `after`. A function that is an entrypoint or a step already
    stays one. With neither `after` nor a flow it is an ordinary task.

    Raises `TypeError` for a task, for another object that is no function, for a partial or an
    object with `__call__` without ``name=``, for a second function with the name of a task, and for
    an option that is nearly ``after`` or ``app``. Celery would make an attribute of the task from
    such an option.
    """
    _check_options(options)
    predecessors = _kept(after)

    def make(function: Any) -> Any:
        declared = _declared(function, predecessors, options.get("name"))
        _check_is_first(declared, app, options.get("name"))
        make_task: Callable[..., Any] = shared_task if app is None else app.task
        made = make_task(**options)(declared)
        is_made = not issubclass(type(made), Proxy)
        checked: Any = None

        def task() -> Any:
            nonlocal checked
            try:
                found = made if is_made else made._get_current_object()  # noqa: SLF001
            except NotRegistered as error:
                raise TypeError(_not_a_task(declared)) from error
            if found is not checked:
                if found.run is proxy:
                    raise TypeError(_not_a_task(declared))
                _check_is_ours(found, declared)
                checked = found
            return found

        proxy = TaskProxy(task, declared, options.get("base") or Task)
        return proxy

    return make if function is None else make(function)


def _check_options(options: dict[str, Any]) -> None:
    """Refuse a misspelled option of ours; a task may have any other attribute."""
    for name in options:
        # Near enough for "afer", too far for an attribute such as "retry_after".
        nearest = get_close_matches(name.lower(), ("after", "app"), n=1, cutoff=0.8)
        if nearest and not hasattr(options.get("base") or Task, name):
            raise TypeError(f"@flow_task has no option {name!r}. Did you mean {nearest[0]}=?")


def _declared(function: Any, after: After, task_name: object) -> Any:
    """Return `function` as the entrypoint or the step that it is."""
    if issubclass(type(function), (Proxy, Task)):
        raise TypeError(
            "@flow_task makes a task, but got one. Write @flow_task(...) with the task's options, "
            "and app= for an app's own task; or put @app.task above @penstock.step."
        )
    if isinstance(function, str):
        raise TypeError(f"@flow_task decorates functions. Did you mean name={function!r}?")
    declaration = declaration_of(function)
    if declaration is not None and declaration.wrapper is function:
        if after is not None:
            raise TypeError(
                f"{function.__qualname__!r} has its after= from @entrypoint or @step, so "
                "@flow_task cannot have one."
            )
        return function
    kind = "entrypoint" if after is None or _is_elsewhere(after) else "step"
    if hasattr(function, "__name__") or not callable(function):
        return declare(function, kind, after=after, call_kind="task")
    # A partial, or an object with `__call__`. Celery would give each the name of our wrapper, and
    # keep only the first.
    if not isinstance(task_name, str):
        raise TypeError(
            f"@flow_task needs a name for {function!r}, which has none of its own. Write "
            "@flow_task(name='shop.tasks.mail')."
        )
    name = task_name.rpartition(".")[2]
    declared = declare(function, kind, after=after, name=name, call_kind="task")
    declared.__name__ = declared.__qualname__ = name
    return declared


def _not_a_task(function: Any) -> str:
    """Return the message for a `function` whose task in Celery is not the one made here."""
    return (
        f"The task of {function.__name__!r} is not the one that @flow_task made. Does @app.task or "
        "@shared_task stand above @flow_task? Write @flow_task(...) with the task's options, and "
        "app= for an app's own task; or put @app.task above @penstock.step."
    )


# The functions by the names of their tasks, and by their app; shared tasks have none.
_bodies: WeakValueDictionary[tuple[int, str], Any] = WeakValueDictionary()


def _check_is_first(function: Any, app: Celery | None, name: str | None) -> None:
    """Refuse `function` if another one has made a task with the same name in this module.

    Celery would give both tasks one body, in each process maybe another one.
    """
    key = id(app), name or f"{function.__module__}.{function.__name__}"
    declared, earlier = declaration_of(function), declaration_of(_bodies.get(key))
    if declared is not None and earlier is not None and declared.takes_name_of(earlier):
        raise TypeError(_taken(key[1]))
    _bodies[key] = function


def _check_is_ours(task: Any, function: Any) -> None:
    """Refuse `task` if its body is another function: Celery keeps the first one of each name."""
    declared, found = declaration_of(function), declaration_of(task.run)
    if declared is None or found is None or not found.is_same_function(declared):
        raise TypeError(_taken(task.name))


def _taken(task_name: str) -> str:
    return (
        f"Two functions want to be the task {task_name!r}, and Celery would run only one of them. "
        "Are they copies, methods of two objects, or does a decorator without functools.wraps hide "
        "their names? Write @flow_task(name='shop.mail'), with another name for each."
    )


def _kept(after: Any) -> Any:
    """Return `after` so that it can be read more than once: an iterator as a tuple."""
    if isinstance(after, str) or callable(after) or not isinstance(after, Iterable):
        return after
    return tuple[Any, ...](after)


def _is_elsewhere(after: Any) -> bool:
    """Tell whether `after`, as `_kept` returns it, names only steps of other flows."""
    each_after: tuple[Any, ...] = after if isinstance(after, tuple) else (after,)
    return all(isinstance(each, str) and ":" in each for each in each_after)

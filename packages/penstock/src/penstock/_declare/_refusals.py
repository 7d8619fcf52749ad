"""Messages about functions and options that cannot be declared, and what tells such functions."""

from __future__ import annotations

from penstock._declare._code import is_more_than_its_function, is_property, name_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def refuse_options(kind: str, wrong: dict[str, Any]) -> None:
    """Raise TypeError for the first of the options in `wrong`, which @`kind` does not have."""
    for option in wrong:
        from difflib import get_close_matches  # slow to import

        nearest = get_close_matches(option.lower(), ("after", "name"), n=1)
        hint = f"Did you mean {nearest[0]}=?" if nearest else "There are after= and name=."
        raise TypeError(f"@{kind} has no option {option!r}. {hint}")


def not_a_name(name: object, what: str) -> str:
    """Return the message about a `name` that is no text, or empty; it begins with `what`."""
    return f"{what} is text that is not empty, but got {name!r}."


def is_decoratable(target: Any) -> bool:
    return callable(target) and not isinstance(target, type)


def is_task(target: Any) -> bool:
    """Tell whether `target` is a Celery task: a function in its place has no `delay`."""
    return hasattr(target.__class__, "apply_async")


def replaced_by(target: Any) -> str:
    """Return the decorator that replaced a function by `target`, which its framework must find.

    Return "" for everything else. Before pytest 8.4 a fixture was a marked function.
    """
    made = type(target)
    marks = getattr(target, "__dict__", {})  # a mock has any attribute
    if made.__module__.startswith("_pytest.") or "_pytestfixturefunction" in marks:
        return "@pytest.fixture"
    return "@click.command" if hasattr(made, "make_context") else ""


def misplaced(target: object, decorator: str) -> str:
    """Return the message for a `target` that cannot have `decorator`; it has the fix."""
    if isinstance(target, type):
        return (
            f"{decorator} is for functions and methods, but got the class {target.__qualname__!r}. "
            "Decorate its methods, and put @flow over the class."
        )
    if is_property(target):
        return (
            f"{decorator} stands above @{type(target).__name__}. Write it below, next to the def; "
            "@flow goes over the class."
        )
    if is_task(target):
        return (
            f"{decorator} stands above the task {name_of(target)!r}. Write it below, next to the "
            "def."
        )
    if replacing := replaced_by(target):
        return f"{decorator} stands above {replacing}. Write it below, next to the def."
    # Such as a task of Django's, or an actor of dramatiq
    if callable(getattr(target, "func", None)) or is_more_than_its_function(target):
        made = type(target)
        name = getattr(target, "__name__", None) or name_of(getattr(target, "func", target))
        return (
            f"{decorator} stands above {name!r}, which a decorator has made a "
            f"{made.__module__}.{made.__qualname__} of. Write it below, next to the def."
        )
    if isinstance(target, str) and decorator == "@entrypoint":
        return (
            f"@entrypoint decorates functions, but got {target!r}. Write @flow({target!r}) above "
            f"@entrypoint, or @entrypoint(name={target!r})."
        )
    if isinstance(target, str):
        return (
            f"{decorator} decorates functions, but got {target!r}. Did you mean after={target!r}?"
        )
    what = getattr(target, "__qualname__", None) or repr(target)
    return f"{decorator} is for functions and methods, but got {what} ({type(target).__name__})."

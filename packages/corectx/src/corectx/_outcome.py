"""Exceptions that are control flow, not failures: by them a framework says how the work goes on."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    Rule: TypeAlias = Callable[[BaseException], bool] | None

_FIRST_SERVER_ERROR = 500  # the HTTP status codes from here on are failures


def _is_client_error(exc: BaseException) -> bool:
    status: object = getattr(exc, "status_code", None) or getattr(exc, "code", None)
    return isinstance(status, int) and status < _FIRST_SERVER_ERROR


# By the full name of the class, so that no framework is imported: None where every exception of the
# class and its subclasses is control flow, else a function that decides. docs/control-flow.md has
# this table for users.
_NAMED: dict[str, Rule] = {
    "builtins.GeneratorExit": None,  # a generator that is closed has not failed
    "celery.exceptions.Ignore": None,
    "celery.exceptions.Reject": None,
    "celery.exceptions.Retry": None,
    "click.exceptions.Exit": None,
    "django.core.exceptions.PermissionDenied": None,
    "django.core.exceptions.SuspiciousOperation": None,
    "django.http.response.Http404": None,
    "rest_framework.exceptions.APIException": _is_client_error,
    "starlette.exceptions.HTTPException": _is_client_error,
    "werkzeug.exceptions.HTTPException": _is_client_error,
}
_added: dict[type, Rule] = {}  # by `treat_as_control_flow`


def treat_as_control_flow(
    *kinds: type[BaseException], when: Callable[[BaseException], bool] | None = None
) -> None:
    """Treat exceptions of `kinds` and their subclasses as control flow, not as failures.

    With `when` only those for which it returns true. Observers are then told that the work ended
    without an exception. It holds for the whole process. The HTTP exceptions below 500 and similar
    ones of Celery, click, Django, Django REST framework, Flask and Starlette are control flow
    already.
    """
    for kind in kinds:
        _added[kind] = when


def is_control_flow(exc: BaseException) -> bool:
    """Tell whether `exc` is control flow. A rule that raises does not hold."""
    for kind in type(exc).__mro__:
        if kind in _added:
            rule = _added[kind]
        else:
            name = f"{kind.__module__}.{kind.__qualname__}"
            if name not in _NAMED:
                continue
            rule = _NAMED[name]
        try:
            return rule is None or bool(rule(exc))
        except Exception:
            return False
    return False

"""Import the program that a user named, so that its flows are declared."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from penstock._arguments import did_you_mean

if TYPE_CHECKING:
    from types import ModuleType


class AppError(Exception):
    """The program could not be imported; the message is for the person who named it."""


def load_app(name: str) -> None:
    """Import ``module`` or ``module:attribute``, from the current folder first.

    An attribute that is a function is called without arguments, as application factories are. Other
    callables, such as an ASGI application or a `Flow`, take arguments and are not called. If the
    module has a Celery app, the modules of its tasks are imported too, as a worker does. Raises
    `AppError`. If the module itself failed, its message is the traceback of the module's own code.
    """
    from functools import partial
    from inspect import isroutine

    module_name, _, attribute = name.partition(":")
    folder = os.getcwd()
    if folder not in sys.path:
        sys.path.insert(0, folder)
    is_path = "/" in module_name or "\\" in module_name or os.path.isfile(module_name)
    if is_path or not all(module_name.split(".")):
        raise AppError(f"--app is a module such as shop.flows, or module:function, not {name!r}.")
    module = _import(module_name)
    _import_tasks(name, module)
    if not attribute:
        return
    if not hasattr(module, attribute):
        hint = did_you_mean(attribute, vars(module))
        raise AppError(f"The module {module_name!r} has no {attribute!r}.{hint}")
    made = getattr(module, attribute)
    if isroutine(made) or isinstance(made, partial):
        try:
            made()
        except Exception as error:
            raise AppError(_own_traceback(name, error)) from None


def _import_tasks(name: str, module: ModuleType) -> None:
    """Import the task modules of the Celery apps in `module`: `autodiscover_tasks` is lazy."""
    celery = sys.modules.get("celery")
    if celery is None:
        return
    # By `type`: `isinstance` asks a lazy object, such as Django's settings, for its class. That
    # would set it up.
    for app in [each for each in vars(module).values() if issubclass(type(each), celery.Celery)]:
        try:
            app.loader.import_default_modules()
        except Exception as error:
            raise AppError(_own_traceback(name, error)) from None


def _import(name: str) -> ModuleType:
    from importlib import import_module

    try:
        return import_module(name)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit too: the module may be a script
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        if missing and f"{name}.".startswith(f"{missing}."):
            raise AppError(
                f"There is no module {missing!r} in {os.getcwd()} or among the installed packages."
            ) from None
        raise AppError(_own_traceback(name, error)) from None


def _own_traceback(name: str, error: BaseException) -> str:
    """Return the traceback of `error` and of its causes, with the lines of the user's code only.

    The lines of the import system and of penstock are left out.
    """
    import traceback

    ours = (
        os.path.join(os.path.dirname(__file__), ""),
        os.path.dirname(sys.modules["importlib"].__file__ or ""),
        "<frozen",
    )
    report = traceback.TracebackException.from_exception(error)
    each: traceback.TracebackException | None = report
    while each is not None:
        own = [entry for entry in each.stack if not entry.filename.startswith(ours)]
        each.stack = traceback.StackSummary.from_list(own)
        each = each.__cause__ or each.__context__
    return f"Importing {name!r} failed:\n\n{''.join(report.format()).rstrip()}"

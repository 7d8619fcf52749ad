"""Keep the last crumbs of runtime state in memory, and dump them when the program crashes.

from statecrumbs import enable, crumb

enable()
crumb("order_received", order_id=4711)

context      context(**values): ambient values for the crumbs inside
formatter    crumbs as JSON or as text for a terminal
export       the crumbs to a file
logging      log records as crumbs
testing      the crumbs of a test of yours

_recorder    crumb(), the ring, what a dump shows      _trail      the trail of one operation
_freeze      values to bounded text                    _records    what is kept, and what is shown
_render      a bounded repr                            _redact/    which text is a secret
_options     the options of enable()                   _control    enable(), disable()
_crash       hooks for every way to die                _dump       a dump: made and delivered
_exceptions  an exception as data                      _live       a dump at a signal
_facts       what a process says of itself             _mirror     the crumbs into a black box
"""

from __future__ import annotations

from statecrumbs._control import disable, enable
from statecrumbs._recorder import clear, crumb, snapshot, trail

TYPE_CHECKING = False
if TYPE_CHECKING:
    from statecrumbs import context as context
    from statecrumbs import export as export
    from statecrumbs import formatter as formatter
    from statecrumbs._dump import report

__all__ = ["clear", "crumb", "disable", "dump", "enable", "report", "snapshot", "trail"]


def dump() -> None:
    """Print the crumbs in the ring to stdout as JSON."""
    from statecrumbs.formatter import format_json

    print(format_json(snapshot()))  # noqa: T201 - what it is for


def __getattr__(name: str) -> object:
    # Whoever only records, a library for one, does not load what dumps.
    if name == "report":
        from statecrumbs._dump import report

        globals()[name] = report
        return report
    if name in ("context", "export", "formatter"):
        from importlib import import_module

        return import_module(f"statecrumbs.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

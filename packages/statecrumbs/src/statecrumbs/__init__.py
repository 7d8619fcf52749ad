"""Keep the last crumbs of runtime state in memory, and dump them when the program crashes.

from statecrumbs import enable, crumb

enable()
crumb("order_received", order_id=4711)

context        context(**values): ambient values for the crumbs inside
formatter      crumbs as JSON or as text for a terminal
export         the crumbs to a file
logging        log records as crumbs
testing        the crumbs of a test
pytest_plugin  the crumbs of a failing test, in its report
cli            the command ``statecrumbs``; __main__ runs it as ``python -m statecrumbs``
lowlevel       the functions that integrations need

_enable        enable() and disable()
_options       the options of enable()
_recorder      crumb() and snapshot(): record crumbs, and read them again
_ring          the last crumbs of the process, of all its threads
_trail         the crumbs of one operation
_senders       the process that sent a message, and when
_in_flight     the frames that are open
_work          one of them: since when it is open, and where it runs
_crumb         one crumb: given, kept, shown
_values/       a value as bounded text
_redact/       which names and texts are secrets
_sent_crumbs   crumbs that travel with a message
_crash/        dumps: at an unhandled exception, at a signal
_black_box/    the file that survives the process
_reading/      black boxes and dumps, read for the terminal and as a page
_endings       how processes ended: the list, how an ending is found, the words
_lines         crumbs as lines of text
_json          values as JSON data
_process       describe this process and its machine
"""

from __future__ import annotations

from statecrumbs._enable import deaths, disable, enable
from statecrumbs._recorder import clear, crumb, snapshot, trail

TYPE_CHECKING = False
if TYPE_CHECKING:
    from statecrumbs import context as context
    from statecrumbs import export as export
    from statecrumbs import formatter as formatter
    from statecrumbs._crash import report

__all__ = ["clear", "crumb", "deaths", "disable", "dump", "enable", "report", "snapshot", "trail"]


def dump() -> None:
    """Print the crumbs in the ring to stdout as JSON."""
    from statecrumbs.formatter import format_json

    print(format_json(snapshot()))  # noqa: T201 - what it is for


def __getattr__(name: str) -> object:
    # A program that only records, such as a library, does not load the code of dumps.
    if name == "report":
        from statecrumbs._crash import report

        globals()[name] = report
        return report
    if name in ("context", "export", "formatter"):
        from importlib import import_module

        return import_module(f"statecrumbs.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

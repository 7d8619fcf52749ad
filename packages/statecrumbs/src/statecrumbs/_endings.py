"""The endings: a closed list of verdicts on how a process ended, with its words and levels.

Each verdict has its evidence in the black box; `docs/endings.md` has the whole table. Endings that
leave the same evidence are one verdict: SIGTERM at its default action, SIGKILL and `os._exit` all
end a process without its exit hooks.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Final, Literal

    Ending = Literal[
        "running",
        "ended",
        "exception",
        "exited",
        "interrupted",
        "unfinished",
        "gone",
        "replaced",
        "rebooted",
        "unknown",
    ]

# For each verdict: a few words, and a sentence without its end.
_WORDS: Final[dict[str, tuple[str, str]]] = {
    "running": ("Still running", "The process is still running"),
    "ended": ("Ended by itself", "The process ended by itself"),
    "exception": (
        "Ended by an exception",
        "The process ended by an unhandled exception",
    ),
    "exited": (
        "Exited in the middle of an operation",
        "The process exited with code {code} in the middle of an operation",
    ),
    "interrupted": (
        "Interrupted in the middle of an operation",
        "KeyboardInterrupt ended the process in the middle of an operation",
    ),
    "unfinished": (
        "Ended with work in flight",
        "The process ended by itself while work was in flight",
    ),
    "gone": (
        "Ended without its exit hooks",
        "The process ended without its exit hooks (SIGTERM, SIGKILL and os._exit look the same)",
    ),
    "replaced": (
        "Replaced by another program",
        "Another program replaced the process without its exit hooks (os.exec*)",
    ),
    "rebooted": (
        "Ended by a restart of the machine",
        "The machine was restarted while the process ran",
    ),
    "unknown": (
        "Ending unknown",
        "Whether the process still runs cannot be known on this machine",
    ),
}

VERDICTS: Final = tuple(_WORDS)
# Verdicts in which the process had no way to note anything at its end.
WITHOUT_HOOKS: Final = ("gone", "replaced", "rebooted")
# Verdicts of processes that are known to have ended.
OVER: Final = ("ended", "exception", "exited", "interrupted", "unfinished", *WITHOUT_HOOKS)
# The words that dumps of version 0.1 had for some of them.
_OLD: Final = {"clean": "ended", "alive": "running", "pid reused": "gone"}


def verdict(ending: object) -> str:
    """Return `ending` if it is a verdict, or the verdict that an older dump meant by it."""
    text = str(ending)
    text = _OLD.get(text, text)
    return text if text in _WORDS else "unknown"


def in_short(ending: object) -> str:
    """Return a few words about the end of the process."""
    return _WORDS[verdict(ending)][0]


def sentence(about: Mapping[str, Any]) -> str:
    """Return a sentence about the end of a process.

    `about` is the last record of a dump of a black box: its "ending", and of "failures",
    "exit_code", "in_flight", "hidden" and "fault" those that are known.
    """
    ending = verdict(about.get("ending", about.get("died")))
    text = _WORDS[ending][1].format(code=about.get("exit_code", "?"))
    if "in_flight" in about:
        count = len(about["in_flight"]) + int(about.get("hidden") or 0)
        if ending in ("running", *WITHOUT_HOOKS):
            text += f", {count or 'nothing'} in flight"
        elif count:
            text += f": {count} in flight"
    failures = about.get("failures")
    if failures and ending != "exception":
        noted = "one failure" if failures == 1 else f"{failures} failures"
        text += f", {noted} noted{'' if ending == 'running' else ' before'}"
    if about.get("fault"):
        text += f"; faulthandler wrote {about['fault']!r}"
    return f"{text}."


def is_warning(ending: str, *, in_flight: int, failures: int) -> bool:
    """Return whether a death is logged as a WARNING, and not at INFO.

    An end without the exit hooks is ordinary (SIGTERM) unless work was in flight or a failure was
    noted. A failure that the process lived on after is no end.
    """
    if ending in WITHOUT_HOOKS:
        return bool(in_flight or failures)
    return ending in ("exception", "exited", "unfinished")

"""The words for each way in which a process ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Final

_NO_CAUSE: Final = (
    "had no time to say why: it was killed (out of memory?), crashed in C code, or left by "
    "os._exit()."
)
# For each ending: a few words, and a sentence.
_DIED: Final = {
    "clean": ("Ended by itself", "The process ended by itself."),
    "exception": (
        "Ended by an exception",
        "The process ended by an unhandled exception.",
    ),
    "alive": ("Still running", "The process is still running."),
    "gone": ("Gone without a word", f"The process is gone and {_NO_CAUSE}"),
    "pid reused": (
        "Gone without a word",
        f"The process is gone (its ID is another's now) and {_NO_CAUSE}",
    ),
    "unknown": (
        "Nobody knows how it ended",
        (
            "Whether the process still runs cannot be known here: it ran on another machine, or "
            "this system does not tell."
        ),
    ),
}


def how_it_died(died: object) -> str:
    """Return a sentence about the end of the process."""
    return _DIED.get(str(died), _DIED["unknown"])[1]


def how_it_died_in_short(died: object) -> str:
    """Return a few words about the end of the process."""
    return _DIED.get(str(died), _DIED["unknown"])[0]

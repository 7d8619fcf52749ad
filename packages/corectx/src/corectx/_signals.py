"""Tell what a signal handler raised in the midst of our work from what our work raised."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def raised_by_signal(error: BaseException) -> bool:
    """Tell whether a signal handler of the program raised `error`, wherever that interrupted it.

    Then it is the program's own, as a Ctrl-C is: a ``sys.exit()`` at SIGTERM, a time limit at
    SIGALRM.
    """
    signal = sys.modules.get("signal")
    if signal is None:  # nobody has set a handler
        return False
    codes = {_code_of(signal.getsignal(number)) for number in signal.valid_signals()}
    traceback = error.__traceback__
    while traceback is not None:
        if traceback.tb_frame.f_code in codes:
            return True
        traceback = traceback.tb_next
    return False


def _code_of(handler: Any) -> object:
    """Return the code that runs when `handler` is called; None where it is not in Python."""
    from functools import partial

    while isinstance(handler, partial):
        handler = handler.func
    if not callable(handler):  # SIG_DFL, SIG_IGN
        return None
    function = getattr(handler, "__func__", handler)
    call = function if hasattr(function, "__code__") else type(function).__call__
    return getattr(call, "__code__", None)

"""The frames of steps and entrypoints, made in the cheapest way."""

from __future__ import annotations

from corectx import Frame, new_correlation_id
from corectx.lowlevel import NO_VALUES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from penstock._registry import Step


class BareFrame(Frame):
    """A frame whose maker sets every attribute: that is half the price of `Frame.__init__`."""

    __slots__ = ()
    if TYPE_CHECKING:

        def __init__(self) -> None: ...
    else:
        __init__ = object.__init__


class Run(BareFrame):
    """The frame of an entrypoint: one run of its flow. `context` holds the values of the run."""

    __slots__ = ("context",)
    context: dict[str, Any]


def open_run(step: Step, outer: Frame | None) -> Run:
    """Return the frame of a run inside `outer`: it joins the active correlation, or starts one."""
    run = Run()
    run.site = step
    run.parent = run.outer = outer
    run.flow = step.flow
    if outer is None:
        run.correlation_id = new_correlation_id()
        run.values = NO_VALUES
        run.store = {}
    else:
        run.values = outer.values
        run.correlation_id = outer.correlation_id
        run.store = outer.store
        if run.correlation_id is None:  # a bare scope: this is the first frame of an operation
            run.correlation_id = new_correlation_id()
            run.store = {}
    run.label = None
    run.context = {}
    return run

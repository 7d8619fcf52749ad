"""A pytest plugin: the report of a failing test shows the crumbs that the test recorded.

Its entry point loads it; ``-p no:statecrumbs`` leaves it out. Each test records into a ring of its
own. Threads from before the test record for others; their crumbs are left out. With pytest-xdist
the workers also mirror their crumbs into black boxes, so that the report of a killed worker's test
has them too.

A failure of the plugin is one log record on ``statecrumbs``, and never a failing test.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any

import pytest

from statecrumbs import _recorder
from statecrumbs._crumb import name_text, to_crumbs
from statecrumbs._options import options
from statecrumbs._ring import Ring
from statecrumbs.formatter import format_text

if TYPE_CHECKING:
    from collections.abc import Generator

    from statecrumbs._black_box import Mirror
    from statecrumbs._crumb import Crumb, Record

__all__ = ["Controller", "Plugin", "pytest_configure"]

_TITLE = "Captured crumbs"
_INPUT = "statecrumbs_black_box"  # the controller tells a worker its folder under this key
_BEGIN = "statecrumbs.pytest: a test begins"

logger: logging.Logger = logging.getLogger("statecrumbs")


class Plugin:
    """Gives each test a ring of its own, and shows the ring in the report of a failing test."""

    def __init__(self, mirror: Mirror | None) -> None:
        self._mirror = mirror
        self._strangers: frozenset[str] = frozenset()

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, Any, None]:
        """Record into a fresh ring from before the test's set-up until after its tear-down."""
        outer = _recorder.exchange_ring(Ring(options.max_crumbs))
        # Threads of other tests go on recording.
        self._strangers = frozenset(
            name_text(thread.name)
            for thread in threading.enumerate()
            if thread is not threading.current_thread()
        )
        if self._mirror is not None:
            self._mirror.mark(_BEGIN, {"test": _named(item.nodeid)})
        try:
            yield
        finally:
            _recorder.exchange_ring(outer)

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(self) -> Generator[None, Any, None]:
        """Add the section to the report of a phase that failed."""
        outcome = yield
        try:
            report: pytest.TestReport = outcome.get_result()
            if report.failed:
                _add_section(report, to_crumbs(self._own_records()))
        except Exception:
            logger.exception("The crumbs of a failing test could not be shown.")

    def _own_records(self) -> list[Record]:
        return [record for record in _recorder.records() if record[4] not in self._strangers]

    def pytest_unconfigure(self) -> None:
        """Remove this worker's black box."""
        if self._mirror is not None:
            self._mirror.close()


class Controller:
    """Runs beside the workers of pytest-xdist, and reads the black box of a killed worker."""

    def __init__(self) -> None:
        import tempfile

        self._folder = tempfile.mkdtemp(prefix="statecrumbs-pytest-")

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Tell a worker where its black box goes."""
        node.workerinput[_INPUT] = self._folder_of(node)

    @pytest.hookimpl(optionalhook=True)
    def pytest_handlecrashitem(self, crashitem: str, report: Any) -> None:
        """Add the section to the report that stands for the test of a dead worker."""
        try:
            _add_section(report, self._crumbs_of(crashitem, self._folder_of(report.node)))
        except Exception:
            logger.exception("The crumbs of a killed worker could not be read.")

    def pytest_unconfigure(self) -> None:
        """Remove the black boxes."""
        import shutil

        shutil.rmtree(self._folder, ignore_errors=True)

    def _folder_of(self, node: Any) -> str:
        import os

        return os.path.join(self._folder, node.gateway.id)

    def _crumbs_of(self, test: str, folder: str) -> list[Crumb]:
        from statecrumbs._black_box import boxes_in, read

        # The oldest is the worker's own; the others are of children that it forked.
        crumbs = read(boxes_in(folder)[0]).crumbs
        begins = [place for place, crumb in enumerate(crumbs) if crumb["event"] == _BEGIN]
        if begins:  # otherwise later crumbs of the test pushed it out
            if crumbs[begins[-1]].get("test") != _named(test):
                return []
            del crumbs[: begins[-1] + 1]
        return crumbs[-options.max_crumbs :]


def _named(test: str) -> str:
    """Return the end of a test's ID, as much as fits in a slot."""
    return test[-200:]


def pytest_configure(config: pytest.Config) -> None:
    """Set up the plugin of the only process, of a worker of pytest-xdist, or of its controller."""
    try:
        worker_input = getattr(config, "workerinput", {})
        mirror = None
        if _INPUT in worker_input:
            from statecrumbs._black_box import Mirror

            mirror = Mirror(worker_input[_INPUT])
        config.pluginmanager.register(Plugin(mirror), "statecrumbs-tests")
        if not worker_input and getattr(config.option, "dist", "no") != "no":
            config.pluginmanager.register(Controller(), "statecrumbs-controller")
    except Exception:
        logger.exception("The pytest plugin of statecrumbs could not be set up.")


def _add_section(report: Any, crumbs: list[Crumb]) -> None:
    if crumbs:
        report.sections.append((_TITLE, format_text(crumbs)))

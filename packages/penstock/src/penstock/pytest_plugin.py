"""A pytest plugin: ``pytest --flow-coverage`` shows which declared edges the tests ran.

Its entry point loads it. It does nothing without the option, and ``-p no:penstock`` leaves it out.
It works with pytest-xdist and counts steps in child processes of the tests.
"""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from penstock._graph import Graph
    from penstock._verify import Verdict

__all__ = ["FlowCoverage", "pytest_addoption", "pytest_configure"]

_VARIABLE = "PENSTOCK_OBSERVE"
_MAP = "penstock_map"  # a worker sends the graph of its flows to the controller under this key
_FOLDER = ".penstock"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("penstock", "flow coverage")
    group.addoption(
        "--flow-coverage",
        nargs="?",
        const=0.0,
        type=_percent,
        metavar="FAIL_UNDER",
        help="show which declared edges of the flows the tests ran; with =PERCENT, fail under that",
    )
    group.addoption(
        "--flow-coverage-data",
        default=_FOLDER,
        metavar="DIR",
        help=f"where the evidence is kept, for `penstock verify`; replaced by each run (default: "
        f"{_FOLDER} in the root folder)",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Begin to observe, if the option is given and tests will run."""
    if config.getoption("flow_coverage") is not None and not config.option.collectonly:
        config.pluginmanager.register(FlowCoverage(config), "penstock-flow-coverage")


class FlowCoverage:
    """Counts the steps that the tests run, in this process or in workers, and shows the verdict."""

    def __init__(self, config: pytest.Config) -> None:
        from penstock import observe

        self._least: float = config.option.flow_coverage
        self._folder = os.path.join(config.rootpath, config.option.flow_coverage_data)
        self._is_worker = hasattr(config, "workerinput")
        self._maps: list[Graph] = []
        self._verdict: Verdict | None = None
        self._problem: str | None = None
        self._outer = os.environ.get(_VARIABLE)
        if not self._is_worker:
            self._clear()
        os.environ[_VARIABLE] = self._folder  # for child processes
        self._observation = observe(self._folder)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Compare the evidence with the declarations, before the summary is written."""
        from penstock._declare import registry_in_use
        from penstock._graph import build
        from penstock.formats import json

        self._observation.flush()
        own = build(registry_in_use())
        if self._is_worker:
            output: dict[str, Any] = session.config.workeroutput  # type: ignore[attr-defined]  # xdist's
            output[_MAP] = json.render(own)
            return
        self._verify(max([own, *self._maps], key=lambda each: len(each.nodes)))
        reached = 0.0 if self._verdict is None else self._verdict.coverage
        if session.exitstatus == pytest.ExitCode.OK and reached < self._least:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Keep the flows that a worker of pytest-xdist imported; the controller imports none."""
        from penstock.formats import json

        text = getattr(node, "workeroutput", {}).get(_MAP)  # a worker that was killed has no output
        if text is not None:
            self._maps.append(json.parse(text))

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Write the table."""
        from penstock._verify import as_text

        terminalreporter.section("flow coverage")
        if self._verdict is None:
            terminalreporter.line(f"No flow coverage: {self._problem}")
            return
        terminalreporter.write(as_text(self._verdict))
        if self._verdict.coverage < self._least:
            terminalreporter.line(
                f"FAIL Required flow coverage of {self._least:g} % not reached: "
                f"{self._verdict.coverage:.1f} % of the edges were seen",
                red=True,
            )

    def pytest_unconfigure(self) -> None:
        """Leave the process as it was."""
        self._observation.stop()
        if self._outer is None:
            os.environ.pop(_VARIABLE, None)
        else:
            os.environ[_VARIABLE] = self._outer

    def _verify(self, graph: Graph) -> None:
        from penstock._verify import read, verify

        if not graph.nodes:
            self._problem = "the tests imported no module that declares a flow"
            return
        try:
            self._verdict = verify(graph, read([self._folder]))
        except (OSError, ValueError) as error:
            self._problem = f"no step ran that could be observed ({error})"

    def _clear(self) -> None:
        """Remove the evidence of an earlier run."""
        from penstock._verify import is_evidence_file

        try:
            names = os.listdir(self._folder)
        except OSError:
            return  # it is the first run
        for name in filter(is_evidence_file, names):  # the folder may hold other files
            try:
                os.unlink(os.path.join(self._folder, name))
            except OSError as error:
                raise pytest.UsageError(
                    f"--flow-coverage replaces the evidence of an earlier run, but cannot: {error}."
                ) from None


def _percent(text: str) -> float:
    """Return the percentage in `text`; refuse the name of a file that pytest took for it."""
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no percentage. Write --flow-coverage=90, or --flow-coverage after the "
            "files."
        ) from None

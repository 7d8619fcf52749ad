"""Rules for every test: no property is timed, and on CI only a foreseen skip is right."""

from __future__ import annotations

import os
import re
import signal

import pytest
from hypothesis import HealthCheck, settings

# A busy machine is no failure of the program: no property is timed, nor is the making of its cases.
# CI tries the same cases each time, so that a change is not blamed for what it has not done; other
# runs try new ones.
settings.register_profile(
    "untimed",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize="CI" in os.environ,
)
settings.load_profile("untimed")

# A shell starts its background jobs deaf to Ctrl-C, and what they start inherits that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser):
    """Let fuzzers try more than the minutes of CI allow."""
    parser.addoption(
        "--attacks",
        type=int,
        default=1,
        metavar="N",
        help="how many times as long fuzzers, soaks and random drawings run",
    )


def pytest_collection_modifyitems(config, items):
    """Give each test as many times its time as `--attacks` asks for."""
    times = config.getoption("--attacks")
    for item in items if times > 1 else ():
        own = item.get_closest_marker("timeout")
        seconds = own.args[0] if own else float(config.getini("timeout"))
        item.add_marker(pytest.mark.timeout(seconds * times), append=False)


def pytest_sessionstart():
    """Leave the colours that CI asks for to this run: what its programs print is compared."""
    for name in ("FORCE_COLOR", "PY_COLORS", "PYTHON_COLORS"):
        os.environ.pop(name, None)


# CI cannot change its interpreter or its operating system. A missing server,
# program or package is not among them: .ci/run installs it.
FORESEEN = (
    r"Python 3\.\d+ (?:or newer|or older|only)",
    r"(?:Linux|macOS|Windows|POSIX) only",
    r"free-threaded build only",
)


def is_foreseen(reason: str) -> bool:
    """Tell whether a skip with this reason is right on CI too."""
    return any(re.match(pattern, reason.removeprefix("Skipped: ")) for pattern in FORESEEN)


def refuse_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Make a skip that nobody foresaw a failure that says what to do."""
    if report.outcome == "skipped" and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if not is_foreseen(reason):
            report.outcome = "failed"
            report.longrepr = (
                f"{reason!r} is no reason to skip a test on CI. Install what it needs in .ci/run, "
                f"or, if nothing can be done, begin the reason like one of {FORESEEN}."
            )


if os.environ.get("CI"):

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport():
        report = yield
        refuse_skip(report)
        return report

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report():
        report = yield
        refuse_skip(report)
        return report

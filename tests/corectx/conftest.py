"""Every test starts and ends outside of any frame, with nobody listening and nothing logged."""

from __future__ import annotations

import logging

import pytest

from corectx import current
from corectx._process import _logged
from corectx.lowlevel import listeners


class Records(logging.Handler):
    """Keep every record that anybody logs."""

    def __init__(self):
        super().__init__()
        self.kept = []

    def emit(self, record):
        self.kept.append(record)


@pytest.fixture(autouse=True)
def records():
    """Fail a test that leaves a frame or an observer, or logs what it does not take."""
    _logged.clear()
    handler = Records()
    root = logging.getLogger()
    root.addHandler(handler)
    assert current() is None
    heard_by = (listeners.entered, listeners.left, listeners.crumb)
    yield handler.kept
    root.removeHandler(handler)
    assert current() is None
    assert (listeners.entered, listeners.left, listeners.crumb) == heard_by
    assert [record.getMessage() for record in handler.kept] == []


@pytest.fixture
def reports(records):
    """Return a function that takes what corectx has logged so far."""

    def take() -> list[logging.LogRecord]:
        taken = [record for record in records if record.name == "corectx"]
        records.clear()
        return taken

    return take

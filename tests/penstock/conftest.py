"""Fixtures for tests that declare or run flows."""

from __future__ import annotations

import pytest

import corectx
import penstock
from penstock.testing import captured_steps, isolated_registry


@pytest.fixture
def registry():
    """Have what the test decorates in a registry of its own."""
    with isolated_registry() as own:
        yield own


@pytest.fixture
def ran(registry):
    """Capture the steps that run; the test leaves no current frame and no backend behind."""
    with captured_steps() as captured:
        yield captured
    penstock.configure()
    assert corectx.current() is None

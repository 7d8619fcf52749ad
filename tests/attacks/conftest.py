"""Tell each attack how long it may go on."""

from __future__ import annotations

import pytest


@pytest.fixture
def attacks(request):
    """Return how many times as long as on CI an attack goes on."""
    return request.config.getoption("--attacks")

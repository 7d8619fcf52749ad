"""The stresses are clean, on each interpreter that the tests run on."""

from __future__ import annotations

import pytest

from tests.stress.__main__ import run
from tests.stress.stresses import STRESSES


@pytest.mark.timeout(150)
@pytest.mark.parametrize("name", STRESSES)
def test_threads_at_once_lose_and_break_nothing(name):
    is_clean, report = run(name, 1)
    assert is_clean, report

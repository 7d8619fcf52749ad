"""A mark tells a forked child from the process that made it."""

from __future__ import annotations

import ctypes
import os

import pytest

from corectx import _process
from corectx.lowlevel import process_mark

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on Windows")


def in_child(fork, work):
    """Return the exit code of a forked child that exits with what `work` returns."""
    pid = fork()
    if pid == 0:
        os._exit(work())
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


FORKS = {"os_fork": os.fork, "without_hooks": lambda: ctypes.PyDLL(None).fork()}


@pytest.fixture(params=["by_the_kernel", "by_the_process_id"])
def make(request):
    return process_mark if request.param == "by_the_kernel" else _process._ProcessID


@pytest.mark.parametrize("fork", FORKS.values(), ids=FORKS)
def test_a_child_sees_that_the_mark_is_not_its_own(make, fork):
    mark = make()
    assert mark[0] == 1
    assert in_child(fork, lambda: mark[0]) == 0
    assert mark[0] == 1


@pytest.mark.parametrize("fork", FORKS.values(), ids=FORKS)
def test_a_child_can_make_a_mark_of_its_own(make, fork):
    make()
    assert in_child(fork, lambda: make()[0]) == 1


def test_a_mark_can_be_cleared(make):
    mark = make()
    mark[0] = 0
    assert mark[0] == 0


def test_where_the_kernel_cannot_clear_it_process_ids_are_compared(monkeypatch):
    monkeypatch.setattr(_process, "_MADV_WIPEONFORK", 4711)
    mark = process_mark()
    assert isinstance(mark, _process._ProcessID)
    assert mark[0] == 1

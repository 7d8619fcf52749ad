"""The forwarding modules give what their packages have, or say what to install."""

from __future__ import annotations

import importlib
import sys
import types

import pytest

FORWARDED = {
    "penstock.contrib.django": ("penstock_django", "FlowMiddleware", "django"),
    "penstock.contrib.celery": ("penstock_celery", "flow_task", "celery"),
    "penstock.contrib.structlog": ("penstock_structlog", "flow_processor", "structlog"),
    "penstock.backends.otel": ("penstock_otel", "OTelBackend", "otel"),
}


@pytest.fixture(params=FORWARDED)
def forwarded(request, monkeypatch):
    """Give a module that is not imported yet, and what it forwards to."""
    # So that it is put back: the import below writes into the dict behind monkeypatch's back.
    monkeypatch.setitem(sys.modules, request.param, None)
    monkeypatch.delitem(sys.modules, request.param)
    return request.param, *FORWARDED[request.param]


def test_a_missing_package_is_named_with_what_to_install(forwarded, monkeypatch):
    module, package, _, extra = forwarded
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=rf'Run: pip install "penstock\[{extra}\]"'):
        importlib.import_module(module)


def test_a_package_that_is_there_is_forwarded_to(forwarded, monkeypatch):
    module, package, name, _ = forwarded
    there = types.ModuleType(package)
    setattr(there, name, object())
    monkeypatch.setitem(sys.modules, package, there)
    assert getattr(importlib.import_module(module), name) is getattr(there, name)


def test_a_package_that_itself_misses_something_says_so(forwarded, monkeypatch, tmp_path):
    module, package, _, _ = forwarded
    (tmp_path / f"{package}.py").write_text("import a_framework_that_is_not_there")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delitem(sys.modules, package)
    with pytest.raises(ModuleNotFoundError, match="a_framework_that_is_not_there"):
        importlib.import_module(module)

"""Exceptions by which a framework says how the work goes on are no failures."""

from __future__ import annotations

import builtins
import sys
from types import SimpleNamespace

import pytest

from corectx import _failures, scope, subscribe, treat_as_control_flow


@pytest.fixture
def outcome(monkeypatch):
    """Return a function that leaves a scope by an exception; what an observer hears of it."""
    monkeypatch.setattr(_failures, "_added", {})

    class Observer:
        def left(self, frame, exc):
            heard.append(exc)

    heard = []
    unsubscribe = subscribe(Observer())

    def leave_by(exc):
        with pytest.raises(type(exc)), scope():
            raise exc
        return heard.pop()

    yield leave_by
    unsubscribe()


def named(name, **attributes):
    """Return an exception of a class with this full name, without its framework."""
    module, _, qualname = name.rpartition(".")
    made = type(qualname, (Exception,), {"__module__": module, "__qualname__": qualname})
    subclass = type("Own", (made,), {"__module__": "shop"})
    exc = subclass()
    for key, value in attributes.items():
        setattr(exc, key, value)
    return exc


@pytest.mark.parametrize(
    "name",
    [
        "celery.exceptions.Ignore",
        "celery.exceptions.Reject",
        "celery.exceptions.Retry",
        "click.exceptions.Exit",
        "django.core.exceptions.BadRequest",
        "django.core.exceptions.PermissionDenied",
        "django.core.exceptions.SuspiciousOperation",
        "django.http.multipartparser.MultiPartParserError",
        "django.http.response.Http404",
        "fastapi.exceptions.RequestValidationError",
        "fastapi.exceptions.WebSocketRequestValidationError",
        "starlette.exceptions.WebSocketException",
        "starlette.requests.ClientDisconnect",
        "starlette.websockets.WebSocketDisconnect",
        "typer.exceptions.Exit",
    ],
)
def test_an_exception_of_a_framework_or_of_a_subclass_is_no_failure(outcome, name):
    assert outcome(named(name)) is None


@pytest.mark.parametrize(
    ("name", "attribute"),
    [
        ("rest_framework.exceptions.APIException", "status_code"),
        ("starlette.exceptions.HTTPException", "status_code"),
        ("werkzeug.exceptions.HTTPException", "code"),
    ],
)
def test_an_http_exception_is_a_failure_from_500_on(outcome, name, attribute):
    assert outcome(named(name, **{attribute: 404})) is None
    assert outcome(named(name, **{attribute: 499})) is None
    failure = named(name, **{attribute: 500})
    assert outcome(failure) is failure
    unknown = named(name)
    assert outcome(unknown) is unknown


@pytest.mark.parametrize("status", [302, 404])
def test_a_response_that_flask_aborts_with_is_a_failure_from_500_on(outcome, status):
    name = "werkzeug.exceptions.HTTPException"
    assert outcome(named(name, code=None, response=SimpleNamespace(status_code=status))) is None
    failure = named(name, code=None, response=SimpleNamespace(status_code=503))
    assert outcome(failure) is failure


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Python 3.11 or newer: exception groups")
def test_a_group_is_no_failure_if_it_holds_nothing_but_control_flow(outcome):
    missing = named("django.http.response.Http404")
    assert (
        outcome(builtins.ExceptionGroup("", [missing, builtins.ExceptionGroup("", [missing])]))
        is None
    )
    mixed = builtins.ExceptionGroup(
        "", [missing, builtins.ExceptionGroup("", [missing, ValueError()])]
    )
    assert outcome(mixed) is mixed


def test_exceptions_of_ones_own_may_be_added_with_a_condition(outcome):
    class ApiError(Exception):
        pass

    treat_as_control_flow(ApiError, when=lambda error: error.args[0] < 500)
    assert outcome(ApiError(404)) is None
    failure = ApiError(503)
    assert outcome(failure) is failure


def test_a_condition_that_raises_does_not_hold(outcome):
    class OwnError(Exception):
        pass

    treat_as_control_flow(OwnError, when=lambda error: error.missing)
    failure = OwnError()
    assert outcome(failure) is failure


def test_any_other_exception_is_a_failure(outcome):
    failure = ValueError()
    assert outcome(failure) is failure

"""The Celery app of the tests, which a worker (``celery -A tests.celery.app``) shares with them."""

from __future__ import annotations

import json
import logging
import os
import tempfile
from pathlib import Path
from typing import Any

from celery import Celery, signals

import penstock_celery
import statecrumbs
from corectx import current
from tests.celery import whole_files

whole_files.install()


def make_app(config: dict[str, Any]) -> Celery:
    """Return the app that `config` describes, and make it the current one."""
    app = Celery("tests", include=["tests.celery.tasks"])
    app.conf.update(
        {key: value for key, value in config.items() if key not in ("penstock", "instrumented")}
    )
    return app


def filesystem(folder: Path) -> dict[str, Any]:
    """Return the settings that need no server."""
    for name in ("messages", "control", "results"):
        (folder / name).mkdir()
    return {
        "broker_url": "filesystem://",
        "broker_transport_options": {
            "data_folder_in": str(folder / "messages"),
            "data_folder_out": str(folder / "messages"),
            "control_folder": str(folder / "control"),
            "polling_interval": 0.01,
        },
        "result_backend": f"file://{folder / 'results'}",
        "result_chord_retry_interval": 0.01,
    }


def say(event: str, **facts: object) -> None:
    """Print one line for the test, in one write: child processes share the pipe."""
    frame = current()
    place = {
        "event": event,
        "pid": os.getpid(),
        "id": frame and frame.correlation_id,
        "frame": frame and frame.id,
        "parent": frame and frame.parent and frame.parent.id,
    }
    os.write(2, b"SAID " + json.dumps({**place, **facts}).encode() + b"\n")


def keep_dump(crumbs: list[dict[str, Any]]) -> None:
    """Write a dump into a file of its own, and say which."""
    with tempfile.NamedTemporaryFile("w", dir=os.environ["TEST_DUMPS"], delete=False) as file:
        json.dump(crumbs, file)
    say("dump", path=file.name)


def instrument() -> None:
    """Turn on Sentry's and OpenTelemetry's own instrumentation of Celery, in this process."""
    import sentry_sdk
    from opentelemetry import trace
    from opentelemetry.instrumentation.celery import CeleryInstrumentor
    from opentelemetry.sdk.trace import TracerProvider
    from sentry_sdk.integrations.celery import CeleryIntegration

    sentry_sdk.init(
        dsn="https://key@127.0.0.1/1",
        traces_sample_rate=1.0,
        transport=lambda envelope: None,
        auto_enabling_integrations=False,
        default_integrations=False,
        integrations=[CeleryIntegration()],
    )
    trace.set_tracer_provider(TracerProvider())
    CeleryInstrumentor().instrument()


if "TEST_CELERY" in os.environ:  # this is the worker
    settings = json.loads(os.environ["TEST_CELERY"])
    if settings.pop("instrumented", False):
        instrument()
    penstock_celery.configure(**settings.get("penstock", {}))

    if settings.pop("logs", False):

        class Saying(logging.Handler):
            def emit(self, record):
                say("log", message=record.getMessage())

        @signals.after_setup_logger.connect(weak=False)
        def say_logs(logger, **_):
            logger.addHandler(Saying())

    app = make_app(settings)
    statecrumbs.enable(on_crash=keep_dump, max_crumbs=1000)

    @signals.worker_ready.connect(weak=False)
    def say_ready(**_):
        say("ready")

    @signals.task_received.connect(weak=False)
    def say_received(request, **_):
        say("received", task_id=request.id)

    @signals.task_prerun.connect(weak=False)
    def say_prerun(task_id, task, **_):
        say("prerun", task=task.name, task_id=task_id)

    @signals.task_success.connect(weak=False)
    def say_success(sender, **_):
        say("success", task=sender.name, task_id=sender.request.id)

    @signals.task_retry.connect(weak=False)
    def say_retry(sender, request, **_):
        say("retry", task=sender.name, task_id=request.id)

    @signals.task_failure.connect(weak=False)
    def say_failure(sender, task_id, exception, **_):
        say("failure", task=sender.name, task_id=task_id, exception=type(exception).__name__)

    @signals.task_postrun.connect(weak=False)
    def say_postrun(task_id, task, **_):
        say("postrun", task=task.name, task_id=task_id)

    @signals.task_revoked.connect(weak=False)
    def say_revoked(sender, request, terminated, expired, **_):
        say("revoked", task_id=request.id, terminated=terminated, expired=expired)

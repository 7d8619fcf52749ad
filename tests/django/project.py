"""A small Django project, as WSGI and ASGI application, for the servers that the tests start."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys

import django
from django.conf import settings
from django.http import HttpResponse, JsonResponse, StreamingHttpResponse
from django.urls import path

import statecrumbs
from corectx import correlation_id, current, subscribe, values
from penstock.logging import FlowFilter
from statecrumbs import crumb

logger = logging.getLogger("project")


class Left:
    """Prints how the work of each request ended."""

    def left(self, frame, exc):
        if frame.kind == "request":
            print(f"LEFT {frame.correlation_id} {frame.name} {exc!r}", file=sys.stderr, flush=True)


def state():
    return {"id": correlation_id(), "values": dict(values())}


def sync_view(request, number=0):
    crumb("in view", number=number)
    return JsonResponse(state())


async def async_view(request, number=0):
    await asyncio.sleep(0)
    crumb("in view", number=number)
    return JsonResponse(state())


def upload(request):
    return JsonResponse({"size": len(request.body), **state()})


def failing(request):
    crumb("about to fail", password="hunter2")  # noqa: S106
    raise LookupError("in view")


async def async_failing(request):
    crumb("about to fail", password="hunter2")  # noqa: S106
    raise LookupError("in view")


def stream(request):
    def chunks():
        for _ in range(3):
            yield f"{correlation_id()}\n"

    return StreamingHttpResponse(chunks())


async def async_stream(request):
    async def chunks():
        for _ in range(3):
            await asyncio.sleep(0)
            yield f"{correlation_id()}\n"

    return StreamingHttpResponse(chunks())


async def endless(request):
    async def chunks():
        while True:
            await asyncio.sleep(0.01)
            yield f"{correlation_id()}\n"

    return StreamingHttpResponse(chunks())


def sync_endless(request):
    def chunks():
        while True:
            yield f"{correlation_id()}\n"

    return StreamingHttpResponse(chunks())


async def waiting(request):
    logger.info("waiting")
    await asyncio.Event().wait()


def exposing(request):
    return HttpResponse(headers={"Access-Control-Expose-Headers": request.GET["names"]})


def failing_stream(request):
    def chunks():
        yield "first\n"
        raise OSError("in stream")

    return StreamingHttpResponse(chunks())


urlpatterns = [
    path("sync/<int:number>/", sync_view, name="sync"),
    path("async/<int:number>/", async_view, name="async"),
    path("upload/", upload),
    path("failing/", failing),
    path("async_failing/", async_failing),
    path("stream/", stream),
    path("async_stream/", async_stream),
    path("endless/", endless),
    path("sync_endless/", sync_endless),
    path("waiting/", waiting),
    path("exposing/", exposing),
    path("failing_stream/", failing_stream),
    path("health/", sync_view),
]


def outside(get_response):
    """Middleware around ours that shows what is left over from requests before."""
    from inspect import iscoroutinefunction

    def check():
        if current() is not None:
            print(f"LEFTOVER {current()!r}", file=sys.stderr, flush=True)

    if iscoroutinefunction(get_response):

        async def middleware(request):
            check()
            return await get_response(request)

    else:

        def middleware(request):
            check()
            return get_response(request)

    return middleware


outside.sync_capable = outside.async_capable = True

settings.configure(
    SECRET_KEY="x",  # noqa: S106
    ALLOWED_HOSTS=["*"],
    DATA_UPLOAD_MAX_MEMORY_SIZE=None,
    ROOT_URLCONF=__name__,
    MIDDLEWARE=[f"{__name__}.outside", "penstock.contrib.django.FlowMiddleware"],
    PENSTOCK=json.loads(os.environ.get("TEST_PENSTOCK", "{}")),
    LOGGING={
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"flow": {"()": FlowFilter}},
        "formatters": {"line": {"format": "LOG {name} {flow_id} {message}", "style": "{"}},
        "handlers": {
            "console": {"class": "logging.StreamHandler", "filters": ["flow"], "formatter": "line"}
        },
        "root": {"handlers": ["console"], "level": "INFO"},
        "loggers": {"django": {"handlers": [], "level": "INFO", "propagate": True}},
    },
)
django.setup()
subscribe(Left())
statecrumbs.enable()

from django.core.asgi import get_asgi_application  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402

wsgi = get_wsgi_application()
asgi = get_asgi_application()

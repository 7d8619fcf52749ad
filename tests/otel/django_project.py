"""Run by a test: a Django project, with OpenTelemetry's instrumentation or without.

Its arguments are "wsgi", "asgi" or "without" (WSGI without instrumentation), and the paths to
get. With "-inside" the instrumentation is inside of ours, with "-upstream" each request has a
traceparent. It prints the spans, the ID in each response, and whether a span is left over.
"""

from __future__ import annotations

import asyncio
import sys

import django
from django.conf import settings
from django.http import HttpResponse, StreamingHttpResponse
from django.urls import path
from opentelemetry import trace

import penstock
from corectx import correlation_id
from penstock import flow
from statecrumbs import crumb

from .printing import print_spans, set_provider

UPSTREAM = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
headers = {}

settings.configure(
    ROOT_URLCONF=__name__,
    ALLOWED_HOSTS=["*"],
    MIDDLEWARE=["penstock.contrib.django.FlowMiddleware"],
    LOGGING_CONFIG=None,
)


@flow("orders").entrypoint
def take():
    crumb("taken")
    return correlation_id()


def plain(request, order):
    crumb("seen", order=order)
    return HttpResponse(take())


async def coroutine(request):
    await asyncio.sleep(0)
    return HttpResponse(take())


def stream(request):
    def body():
        yield take()
        crumb("streamed")

    async def async_body():
        yield take()
        crumb("streamed")

    return StreamingHttpResponse(async_body() if hasattr(request, "scope") else body())


def fail(request):
    raise ValueError("no such order")


def refuse(request):
    return HttpResponse(status=503)


urlpatterns = [
    path("orders/<int:order>", plain),
    path("coroutine", coroutine),
    path("stream", stream),
    path("fail", fail),
    path("refuse", refuse),
]


async def get_async(url):
    from django.test import AsyncClient

    response = await AsyncClient(raise_request_exception=False).get(url, headers=headers)
    if response.streaming:
        assert [chunk async for chunk in response.streaming_content]
    return response.headers["X-Correlation-ID"]


def get(url):
    from django.test import Client

    response = Client(raise_request_exception=False).get(url, headers=headers)
    if response.streaming:
        assert list(response.streaming_content)
    response.close()
    return response.headers["X-Correlation-ID"]


def main(way, *urls):
    set_provider()
    if "-upstream" in way:
        headers["traceparent"] = UPSTREAM
    if "without" not in way:
        from opentelemetry.instrumentation.django import DjangoInstrumentor

        DjangoInstrumentor().instrument()
    if "-inside" in way:
        settings.MIDDLEWARE = sorted(settings.MIDDLEWARE, key=lambda path: "penstock" not in path)
        assert len(settings.MIDDLEWARE) == 2
    penstock.configure("otel")
    django.setup()
    flow_ids = [asyncio.run(get_async(url)) if "asgi" in way else get(url) for url in urls]
    print_spans(*flow_ids, trace.get_current_span().get_span_context().is_valid)


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Run by a test: a Django project, with OpenTelemetry's instrumentation or without.

Its arguments are "wsgi", "asgi" or "without" (WSGI without instrumentation), and the paths to get.
With "-inside" the instrumentation is inside of ours, with "-upstream" each request has a
traceparent, with "-proxied" also an ID of a proxy that is trusted, and with "-unsampled" no span is
sampled. With "-brew" the method is unknown. With "-wrapped" another middleware of ours is around
the whole application. It prints the spans, the ID in each response, and whether a span is left
over; beside the ID for "/state" and "/streamed-state", what that view saw.
"""

from __future__ import annotations

import asyncio
import json
import sys

import django
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpResponse, JsonResponse, StreamingHttpResponse
from django.urls import path
from opentelemetry import propagate, trace
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON

import penstock
from corectx import correlation_id, values
from penstock import flow
from penstock.contrib.wsgi import FlowMiddleware
from statecrumbs import crumb

from .orders import ask_wsgi
from .printing import print_spans, set_provider

UPSTREAM = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
headers = {}
method = ["GET"]

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


def seen():
    sent = {}
    propagate.inject(sent)
    return {"id": correlation_id(), "inbound": values().get("inbound_id"), "sent": sent}


def state(request):
    return JsonResponse(seen())


def streamed_state(request):
    def body():
        for _ in range(2):
            with trace.get_tracer("shop").start_as_current_span("chunk"):
                yield f"{json.dumps(seen())}\n"

    async def async_body():
        for chunk in body():
            await asyncio.sleep(0)
            yield chunk

    return StreamingHttpResponse(async_body() if hasattr(request, "scope") else body())


urlpatterns = [
    path("state", state),
    path("streamed-state", streamed_state),
    path("orders/<int:order>", plain),
    path("coroutine", coroutine),
    path("stream", stream),
    path("fail", fail),
    path("refuse", refuse),
]


async def get_async(url):
    from django.test import AsyncClient

    client = AsyncClient(raise_request_exception=False)
    response = await client.generic(method[0], url, headers=headers)
    chunks = [chunk async for chunk in response.streaming_content] if response.streaming else None
    return fact_of(url, response, chunks)


def get(url):
    from django.test import Client

    response = Client(raise_request_exception=False).generic(method[0], url, headers=headers)
    chunks = list(response.streaming_content) if response.streaming else None
    response.close()
    return fact_of(url, response, chunks)


def get_wrapped(url):
    found, _ = ask_wsgi(FlowMiddleware(WSGIHandler()), headers, url)
    return found["x-correlation-id"]


def fact_of(url, response, chunks):
    flow_id = response.headers["X-Correlation-ID"]
    if chunks is not None:
        assert chunks
    if url == "/streamed-state":
        return [flow_id, *(json.loads(chunk) for chunk in chunks)]
    return [flow_id, json.loads(response.content)] if url == "/state" else flow_id


def main(way, *urls):
    set_provider(sampler=ALWAYS_OFF if "-unsampled" in way else ALWAYS_ON)
    if "-upstream" in way:
        headers["traceparent"] = UPSTREAM
    if "-brew" in way:
        method[:] = ["BREW"]
    if "-proxied" in way:
        settings.PENSTOCK = {"TRUST_INBOUND": True}
        headers["X-Correlation-ID"] = "order-7"
    if "without" not in way:
        from opentelemetry.instrumentation.django import DjangoInstrumentor

        DjangoInstrumentor().instrument()
    if "-inside" in way:
        settings.MIDDLEWARE = sorted(settings.MIDDLEWARE, key=lambda path: "penstock" not in path)
        assert len(settings.MIDDLEWARE) == 2
    penstock.configure("otel")
    django.setup()
    ask = get_wrapped if "-wrapped" in way else get
    flow_ids = [asyncio.run(get_async(url)) if "asgi" in way else ask(url) for url in urls]
    print_spans(*flow_ids, trace.get_current_span().get_span_context().is_valid)


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Time one Django request, as a WSGI server hands it over and takes it back."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import django
import pyperf
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import path

if TYPE_CHECKING:
    from collections.abc import Callable

ENVIRON: dict[str, Any] = {
    "REQUEST_METHOD": "GET",
    "PATH_INFO": "/orders/4711/",
    "QUERY_STRING": "page=2",
    "SERVER_NAME": "localhost",
    "SERVER_PORT": "80",
    "SERVER_PROTOCOL": "HTTP/1.1",
    "REMOTE_ADDR": "127.0.0.1",
    "HTTP_HOST": "localhost",
    "HTTP_USER_AGENT": "curl/8.5.0",
    "HTTP_ACCEPT": "*/*",
    "wsgi.url_scheme": "http",
}


def order(request, number):
    return HttpResponse(f"order {number}")


urlpatterns = [path("orders/<int:number>/", order)]


def time_request(
    *middleware: str, instrument: Callable[[], object] | None = None, **more: object
) -> None:
    """Time a request through `middleware`; `more` are Django's settings.

    `instrument` is called when the settings are known and the application is not loaded yet.
    """
    settings.configure(
        ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], MIDDLEWARE=list(middleware), **more
    )
    if instrument is not None:
        instrument()
    django.setup()
    application = get_wsgi_application()

    def ask():
        response = application(
            {**ENVIRON, "wsgi.input": io.BytesIO()}, lambda status, headers: None
        )
        b"".join(response)
        response.close()

    pyperf.Runner().timeit("it", "ask()", globals={"ask": ask})

"""A request to Django through the least that does the job: an ID, a ContextVar, the header."""

import os
from contextvars import ContextVar

from frameworks.django_request import time_request

var: ContextVar[object] = ContextVar("var", default=None)


def middleware(get_response):
    def handle(request):
        made = os.urandom(16).hex()
        token = var.set(made)
        try:
            response = get_response(request)
            response["X-Correlation-ID"] = made
            return response
        finally:
            var.reset(token)

    return handle


time_request(f"{__name__}.middleware")

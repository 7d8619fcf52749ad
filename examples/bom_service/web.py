"""The web process. It prints the port that it listens on, and ends when its standard input does."""

from __future__ import annotations

import threading
from wsgiref.simple_server import make_server

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application

from examples.bom_service.observability import observe
from examples.bom_sync.api import QuietHandler, until_stdin_ends


def serve() -> None:
    """Serve the Django project on any free port."""
    observe("web", settings.FOLDER)
    django.setup()
    import examples.bom_service.celery  # noqa: F401 - the app that the views' tasks are sent by

    with make_server("127.0.0.1", 0, get_wsgi_application(), handler_class=QuietHandler) as server:
        threading.Thread(target=until_stdin_ends, args=[server.shutdown], daemon=True).start()
        print(server.server_port, flush=True)
        server.serve_forever(poll_interval=0.05)


if __name__ == "__main__":
    serve()

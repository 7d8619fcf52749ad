"""The web process. It prints its port, and ends when its standard input is closed."""

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
    import examples.bom_service.celery  # noqa: F401 - the views send tasks with this app

    with make_server("127.0.0.1", 0, get_wsgi_application(), handler_class=QuietHandler) as server:
        threading.Thread(target=until_stdin_ends, args=[server.shutdown], daemon=True).start()
        print(server.server_port, flush=True)
        server.serve_forever(poll_interval=0.05)


if __name__ == "__main__":
    serve()

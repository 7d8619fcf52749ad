"""Serve the test project with wsgiref on a socket: ``python -m tests.django.serve DESCRIPTOR``."""

from __future__ import annotations

import socket
import sys
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from tests.django.project import wsgi


class QuietHandler(WSGIRequestHandler):
    """Logs no requests."""

    def log_message(self, *_):
        pass


server = WSGIServer(("127.0.0.1", 0), QuietHandler, bind_and_activate=False)
server.socket.close()
server.socket = socket.socket(fileno=int(sys.argv[1]))
server.server_address = server.socket.getsockname()
server.server_name, server.server_port = "localhost", server.server_address[1]
server.setup_environ()
server.set_app(wsgi)
server.serve_forever()

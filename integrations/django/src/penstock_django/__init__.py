"""One correlation ID for all work of a Django request.

_middleware   FlowMiddleware: the request as a frame, its ID in the response
_body         the body of a streaming response, which outlives the middleware
_settings     settings.PENSTOCK, checked
_command      a management command as an operation
apps          optional app: the system check
management/   the command ``manage.py penstock``
"""

from __future__ import annotations

from penstock_django._middleware import FlowMiddleware

__all__ = ["FlowMiddleware"]

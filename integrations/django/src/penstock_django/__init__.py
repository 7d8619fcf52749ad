"""One correlation ID for all work of a Django request.

_middleware   FlowMiddleware: the request as a frame, its ID in the response
_bodies       the body of a response that is sent in parts
_settings     settings.PENSTOCK, checked
apps          optional app: the system check; management commands as operations
management/   the command ``manage.py penstock``
"""

from __future__ import annotations

from penstock_django._middleware import FlowMiddleware

__all__ = ["FlowMiddleware"]

"""Django middleware: each request is one operation.

It comes with ``pip install "penstock[django]"``.
"""

from __future__ import annotations

try:
    from penstock_django import FlowMiddleware
except ModuleNotFoundError as _error:
    if _error.name != "penstock_django":
        raise
    raise ImportError(
        'penstock.contrib.django is not installed. Run: pip install "penstock[django]"'
    ) from _error

__all__ = ["FlowMiddleware"]

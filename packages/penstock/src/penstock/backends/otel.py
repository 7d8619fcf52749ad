"""The tracing backend "otel": spans for steps. It comes with ``pip install "penstock[otel]"``.

This path is published: penstock 0.1.0 had the class here.
"""

from __future__ import annotations

try:
    from penstock_otel import OTelBackend
except ModuleNotFoundError as _error:
    if _error.name != "penstock_otel":
        raise
    raise ImportError(
        'The tracing backend "otel" is not installed. Run: pip install "penstock[otel]"'
    ) from _error

__all__ = ["OTelBackend"]
